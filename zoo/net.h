#pragma once
// What the networks are written with: layers that know the names of their parameters, over burnish::Graph. The first
// failure sticks and is reported by finish(), so that a network reads as if nothing could fail.

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "zoo/weights.h"
#include "zoo/zoo.h"

namespace burnish::zoo {

// A value of the graph, and about the variance of its elements: generated weights keep that near 1.
struct Value {
  burnish::Value value;
  double power = 1;
};

enum class Act : uint8_t { none, relu, relu6, gelu, gelu_tanh, tanh };

// Around windows: half of one on each side (PyTorch's usual), nothing, or TensorFlow's SAME, whose odd one comes last.
enum class Pad : uint8_t { half, none, same };

struct Window {
  int64_t height, width;
  constexpr Window(int64_t both) : height(both), width(both) {}  // NOLINT: most are square
  constexpr Window(int64_t height, int64_t width) : height(height), width(width) {}
};

struct Conv {
  int64_t out;  // channels
  Window kernel = 1;
  int64_t stride = 1;
  Pad pad = Pad::half;
  int64_t groups = 1;
  bool bias = false;
};

struct Pool {
  int64_t kernel;
  int64_t stride;
  Pad pad = Pad::none;
  bool count_padding = true;  // of averages: padding counts as zeros
};

class Net {
 public:
  Net(const std::string& name, const Options& options) : graph(name), weights(options) {}

  // -- the interface
  Value image(int64_t size);                            // x: f32[N,3,size,size]
  Value tokens(const std::string& name, int64_t most);  // i64[N,T], T up to `most`
  void output(const Value& x, const std::string& name);
  Result<Network> finish();

  // -- layers; `name` is what the names of their parameters begin with
  Value conv(const Value& x, const std::string& name, const Conv& conv);
  Value batch_norm(const Value& x, const std::string& name, double epsilon = 1e-5);
  Value conv_bn(const Value& x, const std::string& conv_name, const std::string& bn_name, const Conv& conv, Act act,
                double epsilon = 1e-5);
  // Over the last axis. `transposed`: the weight is [in,out].
  Value linear(const Value& x, const std::string& name, int64_t out, bool transposed = false);
  Value linear(const Value& x, const std::string& weight, const std::string& bias, int64_t out, bool transposed);
  Value layer_norm(const Value& x, const std::string& name, double epsilon);

  // -- without parameters
  Value act(const Value& x, Act act);
  Value add(const Value& a, const Value& b);
  Value concat(std::initializer_list<Value> parts, int64_t axis = 1);
  Value max_pool(const Value& x, const Pool& pool);
  Value average_pool(const Value& x, const Pool& pool);
  Value global_average(const Value& x, bool keep = false);  // [N,C,H,W] -> [N,C], or [N,C,1,1]
  Value flatten(const Value& x);                            // all but the batch
  // softmax(q k^T / sqrt(width of a head) + bias) v for heads side by side in the last axis. A bias may be empty.
  Value attention(const Value& q, const Value& k, const Value& v, int64_t heads, const burnish::Value& bias,
                  bool causal);
  std::vector<Value> split(const Value& x, int64_t axis, const Ints& sizes);
  Value first_token(const Value& x);  // [N,T,C] -> [N,C]

  // -- underneath
  Value parameter(const std::string& name, const std::vector<int64_t>& shape, const Spread& spread,
                  bool trained = true);
  // A node with one result, named after the layer before it; its power is that of the first operand.
  Value op(const std::string& op, std::initializer_list<Value> operands, const Attributes& attributes = {});
  int64_t dim(const Value& x, int64_t axis);                                          // 0 unless a number
  std::vector<int64_t> pads(const Value& x, Window kernel, int64_t stride, Pad pad);  // [top, left, bottom, right]

  Graph graph;
  Weights weights;

 private:
  std::string layer_;
  std::vector<Network::Parameter> parameters_;
};

// at("layer", 3) = "layer3"
inline std::string at(std::string_view prefix, int64_t i) { return std::string(prefix) + std::to_string(i); }

}  // namespace burnish::zoo
