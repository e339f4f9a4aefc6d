#pragma once
// Graph passes, one per file; src/compile/pipeline.cc is the list. A pass says whether it changed the graph; the runner
// removes dead code, verifies, re-infers and times.

#include "base/limits.h"
#include "ir/graph.h"

namespace burnish {

struct PassContext {
  int64_t fold_bytes = Limits().fold_bytes;  // largest constant that folding may make
  int64_t constant_bytes = -1;               // of the model as it came; unknown: folding has no limit in sum
  bool exact = false;                        // nothing that changes an f32 result
  // Composites that the target has a family or nest for stay whole in `decompose`.
  bool (*keep)(const Node&) = nullptr;
};

using PassFunction = Result<bool> (*)(Graph&, const PassContext&);

namespace passes {
int64_t constant_bytes(const Graph& graph);

Result<bool> remove_noops(Graph&, const PassContext&);  // identity, dropout, casts to the same dtype, empty pads ...
Result<bool> fold_constants(Graph&,
                            const PassContext&);       // constant operands; known contents become constants or `dims`
Result<bool> fold_shapes(Graph&, const PassContext&);  // shape operands with known contents become attributes
Result<bool> common_subexpressions(Graph&, const PassContext&);
Result<bool> fold_batch_norm(Graph&, const PassContext&);  // batch norm and scales into the weights before or after
Result<bool> move_transposes(Graph&, const PassContext&);  // transposes and reshapes: cancel, merge, push
Result<bool> algebra(Graph&, const PassContext&);          // table of rules, passes/algebra_rules.h
Result<bool> recognise(Graph&, const PassContext&);        // attention, norms, GELU, hard-swish ... spelled out
Result<bool> decompose(Graph&, const PassContext&);        // composites -> core, except `keep`
Result<bool> transposed_convolutions(Graph&, const PassContext&);  // as convolutions of their phases
Result<bool> late_sizes(Graph&, const PassContext&);  // sizes that depend on data: computed, and bound to symbols
}  // namespace passes

}  // namespace burnish
