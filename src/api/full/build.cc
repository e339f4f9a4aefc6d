#include "compile/build.h"

#include <atomic>
#include <cstddef>

#include "api/full/functions.h"
#include "api/runtime/boundary.h"
#include "api/runtime/functions.h"
#include "api/runtime/graph.h"
#include "base/json.h"
#include "base/log.h"
#include "compile/record.h"
#include "compile/shape_text.h"
#include "ops/operator.h"

namespace burnish::api {
namespace {

Result<BuildOptions> read_options(const burnish_build_options& given) {
  BuildOptions options;
  if (given.cpu != nullptr) options.cpu = given.cpu;
  switch (given.fallback) {
    case BURNISH_FALLBACK_WARN: options.fallback = Fallback::warn; break;
    case BURNISH_FALLBACK_ALLOW: options.fallback = Fallback::allow; break;
    case BURNISH_FALLBACK_ERROR: options.fallback = Fallback::error; break;
    default: return usage_error("there is no such fallback", "option 'fallback'");
  }
  switch (given.mode) {
    case BURNISH_MODE_DEFAULT: break;
    case BURNISH_MODE_MAX_AUTOTUNE: options.mode = BuildMode::max_autotune; break;
    default: return usage_error("there is no such mode", "option 'mode'");
  }
  if (given.timing_cache != nullptr) options.timing_cache = given.timing_cache;
  if (!options.timing_cache.empty() && options.mode != BuildMode::max_autotune)
    return usage_error("only BURNISH_MODE_MAX_AUTOTUNE keeps times", "option 'timing_cache'");
  options.exact = given.exact != 0;
  if (given.threads < 0 || given.threads > 4096)
    return usage_error(std::to_string(given.threads) + " threads are asked for", "option 'threads'",
                       "0 means all processors");
  options.threads = given.threads;
  if (given.derived_limit != 0) options.derived_limit = std::max(given.derived_limit, 0.0);
  if (!(given.derived_limit <= 1e6)) return usage_error("the limit is no sensible number", "option 'derived_limit'");
  options.disabled = TRY(required_strings(given.disabled, given.disabled_count, "options.disabled"));
  options.limits = TRY(read_limits(given.limits, given.limit_count));
  if (given.progress != nullptr)
    options.progress = [given](std::string_view stage, double fraction) {
      given.progress(given.progress_user, std::string(stage).c_str(), fraction);
    };
  return options;
}

Status set_shapes(Graph& graph, const burnish_build_options& given, SymbolTable& opt) {
  if (given.shape_count == 0) return {};
  if (given.shapes == nullptr) return null_argument("options.shapes");
  std::vector<InputShape> shapes;
  for (size_t i = 0; i < given.shape_count; ++i)
    shapes.push_back({TRY(required_string(given.shapes[i].name, "options.shapes.name")),
                      TRY(required_string(given.shapes[i].type, "options.shapes.type"))});
  const Shapes read = TRY(read_shapes(shapes, graph));
  opt = read.opt;
  return apply_shapes(graph, read.types);
}

Result<std::shared_ptr<EngineObject>> engine_of_references(std::unique_ptr<Graph> graph, const Limits& limits) {
  ops::bind_operators(*graph);
  TRY(ops::verify(*graph));
  TRY(ops::infer(*graph));
  std::shared_ptr<const Graph> shared = std::move(graph);
  std::shared_ptr<const Program> program = TRY(reference_program(shared));
  auto engine = TRY(make_engine(program, limits));
  engine->images = {program};
  engine->simplified = std::move(shared);
  engine->decisions = "[]";
  return engine;
}

Result<std::shared_ptr<EngineObject>> engine_of_build(BuildResult built, const BuildOptions& options) {
  if (built.reference_nodes > 0 && options.fallback == Fallback::warn)
    log(LogLevel::warning, std::to_string(built.reference_nodes) + " of " + std::to_string(built.nodes) +
                               " nodes have no kernel and run as references");
  auto engine = TRY(make_engine(built.program, options.limits));
  PlanMetadata metadata = plan_metadata(built);
  engine->decisions = std::move(metadata.decisions);
  engine->record = std::move(metadata.record);
  engine->layers = std::move(metadata.layers);
  engine->images = std::move(built.images);
  engine->simplified = std::move(built.simplified);
  return engine;
}

Json json_of(const Operator& o) {
  constexpr const char* kArity[] = {"required", "optional", "variadic"};
  Json operands = Json::array(), results = Json::array(), attributes = Json::array();
  for (const OperandSpec& s : o.operands)
    operands.push_back(json_object("name", s.name, "types", s.types, "arity", kArity[static_cast<int>(s.arity)]));
  for (const ResultDoc& r : o.results)
    results.push_back(json_object("name", r.name, "doc", r.doc, "optional", r.optional, "variadic", r.variadic));
  for (const AttributeSpec& a : o.attributes)
    attributes.push_back(json_object("name", a.name, "kind", name(a.kind), "default", a.default_text, "doc", a.doc));
  return json_object("name", o.name, "doc", o.doc, "composite", !o.is_core(), "bodies", o.regions, "operands", operands,
                     "results", results, "attributes", attributes, "users", o.users);
}

}  // namespace

burnish_status build_engine(const burnish_graph* graph, const burnish_build_options* options, burnish_engine** engine,
                            burnish_error** error) {
  if (engine != nullptr) *engine = nullptr;
  return boundary(error, [&]() -> Done {
    if (engine == nullptr) return null_argument("engine");
    const auto given = TRY(structure(options, offsetof(burnish_build_options, limits), "burnish_build_options"));
    BuildOptions o = TRY(read_options(given));
    // Asked from several threads; once is enough.
    std::atomic<bool> cancelled = false;
    if (given.cancelled != nullptr)
      o.cancelled = [&] {
        if (!cancelled && given.cancelled(given.cancelled_user) != 0) cancelled = true;
        return cancelled.load();
      };
    std::unique_ptr<Graph> copy = TRY(use_graph(graph)).graph().clone();
    if (copy->outputs().empty())
      return usage_error("the graph has no outputs", {}, "declare what a run should give (graph_output)");
    TRY(set_shapes(*copy, given, o.opt));
    Result<std::shared_ptr<EngineObject>> made;
    if (given.references != 0) {
      made = engine_of_references(std::move(copy), o.limits);
    } else if (auto built = build(std::move(copy), o)) {
      made = engine_of_build(*std::move(built), o);
    } else {
      made = std::unexpected(std::move(built).error());
    }
    if (!made && cancelled) return std::unexpected(Failure(std::move(made).error(), BURNISH_CANCELLED));
    *engine = new_handle<burnish_engine>(TRY(std::move(made)));
    return {};
  });
}

burnish_status operators(burnish_text** text, burnish_error** error) {
  if (text != nullptr) *text = nullptr;
  return boundary(error, [&]() -> Done {
    if (text == nullptr) return null_argument("text");
    Json list = Json::array();
    for (const Operator* o : ops::all()) list.push_back(json_of(*o));
    *text = give_text(list.dump(2));
    return {};
  });
}

void add_compiler(burnish_table& t) {
  t.graph_create = graph_create;
  t.graph_load = graph_load;
  t.graph_load_bytes = graph_load_bytes;
  t.graph_load_as = graph_load_as;
  t.graph_load_bytes_as = graph_load_bytes_as;
  t.graph_clone = graph_clone;
  t.graph_free = graph_free;
  t.graph_symbol = graph_symbol;
  t.graph_input = graph_input;
  t.graph_output = graph_output;
  t.graph_count = graph_count;
  t.graph_value = graph_value;
  t.graph_find = graph_find;
  t.graph_text = graph_text;
  t.graph_save_onnx = graph_save_onnx;
  t.operators = operators;
  t.build = build_engine;
  t.checkpoint_load = checkpoint_load;
  t.checkpoint_load_as = checkpoint_load_as;
  t.checkpoint_free = checkpoint_free;
  t.checkpoint_count = checkpoint_count;
  t.checkpoint_name = checkpoint_name;
  t.checkpoint_tensor = checkpoint_tensor;
}

}  // namespace burnish::api
