#include "ops/support/windows.h"

namespace burnish {
namespace {

Status infer(InferContext& c) {
  const Type &x = c.type(0), &w = c.type(1);
  if (!x.ranked || !w.ranked) {
    c.result(0, Type::unranked(x.dtype));
    return {};
  }
  if (x.rank() < 3 || x.rank() != w.rank())
    return c.error("x and w must be [N, C, spatial...] and [O, C / groups, kernel...]");
  const Windows windows = TRY(read_windows(c, TRY(kernel_of(c, w))));
  const int64_t groups = c.integer("groups");
  if (groups < 1 || groups > Range::kMax) return c.error("groups must be 1 or more");
  if (equal(x.dims[1], w.dims[1] * Dim(groups)) == Truth::no)
    return c.error("x has " + x.dims[1].text() + " channels where w wants " + (w.dims[1] * Dim(groups)).text());
  c.require(Requirement::Kind::equal, x.dims[1], w.dims[1] * Dim(groups), "channels of x and those that w wants");
  if (w.dims[0].is_constant() && w.dims[0].value() % groups != 0)
    return c.error(w.dims[0].text() + " output channels do not divide into " + std::to_string(groups) + " groups");
  Dims dims = {x.dims[0], w.dims[0]};
  for (std::size_t d = 0; d < windows.rank(); ++d) dims.push_back(windows.count(d, x.dims[d + 2]));
  c.result(0, Type::tensor(x.dtype, std::move(dims)));
  return {};
}

// Output positions that are computed together; their inputs are laid out beside each other first, in at most this many
// numbers.
constexpr int64_t kTile = 128, kMostColumns = int64_t{1} << 22;

template <class N>
void convolve(const Tensor& x, const Tensor& w, const Windows& windows, int64_t groups, Tensor& y) {
  const DType dtype = x.dtype();
  const std::size_t n = windows.rank();
  const int64_t channels = x.dims()[1], in_group = w.dims()[1], out_group = w.dims()[0] / groups;
  const Sizes in_dims(x.dims().begin() + 2, x.dims().end()), out_dims(y.dims().begin() + 2, y.dims().end());
  const int64_t in_size = element_count(in_dims), out_size = element_count(out_dims);
  const int64_t taps = element_count(windows.kernel), depth = in_group * taps;
  const int64_t tile = std::clamp<int64_t>(kMostColumns / std::max<int64_t>(depth, 1), 1, kTile);
  const Sizes in_strides = row_major_strides(in_dims);
  std::vector<N> weights(idx(w.elements())), plane(idx(in_group * in_size)), columns, sums(idx(kTile));
  load_block(dtype, w.data(), 0, 1, w.elements(), weights.data());
  columns.resize(idx(depth * tile));
  std::vector<int64_t> starts(idx(tile) * n);
  for (int64_t image = 0; image < x.dims()[0]; ++image)
    for (int64_t g = 0; g < groups; ++g) {
      load_block(dtype, x.data(), (image * channels + g * in_group) * in_size, 1, in_group * in_size, plane.data());
      for (int64_t first = 0; first < out_size; first += tile) {
        const int64_t count = std::min(tile, out_size - first);
        // First input position of each window.
        for (int64_t p = 0; p < count; ++p) {
          int64_t rest = first + p;
          for (std::size_t d = n; d-- > 0;) {
            starts[idx(p) * n + d] = rest % out_dims[d] * windows.strides[d] - windows.before[d];
            rest /= out_dims[d];
          }
        }
        Sizes tap(n, 0);
        for (int64_t t = 0; t < taps; ++t, next_position(tap, windows.kernel))
          for (int64_t p = 0; p < count; ++p) {
            int64_t offset = 0;
            bool inside = true;
            for (std::size_t d = 0; d < n; ++d) {
              const int64_t at = starts[idx(p) * n + d] + tap[d] * windows.dilations[d];
              inside = inside && at >= 0 && at < in_dims[d];
              offset += at * in_strides[d];
            }
            for (int64_t ch = 0; ch < in_group; ++ch)
              columns[idx((ch * taps + t) * tile + p)] = inside ? plane[idx(ch * in_size + offset)] : N(0);
          }
        for (int64_t o = 0; o < out_group; ++o) {
          const N* row = weights.data() + (g * out_group + o) * depth;
          std::fill_n(sums.data(), count, N(0));
          for (int64_t k = 0; k < depth; ++k) {
            const N factor = row[k];
            const N* column = columns.data() + k * tile;
            for (int64_t p = 0; p < count; ++p) sums[idx(p)] = multiply_add(sums[idx(p)], factor, column[p]);
          }
          store_block(dtype, y.mutable_data(), ((image * groups + g) * out_group + o) * out_size + first, 1, count,
                      sums.data());
        }
      }
    }
}

Status reference(ReferenceContext& c) {
  const Tensor &x = c.in(0), &w = c.in(1);
  if (x.rank() < 3 || x.rank() != w.rank()) return c.error("x and w differ in rank");
  const Windows windows = TRY(read_windows(c, Ints(w.dims().begin() + 2, w.dims().end())));
  const int64_t groups = c.integer("groups");
  const auto channels = checked_mul(w.dims()[1], groups);
  if (channels != x.dims()[1] || w.dims()[0] % groups != 0)
    return c.error("[" + text(x.dims()) + "] and weights [" + text(w.dims()) + "] do not fit");
  Sizes dims = {x.dims()[0], w.dims()[0]};
  for (std::size_t d = 0; d < windows.rank(); ++d) dims.push_back(windows.count(d, x.dims()[d + 2]));
  Tensor* y = TRY(c.out(0, dims));
  if (y->elements() == 0) return {};
  visit_number_class(x.dtype(), [&]<class N>(N) {
    if constexpr (std::is_same_v<N, double>) convolve<double>(x, w, windows, groups, *y);
    else if constexpr (std::is_same_v<N, uint64_t>) convolve<uint64_t>(x, w, windows, groups, *y);
    else if constexpr (std::is_same_v<N, int64_t>) convolve<int64_t>(x, w, windows, groups, *y);
  });
  return {};
}

Result<Kernel> lower(LowerContext& c) {
  AttributeMap attributes;
  for (const char* name : {"strides", "dilations", "pads"}) attributes.emplace(name, c.ints(name));
  attributes.emplace("groups", c.integer("groups"));
  if (c.integer("exact") != 0) attributes.emplace("exact", int64_t{1});
  return problem_kernel(c, "convolution", std::move(attributes));
}

constexpr OperandSpec kOperands[] = {{"x", "numeric"}, {"w", "same"}};
constexpr ResultDoc kResults[] = {{"y", "[N, O, spatial...]"}};
constexpr AttributeSpec kAttributes[] = {
    {"strides", AttributeKind::ints, "required", "per spatial axis, how far the window moves"},
    {"dilations", AttributeKind::ints, "required", "per spatial axis, the distance of its elements"},
    {"pads", AttributeKind::ints, "required", "zeros before each spatial axis, then after each"},
    {"groups", AttributeKind::integer, "1", "channels are cut into so many groups that do not mix"},
    {"exact", AttributeKind::integer, "0",
     "1: every product is summed as it is, as sums of integers in floats must be"},
};
constexpr Sample kSamples[] = {
    {"x: f32[2,3,7,6], w: f32[4,3,3,2]; y = convolution(x, w) {strides = [2, 1], dilations = [1, 2], pads = [1, 0, 1, "
     "2]}"},
    {"x: f32[N,4,9], w: f32[6,2,3]; y = convolution(x, w) {strides = [1], dilations = [1], pads = [1, 1], groups = 2}"},
    {"x: f32[1,8,5,5], w: f32[8,1,3,3]; y = convolution(x, w) {strides = [1, 1], dilations = [1, 1], "
     "pads = [1, 1, 1, 1], groups = 8}"},
    {"x: i32[1,2,3,4,3], w: i32[2,2,1,2,2]; y = convolution(x, w) {strides = [1, 1, 1], dilations = [1, 1, 1], "
     "pads = [0, 0, 0, 0, 0, 0]}"},
};
constexpr Operator kOperator = {
    .name = "convolution",
    .doc =
        "y[n, o, p] = sum over c, k of x[n, c, p * stride + k * dilation - pad] * w[o, c, k], zeros outside; any "
        "number "
        "of spatial axes. Integers wrap.",
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
extern const OperatorList list_convolution;
constinit const OperatorList list_convolution = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
