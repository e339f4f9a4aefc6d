#include <algorithm>
#include <unordered_map>

#include "runtime/executor.h"

namespace burnish {
namespace {

constexpr int kMaxDepth = 60;

// Number of every node of the root graph and its regions, in walk order.
using NodeNumbers = std::unordered_map<const Node*, int>;

class ProgramMaker {
 public:
  ProgramMaker(std::shared_ptr<const Graph> root, const NodeNumbers& numbers, ProgramMaker* outer)
      : root_(std::move(root)), numbers_(numbers), outer_(outer), program_(std::make_unique<Program>()) {
    program_->graph = root_;
  }

  Result<std::unique_ptr<Program>> make(const Graph& graph, int depth) {
    if (depth > kMaxDepth) return refused("control flow nests more than " + std::to_string(kMaxDepth) + " deep");
    for (const auto& input : graph.inputs()) {
      program_->inputs.push_back(add_slot(*input));
      program_->input_names.push_back(input->name());
      program_->input_roles.push_back(input->role);
    }
    for (const auto& node : graph.nodes()) TRY(add_step(*node, depth));
    for (const Graph::Output& output : graph.outputs()) {
      program_->outputs.push_back(TRY(slot_of(output.value)));
      program_->output_names.push_back(output.name);
    }
    return std::move(program_);
  }

 private:
  int add_slot(const Value& value) {
    const int number = static_cast<int>(program_->slots.size());
    Slot& slot = program_->slots.emplace_back();
    slot.name = value.name();
    slot.type = value.type();
    slot.contents = value.contents();
    // Only what binds or depends on symbols is worth a comparison in every run.
    if (slot.contents && (slot.contents->empty() || constants(*slot.contents))) slot.contents.reset();
    slots_.emplace(&value, number);
    return number;
  }

  // Of a value of this graph, or of one around it, which is captured.
  Result<int> slot_of(const Value* value) {
    if (value == nullptr) return -1;
    if (const auto found = slots_.find(value); found != slots_.end()) return found->second;
    if (outer_ == nullptr) return internal_error("value '%" + value->name() + "' is read before it is there");
    const int outside = TRY(outer_->slot_of(value));
    const int inside = add_slot(*value);
    program_->slots.back().contents.reset();  // the outer program binds them
    program_->captures.emplace_back(inside, outside);
    return inside;
  }

  Status add_constant(const Node& node) {
    const auto* data = node.attribute("value");
    const auto* tensor = data == nullptr ? nullptr : std::get_if<Tensor>(data);
    if (tensor == nullptr) return internal_error("a constant without a tensor");
    const int number = add_slot(*node.result());
    Slot& slot = program_->slots.back();
    slot.type = tensor->type();
    slot.contents.reset();
    slot.storage = dense_storage(Format::plain(tensor->dtype(), tensor->rank()), slot.type.dims,
                                 static_cast<int>(program_->buffers.size()));
    Buffer& buffer = program_->buffers.emplace_back();
    buffer.kind = Buffer::Kind::constant;
    buffer.index = static_cast<int>(program_->constants.size());
    buffer.bytes = static_cast<int64_t>(tensor->byte_size());
    program_->constants.push_back(*tensor);
    (void)number;
    return {};
  }

  Status add_step(const Node& node, int depth) {
    if (node.op() == "constant" && node.result() != nullptr) return add_constant(node);
    Step step;
    step.name = node.source().empty() ? node.op() : node.source();
    for (const Value* operand : node.operands()) step.inputs.push_back(TRY(slot_of(operand)));
    if (node.op() == "if" && node.region_count() == 2) {
      step.kind = Step::Kind::branch;
    } else if (node.op() == "loop" && node.region_count() == 1) {
      step.kind = Step::Kind::loop;
      while (step.inputs.size() < 2) step.inputs.push_back(-1);
    } else if (node.op() == "scan" && node.region_count() == 1) {
      step.kind = Step::Kind::scan;
      TRY(read_rule(node, step.scan));
    } else if (node.region_count() > 0) {
      return refused("the operator '" + node.op() + "' cannot be run: only if, loop and scan have bodies",
                     "node '" + node.source() + "'");
    } else {
      step.kind = Step::Kind::reference;
      step.node = numbers_.at(&node);
    }
    for (std::size_t r = 0; r < node.region_count(); ++r) {
      ProgramMaker maker(root_, numbers_, this);
      step.bodies.push_back(static_cast<int>(program_->bodies.size()));
      program_->bodies.push_back(TRY(maker.make(node.region(r), depth + 1)));
    }
    for (std::size_t i = 0; i < node.result_count(); ++i)
      step.outputs.push_back(node.result(i) == nullptr ? -1 : add_slot(*node.result(i)));
    program_->steps.push_back(std::move(step));
    return {};
  }

  static Status read_rule(const Node& node, ScanRule& rule) {
    const auto list = [&](std::string_view name) {
      const Attribute* attribute = node.attribute(name);
      const auto* ints = attribute == nullptr ? nullptr : std::get_if<Ints>(attribute);
      return ints == nullptr ? Ints() : *ints;
    };
    const Attribute* inputs = node.attribute("num_scan_inputs");
    if (inputs == nullptr || !std::holds_alternative<int64_t>(*inputs))
      return refused("the scan does not say how many operands it scans", "node '" + node.source() + "'");
    rule.inputs = std::get<int64_t>(*inputs);
    rule.input_axes = list("scan_input_axes");
    rule.output_axes = list("scan_output_axes");
    rule.input_reversed = list("scan_input_directions");
    rule.output_reversed = list("scan_output_directions");
    return {};
  }

  std::shared_ptr<const Graph> root_;
  const NodeNumbers& numbers_;
  ProgramMaker* outer_;
  std::unique_ptr<Program> program_;
  std::unordered_map<const Value*, int> slots_;
};

}  // namespace

Result<std::unique_ptr<Program>> reference_program(std::shared_ptr<const Graph> graph) {
  NodeNumbers numbers;
  walk(*graph, [&](Node& node) { numbers.emplace(&node, static_cast<int>(numbers.size())); });
  const Graph& root = *graph;
  auto program = TRY(ProgramMaker(std::move(graph), numbers, nullptr).make(root, 0));
  TRY(verify(*program));
  return program;
}

}  // namespace burnish
