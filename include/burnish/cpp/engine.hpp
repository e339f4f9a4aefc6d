// Graphs from files, engines from graphs, contexts that run them.
#ifndef BURNISH_CPP_ENGINE_HPP_
#define BURNISH_CPP_ENGINE_HPP_

#include <exception>
#include <functional>
#include <map>
#include <mutex>

#include <burnish/cpp/graph.hpp>

BURNISH_NAMESPACE_BEGIN

enum class Fallback {
  warn = BURNISH_FALLBACK_WARN,    // a node without a kernel runs as a reference, with a warning
  allow = BURNISH_FALLBACK_ALLOW,  // the same without
  error = BURNISH_FALLBACK_ERROR,
};

enum class Mode {
  standard = BURNISH_MODE_DEFAULT,           // kernels are chosen by estimate
  max_autotune = BURNISH_MODE_MAX_AUTOTUNE,  // by running the likely ones on this machine, with `threads` threads
};

// `limits` are texts such as "nodes=1000000": what a file may ask for, where that is not the default. Names and values
// are those of the program's --limit (docs/program.md).
struct ReadOptions {
  std::vector<std::string> limits = {};
};

struct BuildOptions {
  std::string cpu = "host";  // "portable", or levels such as "x86-64-v3,x86-64-v4"
  Fallback fallback = Fallback::warn;
  bool exact = false;                              // no rewrite or tactic (Winograd) that changes f32 results
  bool references = false;                         // no kernels at all; every node runs as its reference
  int threads = 0;                                 // for compiling; 0: all
  double derived_limit = 1.0;                      // derived weights per byte of weights; 0: none
  std::map<std::string, std::string> shapes = {};  // input -> type that replaces the model's: "f32[1,3,224,224]"
  std::vector<std::string> disabled = {};          // passes left out: "simplify.fold_constants"
  std::function<void(std::string_view stage, double fraction)> progress = {};
  std::function<bool()> cancel = {};  // true stops the build
  Mode mode = Mode::standard;
  std::string timing_cache = {};         // file that keeps the times of max_autotune between builds; empty: none
  std::vector<std::string> limits = {};  // loop_iterations and run_bytes hold for the engine; a saved plan keeps none
};

struct LoadOptions {
  std::string cpu = {};  // which image; empty: the best one that this processor can run
  // Where any is given, one of them must have signed the plan: NAME.pub of `burnish key new`, or the line in it.
  std::vector<std::string> required_keys = {};
  std::vector<std::string> limits = {};  // loop_iterations and run_bytes hold for the engine
};

struct SaveOptions {
  std::string signing_key = {};  // NAME.key, or the line in it; empty: no signature but what a loaded plan has
};

struct ContextOptions {
  int threads = 0;  // 0: as many as there are processors for this process; the caller is one of them
};

// Memory for results of a run.
class Allocator {
 public:
  virtual ~Allocator() = default;
  virtual void* allocate(std::size_t bytes, std::size_t alignment) = 0;  // null: none left
  virtual void release(void* data, std::size_t bytes) noexcept = 0;
};

struct RunOptions {
  std::function<bool()> cancel = {};  // asked between steps; true stops the run
  Allocator* allocator = nullptr;     // null: the library's own. Must outlive the results
  int64_t max_bytes = 0;              // of intermediate values and scratch; 0: what the engine's limit run_bytes says
};

namespace detail {

// Exceptions of a callback wait here until the C function is back.
struct Callbacks {
  const std::function<bool()>* cancel = nullptr;
  const std::function<void(std::string_view, double)>* progress = nullptr;
  Allocator* allocator = nullptr;
  std::exception_ptr thrown;

