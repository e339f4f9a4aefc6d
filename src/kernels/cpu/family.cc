#include "kernels/cpu/family.h"

#include <algorithm>

#include <fmt/format.h>

namespace burnish {

int64_t integer(const AttributeMap& attributes, std::string_view name, int64_t otherwise) {
  const auto found = attributes.find(name);
  const auto* value = found == attributes.end() ? nullptr : std::get_if<int64_t>(&found->second);
  return value ? *value : otherwise;
}

double real(const AttributeMap& attributes, std::string_view name, double otherwise) {
  const auto found = attributes.find(name);
  const auto* value = found == attributes.end() ? nullptr : std::get_if<double>(&found->second);
  return value ? *value : otherwise;
}

std::vector<int64_t> integers(const AttributeMap& attributes, std::string_view name) {
  const auto found = attributes.find(name);
  const auto* value = found == attributes.end() ? nullptr : std::get_if<Ints>(&found->second);
  return value ? *value : std::vector<int64_t>{};
}

std::string_view string(const AttributeMap& attributes, std::string_view name) {
  const auto found = attributes.find(name);
  const auto* value = found == attributes.end() ? nullptr : std::get_if<std::string>(&found->second);
  return value ? std::string_view(*value) : std::string_view();
}

int64_t Window::taps() const {
  int64_t count = 1;
  for (int64_t k : kernel) count *= k;
  return count;
}

Result<Window> window_of(const Problem& problem) {
  const std::size_t rank = problem.result.dims.size() < 2 ? 0 : problem.result.dims.size() - 2;
  Window w;
  w.kernel = integers(problem.attributes, "kernel");
  if (problem.operands.size() > 1 && w.kernel.empty()) {  // a convolution: the weights' dims
    for (std::size_t d = 2; d < problem.operands[1].dims.size(); ++d) {
      const auto extent = problem.operands[1].dims[d].constant();
      if (!extent) return refused("the kernel's size is not a number");
      w.kernel.push_back(*extent);
    }
  }
  w.strides = integers(problem.attributes, "strides");
  w.dilations = integers(problem.attributes, "dilations");
  const auto pads = integers(problem.attributes, "pads");
  if (w.strides.empty()) w.strides.assign(rank, 1);
  if (w.dilations.empty()) w.dilations.assign(rank, 1);
  if (pads.empty()) {
    w.begins.assign(rank, 0);
    w.ends.assign(rank, 0);
  } else if (pads.size() == 2 * rank) {
    w.begins.assign(pads.begin(), pads.begin() + static_cast<std::ptrdiff_t>(rank));
    w.ends.assign(pads.begin() + static_cast<std::ptrdiff_t>(rank), pads.end());
  }
  if (w.kernel.size() != rank || w.strides.size() != rank || w.dilations.size() != rank || w.begins.size() != rank ||
      problem.operands[0].dims.size() != rank + 2)
    return refused(fmt::format("the window's attributes do not fit {} image dims", rank));
  return w;
}

std::vector<Tactic::Port> nest_ports(const Kernel& kernel, const Format& like) {
  std::vector<Tactic::Port> ports;
  for (const auto& operand : kernel.nest.operands) {
    Tactic::Port port;
    if (operand.type.dims.size() == like.order.size()) {
      port.format = like;
      port.format.dtype = operand.type.dtype;
    } else {
      port.format = Format::plain(operand.type.dtype, operand.type.rank());
      port.any_strides = true;
    }
    ports.push_back(std::move(port));
  }
  return ports;
}

Dim broadcast_stride(const Dim& own, const Dim& whole, const Dim& stride) {
  if (own == Dim(1)) return Dim(0);
  if (own == whole || equal(own, 1) == Truth::no) return stride;
  return stride * min(own - 1, 1);
}

}  // namespace burnish
