// C++20 here, C++23 in the other file: functions of both link side by side.
#include "mixed.h"

#include <iostream>

#include <burnish/burnish.hpp>

static_assert(__cplusplus == 202002L);

int main() {
  burnish::Graph g("mixed");
  g.output("y", relu(g.input("x", "f32[2]")));
  const std::string here = burnish::or_throw(g.text());
  std::cout << here;
  return here == text_from_cpp23() ? 0 : 1;
}
