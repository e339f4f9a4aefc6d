// Shorthands for operators that networks use all the time; Graph::op reaches the rest. Each takes the layer's name last.
// Errors stick to the graph (graph.hpp).
#ifndef BURNISH_CPP_OPERATORS_HPP_
#define BURNISH_CPP_OPERATORS_HPP_

#include <algorithm>

#include <burnish/cpp/graph.hpp>

BURNISH_NAMESPACE_BEGIN

// One number for all axes, or a list.
class Sizes {
 public:
  Sizes() = default;
  Sizes(int64_t all) : values_{all} {}  // NOLINT: a number is meant to convert
  Sizes(std::initializer_list<int64_t> values) : values_(values) {}
  Sizes(Ints values) : values_(std::move(values)) {}  // NOLINT
  // Empty stays empty: the operator's default.
  Ints of(int64_t axes) const {
    return values_.size() == 1 ? Ints(static_cast<std::size_t>(std::max<int64_t>(axes, 0)), values_[0]) : values_;
  }
  // Padding: one number, one per axis (both ends), or all beginnings, then all ends.
  Ints pads(int64_t axes) const {
    Ints result = of(axes);
    if (static_cast<int64_t>(result.size()) == axes) result.insert(result.end(), result.begin(), result.begin() + axes);
    return result;
  }

 private:
  Ints values_;
};

struct ConvOptions {
  Sizes strides = {}, pads = {}, dilations = {};
  int64_t groups = 1;
  std::string auto_pad = "NOTSET";  // or SAME_UPPER, SAME_LOWER, VALID
};
struct PoolOptions {
  Sizes strides = {}, pads = {}, dilations = {};
  bool ceil = false;               // windows that begin inside and end outside count
  bool count_include_pad = false;  // of average_pool
  std::string auto_pad = "NOTSET";
};
struct AttentionOptions {
  std::optional<double> scale = {};  // none: 1 / sqrt(depth)
  bool causal = false;
};

namespace detail {

inline Value apply(const std::string& op, const std::vector<Value>& operands, const Attributes& attributes,
                   const std::string& name) {
  for (const Value& v : operands)
    if (v) return Graph::of(v).op(op, operands, attributes, name);
  return {};  // after an error, which the graph keeps
}
inline int64_t spatial(const Value& x) { return x.rank() - 2; }
inline Ints axes_of(const Value& x, Ints axes) {
  const int64_t rank = x.rank();
  for (int64_t& axis : axes) axis += axis < 0 ? rank : 0;
  std::sort(axes.begin(), axes.end());
  return axes;
}
inline Value number(const Value& like, double value) {
  return Graph::of(like).scalar(value, like.dtype().value_or(DType::f32));
}
inline Value reduce(const Value& x, const char* kind, Ints axes, bool keep, const std::string& name) {
  return apply("reduce", {x}, {{"kind", kind}, {"axes", axes_of(x, std::move(axes))}, {"keep", keep ? 1 : 0}}, name);
}
inline Attributes window(const Value& x, const Sizes& strides, const Sizes& pads, const Sizes& dilations,
                         const std::string& auto_pad) {
  const int64_t n = spatial(x);
  return {{"strides", strides.of(n)}, {"pads", pads.pads(n)}, {"dilations", dilations.of(n)}, {"auto_pad", auto_pad}};
}
inline Attributes pool(const Value& x, const Sizes& kernel, const PoolOptions& o) {
  Attributes result = window(x, o.strides, o.pads, o.dilations, o.auto_pad);
  result.push_back({"kernel", kernel.of(spatial(x))});
  result.push_back({"ceil", o.ceil ? 1 : 0});
  return result;
}

}  // namespace detail

