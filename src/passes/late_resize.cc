// Resampling one axis after the other, by scales that are data, or with filters that `resize` has no kernel for.

#include <algorithm>
#include <new>

#include "ops/operator.h"
#include "passes/late.h"
#include "passes/match.h"

namespace burnish::passes {

namespace {

// What resize and dynamic_resize say of every axis alike.
AttributeMap shared_attributes(const Node& node) {
  AttributeMap attributes;
  for (const char* name :
       {"mode", "coordinates", "nearest", "cubic_a", "exclude_outside", "extrapolation", "antialias"})
    if (const Attribute* given = node.attribute(name)) attributes[name] = *given;
  return attributes;
}

struct Axis {
  int64_t axis;
  Dim size;
  Value* scale = nullptr;  // f64[]
  Value* roi = nullptr;    // f64[2]
};

// 2 * ceil(reach / min(scale, 1)): the filter reaches `reach` elements to either side.
double reach_of(const Node& node) { return string_attribute(node, "mode") == "cubic" ? 2 : 1; }
Value* taps_of(Late& late, const Node& node, Value* scale) {
  Compose& c = late.compose();
  Value* stretch = c.min(scale, 1.0);
  Value* half = c.unary(Scalar::ceil, c.div(c.number(scale, reach_of(node)), stretch));
  return c.cast(c.mul(half, 2.0), DType::i64);
}

Value* chain(Late& late, const Node& node, std::span<const Axis> axes, std::span<const Dim> taps) {
  Compose& c = late.compose();
  Value* x = node.operand(0);
  const DType dtype = x->type().dtype;
  const bool nearest = string_attribute(node, "mode") == "nearest";
  if (!nearest && !is_float(dtype)) x = c.cast(x, DType::f64);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    AttributeMap attributes = shared_attributes(node);
    attributes["axis"] = axes[i].axis;
    attributes["size"] = Dims{axes[i].size};
    attributes["taps"] = Dims{taps[i]};
    x = c.op("resize_axis", {x, axes[i].scale, axes[i].roi}, std::move(attributes));
  }
  return c.cast(x, dtype);
}

}  // namespace

Made resize(Late& late, Node& node, const Dims& result) {
  LowerContext context(node);
  if (node.definition()->lower(context)) return {};
  Compose& c = late.compose();
  const Dims& from = node.operand(0)->type().dims;
  const auto reals = [&](std::string_view name) {
    const auto given = attribute_or_default(node, name);
    const Floats* list = given ? std::get_if<Floats>(&*given) : nullptr;
    return list == nullptr ? Floats() : *list;
  };
  const Floats scales = reals("scales"), roi = reals("roi");
  const bool crop = string_attribute(node, "coordinates") == "tf_crop_and_resize";
  std::vector<Axis> axes;
  std::vector<Dim> taps;
  for (std::size_t d = 0; d < from.size(); ++d) {
    const bool same = equal(from[d], result[d]) == Truth::yes && (scales.empty() || scales[d] == 1);
    if (same && !crop) continue;
    Axis axis{static_cast<int64_t>(d), result[d]};
    if (!scales.empty()) axis.scale = c.number(DType::f64, scales[d]);
    else if (integer(node, "antialias") != 0)
      axis.scale = c.div(c.size(result[d], DType::f64), c.size(max(from[d], 1), DType::f64));
    if (crop) {
      auto ends = Tensor::allocate(DType::f64, {2});
      if (!ends) throw std::bad_alloc();
      ends->mutable_as<double>()[0] = roi[d];
      ends->mutable_as<double>()[1] = roi[d + from.size()];
      axis.roi = late.constant(*std::move(ends));
    }
    taps.emplace_back(2 * static_cast<int64_t>(reach_of(node)));
    if (integer(node, "antialias") != 0) {
      taps.back() = late.fresh("taps", int64_t{1});
      late.bind(c.reshape(taps_of(late, node, axis.scale), Dims{1}), {taps.back()});
    }
    axes.push_back(std::move(axis));
  }
  return {chain(late, node, axes, taps)};
}

