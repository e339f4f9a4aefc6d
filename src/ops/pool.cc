#include <limits>

#include "ops/support/windows.h"

namespace burnish {
namespace {

bool with_indices(const NodeView& c) { return c.node().op() == "max_pool_with_indices"; }

Result<Windows> windows_of(const NodeView& c) {
  Windows w = TRY(read_windows(c, c.ints("kernel")));
  w.ceil = c.integer("ceil") != 0;
  for (std::size_t d = 0; d < w.rank(); ++d)
    if (w.before[d] >= w.extent(d) || w.after[d] >= w.extent(d))
      return c.error("a pad as large as the window leaves windows without elements");
  return w;
}

Status infer(InferContext& c) {
  const Type& x = c.type(0);
  if (!with_indices(c) && c.string("mode") != "max" && c.string("mode") != "average")
    return c.error("mode '" + c.string("mode") + "' is unknown");
  const Windows w = TRY(windows_of(c));
  if (!x.ranked) {
    c.result(0, x);
    c.result(1, Type::unranked(DType::i64));
    return {};
  }
  if (x.dims.size() != w.rank() + 2 || w.rank() == 0)
    return c.error("a kernel of " + std::to_string(w.rank()) + " axes needs x[N, C, and as many spatial axes]");
  if (!with_indices(c) && c.string("mode") == "average" && !is_float(x.dtype)) return c.error("averages are of floats");
  Dims dims = {x.dims[0], x.dims[1]};
  for (std::size_t d = 0; d < w.rank(); ++d) dims.push_back(w.count(d, x.dims[d + 2]));
  c.result(0, Type::tensor(x.dtype, dims));
  c.result(1, Type::tensor(DType::i64, std::move(dims)));
  return {};
}

template <class N>
N lowest(DType dtype) {
  if constexpr (std::is_same_v<N, double>) return -std::numeric_limits<double>::infinity();
  else if constexpr (std::is_same_v<N, int64_t>) return std::numeric_limits<int64_t>::min() >> (64 - bit_width(dtype));
  else return N(0);
}

struct Request {
  bool average, count_pads, column_major;
  Tensor *values, *indices;
};

template <class N>
void slide(const Tensor& x, const Windows& w, const Sizes& out_dims, const Request& request) {
  const std::size_t n = w.rank();
  const Sizes in_dims(x.dims().begin() + 2, x.dims().end());
  const Sizes strides = row_major_strides(in_dims);
  Sizes reported = strides;  // of the positions that indices name
  if (request.column_major) {
    int64_t stride = 1;
    for (std::size_t d = 0; d < n; ++d) {
      reported[d] = stride;
      stride *= in_dims[d];
    }
  }
  const int64_t in_size = element_count(in_dims), out_size = element_count(out_dims);
  std::vector<N> plane(idx(in_size)), result(idx(out_size));
  for (int64_t image = 0; image < x.dims()[0] * x.dims()[1]; ++image) {
    load_block(x.dtype(), x.data(), image * in_size, 1, in_size, plane.data());
    Sizes position(n, 0);
    for (int64_t p = 0; p < out_size; ++p, next_position(position, out_dims)) {
      // The part of the window that lies inside, and how much of it lies inside the padded axis.
      Sizes first(n), taps(n);
      int64_t counted = 1;
      bool empty = false;
      for (std::size_t d = 0; d < n; ++d) {
        const int64_t start = position[d] * w.strides[d] - w.before[d], step = w.dilations[d];
        const int64_t skipped = start < 0 ? ceil_div(-start, step) : 0;
        first[d] = start + skipped * step;
        taps[d] = std::min(w.kernel[d], ceil_div(in_dims[d] - start, step)) - skipped;
        empty = empty || taps[d] <= 0;
        counted *=
            request.count_pads ? std::min(w.kernel[d], ceil_div(in_dims[d] + w.after[d] - start, step)) : taps[d];
      }
      N value = request.average ? N(0) : lowest<N>(x.dtype());
      int64_t best = -1;
      Sizes tap(n, 0);
      if (!empty) do {
          int64_t offset = 0;
          for (std::size_t d = 0; d < n; ++d) offset += (first[d] + tap[d] * w.dilations[d]) * strides[d];
          const N element = plane[idx(offset)];
          bool better = best < 0 || element > value;
          if constexpr (std::is_same_v<N, double>)
            better = !(best >= 0 && std::isnan(value)) && (better || std::isnan(element));
          if (request.average) value += element;
          else if (better) value = element;
          if (better) {
            best = image * in_size;
            for (std::size_t d = 0; d < n; ++d) best += (first[d] + tap[d] * w.dilations[d]) * reported[d];
          }
        } while (next_position(tap, taps));
      if constexpr (std::is_same_v<N, double>) {
        if (request.average) value = counted <= 0 ? 0 : value / static_cast<double>(counted);
      }
      result[idx(p)] = value;
      if (request.indices != nullptr)
        request.indices->mutable_as<int64_t>()[idx(image * out_size + p)] = std::max<int64_t>(best, 0);
    }
    if (request.values != nullptr)
      store_block(x.dtype(), request.values->mutable_data(), image * out_size, 1, out_size, result.data());
  }
}

Status reference(ReferenceContext& c) {
  const Tensor& x = c.in(0);
  const Windows w = TRY(windows_of(c));
  if (x.dims().size() != w.rank() + 2) return c.error("the kernel does not fit the rank of x");
  Sizes dims = {x.dims()[0], x.dims()[1]};
  for (std::size_t d = 0; d < w.rank(); ++d) dims.push_back(w.count(d, x.dims()[d + 2]));
  Request request{};
  if (with_indices(c)) {
    request.column_major = c.integer("column_major") != 0;
    if (c.wanted(1)) request.indices = TRY(c.out(1, dims));
  } else {
    request.average = c.string("mode") == "average";
    request.count_pads = c.integer("count_include_pad") != 0;
  }
  if (c.wanted(0)) request.values = TRY(c.out(0, dims));
  if (element_count(dims) == 0) return {};
  const Sizes out_dims(dims.begin() + 2, dims.end());
  visit_number_class(x.dtype(), [&]<class N>(N) {
    if constexpr (std::is_same_v<N, double> || std::is_same_v<N, int64_t> || std::is_same_v<N, uint64_t>)
      slide<N>(x, w, out_dims, request);
  });
  return {};
}

Result<Kernel> lower(LowerContext& c) {
  const bool average = c.string("mode") == "average", count_pads = c.integer("count_include_pad") != 0;
  // What padding counts where a window hangs over the padded end is not in the family's terms.
  if (average && count_pads && c.integer("ceil") != 0)
    return c.error("no kernel for averages that count pads in ceil mode");
  AttributeMap attributes;
  for (const char* name : {"kernel", "strides", "dilations", "pads"}) attributes.emplace(name, c.ints(name));
  attributes.emplace("mode", c.string("mode"));
  attributes.emplace("count_include_pad", c.integer("count_include_pad"));
  return problem_kernel(c, "pool", std::move(attributes));
}

// The largest first, then the first place that has it. NaN is larger than all, and only itself is not equal to itself.
Result<Kernel> lower_with_indices(LowerContext& c) {
  TRY(check_lowerable(c));
  const Windows w = TRY(windows_of(c));
  const Type& x = c.type(0);
  const Value* pooled = c.node().result(0) != nullptr ? c.node().result(0) : c.node().result(1);
  if (pooled == nullptr) return c.error("no result is asked for");
  Kernel kernel;
  Nest& nest = kernel.nest;
  const Declared declared = declare_operands(nest, c);
  const std::vector<int> axes = add_axes(nest, pooled->type().dims);
  const auto size = [&](std::size_t d) { return size_value(nest, x.dims[d], DType::i64); };
  const auto number = [&](double value) { return nest.constant(value, DType::i64); };
  std::vector<Index> from = {at(axes[0]), at(axes[1])};
  std::vector<int> taps, places;
  for (std::size_t d = 0; d < w.rank(); ++d) {
    taps.push_back(nest.add_axis("k" + std::to_string(d), Dim(w.kernel[d])));
    from.push_back(Index{{{axes[d + 2], Dim(w.strides[d])}, {taps[d], Dim(w.dilations[d])}}, Dim(-w.before[d]), -1});
    const int start =
        nest.apply(Scalar::mul, {axis_value(nest, axes[d + 2], DType::i64), number(static_cast<double>(w.strides[d]))});
    const int step =
        nest.apply(Scalar::mul, {axis_value(nest, taps[d], DType::i64), number(static_cast<double>(w.dilations[d]))});
    places.push_back(
        nest.apply(Scalar::sub, {nest.apply(Scalar::add, {start, step}), number(static_cast<double>(w.before[d]))}));
  }
  const double low = -std::numeric_limits<double>::infinity();
  const int element = guarded_load(nest, declared.operands[0], from, low);
  const int largest = nest.reduce(Reduction::max, taps, element);
  if (declared.results[0] >= 0) nest.store(declared.results[0], plain_index(axes), largest);
  if (declared.results.size() < 2 || declared.results[1] < 0) return kernel;

  int inside = -1, place = -1;
  const auto both = [&](int a, int b) { return a < 0 ? b : nest.apply(Scalar::logical_and, {a, b}); };
  const bool column_major = c.integer("column_major") != 0;
  for (std::size_t d = 0; d < w.rank(); ++d) {
    inside = both(inside, nest.apply(Scalar::ge, {places[d], number(0)}));
    inside = both(inside, nest.apply(Scalar::lt, {places[d], size(d + 2)}));
    // The innermost place last, or first.
    const std::size_t e = column_major ? w.rank() - 1 - d : d;
    place = place < 0 ? places[e] : nest.apply(Scalar::add, {nest.apply(Scalar::mul, {place, size(e + 2)}), places[e]});
  }
  int image = nest.apply(Scalar::mul, {axis_value(nest, axes[0], DType::i64), size(1)});
  image = nest.apply(Scalar::add, {image, axis_value(nest, axes[1], DType::i64)});
  for (std::size_t d = 0; d < w.rank(); ++d) image = nest.apply(Scalar::mul, {image, size(d + 2)});
  int same = nest.apply(Scalar::eq, {element, largest});
  if (is_float(x.dtype)) same = nest.apply(Scalar::logical_or, {same, nest.apply(Scalar::is_nan, {element})});
  // Equals are told apart by their order in the window, which is that of places in rows.
  int order = -1;
  for (std::size_t d = 0; d < w.rank(); ++d)
    order = order < 0 ? places[d] : nest.apply(Scalar::add, {nest.apply(Scalar::mul, {order, size(d + 2)}), places[d]});
  const int none = number(static_cast<double>(Range::kMax));
  const int candidate = nest.apply(Scalar::select, {both(inside, same), order, none});
  const int first = nest.reduce(Reduction::min, taps, candidate);
  int result = first;
  if (column_major) {
    const int hit = nest.apply(Scalar::logical_and, {inside, nest.apply(Scalar::eq, {order, first})});
    result = nest.reduce(Reduction::min, taps, nest.apply(Scalar::select, {hit, place, none}));
  }
  nest.store(declared.results[1], plain_index(axes), nest.apply(Scalar::add, {image, result}));
  return kernel;
}

constexpr OperandSpec kOperands[] = {{"x", "numeric"}};
constexpr ResultDoc kResults[] = {{"y", "[N, C, spatial...]"}};
constexpr AttributeSpec kAttributes[] = {
    {"mode", AttributeKind::string, "required", "max or average (of floats)"},
    {"kernel", AttributeKind::ints, "required", "size of the window"},
    {"strides", AttributeKind::ints, "required", "per spatial axis, how far the window moves"},
    {"dilations", AttributeKind::ints, "required", "per spatial axis, the distance of its elements"},
    {"pads", AttributeKind::ints, "required", "before each spatial axis, then after each; less than the window"},
    {"ceil", AttributeKind::integer, "0", "1: a last window that hangs over the end counts, if it starts before it"},
    {"count_include_pad", AttributeKind::integer, "0", "1: averages divide by the padded elements, too"},
};
constexpr Sample kSamples[] = {
    {"x: f32[2,3,7,6]; y = pool(x) {mode = \"max\", kernel = [3, 2], strides = [2, 1], dilations = [1, 2], "
     "pads = [1, 0, 1, 1]}"},
    {"x: f32[N,4,9]; y = pool(x) {mode = \"average\", kernel = [3], strides = [2], dilations = [1], pads = [1, 1], "
     "ceil = 1}"},
    {"x: f32[1,2,5,5]; y = pool(x) {mode = \"average\", kernel = [2, 2], strides = [1, 1], dilations = [1, 1], "
     "pads = [1, 1, 0, 0], count_include_pad = 1}"},
};

constexpr ResultDoc kIndexResults[] = {{"y", "[N, C, spatial...]", true},
                                       {"indices", "i64, the position in flattened x of each maximum", true}};
constexpr AttributeSpec kIndexAttributes[] = {
    {"kernel", AttributeKind::ints, "required", "size of the window"},
    {"strides", AttributeKind::ints, "required", "per spatial axis, how far the window moves"},
    {"dilations", AttributeKind::ints, "required", "per spatial axis, the distance of its elements"},
    {"pads", AttributeKind::ints, "required", "before each spatial axis, then after each; less than the window"},
    {"ceil", AttributeKind::integer, "0", "as of pool"},
    {"column_major", AttributeKind::integer, "0", "1: positions count the first spatial axis fastest"},
};
constexpr Sample kIndexSamples[] = {
    {"x: f32[2,3,6,5]; y, indices = max_pool_with_indices(x) {kernel = [3, 2], strides = [2, 2], dilations = [1, 1], "
     "pads = [1, 0, 1, 0]}"},
    {"x: i8[1,2,4,4]; y, indices = max_pool_with_indices(x) {kernel = [2, 2], strides = [1, 2], dilations = [1, 1], "
     "pads = [0, 0, 0, 0], column_major = 1}"},
};

constexpr Operator kOperators[] = {
    {
        .name = "pool",
        .doc =
            "The largest element, or the average, of each window over the spatial axes; padding never wins and, unless "
            "asked for, is not counted.",
        .operands = kOperands,
        .results = kResults,
        .attributes = kAttributes,
        .infer = infer,
        .reference = reference,
        .decompose = nullptr,
        .lower = lower,
        .gradient = nullptr,
        .samples = kSamples,
        .tolerance = {1e-6, 1e-6},
    },
    {
        .name = "max_pool_with_indices",
        .doc = "The largest element of each window, and where it was (the first of equals).",
        .operands = kOperands,
        .results = kIndexResults,
        .attributes = kIndexAttributes,
        .infer = infer,
        .reference = reference,
        .decompose = nullptr,
        .lower = lower_with_indices,
        .gradient = nullptr,
        .samples = kIndexSamples,
        .tolerance = {0, 0},
    },
};

}  // namespace

namespace ops {
extern const OperatorList list_pool;
constinit const OperatorList list_pool = {kOperators, 2};
}  // namespace ops
}  // namespace burnish
