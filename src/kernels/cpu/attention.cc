// softmax(q k^T * scale + bias) v for a block of queries at a time. Keys come in blocks: their scores lie in scratch, and a
// running maximum and sum per query rescale what was gathered so far (online softmax), so memory does not grow with keys.

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <llvm/IR/Constants.h>

#include "base/checked.h"
#include "codegen/cpu/expression.h"
#include "kernels/cpu/epilogue.h"
#include "kernels/cpu/family.h"
#include "kernels/cpu/gather.h"

namespace burnish {
namespace {

using Values = KernelFrame::Values;

struct Shape {
  std::size_t rank;
  Dim queries, keys;
  int64_t depth, width;  // of a key, of a value
  bool causal, masked;
  double scale;
};

Result<Shape> shape_of(const Problem& problem) {
  if (problem.operands.size() < 3 || problem.operands.size() > 4)
    return refused("attention wants q, k, v and maybe a bias");
  for (const Type& t : problem.operands)
    if (t.dtype != DType::f32 || t.dims.size() > problem.result.dims.size()) return refused("only f32 is multiplied");
  for (std::size_t i = 0; i < 3; ++i)
    if (problem.operands[i].dims.size() < 2) return refused("attention wants matrices");
  const auto &q = problem.operands[0].dims, &k = problem.operands[1].dims, &v = problem.operands[2].dims;
  const auto depth = q.back().constant(), width = v.back().constant();
  if (!depth || !width || *depth < 1 || *width < 1) return refused("the sizes of keys and values must be known");
  Shape s;
  s.rank = problem.result.dims.size();
  s.queries = q[q.size() - 2];
  s.keys = k[k.size() - 2];
  s.depth = *depth;
  s.width = *width;
  s.causal = integer(problem.attributes, "causal", 0) != 0;
  s.masked = integer(problem.attributes, "masked", 0) != 0;
  s.scale = real(problem.attributes, "scale", 1.0 / std::sqrt(static_cast<double>(*depth)));
  return s;
}

// Sizes of blocks, from shape and level alone. Keys are packed anew for every block of queries.
constexpr int64_t kQueries = 96;
struct Blocks {
  int lanes, rows, vectors = 2;
  int64_t queries, keys;
};

Blocks blocks_of(const CpuFeatures& cpu, const Shape& shape) {
  Blocks b;
  b.lanes = cpu.vector_bytes() / 4;
  b.rows = cpu.level >= 4 ? 12 : cpu.level == 3 ? 6 : 4;
  b.queries = kQueries;
  if (const auto t = shape.queries.constant()) {
    b.rows = static_cast<int>(std::clamp<int64_t>(*t, 1, b.rows));
    // Even blocks.
    const int64_t tiles = ceil_div(std::max<int64_t>(*t, 1), b.rows);
    b.queries = ceil_div(tiles, ceil_div(tiles, kQueries / b.rows)) * b.rows;
  }
  b.keys = 256;
  const int64_t step = static_cast<int64_t>(b.lanes) * b.vectors;
  if (const auto s = shape.keys.constant()) b.keys = std::min(b.keys, round_up(std::max<int64_t>(*s, 1), step));
  return b;
}

class AttentionEmitter {
 public:
  AttentionEmitter(KernelModule& module, const Shape& shape, const Blocks& blocks, const Kernel& kernel,
                   std::span<const Storage> storages)
      : s_(shape),
        n_(blocks),
        frame_(module),
        b_(frame_.builder()),
        e_(frame_),
        problem_(*kernel.anchor),
        storages_(storages),
        epilogue_(frame_, kernel, storages, static_cast<int>(shape.rank) - 1) {
    together_ = n_.rows % 4 == 0 ? 4 : n_.rows % 3 == 0 ? 3 : n_.rows % 2 == 0 ? 2 : 1;
    const auto keys = s_.keys.constant();
    once_ = keys && *keys > 0 && *keys <= n_.keys;
    q_row_ = round_up(s_.depth, 16) + 16;
    p_row_ = n_.keys + 16;
    o_row_ = round_up(s_.width, n_.lanes);
  }

