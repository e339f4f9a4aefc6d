// What models that write text have in com.microsoft: attention over a cache of keys and values.

#include <limits>

#include <fmt/format.h>

#include "import/onnx/importer.h"
#include "import/onnx/shared.h"

namespace burnish::onnx {
namespace {

// The node's inputs.
enum : std::size_t {
  kQuery,
  kKey,
  kValue,
  kPastKey,
  kPastValue,
  kLast,  // the place of each sequence's last element, counted from 0
  kTotal,
  kCos,
  kSin,
  kPositions,
  kBias,
  kSink
};

constexpr double kHidden = -std::numeric_limits<double>::infinity();

struct Sizes {
  int64_t heads, shared;  // of queries; of keys and values
  Dim batch, length, width;
};

// Some columns of the packed heads of queries, keys and values.
Value* part(NodeContext& c, const Dim& from, const Dim& count) {
  Dims sizes = c.in(kQuery)->type().dims;
  sizes.back() = count;
  return c.op("slice", {c.in(kQuery)},
              {{"starts", Dims{0, 0, from}}, {"sizes", sizes}, {"steps", Ints(sizes.size(), 1)}});
}

Value* count_up(NodeContext& c, Dims shape, int64_t axis) {
  return c.op("iota", {}, {{"shape", std::move(shape)}, {"axis", axis}, {"dtype", DType::i64}});
}

// [batch, length, heads * width] -> [batch, heads, length, width]
Value* by_heads(NodeContext& c, Value* x, const Sizes& s, int64_t heads) {
  x = c.op("reshape", {x}, {{"shape", Dims{s.batch, s.length, heads, s.width}}});
  return c.op("transpose", {x}, {{"permutation", Ints{0, 2, 1, 3}}});
}

Status refuse_unsupported(NodeContext& c) {
  if (c.integer("qk_output", 0) != 0 || c.wanted(3)) return c.error("the scores as an output are not supported");
  c.integer("kv_cache_bit_width", 0);
  for (std::string_view name : {"k_quant_type", "v_quant_type"})
    if (c.string(name, "NONE") != "NONE") return c.error("a quantised cache is not supported");
  return {};
}

// Keys and values of `total` places or as many as the past has, if that is more; new ones stand where the past of their
// sequence ends. Queries see what is before them, of a window only the last.
Status group_query_attention(NodeContext& c) {
  TRY(need_inputs(c, {kQuery, kLast, kTotal}));
  TRY(refuse_unsupported(c));
  Sizes s{c.integer("num_heads", 0), c.integer("kv_num_heads", 0), {}, {}, {}};
  if (s.heads < 1 || s.shared < 1 || s.heads > 1 << 20 || s.heads % s.shared != 0)
    return c.error("attributes 'num_heads' and 'kv_num_heads' must be positive, one a multiple of the other");
  const int64_t interleaved = c.integer("rotary_interleaved", 0);
  const Dims dims = TRY(c.dims(kQuery));
  if (dims.size() != 3) return c.error("the query must be [batch, length, width]");
  if (c.has(kKey) != c.has(kValue) || c.has(kPastKey) != c.has(kPastValue)) return c.error("keys come with values");
  const bool packed = !c.has(kKey);
  s.batch = dims[0];
  s.length = dims[1];
  s.width = floordiv(dims[2], packed ? s.heads + 2 * s.shared : s.heads);
  const Dim wide = s.width * s.heads, narrow = s.width * s.shared;
  Value* q = packed ? part(c, 0, wide) : c.in(kQuery);
  Value* k = packed ? part(c, wide, narrow) : c.in(kKey);
  Value* v = packed ? part(c, wide + narrow, narrow) : c.in(kValue);

  Value* lengths = c.op("reshape", {c.cast(c.in(kLast), DType::i64)}, {{"shape", Dims{s.batch}}});
  lengths = c.op("add", {lengths, c.number(lengths, 1)});
  // Of a first prompt that is filled up, less than its length: nothing is past then.
  Value* new_count = s.length.is_constant() ? c.b().scalar(DType::i64, static_cast<double>(s.length.value()))
                                            : c.op("dims", {}, {{"values", Dims{s.length}}, {"scalar", int64_t{1}}});
  Value* past = c.op("sub", {lengths, new_count});
  past = c.op("max", {past, c.number(past, 0)});

  if (c.integer("do_rotary", 0) != 0) {
    if (!c.has(kCos) || !c.has(kSin)) return c.error("the tables of cosines and sines are missing");
    const Dims table = TRY(c.dims(kCos));
    if (table.size() != 2 || !table[1].is_constant() || table[1].value() > 1 << 20)
      return c.error("the tables of cosines and sines need sizes");
    Value* at = c.in(kPositions);
    if (at == nullptr) {
      at = c.op("add", {c.op("unsqueeze", {past}, {{"axes", Ints{1}}}), count_up(c, {1, s.length}, 1)});
      // What only fills up stands at 1.
      Value* real = c.op("lt", {at, c.op("unsqueeze", {lengths}, {{"axes", Ints{1}}})});
      at = c.op("select", {real, at, c.number(at, 1)});
    }
    const auto rotated = [&](Value* x, int64_t heads) {
      return c.op("rotary_embedding", {x, c.in(kCos), c.in(kSin), at},
                  {{"heads", heads}, {"interleaved", interleaved}, {"rotary_dim", 2 * table[1].value()}});
    };
    q = rotated(q, s.heads);
    k = rotated(k, s.shared);
  }
  q = by_heads(c, q, s, s.heads);
  k = by_heads(c, k, s, s.shared);
  v = by_heads(c, v, s, s.shared);

  // The places of the cache; how many there are is known when the model runs.
  Value* most = single(c, c.cast(c.in(kTotal), DType::i64));
  Dim before = 0;
  if (c.has(kPastKey)) {
    const Dims d = TRY(c.dims(kPastKey));
    if (d.size() != 4) return c.error("the past must be [batch, heads, length, width]");
    before = d[2];
    most = c.op("max", {most, c.op("dims", {}, {{"values", Dims{before}}, {"scalar", int64_t{1}}})});
  }
  most = c.op("reshape", {most}, {{"shape", Dims{1}}});
  TRY(c.finish());
  const bool known = most->contents() && most->contents()->size() == 1;
  const Dim total = known ? most->contents()->front() : c.scope().graph->fresh_symbol("total");
  if (!known) c.op("bind", {most}, {{"sizes", Dims{total}}});
  // What is behind the new ones is zero.
  Value* end = c.op("reshape", {c.op("add", {past, new_count})}, {{"shape", Dims{s.batch, 1, 1, 1}}});
  Value* filled = c.op("lt", {count_up(c, {1, 1, total, 1}, 2), end});
  const auto cache = [&](std::size_t i, Value* fresh) {
    Value* old = c.in(i);
    const Dims all = {s.batch, s.shared, total, s.width};
    if (old == nullptr || before == Dim(0)) {
      old = c.op("broadcast", {c.number(fresh, 0)}, {{"shape", all}});
    } else if (!(before == total)) {
      old = c.op(
          "pad", {old, c.number(old, 0)},
          {{"before", Dims(4, Dim(0))}, {"after", Dims{0, 0, total - before, 0}}, {"mode", std::string("constant")}});
    }
    Value* all_of_it = c.op("tensor_scatter", {old, fresh, past}, {{"axis", int64_t{2}}});
    return c.op("select", {filled, all_of_it, c.number(fresh, 0)});
  };
  k = cache(kPastKey, k);
  v = cache(kPastValue, v);

  Value* row = c.op("reshape", {past}, {{"shape", Dims{s.batch, 1, 1, 1}}});
  row = c.op("add", {row, count_up(c, {1, 1, s.length, 1}, 2)});
  Value* column = count_up(c, {1, 1, 1, total}, 3);
  Value* mask = c.op("le", {column, row});
  if (const int64_t window = c.integer("local_window_size", -1); window > 0)
    mask = c.op("logical_and",
                {mask, c.op("gt", {column, c.op("sub", {row, c.number(row, static_cast<double>(window))})})});
  if (c.has(kBias)) {
    mask = c.op("add", {c.op("select", {mask, c.number(q, 0), c.number(q, kHidden)}), c.in(kBias)});
  }
  Value *seen_k = k, *seen_v = v;
  if (c.integer("smooth_softmax", 0) > 0 || c.has(kSink)) {
    // One score more, of a key and a value that are zero.
    const auto longer = [&](Value* x) {
      Value* none = c.op("broadcast", {c.number(x, 0)}, {{"shape", Dims{s.batch, s.shared, 1, s.width}}});
      return c.op("concat", {x, none}, {{"axis", int64_t{2}}});
    };
    seen_k = longer(k);
    seen_v = longer(v);
    if (!c.has(kBias)) mask = c.op("select", {mask, c.number(q, 0), c.number(q, kHidden)});
    mask = c.op("broadcast", {mask}, {{"shape", Dims{s.batch, s.heads, s.length, total}}});
    Value* sink = c.number(q, 0);
    if (c.has(kSink)) sink = c.op("reshape", {c.in(kSink)}, {{"shape", Dims{1, s.heads, 1, 1}}});
    sink = c.op("broadcast", {sink}, {{"shape", Dims{s.batch, s.heads, s.length, 1}}});
    mask = c.op("concat", {mask, sink}, {{"axis", int64_t{3}}});
  }
  AttributeMap attributes = {{"softcap", c.real("softcap", 0)}};
  if (const double scale = c.real("scale", 0); scale != 0) attributes.emplace("scale", scale);
  Value* y = c.op("onnx_attention", {q, seen_k, seen_v, mask}, std::move(attributes));
  y = c.op("transpose", {y}, {{"permutation", Ints{0, 2, 1, 3}}});
  c.give(c.op("reshape", {y}, {{"shape", Dims{s.batch, s.length, wide}}}));
  c.give(1, k);
  c.give(2, v);
  return {};
}

constexpr OperatorRow kRows[] = {
    {"GroupQueryAttention", 1, group_query_attention, {}},
};

}  // namespace

std::span<const OperatorRow> microsoft_generation_rows() { return kRows; }

}  // namespace burnish::onnx
