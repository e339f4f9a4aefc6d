// Convolution as a contraction over taps and channels, in any number of image dims and groups.

#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "kernels/cpu/contraction.h"
#include "kernels/cpu/epilogue.h"
#include "kernels/cpu/family.h"
#include "kernels/cpu/image_rows.h"
#include "kernels/cpu/planes.h"
#include "kernels/cpu/strassen.h"

namespace burnish {
namespace {

enum class Weights { packed, plain };

struct Shape {
  Window window;
  int64_t channels, outputs, groups;  // in all, in all
  int64_t group_channels() const { return channels / groups; }
  int64_t group_outputs() const { return outputs / groups; }
};

Result<Shape> shape_of(const Problem& problem) {
  Shape s;
  if (problem.operands.size() != 2 || problem.operands[0].dims.size() < 2) return refused("convolution wants x and w");
  for (const Type* t : {&problem.operands[0], &problem.operands[1], &problem.result})
    if (t->dtype != DType::f32) return refused("only f32 is multiplied");
  s.window = TRY(window_of(problem));
  const auto channels = problem.operands[0].dims[1].constant(), outputs = problem.operands[1].dims[0].constant();
  s.groups = integer(problem.attributes, "groups", 1);
  if (!channels || !outputs) return refused("the numbers of channels must be known");
  s.channels = *channels;
  s.outputs = *outputs;
  if (s.groups < 1 || s.channels % s.groups != 0 || s.outputs % s.groups != 0 || s.channels < 1 || s.outputs < 1)
    return refused("groups do not divide the channels");
  return s;
}

// `taps_first`: k counts (taps..., channel), as channels-last images lie; else (channel, taps...), as plain ones do.
Contraction contraction_of(const Problem& problem, const Shape& shape, const Dims& x, bool taps_first) {
  Contraction c;
  const std::size_t rank = shape.window.rank();
  const auto& result = problem.result.dims;
  if (shape.groups > 1) {
    Contraction::Outer group;
    group.extent = shape.groups;
    group.a_stride = x[1] * Dim(shape.group_channels());
    c.outers.push_back(group);
  }
  if (result[0] != Dim(1)) c.pixels.push_back({result[0], 0, x[0], -1});
  std::vector<int> spatial(rank, -1);
  for (std::size_t d = 0; d < rank; ++d) {
    const Window& w = shape.window;
    if (w.kernel[d] > 1 || w.padded(d)) {
      spatial[d] = static_cast<int>(c.spatials.size());
      c.spatials.push_back(
          {w.strides[d], w.dilations[d], w.begins[d], w.padded(d), problem.operands[0].dims[d + 2], x[d + 2]});
    }
    if (result[d + 2] != Dim(1))
      c.pixels.push_back({result[d + 2], static_cast<int>(d) + 2, x[d + 2] * Dim(w.strides[d]), spatial[d]});
  }
  const Contraction::Sum channel{shape.group_channels(), x[1], -1};
  if (!taps_first) c.sums.push_back(channel);
  for (std::size_t d = 0; d < rank; ++d)
    if (spatial[d] >= 0)
      c.sums.push_back({shape.window.kernel[d], x[d + 2] * Dim(shape.window.dilations[d]), spatial[d]});
  if (taps_first) c.sums.push_back(channel);
  if (c.sums.size() > 1) std::erase_if(c.sums, [](const auto& s) { return s.extent == 1 && s.spatial < 0; });
  c.channels = shape.group_outputs();
  c.channel_axis = 1;
  return c;
}

int lanes_for(const CpuFeatures& cpu, const Shape& shape) {
  const auto full = static_cast<uint64_t>(cpu.vector_bytes() / 4);
  const auto outputs = static_cast<uint64_t>(shape.group_outputs());
  if (shape.groups == 1) return static_cast<int>(std::min(full, std::bit_ceil(outputs)));
  // Blocks of channels must not cross groups.
  return static_cast<int>(std::min(full, outputs & (~outputs + 1)));
}

void set_weights(Contraction& c, const Shape& shape, int64_t block, Weights weights) {
  const int64_t sum = c.sum_count();
  c.w_padded = weights == Weights::packed;
  c.w_sum = weights == Weights::packed ? block : 1;
  c.w_channel = weights == Weights::packed ? 1 : sum;
  c.w_block = sum * block;
  if (shape.groups > 1) c.outers[0].w_stride = sum * shape.group_outputs();
}

// Of a tactic "direct": its tile, and where the contraction finds weights.
Result<ContractionTile> direct_tile(const CpuFeatures& cpu, const Tactic& tactic, const Shape& shape, Contraction& c) {
  ContractionTile tile = TRY(tile_of(tactic));
  const bool packed = integer(tactic.parameters, "packed", 0) != 0;
  set_weights(c, shape, tile.block(), packed ? Weights::packed : Weights::plain);
  tile.gather = !reads_in_place(c);
  tile.planes = tile.gather && reads_planes(cpu, c);
  return tile;
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
  const auto rank = static_cast<int64_t>(problem.result.dims.size());
  const Format last = Format::channels_last(DType::f32, rank), plain = Format::plain(DType::f32, rank);
  const int lanes = lanes_for(cpu, *shape);
  auto offer = [&](const char* name, const Format& x, Weights weights) {
    const bool taps_first = x == last && weights == Weights::packed;
    const Contraction c = contraction_of(problem, *shape, dense_strides(x, problem.operands[0].dims), taps_first);
    // Copying pixels into panels: a vector at a time along channels, else an element at a time; steps of planes by columns.
    const int64_t row = shape->window.kernel.empty() ? 1 : shape->window.kernel.back();
    const int64_t run = x != last ? row : shape->groups == 1 ? row * shape->channels : shape->group_channels();
    const double copies = copy_cycles(cpu, c, run, reads_planes(cpu, c));
    const int64_t divides = shape->groups > 1 ? shape->group_outputs() : 0;
    for (const TileEstimate& estimate : choose_tiles(cpu, c, lanes, divides, copies)) {
      const ContractionTile& tile = estimate.tile;
      Tactic t;
      t.name = fmt::format("{} {}x{}", name, tile.rows, tile.vectors);
      t.seconds = estimate.seconds;
      if (weights == Weights::plain) t.seconds *= 8;
      t.why = estimate.why;
      t.parameters = parameters_of(tile);
      t.parameters["taps_first"] = int64_t{taps_first};
      t.parameters["packed"] = int64_t{weights == Weights::packed};
      t.ports.push_back({x, false});
      t.ports.push_back(
          {weights == Weights::packed ? packed_weights(shape->window.rank(), tile.block(), taps_first) : plain, false});
      for (auto& port : nest_ports(kernel, weights == Weights::plain ? plain : last))
        t.ports.push_back(std::move(port));
      found.push_back(std::move(t));
      if (weights == Weights::plain) break;  // for what nothing else runs
    }
    if (x != last || weights == Weights::plain || integer(problem.attributes, "exact", 0) != 0) return;
    for (const TileEstimate& estimate : choose_strassen(cpu, c, lanes)) {
      found.push_back(strassen_tactic(c, estimate, {x, false}, plain));
      found.back().parameters["taps_first"] = int64_t{1};
      for (auto& port : nest_ports(kernel, last)) found.back().ports.push_back(std::move(port));
    }
  };
  offer("direct", last, Weights::packed);
  if (rank > 2) offer("direct from planes", plain, Weights::packed);
  offer("plain", plain, Weights::plain);
}

Result<Emitted> emit(const CpuFeatures& cpu, const Kernel& kernel, const Tactic& tactic,
                     std::span<const Storage> storages) {
  const Problem& problem = *kernel.anchor;
  const Shape shape = TRY(shape_of(problem));
  const auto& p = tactic.parameters;
  Contraction c = contraction_of(problem, shape, storages[0].strides, integer(p, "taps_first", 0) != 0);
  if (is_strassen(tactic)) return emit_strassen(cpu, c, tactic, kernel, storages);
  const ContractionTile tile = TRY(direct_tile(cpu, tactic, shape, c));
  return emit_contraction(cpu, c, tile, kernel, storages);
}

// Of weights [O, C, taps...], k counting (taps..., C).
Result<Tensor> derive(const Kernel& kernel, const Tactic& tactic, std::size_t operand, const Tensor& w) {
  const Shape shape = TRY(shape_of(*kernel.anchor));
  if (operand != 1 || shape.groups != 1)
    return internal_error("only weights of one group are transformed", tactic.name);
  const auto* from = reinterpret_cast<const float*>(w.data());
  const int64_t channels = shape.channels, taps = shape.window.taps();
  return strassen_weights(tactic, channels * taps, shape.outputs, [&](int64_t k, int64_t n) {
    return from[(n * channels + k % channels) * taps + k / channels];
  });
}

}  // namespace

Result<std::unique_ptr<ImageRows>> convolution_rows(KernelFrame& frame, const Kernel& kernel, const Tactic& tactic,
                                                    std::vector<Storage> storages) {
  const Problem& problem = *kernel.anchor;
  const Shape shape = TRY(shape_of(problem));
  const auto width = problem.result.dims.back().constant();
  if (shape.groups != 1 || !width) return internal_error("not a convolution whose rows are alike", tactic.name);
  Contraction c = contraction_of(problem, shape, storages[0].strides, integer(tactic.parameters, "taps_first", 0) != 0);
  const ContractionTile tile = TRY(direct_tile(frame.cpu(), tactic, shape, c));
  return std::make_unique<ContractionRows>(frame, std::move(c), tile, *width, kernel, std::move(storages));
}

Format packed_weights(std::size_t rank, int64_t block, bool taps_first) {
  const auto n = static_cast<int64_t>(rank) + 2;
  Format f = taps_first ? Format::channels_last(DType::f32, n) : Format::plain(DType::f32, n);
  f.blocks.assign(rank + 2, 1);
  f.blocks[0] = block;
  return f;
}

const Family kConvolution = {"convolution", "convolution", tactics, emit, derive};

}  // namespace burnish