  Result<Emitted> run() {
    int64_t scratch = 0;
    auto reserve = [&](int64_t floats) {
      const int64_t at = scratch;
      scratch += round_up(floats * 4, 64);
      return frame_.advance(frame_.scratch(), frame_.number(at), 1);
    };
    q_panel_ = reserve(n_.queries * q_row_);
    k_panel_ = reserve(n_.keys * s_.depth);
    scores_ = reserve(n_.queries * p_row_);
    sums_ = reserve(n_.queries * o_row_);
    maxima_ = reserve(n_.queries);
    totals_ = reserve(n_.queries);
    std::vector<Dim> extents;
    Dim batches = 1;
    for (std::size_t d = 0; d + 2 < s_.rank; ++d) {
      extents.push_back(problem_.result.dims[d]);
      batches *= problem_.result.dims[d];
    }
    const Dim groups = ceildiv(s_.queries, Dim(n_.queries));
    extents.push_back(groups);
    frame_.loop("task", frame_.first(), frame_.last(), 1,
                [&](llvm::Value* task) { this->task(split_number(frame_, task, extents)); });
    Emitted emitted = TRY(frame_.finish());
    emitted.tasks = batches * groups;
    emitted.scratch_bytes = scratch;
    return emitted;
  }

 private:
  struct Row {
    llvm::Value *number, *scores, *limit;
    llvm::Value *bias = nullptr, *maximum = nullptr, *correction = nullptr;
  };

  llvm::Value* operand(std::size_t i) {
    const Dims& strides = storages_[i].strides;
    const auto& dims = problem_.operands[i].dims;
    llvm::Value* offset = frame_.number(0);
    const std::size_t missing = s_.rank - dims.size();
    for (std::size_t d = missing; d + 2 < s_.rank; ++d) {
      const Dim stride = broadcast_stride(dims[d - missing], problem_.result.dims[d], strides[d - missing]);
      if (stride != Dim(0)) offset = b_.CreateAdd(offset, b_.CreateMul(batch_[d], frame_.size(stride)));
    }
    return frame_.advance(frame_.pointer(static_cast<int>(i)), offset);
  }
  // Strides of an operand's two innermost dims; 0 where they are broadcast.
  Dim step(std::size_t i, std::size_t from_end) const {
    const auto& dims = problem_.operands[i].dims;
    if (dims.size() < from_end) return 0;
    const Dim& stride = storages_[i].strides[dims.size() - from_end];
    if (i != 3) return stride;
    return broadcast_stride(dims[dims.size() - from_end], from_end == 1 ? s_.keys : s_.queries, stride);
  }
  llvm::Value* at(llvm::Value* base, llvm::Value* index, const Dim& stride) {
    return frame_.advance(base, b_.CreateMul(index, frame_.size(stride)));
  }
  llvm::Type* type() { return frame_.vector_type(n_.lanes); }
  llvm::Value* splat(llvm::Value* x) { return b_.CreateVectorSplat(static_cast<unsigned>(n_.lanes), x); }
  llvm::Value* load(llvm::Value* place) { return b_.CreateAlignedLoad(type(), place, llvm::Align(4)); }
  llvm::Value* load_scalar(llvm::Value* place) { return b_.CreateAlignedLoad(frame_.f32(), place, llvm::Align(4)); }
  void store(llvm::Value* x, llvm::Value* place) { b_.CreateAlignedStore(x, place, llvm::Align(4)); }
  llvm::Value* minimum(llvm::Value* a, llvm::Value* b) { return b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, a, b); }
  llvm::Value* lane_numbers() {
    std::vector<llvm::Constant*> numbers;
    for (int i = 0; i < n_.lanes; ++i) numbers.push_back(b_.getInt64(static_cast<uint64_t>(i)));
    return llvm::ConstantVector::get(numbers);
  }
  llvm::Value* real(double x) { return llvm::ConstantFP::get(frame_.f32(), x); }

  void task(std::vector<llvm::Value*> place) {
    llvm::Value* first = b_.CreateMul(place.back(), frame_.number(n_.queries));
    place.pop_back();
    batch_ = std::move(place);
    first_ = first;
    count_ = minimum(b_.CreateSub(frame_.size(s_.queries), first), frame_.number(n_.queries));
    tiles_ = b_.CreateUDiv(b_.CreateAdd(count_, frame_.number(n_.rows - 1)), frame_.number(n_.rows));
    load_queries();
    llvm::Value* keys = frame_.size(s_.keys);
    if (s_.causal) keys = minimum(keys, b_.CreateAdd(first, count_));  // later keys are masked for all queries here
    frame_.loop("keys", frame_.number(0), keys, n_.keys, [&](llvm::Value* key) {
      key_ = key;
      key_count_ = minimum(b_.CreateSub(keys, key), frame_.number(n_.keys));
      load_keys();
      score();
      frame_.loop("softmax", frame_.number(0), count_, together_, [&](llvm::Value* r) { softmax(r); }, true);
      gather_values();
    });
    frame_.loop("result", frame_.number(0), count_, 1, [&](llvm::Value* r) { finish_row(r); }, true);
  }