  template <class F>
  auto guard(F&& f, decltype(f()) otherwise) noexcept {
    try {
      return f();
    } catch (...) {
      if (thrown == nullptr) thrown = std::current_exception();
      return otherwise;
    }
  }
  static int cancelled(void* user) {
    auto* self = static_cast<Callbacks*>(user);
    if (self->thrown != nullptr) return 1;
    return self->cancel == nullptr ? 0 : self->guard([&] { return (*self->cancel)() ? 1 : 0; }, 1);
  }
  static void progressed(void* user, const char* stage, double fraction) {
    auto* self = static_cast<Callbacks*>(user);
    self->guard([&] { return (*self->progress)(stage, fraction), 0; }, 0);
  }
  Result<void> finish(Result<void> result) {
    if (thrown != nullptr) std::rethrow_exception(std::exchange(thrown, nullptr));
    return result;
  }
};

inline std::vector<const char*> pointers(const std::vector<std::string>& texts) {
  std::vector<const char*> result;
  for (const std::string& text : texts) result.push_back(text.c_str());
  return result;
}

// ReadOptions as the C functions take them.
struct ReadArguments {
  std::vector<const char*> limits;
  burnish_read_options options{};
  explicit ReadArguments(const ReadOptions& given) : limits(pointers(given.limits)) {
    options.size = sizeof(options);
    options.limits = limits.data();
    options.limit_count = limits.size();
  }
  ReadArguments(const ReadArguments&) = delete;
};

template <auto member>
struct Free {
  template <class Handle>
  void operator()(Handle* handle) const {
    (table()->*member)(handle);
  }
};

}  // namespace detail

// Inputs or outputs of a run by name. A std::map that {first, last} cannot be mistaken for.
class NamedTensors : public std::map<std::string, Tensor> {
 public:
  NamedTensors() = default;
  NamedTensors(std::initializer_list<value_type> tensors) : std::map<std::string, Tensor>(tensors) {}
  NamedTensors(std::map<std::string, Tensor> tensors) : std::map<std::string, Tensor>(std::move(tensors)) {}  // NOLINT
};

class Context {
 public:
  // All outputs, in the engine's order. Inputs are in its order, too.
  Result<std::vector<Tensor>> run(const std::vector<Tensor>& inputs, const RunOptions& options = {}) {
    std::vector<Tensor> outputs(outputs_->size());
    if (Result<void> done = run(inputs, outputs, options); !done) return Unexpected(std::move(done).error());
    return outputs;
  }
  // A tensor among `outputs` is written in place; an empty one is replaced by a new one.
  Result<void> run(std::span<const Tensor> inputs, std::span<Tensor> outputs, const RunOptions& options = {}) {
    std::vector<burnish_argument> arguments;
    for (const Tensor& tensor : inputs) arguments.push_back({nullptr, tensor.dl()});
    std::vector<burnish_result> results;
    for (Tensor& tensor : outputs) {
      if (tensor.read_only()) return Unexpected(Error{ErrorCode::usage, "an output's memory is read-only", {}, {}});
      results.push_back({nullptr, tensor.dl(), nullptr});
    }
    return run(arguments, results, outputs, options);
  }
  // By name; what comes back are all outputs.
  Result<NamedTensors> run(const NamedTensors& inputs, const RunOptions& options = {}) {
    std::vector<burnish_argument> arguments;
    for (const auto& [name, tensor] : inputs) arguments.push_back({name.c_str(), tensor.dl()});
    std::vector<burnish_result> results;
    for (const ValueInfo& output : *outputs_) results.push_back({output.name.c_str(), nullptr, nullptr});
    std::vector<Tensor> tensors(results.size());
    if (Result<void> done = run(arguments, results, tensors, options); !done)
      return Unexpected(std::move(done).error());
    NamedTensors named;
    for (std::size_t i = 0; i < tensors.size(); ++i) named[(*outputs_)[i].name] = tensors[i];
    return named;
  }
  // Memory for intermediate values of the last shapes that ran.
  Result<int64_t> arena_bytes() const {
    int64_t bytes = 0;
    const Result<void> done = detail::call(&burnish_table::context_arena_bytes, handle_.get(), &bytes);
    if (!done) return Unexpected(done.error());
    return bytes;
  }
  burnish_context* handle() const { return handle_.get(); }

