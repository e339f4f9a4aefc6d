#include "ops/support/window.h"

#include <limits>

#include <fmt/format.h>

namespace burnish::ops {
namespace {

constexpr int64_t kLargest =
    int64_t{1} << 22;  // of a kernel, stride, dilation or pad: keeps products with sizes in range

Status check_each(const NodeView& context, const Ints& values, std::size_t count, int64_t least,
                  std::string_view what) {
  if (values.size() != count)
    return context.error(fmt::format("{} has {} entries where {} are needed", what, values.size(), count));
  for (int64_t value : values)
    if (value < least || value >= kLargest) return context.error(fmt::format("{} holds {}", what, value));
  return {};
}

}  // namespace

std::optional<Ints> Window::pads() const {
  auto begins = constants(before);
  auto ends = constants(after);
  if (!begins || !ends) return std::nullopt;
  begins->insert(begins->end(), ends->begin(), ends->end());
  return begins;
}

Result<Window> window_of(const NodeView& context, std::span<const Dim> spatial, Ints kernel, bool ceil) {
  const std::size_t rank = spatial.size();
  Window w{std::move(kernel), context.ints("strides"), context.ints("dilations"), {}, {}, {}};
  if (w.strides.empty()) w.strides.assign(rank, 1);
  if (w.dilations.empty()) w.dilations.assign(rank, 1);
  TRY(check_each(context, w.kernel, rank, 1, "kernel"));
  TRY(check_each(context, w.strides, rank, 1, "strides"));
  TRY(check_each(context, w.dilations, rank, 1, "dilations"));
  const std::string& auto_pad = context.string("auto_pad");
  const bool upper = auto_pad == "SAME_UPPER", lower = auto_pad == "SAME_LOWER";
  Ints pads(2 * rank, 0);
  if (auto_pad == "NOTSET" || auto_pad.empty()) {
    if (!context.ints("pads").empty()) pads = context.ints("pads");
    TRY(check_each(context, pads, 2 * rank, 0, "pads"));
  } else if (!upper && !lower && auto_pad != "VALID") {
    return context.error("auto_pad is \"" + auto_pad + "\"", "use NOTSET, VALID, SAME_UPPER or SAME_LOWER");
  }
  for (std::size_t i = 0; i < rank; ++i) {
    const Dim extent = (w.kernel[i] - 1) * w.dilations[i] + 1;
    if (upper || lower) {
      const Dim count = ceildiv(spatial[i], w.strides[i]);
      const Dim total = max((count - 1) * w.strides[i] + extent - spatial[i], 0);
      const Dim half = floordiv(total, 2);
      w.before.push_back(upper ? half : total - half);
      w.after.push_back(upper ? total - half : half);
      w.result.push_back(count);
      continue;
    }
    w.before.push_back(pads[i]);
    w.after.push_back(pads[i + rank]);
    const Dim room = spatial[i] + w.before[i] + w.after[i] - extent;
    // Windows that round up may find no place at all, and then there is no result.
    const bool none = ceil && auto_pad == "VALID" && ceildiv(room, w.strides[i]) == Dim(-1);
    if (room.range().high < 0 && !none)
      return context.error(
          fmt::format("the kernel covers {} elements of spatial axis {}, which has {} with its padding", extent.text(),
                      i, (room + extent).text()));
    if (!ceil) {
      w.result.push_back(floordiv(room, w.strides[i]) + 1);
      continue;
    }
    // A last window that would start in the padding behind the data is left out.
    const Dim count = ceildiv(room, w.strides[i]) + 1;
    w.result.push_back(min(count, ceildiv(spatial[i] + w.before[i], w.strides[i])));
  }
  return w;
}

Value* padded(Compose& c, Value* x, Window& window, double fill) {
  if (x == nullptr) return nullptr;
  const std::size_t leading = x->type().dims.size() - window.before.size();
  Dims before(leading, Dim(0)), after(leading, Dim(0));
  before.insert(before.end(), window.before.begin(), window.before.end());
  after.insert(after.end(), window.after.begin(), window.after.end());
  window.before.assign(window.before.size(), Dim(0));
  window.after = window.before;
  return c.op("pad", {x, c.number(x, fill)},
              {{"before", std::move(before)}, {"after", std::move(after)}, {"mode", std::string("constant")}});
}

}  // namespace burnish::ops
