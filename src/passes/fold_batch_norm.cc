// Batch norms and scales of whole channels go into the weights and biases of the convolution or product beside them:
//   norm(conv(x, W, b)) = conv(x, s W, s b + t)        conv(s x, W) = conv(x, W s)        conv(x + t, W) = conv(x, W) + W t
// with s, t per channel; the last one only without padding, whose zeros would not get their t.

#include <algorithm>
#include <cmath>

#include "passes/bounds.h"
#include "passes/match.h"
#include "passes/passes.h"

namespace burnish::passes {

namespace {

// A weight that several nodes read is copied when it is folded; only small ones may be.
constexpr std::size_t kCopied = 1 << 20;

// A node that is linear in its operand 0, with constant weights.
struct Anchor {
  Node* node = nullptr;
  const Tensor* weight = nullptr;         // of two bytes an element or more
  std::size_t out_axis = 0, in_axis = 0;  // of the weight
  int64_t channel = 0;                    // axis of the result that out_axis becomes; from the end when negative
  int64_t groups = 1;
  bool has_bias_operand = false;  // conv and gemm: operand 2
  bool padded = true;             // may read zeros beside its operand
};

std::optional<Anchor> find_anchor(Value* value) {
  Node* node = value == nullptr ? nullptr : value->producer();
  if (node == nullptr || node->result_count() != 1) return std::nullopt;
  Anchor a;
  a.node = node;
  a.weight = constant_of(node->operand(1));
  if (a.weight == nullptr || !is_float(a.weight->dtype()) || byte_size(a.weight->dtype()) < 2) return std::nullopt;
  if (node->operand(1)->users().size() > 1 && a.weight->byte_size() > kCopied) return std::nullopt;
  const std::string& op = node->op();
  if (op == "conv" || op == "convolution") {
    if (a.weight->rank() < 3) return std::nullopt;
    a.in_axis = 1;
    a.channel = 1;
    a.groups = integer(*node, "groups", 1);
    a.has_bias_operand = op == "conv";
    std::string automatic = op == "conv" ? string_attribute(*node, "auto_pad") : "NOTSET";
    a.padded = !((automatic == "NOTSET" || automatic == "VALID") &&
                 std::ranges::all_of(integers(*node, "pads"), [](int64_t p) { return p == 0; }));
  } else if (op == "conv_transpose" || op == "convolution_transpose") {
    if (a.weight->rank() < 3 || integer(*node, "groups", 1) != 1) return std::nullopt;
    a.out_axis = 1;
    a.channel = 1;
    a.has_bias_operand = op == "conv_transpose";
  } else if (op == "matmul") {
    if (a.weight->rank() != 2 || !node->operand(0)->type().is_ranked_tensor() || node->operand(0)->type().rank() < 2)
      return std::nullopt;
    a.out_axis = 1;
    a.channel = -1;
    a.padded = false;
  } else if (op == "gemm") {
    if (a.weight->rank() != 2 || integer(*node, "trans_a") != 0 || real(*node, "beta", 1) != 1 ||
        real(*node, "alpha", 1) != 1)
      return std::nullopt;
    bool transposed = integer(*node, "trans_b") != 0;
    a.out_axis = transposed ? 0 : 1;
    a.in_axis = transposed ? 1 : 0;
    a.channel = -1;
    a.has_bias_operand = true;
    a.padded = false;
  } else {
    return std::nullopt;
  }
  return a;
}

using Numbers = std::vector<double>;

// What is added in place of something else is well below the type's limit: a sum on the way to a result can then
// overflow only where the result nearly does.
bool can_be_added(DType dtype, const Numbers& v) {
  const double limit = float_range(dtype).largest / 16;
  return std::ranges::all_of(v, [&](double x) { return std::abs(x) <= limit; });
}

// Numbers below this lose bits that matter. Only f16 is so narrow that weights of real networks get there; what is that
// small in the other types belongs to dead channels, and no input is so large that it would show.
double smallest_factor(DType dtype) { return dtype == DType::f16 ? float_range(dtype).smallest_normal : 0; }

bool can_be_factors(DType dtype, const Numbers& v) {
  return can_be_added(dtype, v) &&
         std::ranges::all_of(v, [&](double x) { return x == 0 || std::abs(x) >= smallest_factor(dtype); });
}

// The constant as one number for each of the `channels` along `axis` of a value of this rank; it must not vary elsewhere.
std::optional<Numbers> per_channel(const Value* value, int64_t rank, int64_t axis, int64_t channels) {
  const Tensor* tensor = constant_of(value);
  if (tensor == nullptr || !is_float(tensor->dtype()) || tensor->rank() > rank) return std::nullopt;
  if (axis < 0) axis += rank;
  for (int64_t i = 0; i < tensor->rank(); ++i) {
    int64_t size = tensor->dims()[static_cast<std::size_t>(i)];
    if (size != 1 && (rank - tensor->rank() + i != axis || size != channels)) return std::nullopt;
  }
  Numbers numbers;
  for (int64_t i = 0; i < channels; ++i) numbers.push_back(tensor->real_at(tensor->elements() == 1 ? 0 : i));
  return numbers;
}

Result<Tensor> make_tensor(DType dtype, std::vector<int64_t> dims, const Numbers& numbers) {
  Tensor tensor = TRY(Tensor::allocate(dtype, std::move(dims)));
  Accessor<double> accessor(dtype);
  for (std::size_t i = 0; i < numbers.size(); ++i)
    accessor.store(tensor.mutable_data(), static_cast<int64_t>(i), numbers[i]);
  return tensor;
}

// The weight with each slice along the output (or input) axis multiplied by its channel's number. Nothing where the dtype
// does not hold that: an element would overflow, or a slice's largest would be too small (others are lost beside it).
Result<std::optional<Tensor>> scaled(const Anchor& a, const Numbers& scale, bool output) {
  const Tensor& w = *a.weight;
  Tensor result = TRY(Tensor::allocate(w.dtype(), w.dims()));
  std::size_t axis = output ? a.out_axis : a.in_axis;
  int64_t size = w.dims()[axis], inner = 1;
  for (std::size_t i = axis + 1; i < w.dims().size(); ++i) inner *= w.dims()[i];
  // An input channel of a grouped convolution is known from its group, which the output channel tells.
  int64_t per_output = w.elements() / std::max<int64_t>(w.dims()[0], 1), outputs = w.dims()[0] / a.groups;
  Accessor<double> accessor(w.dtype());
  const double largest = float_range(w.dtype()).largest;
  Numbers before(scale.size(), 0.0), after(scale.size(), 0.0);  // the largest of each slice
  for (int64_t i = 0; i < w.elements(); ++i) {
    int64_t c = i / inner % size;
    if (!output && a.groups > 1) c += i / per_output / outputs * size;
    const auto slice = static_cast<std::size_t>(c);
    const double from = accessor.load(w.data(), i);
    accessor.store(result.mutable_data(), i, from * scale[slice]);
    const double to = accessor.load(result.data(), i);
    if (std::isfinite(from) && !(std::abs(to) <= largest)) return std::nullopt;
    before[slice] = std::max(before[slice], std::abs(from));
    after[slice] = std::max(after[slice], std::abs(to));
  }
  for (std::size_t c = 0; c < scale.size(); ++c)
    if (before[c] != 0 && scale[c] != 0 && after[c] < smallest_factor(w.dtype())) return std::nullopt;
  return result;
}

// W t: what a constant added to the operand adds to each output.
Numbers pushed_through(const Anchor& a, const Numbers& shift) {
  const Tensor& w = *a.weight;
  Numbers sums(static_cast<std::size_t>(w.dims()[a.out_axis]), 0.0);
  std::vector<int64_t> strides(w.dims().size(), 1);
  for (std::size_t i = strides.size() - 1; i-- > 0;) strides[i] = strides[i + 1] * w.dims()[i + 1];
  for (int64_t i = 0; i < w.elements(); ++i) {
    int64_t o = i / strides[a.out_axis] % w.dims()[a.out_axis], c = i / strides[a.in_axis] % w.dims()[a.in_axis];
    if (a.groups > 1) c += o / (w.dims()[0] / a.groups) * w.dims()[1];
    sums[static_cast<std::size_t>(o)] += w.real_at(i) * shift[static_cast<std::size_t>(c)];
  }
  return sums;
}

// An anchor and the constant that is added to it, as the operand of the node to fold.
struct Linear {
  Anchor anchor;
  Node* last = nullptr;  // the add, or the anchor itself
  Numbers bias;
  int64_t channels = 0;
};

std::optional<Linear> find_linear(Value* value) {
  if (value == nullptr || !value->type().is_ranked_tensor() || reader_count(value) != 1) return std::nullopt;
  Linear l;
  Value* inner = value;
  const Value* added = nullptr;
  if (Node* add = producer(value, "add")) {
    std::size_t at = constant_of(add->operand(1)) != nullptr ? 1 : 0;
    added = add->operand(at);
    inner = add->operand(1 - at);
    if (reader_count(inner) != 1 || !(inner->type() == value->type())) return std::nullopt;
  }
  auto anchor = find_anchor(inner);
  if (!anchor) return std::nullopt;
  l.anchor = *anchor;
  l.last = value->producer();
  l.channels = anchor->weight->dims()[anchor->out_axis];
  l.bias.assign(static_cast<std::size_t>(l.channels), 0.0);
  int64_t rank = value->type().rank();
  auto take = [&](const Value* v, int64_t v_rank, int64_t axis) {
    auto numbers = per_channel(v, v_rank, axis, l.channels);
    if (!numbers) return false;
    for (std::size_t i = 0; i < numbers->size(); ++i) l.bias[i] += (*numbers)[i];
    return true;
  };
  if (added != nullptr && !take(added, rank, anchor->channel)) return std::nullopt;
  if (anchor->has_bias_operand && anchor->node->operand(2) != nullptr) {
    bool gemm = anchor->node->op() == "gemm";
    if (!take(anchor->node->operand(2), gemm ? 2 : 1, gemm ? 1 : 0)) return std::nullopt;
  }
  return l;
}

// The anchor with another weight and bias, in place of `node`; not without a weight.
Result<bool> rebuild(Node* node, const Linear& l, std::optional<Tensor> new_weight, const Numbers& bias,
                     Value* input = nullptr) {
  const Anchor& a = l.anchor;
  if (!new_weight || !can_be_added(new_weight->dtype(), bias)) return false;
  Tensor weight = *std::move(new_weight);
  std::string source = a.node->source();
  if (!node->source().empty() && node->source() != source) source += (source.empty() ? "" : " + ") + node->source();
  Builder builder(*node->graph(), node, std::move(source));
  DType dtype = weight.dtype();
  std::vector<Value*> operands{input == nullptr ? a.node->operand(0) : input, builder.constant(std::move(weight))};
  bool any = std::ranges::any_of(bias, [](double b) { return b != 0; });
  if (any && a.has_bias_operand) operands.push_back(builder.constant(TRY(make_tensor(dtype, {l.channels}, bias))));
  Value* value = builder.op(a.node->op(), operands, a.node->attributes());
  if (any && !a.has_bias_operand && value != nullptr) {
    std::vector<int64_t> dims(a.channel < 0 ? 1 : static_cast<std::size_t>(value->type().rank() - a.channel), 1);
    dims[0] = l.channels;
    value = builder.op("add", {value, builder.constant(TRY(make_tensor(dtype, dims, bias)))});
  }
  TRY(builder.finish());
  return replace(node, value);
}

struct Affine {
  Numbers scale, shift;
};

// y = scale x + shift, of a batch norm whose statistics are constants.
std::optional<Affine> affine_of(const Node& norm, int64_t channels) {
  Affine f;
  std::array<Numbers, 4> p;
  for (std::size_t i = 0; i < 4; ++i) {
    auto numbers = per_channel(norm.operand(i + 1), 1, 0, channels);
    if (!numbers) return std::nullopt;
    p[i] = *std::move(numbers);
  }
  double epsilon = real(norm, "epsilon", 1e-5);
  for (std::size_t c = 0; c < p[0].size(); ++c) {
    f.scale.push_back(p[0][c] / std::sqrt(p[3][c] + epsilon));
    f.shift.push_back(p[1][c] - p[2][c] * f.scale.back());
  }
  const DType dtype = norm.operand(0)->type().dtype;
  if (!can_be_factors(dtype, f.scale) || !can_be_added(dtype, f.shift)) return std::nullopt;
  return f;
}

Result<bool> fold_affine(Node* node, const Linear& l, const Affine& f) {
  Numbers bias;
  for (std::size_t c = 0; c < l.bias.size(); ++c) bias.push_back(l.bias[c] * f.scale[c] + f.shift[c]);
  return rebuild(node, l, TRY(scaled(l.anchor, f.scale, true)), bias);
}

Result<bool> fold_norm(Node* node) {
  if (node->op() != "batch_norm" || node->result_count() != 1) return false;
  Value* x = node->operand(0);
  if (!x->type().is_ranked_tensor() || x->type().rank() < 2 || !is_float(x->type().dtype)) return false;
  auto channels = x->type().dims[1].constant();
  if (!channels) return false;
  auto affine = affine_of(*node, *channels);
  if (!affine) return false;
  if (auto l = find_linear(x); l && l->channels == *channels && (l->anchor.channel == 1 || x->type().rank() == 2))
    if (TRY(fold_affine(node, *l, *affine))) return true;
  // Alone: one multiplication and one addition.
  std::vector<int64_t> dims(static_cast<std::size_t>(x->type().rank() - 1), 1);
  dims[0] = *channels;
  Builder builder(*node->graph(), node, node->source());
  DType dtype = x->type().dtype;
  Value* s = builder.constant(TRY(make_tensor(dtype, dims, affine->scale)));
  Value* t = builder.constant(TRY(make_tensor(dtype, dims, affine->shift)));
  Value* y = builder.op("add", {builder.op("mul", {x, s}), t});
  TRY(builder.finish());
  return replace(node, y);
}

// mul or add of a constant after an anchor.
Result<bool> fold_after(Node* node) {
  bool is_mul = node->op() == "mul";
  if (!is_mul && node->op() != "add") return false;
  for (std::size_t at : {1, 0}) {
    if (constant_of(node->operand(at)) == nullptr) continue;
    auto l = find_linear(node->operand(1 - at));
    if (!l || !(node->operand(1 - at)->type() == node->result()->type())) continue;
    // An addition after an anchor that has no operand for it stays as it is, and two of them are algebra's.
    if (!is_mul && !l->anchor.has_bias_operand) continue;
    auto c = per_channel(node->operand(at), node->result()->type().rank(), l->anchor.channel, l->channels);
    const DType dtype = l->anchor.weight->dtype();
    if (!c || !(is_mul ? can_be_factors(dtype, *c) : can_be_added(dtype, *c))) continue;
    Affine f{Numbers(c->size(), 1.0), Numbers(c->size(), 0.0)};
    (is_mul ? f.scale : f.shift) = *c;
    if (TRY(fold_affine(node, *l, f))) return true;
  }
  return false;
}

// mul or add of a constant before an anchor.
Result<bool> fold_before(Node* node) {
  if (node->result_count() != 1) return false;
  auto anchor = find_anchor(node->result());
  if (!anchor || anchor->node->op().ends_with("_transpose")) return false;
  Value* x = node->operand(0);
  Node* before = producer(x, "mul");
  if (before == nullptr) before = producer(x, "add");
  if (before == nullptr || !only_user(x, node) || x->users().size() != 1 || !x->type().is_ranked_tensor()) return false;
  bool is_mul = before->op() == "mul";
  if (!is_mul && anchor->padded) return false;
  // The bias that is there already, read without the demand for a single reader: the anchor itself is what is replaced.
  Linear l{*anchor, node, Numbers(static_cast<std::size_t>(anchor->weight->dims()[anchor->out_axis]), 0.0),
           anchor->weight->dims()[anchor->out_axis]};
  if (anchor->has_bias_operand && node->operand(2) != nullptr) {
    bool gemm = node->op() == "gemm";
    auto bias = per_channel(node->operand(2), gemm ? 2 : 1, gemm ? 1 : 0, l.channels);
    if (!bias) return false;
    l.bias = *std::move(bias);
  }
  int64_t channels = anchor->weight->dims()[anchor->in_axis] * anchor->groups;
  for (std::size_t at : {1, 0}) {
    Value* other = before->operand(1 - at);
    auto c = per_channel(before->operand(at), x->type().rank(), anchor->channel, channels);
    const DType dtype = anchor->weight->dtype();
    if (!c || !(is_mul ? can_be_factors(dtype, *c) : can_be_added(dtype, *c))) continue;
    if (!(other->type() == x->type()) || constant_of(other) != nullptr) continue;
    // An anchor on the other side takes the constant for nothing.
    if (find_linear(other)) continue;
    if (is_mul) return rebuild(node, l, TRY(scaled(*anchor, *c, false)), l.bias, other);
    Numbers bias = pushed_through(*anchor, *c);
    for (std::size_t i = 0; i < bias.size(); ++i) bias[i] += l.bias[i];
    return rebuild(node, l, *anchor->weight, bias, other);
  }
  return false;
}

}  // namespace

Result<bool> fold_batch_norm(Graph& graph, const PassContext& context) {
  if (context.exact) return false;
  bool changed = false;
  // A fold leaves nodes that still count as readers of others until the next round.
  for (int round = 0; round < 16; ++round) {
    bool again = false;
    for (Node* node : all_nodes(graph)) {
      if (node->result_count() == 0 || node->result() == nullptr || node->result()->unused()) continue;
      if (TRY(fold_norm(node)) || TRY(fold_after(node)) || TRY(fold_before(node))) again = true;
    }
    if (!again) break;
    changed = true;
    graph.remove_dead_nodes();
  }
  return changed;
}

}  // namespace burnish::passes
