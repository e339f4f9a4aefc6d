// Checked indices: the kernel ends at one that is out of range, says which, and is not misled by lanes that do not exist.

#include <memory>
#include <numeric>

#include <gtest/gtest.h>

#include "tests/codegen/nest_harness.h"
#include "tests/support/guarded.h"
#include "tests/support/mapped_code.h"

namespace burnish {
namespace {

// y[i, k] = x[ids[i], k], as gather has it: rows whose index is one for all lanes where k is long, single elements where
// it is 1.
constexpr std::string_view kGather =
    "nest(i: N, k: K) outer(i, k) {\n in ids: i64[N]\n in x: f32[R,K]\n out y: f32[N,K]\n"
    "%0: i64 = ids[i] %1: i64 = size(R) %2: i64 = 0 %3: bool = lt(%0, %2) %4: i64 = add(%0, %1)\n"
    "%5: i64 = select(%3, %4, %0) %6: i64 = checked(%5, %0, R) %7: f32 = x[%6, k] else 0 y[i, k] = %7 }";

struct Gathered {
  KernelFailure failure = {};
  std::vector<float> y;
};

class Gather {
 public:
  Gather(std::string_view text, int level) {
    const Kernel kernel = nest_kernel(text);
    std::vector<Storage> storages;
    for (const auto& o : kernel.nest.operands)
      storages.push_back(dense_storage(Format::plain(o.type.dtype, o.type.rank()), o.type.dims));
    CpuFeatures cpu;
    cpu.level = level;
    auto emitted = emit_nest(kernel, nest_tactics(kernel, cpu, nullptr).at(0), storages, cpu);
    CHECK(emitted.has_value(), emitted.error().message());
    emitted_ = std::move(*emitted);
    code_ = std::make_unique<MappedCode>(emitted_);
  }

  Gathered run(const std::vector<int64_t>& ids, int64_t rows, int64_t width, bool at_start = false) const {
    const auto n = static_cast<int64_t>(ids.size());
    const SymbolTable symbols = {{"N", n}, {"K", width}, {"R", rows}};
    GuardedMemory indices(ids.size() * 8, at_start), x(static_cast<std::size_t>(rows * width) * 4, at_start),
        y(static_cast<std::size_t>(n * width) * 4, at_start);
    std::copy(ids.begin(), ids.end(), reinterpret_cast<int64_t*>(indices.data()));
    auto* elements = reinterpret_cast<float*>(x.data());
    std::iota(elements, elements + rows * width, 0.0F);
    std::vector<void*> pointers = {indices.data(), x.data(), y.data()};
    std::vector<int64_t> integers;
    for (const Dim& dim : emitted_.integers) integers.push_back(*evaluate(dim, symbols));
    Gathered gathered;
    const KernelArgs args{pointers.data(), integers.data(), nullptr, &gathered.failure};
    code_->function()(&args, 0, *evaluate(emitted_.tasks, symbols));
    const auto* result = reinterpret_cast<const float*>(y.data());
    gathered.y.assign(result, result + n * width);
    return gathered;
  }

