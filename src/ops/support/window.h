#pragma once
// Geometry of sliding windows: ONNX's attributes (auto_pad, ceil) brought to explicit pads.

#include <string>
#include <vector>

#include "ops/support/compose.h"

namespace burnish::ops {

struct Window {
  Ints kernel, strides, dilations;
  Dims before, after;  // padding per spatial axis
  Dims result;         // spatial dims
  // The padding as `pads` of a core operator (begins, then ends); empty when it depends on symbols.
  std::optional<Ints> pads() const;
};

// `spatial` = x's dims after batch and channels. Empty strides, dilations and pads mean ones and zeros.
Result<Window> window_of(const NodeView& context, std::span<const Dim> spatial, Ints kernel, bool ceil);

// x with the window's padding as an explicit operator; the window's own padding becomes zero.
Value* padded(Compose& c, Value* x, Window& window, double fill);

// Attributes that every operator with a window has: strides, dilations, pads, auto_pad.
#define WINDOW_ATTRIBUTES                                                                                       \
  {"strides", AttributeKind::ints, "[]", "step per spatial axis; [] = ones"},                                   \
      {"dilations", AttributeKind::ints, "[]", "distance of the kernel's elements; [] = ones"},                 \
      {"pads", AttributeKind::ints, "[]", "zeros around x: begins, then ends; [] = none"},                      \
      {"auto_pad", AttributeKind::string, "\"NOTSET\"",                                                         \
       "\"NOTSET\": pads count; \"VALID\": none; \"SAME_UPPER\", \"SAME_LOWER\": as much as gives ceil(size / " \
       "stride)"}

}  // namespace burnish::ops
