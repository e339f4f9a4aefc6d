#pragma once
// The zoo for code that cannot see burnish.hpp, such as the program's own: names, and networks as ONNX files.

#include <burnish/burnish.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace burnish::zoo {

// A checkpoint: its names, and tensors that live until the network is saved.
struct CheckpointView {
  std::vector<std::string> names;
  std::function<const DLTensor*(const std::string& name)> find;
};

struct Saved {
  burnish_status status = BURNISH_OK;
  std::string what, where, remedy;  // of a failure
  int64_t parameters = 0;           // trained ones
};

// Name and description of each network.
std::vector<std::pair<std::string_view, std::string_view>> list();

// `weights`: null for generated ones.
Saved save_onnx(std::string_view name, uint64_t seed, const CheckpointView* weights, const std::string& path);

}  // namespace burnish::zoo
