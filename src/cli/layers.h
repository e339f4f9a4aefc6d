#pragma once
// The layers of an engine as reports show them: each step with its nodes, its work, its tactic and those that lost; and what
// the processor's peaks say of the least time that it can take.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/engine.h"
#include "target/peaks.h"

namespace burnish::cli {

struct Loser {
  std::string tactic;
  double seconds = 0;
  bool timed = false;  // else an estimate
};

struct Layer {
  const Program* program = nullptr;
  int number = 0;                  // of the program: the root is 0, bodies follow, each before its own
  int step = 0;                    // in it
  int inside = -1;                 // the layer whose body it lies in
  std::string name, kind;          // the user's; "kernel convolution direct 14x2", "reference top_k", "loop"
  std::vector<int64_t> nodes;      // of Layers::nodes
  std::vector<int64_t> from;       // layers that it waits for; -1 - i: input i of the graph
  bool copy = false;               // made by us, into another format or to another place
  std::string tactic, why, dtype;  // empty where nobody said
  std::optional<double> macs;      // multiply-adds of the direct form
  double left = 1;                 // share of them that the tactic does
  std::optional<double> bytes;     // read and written at least
  std::optional<double> estimate;  // seconds, of the model that chose the tactic
  bool timed = false;              // it is no estimate: tactics were run
  std::vector<Loser> losers;
  std::optional<double> multiplications() const { return macs ? std::optional(*macs * left) : std::nullopt; }
};

struct Layers {
  std::vector<Layer> list;
  Json nodes = Json::array();  // before fusion: {op, value, type, layer, from, inside}
  std::map<std::pair<const Program*, int>, std::size_t> places;
  const Layer* find(const Program* program, int step) const;
};

// Sizes that `symbols` cannot tell are left out, and everything beyond the steps' names where the engine has no record.
Result<Layers> layers_of(const Engine& engine, const SymbolTable& symbols);
// What symbols of the inputs were expected to be when tactics were chosen.
SymbolTable expected_symbols(const Engine& engine);

// The least time by the peaks: multiplications that are left at the rate of registers, bytes at the rate at which a working
// set of this size can be read; the larger one.
struct Bound {
  double seconds = 0;
  bool by_bytes = false;
};
std::optional<Bound> bound_of(const Layer& layer, const Peaks& peaks);

// With the vectors of the level that the code was made for.
Peaks measure_peaks(const Program& program, int threads);
Json to_json(const Peaks& peaks);
std::string text(const Peaks& peaks);  // one line

Json losers_json(const Layer& layer);
// "1.85 G", "640": counts of things.
std::string count_text(double count);

}  // namespace burnish::cli
