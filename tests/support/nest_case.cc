#include "tests/support/nest_case.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/checked.h"

namespace burnish {
namespace {

double real_of(const std::byte* data, int64_t i, DType dtype) {
  switch (number_class(dtype)) {
    case NumberClass::real: return Accessor<double>(dtype).load(data, i);
    case NumberClass::boolean: return Accessor<bool>(dtype).load(data, i);
    case NumberClass::unsigned_int: return static_cast<double>(Accessor<uint64_t>(dtype).load(data, i));
    default: return static_cast<double>(Accessor<int64_t>(dtype).load(data, i));
  }
}

}  // namespace

int64_t span_of(const Storage& storage, const Type& type, const SymbolTable& symbols) {
  int64_t last = 0;
  for (std::size_t d = 0; d < type.dims.size(); ++d) {
    const int64_t n = *evaluate(type.dims[d], symbols), stride = *evaluate(storage.strides[d], symbols);
    if (n == 0) return 0;
    const int64_t block = block_of(storage.format, d);
    const int64_t extent = ceil_div(n + 2 * border_of(storage.format, d), block);
    last += (extent - 1) * stride + (block - 1) * (block > 1 ? inner_stride(storage.format, d) : 0);
  }
  return last + 1;
}

void randomise(std::byte* data, int64_t elements, DType dtype, std::mt19937_64& random, double low, double high,
               const std::vector<double>& values) {
  std::uniform_real_distribution<double> uniform(low, high);
  for (int64_t i = 0; i < elements; ++i) {
    const double value = values.empty() ? uniform(random) : values[static_cast<std::size_t>(i) % values.size()];
    switch (number_class(dtype)) {
      case NumberClass::real: Accessor<double>(dtype).store(data, i, value); break;
      case NumberClass::boolean: Accessor<bool>(dtype).store(data, i, values.empty() ? value > 0 : value != 0); break;
      case NumberClass::unsigned_int:
        Accessor<uint64_t>(dtype).store(data, i, static_cast<uint64_t>(static_cast<int64_t>(value)));
        break;
      default: Accessor<int64_t>(dtype).store(data, i, static_cast<int64_t>(value)); break;
    }
  }
}

// True of other numbers, too. A double cannot tell large integers apart.
static bool same_integer(const std::byte* a, const std::byte* b, int64_t i, DType dtype) {
  switch (number_class(dtype)) {
    case NumberClass::signed_int: return Accessor<int64_t>(dtype).load(a, i) == Accessor<int64_t>(dtype).load(b, i);
    case NumberClass::unsigned_int: return Accessor<uint64_t>(dtype).load(a, i) == Accessor<uint64_t>(dtype).load(b, i);
    default: return true;
  }
}

std::string element_difference(const NestCase& test, DType dtype, const std::byte* expected, const std::byte* found,
                               int64_t element) {
  const double want = real_of(expected, element, dtype), got = real_of(found, element, dtype);
  double limit = 0;
  if (is_float(dtype)) limit = test.tolerance * std::max(1.0, std::fabs(want));
  if (dtype == DType::f16) limit = std::max(limit, std::fabs(want) * 0x1p-10 + 0x1p-24);
  if (dtype == DType::bf16) limit = std::max(limit, std::fabs(want) * 0x1p-7);
  if ((got == want && same_integer(expected, found, element, dtype)) || (std::isnan(want) && std::isnan(got)) ||
      (limit > 0 && std::fabs(got - want) <= limit))
    return {};
  return fmt::format("{}, not {}", got, want);
}

}  // namespace burnish
