// Winograd convolution, channels last: a task transforms a group of tiles of the image for all input channels, multiplies
// them point by point with transformed weights, a block of output channels at a time, and transforms that block back into
// the epilogue. Nothing but weights and images goes through memory.

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <llvm/IR/Constants.h>

#include "base/checked.h"
#include "kernels/cpu/epilogue.h"
#include "kernels/cpu/family.h"
#include "kernels/cpu/gather.h"
#include "kernels/cpu/products.h"
#include "kernels/cpu/winograd_form.h"

namespace burnish {
namespace {

using Values = KernelFrame::Values;

std::size_t idx(int64_t i) { return static_cast<std::size_t>(i); }

// The convolution and how it is cut.
struct Plan {
  Window window;
  std::vector<WinogradForm> forms;  // per image dim
  int64_t channels = 0, outputs = 0;
  int lanes = 8, rows = 6, vectors = 2;
  int64_t group = 0;         // tiles of a task, a multiple of rows
  int64_t chunk_blocks = 1;  // blocks of output channels of a task
  int64_t slice = 0;         // PointProducts'

  int64_t points() const {
    int64_t count = 1;
    for (const auto& f : forms) count *= f.points();
    return count;
  }
  int64_t tile_outputs() const {
    int64_t count = 1;
    for (const auto& f : forms) count *= f.outputs();
    return count;
  }
  int64_t block() const { return static_cast<int64_t>(lanes) * vectors; }
  int64_t blocks() const { return ceil_div(outputs, block()); }
  int64_t chunks() const { return ceil_div(blocks(), chunk_blocks); }
  // The panel holds [tile][point][channel], so that a tile's transform stores to few pages.
  int64_t panel_row() const { return on_other_sets(round_up(channels, 16) + 16); }
  int64_t panel_tile() const { return on_other_sets(points() * panel_row()); }
  Dim tiles(const Problem& problem) const {
    Dim count = problem.result.dims[0];
    for (std::size_t d = 0; d < forms.size(); ++d)
      count *= ceildiv(problem.result.dims[d + 2], Dim(forms[d].outputs()));
    return count;
  }
  int64_t panel_bytes() const { return round_up(group * panel_tile() * 4, 64); }
  int64_t product_bytes() const { return round_up(points() * group * block() * 4, 64); }
  int64_t weight_bytes() const { return points() * channels * blocks() * block() * 4; }
};

Result<Plan> shape_of(const Problem& problem) {
  Plan s;
  if (problem.operands.size() != 2 || problem.operands[0].dims.size() < 3) return refused("convolution wants x and w");
  for (const Type* t : {&problem.operands[0], &problem.operands[1], &problem.result})
    if (t->dtype != DType::f32) return refused("only f32 is multiplied");
  s.window = TRY(window_of(problem));
  const auto channels = problem.operands[0].dims[1].constant(), outputs = problem.operands[1].dims[0].constant();
  if (!channels || !outputs || *channels < 1 || *outputs < 1) return refused("the numbers of channels must be known");
  if (integer(problem.attributes, "groups", 1) != 1) return refused("Winograd is for one group");
  int transformed = 0;
  for (std::size_t d = 0; d < s.window.rank(); ++d) {
    if (s.window.strides[d] != 1 || s.window.dilations[d] != 1) return refused("Winograd is for stride and dilation 1");
    if (s.window.kernel[d] == 1 && s.window.padded(d)) return refused("a padded dim without taps");
    transformed += s.window.kernel[d] > 1;
  }
  if (transformed < 1 || transformed > 2) return refused("Winograd is for kernels along one or two dims");
  s.channels = *channels;
  s.outputs = *outputs;
  return s;
}

// -- the code

class WinogradEmitter {
 public:
  WinogradEmitter(KernelModule& module, const Plan& plan, const Kernel& kernel, std::span<const Storage> storages)
      : p_(plan),
        frame_(module),
        b_(frame_.builder()),
        problem_(*kernel.anchor),
        x_(storages[0]),
        epilogue_(frame_, kernel, storages, 1),
        tiles_(plan.tiles(*kernel.anchor)) {
    extents_.push_back(problem_.result.dims[0]);
    for (std::size_t d = 0; d < p_.forms.size(); ++d)
      extents_.push_back(ceildiv(problem_.result.dims[d + 2], Dim(p_.forms[d].outputs())));
  }

