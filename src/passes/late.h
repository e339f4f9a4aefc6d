#pragma once
// What the rewrites of late_sizes share: small integer arithmetic written before a node, and its results as sizes.

#include <optional>
#include <string_view>
#include <vector>

#include "ops/support/compose.h"

namespace burnish::passes {

using ops::Compose;

inline const Dims* dims_of(const Value* value) {
  return value != nullptr && value->type().is_ranked_tensor() ? &value->type().dims : nullptr;
}

// Elements of a list, where their number is known.
inline std::optional<int64_t> length(const Value* list) {
  const Dims* dims = dims_of(list);
  if (dims == nullptr || dims->size() != 1) return std::nullopt;
  return dims->front().constant();
}

// Writes the arithmetic before a node. Lists are i64[n].
class Late {
 public:
  Late(Node& node, Builder& builder) : node_(node), c_(builder), builder_(builder) {}

  Compose& compose() { return c_; }

  Value* sizes(const Dims& dims) {
    if (const auto numbers = constants(dims)) return c_.integers(*numbers);
    return c_.op("dims", {}, {{"values", dims}});
  }
  Value* list(Value* x) { return c_.cast(x, DType::i64); }
  Value* row(Value* x) { return x == nullptr ? x : c_.reshape(x, Dims{1, x->type().dims[0]}); }
  Value* column(Value* x) { return x == nullptr ? x : c_.reshape(x, Dims{x->type().dims[0], 1}); }
  Value* constant(Tensor tensor) { return builder_.constant(std::move(tensor)); }
  Value* eq(Value* a, double b) { return c_.binary(Scalar::eq, a, c_.number(a, b)); }
  Value* lt(Value* a, double b) { return c_.binary(Scalar::lt, a, c_.number(a, b)); }
  Value* either(Value* a, Value* b) { return c_.binary(Scalar::logical_or, a, b); }
  Value* choose(Value* condition, Value* a, double b) { return c_.select(condition, a, c_.number(a, b)); }
  Value* choose(Value* condition, double a, Value* b) { return c_.select(condition, c_.number(b, a), b); }

  // Axes that count from the end count from the start.
  Value* normal(Value* axes, int64_t rank) {
    axes = list(axes);
    return c_.select(lt(axes, 0), c_.add(axes, static_cast<double>(rank)), axes);
  }
  // [entries, rank]: which entry is which axis.
  Value* matches(Value* axes, int64_t rank) {
    return c_.binary(Scalar::eq, column(normal(axes, rank)), row(c_.integers(ops::range_of(0, rank))));
  }
  Value* any(Value* matches) { return c_.reduce("logical_or", matches, {0}, false); }
  // Is there an entry that is no axis?
  Value* strange(Value* matches) {
    Value* known = c_.reduce("logical_or", matches, {1}, false);
    return c_.reduce("logical_or", c_.unary(Scalar::logical_not, known), {0}, false);
  }
  // Per axis: its entry of the list, else the number. 'matches' absent: the list has one entry for each axis.
  Value* per_axis(Value* entries, Value* matches, double otherwise) {
    entries = list(entries);
    if (matches == nullptr) return entries;
    Value* found = c_.reduce("sum", choose(matches, column(entries), 0), {0}, false);
    return choose(any(matches), found, otherwise);
  }
  // The entries for which `kept` holds, in order, as a list of `count`; the rest are zeros.
  Value* compact(Value* entries, Value* kept, int64_t count) {
    Value* place = c_.op("cumulative", {c_.cast(kept, DType::i64)},
                         {{"axis", int64_t{0}}, {"kind", std::string("sum")}, {"exclusive", int64_t{1}}});
    Value* here = c_.binary(Scalar::eq, row(place), column(c_.integers(ops::range_of(0, count))));
    here = c_.binary(Scalar::logical_and, here, row(kept));
    return c_.reduce("sum", choose(here, row(entries), 0), {1}, false);
  }
  // A list whose entries are wrong where the condition holds: no size is negative, so that the run ends with an error.
  Value* refuse(Value* condition, Value* entries) { return choose(condition, -1, entries); }

  Dim fresh(std::string_view hint, int64_t low = 0) { return node_.graph()->fresh_symbol(hint, {low, Range::kMax}); }
  Dims fresh(std::string_view hint, std::size_t count, int64_t low = 0) {
    Dims dims;
    for (std::size_t i = 0; i < count; ++i) dims.push_back(fresh(hint, low));
    return dims;
  }
  Value* bind(Value* entries, Dims dims) { return c_.op("bind", {entries}, {{"sizes", std::move(dims)}}); }
  void bind(std::initializer_list<std::pair<Value*, Dims>> lists) {
    std::vector<Value*> parts;
    Dims all;
    for (const auto& [entries, dims] : lists) {
      parts.push_back(entries);
      all.insert(all.end(), dims.begin(), dims.end());
    }
    bind(c_.concat(parts, 0), std::move(all));
  }

 private:
  Node& node_;
  Compose c_;
  Builder& builder_;
};

// What the node's result becomes; null: it stays as it is. `bound`: the sizes have got their names, the node may stay.
struct Made {
  Value* value = nullptr;
  bool bound = false;
};
using Rewrite = Made (*)(Late&, Node&, const Dims& result);

// late_resize.cc
Made resize(Late& late, Node& node, const Dims& result);  // whatever kernels do not do themselves
Made dynamic_resize(Late& late, Node& node, const Dims& result);

}  // namespace burnish::passes