Made dynamic_resize(Late& late, Node& node, const Dims& result) {
  Compose& c = late.compose();
  const Dims& from = node.operand(0)->type().dims;
  const auto rank = static_cast<int64_t>(from.size());
  Ints axes = integers(node, "axes");
  if (axes.empty()) axes = ops::range_of(0, rank);
  const auto count = static_cast<int64_t>(axes.size());
  Value *roi = node.operand(1), *scales = node.operand(2), *sizes = node.operand(3);
  const bool by_scales = scales != nullptr && length(scales) == count;
  const bool crop = string_attribute(node, "coordinates") == "tf_crop_and_resize";
  const std::string policy = string_attribute(node, "policy");
  if (count == 0 || (!by_scales && (sizes == nullptr || length(sizes) != count))) return {};
  if (crop && (roi == nullptr || length(roi) != 2 * count)) return {};

  Dims own, wanted;
  for (int64_t axis : axes) {
    own.push_back(from[static_cast<std::size_t>(ops::normal_axis(axis, rank))]);
    wanted.push_back(result[static_cast<std::size_t>(ops::normal_axis(axis, rank))]);
  }
  // Axes that are not listed keep their sizes.
  Dims kept, kept_as;
  for (int64_t d = 0; d < rank; ++d) {
    if (std::ranges::any_of(axes, [&](int64_t a) { return ops::normal_axis(a, rank) == d; })) continue;
    kept.push_back(from[static_cast<std::size_t>(d)]);
    kept_as.push_back(result[static_cast<std::size_t>(d)]);
  }
  if (!kept.empty() && kept != kept_as) late.bind(late.sizes(kept), kept_as);
  Value* whole = c.cast(late.sizes(own), DType::f64);
  Value *scale, *made;  // f64[count], i64[count]
  if (by_scales) {
    scale = c.cast(scales, DType::f64);
    made = c.cast(c.unary(Scalar::floor, c.mul(whole, scale)), DType::i64);
  } else {
    made = late.list(sizes);
    scale = c.div(c.cast(made, DType::f64), c.max(whole, 1.0));
    if (policy != "stretch") {
      scale = c.reduce(policy == "not_larger" ? "min" : "max", scale, {0}, true);
      made = c.cast(c.unary(Scalar::floor, c.add(c.mul(scale, whole), 0.5)), DType::i64);
      scale = c.broadcast(scale, {count});
    }
  }
  // A size of 0 asks for nothing, whatever its scale.
  Value* wrong =
      c.binary(Scalar::logical_and, c.unary(Scalar::logical_not, c.binary(Scalar::ge, scale, c.number(scale, 1e-7))),
               c.unary(Scalar::logical_not, late.eq(made, 0)));
  made = late.refuse(wrong, made);
  const double reach = reach_of(node);
  Dims taps(axes.size(), Dim(2 * static_cast<int64_t>(reach)));
  if (integer(node, "antialias") != 0) {
    taps = late.fresh("taps", axes.size(), int64_t{1});
    late.bind({{made, wanted}, {taps_of(late, node, scale), taps}});
  } else {
    late.bind(made, wanted);
  }
  const auto entry = [&](Value* list, int64_t i) { return c.slice(list, 0, i, 1); };
  std::vector<Axis> all;
  std::vector<Dim> taps_in_order;
  for (int64_t axis = 0; axis < rank; ++axis) {
    for (int64_t i = 0; i < count; ++i) {
      if (ops::normal_axis(axes[static_cast<std::size_t>(i)], rank) != axis) continue;
      Axis one{axis, result[static_cast<std::size_t>(axis)]};
      one.scale = c.reshape(entry(scale, i), {});
      if (crop) {
        Value* ends[] = {entry(roi, i), entry(roi, i + count)};
        one.roi = c.cast(c.concat(ends, 0), DType::f64);
      }
      all.push_back(one);
      taps_in_order.push_back(taps[static_cast<std::size_t>(i)]);
    }
  }
  return {chain(late, node, all, taps_in_order)};
}

}  // namespace burnish::passes
