#pragma once
// Graph in, engine out.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/limits.h"
#include "ir/graph.h"
#include "runtime/program.h"
#include "target/cpu_features.h"

namespace burnish {

class CodeCache;  // compile/code_cache.h

// Why something was done, or not (docs/architecture.md, "Say why").
struct Decision {
  std::string id;    // "fallback.reference", "fuse.epilogue", "select.tactic" ...
  std::string node;  // the user's layer
  std::string what, why, remedy;
};

enum class Fallback : uint8_t { allow, warn, error };
enum class BuildMode : uint8_t {
  standard,      // tactics by estimate
  max_autotune,  // by times measured here, with as many threads as compile; of processors unlike this one, by estimate
};

// What a plan remembers, so that its graph is compiled again in the same way.
struct BuildChoices {
  SymbolTable opt;                    // sizes to expect
  bool exact = false;                 // nothing that changes an f32 result
  std::vector<std::string> disabled;  // "stage.pass", or a scheduling step
  double derived_limit = 1.0;
  std::map<std::string, std::string, std::less<>> forced;  // problem family -> tactic name prefix
};

struct BuildOptions : BuildChoices {
  std::string cpu = "host";  // a list: "x86-64-v3,x86-64-v4", "portable" for just these
  Fallback fallback = Fallback::warn;
  BuildMode mode = BuildMode::standard;
  std::string timing_cache;  // file of max_autotune's times; read, and written when more are known
  int threads = 0;           // for compiling; 0 = all
  std::map<std::string, Type, std::less<>> shapes;  // input name -> type that replaces the model's
  std::vector<std::string> print_after;             // "stage.pass" or "stage" or "all"
  int stop_after_passes = -1;                       // bisect: run only the first n optional passes
  Limits limits;                                    // fold_bytes of them
  std::shared_ptr<CodeCache> code_cache;            // shared by builds of much the same; may be null
  std::function<void(std::string_view stage, double fraction)> progress;
  std::function<bool()> cancelled;
};

struct BuildResult {
  std::shared_ptr<const Program> program;              // the first image
  std::vector<std::shared_ptr<const Program>> images;  // one per processor of BuildOptions::cpu
  std::shared_ptr<const Graph> simplified;             // as it stood after `simplify`
  std::vector<std::string> layers;                     // per image: what each step does and why so (compile/layers.h)
  std::vector<Decision> decisions;
  BuildChoices choices;
  struct Timing {
    std::string pass;
    double seconds;
    bool changed;
  };
  std::vector<Timing> timings;
  int64_t weight_bytes = 0, derived_bytes = 0;          // of the first image: constants, and what repacking adds
  int64_t nodes = 0, kernels = 0, reference_nodes = 0;  // nodes that were scheduled, kernels run, nodes without one
};

// Consumes the graph.
Result<BuildResult> build(std::unique_ptr<Graph> graph, const BuildOptions& options);

}  // namespace burnish
