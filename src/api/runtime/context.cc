#include <algorithm>
#include <set>

#include "api/runtime/boundary.h"
#include "api/runtime/functions.h"

namespace burnish::api {
namespace {

constexpr int kMaxThreads = 4096;

// Clears the flag of a run that was begun.
class Running {
 public:
  explicit Running(std::atomic_flag& busy) : busy_(busy), begun_(!busy.test_and_set(std::memory_order_acquire)) {}
  ~Running() {
    if (begun_) busy_.clear(std::memory_order_release);
  }
  Running(const Running&) = delete;
  bool begun() const { return begun_; }

 private:
  std::atomic_flag& busy_;
  bool begun_;
};

// Which of `values` an argument at `place` means.
Result<std::size_t> index_of(const std::vector<ValueDescription>& values, const char* name, std::size_t place,
                             std::set<std::size_t>& taken, const char* what) {
  std::size_t index = place;
  if (name != nullptr) {
    const auto found = std::find_if(values.begin(), values.end(), [&](const auto& v) { return v.name == name; });
    if (found == values.end())
      return usage_error("the engine has no " + std::string(what) + " '" + name + "'", {},
                         "its " + std::string(what) + "s are " + names_of(values));
    index = static_cast<std::size_t>(found - values.begin());
  } else if (place >= values.size()) {
    return usage_error("there are more " + std::string(what) + "s than the engine's " + std::to_string(values.size()),
                       {}, "its " + std::string(what) + "s are " + names_of(values));
  }
  if (!taken.insert(index).second)
    return usage_error(std::string(what) + " '" + values[index].name + "' is given twice");
  return index;
}

// The caller's allocator, and what was got from it in this run.
class CallerMemory {
 public:
  explicit CallerMemory(const burnish_allocator& allocator) : allocator_(allocator) {}

  Result<Tensor> make(DType dtype, std::vector<int64_t> dims) {
    // Checks the size; its zero pages are never touched.
    const Tensor measured = TRY(Tensor::allocate(dtype, dims));
    if (measured.elements() == 0 || dtype == DType::string) return measured;
    const std::size_t bytes = measured.byte_size();
    void* data = allocator_.allocate(allocator_.user, bytes, 64);
    if (data == nullptr) return refused("the caller's allocator has no " + std::to_string(bytes) + " bytes");
    std::shared_ptr<const void> owner(data, [allocator = allocator_, bytes](const void* p) {
      allocator.release(allocator.user, const_cast<void*>(p), bytes);
    });
    if (reinterpret_cast<uintptr_t>(data) % 64 != 0)
      return usage_error("the caller's allocator gave memory that is not aligned to 64 bytes");
    made_.insert(data);
    return Tensor::view(dtype, std::move(dims), static_cast<const std::byte*>(data), std::move(owner));
  }
  bool is_ours(const Tensor& tensor) const { return made_.contains(tensor.data()); }

 private:
  burnish_allocator allocator_;
  std::set<const void*> made_;
};

struct Range8 {
  const std::byte* first;
  const std::byte* last;
  bool overlaps(const Range8& other) const { return first < other.last && other.first < last; }
};
// Of strided tensors everything that could be touched.
Range8 memory_of(const TensorView& view) {
  if (view.strides.empty()) return {view.data, view.data + byte_extent(view)};
  if (std::ranges::find(view.dims, 0) != view.dims.end()) return {view.data, view.data};
  int64_t low = 0, high = 0;
  for (std::size_t d = 0; d < view.dims.size(); ++d) {
    const int64_t reach = view.strides[d] * (view.dims[d] - 1);
    (reach < 0 ? low : high) += reach;
  }
  const auto size = static_cast<int64_t>(byte_size(view.dtype));
  return {view.data + low * size, view.data + (high + 1) * size};
}

class Run {
 public:
  Run(ContextObject& context, const burnish_run_options& options) : context_(context), options_(options) {}

  Status read_inputs(const burnish_argument* inputs, std::size_t count) {
    const auto& values = context_.engine->inputs;
    std::vector<char> given(values.size(), 0);
    arguments_.resize(values.size());
    std::set<std::size_t> taken;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t index = TRY(index_of(values, inputs[i].name, i, taken, "input"));
      const TensorView view = TRY(view_of(inputs[i].tensor, "input '" + values[index].name + "'"));
      TRY(check_fits(view, values[index]));
      arguments_[index] = TRY(borrow(view));
      read_.push_back(memory_of(view));
      given[index] = 1;
    }
    const std::lock_guard lock(context_.engine->mutex);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (given[i] != 0 || values[i].type.kind == Type::Kind::optional) continue;
      const auto parameter = context_.engine->parameters.find(values[i].name);
      if (parameter == context_.engine->parameters.end())
        return usage_error("input '" + values[i].name + "' is missing", {},
                           "give a tensor of " + values[i].type_text +
                               (values[i].role == InputRole::parameter ? ", or set it with engine_set_parameter" : ""));
      arguments_[i] = parameter->second;
    }
    return {};
  }

