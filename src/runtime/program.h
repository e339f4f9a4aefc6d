#pragma once
// The program an engine runs: flat steps over numbered slots and integers. The interpreter is the same program with every
// step a reference (reference_program).

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "ir/storage.h"
#include "ops/operator.h"
#include "target/target.h"

namespace burnish {

// A named place for a value. Several slots may share one buffer (views, in-place results, concat slices): they have the
// same `buffer` and their own storage.
struct Slot {
  std::string name;  // the graph value's
  Type type;         // dims hold symbols of the program
  Storage storage;   // storage.buffer indexes Program::buffers; -1: a heap slot
  // Integers whose elements bind symbols when the value is there (Value::contents, where any is not a number).
  std::optional<Dims> contents;
  // Heap slots hold a RuntimeValue of their own: sequences, strings, late sizes (dims bound only when the value is there).
  bool heap() const { return storage.buffer < 0; }
};

struct Buffer {
  enum class Kind : uint8_t { arena, input, output, constant };
  Kind kind = Kind::arena;
  int index =
      -1;         // input, output: which (a body's captures follow its inputs); constant: index into Program::constants
  Dim bytes = 0;  // needed for everything its slots cover
  // arena: steps between which it is live (inclusive), for the arena planner
  int first_step = 0, last_step = 0;
};

// What a scan step does with its operands: the last `inputs` of them are cut along axes, one piece an iteration. Lists
// may be shorter than needed: axis 0 and forward stand for what is not there.
struct ScanRule {
  int64_t inputs = 0;
  std::vector<int64_t> input_axes, output_axes;
  std::vector<int64_t> input_reversed, output_reversed;  // 1 = from the end
};

struct Step {
  enum class Kind : uint8_t { kernel, reference, branch, loop, scan };
  Kind kind = Kind::reference;
  std::string name;          // the user's layer names
  std::vector<int> inputs;   // slots; -1 = absent
  std::vector<int> outputs;  // slots; -1 = not wanted

  // kernel: operands are inputs then outputs, in the kernel's operand order
  int code = -1;  // index into Program::kernels
  // reference: the node in Program::graph (walk order)
  int node = -1;
  // branch: inputs[0] = condition, then bodies[0] or bodies[1]. loop: inputs = trip count?, condition?, carried...;
  // bodies[0] takes (iteration, condition, carried...) and gives (condition, carried..., scanned...). Bodies read outer
  // slots through Program::captures. scan: inputs = carried..., scanned inputs...; bodies[0] takes (carried..., pieces...)
  // and gives (carried..., pieces of outputs...).
  std::vector<int> bodies;
  ScanRule scan;
};

// A question about sizes that the build could not answer (Requirement); kernels rely on it.
struct SizeCheck {
  Requirement requirement;
  std::string where;  // the user's layer
  int step = 0;       // asked before this step when not all sizes are known from the start
};

struct KernelCode {
  std::string name;        // for profiles: family and tactic
  std::size_t offset = 0;  // of the function in Program::code
  std::vector<Dim> integers;
  Dim tasks = 1, grain = 1, scratch_bytes = 0;
};

class ThreadPool;

struct Program {
  std::shared_ptr<const Graph> graph;  // nodes for reference steps; symbols and their ranges. Bodies: the root's
  std::vector<Slot> slots;
  std::vector<Buffer> buffers;
  std::vector<Step> steps;
  std::vector<SizeCheck> checks;     // in order of their steps
  std::vector<Tensor> constants;     // in storage order (already packed): a flat tensor of the buffer's elements
  std::vector<int> inputs, outputs;  // slots, in the graph's order
  std::vector<std::string> input_names, output_names;
  std::vector<InputRole> input_roles;  // of the outermost program; empty: all are data
  std::vector<KernelCode> kernels;
  std::vector<std::byte> code;  // all kernels' code, bodies' too: offsets count from the root's code
  // Instead of `code`: already mapped executable, straight from a plan file.
  std::span<const std::byte> mapped_code;
  // Called once before the first run when set: a plan file's large blocks are verified then, on the run's threads.
  std::function<Status(ThreadPool*)> check_constants;
  std::string file;  // the plan that it was read from; empty where it was just built
  std::string cpu;   // features the code needs, CpuFeatures::text(); empty when there is none

  // Sub-programs of branches and loops. A body's slot i in `captures` is the outer slot that it reads.
  std::vector<std::unique_ptr<Program>> bodies;
  std::vector<std::pair<int, int>> captures;  // (inner slot, outer slot)
};

// Numbers refer to what exists, storages fit their buffers, bodies agree with their steps. Executor::create asks.
Status verify(const Program& program);

// Every node a reference step, every slot on the heap. The graph must be verified and inferred.
Result<std::unique_ptr<Program>> reference_program(std::shared_ptr<const Graph> graph);

}  // namespace burnish