 private:
  friend class Engine;
  Result<void> run(std::span<const burnish_argument> arguments, std::span<burnish_result> results,
                   std::span<Tensor> tensors, const RunOptions& options) {
    detail::Callbacks callbacks;
    if (options.cancel) callbacks.cancel = &options.cancel;
    burnish_allocator allocator{};
    burnish_run_options o{};
    o.size = sizeof(o);
    if (options.cancel || options.allocator != nullptr) {
      o.cancelled = &detail::Callbacks::cancelled;
      o.cancelled_user = &callbacks;
    }
    o.max_bytes = options.max_bytes;
    if (options.allocator != nullptr) {
      allocator.size = sizeof(allocator);
      allocator.user = options.allocator;
      allocator.allocate = [](void* user, std::size_t bytes, std::size_t alignment) -> void* {
        try {
          return static_cast<Allocator*>(user)->allocate(bytes, alignment);
        } catch (...) {
          return nullptr;
        }
      };
      allocator.release = [](void* user, void* data, std::size_t bytes) {
        static_cast<Allocator*>(user)->release(data, bytes);
      };
      o.allocator = &allocator;
    }
    Result<void> done = callbacks.finish(detail::call(&burnish_table::context_run, handle_.get(), arguments.data(),
                                                      arguments.size(), results.data(), results.size(), &o));
    if (!done) return done;
    for (std::size_t i = 0; i < results.size(); ++i)
      if (results[i].made != nullptr) tensors[i] = Tensor::adopt(results[i].made);
    return {};
  }

  std::unique_ptr<burnish_context, detail::Free<&burnish_table::context_free>> handle_;
  std::shared_ptr<const std::vector<ValueInfo>> outputs_;
};

class Engine {
 public:
  // Takes a handle of the C interface.
  static Result<Engine> adopt(burnish_engine* handle) {
    Engine engine;
    engine.handle_.reset(handle, detail::Free<&burnish_table::engine_free>());
    for (const burnish_side side : {BURNISH_INPUT, BURNISH_OUTPUT}) {
      auto infos = std::make_shared<std::vector<ValueInfo>>();
      std::size_t count = 0;
      Result<void> done = detail::call(&burnish_table::engine_count, handle, side, &count);
      for (std::size_t i = 0; done && i < count; ++i) {
        burnish_value_info info{};
        info.size = sizeof(info);
        done = detail::call(&burnish_table::engine_value, handle, side, i, &info);
        if (done) infos->push_back(detail::value_info(info));
      }
      if (!done) return Unexpected(std::move(done).error());
      (side == BURNISH_INPUT ? engine.inputs_ : engine.outputs_) = std::move(infos);
    }
    return engine;
  }

  const std::vector<ValueInfo>& inputs() const { return *inputs_; }
  const std::vector<ValueInfo>& outputs() const { return *outputs_; }
  Result<void> save(const std::string& path, const SaveOptions& options = {}) const {
    if (options.signing_key.empty()) return detail::call(&burnish_table::engine_save, handle_.get(), path.c_str());
    burnish_save_options o{};
    o.size = sizeof(o);
    o.signing_key = options.signing_key.c_str();
    return detail::call(&burnish_table::engine_save_as, handle_.get(), path.c_str(), &o);
  }
  // Contexts of one engine may run at the same time, each on a thread of its own.
  Result<Context> create_context(const ContextOptions& options = {}) const {
    burnish_context_options o{};
    o.size = sizeof(o);
    o.threads = options.threads;
    burnish_context* made = nullptr;
    Result<void> done = detail::call(&burnish_table::context_create, handle_.get(), &o, &made);
    if (!done) return Unexpected(std::move(done).error());
    Context context;
    context.handle_.reset(made);
    context.outputs_ = outputs_;
    return context;
  }
  // For all runs that begin later and do not give this input. Copied; an empty tensor takes it back.
  Result<void> set_parameter(const std::string& name, const Tensor& tensor) {
    return detail::call(&burnish_table::engine_set_parameter, handle_.get(), name.c_str(), tensor.dl());
  }
  // What was decided while building, and why: JSON.
  Result<std::string> decisions() const { return text(BURNISH_ENGINE_DECISIONS); }
  // Processor features that the code needs; empty: none.
  Result<std::string> cpu() const { return text(BURNISH_ENGINE_CPU); }
  // The public key that signed the plan and was required; empty: none was.
  Result<std::string> signer() const { return text(BURNISH_ENGINE_SIGNER); }
  burnish_engine* handle() const { return handle_.get(); }