  Result<Emitted> run() {
    int64_t scratch = 0;
    const auto reserve = [&](int64_t bytes) {
      llvm::Value* at = frame_.advance(frame_.scratch(), frame_.number(scratch), 1);
      scratch += round_up(bytes, 64);
      return at;
    };
    panel_ = reserve(p_.panel_bytes());
    products_ = reserve(p_.product_bytes());
    sources_ = reserve(p_.points() * 8);
    zeros_ = reserve(round_up(p_.channels, 16) * 4);
    frame_.loop("zero", frame_.number(0), frame_.number(round_up(p_.channels, 16)), 4, [&](llvm::Value* i) {
      b_.CreateAlignedStore(llvm::Constant::getNullValue(frame_.vector_type(4)), frame_.advance(zeros_, i),
                            llvm::Align(16));
    });
    const Dim groups = ceildiv(tiles_, Dim(p_.group));
    frame_.loop("task", frame_.first(), frame_.last(), 1, [&](llvm::Value* number) { task(number, groups); });
    Emitted emitted = TRY(frame_.finish());
    emitted.tasks = Dim(p_.chunks()) * groups;
    emitted.scratch_bytes = scratch;
    return emitted;
  }

 private:
  void task(llvm::Value* number, const Dim& groups) {
    const Dim counts[] = {Dim(p_.chunks()), groups};
    const auto place = split_number(frame_, number, counts);
    first_ = b_.CreateMul(place[1], frame_.number(p_.group));
    count_ = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, b_.CreateSub(frame_.size(tiles_), first_),
                                      frame_.number(p_.group));
    frame_.loop("tile", frame_.number(0), count_, 1, [&](llvm::Value* tile) { transform_inputs(tile); });
    llvm::Value* begin = b_.CreateMul(place[0], frame_.number(p_.chunk_blocks));
    llvm::Value* end = b_.CreateBinaryIntrinsic(
        llvm::Intrinsic::smin, b_.CreateAdd(begin, frame_.number(p_.chunk_blocks)), frame_.number(p_.blocks()));
    frame_.loop("block", begin, end, 1, [&](llvm::Value* block) {
      multiply(block);
      frame_.loop("tile", frame_.number(0), count_, 1, [&](llvm::Value* tile) { transform_results(block, tile); });
    });
  }

  // The tile's digits: image, then place along every image dim.
  Values digits_of(llvm::Value* tile) { return split_number(frame_, b_.CreateAdd(first_, tile), extents_); }

  // Calls f for every combination of 0 <= i[d] < count(form d), the last fastest.
  template <class Count, class F>
  void for_each(Count count, F f) {
    std::vector<int> i(p_.forms.size(), 0);
    for (std::size_t flat = 0;; ++flat) {
      f(flat, i);
      std::size_t d = i.size();
      while (d-- > 0) {
        if (++i[d] < count(p_.forms[d])) break;
        i[d] = 0;
      }
      if (d == static_cast<std::size_t>(-1)) return;
    }
  }

  // Applies a transform along every dim to values[points or outputs...].
  template <class From, class To, class Transform>
  Values transform(Values values, From from, To to, Transform along) {
    for (std::size_t d = p_.forms.size(); d-- > 0;) {
      const WinogradForm& form = p_.forms[d];
      if (form.identity()) continue;
      std::size_t inner = 1, outer = 1;
      for (std::size_t k = d + 1; k < p_.forms.size(); ++k) inner *= idx(to(p_.forms[k]));
      for (std::size_t k = 0; k < d; ++k) outer *= idx(from(p_.forms[k]));
      const std::size_t have = idx(from(form)), want = idx(to(form));
      Values next(outer * want * inner);
      for (std::size_t o = 0; o < outer; ++o)
        for (std::size_t i = 0; i < inner; ++i) {
          Values line;
          for (std::size_t k = 0; k < have; ++k) line.push_back(values[(o * have + k) * inner + i]);
          line = along(form, line);
          for (std::size_t k = 0; k < want; ++k) next[(o * want + k) * inner + i] = line[k];
        }
      values = std::move(next);
    }
    return values;
  }