  Status read_outputs(const burnish_result* outputs, std::size_t count) {
    const auto& values = context_.engine->outputs;
    wanted_.assign(count, 0);
    into_.resize(count);
    places_.resize(values.size(), count);
    preallocated_.resize(values.size());
    std::set<std::size_t> taken;
    std::vector<Range8> written;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t index = TRY(index_of(values, outputs[i].name, i, taken, "output"));
      wanted_[i] = index;
      places_[index] = i;
      if (outputs[i].into == nullptr) continue;
      const TensorView view = TRY(view_of(outputs[i].into, "output '" + values[index].name + "'"));
      TRY(check_fits(view, values[index]));
      into_[i] = view;
      // Written while the run goes on, unless somebody else still reads there.
      const Range8 range = memory_of(view);
      const auto overlaps = [&](const Range8& other) { return range.overlaps(other); };
      if (std::any_of(written.begin(), written.end(), overlaps))
        return usage_error("output '" + values[index].name + "' shares memory with another output", {},
                           "give every output memory of its own");
      written.push_back(range);
      const bool is_read = std::any_of(read_.begin(), read_.end(), overlaps);
      if (!is_read && !view.packed && view.strides.empty() &&
          reinterpret_cast<uintptr_t>(view.data) % std::min<std::size_t>(byte_size(view.dtype), 8) == 0)
        preallocated_[index] = Tensor::view(view.dtype, view.dims, view.data, nullptr);
    }
    return {};
  }

  Done run(burnish_result* outputs) {
    bool cancelled = false;
    RunOptions run_options;
    if (options_.cancelled != nullptr)
      run_options.cancelled = [&] { return cancelled = cancelled || options_.cancelled(options_.cancelled_user) != 0; };
    run_options.max_bytes = options_.max_bytes > 0 ? options_.max_bytes : context_.engine->run_bytes;
    run_options.max_loop_iterations = context_.engine->loop_iterations;
    std::unique_ptr<CallerMemory> memory;
    if (options_.allocator != nullptr) {
      memory = std::make_unique<CallerMemory>(*options_.allocator);
      run_options.allocate_output = [&](DType dtype, std::vector<int64_t> dims) {
        return memory->make(dtype, std::move(dims));
      };
    }
    auto results = context_.context->run(arguments_, run_options, preallocated_);
    if (!results) {
      if (cancelled) return std::unexpected(Failure(std::move(results).error(), BURNISH_CANCELLED));
      return std::unexpected(std::move(results).error());
    }
    return deliver(*results, memory.get(), outputs);
  }

 private:
  // All or nothing: what was made is kept here until no step can fail any more, but for the callers' own tensors.
  Done deliver(std::vector<RuntimeValue>& results, CallerMemory* memory, burnish_result* outputs) {
    struct Free {
      void operator()(DLManagedTensorVersioned* managed) const { managed->deleter(managed); }
    };
    std::vector<std::unique_ptr<DLManagedTensorVersioned, Free>> made(wanted_.size());
    for (std::size_t i = 0; i < wanted_.size(); ++i) {
      const ValueDescription& value = context_.engine->outputs[wanted_[i]];
      const std::string where = "output '" + value.name + "'";
      const RuntimeValue& result = results[wanted_[i]];
      if (!result.is_tensor())
        return refused("the result is a " + value.type_text + ", not a tensor", where,
                       "ask for outputs that are tensors");
      if (into_[i] && result.tensor().dims() != into_[i]->dims)
        return usage_error(
            "the result is " + result.tensor().type().text() + ", but the tensor to write it to is " + into_[i]->text(),
            where, "give a tensor of the result's shape, or none");
    }
    for (std::size_t i = 0; i < wanted_.size(); ++i) {
      Tensor& tensor = results[wanted_[i]].tensor();
      if (into_[i]) {
        TRY(store(tensor, *into_[i]));
        continue;
      }
      if (memory != nullptr && !memory->is_ours(tensor) && tensor.elements() > 0) {
        Tensor copied = TRY(memory->make(tensor.dtype(), tensor.dims()));
        std::copy_n(tensor.data(), tensor.byte_size(), copied.mutable_data());
        tensor = std::move(copied);
      }
      made[i].reset(TRY(lend(std::move(tensor))));
    }
    for (std::size_t i = 0; i < made.size(); ++i)
      if (!into_[i]) outputs[i].made = made[i].release();
    return {};
  }

  ContextObject& context_;
  const burnish_run_options& options_;
  std::vector<RuntimeValue> arguments_;
  std::vector<Range8> read_;
  std::vector<std::size_t> wanted_, places_;
  std::vector<std::optional<TensorView>> into_;
  std::vector<Tensor> preallocated_;
};

}  // namespace

