#include "cli/libraries.h"

#include <burnish/burnish.h>
#include <dlfcn.h>

#include <filesystem>

namespace burnish::cli {
namespace {

Error error_of(burnish_status status, burnish_error* error) {
  const burnish_table& b = *burnish_api(BURNISH_API_VERSION);
  Error result{static_cast<ErrorCode>(status), b.error_text(error, BURNISH_ERROR_WHAT),
               b.error_text(error, BURNISH_ERROR_WHERE), b.error_text(error, BURNISH_ERROR_REMEDY)};
  b.error_free(error);
  if (status < BURNISH_USAGE || status > BURNISH_INTERNAL) result.code = ErrorCode::refused;
  if (!result.what.empty()) return result;
  result.what = "it does not register its operators, and does not say why";
  result.remedy = "was it made for another version of Burnish?";
  return result;
}

}  // namespace

Status load_operators(const std::string& path) {
  std::error_code ignored;
  // This file and no other: a bare name would be looked for among the system's libraries.
  const std::string file = std::filesystem::absolute(path, ignored).string();
  if (!std::filesystem::exists(file, ignored)) return io_error("there is no such file", path);
  void* library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* why = ::dlerror();
    return usage_error(std::string("cannot be loaded: ") + (why == nullptr ? "no reason is known" : why), path);
  }
  // Never closed: the operators' code is in it.
  const auto enter =
      reinterpret_cast<decltype(&burnish_register_operators)>(::dlsym(library, "burnish_register_operators"));
  if (enter == nullptr)
    return usage_error("the library has no function burnish_register_operators", path,
                       "docs/getting_started.md shows one that has");
  burnish_error* error = nullptr;
  const burnish_status status = enter(burnish_api(BURNISH_API_VERSION), &error);
  if (status == BURNISH_OK) return {};
  return std::unexpected(error_of(status, error).within(path));
}

}  // namespace burnish::cli
