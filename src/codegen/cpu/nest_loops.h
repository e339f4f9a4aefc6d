#pragma once
// The code of one form: tasks, rows, vectors.

#include <functional>
#include <optional>
#include <vector>

#include "codegen/cpu/nest_access.h"
#include "codegen/cpu/nest_plan.h"

namespace burnish {

class NestLoops {
 public:
  NestLoops(KernelFrame& frame, Expressions& expressions, const LoopForm& form, const LoopPlan& plan, int operands);

  // Runs the form's tasks [first, last). Nothing when there are none.
  void run(Value first, Value last);

 private:
  using Values = KernelFrame::Values;
  struct Span {  // positions of an axis that a loop runs over
    Value begin, end;
    std::optional<int64_t> length;  // when known
  };
  // Several vectors next to each other, and the accumulators that belong to them: carried[statement * vectors + vector].
  using Body = std::function<void(std::vector<Position>& vectors, Values& carried)>;

  void tasks(Value first, Value last);
  void task(Position at, Value chunk, Value tile);
  void rows(std::vector<Position>& vectors);
  void tile(Position at, const Span& across, const Span& along);
  void group_across(const LoopPlan::Group& group, std::vector<Position>& vectors);
  void group_along(const LoopPlan::Group& group, Position& row);

  Span span(int axis, const Position& at);
  Span part(int axis, Value chunk, int64_t size);
  void axes_loop(std::span<const int> axes, Position& at, Values& carried, int64_t budget,
                 const std::function<void(Position&, Values&)>& body);
  void vector_loop(const Position& at, int axis, const Span& span, int unroll, std::size_t items, Values& carried,
                   const Body& body);
  Value evaluate(int expression, const Position& at);
  Value kept_place(std::size_t kept, const Position& at);
  Value fold(const LoopPlan::Group& group, std::size_t item, Values values);

  KernelFrame& frame_;
  Expressions& expressions_;
  llvm::IRBuilder<>& b_;
  const LoopForm& form_;
  const LoopPlan& plan_;
  NestAccess access_;
  std::vector<bool> ready_;  // kept rows that have been written
};

}  // namespace burnish
