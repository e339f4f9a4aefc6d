#pragma once
// One level of Strassen's multiplication, as Winograd arranged it (7 products and 15 sums of quarters; Knuth, The Art of
// Computer Programming, vol. 2, 4.6.4): two neighbouring pixels, the halves of k and two blocks of channels make a product
// of 2x2 quarters, for 7 multiplications instead of 8.
//
// Rounds more than a sum in any order would: errors are about twice those of the direct form, relative to the larger of two
// neighbouring pixels. Two that differ a lot, or are not finite, are multiplied apart: neither spoils the other.

#include <functional>

#include "kernels/cpu/contraction.h"

namespace burnish {

// Tiles whose rows are pairs of pixels and whose blocks are pairs of blocks, best first; none where it does not apply.
std::vector<TileEstimate> choose_strassen(const CpuFeatures& cpu, const Contraction& contraction, int lanes);

// Vectors of each of the last two blocks, where they are narrower; 0: they are not.
int64_t last_vectors(int64_t channels, const ContractionTile& tile);
// The tactic but for the nest's ports. Weights are operand 1: it wants what strassen_weights gives.
Tactic strassen_tactic(const Contraction& contraction, const TileEstimate& estimate, Tactic::Port a,
                       const Format& weights);
bool is_strassen(const Tactic& tactic);
// What goes into the products of the weights w(k, n).
Result<Tensor> strassen_weights(const Tactic& tactic, int64_t sum, int64_t channels,
                                const std::function<float(int64_t k, int64_t n)>& w);
Result<Emitted> emit_strassen(const CpuFeatures& cpu, const Contraction& contraction, const Tactic& tactic,
                              const Kernel& kernel, std::span<const Storage> storages);

}  // namespace burnish