  static int points_of(const WinogradForm& f) { return f.points(); }
  static int outputs_of(const WinogradForm& f) { return f.outputs(); }

  void transform_inputs(llvm::Value* tile) {
    const auto digits = digits_of(tile);
    llvm::Value* base = frame_.pointer(0);
    base = frame_.advance(base, b_.CreateMul(digits[0], frame_.size(x_.strides[0])));
    // Per image dim and point: its offset, and whether it lies in the image.
    std::vector<Values> offsets(p_.forms.size()), inside(p_.forms.size());
    for (std::size_t d = 0; d < p_.forms.size(); ++d) {
      const Dim &size = problem_.operands[0].dims[d + 2], &result = problem_.result.dims[d + 2];
      const int64_t step = p_.forms[d].outputs();
      const bool always = !p_.window.padded(d) && result.is_constant() && result.value() % step == 0;
      llvm::Value* origin =
          b_.CreateSub(b_.CreateMul(digits[d + 1], frame_.number(step)), frame_.number(p_.window.begins[d]));
      for (int k = 0; k < p_.forms[d].points(); ++k) {
        llvm::Value* at = b_.CreateAdd(origin, frame_.number(k));
        offsets[d].push_back(b_.CreateMul(at, frame_.size(x_.strides[d + 2])));
        inside[d].push_back(always ? nullptr : b_.CreateICmpULT(at, frame_.size(size)));  // negative is large
      }
    }
    for_each(points_of, [&](std::size_t flat, const std::vector<int>& i) {
      llvm::Value *source = base, *in = nullptr;
      for (std::size_t d = 0; d < i.size(); ++d) {
        source = b_.CreateGEP(b_.getInt8Ty(), source, b_.CreateMul(offsets[d][idx(i[d])], frame_.number(4)));
        llvm::Value* here = inside[d][idx(i[d])];
        in = in == nullptr ? here : here == nullptr ? in : b_.CreateAnd(in, here);
      }
      if (in != nullptr) source = b_.CreateSelect(in, source, zeros_);
      b_.CreateAlignedStore(source, frame_.advance(sources_, frame_.number(static_cast<int64_t>(flat)), 8),
                            llvm::Align(8));
    });
    llvm::Value* row = frame_.advance(panel_, b_.CreateMul(tile, frame_.number(p_.panel_tile())));
    // Whole vectors of channels, then what is left in halves.
    int64_t done = p_.channels / p_.lanes * p_.lanes;
    if (done > 0)
      frame_.loop(
          "channel", frame_.number(0), frame_.number(done), p_.lanes,
          [&](llvm::Value* c) { transform_input(row, c, p_.lanes); }, true);
    for (int lanes = p_.lanes / 2; lanes > 0; lanes /= 2)
      for (; done + lanes <= p_.channels; done += lanes) transform_input(row, frame_.number(done), lanes);
  }

  void transform_input(llvm::Value* row, llvm::Value* channel, int lanes) {
    llvm::Type* type = lanes == 1 ? frame_.f32() : frame_.vector_type(lanes);
    Values values;
    for (int64_t q = 0; q < p_.points(); ++q) {
      llvm::Value* from =
          b_.CreateAlignedLoad(b_.getPtrTy(), frame_.advance(sources_, frame_.number(q), 8), llvm::Align(8));
      values.push_back(b_.CreateAlignedLoad(type, frame_.advance(from, channel), llvm::Align(4)));
    }
    values = transform(std::move(values), points_of, points_of,
                       [&](const WinogradForm& form, const Values& line) { return form.inputs(frame_, line); });
    llvm::Value* to = frame_.advance(row, channel);
    for (int64_t q = 0; q < p_.points(); ++q)
      b_.CreateAlignedStore(values[idx(q)], frame_.advance(to, frame_.number(q * p_.panel_row())), llvm::Align(4));
  }