  // The block's queries times the scale; zero rows up to a whole tile. Also resets sums, maxima and totals.
  void load_queries() {
    llvm::Value* from = at(operand(0), first_, step(0, 2));
    llvm::Value* rows = b_.CreateMul(tiles_, frame_.number(n_.rows));
    frame_.loop("query", frame_.number(0), rows, 1, [&](llvm::Value* r) {
      llvm::Value* present = b_.CreateICmpSLT(r, count_);
      llvm::Value* row = at(from, minimum(r, b_.CreateSub(count_, frame_.number(1))), step(0, 2));
      llvm::Value* scale = b_.CreateSelect(present, real(s_.scale), real(0));
      llvm::Value* to = frame_.advance(q_panel_, b_.CreateMul(r, frame_.number(q_row_)));
      int64_t done = 0;
      if (step(0, 1) == Dim(1))
        for (; done + n_.lanes <= s_.depth; done += n_.lanes)
          store(b_.CreateFMul(load(frame_.advance(row, frame_.number(done))), splat(scale)),
                frame_.advance(to, frame_.number(done)));
      if (done < s_.depth)
        frame_.loop(
            "element", frame_.number(done), frame_.number(s_.depth), 1,
            [&](llvm::Value* i) {
              store(b_.CreateFMul(load_scalar(at(row, i, step(0, 1))), scale), frame_.advance(to, i));
            },
            true);
      if (once_) return;
      llvm::Value* sums = frame_.advance(sums_, b_.CreateMul(r, frame_.number(o_row_)));
      for (int64_t i = 0; i < o_row_; i += n_.lanes)
        store(llvm::Constant::getNullValue(type()), frame_.advance(sums, frame_.number(i)));
      store(real(-std::numeric_limits<float>::max()), frame_.advance(maxima_, r));
      store(real(0), frame_.advance(totals_, r));
    });
  }

  // Keys transposed: [keys / lanes][depth][lanes]. Past the last key its values repeat; their scores are masked.
  void load_keys() {
    llvm::Value* from = at(operand(1), key_, step(1, 2));
    llvm::Value* last = b_.CreateSub(key_count_, frame_.number(1));
    llvm::Value* end = rounded_keys();
    frame_.loop(
        "pack", frame_.number(0), end, n_.lanes,
        [&](llvm::Value* j) {
          std::vector<llvm::Value*> rows;
          for (int i = 0; i < n_.lanes; ++i)
            rows.push_back(at(from, minimum(b_.CreateAdd(j, frame_.number(i)), last), step(1, 2)));
          llvm::Value* to = frame_.advance(k_panel_, b_.CreateMul(j, frame_.number(s_.depth)));
          int64_t done = 0;
          if (step(1, 1) == Dim(1)) {
            done = s_.depth / n_.lanes * n_.lanes;
            if (done > 0)
              frame_.loop(
                  "transpose", frame_.number(0), frame_.number(done), n_.lanes,
                  [&](llvm::Value* d) {
                    Values square;
                    for (llvm::Value* row : rows) square.push_back(load(frame_.advance(row, d)));
                    transpose(square);
                    llvm::Value* place = frame_.advance(to, b_.CreateMul(d, frame_.number(n_.lanes)));
                    for (int i = 0; i < n_.lanes; ++i)
                      store(square[static_cast<std::size_t>(i)],
                            frame_.advance(place, frame_.number(static_cast<int64_t>(i) * n_.lanes)));
                  },
                  true);
          }
          if (done < s_.depth)
            frame_.loop(
                "element", frame_.number(done), frame_.number(s_.depth), 1,
                [&](llvm::Value* d) {
                  llvm::Value* offset = b_.CreateMul(d, frame_.size(step(1, 1)));
                  llvm::Value* vector = llvm::PoisonValue::get(type());
                  for (int i = 0; i < n_.lanes; ++i)
                    vector = b_.CreateInsertElement(
                        vector, load_scalar(frame_.advance(rows[static_cast<std::size_t>(i)], offset)),
                        static_cast<uint64_t>(i));
                  store(vector, frame_.advance(to, b_.CreateMul(d, frame_.number(n_.lanes))));
                },
                true);
        },
        true);
  }

