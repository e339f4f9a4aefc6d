#pragma once
// Reference networks, each written once against the public C++ API: for benchmarks, tests and examples.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <burnish/burnish.hpp>

namespace burnish::zoo {

// A checkpoint as the zoo sees it: tensors by the names that torchvision, timm or transformers give them.
struct Parameters {
  std::vector<std::string> names;
  std::function<Result<Tensor>(const std::string& name)> read;  // called for names of the list only, each at most once
};

struct Options {
  uint64_t seed = 0;                       // of generated weights
  const Parameters* parameters = nullptr;  // takes their place; every one must be there, in the right shape
};

struct Network {
  Graph graph;
  struct Parameter {
    std::string name;
    std::vector<int64_t> shape;
    bool trained = true;  // false: running statistics of a normalisation
  };
  std::vector<Parameter> parameters;  // in the order of their use
};

class Net;

struct Entry {
  std::string_view name;
  std::string_view description;  // one line: what it is, whose parameter names it takes
  void (*write)(Net& net);
};

std::span<const Entry> entries();
const Entry* find(std::string_view name);  // null when there is none
Result<Network> build(const Entry& entry, const Options& options = {});

}  // namespace burnish::zoo