// -- element by element; both operands broadcast like NumPy's and have the same dtype
#define BURNISH_UNARY(function)                                         \
  inline Value function(const Value& x, const std::string& name = {}) { \
    return detail::apply(#function, {x}, {}, name);                     \
  }
BURNISH_UNARY(abs)
BURNISH_UNARY(neg)
BURNISH_UNARY(exp)
BURNISH_UNARY(log)
BURNISH_UNARY(sqrt)
BURNISH_UNARY(rsqrt)
BURNISH_UNARY(reciprocal)
BURNISH_UNARY(sin)
BURNISH_UNARY(cos)
BURNISH_UNARY(tanh)
BURNISH_UNARY(erf)
BURNISH_UNARY(floor)
BURNISH_UNARY(ceil)
BURNISH_UNARY(sigmoid)
BURNISH_UNARY(relu)
BURNISH_UNARY(silu)
BURNISH_UNARY(mish)
BURNISH_UNARY(softplus)
BURNISH_UNARY(hard_swish)
BURNISH_UNARY(logical_not)
#undef BURNISH_UNARY

#define BURNISH_BINARY(function)                                                        \
  inline Value function(const Value& a, const Value& b, const std::string& name = {}) { \
    return detail::apply(#function, {a, b}, {}, name);                                  \
  }                                                                                     \
  inline Value function(const Value& a, double b, const std::string& name = {}) {       \
    return detail::apply(#function, {a, detail::number(a, b)}, {}, name);               \
  }
BURNISH_BINARY(add)
BURNISH_BINARY(sub)
BURNISH_BINARY(mul)
BURNISH_BINARY(div)
BURNISH_BINARY(pow)
BURNISH_BINARY(min)
BURNISH_BINARY(max)
BURNISH_BINARY(eq)
BURNISH_BINARY(ne)
BURNISH_BINARY(lt)
BURNISH_BINARY(le)
BURNISH_BINARY(gt)
BURNISH_BINARY(ge)
BURNISH_BINARY(logical_and)
BURNISH_BINARY(logical_or)
#undef BURNISH_BINARY

inline Value operator+(const Value& a, const Value& b) { return add(a, b); }
inline Value operator-(const Value& a, const Value& b) { return sub(a, b); }
inline Value operator*(const Value& a, const Value& b) { return mul(a, b); }
inline Value operator/(const Value& a, const Value& b) { return div(a, b); }
inline Value operator+(const Value& a, double b) { return add(a, b); }
inline Value operator-(const Value& a, double b) { return sub(a, b); }
inline Value operator*(const Value& a, double b) { return mul(a, b); }
inline Value operator/(const Value& a, double b) { return div(a, b); }
inline Value operator+(double a, const Value& b) { return add(detail::number(b, a), b); }
inline Value operator-(double a, const Value& b) { return sub(detail::number(b, a), b); }
inline Value operator*(double a, const Value& b) { return mul(detail::number(b, a), b); }
inline Value operator/(double a, const Value& b) { return div(detail::number(b, a), b); }
inline Value operator-(const Value& x) { return neg(x); }

inline Value gelu(const Value& x, const std::string& name = {}) { return detail::apply("gelu", {x}, {}, name); }
// GPT-2's approximation by tanh.
inline Value gelu_tanh(const Value& x, const std::string& name = {}) {
  return detail::apply("gelu", {x}, {{"approximate", "tanh"}}, name);
}
inline Value leaky_relu(const Value& x, double alpha = 0.01, const std::string& name = {}) {
  return detail::apply("leaky_relu", {x}, {{"alpha", alpha}}, name);
}
inline Value hard_sigmoid(const Value& x, double alpha = 1.0 / 6, double beta = 0.5, const std::string& name = {}) {
  return detail::apply("hard_sigmoid", {x}, {{"alpha", alpha}, {"beta", beta}}, name);
}
inline Value clip(const Value& x, double low, double high, const std::string& name = {}) {
  return detail::apply("clip", {x, detail::number(x, low), detail::number(x, high)}, {}, name);
}
inline Value relu6(const Value& x, const std::string& name = {}) { return clip(x, 0, 6, name); }
// a where the condition holds, else b.
inline Value where(const Value& condition, const Value& a, const Value& b, const std::string& name = {}) {
  return detail::apply("select", {condition, a, b}, {}, name);
}
inline Value cast(const Value& x, DType dtype, const std::string& name = {}) {
  return detail::apply("cast", {x}, {{"dtype", dtype}}, name);
}

// -- products and windows
// x[N, C, spatial...], w[O, C / groups, kernel...], b[O] or empty
inline Value conv(const Value& x, const Value& w, const Value& b = {}, const ConvOptions& o = {},
                  const std::string& name = {}) {
  Attributes attributes = detail::window(x, o.strides, o.pads, o.dilations, o.auto_pad);
  attributes.push_back({"groups", o.groups});
  return detail::apply("conv", b ? std::vector{x, w, b} : std::vector{x, w}, attributes, name);
}
inline Value max_pool(const Value& x, const Sizes& kernel, const PoolOptions& o = {}, const std::string& name = {}) {
  return detail::apply("max_pool", {x}, detail::pool(x, kernel, o), name);
}
inline Value average_pool(const Value& x, const Sizes& kernel, const PoolOptions& o = {},
                          const std::string& name = {}) {
  Attributes attributes = detail::pool(x, kernel, o);
  attributes.push_back({"count_include_pad", o.count_include_pad ? 1 : 0});
  return detail::apply("average_pool", {x}, attributes, name);
}
// Over all spatial axes, which stay with size 1.
inline Value global_average_pool(const Value& x, const std::string& name = {}) {
  return detail::apply("global_average_pool", {x}, {}, name);
}
inline Value global_max_pool(const Value& x, const std::string& name = {}) {
  return detail::apply("global_max_pool", {x}, {}, name);
}
// Both of rank 2 or more; leading axes broadcast.
inline Value matmul(const Value& a, const Value& b, const std::string& name = {}) {
  return detail::apply("matmul", {a, b}, {}, name);
}
inline Value transpose(const Value& x, Ints permutation, const std::string& name = {}) {
  return detail::apply("transpose", {x}, {{"permutation", std::move(permutation)}}, name);
}
// x[..., I] * w[O, I] transposed + b[O]: a fully connected layer with its weights as PyTorch keeps them.
inline Value linear(const Value& x, const Value& w, const Value& b = {}, const std::string& name = {}) {
  if (x.rank() == 2) {
    return detail::apply("gemm", b ? std::vector{x, w, b} : std::vector{x, w}, {{"trans_b", 1}}, name);
  }
  const Value product = matmul(x, transpose(w, {1, 0}), b ? std::string() : name);
  return b ? add(product, b, name) : product;
}
// q[..., T, d], k[..., S, d], v[..., S, e]; bias broadcasts to [..., T, S] or is empty
inline Value attention(const Value& q, const Value& k, const Value& v, const Value& bias = {},
                       const AttentionOptions& o = {}, const std::string& name = {}) {
  Attributes attributes = {{"causal", o.causal ? 1 : 0}};
  if (o.scale) attributes.push_back({"scale", *o.scale});
  return detail::apply("attention", bias ? std::vector{q, k, v, bias} : std::vector{q, k, v}, attributes, name);
}

// -- norms
// With the statistics of training: scale, bias, mean and variance are [C].
inline Value batch_norm(const Value& x, const Value& scale, const Value& bias, const Value& mean, const Value& variance,
                        double epsilon = 1e-5, const std::string& name = {}) {
  return detail::apply("batch_norm", {x, scale, bias, mean, variance}, {{"epsilon", epsilon}}, name);
}
inline Value layer_norm(const Value& x, const Value& scale, const Value& bias = {}, double epsilon = 1e-5,
                        int64_t axis = -1, const std::string& name = {}) {
  return detail::apply("layer_norm", bias ? std::vector{x, scale, bias} : std::vector{x, scale},
                       {{"axis", axis}, {"epsilon", epsilon}}, name);
}
inline Value rms_norm(const Value& x, const Value& scale, double epsilon = 1e-5, int64_t axis = -1,
                      const std::string& name = {}) {
  return detail::apply("rms_norm", {x, scale}, {{"axis", axis}, {"epsilon", epsilon}}, name);
}
inline Value group_norm(const Value& x, const Value& scale, const Value& bias, int64_t groups, double epsilon = 1e-5,
                        const std::string& name = {}) {
  return detail::apply("group_norm", {x, scale, bias}, {{"groups", groups}, {"epsilon", epsilon}}, name);
}
inline Value softmax(const Value& x, int64_t axis = -1, const std::string& name = {}) {
  return detail::apply("softmax", {x}, {{"axis", axis}}, name);
}
inline Value log_softmax(const Value& x, int64_t axis = -1, const std::string& name = {}) {
  return detail::apply("log_softmax", {x}, {{"axis", axis}}, name);
}

// -- shapes
inline Value reshape(const Value& x, Dims shape, const std::string& name = {}) {
  return detail::apply("reshape", {x}, {{"shape", std::move(shape)}}, name);
}
inline Value broadcast(const Value& x, Dims shape, const std::string& name = {}) {
  return detail::apply("broadcast", {x}, {{"shape", std::move(shape)}}, name);
}
// As a matrix: dims before the axis, dims from it on.
inline Value flatten(const Value& x, int64_t axis = 1, const std::string& name = {}) {
  return detail::apply("flatten", {x}, {{"axis", axis}}, name);
}
inline Value squeeze(const Value& x, Ints axes, const std::string& name = {}) {
  return detail::apply("squeeze", {x}, {{"axes", std::move(axes)}}, name);
}
inline Value unsqueeze(const Value& x, Ints axes, const std::string& name = {}) {
  return detail::apply("unsqueeze", {x}, {{"axes", std::move(axes)}}, name);
}
inline Value concat(const std::vector<Value>& parts, int64_t axis, const std::string& name = {}) {
  return detail::apply("concat", parts, {{"axis", axis}}, name);
}
inline std::vector<Value> split(const Value& x, const Dims& sizes, int64_t axis, const std::string& name = {}) {
  return Graph::of(x).ops("split", {x}, {{"axis", axis}, {"sizes", sizes}}, sizes.size(), name);
}
// `size` elements of one axis from `start` on.
inline Value narrow(const Value& x, int64_t axis, const Dim& start, const Dim& size, const std::string& name = {}) {
  Dims sizes = x.dims();
  Dims starts(sizes.size(), 0);
  if (axis < 0) axis += static_cast<int64_t>(sizes.size());
  if (axis < 0 || axis >= static_cast<int64_t>(sizes.size())) return x.dim(axis), Value();
  starts[static_cast<std::size_t>(axis)] = start;
  sizes[static_cast<std::size_t>(axis)] = size;
  return detail::apply("slice", {x}, {{"starts", starts}, {"sizes", sizes}, {"steps", Ints(sizes.size(), 1)}}, name);
}
// Elements added per axis before and after: zeros, or by mode "edge", "reflect", "wrap".
inline Value pad(const Value& x, Dims before, Dims after, const std::string& mode = "constant",
                 const std::string& name = {}) {
  return detail::apply("pad", {x}, {{"before", std::move(before)}, {"after", std::move(after)}, {"mode", mode}}, name);
}
// Rows of a table: gather along axis 0 is an embedding.
inline Value gather(const Value& x, const Value& indices, int64_t axis = 0, const std::string& name = {}) {
  return detail::apply("gather", {x, indices}, {{"axis", axis}}, name);
}

// -- reductions; negative axes count from the end, no axes: of nothing
inline Value reduce_sum(const Value& x, Ints axes, bool keep = false, const std::string& name = {}) {
  return detail::reduce(x, "sum", std::move(axes), keep, name);
}
inline Value reduce_max(const Value& x, Ints axes, bool keep = false, const std::string& name = {}) {
  return detail::reduce(x, "max", std::move(axes), keep, name);
}
inline Value reduce_min(const Value& x, Ints axes, bool keep = false, const std::string& name = {}) {
  return detail::reduce(x, "min", std::move(axes), keep, name);
}
inline Value reduce_mean(const Value& x, Ints axes, bool keep = false, const std::string& name = {}) {
  return detail::apply("reduce_mean", {x}, {{"axes", detail::axes_of(x, std::move(axes))}, {"keep", keep ? 1 : 0}},
                       name);
}

BURNISH_NAMESPACE_END
#endif  // BURNISH_CPP_OPERATORS_HPP_