  llvm::Value* rounded_keys() {
    const int64_t width = static_cast<int64_t>(n_.lanes) * n_.vectors;
    return b_.CreateMul(b_.CreateUDiv(b_.CreateAdd(key_count_, frame_.number(width - 1)), frame_.number(width)),
                        frame_.number(width));
  }

  // rows x columns, in halves of ever smaller squares.
  void transpose(Values& square) {
    const int n = n_.lanes;
    for (int half = n / 2; half >= 1; half /= 2)
      for (int base = 0; base < n; ++base) {
        if (base & half) continue;
        auto& upper = square[static_cast<std::size_t>(base)];
        auto& lower = square[static_cast<std::size_t>(base + half)];
        std::vector<int> first, second;
        for (int i = 0; i < n; ++i) {
          first.push_back(i & half ? n + (i - half) : i);
          second.push_back(i & half ? n + i : i + half);
        }
        llvm::Value* a = b_.CreateShuffleVector(upper, lower, first);
        llvm::Value* b = b_.CreateShuffleVector(upper, lower, second);
        upper = a;
        lower = b;
      }
  }

  // sums[r][v] += a[r][k] * w[k][v] over `count` steps of k (a number or a value).
  void accumulate(Values& sums, int vectors, llvm::Value* a, int64_t a_row, llvm::Value* w, const Dim& w_step,
                  int64_t vector_step, const std::function<llvm::Value*(llvm::Value*, int)>& weight,
                  llvm::Value* count) {
    auto one = [&](llvm::Value* a_at, llvm::Value* w_at, Values& s) {
      Values weights;
      for (int v = 0; v < vectors; ++v)
        weights.push_back(weight(frame_.advance(w_at, frame_.number(v * vector_step)), v));
      for (int r = 0; r < n_.rows; ++r) {
        llvm::Value* x = splat(load_scalar(frame_.advance(a_at, frame_.number(r * a_row))));
        for (int v = 0; v < vectors; ++v) {
          auto& sum = s[static_cast<std::size_t>(r * vectors + v)];
          sum = frame_.multiply_add(x, weights[static_cast<std::size_t>(v)], sum);
        }
      }
    };
    constexpr int64_t kUnroll = 4;
    llvm::Value* whole = b_.CreateAnd(count, frame_.number(~(kUnroll - 1)));
    frame_.loop("k", frame_.number(0), whole, kUnroll, sums, [&](llvm::Value* k, Values& s) {
      llvm::Value* a_at = frame_.advance(a, k);
      llvm::Value* w_at = at(w, k, w_step);
      for (int64_t u = 0; u < kUnroll; ++u)
        one(frame_.advance(a_at, frame_.number(u)), at(w_at, frame_.number(u), w_step), s);
    });
    frame_.loop("k", whole, count, 1, sums,
                [&](llvm::Value* k, Values& s) { one(frame_.advance(a, k), at(w, k, w_step), s); });
  }

  void score() {
    const int64_t width = static_cast<int64_t>(n_.lanes) * n_.vectors;
    frame_.loop(
        "columns", frame_.number(0), rounded_keys(), width,
        [&](llvm::Value* j) {
          llvm::Value* keys = frame_.advance(k_panel_, b_.CreateMul(j, frame_.number(s_.depth)));
          frame_.loop(
              "tile", frame_.number(0), tiles_, 1,
              [&](llvm::Value* t) {
                llvm::Value* row = b_.CreateMul(t, frame_.number(n_.rows));
                Values sums(static_cast<std::size_t>(n_.rows * n_.vectors), llvm::Constant::getNullValue(type()));
                accumulate(
                    sums, n_.vectors, frame_.advance(q_panel_, b_.CreateMul(row, frame_.number(q_row_))), q_row_, keys,
                    n_.lanes, s_.depth * n_.lanes, [&](llvm::Value* place, int) { return load(place); },
                    frame_.number(s_.depth));
                llvm::Value* to = frame_.advance(scores_, b_.CreateAdd(b_.CreateMul(row, frame_.number(p_row_)), j));
                for (int r = 0; r < n_.rows; ++r)
                  for (int v = 0; v < n_.vectors; ++v)
                    store(sums[static_cast<std::size_t>(r * n_.vectors + v)],
                          frame_.advance(to, frame_.number(r * p_row_ + v * n_.lanes)));
              },
              true);
        },
        true);
  }

