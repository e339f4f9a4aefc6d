#include "codegen/nest/scalars.h"

namespace burnish {

bool takes_booleans(Scalar function) {
  switch (function) {
    case Scalar::logical_not:
    case Scalar::logical_and:
    case Scalar::logical_or:
    case Scalar::logical_xor:
    case Scalar::eq:
    case Scalar::ne:
    case Scalar::lt:
    case Scalar::le:
    case Scalar::gt:
    case Scalar::ge:
    case Scalar::min:
    case Scalar::max:
    case Scalar::bit_and:
    case Scalar::bit_or:
    case Scalar::bit_xor:
    case Scalar::bit_not:
    case Scalar::select: return true;
    default: return false;
  }
}

}  // namespace burnish
