#pragma once
// Graphs as ONNX models that any ONNX runtime reads. Composites that ONNX lacks are decomposed first.

#include <memory>
#include <string>

#include "ir/graph.h"

namespace burnish {

// What is written; new enough for GELU and layer norm, old enough for the runtimes in use. A graph with an operator that
// only a newer opset has asks for that one.
inline constexpr int64_t kExportedOpset = 21;
inline constexpr int64_t kExportedIrVersion = 10;
inline constexpr int64_t kExportedMlOpset = 5;

struct ExportOptions {
  // Above this, constants of 1 KiB and more go into FILE.data beside the model (protobuf's own limit is 2 GiB).
  int64_t inline_bytes = (int64_t{1} << 31) - (int64_t{16} << 20);
};

// An error names the node that ONNX cannot express.
Status export_onnx(const Graph& graph, const std::string& path, const ExportOptions& options = {});
// In memory, everything inline.
Result<std::string> export_onnx(const Graph& graph);

}  // namespace burnish
