#pragma once
// Where the time of a run goes, layer by layer, and how much of it the processor's peaks would leave.

#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "cli/console.h"
#include "cli/layers.h"
#include "cli/subject.h"

namespace burnish::cli {

struct LayerTime {
  std::string name, kind;
  const Program* program = nullptr;
  int step = 0;
  double mean = 0, median = 0, least = 0;  // seconds a run
  int64_t calls = 0;                       // a run; more than 1 in loops
  bool reference() const { return kind.starts_with("reference"); }
  bool plain_loops() const { return kind.starts_with(std::string("kernel ").append(kPlainLoops)); }
};

struct Profile {
  std::vector<LayerTime> layers;  // in the order of their first execution
  double total = 0;               // of the means
  int64_t runs = 0;
  double reference_share() const;
};

// Runs for about so many seconds, at least twice.
Result<Profile> profile(Subject& subject, std::span<const RuntimeValue> inputs, double seconds);
void print(const Console& console, const Profile& profile, const Layers& layers, const Peaks& peaks);
Json to_json(const Profile& profile, const Layers& layers, const Peaks& peaks);

// One run with the part of every thread: the one of middle length of a few.
struct Trace {
  double seconds = 0;
  std::vector<StepTime> steps;
};
Result<Trace> trace(Subject& subject, std::span<const RuntimeValue> inputs);

}  // namespace burnish::cli
