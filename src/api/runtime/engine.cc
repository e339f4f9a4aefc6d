#include "api/runtime/engine.h"

#include <cstring>
#include <functional>

#include "api/runtime/boundary.h"
#include "api/runtime/functions.h"
#include "api/runtime/tensors.h"
#include "base/file.h"
#include "runtime/memory.h"
#include "runtime/plan_signature.h"

namespace burnish::api {
namespace {

constexpr const char* kInMemory = "plan in memory";

std::vector<ValueDescription> describe(const Program& program, const std::vector<int>& slots,
                                       const std::vector<std::string>& names) {
  std::vector<ValueDescription> result;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const Slot& slot = program.slots[static_cast<std::size_t>(slots[i])];
    result.push_back({i < names.size() ? names[i] : slot.name, slot.type, slot.type.text()});
  }
  return result;
}

Result<std::shared_ptr<EngineObject>> engine_of(std::shared_ptr<const Plan> plan, const burnish_load_options& options,
                                                const Limits& limits) {
  CpuFeatures cpu = host_cpu();
  if (options.cpu != nullptr) {
    const CpuFeatures wanted = TRY(parse_cpu(options.cpu));
    if (!cpu.supports(wanted))
      return usage_error("this processor cannot run code for " + wanted.text() + ": it lacks " + cpu.missing(wanted),
                         "option 'cpu'", "leave the option out");
    cpu = wanted;
  }
  auto engine = TRY(make_engine(TRY(plan->program(cpu)), limits, plan));
  engine->decisions = plan->decisions();
  engine->plan = std::move(plan);
  return engine;
}

Result<burnish_load_options> load_options(const burnish_load_options* options) {
  return structure(options, offsetof(burnish_load_options, required_keys), "burnish_load_options");
}

Result<std::vector<PublicKey>> keys_of(const burnish_load_options& options) {
  return required_keys(
      TRY(required_strings(options.required_keys, options.required_key_count, "options.required_keys")));
}

// What was built, or a plan that was loaded: as it is, or signed with a key.
Status save(const EngineObject& engine, const std::string& file, const SecretKey* key) {
  if (engine.plan != nullptr) {
    if (key != nullptr) return sign_plan(*engine.plan, *key, file, nullptr);
    TRY(engine.plan->check_constants(nullptr));  // a damaged plan is not worth a second file
    AtomicFile out = TRY(AtomicFile::create(file));
    TRY(out.write(engine.plan->file()));
    return out.commit();
  }
  std::vector<const Program*> images;
  for (const auto& image : engine.images) images.push_back(image.get());
  PlanMetadata metadata;
  metadata.simplified = engine.simplified.get();
  metadata.decisions = engine.decisions;
  metadata.record = engine.record;
  metadata.layers = engine.layers;
  metadata.key = key;
  return save_plan(images, metadata, file);
}

}  // namespace

Result<std::shared_ptr<EngineObject>> make_engine(std::shared_ptr<const Program> program, const Limits& limits,
                                                  std::shared_ptr<const void> mapped) {
  auto engine = std::make_shared<EngineObject>();
  engine->run_bytes = run_bytes(limits);
  engine->loop_iterations = limits.loop_iterations;
  engine->executor = TRY(Executor::create(program, std::move(mapped)));
  engine->inputs = describe(*program, program->inputs, program->input_names);
  engine->outputs = describe(*program, program->outputs, program->output_names);
  for (std::size_t i = 0; i < engine->inputs.size() && i < program->input_roles.size(); ++i)
    engine->inputs[i].role = program->input_roles[i];
  return engine;
}

std::string names_of(const std::vector<ValueDescription>& values) {
  std::string text;
  for (const ValueDescription& value : values) text += (text.empty() ? "'" : ", '") + value.name + "'";
  return text.empty() ? "none" : text;
}

burnish_status engine_load(const char* path, const burnish_load_options* options, burnish_engine** engine,
                           burnish_error** error) {
  if (engine != nullptr) *engine = nullptr;
  return boundary(error, [&]() -> Done {
    if (engine == nullptr) return null_argument("engine");
    const std::string file = TRY(required_string(path, "path"));
    const burnish_load_options given = TRY(load_options(options));
    const Limits limits = TRY(read_limits(given.limits, given.limit_count));
    auto plan = TRY(Plan::open(file, TRY(keys_of(given)), limits));
    *engine = new_handle<burnish_engine>(TRY(engine_of(std::move(plan), given, limits)));
    return {};
  });
}

