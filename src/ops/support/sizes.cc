#include "ops/support/sizes.h"

namespace burnish {

void shorten(InferContext& c, Dims& dims) {
  constexpr std::size_t kLongest = 200;  // characters
  for (Dim& dim : dims)
    if (!dim.is_constant() && dim.text().size() > kLongest) dim = c.fresh("size");
}

Status check_extends(const InferContext& c, std::span<const Dim> own, std::span<const Dim> dims,
                     std::string_view what) {
  const std::string message = std::string(what) + " [" + text(own) + "] does not extend to [" + text(dims) + "]";
  if (own.size() > dims.size()) return c.error(message);
  for (std::size_t i = 0; i < own.size(); ++i) {
    const Dim& to = dims[dims.size() - own.size() + i];
    if (equal(own[i], to) == Truth::no && equal(own[i], 1) == Truth::no) return c.error(message);
    c.require(Requirement::Kind::extends, own[i], to, what);
  }
  return {};
}

}  // namespace burnish