 private:
  Result<std::string> text(burnish_engine_part part) const {
    burnish_text* text = nullptr;
    Result<void> done = detail::call(&burnish_table::engine_text, handle_.get(), part, &text);
    if (!done) return Unexpected(std::move(done).error());
    return detail::take_text(text);
  }
  std::shared_ptr<burnish_engine> handle_;
  std::shared_ptr<const std::vector<ValueInfo>> inputs_, outputs_;
};

// .onnx, or the text form.
inline Result<Graph> load_model(const std::string& path, const ReadOptions& options = {}) {
  const detail::ReadArguments o(options);
  burnish_graph* graph = nullptr;
  Result<void> done = detail::call(&burnish_table::graph_load_as, path.c_str(), &o.options, &graph);
  if (!done) return Unexpected(std::move(done).error());
  return Graph::adopt(graph);
}
inline Result<Graph> load_model(std::span<const std::byte> bytes, const ReadOptions& options = {}) {
  const detail::ReadArguments o(options);
  burnish_graph* graph = nullptr;
  Result<void> done = detail::call(&burnish_table::graph_load_bytes_as, bytes.data(), bytes.size(), &o.options, &graph);
  if (!done) return Unexpected(std::move(done).error());
  return Graph::adopt(graph);
}
inline Result<void> save_onnx(const Graph& graph, const std::string& path) {
  if (Result<void> status = graph.status(); !status) return status;
  return detail::call(&burnish_table::graph_save_onnx, graph.handle(), path.c_str());
}

// Trained weights by name: safetensors, and PyTorch's .pth / .pt, told apart by contents. Nothing in them is executed.
class Checkpoint {
 public:
  // In the file's order.
  const std::vector<std::string>& names() const { return names_; }
  // Shares the file's memory.
  Result<Tensor> tensor(const std::string& name) const {
    DLManagedTensorVersioned* made = nullptr;
    Result<void> done = detail::call(&burnish_table::checkpoint_tensor, handle_.get(), name.c_str(), &made);
    if (!done) return Unexpected(std::move(done).error());
    return Tensor::adopt(made);
  }

 private:
  friend Result<Checkpoint> load_checkpoint(const std::string& path, const ReadOptions& options);
  std::shared_ptr<burnish_checkpoint> handle_;
  std::vector<std::string> names_;
};
inline Result<Checkpoint> load_checkpoint(const std::string& path, const ReadOptions& options = {}) {
  const detail::ReadArguments o(options);
  burnish_checkpoint* handle = nullptr;
  std::size_t count = 0;
  Result<void> done = detail::call(&burnish_table::checkpoint_load_as, path.c_str(), &o.options, &handle);
  if (!done) return Unexpected(std::move(done).error());
  Checkpoint result;
  result.handle_.reset(handle, detail::Free<&burnish_table::checkpoint_free>());
  done = detail::call(&burnish_table::checkpoint_count, handle, &count);
  for (std::size_t i = 0; done && i < count; ++i) {
    const char* name = nullptr;
    done = detail::call(&burnish_table::checkpoint_name, handle, i, &name);
    if (done) result.names_.emplace_back(name);
  }
  if (!done) return Unexpected(std::move(done).error());
  return result;
}

