#pragma once
// Where C calls come in: no exception leaves, every failure becomes a status and an error object.

#include <burnish/burnish.h>

#include <cstring>
#include <exception>
#include <expected>
#include <string>
#include <utility>
#include <vector>

#include "api/runtime/handles.h"
#include "base/error.h"
#include "base/limits.h"

namespace burnish::api {

// An Error with the status that the caller sees.
struct Failure {
  Error error;
  burnish_status status;
  Failure(Error e) : error(std::move(e)), status(status_of(error.code)) {}  // NOLINT: TRY makes Failures of Errors
  Failure(Error e, burnish_status s) : error(std::move(e)), status(s) {}
  static burnish_status status_of(ErrorCode code);
};
using Done = std::expected<void, Failure>;

struct ErrorObject {
  static constexpr HandleKind kKind = HandleKind::error;
  static constexpr const char* kName = "error";
  burnish_status status;
  std::string message, what, where, remedy;
};
struct TextObject {
  static constexpr HandleKind kKind = HandleKind::text;
  static constexpr const char* kName = "text";
  std::string text;
};

// Makes the error object, when one is wanted, and returns the status. Without memory there is one for all that needs none.
burnish_status give_failure(Failure&& failure, burnish_error** error) noexcept;
burnish_status give_out_of_memory(burnish_error** error) noexcept;
// Makes that object, which nobody frees.
void prepare_out_of_memory();
bool is_out_of_memory(const burnish_error* error);
// Of the exception being handled.
burnish_status give_exception(burnish_error** error) noexcept;

template <class Body>
burnish_status boundary(burnish_error** error, Body&& body) noexcept {
  if (error != nullptr) *error = nullptr;
  try {
    Done done = body();
    if (done) return BURNISH_OK;
    return give_failure(std::move(done).error(), error);
  } catch (...) {
    return give_exception(error);
  }
}

// For functions without a status.
template <class Result, class Body>
Result quietly(Result otherwise, Body&& body) noexcept {
  try {
    return body();
  } catch (...) {
    return otherwise;
  }
}

inline std::unexpected<Error> null_argument(const char* name) {
  return usage_error(std::string("argument '") + name + "' is NULL");
}
inline Result<std::string> required_string(const char* text, const char* name) {
  if (text == nullptr) return null_argument(name);
  return std::string(text);
}

// All of an array of the caller's; `name` is what messages call it.
Result<std::vector<std::string>> required_strings(const char* const* texts, std::size_t count, const char* name);

std::unexpected<Error> bad_size(const char* structure, std::size_t given, std::size_t least);

// A copy of the caller's structure, which may be older (shorter: the rest is zero) or newer (longer: what this library
// does not know must be zero). NULL: all zero, the defaults.
template <class T>
Result<T> structure(const T* given, std::size_t least, const char* name) {
  constexpr std::size_t kLargest = 4096;
  T result{};
  result.size = sizeof(T);
  if (given == nullptr) return result;
  const std::size_t size = given->size;
  if (size < least || size > kLargest) return bad_size(name, size, least);
  std::memcpy(&result, given, std::min(size, sizeof(T)));
  for (std::size_t i = sizeof(T); i < size; ++i)
    if (reinterpret_cast<const unsigned char*>(given)[i] != 0)
      return usage_error(std::string("'") + name + "' sets something that this library is too old to know", {},
                         "install the library that belongs to the header");
  return result;
}

// The defaults, but for those that the caller names: the members `limits` and `limit_count` of an options structure.
Result<Limits> read_limits(const char* const* texts, std::size_t count);
Result<Limits> read_limits(const burnish_read_options* options);

// A new handle with the text.
burnish_text* give_text(std::string text);

}  // namespace burnish::api
