#include "zoo/net.h"

#include <algorithm>
#include <cmath>

namespace burnish::zoo {
namespace {

// Weights of a sum over `inputs` elements whose result has power 1.
Spread keeping(double power, int64_t inputs, bool rows) {
  Spread spread = Spread::deviation(1 / std::sqrt(power * static_cast<double>(std::max<int64_t>(inputs, 1))));
  if (rows) spread.centring = 0.25;
  return spread;
}
const Spread kScale = Spread::around(1, 0.2);
const Spread kBias = Spread::around(0, 0.2);

}  // namespace

Value Net::image(int64_t size) {
  const std::string edge = std::to_string(size);
  return {graph.input("x", "f32[N,3," + edge + "," + edge + "]")};
}

Value Net::tokens(const std::string& name, int64_t most) {
  if (graph.inputs().empty()) graph.symbol("T", 1, most);
  return {graph.input(name, "i64[N,T]")};
}

void Net::output(const Value& x, const std::string& name) { graph.output(name, x.value); }

Result<Network> Net::finish() {
  if (auto status = graph.status(); !status) return Unexpected(status.error());
  if (auto status = weights.finish(); !status) return Unexpected(status.error());
  return Network{std::move(graph), std::move(parameters_)};
}

Value Net::parameter(const std::string& name, const std::vector<int64_t>& shape, const Spread& spread, bool trained) {
  parameters_.push_back({name, shape, trained});
  return {graph.constant(weights.get(name, shape, spread), name)};
}

Value Net::op(const std::string& op, std::initializer_list<Value> operands, const Attributes& attributes) {
  std::vector<burnish::Value> values;
  for (const Value& operand : operands) values.push_back(operand.value);
  const std::string name = layer_.empty() ? op : layer_ + "." + op;
  return {graph.op(op, values, attributes, name), operands.size() > 0 ? operands.begin()->power : 1};
}

int64_t Net::dim(const Value& x, int64_t axis) { return x.value.dim(axis).number().value_or(0); }

std::vector<int64_t> Net::pads(const Value& x, Window kernel, int64_t stride, Pad pad) {
  if (pad == Pad::none) return {0, 0, 0, 0};
  std::vector<int64_t> result(4);
  const int64_t sizes[] = {kernel.height, kernel.width};
  for (int i = 0; i < 2; ++i) {
    int64_t total = sizes[i] - 1;
    if (pad == Pad::same) {
      const int64_t size = dim(x, 2 + i), steps = (size + stride - 1) / stride;
      total = std::max<int64_t>((steps - 1) * stride + sizes[i] - size, 0);
    }
    result[i] = total / 2;
    result[2 + i] = total - total / 2;
  }
  return result;
}

Value Net::conv(const Value& x, const std::string& name, const Conv& conv) {
  const int64_t in = dim(x, 1) / conv.groups;
  const std::vector<int64_t> shape = {conv.out, in, conv.kernel.height, conv.kernel.width};
  const Spread spread = keeping(x.power, in * conv.kernel.height * conv.kernel.width, in > 1);
  std::vector<burnish::Value> operands = {x.value, parameter(name + ".weight", shape, spread).value};
  if (conv.bias) operands.push_back(parameter(name + ".bias", {conv.out}, kBias).value);
  layer_ = name;
  return {graph.op("conv", operands,
                   {{"strides", {conv.stride, conv.stride}},
                    {"pads", pads(x, conv.kernel, conv.stride, conv.pad)},
                    {"groups", conv.groups}},
                   name)};
}

Value Net::batch_norm(const Value& x, const std::string& name, double epsilon) {
  const std::vector<int64_t> shape = {dim(x, 1)};
  const Value scale = parameter(name + ".weight", shape, kScale);
  const Value bias = parameter(name + ".bias", shape, kBias);
  const Value mean = parameter(name + ".running_mean", shape, Spread::around(0, 0.2 * std::sqrt(x.power)), false);
  const Spread positive = Spread::around(x.power, 0.4 * x.power);
  const Value variance = parameter(name + ".running_var", shape, positive, false);
  layer_ = name;
  return {graph.op("batch_norm", {x.value, scale.value, bias.value, mean.value, variance.value}, {{"epsilon", epsilon}},
                   name)};
}

Value Net::conv_bn(const Value& x, const std::string& conv_name, const std::string& bn_name, const Conv& conv, Act act,
                   double epsilon) {
  return this->act(batch_norm(this->conv(x, conv_name, conv), bn_name, epsilon), act);
}

Value Net::linear(const Value& x, const std::string& name, int64_t out, bool transposed) {
  return linear(x, name + ".weight", name + ".bias", out, transposed);
}

Value Net::linear(const Value& x, const std::string& weight, const std::string& bias, int64_t out, bool transposed) {
  const int64_t in = dim(x, -1);
  const std::vector<int64_t> shape = transposed ? std::vector{in, out} : std::vector{out, in};
  const Value w = parameter(weight, shape, keeping(x.power, in, !transposed));
  const Value b = parameter(bias, {out}, kBias);
  layer_ = weight.substr(0, weight.rfind('.'));
  if (x.value.rank() == 2)
    return {graph.op("gemm", {x.value, w.value, b.value}, {{"trans_b", transposed ? 0 : 1}}, layer_)};
  const Value panel = transposed ? w : op("transpose", {w}, {{"permutation", {1, 0}}});
  return {op("add", {op("matmul", {x, panel}), b}).value};
}

Value Net::layer_norm(const Value& x, const std::string& name, double epsilon) {
  const int64_t width = dim(x, -1);
  const Value scale = parameter(name + ".weight", {width}, kScale);
  const Value bias = parameter(name + ".bias", {width}, kBias);
  layer_ = name;
  return {graph.op("layer_norm", {x.value, scale.value, bias.value}, {{"epsilon", epsilon}}, name)};
}

Value Net::act(const Value& x, Act act) {
  Value y = x;
  switch (act) {
    case Act::none: return x;
    case Act::relu: y = op("relu", {x}); break;
    case Act::relu6: {
      const Value low = {graph.constant(Tensor::scalar(0.0f))}, high = {graph.constant(Tensor::scalar(6.0f))};
      y = op("clip", {x, low, high});
      break;
    }
    case Act::gelu: y = op("gelu", {x}); break;
    case Act::gelu_tanh: y = op("gelu", {x}, {{"approximate", "tanh"}}); break;
    case Act::tanh: y = op("tanh", {x}); break;
  }
  y.power = 0.45 * x.power;  // about what is left of normally distributed elements
  return y;
}

Value Net::add(const Value& a, const Value& b) {
  Value y = op("add", {a, b});
  y.power = a.power + b.power;
  return y;
}

Value Net::concat(std::initializer_list<Value> parts, int64_t axis) {
  Value y = op("concat", parts, {{"axis", axis}});
  y.power = 0;
  for (const Value& part : parts) y.power += part.power / static_cast<double>(parts.size());
  return y;
}

Value Net::max_pool(const Value& x, const Pool& pool) {
  return op("max_pool", {x},
            {{"kernel", {pool.kernel, pool.kernel}},
             {"strides", {pool.stride, pool.stride}},
             {"pads", pads(x, pool.kernel, pool.stride, pool.pad)}});
}

Value Net::average_pool(const Value& x, const Pool& pool) {
  return op("average_pool", {x},
            {{"kernel", {pool.kernel, pool.kernel}},
             {"strides", {pool.stride, pool.stride}},
             {"pads", pads(x, pool.kernel, pool.stride, pool.pad)},
             {"count_include_pad", pool.count_padding}});
}

Value Net::global_average(const Value& x, bool keep) {
  Value y = op("global_average_pool", {x});
  y.power *= 0.5;  // what rectified elements have in common
  return keep ? y : flatten(y);
}

Value Net::flatten(const Value& x) { return op("flatten", {x}, {{"axis", 1}}); }

Value Net::attention(const Value& q, const Value& k, const Value& v, int64_t heads, const burnish::Value& bias,
                     bool causal) {
  const int64_t width = dim(q, -1) / std::max<int64_t>(heads, 1);
  const Dim batch = q.value.dim(0), tokens = q.value.dim(1);
  const auto by_head = [&](const Value& x) {
    const Value parts = op("reshape", {x}, {{"shape", Dims{batch, tokens, heads, width}}});
    return op("transpose", {parts}, {{"permutation", {0, 2, 1, 3}}});
  };
  std::vector<burnish::Value> operands = {by_head(q).value, by_head(k).value, by_head(v).value};
  if (bias) operands.push_back(bias);
  const Value mixed = {graph.op("attention", operands, {{"causal", causal}}, layer_ + ".attention")};
  const Value side_by_side = op("transpose", {mixed}, {{"permutation", {0, 2, 1, 3}}});
  Value y = op("reshape", {side_by_side}, {{"shape", Dims{batch, tokens, heads * width}}});
  y.power = 0.1;  // means over many tokens
  return y;
}

std::vector<Value> Net::split(const Value& x, int64_t axis, const Ints& sizes) {
  const Dims dims(sizes.begin(), sizes.end());
  std::vector<Value> result;
  for (const burnish::Value& part :
       graph.ops("split", {x.value}, {{"axis", axis}, {"sizes", dims}}, sizes.size(), layer_ + ".split"))
    result.push_back({part, x.power});
  return result;
}

Value Net::first_token(const Value& x) {
  const Value zero = {graph.constant(Tensor::scalar(int64_t{0}))};
  return op("gather", {x, zero}, {{"axis", 1}});
}

}  // namespace burnish::zoo
