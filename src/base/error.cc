#include "base/error.h"

#include <cstdio>
#include <cstdlib>

namespace burnish {

namespace {

// Names come from files, and nest: what is too long to be read loses its middle.
void shorten(std::string& text) {
  constexpr std::size_t kLongest = 1500, kEnd = 300;
  if (text.size() <= kLongest) return;
  text = text.substr(0, kLongest - kEnd) + " ... " + text.substr(text.size() - kEnd);
}

std::unexpected<Error> make(ErrorCode code, std::string what, std::string where, std::string remedy) {
  shorten(what);
  shorten(where);
  shorten(remedy);
  return std::unexpected(Error{code, std::move(what), std::move(where), std::move(remedy)});
}

}  // namespace

std::string Error::message() const {
  std::string text = where.empty() ? what : where + ": " + what;
  if (!remedy.empty()) text += "; " + remedy;
  return text;
}

Error Error::within(std::string_view outer) && {
  where = where.empty() ? std::string(outer) : std::string(outer) + ": " + where;
  shorten(where);
  return std::move(*this);
}

std::unexpected<Error> usage_error(std::string what, std::string where, std::string remedy) {
  return make(ErrorCode::usage, std::move(what), std::move(where), std::move(remedy));
}
std::unexpected<Error> refused(std::string what, std::string where, std::string remedy) {
  return make(ErrorCode::refused, std::move(what), std::move(where), std::move(remedy));
}
std::unexpected<Error> memory_error(std::string what, std::string where, std::string remedy) {
  if (remedy.empty()) remedy = "use smaller inputs or a machine with more memory";
  return make(ErrorCode::memory, std::move(what), std::move(where), std::move(remedy));
}
std::unexpected<Error> io_error(std::string what, std::string where, std::string remedy) {
  return make(ErrorCode::io, std::move(what), std::move(where), std::move(remedy));
}
std::unexpected<Error> internal_error(std::string what, std::string where) {
  return make(ErrorCode::internal, std::move(what), std::move(where), "this is a bug in Burnish; please report it");
}

void check_failed(const char* condition, const char* file, int line, const std::string& detail) {
  std::fprintf(stderr,
               "burnish: bug: %s does not hold at %s:%d\n%s\nPlease report this with the command that led here.\n",
               condition, file, line, detail.c_str());
  std::abort();
}

}  // namespace burnish
