#pragma once
// Graphs through references and the engine, and what is left of one that differs.

#include "tests/support/random_graph.h"

namespace burnish::test {

// How the engine runs a graph: for which processor level, with what switched off, on how many threads.
struct Variant {
  std::string cpu, off;
  int threads = 1;
  std::string text() const;
};
// As it is by default, and one that rotates over processor levels and over what may be switched off.
std::vector<Variant> variants_of(uint64_t seed);
// Every level with everything on, and with each pass off.
std::vector<Variant> all_variants();

struct Outcome {
  bool refused = false;   // by the references: a sample's random numbers may be out of its domain
  std::string different;  // empty: all variants agree with the references
};
// The engine beside the references on the graph's inputs, twice, and on inputs of other sizes where symbols allow them.
Outcome check(const RandomGraph& random, std::span<const Variant> variants);

}  // namespace burnish::test