  // products[point][tile][channel of the block] = panel[tile][point] * weights[block][point]
  void multiply(llvm::Value* block) {
    const PointProducts product{p_.lanes, p_.rows,        p_.vectors,      p_.points(), p_.channels,
                                p_.group, p_.panel_row(), p_.panel_tile(), p_.slice};
    llvm::Value* weights =
        frame_.advance(frame_.pointer(1), b_.CreateMul(block, frame_.number(p_.points() * p_.channels * p_.block())));
    product.multiply(frame_, panel_, weights, products_, count_, tiles_.constant());
  }

  void transform_results(llvm::Value* block, llvm::Value* tile) {
    const auto digits = digits_of(tile);
    llvm::Value* first = b_.CreateMul(block, frame_.number(p_.block()));
    llvm::Value* end = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, b_.CreateAdd(first, frame_.number(p_.block())),
                                                frame_.number(p_.outputs));
    llvm::Value* from = frame_.advance(products_, b_.CreateMul(tile, frame_.number(p_.block())));
    const auto vector = [&](llvm::Value* channel, int active) {
      llvm::Value* at = frame_.advance(from, b_.CreateSub(channel, first));
      transform_result(digits, at, channel, active);
    };
    const int rest = static_cast<int>(p_.outputs % p_.lanes);
    frame_.loop(
        "vector", first, end, p_.lanes,
        [&](llvm::Value* channel) {
          if (rest == 0) return vector(channel, p_.lanes);
          frame_.branch(
              b_.CreateICmpSLE(b_.CreateAdd(channel, frame_.number(p_.lanes)), frame_.number(p_.outputs)),
              [&]() -> Values {
                vector(channel, p_.lanes);
                return {};
              },
              [&]() -> Values {
                vector(channel, rest);
                return {};
              });
        },
        true);
  }

  void transform_result(const Values& digits, llvm::Value* from, llvm::Value* channel, int active) {
    llvm::Type* type = p_.lanes == 1 ? frame_.f32() : frame_.vector_type(p_.lanes);
    Values values;
    for (int64_t q = 0; q < p_.points(); ++q)
      values.push_back(
          b_.CreateAlignedLoad(type, frame_.advance(from, frame_.number(q * p_.group * p_.block())), llvm::Align(4)));
    values = transform(std::move(values), points_of, outputs_of,
                       [&](const WinogradForm& form, const Values& line) { return form.results(frame_, line); });
    for_each(outputs_of, [&](std::size_t flat, const std::vector<int>& i) {
      Values at = {digits[0], channel};
      llvm::Value* in = nullptr;
      for (std::size_t d = 0; d < i.size(); ++d) {
        const Dim& size = problem_.result.dims[d + 2];
        const int64_t step = p_.forms[d].outputs();
        at.push_back(b_.CreateAdd(b_.CreateMul(digits[d + 1], frame_.number(step)), frame_.number(i[d])));
        if (i[d] == 0 || (size.is_constant() && size.value() % step == 0)) continue;
        llvm::Value* here = b_.CreateICmpSLT(at.back(), frame_.size(size));
        in = in == nullptr ? here : b_.CreateAnd(in, here);
      }
      if (in == nullptr) return epilogue_.store(at, values[flat], active);
      frame_.branch(
          in,
          [&]() -> Values {
            epilogue_.store(at, values[flat], active);
            return {};
          },
          []() -> Values { return {}; });
    });
  }

  const Plan& p_;
  KernelFrame frame_;
  llvm::IRBuilder<>& b_;
  const Problem& problem_;
  const Storage& x_;
  Epilogue epilogue_;
  Dim tiles_;
  std::vector<Dim> extents_;
  llvm::Value *panel_ = nullptr, *products_ = nullptr, *sources_ = nullptr, *zeros_ = nullptr;
  llvm::Value *first_ = nullptr, *count_ = nullptr;  // tiles of the current task
};

// -- the estimate

constexpr std::size_t kMostCuts = 2;  // of a form that are offered
constexpr double kClose = 1.15;       // times the best estimate
constexpr int kFewTiles = 112;        // one group of them is considered, whatever the rows
// Cycles for each pair of points, on a Xeon of model 207, by the times of all forms in four networks.
constexpr double kPointWritten = 0.2, kPointRead = 0.05;

