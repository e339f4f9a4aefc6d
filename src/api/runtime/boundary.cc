#include "api/runtime/boundary.h"

#include <new>
#include <stdexcept>

namespace burnish::api {
namespace {

burnish_error* out_of_memory() {
  static burnish_error* const handle = new_handle<burnish_error>(std::make_shared<ErrorObject>(
      ErrorObject{BURNISH_MEMORY, "there is not enough memory; use smaller inputs or a machine with more memory",
                  "there is not enough memory", "", "use smaller inputs or a machine with more memory"}));
  return handle;
}

}  // namespace

burnish_status Failure::status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::usage: return BURNISH_USAGE;
    case ErrorCode::mismatch:
    case ErrorCode::refused: return BURNISH_REFUSED;
    case ErrorCode::io: return BURNISH_IO;
    case ErrorCode::memory: return BURNISH_MEMORY;
    case ErrorCode::internal: break;
  }
  return BURNISH_INTERNAL;
}

burnish_status give_failure(Failure&& failure, burnish_error** error) noexcept {
  const burnish_status status = failure.status;
  if (error == nullptr) return status;
  try {
    auto object = std::make_shared<ErrorObject>();
    object->status = status;
    object->message = failure.error.message();
    object->what = std::move(failure.error.what);
    object->where = std::move(failure.error.where);
    object->remedy = std::move(failure.error.remedy);
    *error = new_handle<burnish_error>(std::move(object));
    return status;
  } catch (...) {
    return give_out_of_memory(error);
  }
}

void prepare_out_of_memory() { out_of_memory(); }
bool is_out_of_memory(const burnish_error* error) { return error == out_of_memory(); }

burnish_status give_out_of_memory(burnish_error** error) noexcept {
  if (error != nullptr) *error = out_of_memory();  // it exists since the table was made
  return BURNISH_MEMORY;
}

burnish_status give_exception(burnish_error** error) noexcept {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return give_out_of_memory(error);
  } catch (const std::length_error&) {  // a container that nobody could fill
    return give_out_of_memory(error);
  } catch (const std::exception& exception) {
    try {
      return give_failure(Failure(internal_error(exception.what()).error()), error);
    } catch (...) {
      return give_out_of_memory(error);
    }
  } catch (...) {
    try {
      return give_failure(Failure(internal_error("an unknown exception").error()), error);
    } catch (...) {
      return give_out_of_memory(error);
    }
  }
}

Result<std::vector<std::string>> required_strings(const char* const* texts, std::size_t count, const char* name) {
  if (texts == nullptr && count > 0) return null_argument(name);
  std::vector<std::string> strings;
  for (std::size_t i = 0; i < count; ++i) strings.push_back(TRY(required_string(texts[i], name)));
  return strings;
}

std::unexpected<Error> bad_size(const char* structure, std::size_t given, std::size_t least) {
  return usage_error(std::string("'") + structure + "' says that it has " + std::to_string(given) +
                         " bytes, which is no size of it (" + std::to_string(least) + " or more)",
                     {}, "set its first member, size, to sizeof of the structure");
}

Result<Limits> read_limits(const char* const* texts, std::size_t count) {
  Limits limits;
  for (const std::string& text : TRY(required_strings(texts, count, "options.limits")))
    if (Status set = set_limit(limits, text); !set)
      return std::unexpected(std::move(set).error().within("option 'limits'"));
  return limits;
}

Result<Limits> read_limits(const burnish_read_options* options) {
  const auto given = TRY(structure(options, sizeof(burnish_read_options), "burnish_read_options"));
  return read_limits(given.limits, given.limit_count);
}

burnish_text* give_text(std::string text) {
  auto object = std::make_shared<TextObject>();
  object->text = std::move(text);
  return new_handle<burnish_text>(std::move(object));
}

}  // namespace burnish::api
