#pragma once
// The page without its data, made of the other files of this folder (cmake/page.cmake).

namespace burnish::cli {

extern const char kPageBefore[], kPageAfter[];

}  // namespace burnish::cli