Status check_fits(const TensorView& view, const ValueDescription& value) {
  const Type& type = value.type.kind == Type::Kind::optional && value.type.element ? *value.type.element : value.type;
  const std::string where = "'" + value.name + "'";
  if (!type.is_tensor()) return usage_error("is a " + value.type_text + ", which no DLPack tensor can be", where);
  const auto wrong = [&](const char* what) {
    return usage_error("the tensor is " + view.text() + ", but must be " + value.type_text, where,
                       std::string("give a tensor of the right ") + what);
  };
  if (view.dtype != type.dtype) return wrong("dtype");
  if (!type.ranked) return {};
  if (view.dims.size() != type.dims.size()) return wrong("rank");
  for (std::size_t d = 0; d < view.dims.size(); ++d) {
    const auto number = type.dims[d].constant();
    if (number ? *number != view.dims[d]
               : less_equal(type.dims[d], view.dims[d] - 1) == Truth::yes ||
                     less_equal(view.dims[d] + 1, type.dims[d]) == Truth::yes)
      return wrong("shape");
  }
  return {};
}

Result<std::shared_ptr<ThreadPool>> shared_pool(int threads) {
  if (threads < 0 || threads > kMaxThreads)
    return usage_error(std::to_string(threads) + " threads are asked for", "option 'threads'",
                       "0 means all processors; the most is " + std::to_string(kMaxThreads));
  if (threads == 0) threads = available_processors();
  static std::mutex mutex;
  // Never destroyed: contexts may live until the program's very end. Pools end with their last context.
  static auto* const pools = new std::map<int, std::weak_ptr<ThreadPool>>;
  const std::lock_guard lock(mutex);
  std::weak_ptr<ThreadPool>& known = (*pools)[threads];
  if (auto pool = known.lock()) return pool;
  auto pool = std::make_shared<ThreadPool>(threads);
  known = pool;
  return pool;
}

burnish_status context_create(const burnish_engine* engine, const burnish_context_options* options,
                              burnish_context** context, burnish_error** error) {
  if (context != nullptr) *context = nullptr;
  return boundary(error, [&]() -> Done {
    if (context == nullptr) return null_argument("context");
    const auto o = TRY(structure(options, sizeof(burnish_context_options), "burnish_context_options"));
    auto object = std::make_shared<ContextObject>();
    object->engine = TRY(use<EngineObject>(engine));
    object->pool = TRY(shared_pool(o.threads));
    object->context = std::make_unique<Context>(object->engine->executor, object->pool.get());
    *context = new_handle<burnish_context>(std::move(object));
    return {};
  });
}

void context_free(burnish_context* context) {
  quietly(0, [&] { return retire(context, HandleKind::context), 0; });
}

burnish_status context_run(burnish_context* context, const burnish_argument* inputs, size_t input_count,
                           burnish_result* outputs, size_t output_count, const burnish_run_options* options,
                           burnish_error** error) {
  return boundary(error, [&]() -> Done {
    const auto object = TRY(use<ContextObject>(context));
    if (inputs == nullptr && input_count > 0) return null_argument("inputs");
    if (outputs == nullptr && output_count > 0) return null_argument("outputs");
    const Running running(object->busy);
    if (!running.begun())
      return usage_error("the context is running already", {}, "create one context for every run at the same time");
    const auto o = TRY(structure(options, sizeof(burnish_run_options), "burnish_run_options"));
    if (o.allocator != nullptr) {
      TRY(structure(o.allocator, sizeof(burnish_allocator), "burnish_allocator"));
      if (o.allocator->allocate == nullptr || o.allocator->release == nullptr)
        return usage_error("the allocator lacks a function", "burnish_allocator", "set allocate and release");
    }
    const auto& engine = *object->engine;
    if (input_count > engine.inputs.size())
      return usage_error(std::to_string(input_count) + " inputs are given where the engine takes " +
                             std::to_string(engine.inputs.size()),
                         {}, "its inputs are " + names_of(engine.inputs));
    if (output_count > engine.outputs.size())
      return usage_error(std::to_string(output_count) + " outputs are asked for where the engine has " +
                             std::to_string(engine.outputs.size()),
                         {}, "its outputs are " + names_of(engine.outputs));
    for (size_t i = 0; i < output_count; ++i) outputs[i].made = nullptr;
    Run run(*object, o);
    TRY(run.read_inputs(inputs, input_count));
    TRY(run.read_outputs(outputs, output_count));
    return run.run(outputs);
  });
}

burnish_status context_arena_bytes(const burnish_context* context, int64_t* bytes, burnish_error** error) {
  return boundary(error, [&]() -> Done {
    const auto object = TRY(use<ContextObject>(context));
    if (bytes == nullptr) return null_argument("bytes");
    const Running running(object->busy);
    if (!running.begun()) return usage_error("the context is running", {}, "ask when the run is done");
    *bytes = object->context->arena_bytes();
    return {};
  });
}

}  // namespace burnish::api
