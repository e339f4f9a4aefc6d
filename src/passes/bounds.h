#pragma once
// How large numbers are: what a float type holds, and what is known of a value whatever the inputs are. Rules that reorder
// arithmetic ask, so that nothing overflows, underflows or loses its sign that did not before.

#include "ir/graph.h"

namespace burnish::passes {

// Magnitudes that a float type holds with all its bits. Of the types that are only stored (f8, f4): none.
struct FloatRange {
  double smallest_normal, largest;
  bool holds(double magnitude) const { return magnitude >= smallest_normal && magnitude <= largest; }
};
FloatRange float_range(DType dtype);

// As the dtype, a float, stores it.
double rounded(DType dtype, double value);

// A number that no element is below, NaN aside; -inf where nothing is known. The zeros are ordered: 0 says that no element
// is -0, while -0 leaves that open.
double least(const Value* value);
// Neither a negative number nor -0 is among the elements.
bool never_negative(const Value* value);

}  // namespace burnish::passes