  // Rows of scores: bias, mask, maximum; then exponentials and their sum. Several at once, as each waits for its own.
  void softmax(llvm::Value* r) {
    std::vector<Row> rows(static_cast<std::size_t>(together_));
    for (std::size_t i = 0; i < rows.size(); ++i) {
      Row& row = rows[i];
      row.number = b_.CreateAdd(r, frame_.number(static_cast<int64_t>(i)));
      row.scores = frame_.advance(scores_, b_.CreateMul(row.number, frame_.number(p_row_)));
      llvm::Value* query = b_.CreateAdd(first_, row.number);
      // Behind the last query are rows of a tile that nobody reads.
      llvm::Value* there = b_.CreateAdd(first_, minimum(row.number, b_.CreateSub(count_, frame_.number(1))));
      if (problem_.operands.size() > 3) row.bias = at(at(operand(3), there, step(3, 2)), key_, step(3, 1));
      row.limit = key_count_;  // keys of this block that the query sees
      if (!s_.causal) continue;
      row.limit = minimum(row.limit, b_.CreateAdd(b_.CreateSub(query, key_), frame_.number(1)));
      row.limit = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smax, row.limit, frame_.number(0));
    }
    Values state(rows.size(), llvm::ConstantFP::get(type(), -std::numeric_limits<float>::max()));
    // Only the last vector holds scores of no key, unless queries see different ones.
    llvm::Value* whole = s_.causal ? frame_.number(0) : b_.CreateAnd(key_count_, frame_.number(-int64_t{n_.lanes}));
    const auto largest = [&](llvm::Value* j, bool masked, Values& m) {
      for (std::size_t i = 0; i < rows.size(); ++i) m[i] = score_of(rows[i], j, masked, m[i]);
    };
    frame_.loop("max", frame_.number(0), whole, n_.lanes, state,
                [&](llvm::Value* j, Values& m) { largest(j, false, m); });
    frame_.loop("max", whole, key_count_, n_.lanes, state, [&](llvm::Value* j, Values& m) { largest(j, true, m); });
    for (std::size_t i = 0; i < rows.size(); ++i) {
      Row& row = rows[i];
      row.maximum = e_.reduce_lanes(Reduction::max, DType::f32, state[i]);
      if (!once_) {
        llvm::Value* before = load_scalar(frame_.advance(maxima_, row.number));
        row.maximum = e_.combine(Reduction::max, DType::f32, before, row.maximum);
        row.correction = e_.math().exp(b_.CreateFSub(before, row.maximum));
        store(row.maximum, frame_.advance(maxima_, row.number));
      }
      state[i] = llvm::Constant::getNullValue(type());
    }
    frame_.loop(
        "exp", frame_.number(0), key_count_, n_.lanes, state,
        [&](llvm::Value* j, Values& sums) {
          for (std::size_t i = 0; i < rows.size(); ++i) {
            llvm::Value* place = frame_.advance(rows[i].scores, j);
            llvm::Value* x = e_.math().exp(b_.CreateFSub(load(place), splat(rows[i].maximum)));
            store(x, place);
            sums[i] = b_.CreateFAdd(sums[i], x);
          }
        },
        true);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const Row& row = rows[i];
      llvm::Value* total = e_.reduce_lanes(Reduction::sum, DType::f32, state[i]);
      llvm::Value* place = frame_.advance(totals_, row.number);
      if (once_) {
        store(total, place);
        continue;
      }
      store(b_.CreateFAdd(b_.CreateFMul(load_scalar(place), row.correction), total), place);
      llvm::Value* sums = frame_.advance(sums_, b_.CreateMul(row.number, frame_.number(o_row_)));
      frame_.loop(
          "rescale", frame_.number(0), frame_.number(o_row_), n_.lanes,
          [&](llvm::Value* at) {
            llvm::Value* sum = frame_.advance(sums, at);
            store(b_.CreateFMul(load(sum), splat(row.correction)), sum);
          },
          true);
    }
  }

  // The score with its bias, and -inf where the query sees no key; kept, and the larger of it and `m`.
  llvm::Value* score_of(const Row& row, llvm::Value* j, bool masked, llvm::Value* m) {
    llvm::Value* place = frame_.advance(row.scores, j);
    llvm::Value* x = load(place);
    llvm::Value* seen = masked ? b_.CreateICmpSLT(b_.CreateAdd(splat(j), lane_numbers()), splat(row.limit)) : nullptr;
    if (row.bias) {
      llvm::Value* added = bias_vector(row.bias, j, seen);
      x = b_.CreateFAdd(x, added);
      if (s_.masked) x = b_.CreateSelect(b_.CreateFCmpOLE(added, splat(real(-1e30))), added, x);
    }
    if (masked) x = b_.CreateSelect(seen, x, llvm::ConstantFP::getInfinity(type(), true));
    if (masked || row.bias) store(x, place);
    return e_.combine(Reduction::max, DType::f32, m, x);
  }

  llvm::Value* bias_vector(llvm::Value* bias, llvm::Value* j, llvm::Value* seen) {
    const Dim stride = step(3, 1);
    if (stride == Dim(0)) return splat(load_scalar(bias));
    auto* zero = llvm::Constant::getNullValue(type());
    llvm::Value* place = at(bias, j, stride);
    if (stride == Dim(1) && !seen) return load(place);
    if (stride == Dim(1)) return b_.CreateMaskedLoad(type(), place, llvm::Align(4), seen, zero);
    if (!seen) seen = llvm::Constant::getAllOnesValue(llvm::VectorType::get(b_.getInt1Ty(), n_.lanes, false));
    llvm::Value* offsets = b_.CreateMul(lane_numbers(), splat(b_.CreateMul(frame_.size(stride), frame_.number(4))));
    return b_.CreateMaskedGather(type(), b_.CreateGEP(b_.getInt8Ty(), place, offsets), llvm::Align(4), seen, zero);
  }

  void gather_values() {
    const Dim row = step(2, 2), column = step(2, 1);
    llvm::Value* values = at(operand(2), key_, row);
    auto block = [&](llvm::Value* e, int vectors, int active) {
      llvm::Value* from = at(values, e, column);
      auto weight = [&](llvm::Value* place, int v) -> llvm::Value* {
        const int lanes = v == vectors - 1 ? active : n_.lanes;
        auto* zero = llvm::Constant::getNullValue(type());
        if (column == Dim(1)) {
          if (lanes == n_.lanes) return load(place);
          std::vector<llvm::Constant*> mask;
          for (int i = 0; i < n_.lanes; ++i) mask.push_back(b_.getInt1(i < lanes));
          return b_.CreateMaskedLoad(type(), place, llvm::Align(4), llvm::ConstantVector::get(mask), zero);
        }
        llvm::Value* vector = zero;
        for (int i = 0; i < lanes; ++i)
          vector = b_.CreateInsertElement(vector, load_scalar(at(place, frame_.number(i), column)),
                                          static_cast<uint64_t>(i));
        return vector;
      };
      frame_.loop(
          "tile", frame_.number(0), tiles_, 1,
          [&](llvm::Value* t) {
            llvm::Value* first = b_.CreateMul(t, frame_.number(n_.rows));
            llvm::Value* to = frame_.advance(sums_, b_.CreateAdd(b_.CreateMul(first, frame_.number(o_row_)), e));
            auto place = [&](int r, int v) { return frame_.advance(to, frame_.number(r * o_row_ + v * n_.lanes)); };
            Values sums;
            for (int r = 0; r < n_.rows; ++r)
              for (int v = 0; v < vectors; ++v)
                sums.push_back(once_ ? llvm::Constant::getNullValue(type()) : load(place(r, v)));
            const int64_t vector_step = column.is_constant() ? n_.lanes * column.value() : 0;
            accumulate(sums, vectors, frame_.advance(scores_, b_.CreateMul(first, frame_.number(p_row_))), p_row_, from,
                       row, vector_step, weight, key_count_);
            for (int r = 0; r < n_.rows; ++r)
              for (int v = 0; v < vectors; ++v) store(sums[static_cast<std::size_t>(r * vectors + v)], place(r, v));
          },
          true);
    };
    // Steps that are only known at run time are taken a vector at a time.
    const int together = column.is_constant() ? n_.vectors : 1;
    const int64_t width = static_cast<int64_t>(together) * n_.lanes, whole = s_.width / width * width;
    if (whole > 0)
      frame_.loop(
          "values", frame_.number(0), frame_.number(whole), width,
          [&](llvm::Value* e) { block(e, together, n_.lanes); }, true);
    for (int64_t e = whole; e < s_.width; e += n_.lanes)
      block(frame_.number(e), 1, static_cast<int>(std::min<int64_t>(n_.lanes, s_.width - e)));
  }

  void finish_row(llvm::Value* r) {
    llvm::Value* sums = frame_.advance(sums_, b_.CreateMul(r, frame_.number(o_row_)));
    llvm::Value* inverse = b_.CreateFDiv(real(1), load_scalar(frame_.advance(totals_, r)));
    auto position = batch_;
    position.push_back(b_.CreateAdd(first_, r));
    position.push_back(nullptr);
    auto one = [&](llvm::Value* e, int active) {
      position.back() = e;
      epilogue_.store(position, b_.CreateFMul(load(frame_.advance(sums, e)), splat(inverse)), active);
    };
    const int64_t whole = s_.width / n_.lanes * n_.lanes;
    if (whole > 0)
      frame_.loop(
          "store", frame_.number(0), frame_.number(whole), n_.lanes, [&](llvm::Value* e) { one(e, n_.lanes); }, true);
    if (whole < s_.width) one(frame_.number(whole), static_cast<int>(s_.width - whole));
  }

  const Shape& s_;
  const Blocks& n_;
  KernelFrame frame_;
  llvm::IRBuilder<>& b_;
  Expressions e_;
  const Problem& problem_;
  std::span<const Storage> storages_;
  Epilogue epilogue_;
  int together_ = 1;   // rows of a softmax
  bool once_ = false;  // all keys are in one block: nothing is gathered before it
  int64_t q_row_, p_row_, o_row_;
  llvm::Value *q_panel_ = nullptr, *k_panel_ = nullptr, *scores_ = nullptr, *sums_ = nullptr, *maxima_ = nullptr;
  llvm::Value* totals_ = nullptr;
  // of the current task and block of keys
  std::vector<llvm::Value*> batch_;
  llvm::Value *first_ = nullptr, *count_ = nullptr, *tiles_ = nullptr, *key_ = nullptr, *key_count_ = nullptr;
};

