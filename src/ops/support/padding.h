#pragma once
// Padding for `pad` and `dynamic_pad`.

#include <optional>
#include <string_view>

#include "ops/support/strided.h"

namespace burnish {

enum class PadMode : uint8_t { constant, reflect, edge, wrap };
std::optional<PadMode> parse_pad_mode(std::string_view name);

// The element of an axis of `size` that stands at `position` (which may be outside); -1: the fill value.
int64_t padded_source(PadMode mode, int64_t position, int64_t size);
// y[i] = x[i - before], or what the mode puts there. `value` is one element, null for 0. Negative amounts crop. y's dims
// are x's plus all amounts. Fails when a mode has nothing to repeat.
Status pad_tensor(const Tensor& x, PadMode mode, std::span<const int64_t> before, const Tensor* value, Tensor& y);

}  // namespace burnish
