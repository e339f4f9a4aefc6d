#pragma once
// Engines and contexts as the C interface keeps them.

#include <burnish/burnish.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "api/runtime/handles.h"
#include "base/limits.h"
#include "base/thread_pool.h"
#include "runtime/executor.h"
#include "runtime/plan.h"

namespace burnish::api {

struct ValueDescription {
  std::string name;
  Type type;
  std::string type_text;
  InputRole role = InputRole::data;
};

struct EngineObject {
  static constexpr HandleKind kKind = HandleKind::engine;
  static constexpr const char* kName = "engine";

  std::shared_ptr<const Executor> executor;
  std::vector<ValueDescription> inputs, outputs;
  std::string decisions;  // JSON
  // Of every run, unless its options say otherwise.
  int64_t run_bytes = 0, loop_iterations = 0;

  // What saving needs: the plan that was loaded, or what a build left.
  std::shared_ptr<const Plan> plan;
  std::vector<std::shared_ptr<const Program>> images;
  std::shared_ptr<const Graph> simplified;
  std::string record;               // JSON: how it was built
  std::vector<std::string> layers;  // JSON, one an image

  std::mutex mutex;
  std::map<std::string, Tensor, std::less<>> parameters;
};

// Around a program, ready to run. `mapped` as in Executor::create.
Result<std::shared_ptr<EngineObject>> make_engine(std::shared_ptr<const Program> program, const Limits& limits,
                                                  std::shared_ptr<const void> mapped = nullptr);

struct ContextObject {
  static constexpr HandleKind kKind = HandleKind::context;
  static constexpr const char* kName = "context";
  std::shared_ptr<EngineObject> engine;
  std::shared_ptr<ThreadPool> pool;
  std::unique_ptr<Context> context;
  std::atomic_flag busy = ATOMIC_FLAG_INIT;
};

// The process's pool of so many threads, shared by all contexts that ask for it.
Result<std::shared_ptr<ThreadPool>> shared_pool(int threads);

// "'x', 'y'": for messages that say what there is.
std::string names_of(const std::vector<ValueDescription>& values);

}  // namespace burnish::api