void tactics(const CpuFeatures& cpu, const Kernel& kernel, std::vector<Tactic>& found, std::string& why_not) {
  const Problem& problem = *kernel.anchor;
  const auto shape = shape_of(problem);
  if (!shape) {
    why_not = shape.error().what;
    return;
  }
  why_not = Epilogue::unsupported(kernel);
  if (!why_not.empty()) return;
  double batches = 1;
  for (std::size_t d = 0; d + 2 < shape->rank; ++d) batches *= static_cast<double>(likely(problem.result.dims[d]));
  const auto scores = batches * static_cast<double>(likely(shape->queries)) * static_cast<double>(likely(shape->keys));
  const double lanes = cpu.vector_bytes() / 4;
  const double rate = lanes * (cpu.level >= 4 ? 1 : 2);
  Tactic t;
  t.name = "blocked";
  t.seconds = seconds_of(scores * (static_cast<double>(shape->depth + shape->width) / rate * 1.2 + 25 / lanes) + 2000);
  t.why = fmt::format("{:.0f} scores", scores);
  for (const Type& type : problem.operands) t.ports.push_back({Format::plain(DType::f32, type.rank()), true});
  for (auto& port : nest_ports(kernel, Format::plain(DType::f32, problem.result.rank()))) t.ports.push_back(port);
  found.push_back(std::move(t));
}

Result<Emitted> emit(const CpuFeatures& cpu, const Kernel& kernel, const Tactic&, std::span<const Storage> storages) {
  const Shape shape = TRY(shape_of(*kernel.anchor));
  const Blocks blocks = blocks_of(cpu, shape);
  KernelModule module(cpu);
  return AttentionEmitter(module, shape, blocks, kernel, storages).run();
}

}  // namespace

const Family kAttention = {"attention", "attention", tactics, emit};

}  // namespace burnish
