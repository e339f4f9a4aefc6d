#pragma once
// Changes that keep most of what they change well formed, so that fuzz targets get behind the first parser.

#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace burnish::testing {

class Mutator {
 public:
  explicit Mutator(uint64_t seed) : random_(seed) {}

  std::size_t below(std::size_t n) { return n == 0 ? 0 : random_() % n; }
  bool one_in(std::size_t n) { return below(n) == 0; }
  int64_t number();  // small ones, and those at the ends of types

  // The text form of graphs, or any like it: tokens become others of their kind, from the text itself, from `donor` or
  // from the catalogue; lines and attributes come, go and move.
  std::string text(std::string_view text, std::string_view donor);
  // One value of the tree becomes another, goes, or comes twice.
  void json(Json& tree);

 private:
  std::string scalar_text();
  Json scalar();
  std::mt19937_64 random_;
};

}  // namespace burnish::testing
