#pragma once
// Runs a nest on the host, element by element, in double (integers in 64 bits): what tests compare emitted code with.

#include <functional>
#include <span>

#include "ir/storage.h"
#include "loop/nest.h"

namespace burnish {

// One pointer per operand, to where its storage's offset leads. Also writes the fill of borders and unfinished blocks.
// `anchor` gives the anchor's result at a position of the outer axes; needed only by nests that read it.
using AnchorValue = std::function<double(std::span<const int64_t> outer)>;
Status evaluate(const Nest& nest, std::span<const Storage> storages, std::span<void* const> pointers,
                const SymbolTable& symbols, const AnchorValue& anchor = {});

// One scalar function on numbers of a class; the result of comparisons is 0 or 1. Integers wrap at 64 bits.
double apply(Scalar function, std::span<const double> arguments);
int64_t apply(Scalar function, std::span<const int64_t> arguments, bool is_unsigned);

}  // namespace burnish
