#include "ops/support/sizes.h"

namespace burnish {

void shorten(InferContext& c, Dims& dims) {
  constexpr std::size_t kLongest = 200;  // characters
  for (Dim& dim : dims)
    if (!dim.is_constant() && dim.text().size() > kLongest) dim = c.fresh("size");
}

}  // namespace burnish
