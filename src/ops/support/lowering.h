#pragma once
// Building nests. Convention: the nest's operands are the node's operands that are present, in order, then its results
// that are wanted; a Problem takes the first ones, then.

#include <functional>
#include <span>
#include <vector>

#include "ops/operator.h"

namespace burnish {

// Dtypes that kernels compute with; others run on references.
bool has_kernel_dtype(DType dtype);
// All operands and results are tensors of known rank and of such dtypes; an error says which is not.
Status check_lowerable(const LowerContext& c);

// Declares the node's operands and results; returns the numbers of the operands (-1 = absent) and of the results.
struct Declared {
  std::vector<int> operands, results;
};
Declared declare_operands(Nest& nest, const LowerContext& c);

// One axis per dim, "i0", "i1" ...; outer ones run in parallel around everything.
std::vector<int> add_axes(Nest& nest, std::span<const Dim> dims, bool outer = true, std::string_view prefix = "i");
std::vector<Index> plain_index(std::span<const int> axes);
// Loads an operand aligned right against `result` (whose dims are `axes`): dims of 1 are repeated. Where it cannot be
// shown that the dims fit, the load is guarded: a run that gets past its checks still reads nothing outside.
int load_broadcast(Nest& nest, int operand, std::span<const Dim> result, std::span<const int> axes);
int guarded_load(Nest& nest, int operand, std::vector<Index> index, double fallback = 0);
// The position that `given` (i64) names in an axis: negative ones count from the end, others outside fail the run.
int wrapped_index(Nest& nest, int given, const Dim& size);
int size_value(Nest& nest, const Dim& dim, DType dtype);
int axis_value(Nest& nest, int axis, DType dtype);

// Result 0 as one expression of the broadcast operands, at every position.
Result<Kernel> pointwise_kernel(const LowerContext& c,
                                const std::function<int(Nest& nest, std::span<const int> loaded)>& body);
// Result 0 where `body` gives the expression at the given axes (one per dim of the result).
Result<Kernel> indexed_kernel(
    const LowerContext& c,
    const std::function<int(Nest& nest, const Declared& declared, std::span<const int> axes)>& body);
// A family alone: the nest only stores the anchor's result.
Result<Kernel> problem_kernel(const LowerContext& c, std::string_view family, AttributeMap attributes);

}  // namespace burnish