// The graph stays as it is.
inline Result<Engine> build(const Graph& graph, const BuildOptions& options = {}) {
  if (Result<void> status = graph.status(); !status) return Unexpected(std::move(status).error());
  detail::Callbacks callbacks;
  std::vector<burnish_shape> shapes;
  for (const auto& [input, type] : options.shapes) shapes.push_back({input.c_str(), type.c_str()});
  const std::vector<const char*> disabled = detail::pointers(options.disabled);
  const std::vector<const char*> limits = detail::pointers(options.limits);
  burnish_build_options o{};
  o.size = sizeof(o);
  o.cpu = options.cpu.c_str();
  o.fallback = static_cast<burnish_fallback>(options.fallback);
  o.exact = options.exact ? 1 : 0;
  o.references = options.references ? 1 : 0;
  o.threads = options.threads;
  o.derived_limit = options.derived_limit > 0 ? options.derived_limit : -1;
  o.shapes = shapes.data();
  o.shape_count = shapes.size();
  o.disabled = disabled.data();
  o.disabled_count = disabled.size();
  o.limits = limits.data();
  o.limit_count = limits.size();
  o.mode = static_cast<burnish_mode>(options.mode);
  o.timing_cache = options.timing_cache.empty() ? nullptr : options.timing_cache.c_str();
  if (options.progress) {
    callbacks.progress = &options.progress;
    o.progress = &detail::Callbacks::progressed;
    o.progress_user = &callbacks;
  }
  if (options.cancel) callbacks.cancel = &options.cancel;
  if (options.cancel || options.progress) {
    o.cancelled = &detail::Callbacks::cancelled;
    o.cancelled_user = &callbacks;
  }
  burnish_engine* engine = nullptr;
  Result<void> done = callbacks.finish(detail::call(&burnish_table::build, graph.handle(), &o, &engine));
  if (!done) return Unexpected(std::move(done).error());
  return Engine::adopt(engine);
}

namespace detail {

// LoadOptions as the C function takes them.
struct LoadArguments {
  std::vector<const char*> keys, limits;
  burnish_load_options options{};
  explicit LoadArguments(const LoadOptions& given)
      : keys(pointers(given.required_keys)), limits(pointers(given.limits)) {
    options.size = sizeof(options);
    options.cpu = given.cpu.empty() ? nullptr : given.cpu.c_str();
    options.required_keys = keys.data();
    options.required_key_count = keys.size();
    options.limits = limits.data();
    options.limit_count = limits.size();
  }
  LoadArguments(const LoadArguments&) = delete;
};

}  // namespace detail

inline Result<Engine> load_engine(const std::string& path, const LoadOptions& options = {}) {
  const detail::LoadArguments o(options);
  burnish_engine* engine = nullptr;
  Result<void> done = detail::call(&burnish_table::engine_load, path.c_str(), &o.options, &engine);
  if (!done) return Unexpected(std::move(done).error());
  return Engine::adopt(engine);
}
inline Result<Engine> load_engine(std::span<const std::byte> bytes, const LoadOptions& options = {}) {
  const detail::LoadArguments o(options);
  burnish_engine* engine = nullptr;
  Result<void> done = detail::call(&burnish_table::engine_load_bytes, static_cast<const void*>(bytes.data()),
                                   bytes.size(), &o.options, &engine);
  if (!done) return Unexpected(std::move(done).error());
  return Engine::adopt(engine);
}

// Lines of the library's log; none: to standard error. Called from any thread, one call at a time.
inline Result<void> set_log(std::function<void(LogLevel, std::string_view)> function,
                            LogLevel level = LogLevel::warning) {
  using Function = std::function<void(LogLevel, std::string_view)>;
  static std::mutex mutex;
  static std::shared_ptr<Function> current;  // the C side holds a pointer into it
  const std::lock_guard lock(mutex);
  auto next = function ? std::make_shared<Function>(std::move(function)) : nullptr;
  const burnish_log_function forward = [](void* user, burnish_log_level at, const char* text) {
    try {
      (*static_cast<Function*>(user))(static_cast<LogLevel>(at), text);
    } catch (...) {  // a log line is not worth a crash
    }
  };
  Result<void> done = detail::call(&burnish_table::set_log, next ? forward : nullptr, static_cast<void*>(next.get()),
                                   static_cast<burnish_log_level>(level));
  if (done) current = std::move(next);
  return done;
}

BURNISH_NAMESPACE_END
#endif  // BURNISH_CPP_ENGINE_HPP_
