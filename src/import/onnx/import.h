#pragma once
// ONNX models become graphs. Everything in a file is checked; what the catalogue lacks stays as a foreign node
// "onnx.DOMAIN.OPTYPE" so that all of it can be reported at once.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "import/onnx/messages.h"
#include "ir/graph.h"

namespace burnish {

struct UnknownOperator {
  std::string domain, op_type;
  int64_t opset = 0;
  std::string node;  // its source
};

struct ImportOptions {
  Limits limits;
  // Filled with the operators that became foreign nodes, when set.
  std::vector<UnknownOperator>* unknown = nullptr;
};

// The newest operator set whose semantics are known.
inline constexpr int64_t kNewestOnnxOpset = 27;

Result<std::unique_ptr<Graph>> import_onnx(const std::string& path, const ImportOptions& options = {});
// From memory; without an `owner` that keeps the bytes alive, constants are copied. External data is refused.
Result<std::unique_ptr<Graph>> import_onnx(std::span<const std::byte> bytes, const ImportOptions& options = {},
                                           std::shared_ptr<const void> owner = nullptr);

}  // namespace burnish
