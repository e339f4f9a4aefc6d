#pragma once
// Samples of the catalogue with one thing changed: an attribute, or a dtype. What the change makes wrong is for the caller
// to find out.

#include <string>
#include <vector>

#include "ops/operator.h"

namespace burnish::test {

struct SampleVariant {
  std::string name;  // "mode=cubic", "f32=f16"
  std::string text;
};

std::vector<SampleVariant> sample_variants(const Operator& op, const Sample& sample);

}  // namespace burnish::test