struct Rates {
  double multiplies, loads, stores;
  int registers;
};
Rates rates(const CpuFeatures& cpu) {
  if (cpu.level >= 4) return cpu.wide ? Rates{2, 2, 1, 32} : Rates{1, 2, 0.5, 32};
  if (cpu.level == 3) return {2, 2, 1, 16};
  return {1, 2, 1, 16};
}

struct Cut {
  Plan plan;
  double cycles = INFINITY;  // of one thread
};

// Rows, vectors, group and chunk_blocks, best estimate first: the best of each width that is not far behind.
std::vector<Cut> choose_cuts(const CpuFeatures& cpu, const Problem& problem, Plan p) {
  const Rates r = rates(cpu);
  const int64_t tiles = likely(p.tiles(problem)), points = p.points();
  // Transforms, a vector of channels of one tile.
  double input_work = 0, result_work = 0;
  for (std::size_t d = 0; d < p.forms.size(); ++d) {
    double lines_in = static_cast<double>(points) / p.forms[d].points(), lines_out = 1;
    for (std::size_t k = 0; k < p.forms.size(); ++k)
      if (k != d) lines_out *= k < d ? p.forms[k].points() : p.forms[k].outputs();
    input_work += lines_in * p.forms[d].input_cost();
    result_work += lines_out * p.forms[d].result_cost();
  }
  const auto n = static_cast<double>(points);
  // Points go to lines of their own in a panel, and come from such: the more there are, the farther they lie.
  const double fetch = cpu.wide ? n * n : 0;
  const double input = input_work / r.multiplies + n * 2 / r.loads + n / r.stores + kPointWritten * fetch + 10;
  const double result = result_work / r.multiplies + n / r.loads +
                        2 * static_cast<double>(p.tile_outputs()) / r.stores + kPointRead * fetch + 10;
  const double input_vectors = std::ceil(static_cast<double>(p.channels) / p.lanes);
  const double tile_start = 4 * n + 40;
  std::vector<Cut> cuts;
  for (p.vectors = 1; p.vectors <= 6; ++p.vectors) {
    if (p.vectors > 1 && p.block() >= 2 * round_up(p.outputs, p.lanes)) break;
    const int most = std::min<int64_t>((r.registers - 2 - p.vectors) / p.vectors, tiles);
    Cut best;
    for (p.rows = most; p.rows >= std::max(1, most / 2); --p.rows) {
      const int64_t largest = std::max<int64_t>(12 * p.rows, round_up(kFewTiles, p.rows));
      for (p.group = p.rows; p.group < tiles + p.rows && p.group <= largest; p.group += p.rows) {
        const bool fits = p.panel_bytes() + p.product_bytes() <= cpu.l2_bytes * 5 / 4;
        if (!fits && p.group > p.rows) break;
        const int64_t groups = ceil_div(tiles, p.group);
        for (const int64_t split : {1, 2, 4, 8}) {
          if (split > p.blocks()) break;
          p.chunk_blocks = ceil_div(p.blocks(), split);
          p.slice = PointProducts::slice_of(cpu, p.channels, p.block(), p.group / p.rows);
          // Rows of registers that hold tiles; the last of a group may be smaller.
          const double row_steps =
              static_cast<double>(tiles / p.rows) +
              (tiles % p.rows != 0 ? std::max<double>(static_cast<double>(tiles % p.rows), 4.0 / p.vectors) / p.rows
                                   : 0);
          const double step = std::max({p.rows * p.vectors / r.multiplies, (p.vectors + p.rows) / r.loads, 4.0 / 1});
          const double product =
              row_steps * static_cast<double>(points * p.blocks()) *
              (static_cast<double>(p.channels) * step + 1.5 * p.rows * p.vectors / r.multiplies + 14);
          const double transforms =
              static_cast<double>(tiles) *
              ((input * input_vectors + tile_start) * static_cast<double>(p.chunks()) +
               result * static_cast<double>(ceil_div(p.outputs, p.lanes)) + 20 * static_cast<double>(p.blocks()));
          const auto bytes = static_cast<double>(p.weight_bytes());
          double work = 0;
          if (cpu.wide) {
            const bool stay = bytes / static_cast<double>(p.chunks()) + static_cast<double>(p.panel_bytes()) <
                              kStays * static_cast<double>(cpu.l2_bytes);
            work = with_weights(product * beside_loads(p.rows, p.vectors), bytes / kWeightRate,
                                static_cast<double>(groups), stay, false);
          } else {
            // Transformed weights come from memory once, from the last cache for every other group.
            const double memory = bytes / (bytes > static_cast<double>(cpu.l2_bytes) ? 6.0 : 20.0) +
                                  bytes * static_cast<double>(groups - 1) / 20.0;
            work = std::max(product, memory);
          }
          // What two and four threads lose where tasks do not divide evenly.
          const auto idle_of = [&](int64_t threads) {
            return unevenly(threads, ceil_div(tiles, p.rows), p.group / p.rows, p.blocks(), p.chunk_blocks);
          };
          const double idle = (idle_of(2) + idle_of(4) * 0.25) / 1.25;
          const double cycles = (work + transforms) * idle * (fits ? 1 : 1.3);
          if (cycles < best.cycles * 0.995) best = {p, cycles};
        }
      }
    }
    if (std::isfinite(best.cycles)) cuts.push_back(std::move(best));
  }
  std::ranges::stable_sort(cuts, {}, &Cut::cycles);
  std::size_t kept = 0;
  while (kept < cuts.size() && kept < kMostCuts && cuts[kept].cycles < kClose * cuts[0].cycles) ++kept;
  cuts.resize(kept);
  return cuts;
}

