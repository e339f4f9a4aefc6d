#include "api/runtime/boundary.h"
#include "api/runtime/call.h"
#include "api/runtime/functions.h"
#include "api/runtime/graph.h"
#include "base/log.h"

namespace burnish::api {
namespace {

// Stands for every function that only the compiler has: the same for any arguments, of which the last is the error.
template <class Function>
struct Absent;
template <class... Arguments>
struct Absent<burnish_status (*)(Arguments...)> {
  static burnish_status call(Arguments... arguments) {
    burnish_error** error = std::get<sizeof...(Arguments) - 1>(std::tuple(arguments...));
    return boundary(error, []() -> Done {
      return usage_error("the runtime library cannot do this: it only loads and runs saved engines", {},
                         "link libburnish (Burnish::burnish) instead of libburnish-runtime");
    });
  }
};
template <class... Arguments>
struct Absent<void (*)(Arguments...)> {
  static void call(Arguments...) {}
};
struct AbsentCompiler {
  template <class Function>
  operator Function*() const {  // NOLINT: takes the type of the member that it is assigned to
    return &Absent<Function*>::call;
  }
};

thread_local bool inside_log_callback = false;

burnish_table make_table() {
  burnish_table t{};
  t.version = BURNISH_API_VERSION;
  t.compiler = add_compiler != nullptr ? 1 : 0;
  t.library_version = BURNISH_VERSION;
  t.error_status = error_status;
  t.error_text = error_text;
  t.error_free = error_free;
  t.text_data = text_data;
  t.text_size = text_size;
  t.text_free = text_free;
  t.set_log = set_log;
  t.engine_load = engine_load;
  t.engine_load_bytes = engine_load_bytes;
  t.engine_free = engine_free;
  t.engine_save = engine_save;
  t.engine_save_as = engine_save_as;
  t.engine_count = engine_count;
  t.engine_value = engine_value;
  t.engine_text = engine_text;
  t.engine_set_parameter = engine_set_parameter;
  t.context_create = context_create;
  t.context_free = context_free;
  t.context_run = context_run;
  t.context_arena_bytes = context_arena_bytes;
  t.operator_register = operator_register;
  t.call_count = call_count;
  t.call_type = call_type;
  t.call_attribute = call_attribute;
  t.call_fail = call_fail;
  t.call_tensor = call_tensor;
  t.call_set_type = call_set_type;
  t.call_contents = call_contents;
  t.call_set_contents = call_set_contents;
  t.call_fresh = call_fresh;
  t.call_require = call_require;
  t.call_allocate = call_allocate;
  // What decompositions need, which may be left to the run.
  t.graph_constant = graph_constant;
  t.graph_constant_owned = graph_constant_owned;
  t.graph_add = graph_add;
  t.graph_value_info = graph_value_info;

  constexpr AbsentCompiler absent;
  t.graph_create = absent;
  t.graph_load = absent;
  t.graph_load_bytes = absent;
  t.graph_clone = absent;
  t.graph_free = absent;
  t.graph_symbol = absent;
  t.graph_input = absent;
  t.graph_output = absent;
  t.graph_count = absent;
  t.graph_value = absent;
  t.graph_find = absent;
  t.graph_text = absent;
  t.graph_save_onnx = absent;
  t.operators = absent;
  t.build = absent;
  t.checkpoint_load = absent;
  t.checkpoint_free = absent;
  t.checkpoint_count = absent;
  t.checkpoint_name = absent;
  t.checkpoint_tensor = absent;
  t.graph_load_as = absent;
  t.graph_load_bytes_as = absent;
  t.checkpoint_load_as = absent;
  if (add_compiler != nullptr) add_compiler(t);
  prepare_out_of_memory();
  return t;
}

}  // namespace

burnish_status error_status(const burnish_error* error) {
  return quietly(BURNISH_INTERNAL, [&] {
    const auto object = use<ErrorObject>(error);
    return object ? (*object)->status : BURNISH_USAGE;
  });
}

const char* error_text(const burnish_error* error, burnish_error_part part) {
  return quietly("", [&] {
    const auto object = use<ErrorObject>(error);
    if (!object) return error == nullptr ? "" : "this is no error object";
    switch (part) {
      case BURNISH_ERROR_MESSAGE: return (*object)->message.c_str();
      case BURNISH_ERROR_WHAT: return (*object)->what.c_str();
      case BURNISH_ERROR_WHERE: return (*object)->where.c_str();
      case BURNISH_ERROR_REMEDY: return (*object)->remedy.c_str();
    }
    return "";
  });
}

void error_free(burnish_error* error) {
  if (is_out_of_memory(error)) return;
  quietly(0, [&] { return retire(error, HandleKind::error), 0; });
}

const char* text_data(const burnish_text* text) {
  return quietly("", [&] {
    const auto object = use<TextObject>(text);
    return object ? (*object)->text.c_str() : "";
  });
}

size_t text_size(const burnish_text* text) {
  return quietly(size_t{0}, [&] {
    const auto object = use<TextObject>(text);
    return object ? (*object)->text.size() : 0;
  });
}

void text_free(burnish_text* text) {
  quietly(0, [&] { return retire(text, HandleKind::text), 0; });
}

burnish_status set_log(burnish_log_function function, void* user, burnish_log_level level, burnish_error** error) {
  return boundary(error, [&]() -> Done {
    if (level < BURNISH_LOG_QUIET || level > BURNISH_LOG_VERBOSE)
      return usage_error("there is no log level " + std::to_string(static_cast<int>(level)), "argument 'level'");
    if (inside_log_callback)
      return usage_error("the log cannot be changed from within its own callback", {}, "change it after the call");
    set_log_level(static_cast<LogLevel>(level));
    if (function == nullptr) {
      set_log_callback(nullptr);
      return {};
    }
    set_log_callback([function, user](LogLevel at, std::string_view text) {
      const std::string line(text);
      inside_log_callback = true;
      function(user, static_cast<burnish_log_level>(at), line.c_str());
      inside_log_callback = false;
    });
    return {};
  });
}

Status give_info(burnish_value_info* info, const char* name, const char* type, InputRole role) {
  if (info == nullptr) return null_argument("info");
  if (info->size < sizeof(burnish_value_info))
    return bad_size("burnish_value_info", info->size, sizeof(burnish_value_info));
  info->name = name;
  info->type = type;
  info->role = static_cast<burnish_role>(role);
  return {};
}

}  // namespace burnish::api

extern "C" BURNISH_EXPORT const burnish_table* burnish_api(uint32_t version) {
  if (version == 0 || version > BURNISH_API_VERSION) return nullptr;
  try {
    static const burnish_table table = burnish::api::make_table();
    return &table;
  } catch (...) {
    return nullptr;
  }
}