 private:
  Emitted emitted_;
  std::unique_ptr<MappedCode> code_;
};

TEST(Checked, EveryIndexOfEveryTailIsSeenOnce) {
  constexpr int64_t kRows = 7;
  for (int level = 2; level <= host_cpu().level; ++level) {
    const Gather gather(kGather, level);
    for (const int64_t width : {1, 2, 40})
      for (int64_t n = 1; n <= 70; n += width == 1 ? 1 : 23)
        for (const bool at_start : {false, true}) {
          std::vector<int64_t> ids(static_cast<std::size_t>(n));
          for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int64_t>(i * 5 % 14) - kRows;
          const Gathered fine = gather.run(ids, kRows, width, at_start);
          ASSERT_EQ(fine.failure.failed, 0) << n << " x " << width << " at level " << level;
          for (int64_t i = 0; i < n; ++i)
            for (int64_t k = 0; k < width; ++k) {
              const int64_t row = (ids[static_cast<std::size_t>(i)] + kRows) % kRows;
              ASSERT_EQ(fine.y[static_cast<std::size_t>(i * width + k)], static_cast<float>(row * width + k));
            }
          // Each place once, the last and those of a started vector among them.
          for (int64_t i = n - 1; i >= 0; i -= 1 + n / 9) {
            for (const int64_t bad : {kRows, -kRows - 1, int64_t{INT64_MAX}, int64_t{INT64_MIN}}) {
              auto wrong = ids;
              wrong[static_cast<std::size_t>(i)] = bad;
              const KernelFailure f = gather.run(wrong, kRows, width, at_start).failure;
              ASSERT_EQ(f.failed, 1) << "index " << i << " of " << n << " x " << width << " at level " << level;
              EXPECT_EQ(f.index, bad);
              EXPECT_EQ(f.low, -kRows);
              EXPECT_EQ(f.high, kRows - 1);
              EXPECT_EQ(f.operand, 0);
            }
          }
        }
  }
}

// Lanes past the end read no indices: what they hold instead, -3, is nobody's.
TEST(Checked, LanesThatDoNotExistDoNotCount) {
  constexpr std::string_view kShifted =
      "nest(i: N, k: K) outer(i, k) {\n in ids: i64[N]\n in x: f32[R,K]\n out y: f32[N,K]\n"
      "%0: i64 = ids[i] %1: i64 = 3 %2: i64 = sub(%0, %1) %3: i64 = checked(%2, %2, R) %4: f32 = x[%3, k] else 0\n"
      "y[i, k] = %4 }";
  for (int level = 2; level <= host_cpu().level; ++level) {
    const Gather gather(kShifted, level);
    for (int64_t n = 1; n <= 40; ++n) {
      std::vector<int64_t> ids(static_cast<std::size_t>(n), 3);
      EXPECT_EQ(gather.run(ids, 1, 1, false).failure.failed, 0) << n << " at level " << level;
      ids.back() = 2;
      const KernelFailure f = gather.run(ids, 1, 1, false).failure;
      EXPECT_EQ(f.failed, 1) << n << " at level " << level;
      EXPECT_EQ(f.index, -1);
      EXPECT_EQ(f.low, 0);
      EXPECT_EQ(f.high, 0);
    }
  }
}

// Inside of reductions, with and without vectors along them.
TEST(Checked, InReductions) {
  constexpr std::string_view kSums =
      "nest(i: N, k: K) outer(k) {\n in ids: i64[N]\n in x: f32[R,K]\n out y: f32[N,K]\n"
      "%0: i64 = ids[i] %1: i64 = checked(%0, %0, R) %2: f32 = x[%1, k] else 0\n"
      "t0 = sum[i] %2 %3: f32 = t0 y[0, k] = %3 }";
  for (int level = 2; level <= host_cpu().level; ++level) {
    const Gather gather(kSums, level);
    for (const int64_t width : {1, 3, 33})
      for (int64_t n = 1; n <= 35; n += 2) {
        std::vector<int64_t> ids(static_cast<std::size_t>(n), 1);
        const Gathered fine = gather.run(ids, 2, width, false);
        EXPECT_EQ(fine.failure.failed, 0);
        EXPECT_EQ(fine.y[0], static_cast<float>(n * width));
        for (const int64_t bad : {-1, 2}) {
          ids[static_cast<std::size_t>(n / 2)] = bad;
          EXPECT_EQ(gather.run(ids, 2, width, false).failure.index, bad)
              << n << " x " << width << " at level " << level;
        }
      }
  }
}

// Two indices of one element, and one computed from two operands.
TEST(Checked, SaysWhereTheIndexWasRead) {
  constexpr std::string_view kTwo =
      "nest(i: N, k: K) outer(i, k) {\n in ids: i64[N]\n in x: f32[R,K]\n out y: f32[N,K]\n"
      "%0: i64 = ids[i] %1: f32 = x[0, k] %2: i64 = cast(%1) %3: i64 = add(%0, %2) %4: i64 = checked(%3, %3, R)\n"
      "%5: f32 = x[%4, k] else 0 y[i, k] = %5 }";
  const KernelFailure f = Gather(kTwo, host_cpu().level).run({0, 9}, 3, 1).failure;
  EXPECT_EQ(f.index, 9);
  EXPECT_EQ(f.operand, -1);
}

}  // namespace
}  // namespace burnish
