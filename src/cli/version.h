#pragma once

namespace burnish::cli {

#ifndef BURNISH_VERSION
#error "the build defines BURNISH_VERSION (cmake/archive.cmake)"
#endif
inline constexpr const char* kVersion = BURNISH_VERSION;

}  // namespace burnish::cli
