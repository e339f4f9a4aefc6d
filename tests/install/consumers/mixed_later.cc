#include "mixed.h"
#include <burnish/burnish.hpp>

static_assert(__cplusplus > 202002L);

std::string text_from_cpp23() {
  burnish::Graph g("mixed");
  g.output("y", relu(g.input("x", "f32[2]")));
  return burnish::or_throw(g.text());
}