burnish_status engine_load_bytes(const void* data, size_t bytes, const burnish_load_options* options,
                                 burnish_engine** engine, burnish_error** error) {
  if (engine != nullptr) *engine = nullptr;
  return boundary(error, [&]() -> Done {
    if (engine == nullptr) return null_argument("engine");
    if (data == nullptr) return null_argument("data");
    if (bytes > static_cast<size_t>(Range::kMax)) return usage_error("no plan has " + std::to_string(bytes) + " bytes");
    const burnish_load_options loading = TRY(load_options(options));
    const Limits limits = TRY(read_limits(loading.limits, loading.limit_count));
    // Size and head are looked at before the copy, so that a wrong length costs nothing.
    const std::span<const std::byte> given(static_cast<const std::byte*>(data), bytes);
    TRY(Plan::check_size(bytes, limits, kInMemory));
    if (!Plan::is_plan(given)) return refused("these bytes are not a plan", {}, "pass a whole file that was saved");
    auto block = std::make_shared<Block>();
    TRY(block->reserve(static_cast<int64_t>(bytes)));
    std::memcpy(block->data(), data, bytes);
    const std::span<const std::byte> copy(block->data(), bytes);
    auto plan = TRY(Plan::from_bytes(copy, std::move(block), kInMemory, TRY(keys_of(loading))));
    *engine = new_handle<burnish_engine>(TRY(engine_of(std::move(plan), loading, limits)));
    return {};
  });
}

void engine_free(burnish_engine* engine) {
  quietly(0, [&] { return retire(engine, HandleKind::engine), 0; });
}

burnish_status engine_save(const burnish_engine* engine, const char* path, burnish_error** error) {
  return boundary(error, [&]() -> Done {
    const auto object = TRY(use<EngineObject>(engine));
    TRY(save(*object, TRY(required_string(path, "path")), nullptr));
    return {};
  });
}

burnish_status engine_save_as(const burnish_engine* engine, const char* path, const burnish_save_options* options,
                              burnish_error** error) {
  return boundary(error, [&]() -> Done {
    const auto object = TRY(use<EngineObject>(engine));
    const std::string file = TRY(required_string(path, "path"));
    const auto given = TRY(structure(options, sizeof(burnish_save_options), "burnish_save_options"));
    std::optional<SecretKey> key;
    if (given.signing_key != nullptr) key = TRY(find_secret_key(given.signing_key));
    TRY(save(*object, file, key ? &*key : nullptr));
    return {};
  });
}

burnish_status engine_count(const burnish_engine* engine, burnish_side side, size_t* count, burnish_error** error) {
  return boundary(error, [&]() -> Done {
    const auto object = TRY(use<EngineObject>(engine));
    if (count == nullptr) return null_argument("count");
    if (side != BURNISH_INPUT && side != BURNISH_OUTPUT) return usage_error("there is no such side", "argument 'side'");
    *count = (side == BURNISH_INPUT ? object->inputs : object->outputs).size();
    return {};
  });
}

burnish_status engine_value(const burnish_engine* engine, burnish_side side, size_t index, burnish_value_info* info,
                            burnish_error** error) {
  return boundary(error, [&]() -> Done {
    const auto object = TRY(use<EngineObject>(engine));
    if (side != BURNISH_INPUT && side != BURNISH_OUTPUT) return usage_error("there is no such side", "argument 'side'");
    const auto& values = side == BURNISH_INPUT ? object->inputs : object->outputs;
    if (index >= values.size())
      return usage_error("there is no number " + std::to_string(index) + " among " + std::to_string(values.size()),
                         "argument 'index'");
    const ValueDescription& value = values[index];
    TRY(give_info(info, value.name.c_str(), value.type_text.c_str(), value.role));
    return {};
  });
}

burnish_status engine_text(const burnish_engine* engine, burnish_engine_part part, burnish_text** text,
                           burnish_error** error) {
  if (text != nullptr) *text = nullptr;
  return boundary(error, [&]() -> Done {
    const auto object = TRY(use<EngineObject>(engine));
    if (text == nullptr) return null_argument("text");
    switch (part) {
      case BURNISH_ENGINE_DECISIONS: *text = give_text(object->decisions); return {};
      case BURNISH_ENGINE_CPU: *text = give_text(object->executor->program().cpu); return {};
      case BURNISH_ENGINE_SIGNER: {
        const bool verified = object->plan != nullptr && object->plan->signature_verified();
        *text = give_text(verified ? object->plan->signer()->text() : std::string());
        return {};
      }
    }
    return usage_error("an engine has no such part", "argument 'part'");
  });
}

burnish_status engine_set_parameter(burnish_engine* engine, const char* name, const DLTensor* tensor,
                                    burnish_error** error) {
  return boundary(error, [&]() -> Done {
    const auto object = TRY(use<EngineObject>(engine));
    const std::string input = TRY(required_string(name, "name"));
    const ValueDescription* found = nullptr;
    for (const ValueDescription& value : object->inputs)
      if (value.name == input) found = &value;
    if (found == nullptr)
      return usage_error("the engine has no input '" + input + "'", {},
                         "its inputs are " + names_of(object->inputs) +
                             "; an input that is an initializer, too, is built in as a constant");
    if (found->role != InputRole::parameter)
      return usage_error("input '" + input + "' is not a parameter", {}, "give it to every run");
    if (tensor == nullptr) {
      const std::lock_guard lock(object->mutex);
      object->parameters.erase(input);
      return {};
    }
    const TensorView view = TRY(view_of(tensor, "parameter '" + input + "'"));
    TRY(check_fits(view, *found));
    Tensor value = TRY(copy(view));
    const std::lock_guard lock(object->mutex);
    object->parameters.insert_or_assign(input, std::move(value));
    return {};
  });
}

}  // namespace burnish::api
