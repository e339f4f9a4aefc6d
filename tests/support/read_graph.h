#pragma once

#include <memory>
#include <string_view>

#include <gtest/gtest.h>

#include "ops/operator.h"

namespace burnish::test {

// Parsed, bound to the catalogue, inferred and verified; null after a recorded failure.
inline std::unique_ptr<Graph> read_graph(std::string_view text) {
  auto graph = parse_graph(text);
  if (!graph) {
    ADD_FAILURE() << graph.error().message() << "\n" << text;
    return nullptr;
  }
  ops::bind_operators(**graph);
  for (auto step : {+[](Graph& g) { return ops::infer(g); }, +[](Graph& g) { return ops::verify(g); }}) {
    if (Status status = step(**graph); !status) {
      ADD_FAILURE() << status.error().message() << "\n" << text;
      return nullptr;
    }
  }
  return *std::move(graph);
}

}  // namespace burnish::test
