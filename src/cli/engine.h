#pragma once
// Models and engines as programs that can run: built here or read from a plan.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cli/build_options.h"
#include "cli/console.h"
#include "cli/model.h"

namespace burnish::cli {

struct Engine {
  std::string path;
  bool from_plan = false;
  std::shared_ptr<const Program> program;  // of the image for this processor
  std::shared_ptr<const Graph> simplified;
  std::vector<InputInfo> inputs;
  SymbolTable opt;
  Json decisions = Json::array();
  std::string layers;  // JSON (compile/layers.h); empty where a plan has none
  int64_t weight_bytes = 0, derived_bytes = 0;
  double build_seconds = 0, load_seconds = 0;
  std::vector<BuildResult::Timing> timings;
};

struct Built {
  BuildResult result;
  double seconds = 0;
};
Result<Built> build_model(Console& console, Opened opened, const BuildFlags& flags, int threads);
// `key`: signs it, null for not.
Status save_engine(const Built& built, const std::string& path, const SecretKey* key = nullptr);

// MODEL is built for one processor, ENGINE is loaded.
Result<Engine> load_engine(Console& console, Opened opened, const BuildFlags& flags, int threads);

std::vector<InputInfo> inputs_of(const Program& program);

}  // namespace burnish::cli
