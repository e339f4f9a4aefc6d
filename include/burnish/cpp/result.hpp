// What can fail returns a Result: std::expected where the compiler has it, else a small class with the same members.
#ifndef BURNISH_CPP_RESULT_HPP_
#define BURNISH_CPP_RESULT_HPP_

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <version>
#if defined(__cpp_lib_expected) && __cpp_lib_expected >= 202202L
#include <expected>
#define BURNISH_HAS_EXPECTED 1
// Files of one program may be compiled as C++20 and as C++23: functions that return different types get different names.
#define BURNISH_NAMESPACE_BEGIN \
  namespace burnish {           \
  inline namespace cpp23 {
#else
#define BURNISH_HAS_EXPECTED 0
#define BURNISH_NAMESPACE_BEGIN \
  namespace burnish {           \
  inline namespace cpp20 {
#endif
#define BURNISH_NAMESPACE_END \
  }                           \
  }

#include <burnish/burnish.h>

BURNISH_NAMESPACE_BEGIN

enum class ErrorCode {
  usage = BURNISH_USAGE,          // the call is wrong: names, shapes, dtypes
  refused = BURNISH_REFUSED,      // the model or file is bad, unknown or not supported
  io = BURNISH_IO,                // disk or permission
  internal = BURNISH_INTERNAL,    // a bug of ours
  cancelled = BURNISH_CANCELLED,  // by the caller's callback
  memory = BURNISH_MEMORY,        // there is not enough of it
};

struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string what = {};    // what is wrong
  std::string where = {};   // file, node or argument; may be empty
  std::string remedy = {};  // what to do about it; may be empty

  // All of it on one line.
  std::string message() const {
    std::string text = where.empty() ? what : where + ": " + what;
    return remedy.empty() ? text : text + "; " + remedy;
  }
};

// Thrown by or_throw, and by Result::value() where Result is our own.
class Exception : public std::runtime_error {
 public:
  explicit Exception(Error error) : std::runtime_error(error.message()), error_(std::move(error)) {}
  const Error& error() const { return error_; }

 private:
  Error error_;
};

#if BURNISH_HAS_EXPECTED
template <class T>
using Result = std::expected<T, Error>;
using Unexpected = std::unexpected<Error>;
#else
class Unexpected {
 public:
  explicit Unexpected(Error error) : error_(std::move(error)) {}
  Error& error() { return error_; }

 private:
  Error error_;
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : data_(std::in_place_index<0>, std::move(value)) {}           // NOLINT: as std::expected does
  Result(Unexpected u) : data_(std::in_place_index<1>, std::move(u.error())) {}  // NOLINT
  bool has_value() const { return data_.index() == 0; }
  explicit operator bool() const { return has_value(); }
  T& operator*() & { return *std::get_if<0>(&data_); }
  const T& operator*() const& { return *std::get_if<0>(&data_); }
  T&& operator*() && { return std::move(*std::get_if<0>(&data_)); }
  T* operator->() { return std::get_if<0>(&data_); }
  const T* operator->() const { return std::get_if<0>(&data_); }
  T& value() & { return check(), **this; }
  const T& value() const& { return check(), **this; }
  T&& value() && { return check(), std::move(**this); }
  const Error& error() const& { return *std::get_if<1>(&data_); }
  Error&& error() && { return std::move(*std::get_if<1>(&data_)); }
  template <class U>
  T value_or(U&& other) const& {
    return has_value() ? **this : static_cast<T>(std::forward<U>(other));
  }

 private:
  void check() const {
    if (!has_value()) throw Exception(error());
  }
  std::variant<T, Error> data_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Unexpected u) : failed_(true), error_(std::move(u.error())) {}  // NOLINT
  bool has_value() const { return !failed_; }
  explicit operator bool() const { return !failed_; }
  void operator*() const {}
  void value() const {
    if (failed_) throw Exception(error_);
  }
  const Error& error() const& { return error_; }
  Error&& error() && { return std::move(error_); }

 private:
  bool failed_ = false;
  Error error_;
};
#endif

// The value, or an Exception with the whole message.
template <class T>
T or_throw(Result<T>&& result) {
  if (!result) throw Exception(std::move(result).error());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

namespace detail {

// Null when the library is older than this header.
inline const burnish_table* table() {
  static const burnish_table* const found = burnish_api(BURNISH_API_VERSION);
  return found;
}

inline Error library_too_old() {
  return {ErrorCode::usage,
          "the burnish library that was loaded is older than the header that the program was compiled with",
          {},
          "install the library that belongs to the header"};
}

// The error of a call that failed; ends the C object.
inline Error take_error(burnish_status status, burnish_error* error) {
  const burnish_table* t = table();
  Error result;
  result.code = static_cast<ErrorCode>(status);
  if (error != nullptr) {
    result.what = t->error_text(error, BURNISH_ERROR_WHAT);
    result.where = t->error_text(error, BURNISH_ERROR_WHERE);
    result.remedy = t->error_text(error, BURNISH_ERROR_REMEDY);
    t->error_free(error);
  }
  return result;
}

// call(&burnish_table::graph_create, name, &handle): the error object is the last argument of every function.
template <class Function, class... Arguments>
Result<void> call(Function burnish_table::* function, Arguments... arguments) {
  const burnish_table* t = table();
  if (t == nullptr) return Unexpected(library_too_old());
  burnish_error* error = nullptr;
  const burnish_status status = (t->*function)(arguments..., &error);
  if (status != BURNISH_OK) return Unexpected(take_error(status, error));
  return {};
}

// The string of a burnish_text, which ends.
inline std::string take_text(burnish_text* text) {
  std::string result(table()->text_data(text), table()->text_size(text));
  table()->text_free(text);
  return result;
}

}  // namespace detail

enum class LogLevel {
  quiet = BURNISH_LOG_QUIET,
  error = BURNISH_LOG_ERROR,
  warning = BURNISH_LOG_WARNING,
  info = BURNISH_LOG_INFO,
  verbose = BURNISH_LOG_VERBOSE,
};

BURNISH_NAMESPACE_END
#endif  // BURNISH_CPP_RESULT_HPP_
