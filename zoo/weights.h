#pragma once
// Where the parameters of a network come from: a checkpoint, or a seed.

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "zoo/zoo.h"

namespace burnish::zoo {

// How generated elements are spread: evenly between low and high.
struct Spread {
  double low, high;
  // How much of its mean each row along the first axis loses. What rectified channels have in common grows from layer to
  // layer until results hardly depend on the input; without it, small differences grow instead.
  double centring = 0;
  static Spread around(double centre, double width) { return {centre - width, centre + width, 0}; }
  static Spread deviation(double standard);  // around 0
};

class Weights {
 public:
  explicit Weights(const Options& options);

  // The parameter of a name, as f32. Floats of other sizes are converted.
  Result<Tensor> get(const std::string& name, const std::vector<int64_t>& shape, const Spread& spread);
  bool from_checkpoint() const { return parameters_ != nullptr; }
  bool has(const std::string& name) const;

  // A prefix that a checkpoint may have before all names of the network ("bert." in front of an encoder with a head).
  void optional_prefix(std::string_view prefix);
  // An old spelling: names of the checkpoint that end with `old` count as ending with `now`.
  void spelling(std::string_view old, std::string_view now);
  // Names that contain this text may be left over.
  void ignore(std::string_view text) { ignored_.emplace_back(text); }
  // An error names what was in the checkpoint but not in the network.
  Result<void> finish() const;

 private:
  void rename(const std::function<std::string(const std::string&)>& rule);
  const Parameters* parameters_;
  uint64_t seed_;
  std::map<std::string, std::string> originals_;  // the network's name -> the checkpoint's
  std::set<std::string> used_;
  std::vector<std::string> ignored_ = {"num_batches_tracked"};
};

// Element i of a parameter depends on the seed, the parameter's name and i alone.
void generate(uint64_t seed, std::string_view name, const Spread& spread, std::span<float> out);

}  // namespace burnish::zoo