// -- the family

std::string name_of(const Plan& p) {
  std::string outputs;
  for (const auto& f : p.forms) outputs += fmt::format("{}{}", outputs.empty() ? "" : "x", f.outputs());
  return fmt::format("winograd {}, {}x{}", outputs, p.rows, p.vectors);
}

void tactics(const CpuFeatures& cpu, const Kernel& kernel, std::vector<Tactic>& found, std::string& why_not) {
  const Problem& problem = *kernel.anchor;
  const auto shape = shape_of(problem);
  if (!shape) {
    why_not = shape.error().what;
    return;
  }
  why_not = Epilogue::unsupported(kernel);
  if (integer(problem.attributes, "exact", 0) != 0) why_not = "sums are to be exact";
  if (!why_not.empty()) return;
  const auto rank = static_cast<int64_t>(problem.result.dims.size());
  const bool two = std::ranges::count_if(shape->window.kernel, [](int64_t k) { return k > 1; }) == 2;
  for (const int points : {4, 6, 8, 10}) {
    if (two && points > 8) break;
    Plan p = *shape;
    p.lanes = cpu.vector_bytes() / 4;
    bool exists = true;
    for (std::size_t d = 0; d < p.window.rank(); ++d) {
      const auto taps = static_cast<int>(std::min<int64_t>(p.window.kernel[d], 64));
      const int outputs = points - taps + 1;
      if (taps == 1) p.forms.emplace_back();
      else if (WinogradForm::exists(outputs, taps)) p.forms.emplace_back(outputs, taps);
      else exists = false;
    }
    if (!exists) continue;
    for (const auto& [plan, cycles] : choose_cuts(cpu, problem, p)) {
      if (plan.group < plan.rows || plan.chunk_blocks < 1) continue;  // without channels there is nothing to transform
      Tactic t;
      t.name = name_of(plan);
      t.seconds = seconds_of(cycles);
      t.why = fmt::format("{:.0f} multiplications for {} of the direct form, {} tiles and {} blocks a task",
                          static_cast<double>(plan.points()), plan.tile_outputs() * plan.window.taps(), plan.group,
                          plan.chunk_blocks);
      t.inexact = true;
      t.parameters = {{"points", int64_t{points}},  {"lanes", int64_t{plan.lanes}},
                      {"rows", int64_t{plan.rows}}, {"vectors", int64_t{plan.vectors}},
                      {"group", plan.group},        {"chunk_blocks", plan.chunk_blocks},
                      {"slice", plan.slice}};
      // What is left of the direct form's, for those who compare times with what they could be.
      t.parameters["multiplications"] =
          static_cast<double>(plan.points()) / static_cast<double>(plan.tile_outputs() * plan.window.taps());
      t.ports.push_back({Format::channels_last(DType::f32, rank), false});
      t.ports.push_back({Format::plain(DType::f32, rank), false, plan.weight_bytes()});
      for (auto& port : nest_ports(kernel, Format::channels_last(DType::f32, rank))) t.ports.push_back(std::move(port));
      found.push_back(std::move(t));
    }
  }
}

