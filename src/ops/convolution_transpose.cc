#include "ops/support/windows.h"

namespace burnish {
namespace {

Result<Windows> windows_of(const NodeView& c, Ints kernel) {
  Windows w = TRY(read_windows(c, std::move(kernel)));
  const Ints& extra = c.ints("output_padding");
  if (extra.size() != w.rank()) return c.error("output_padding needs one number per spatial axis");
  for (std::size_t d = 0; d < w.rank(); ++d)
    if (extra[d] < 0 || extra[d] >= std::max(w.strides[d], w.dilations[d]))
      return c.error("output_padding must be below stride or dilation");
  return w;
}

Status infer(InferContext& c) {
  const Type &x = c.type(0), &w = c.type(1);
  if (!x.ranked || !w.ranked) {
    c.result(0, Type::unranked(x.dtype));
    return {};
  }
  if (x.rank() < 3 || x.rank() != w.rank())
    return c.error("x and w must be [N, C, spatial...] and [C, O / groups, kernel...]");
  const Windows windows = TRY(windows_of(c, TRY(kernel_of(c, w))));
  const int64_t groups = c.integer("groups");
  if (groups < 1 || groups > Range::kMax) return c.error("groups must be 1 or more");
  if (equal(x.dims[1], w.dims[0]) == Truth::no)
    return c.error("x has " + x.dims[1].text() + " channels where w wants " + w.dims[0].text());
  c.require(Requirement::Kind::equal, x.dims[1], w.dims[0], "channels of x and those that w wants");
  if (w.dims[0].is_constant() && w.dims[0].value() % groups != 0)
    return c.error(w.dims[0].text() + " channels do not divide into " + std::to_string(groups) + " groups");
  Dims dims = {x.dims[0], w.dims[1] * Dim(groups)};
  for (std::size_t d = 0; d < windows.rank(); ++d) {
    const int64_t fixed = c.ints("output_padding")[d] + windows.extent(d) - windows.before[d] - windows.after[d];
    dims.push_back((x.dims[d + 2] - 1) * Dim(windows.strides[d]) + Dim(fixed));
    if (dims.back().range().high < 0) return c.error("the pads take away more than there is");
  }
  c.result(0, Type::tensor(x.dtype, std::move(dims)));
  return {};
}

Status reference(ReferenceContext& c) {
  const Tensor &x = c.in(0), &w = c.in(1);
  if (x.rank() < 3 || x.rank() != w.rank()) return c.error("x and w differ in rank");
  const Windows windows = TRY(windows_of(c, Ints(w.dims().begin() + 2, w.dims().end())));
  const int64_t groups = c.integer("groups"), channels = x.dims()[1], out_group = w.dims()[1];
  if (channels != w.dims()[0] || channels % groups != 0)
    return c.error("[" + text(x.dims()) + "] and weights [" + text(w.dims()) + "] do not fit");
  const auto out_channels = checked_mul(out_group, groups);
  if (!out_channels) return c.error("too many channels");
  const std::size_t n = windows.rank();
  Sizes dims = {x.dims()[0], *out_channels};
  for (std::size_t d = 0; d < n; ++d) {
    const auto reach = checked_mul(x.dims()[d + 2] - 1, windows.strides[d]);
    const int64_t fixed = c.ints("output_padding")[d] + windows.extent(d) - windows.before[d] - windows.after[d];
    const auto size = reach ? checked_add(*reach, fixed) : std::nullopt;
    if (!size || *size < 0) return c.error("spatial axis " + std::to_string(d) + " would have no size");
    dims.push_back(*size);
  }
  Tensor* y = TRY(c.out(0, dims));
  if (y->elements() == 0) return {};
  const Sizes in_dims(x.dims().begin() + 2, x.dims().end()), out_dims(dims.begin() + 2, dims.end());
  const int64_t in_size = element_count(in_dims), out_size = element_count(out_dims),
                taps = element_count(windows.kernel);
  const Sizes out_strides = row_major_strides(out_dims);
  // Where each (input position, tap) goes; -1 = cut off by the pads.
  std::vector<double> weights(idx(w.elements())), in(idx(in_size)), sums(idx(out_group * out_size));
  load_block(w.dtype(), w.data(), 0, 1, w.elements(), weights.data());
  std::vector<int64_t> targets(idx(in_size));
  const int64_t in_group = channels / groups;
  for (int64_t image = 0; image < x.dims()[0]; ++image)
    for (int64_t g = 0; g < groups; ++g) {
      std::ranges::fill(sums, 0.0);
      Sizes tap(n, 0);
      for (int64_t t = 0; t < taps; ++t, next_position(tap, windows.kernel)) {
        Sizes position(n, 0);
        for (int64_t p = 0; p < in_size; ++p, next_position(position, in_dims)) {
          int64_t offset = 0;
          for (std::size_t d = 0; d < n; ++d) {
            const int64_t at = position[d] * windows.strides[d] + tap[d] * windows.dilations[d] - windows.before[d];
            if (at < 0 || at >= out_dims[d]) offset = -1;
            else if (offset >= 0) offset += at * out_strides[d];
          }
          targets[idx(p)] = offset;
        }
        for (int64_t ch = 0; ch < in_group; ++ch) {
          load_block(x.dtype(), x.data(), (image * channels + g * in_group + ch) * in_size, 1, in_size, in.data());
          for (int64_t o = 0; o < out_group; ++o) {
            const double factor = weights[idx(((g * in_group + ch) * out_group + o) * taps + t)];
            double* out = sums.data() + o * out_size;
            for (int64_t p = 0; p < in_size; ++p)
              if (targets[idx(p)] >= 0) out[targets[idx(p)]] += factor * in[idx(p)];
          }
        }
      }
      store_block(y->dtype(), y->mutable_data(), (image * groups + g) * out_group * out_size, 1, out_group * out_size,
                  sums.data());
    }
  return {};
}

// Every output gathers the inputs that reach it: those at (s + pad - k * dilation) / stride, where that is a whole number.
Result<Kernel> lower(LowerContext& c) {
  TRY(check_lowerable(c));
  const Type &x = c.type(0), &w = c.type(1);
  const Windows windows = TRY(windows_of(c, TRY(kernel_of(c, w))));
  const int64_t groups = c.integer("groups");
  const auto channels = w.dims[0].constant(), share = w.dims[1].constant();
  if (!channels || !share) return c.error("no kernel for weights of unknown size");
  Kernel kernel;
  Nest& nest = kernel.nest;
  const Declared declared = declare_operands(nest, c);
  const std::vector<int> axes = add_axes(nest, c.node().result(0)->type().dims);
  const int64_t depth = *channels / groups;
  const int channel = nest.add_axis("c", Dim(depth)), out = axes[1];
  std::vector<int> reduced = {channel};
  Index from = at(channel), column = at(out);
  const auto number = [&](int64_t value) { return nest.constant(static_cast<double>(value), DType::i64); };
  if (groups > 1) {
    const int place = axis_value(nest, out, DType::i64);
    const int group = nest.apply(Scalar::div, {place, number(*share)});
    if (*share == 1) from.terms.push_back({out, Dim(depth)}), column = Index{};
    else {
      from.expression = nest.apply(Scalar::mul, {group, number(depth)});
      column = Index{{}, Dim(0), nest.apply(Scalar::mod_trunc, {place, number(*share)})};
    }
  }
  std::vector<Index> left = {at(axes[0]), from}, right = {from, column};
  for (std::size_t d = 0; d < windows.rank(); ++d) {
    const int tap = nest.add_axis("k" + std::to_string(d), Dim(windows.kernel[d]));
    reduced.push_back(tap);
    right.push_back(at(tap));
    const int64_t stride = windows.strides[d];
    if (stride == 1) {
      left.push_back(Index{{{axes[d + 2], Dim(1)}, {tap, Dim(-windows.dilations[d])}}, Dim(windows.before[d]), -1});
      continue;
    }
    const int step = nest.apply(Scalar::mul, {axis_value(nest, tap, DType::i64), number(windows.dilations[d])});
    int place = nest.apply(Scalar::add, {axis_value(nest, axes[d + 2], DType::i64), number(windows.before[d])});
    place = nest.apply(Scalar::sub, {place, step});
    const int whole = nest.apply(Scalar::eq, {nest.apply(Scalar::mod_floor, {place, number(stride)}), number(0)});
    const int source = nest.apply(Scalar::div, {place, number(stride)});
    left.push_back(Index{{}, Dim(0), nest.apply(Scalar::select, {whole, source, number(-1)})});
  }
  const DType wide = x.dtype == DType::f64 ? DType::f64 : DType::f32;
  const int value = nest.cast(guarded_load(nest, declared.operands[0], std::move(left)), wide);
  const int weight = nest.cast(nest.load(declared.operands[1], std::move(right)), wide);
  const int sum = nest.reduce(Reduction::sum, reduced, nest.apply(Scalar::mul, {value, weight}));
  nest.store(declared.results[0], plain_index(axes), nest.cast(sum, x.dtype));
  return kernel;
}

constexpr OperandSpec kOperands[] = {{"x", "float"}, {"w", "same"}};
constexpr ResultDoc kResults[] = {{"y", "[N, O, spatial...], (d - 1) * stride + output_padding + window - pads"}};
constexpr AttributeSpec kAttributes[] = {
    {"strides", AttributeKind::ints, "required", "per spatial axis, the distance of neighbouring inputs in y"},
    {"dilations", AttributeKind::ints, "required", "per spatial axis, the distance of the window's elements"},
    {"pads", AttributeKind::ints, "required", "cut off before each spatial axis, then after each"},
    {"output_padding", AttributeKind::ints, "required", "rows added after each spatial axis"},
    {"groups", AttributeKind::integer, "1", "channels are cut into so many groups that do not mix"},
};
constexpr Sample kSamples[] = {
    {"x: f32[2,3,4,3], w: f32[3,2,3,2]; y = convolution_transpose(x, w) {strides = [2, 1], dilations = [1, 2], "
     "pads = [1, 0, 0, 1], output_padding = [1, 0]}"},
    {"x: f32[N,4,5], w: f32[4,3,2]; y = convolution_transpose(x, w) {strides = [2], dilations = [1], pads = [0, 0], "
     "output_padding = [0], groups = 2}"},
    {"x: f32[1,3,4,6], w: f32[3,1,3,3]; y = convolution_transpose(x, w) {strides = [1, 2], dilations = [1, 1], "
     "pads = [1, 1, 1, 1], output_padding = [0, 1], groups = 3}"},
};
constexpr Operator kOperator = {
    .name = "convolution_transpose",
    .doc =
        "y[n, o, p * stride + k * dilation - pad] += x[n, c, p] * w[c, o, k]: the convolution's gradient for its "
        "input.",
    .operands = kOperands,
    .results = kResults,
    .attributes = kAttributes,
    .infer = infer,
    .reference = reference,
    .decompose = nullptr,
    .lower = lower,
    .gradient = nullptr,
    .samples = kSamples,
    .tolerance = {1e-5, 1e-5},
};

}  // namespace

namespace ops {
extern const OperatorList list_convolution_transpose;
constinit const OperatorList list_convolution_transpose = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
