#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/checked.h"
#include "kernels/cpu/contraction.h"
#include "kernels/cpu/family.h"
#include "kernels/cpu/products.h"
#include "kernels/cpu/strassen.h"

namespace burnish {
namespace {

constexpr int64_t kWantedTasks = 24;  // enough for many cores to share evenly
constexpr int64_t kFewTasks = 8;
constexpr double kCopyShare = 0.04;     // of a task's time, for copying pixels
constexpr double kTaskCycles = 30'000;  // below this a task's start shows
constexpr std::size_t kMostTiles = 4;   // that are offered
constexpr double kClose = 1.25;         // times the best estimate
constexpr std::size_t kMostStrassen = 2;
// The share of the nearest cache that a block of weights may take, and the bytes a cycle of the next one (Zen 4: a tile of
// 2 rows by 8 vectors takes 20 cycles a step, not 16).
constexpr double kNearWeights = 0.75;
constexpr double kFarWeights = 26;
// With two multiply-adds of 64 bytes a cycle what is beyond the second cache is too slow, and tasks are cut. On a Xeon of model
// 207: bytes a cycle of pixels from there, how much of that multiplies do not hide, cycles that a task takes to start.
constexpr double kMemory = 8, kExposed = 0.3, kTaskStart = 1500;
// Cycles of a vector that is copied to a panel: of an image that the second cache holds, of another, and of planes; times that
// for a panel which that cache does not hold. On others, whatever the image.
constexpr double kCopyCycles = 3, kFarCopyCycles = 12, kPlaneCycles = 6, kSpilled = 2, kOtherCopyCycles = 2;
// The share of the second cache for a slice of k: pixels, and weights that are read and those that come next.
constexpr double kSecondShare = 0.5;

struct Rates {
  double multiplies;  // vector multiply-adds per cycle
  double loads;       // vector loads per cycle
  int registers;
};
Rates rates(const CpuFeatures& cpu) {
  if (cpu.level >= 4) return cpu.wide ? Rates{2, 2, 32} : Rates{1, 1, 32};
  if (cpu.level == 3) return {2, 2, 16};
  return {1, 2, 16};
}

// Cycles of one step of k for a register tile: multiplies or loads, whichever takes longer, and the latency of its chains.
double step_cycles(const Rates& r, int rows, int vectors) {
  const double chains = std::max(rows * vectors, 8);
  const double latency = rows * vectors / chains * 4 * r.multiplies / 4;
  return std::max({rows * vectors / r.multiplies, vectors / r.loads + rows / 2.0, latency});
}

// Whether a block of weights is more than the nearest cache holds beside the pixels.
bool is_far(const CpuFeatures& cpu, int64_t sum, int64_t block) {
  return static_cast<double>(sum * block * 4) > kNearWeights * static_cast<double>(cpu.l1_bytes);
}

bool outruns_caches(const CpuFeatures& cpu) { return cpu.level >= 4 && rates(cpu).multiplies > 1; }

// Sizes that cut `count` into 1, 2, 3 ... even parts, of many parts a few.
std::vector<int64_t> even_parts(int64_t count) {
  std::vector<int64_t> sizes;
  for (int64_t parts = 1; sizes.empty() || sizes.back() > 1; parts = std::max(parts + 1, parts * 5 / 4))
    if (const int64_t size = ceil_div(count, parts); sizes.empty() || size != sizes.back()) sizes.push_back(size);
  return sizes;
}

// What is to be cut into tasks, in tiles of registers and blocks of channels.
struct Work {
  int64_t tiles, blocks, outer = 1;  // the last: how often all of it
  double multiplies;                 // cycles of them in registers
  double weights, pixels;            // bytes of all
  double block, panel;               // bytes of a block's weights, of a tile's pixels
  double copies;                     // cycles to copy all pixels once, which every chunk of blocks does
  bool far;                          // a block is more than the nearest cache holds
};
struct Tasks {
  int64_t group = 1, chunk = 1;  // tiles and blocks of one
  double cycles = 0;             // of all
};

// Pixels and channels of a task by what they cost together.
Tasks weigh_tasks(const CpuFeatures& cpu, const Work& w) {
  const double stays = kStays * static_cast<double>(cpu.l2_bytes);
  double best = INFINITY;
  Tasks chosen;
  for (const int64_t group : even_parts(w.tiles))
    for (const int64_t chunk : even_parts(w.blocks)) {
      const auto groups = static_cast<double>(ceil_div(w.tiles, group)),
                 chunks = static_cast<double>(ceil_div(w.blocks, chunk));
      const double tasks = static_cast<double>(w.outer) * groups * chunks;
      const double panel = w.panel * static_cast<double>(group);
      // Weights come from memory once, or for every group if they don't stay; pixels that don't stay, for every block.
      const bool stay = w.block * static_cast<double>(chunk) + panel < stays;
      const double pixels = w.pixels * (panel > stays ? static_cast<double>(w.blocks) : chunks);
      const double idle = w.outer > 1 ? 0 : w.multiplies * (unevenly(2, w.tiles, group, w.blocks, chunk) - 1);
      const double total =
          with_weights(w.multiplies, w.weights / kWeightRate, groups, stay, group < kSliceTiles && w.far) +
          pixels / kMemory * kExposed + tasks * kTaskStart + idle;
      const double copies = w.copies * chunks * (panel > stays ? kSpilled : 1);
      const double wanted = total + w.multiplies / tasks / 2 + copies;
      if (wanted >= best) continue;
      best = wanted;
      chosen = {group, chunk, total + copies};
    }
  return chosen;
}

// Tasks for a processor whose multiplies outrun its caches; gives all cycles. `multiplies` are those in registers, `copies` those
// to copy all pixels once.
double cut_tasks(const CpuFeatures& cpu, const Contraction& c, double multiplies, double copies,
                 ContractionTile& tile) {
  const int64_t sum = c.sum_count(), outer = likely(c.outer_count());
  const int64_t blocks = ceil_div(c.channels, tile.block()), tiles = ceil_div(likely(c.pixel_count()), tile.rows);
  const double line = static_cast<double>(sum) * 4;
  const bool far = is_far(cpu, sum, tile.block());
  const Tasks tasks = weigh_tasks(cpu, {.tiles = tiles,
                                        .blocks = blocks,
                                        .outer = outer,
                                        .multiplies = multiplies,
                                        .weights = line * static_cast<double>(c.channels * outer),
                                        .pixels = line * static_cast<double>(tiles * tile.rows * outer),
                                        .block = line * static_cast<double>(tile.block()),
                                        .panel = line * tile.rows,
                                        .copies = copies,
                                        .far = far});
  tile.group_rows = tasks.group * tile.rows;
  tile.chunk_blocks = tasks.chunk;
  tile.slice = 0;
  if (tasks.group < kSliceTiles || !far) return tasks.cycles;
  const auto fits = static_cast<int64_t>(kSecondShare * static_cast<double>(cpu.l2_bytes)) /
                    (4 * (tile.group_rows + 2 * tile.block()));
  if (sum <= fits) return tasks.cycles;
  tile.slice = even_slice(sum, std::max(fits, near_steps(cpu, tile.block())), tile.unroll);
  const double passes = static_cast<double>(ceil_div(sum, tile.slice) * tiles * blocks * outer);
  return tasks.cycles + passes * (1.5 * tile.rows * tile.vectors + 12);
}

// Rows of registers' tiles of so many vectors. Beside the sums there are the broadcast, and what the compiler needs: with nine
// rows of three vectors it spills in the loop over k.
int most_rows(const CpuFeatures& cpu, int vectors, int64_t pixels) {
  const int spare = cpu.level >= 4 ? (vectors == 3 ? 3 : 1) : cpu.level == 3 ? 2 : 3;
  const int rows = std::min((rates(cpu).registers - spare - vectors) / vectors, 28 / vectors);
  return static_cast<int>(std::min<int64_t>(rows, pixels));
}

// Whether the second cache does not hold the images, of which each element is a pixel's for every tap.
bool is_far_image(const CpuFeatures& cpu, const Contraction& c) {
  double elements = static_cast<double>(likely(c.pixel_count())) * static_cast<double>(likely(c.outer_count()));
  for (const auto& s : c.sums) elements *= s.spatial < 0 ? static_cast<double>(s.extent) : 1;
  return elements * 4 > kStays * static_cast<double>(cpu.l2_bytes);
}

}  // namespace

double copy_cycles(const CpuFeatures& cpu, const Contraction& c, int64_t run, bool planes) {
  if (reads_in_place(c)) return 0;
  const int64_t full = cpu.vector_bytes() / 4;
  const double elements = static_cast<double>(likely(c.pixel_count())) * static_cast<double>(likely(c.outer_count())) *
                          static_cast<double>(c.sum_count());
  double cycles = kOtherCopyCycles;
  if (outruns_caches(cpu)) cycles = planes ? kPlaneCycles : is_far_image(cpu, c) ? kFarCopyCycles : kCopyCycles;
  return elements / static_cast<double>(planes ? full : std::min(run, full)) * cycles;
}

void choose_tasks(const CpuFeatures& cpu, const Contraction& c, ContractionTile& tile) {
  const int64_t sum = c.sum_count(), pixels = likely(c.pixel_count()), outer = likely(c.outer_count());
  const int64_t blocks = ceil_div(c.channels, tile.block());
  const double tile_cycles = static_cast<double>(sum) * tile.rows * tile.vectors / rates(cpu).multiplies;
  // Pixels: their panel stays in half of L2, and there are tasks enough. Several tiles reuse a block of weights from L2.
  const int64_t fit = std::max<int64_t>(1, cpu.l2_bytes / 3 / (sum * 4 * tile.rows));
  const int64_t tiles = ceil_div(pixels, tile.rows);
  int64_t group = std::min<int64_t>({fit, tiles, 16});
  int64_t chunk = blocks;
  auto tasks = [&] { return outer * ceil_div(tiles, group) * ceil_div(blocks, chunk); };
  auto cycles = [&] { return tile_cycles * static_cast<double>(group * chunk); };
  // Every chunk of channels copies its pixels anew, and slower where the panel leaves the cache. Chunks are
  // large enough to hide that, unless there would be too few tasks for a handful of cores.
  const bool large = sum * 4 * tile.rows * group > cpu.l2_bytes / 4;
  const double copy =
      (large ? 5.0 : kOtherCopyCycles) * rates(cpu).multiplies / (kCopyShare * static_cast<double>(tile.block()));
  const int64_t least_chunk = std::min(blocks, static_cast<int64_t>(std::ceil(copy)));
  auto split = [&](int64_t wanted, int64_t group_floor, int64_t chunk_floor) {
    while (tasks() < wanted && cycles() > kTaskCycles) {
      if (group > group_floor) group = ceil_div(group, 2);
      else if (chunk > chunk_floor) chunk = std::max(chunk_floor, ceil_div(chunk, 2));
      else break;
    }
  };
  split(kWantedTasks, 4, least_chunk);
  split(kWantedTasks, 1, least_chunk);
  split(kFewTasks, 1, 1);
  // Even groups.
  group = ceil_div(tiles, ceil_div(tiles, group));
  chunk = ceil_div(blocks, ceil_div(blocks, chunk));
  tile.group_rows = group * tile.rows;
  tile.chunk_blocks = chunk;
}

std::vector<TileEstimate> choose_tiles(const CpuFeatures& cpu, const Contraction& c, int lanes, int64_t block_divides,
                                       double copies) {
  const Rates r = rates(cpu);
  const int64_t sum = c.sum_count(), pixels = likely(c.pixel_count()), outer = likely(c.outer_count());
  std::vector<TileEstimate> found;
  for (int vectors = 1; vectors <= 8; ++vectors) {
    const int64_t block = static_cast<int64_t>(vectors) * lanes;
    if (block_divides > 0 && block_divides % block != 0) continue;
    if (vectors > 1 && block >= 2 * round_up(c.channels, lanes)) continue;
    TileEstimate best;
    best.seconds = INFINITY;
    for (int rows = most_rows(cpu, vectors, pixels); rows >= 1; --rows) {
      const int64_t full = pixels / rows, tail = pixels % rows;
      const int64_t blocks = c.channels / block, rest = ceil_div(c.channels % block, lanes);
      double cycles = 0;
      auto add = [&](int64_t row_tiles, int tile_rows, int64_t block_count, int tile_vectors) {
        if (row_tiles == 0 || block_count == 0 || tile_rows == 0) return;
        // A tile also stores its results and fills its pipeline.
        const double bytes = 4.0 * tile_vectors * lanes;
        const bool streams = is_far(cpu, sum, int64_t{tile_vectors} * lanes) && !outruns_caches(cpu);
        const double far = streams ? bytes / kFarWeights : 0;
        const double step = std::max(step_cycles(r, tile_rows, tile_vectors), far);
        const double tile = static_cast<double>(sum) * step + 1.5 * tile_rows * tile_vectors + 12;
        cycles += static_cast<double>(row_tiles * block_count) * tile;
      };
      const bool known = c.pixel_count().is_constant();
      const int tail_rows = known ? static_cast<int>(tail) : (tail ? rows : 0);
      add(full, rows, blocks, vectors);
      add(tail ? 1 : 0, tail_rows, blocks, vectors);
      add(full, rows, rest ? 1 : 0, static_cast<int>(rest));
      add(tail ? 1 : 0, tail_rows, rest ? 1 : 0, static_cast<int>(rest));
      // Weights come from beyond L2 once per group of pixels.
      const double weight_bytes = 4.0 * static_cast<double>(sum * c.channels);
      const double memory = weight_bytes / (weight_bytes > static_cast<double>(cpu.l3_bytes) ? 8.0 : 20.0);
      const double total = static_cast<double>(outer) *
                           (outruns_caches(cpu) ? cycles * beside_loads(rows, vectors) : std::max(cycles, memory));
      const double seconds = seconds_of(total);
      if (seconds < best.seconds * 0.995) {
        best.seconds = seconds;
        best.tile.lanes = lanes;
        best.tile.rows = rows;
        best.tile.vectors = vectors;
        best.why = fmt::format("{:.0f} cycles of multiplies, {:.0f} of weights", cycles, memory);
      }
    }
    if (std::isfinite(best.seconds)) found.push_back(std::move(best));
  }
  for (TileEstimate& t : found) {
    t.tile.unroll = t.tile.rows * t.tile.vectors <= 4 ? 8 : 4;
    if (outruns_caches(cpu)) {
      t.seconds = seconds_of(cut_tasks(cpu, c, t.seconds / seconds_of(1), copies, t.tile));
    } else {
      choose_tasks(cpu, c, t.tile);
      const int64_t chunks = ceil_div(ceil_div(c.channels, t.tile.block()), t.tile.chunk_blocks);
      t.seconds += seconds_of(copies * static_cast<double>(chunks));
    }
    if (copies > 0) t.why += fmt::format(", {:.0f} to copy pixels once", copies);
    t.why += fmt::format(", {} pixels and {} blocks a task", t.tile.group_rows, t.tile.chunk_blocks);
    if (t.tile.slice > 0) t.why += fmt::format(", slices of {}", t.tile.slice);
  }
  // Of two that are as good, the narrower comes first.
  std::size_t first = 0, kept = 1;
  for (std::size_t i = 1; i < found.size(); ++i)
    if (found[i].seconds < found[first].seconds * 0.995) first = i;
  CHECK(!found.empty());  // a vector by a row always goes
  std::swap(found[0], found[first]);
  std::ranges::stable_sort(found.begin() + 1, found.end(), {}, &TileEstimate::seconds);
  while (kept < found.size() && kept < kMostTiles && found[kept].seconds < kClose * found[0].seconds) ++kept;
  found.resize(std::min(kept, found.size()));
  return found;
}

namespace {

// Cycles that four vectors of two pixels take to become those of seven products, and seven products four results; the least
// sizes.
constexpr double kPixelCycles = 40, kResultCycles = 16;
// What its products take of those whose weights come from the second cache, not from slices in the first.
constexpr double kSliced = 0.92;
// On other processors it is slower by so much for rows that are few.
constexpr double kFewRows = 2;
constexpr int64_t kLeastHalf = 32, kLeastPairs = 8;

// Tasks of pairs of pixels and pairs of blocks; gives all cycles.
double cut_pairs(const CpuFeatures& cpu, const Contraction& c, double multiplies, ContractionTile& tile) {
  const int64_t sum = c.sum_count(), pairs = ceil_div(likely(c.pixel_count()), 2);
  const int64_t blocks = ceil_div(c.channels, 2 * tile.block());
  const double line = static_cast<double>(sum) * 4;
  const double read = is_far_image(cpu, c) ? kFarCopyCycles : lie_evenly(c) ? 0 : kCopyCycles;
  const double copies =
      static_cast<double>(pairs) * static_cast<double>(sum) / (2.0 * tile.lanes) * (kPixelCycles + 4 * read);
  const Tasks tasks = weigh_tasks(cpu, {.tiles = ceil_div(pairs, tile.rows),
                                        .blocks = blocks,
                                        .multiplies = multiplies,
                                        .weights = 1.75 * line * static_cast<double>(c.channels),
                                        .pixels = 3.5 * line * static_cast<double>(pairs),
                                        .block = 3.5 * line * static_cast<double>(tile.block()),
                                        .panel = 3.5 * line * tile.rows,
                                        .copies = copies,
                                        .far = is_far(cpu, sum / 2, tile.block())});
  tile.group_rows = tasks.group * tile.rows;
  tile.chunk_blocks = tasks.chunk;
  return tasks.cycles;
}

}  // namespace

std::vector<TileEstimate> choose_strassen(const CpuFeatures& cpu, const Contraction& c, int lanes) {
  const Rates r = rates(cpu);
  const int64_t half = c.sum_count() / 2, pairs = ceil_div(likely(c.pixel_count()), 2);
  std::vector<TileEstimate> found;
  if (!c.outers.empty() || lanes * 4 != cpu.vector_bytes() || c.channels < 4 * lanes || pairs < kLeastPairs ||
      half < kLeastHalf || half * 2 != c.sum_count())
    return found;
  for (int vectors = 1; vectors <= 3; ++vectors) {  // with four, slices are too short
    TileEstimate best;
    ContractionTile& tile = best.tile;
    tile.lanes = lanes;
    tile.vectors = vectors;
    if (2 * tile.block() > round_up(c.channels, 2 * lanes)) break;
    const int64_t blocks = c.channels / (2 * tile.block()), rest = last_vectors(c.channels, tile);
    double compute = INFINITY;
    for (int rows = most_rows(cpu, vectors, pairs); rows >= 1; --rows) {
      const int64_t slices = ceil_div(half, PointProducts::slice_of(cpu, half, tile.block(), pairs / rows));
      double cycles = 0;
      const auto add = [&](int64_t row_tiles, int64_t tile_rows, int64_t count, int64_t width) {
        if (row_tiles == 0 || tile_rows == 0 || count == 0 || width == 0) return;
        const double step = step_cycles(r, static_cast<int>(tile_rows), static_cast<int>(width));
        const double ends = static_cast<double>(slices) * (2.0 * static_cast<double>(tile_rows * width) + 12);
        cycles += static_cast<double>(7 * row_tiles * count) * (static_cast<double>(half) * step + ends);
      };
      const int64_t last = c.pixel_count().is_constant() ? pairs % rows : (pairs % rows ? rows : 0);
      add(pairs / rows, rows, blocks, vectors);
      add(1, last, blocks, vectors);
      add(pairs / rows, rows, 1, rest);
      add(1, last, 1, rest);
      if (outruns_caches(cpu)) cycles *= beside_loads(rows, vectors) * (slices > 1 ? kSliced : 1);
      if (cycles >= compute * 0.995) continue;
      compute = cycles;
      tile.rows = rows;
    }
    compute += static_cast<double>(pairs * ceil_div(c.channels, 2 * lanes)) * kResultCycles;
    best.seconds = seconds_of(cut_pairs(cpu, c, compute, tile)) * (outruns_caches(cpu) ? 1 : 1 + kFewRows / tile.rows);
    tile.slice = PointProducts::slice_of(cpu, half, tile.block(), tile.group_rows / tile.rows);
    best.why = fmt::format("7 multiplications for 8, {:.0f} cycles of them, {} pairs and {} blocks a task", compute,
                           tile.group_rows, tile.chunk_blocks);
    found.push_back(std::move(best));
  }
  std::ranges::stable_sort(found, {}, &TileEstimate::seconds);
  if (found.size() > kMostStrassen) found.resize(kMostStrassen);
  return found;
}

AttributeMap parameters_of(const ContractionTile& tile) {
  return {{"lanes", int64_t{tile.lanes}},
          {"rows", int64_t{tile.rows}},
          {"vectors", int64_t{tile.vectors}},
          {"unroll", int64_t{tile.unroll}},
          {"group_rows", tile.group_rows},
          {"chunk_blocks", tile.chunk_blocks},
          {"slice", tile.slice}};
}

Result<ContractionTile> tile_of(const Tactic& tactic) {
  const auto& p = tactic.parameters;
  ContractionTile tile;
  tile.lanes = static_cast<int>(integer(p, "lanes", 0));
  tile.rows = static_cast<int>(integer(p, "rows", 0));
  tile.vectors = static_cast<int>(integer(p, "vectors", 0));
  tile.unroll = static_cast<int>(integer(p, "unroll", 0));
  tile.group_rows = integer(p, "group_rows", 0);
  tile.chunk_blocks = integer(p, "chunk_blocks", 0);
  tile.slice = integer(p, "slice", 0);
  if (tile.lanes < 1 || tile.rows < 1 || tile.vectors < 1 || tile.unroll < 1 || tile.group_rows < 1 ||
      tile.chunk_blocks < 1 || tile.slice < 0)
    return internal_error(fmt::format("tactic {} lacks its parameters", tactic.name));
  return tile;
}

bool lie_evenly(const Contraction& c) {
  if (!c.spatials.empty()) return false;
  int64_t run = 1;
  for (std::size_t i = c.sums.size(); i-- > 0;) {
    if (c.sums[i].a_stride != Dim(run)) return false;
    run *= c.sums[i].extent;
  }
  if (c.pixels.empty()) return true;
  for (std::size_t i = 0; i + 1 < c.pixels.size(); ++i)
    if (c.pixels[i].a_stride != c.pixels[i + 1].a_stride * c.pixels[i + 1].extent) return false;
  return true;
}

bool reads_in_place(const Contraction& c) {
  if (!lie_evenly(c)) return false;
  if (c.pixels.empty()) return true;
  const auto step = c.pixels.back().a_stride.constant();
  // Rows a multiple of 2 KiB apart fall on the same few cache sets.
  return step && (*step * 4) % 2048 != 0;
}

}  // namespace burnish