Result<Plan> plan_of(const Problem& problem, const Tactic& tactic) {
  Plan p = TRY(shape_of(problem));
  const auto& a = tactic.parameters;
  p.lanes = static_cast<int>(integer(a, "lanes", 0));
  p.rows = static_cast<int>(integer(a, "rows", 0));
  p.vectors = static_cast<int>(integer(a, "vectors", 0));
  p.group = integer(a, "group", 0);
  p.chunk_blocks = integer(a, "chunk_blocks", 0);
  p.slice = integer(a, "slice", 0);
  const auto points = static_cast<int>(integer(a, "points", 0));
  if (p.lanes < 1 || p.rows < 1 || p.vectors < 1 || p.group < p.rows || p.group % p.rows != 0 || p.chunk_blocks < 1 ||
      p.slice < 1)
    return internal_error(fmt::format("tactic {} lacks its parameters", tactic.name));
  for (const int64_t taps : p.window.kernel) {
    if (taps > 1 && !WinogradForm::exists(points - static_cast<int>(taps) + 1, static_cast<int>(taps)))
      return internal_error(fmt::format("tactic {} has no transform", tactic.name));
    if (taps == 1) p.forms.emplace_back();
    else p.forms.emplace_back(points - static_cast<int>(taps) + 1, static_cast<int>(taps));
  }
  return p;
}

Result<Emitted> emit(const CpuFeatures& cpu, const Kernel& kernel, const Tactic& tactic,
                     std::span<const Storage> storages) {
  const Plan plan = TRY(plan_of(*kernel.anchor, tactic));
  KernelModule module(cpu);
  return WinogradEmitter(module, plan, kernel, storages).run();
}

// [block][point][input channel][channel of the block], zeros where channels end.
Result<Tensor> derive(const Kernel& kernel, const Tactic& tactic, std::size_t operand, const Tensor& w) {
  if (operand != 1) return internal_error("only weights are transformed", tactic.name);
  const Plan p = TRY(plan_of(*kernel.anchor, tactic));
  Tensor result = TRY(Tensor::allocate(DType::f32, {p.weight_bytes() / 4}));
  const auto* from = reinterpret_cast<const float*>(w.data());
  auto* to = reinterpret_cast<float*>(result.mutable_data());
  std::fill(to, to + p.weight_bytes() / 4, 0.0F);
  const int64_t taps = p.window.taps(), points = p.points(), width = p.block();
  std::vector<double> values, next;
  for (int64_t o = 0; o < p.outputs; ++o)
    for (int64_t c = 0; c < p.channels; ++c) {
      const float* g = from + (o * p.channels + c) * taps;
      values.assign(g, g + taps);
      for (std::size_t d = p.forms.size(); d-- > 0;) {
        const WinogradForm& form = p.forms[d];
        int64_t inner = 1, outer = 1;
        for (std::size_t k = d + 1; k < p.forms.size(); ++k) inner *= p.forms[k].points();
        for (std::size_t k = 0; k < d; ++k) outer *= p.forms[k].taps();
        next.resize(idx(outer * form.points() * inner));
        for (int64_t a = 0; a < outer; ++a)
          for (int64_t i = 0; i < inner; ++i)
            form.weights(&values[idx(a * form.taps() * inner + i)], inner, &next[idx(a * form.points() * inner + i)],
                         inner);
        values.swap(next);
      }
      float* place = to + o / width * points * p.channels * width + c * width + o % width;
      for (int64_t q = 0; q < points; ++q) place[q * p.channels * width] = static_cast<float>(values[idx(q)]);
    }
  return result;
}

}  // namespace

const Family kWinograd = {"winograd", "convolution", tactics, emit, derive};

}  // namespace burnish
