// Dtypes that ONNX's operators take: others are cast before and after, where that changes nothing.

#include <algorithm>

#include <fmt/format.h>

#include "import/onnx/exporter.h"
#include "ops/support/compose.h"

namespace burnish::onnx {
namespace {

using ops::Compose;
using ops::Values;

// Dtypes that ONNX's operator takes for an operand, and what others are cast to. Operand -1: all of the first one's dtype.
struct Legal {
  std::string_view op;
  int operand;
  std::string_view dtypes;
  std::optional<DType> otherwise;  // none: ONNX has no form for other dtypes
};
constexpr std::string_view kWide = "f16 bf16 f32 f64 i32 i64 u32 u64", kPooled = "f16 bf16 f32 f64 i8 u8",
                           kSize = "i32 i64";
constexpr std::string_view kNoBf16 = "f16 f32 f64 i8 i16 i32 i64 u8 u16 u32 u64 bool string c64 c128";
constexpr Legal kLegal[] = {
    {"reduce", -1, "f16 bf16 f32 f64 i32 i64 u32 u64 bool", DType::i32},
    {"dynamic_reduce", -1, kWide, DType::i32},
    {"cumulative", -1, kWide, DType::i32},
    {"matmul", -1, kWide, DType::i32},
    {"numpy_matmul", -1, kWide, DType::i32},
    {"gemm", -1, kWide, DType::i32},
    {"reduce_l1", -1, kWide, DType::i32},
    {"reduce_sum_square", -1, kWide, DType::i32},
    {"reduce_l2", -1, kWide, DType::i32},
    {"reduce_log_sum", -1, kWide, DType::i32},
    {"reduce_log_sum_exp", -1, kWide, DType::i32},
    {"reduce_mean", -1, kWide, DType::i32},
    {"einsum", -1, "f16 f32 f64 i8 i16 i32 i64 u8 u16 u32 u64", DType::f32},
    {"pow", -1, "f16 bf16 f32 f64 i32 i64 i8 i16 u8 u16 u32", std::nullopt},
    {"pow", -1, "f16 bf16 f32 f64 i32 i64 u32", DType::i32},
    {"pow", -1, "f16 bf16 f32 f64 i32 i64 i8 i16 u8 u16 u64", DType::i64},
    {"top_k", -1, kNoBf16, DType::f32},
    {"arg_sort", -1, kNoBf16, DType::f32},
    {"unique", -1, kNoBf16, DType::f32},
    {"reverse_sequence", -1, kNoBf16, DType::f32},
    {"max_unpool", -1, "f16 bf16 f32 f64", DType::f64},
    {"pool", -1, kPooled, DType::f64},
    {"max_pool", -1, kPooled, DType::f64},
    {"max_pool_with_indices", -1, kPooled, DType::f64},
    {"range", -1, "i16 i32 i64 f16 bf16 f32 f64", DType::i64},
    {"range", -1, "i8 i16 i32 i64 u8 u16 u32 u64 f32 f64", DType::f32},
    {"affine_grid", 1, "i64", DType::i64},
    {"blackman_window", 0, kSize, DType::i64},
    {"hamming_window", 0, kSize, DType::i64},
    {"hann_window", 0, kSize, DType::i64},
    {"mel_weight_matrix", 0, kSize, DType::i64},
    {"mel_weight_matrix", 1, kSize, DType::i64},
    {"mel_weight_matrix", 2, kSize, DType::i64},
    {"dft", 1, kSize, DType::i64},
    {"stft", 1, kSize, DType::i64},
    {"stft", 3, kSize, DType::i64},
    {"center_crop_pad", 1, kSize, DType::i64},
    {"top_k", 1, "i64", DType::i64},
    {"lstm", 4, "i32", DType::i32},
    {"gru", 4, "i32", DType::i32},
    {"rnn", 4, "i32", DType::i32},
    {"reverse_sequence", 1, "i64", DType::i64},
    {"roi_align", 2, "i64", DType::i64},
    {"tensor_scatter", 2, "i64", DType::i64},
    {"sequence_at", 1, kSize, DType::i64},
    {"sequence_insert", 2, kSize, DType::i64},
    {"sequence_erase", 1, kSize, DType::i64},
    {"split_to_sequence", 1, kSize, DType::i64},
    {"non_max_suppression", 0, "f32", DType::f32},
    {"non_max_suppression", 1, "f32", DType::f32},
    {"non_max_suppression", 2, "i64", DType::i64},
    {"non_max_suppression", 3, "f32", DType::f32},
    {"non_max_suppression", 4, "f32", DType::f32},
    {"one_hot", 0, kNoBf16, DType::f32},
    {"one_hot", 1, kNoBf16, DType::f32},
    {"one_hot", 2, kNoBf16, DType::f32},
    {"sequence_construct", 0, kNoBf16, std::nullopt},
    {"split_to_sequence", 0, kNoBf16, std::nullopt},
    {"optional", 0, kNoBf16, std::nullopt},
    {"optional_has_element", 0, kNoBf16, std::nullopt},
    {"optional_get_element", 0, kNoBf16, std::nullopt},
    {"zip_map", 0, "f32", std::nullopt},
    {"label_encoder", 0, "string i16 i32 i64 f32 f64", std::nullopt},
    {"quantize", 0, "f16 bf16 f32 i32", std::nullopt},
    {"quantize", 1, "f16 bf16 f32 i32 f8e8m0", std::nullopt},
    {"dequantize", 1, "f16 bf16 f32 f8e8m0", std::nullopt},
    {"dynamic_resize", 1, "f32 f64 f16", DType::f32},
    {"dynamic_resize", 2, "f32", DType::f32},
};

bool is_legal(const Legal& row, const Node& n) {
  if (row.op != n.op()) return true;
  const auto i = static_cast<std::size_t>(std::max(row.operand, 0));
  const Value* operand = i < n.operand_count() ? n.operand(i) : nullptr;
  if (operand == nullptr || !operand->type().is_tensor()) return true;
  const std::string all = fmt::format(" {} ", row.dtypes);
  return all.find(fmt::format(" {} ", name(operand->type().dtype))) != all.npos;
}

// The same node on operands that were cast; results are cast back.
Result<Values> recast(DecomposeContext& n) {
  Compose c(n.builder);
  Values operands(n.node().operands().begin(), n.node().operands().end());
  const DType first = n.type(0).dtype;
  for (const Legal& row : kLegal) {
    if (is_legal(row, n.node())) continue;
    // Scales are f32 in ONNX whatever they multiply.
    const DType from = row.operand < 0 ? first : operands[static_cast<std::size_t>(row.operand)]->type().dtype;
    const std::string none = "ONNX has no form for " + std::string(name(from));
    if (!row.otherwise) return n.error(none);
    const bool narrower = is_float(from) && bit_width(*row.otherwise) < bit_width(from) && row.op != "dynamic_resize";
    if (narrower || (is_float(*row.otherwise) && is_integer(from) && bit_width(from) > 32)) return n.error(none);
    for (std::size_t i = 0; i < operands.size(); ++i) {
      const bool meant = row.operand < 0 ? operands[i] != nullptr && operands[i]->type().dtype == first
                                         : static_cast<int>(i) == row.operand;
      if (meant) operands[i] = c.cast(operands[i], *row.otherwise);
    }
  }
  TRY(n.builder.finish());
  const std::size_t count = n.node().result_count();
  const std::vector<std::string> names(count);
  Node* same = n.builder.node(n.node().op(), operands, n.node().attributes(), names, count);
  TRY(n.builder.finish());
  Values results;
  for (std::size_t i = 0; i < count; ++i) {
    const Value* was = n.node().result(i);
    results.push_back(was == nullptr ? nullptr : c.cast(same->result(i), was->type().dtype));
  }
  TRY(n.builder.finish());
  return results;
}

bool is_byte_float(const Value* v) {
  return v != nullptr && v->type().is_tensor() && is_float(v->type().dtype) && bit_width(v->type().dtype) <= 8;
}

// ONNX stores floats of a byte, but computes with none: in f32, and rounded once, as ours.
Result<Values> byte_floats(DecomposeContext& n) {
  Compose c(n.builder);
  Values operands(n.node().operands().begin(), n.node().operands().end());
  for (Value*& operand : operands)
    if (is_byte_float(operand)) operand = c.cast(operand, DType::f32);
  Value* y = c.op(n.node().op(), operands, n.node().attributes());
  return c.done({c.cast(y, n.node().result()->type().dtype)});
}

}  // namespace

NodeRewrite find_recast(const Node& node) {
  if (node.definition() != nullptr && node.definition()->scalar && std::ranges::any_of(node.operands(), is_byte_float))
    return byte_floats;
  for (const Legal& row : kLegal) {
    if (!is_legal(row, node)) return recast;
  }
  return nullptr;
}

}  // namespace burnish::onnx
