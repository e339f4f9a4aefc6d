// Matrix products as contractions: rows of a are pixels, batches that b shares are pixels too.

#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "kernels/cpu/contraction.h"
#include "kernels/cpu/epilogue.h"
#include "kernels/cpu/family.h"
#include "kernels/cpu/strassen.h"

namespace burnish {
namespace {

struct Shape {
  std::size_t rank;  // of the result
  int64_t sum, columns;
};

Result<Shape> shape_of(const Problem& problem) {
  if (problem.operands.size() != 2) return refused("matmul wants a and b");
  for (const Type* t : {&problem.operands[0], &problem.operands[1], &problem.result}) {
    if (t->dtype != DType::f32) return refused("only f32 is multiplied");
    if (t->dims.size() < 2) return refused("matmul wants matrices");
  }
  Shape s;
  s.rank = problem.result.dims.size();
  const auto& b = problem.operands[1].dims;
  const auto sum = b[b.size() - 2].constant(), columns = b.back().constant();
  if (!sum || !columns) return refused("the sizes of b's matrices must be known");
  if (*sum < 1 || *columns < 1) return refused("an empty matrix");
  s.sum = *sum;
  s.columns = *columns;
  return s;
}

// Dim d of the result in an operand's dims, aligned at the right: its stride, 0 where it is broadcast.
Dim stride_of(const Type& type, const Dims& strides, const Dims& result, std::size_t d) {
  const std::size_t missing = result.size() - type.dims.size();
  if (d < missing) return Dim(0);
  return broadcast_stride(type.dims[d - missing], result[d], strides[d - missing]);
}

Contraction contraction_of(const Problem& problem, const Shape& shape, const Dims& a, const Dims& b) {
  Contraction c;
  const auto& result = problem.result.dims;
  const std::size_t rank = shape.rank;
  for (std::size_t d = 0; d + 1 < rank; ++d) {
    if (result[d] == Dim(1)) continue;
    const Dim step = d + 2 == rank ? a[a.size() - 2] : stride_of(problem.operands[0], a, result, d);
    const Dim b_step = d + 2 == rank ? Dim(0) : stride_of(problem.operands[1], b, result, d);
    if (b_step == Dim(0)) c.pixels.push_back({result[d], static_cast<int>(d), step, -1});
    else c.outers.push_back({result[d], static_cast<int>(d), step, b_step});
  }
  c.sums.push_back({shape.sum, a.back(), -1});
  c.channels = shape.columns;
  c.channel_axis = static_cast<int>(rank) - 1;
  return c;
}

Format packed_columns(const Type& b, int64_t block) {
  const auto rank = static_cast<int64_t>(b.dims.size());
  Format f = Format::plain(DType::f32, rank);
  std::swap(f.order[f.order.size() - 1], f.order[f.order.size() - 2]);
  f.blocks.assign(b.dims.size(), 1);
  f.blocks.back() = block;
  return f;
}

void tactics(const CpuFeatures& cpu, const Kernel& kernel, std::vector<Tactic>& found, std::string& why_not) {
  const Problem& problem = *kernel.anchor;
  const auto shape = shape_of(problem);
  if (!shape) {
    why_not = shape.error().what;
    return;
  }
  why_not = Epilogue::unsupported(kernel);
  if (!why_not.empty()) return;
  const Format a = Format::plain(DType::f32, problem.operands[0].rank());
  const Format b = Format::plain(DType::f32, problem.operands[1].rank());
  const auto full = static_cast<uint64_t>(cpu.vector_bytes() / 4);
  const int lanes = static_cast<int>(std::min(full, std::bit_ceil(static_cast<uint64_t>(shape->columns))));
  Contraction c = contraction_of(problem, *shape, dense_strides(a, problem.operands[0].dims),
                                 dense_strides(b, problem.operands[1].dims));
  const auto offer = [&](const TileEstimate& estimate, bool packed) {
    const ContractionTile& tile = estimate.tile;
    Tactic t;
    t.name = fmt::format("{} {}x{}", packed ? "direct" : "plain", tile.rows, tile.vectors);
    // Rows of a plain b are far apart: each vector of it is on its own page or at least its own line.
    t.seconds = estimate.seconds * (packed ? 1.0 : 1.15);
    t.why = estimate.why;
    t.parameters = parameters_of(tile);
    t.parameters["packed"] = int64_t{packed};
    t.ports.push_back({a, true});
    t.ports.push_back({packed ? packed_columns(problem.operands[1], tile.block()) : b, !packed});
    for (auto& port : nest_ports(kernel, Format::plain(DType::f32, problem.result.rank()))) t.ports.push_back(port);
    found.push_back(std::move(t));
  };
  const std::vector<TileEstimate> estimates = choose_tiles(cpu, c, lanes, 0, copy_cycles(cpu, c, shape->sum, false));
  for (const TileEstimate& estimate : estimates) offer(estimate, true);
  offer(estimates.front(), false);
  if (integer(problem.attributes, "exact", 0) != 0) return;
  for (const TileEstimate& estimate : choose_strassen(cpu, c, lanes)) {
    found.push_back(strassen_tactic(c, estimate, {a, true}, b));
    for (auto& port : nest_ports(kernel, Format::plain(DType::f32, problem.result.rank())))
      found.back().ports.push_back(port);
  }
}

Result<Emitted> emit(const CpuFeatures& cpu, const Kernel& kernel, const Tactic& tactic,
                     std::span<const Storage> storages) {
  const Problem& problem = *kernel.anchor;
  const Shape shape = TRY(shape_of(problem));
  if (is_strassen(tactic)) {
    const Type& b = problem.operands[1];
    const Contraction c =
        contraction_of(problem, shape, storages[0].strides, dense_strides(Format::plain(DType::f32, b.rank()), b.dims));
    return emit_strassen(cpu, c, tactic, kernel, storages);
  }
  ContractionTile tile = TRY(tile_of(tactic));
  Contraction c = contraction_of(problem, shape, storages[0].strides, storages[1].strides);
  const Dims& b = storages[1].strides;
  const auto row = b[b.size() - 2].constant(), column = b.back().constant();
  // A matrix of known size in a larger one of unknown size.
  if (!row || !column) return kMatmulAny.emit(cpu, kernel, tactic, storages);
  c.w_sum = *row;
  c.w_padded = integer(tactic.parameters, "packed", 0) != 0;
  c.w_channel = c.w_padded ? 1 : *column;
  c.w_block = c.w_padded ? *column : *column * tile.block();
  tile.gather = !reads_in_place(c);
  return emit_contraction(cpu, c, tile, kernel, storages);
}

Result<Tensor> derive(const Kernel& kernel, const Tactic& tactic, std::size_t operand, const Tensor& w) {
  const Shape shape = TRY(shape_of(*kernel.anchor));
  if (operand != 1 || w.elements() != shape.sum * shape.columns)
    return internal_error("only a single matrix of weights is transformed", tactic.name);
  const auto* from = reinterpret_cast<const float*>(w.data());
  return strassen_weights(tactic, shape.sum, shape.columns,
                          [&](int64_t k, int64_t n) { return from[k * shape.columns + n]; });
}

}  // namespace

const Family kMatmul = {"matmul", "matmul", tactics, emit, derive};

}  // namespace burnish
