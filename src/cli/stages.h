#pragma once
// A model's graph as it stands after a stage or a pass.

#include <functional>
#include <string>

#include "cli/build_options.h"
#include "cli/model.h"

namespace burnish::cli {

// The graph of a model whose operators are all known, with --shapes applied; their expected sizes go to *opt.
Result<std::unique_ptr<Graph>> shaped_graph(Opened opened, const BuildFlags& flags, SymbolTable* opt = nullptr);

// Runs the stages up to `stage`: "import" does nothing, "simplify", "decompose", "late", or a pass of them ("simplify.cse"), after
// whose last run `seen` is called. For a whole stage it is called at its end.
Status run_stages(Graph& graph, const BuildFlags& flags, const std::string& stage,
                  const std::function<void(const Graph&)>& seen);

}  // namespace burnish::cli
