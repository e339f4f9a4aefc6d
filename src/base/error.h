#pragma once
// What went wrong, in terms a user can act on. User mistakes and bad files travel as Error values; bugs abort through CHECK.

#include <cstdint>
#include <expected>
#include <string>
#include <utility>

namespace burnish {

// Every Error carries one; exit_code() makes it the process exit code of the `burnish` program.
enum class ErrorCode : int {
  mismatch = 1,  // a comparison or test failed
  usage = 2,     // wrong flags, names or shapes given by the caller
  refused = 3,   // the model or file is bad, unknown or not supported
  io = 4,        // disk or permission
  internal = 5,  // a bug of ours
  memory = 7,    // memory that cannot be had: a status of its own for callers of the libraries
};

// The program counts what there is no memory for among what it refuses.
constexpr int exit_code(ErrorCode code) {
  return static_cast<int>(code == ErrorCode::memory ? ErrorCode::refused : code);
}

struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string what;    // what is wrong, with the values involved
  std::string where;   // file, node or flag; empty when unknown
  std::string remedy;  // what to do about it; empty when nothing can be said

  // "where: what; remedy" on one line.
  std::string message() const;
  // Puts an outer place before `where` ("model.onnx: node conv1: ...").
  Error within(std::string_view outer) &&;
};

template <class T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

std::unexpected<Error> usage_error(std::string what, std::string where = {}, std::string remedy = {});
std::unexpected<Error> refused(std::string what, std::string where = {}, std::string remedy = {});
// Without a remedy: smaller inputs or more memory.
std::unexpected<Error> memory_error(std::string what, std::string where = {}, std::string remedy = {});
std::unexpected<Error> io_error(std::string what, std::string where = {}, std::string remedy = {});
// A state that only a bug can reach but that must not take the host process down.
std::unexpected<Error> internal_error(std::string what, std::string where = {});

// Prints the message with its place and aborts: for broken invariants of our own code only.
[[noreturn]] void check_failed(const char* condition, const char* file, int line, const std::string& detail);

namespace detail {
inline void discard(Status&&) {}
template <class T>
T&& take(Result<T>& r) {
  return std::move(*r);
}
inline void take(Status&) {}
}  // namespace detail
}  // namespace burnish

// Value of a Result, or return its error from the enclosing function.
#define TRY(expression)                                                             \
  ({                                                                                \
    auto try_result_ = (expression);                                                \
    if (!try_result_) [[unlikely]]                                                  \
      return ::std::unexpected<::burnish::Error>(::std::move(try_result_).error()); \
    ::burnish::detail::take(try_result_);                                           \
  })

#define CHECK(condition, ...)                                                              \
  do {                                                                                     \
    if (!(condition)) [[unlikely]]                                                         \
      ::burnish::check_failed(#condition, __FILE__, __LINE__, ::std::string(__VA_ARGS__)); \
  } while (0)
