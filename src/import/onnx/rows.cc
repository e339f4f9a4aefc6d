#include <algorithm>
#include <map>
#include <vector>

#include "import/onnx/shared.h"

namespace burnish::onnx {
namespace {

using Rows = std::map<std::string_view, std::vector<const OperatorRow*>>;

Rows gather(std::initializer_list<std::span<const OperatorRow>> tables) {
  Rows rows;
  for (const auto& table : tables) {
    for (const OperatorRow& row : table) rows[row.op_type].push_back(&row);
  }
  for (auto& [name, list] : rows) std::ranges::sort(list, {}, &OperatorRow::since);
  return rows;
}

}  // namespace

const OperatorRow* find_row(std::string_view domain, std::string_view op_type, int64_t opset) {
  static const Rows main =
      gather({elementwise_rows(), activation_rows(), shape_rows(), index_rows(), reduce_rows(), network_rows(),
              normalization_rows(), quantize_rows(), control_rows(), sequence_rows(), other_rows(), legacy_rows()});
  static const Rows ml = gather({ml_rows()}), preview = gather({preview_rows()}), training = gather({training_rows()});
  static const Rows microsoft =
      gather({microsoft_rows(), microsoft_quantized_rows(), microsoft_plain_rows(), microsoft_generation_rows()});
  const Rows* table = domain == "ai.onnx"                    ? &main
                      : domain == "ai.onnx.ml"               ? &ml
                      : domain == "ai.onnx.preview"          ? &preview
                      : domain == "ai.onnx.preview.training" ? &training
                      : domain == "com.microsoft"            ? &microsoft
                                                             : nullptr;
  if (table == nullptr) return nullptr;
  const Rows& rows = *table;
  const auto it = rows.find(op_type);
  if (it == rows.end()) return nullptr;
  const OperatorRow* found = nullptr;
  for (const OperatorRow* row : it->second) {
    if (row->since <= opset) found = row;
  }
  return found;
}

}  // namespace burnish::onnx
