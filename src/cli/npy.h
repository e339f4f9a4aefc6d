#pragma once
// NumPy's .npy files: inputs and outputs of `burnish run`. The reader takes versions 1 to 3, both byte orders and both
// element orders, and refuses objects (they are pickles).
//
// What NumPy has no name for is kept as follows: bf16 as '<V2' and the f8 and f4 types as '|V1' (the bits; as ml_dtypes
// writes them: array.view(ml_dtypes.bfloat16)), i4 and i2 as '|i1', u4 and u2 as '|u1', strings as '<U' (as bytes '|S'
// where they are not UTF-8).

#include <optional>
#include <string>

#include "base/file.h"
#include "ir/tensor.h"

namespace burnish::cli {

// `wanted` gives bits without a name their meaning ('<V2' as bf16) and narrows bytes to i4, i2, u4 and u2; any other
// dtype is returned as it is in the file.
Result<Tensor> read_npy(const std::string& path, std::optional<DType> wanted = std::nullopt);

// The whole file, written but not yet in place: commit() it.
Result<AtomicFile> stage_npy(const std::string& path, const Tensor& tensor);

}  // namespace burnish::cli
