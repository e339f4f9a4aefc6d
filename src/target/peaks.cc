#include "target/peaks.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <thread>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/checked.h"

namespace burnish {
namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

#if defined(__x86_64__)

constexpr int kChains = 12;  // more than ports times latency; fewer than the registers of AVX2
constexpr int kSteps = 20'000;

// Each returns a sum, so that nothing of the loop may be left out. The barrier keeps the chains apart and in registers.
float steps_128() {
  __m128 chain[kChains];
#pragma GCC unroll 12
  for (int i = 0; i < kChains; ++i) chain[i] = _mm_set1_ps(static_cast<float>(i));
  const __m128 a = _mm_set1_ps(0.999f), b = _mm_set1_ps(0.001f);
  for (int step = 0; step < kSteps; ++step) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) {
      chain[i] = _mm_add_ps(_mm_mul_ps(chain[i], a), b);
      asm volatile("" : "+x"(chain[i]));
    }
  }
  __m128 sum = chain[0];
#pragma GCC unroll 12
  for (int i = 1; i < kChains; ++i) sum = _mm_add_ps(sum, chain[i]);
  return _mm_cvtss_f32(sum);
}

[[gnu::target("avx2,fma")]] float steps_256() {
  __m256 chain[kChains];
#pragma GCC unroll 12
  for (int i = 0; i < kChains; ++i) chain[i] = _mm256_set1_ps(static_cast<float>(i));
  const __m256 a = _mm256_set1_ps(0.999f), b = _mm256_set1_ps(0.001f);
  for (int step = 0; step < kSteps; ++step) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) {
      chain[i] = _mm256_fmadd_ps(chain[i], a, b);
      asm volatile("" : "+x"(chain[i]));
    }
  }
  __m256 sum = chain[0];
#pragma GCC unroll 12
  for (int i = 1; i < kChains; ++i) sum = _mm256_add_ps(sum, chain[i]);
  return _mm256_cvtss_f32(sum);
}

[[gnu::target("avx512f")]] float steps_512() {
  __m512 chain[kChains];
#pragma GCC unroll 12
  for (int i = 0; i < kChains; ++i) chain[i] = _mm512_set1_ps(static_cast<float>(i));
  const __m512 a = _mm512_set1_ps(0.999f), b = _mm512_set1_ps(0.001f);
  for (int step = 0; step < kSteps; ++step) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) {
      chain[i] = _mm512_fmadd_ps(chain[i], a, b);
      asm volatile("" : "+v"(chain[i]));
    }
  }
  __m512 sum = chain[0];
#pragma GCC unroll 12
  for (int i = 1; i < kChains; ++i) sum = _mm512_add_ps(sum, chain[i]);
  return _mm512_cvtss_f32(sum);
}

// Loads of all bytes, a multiple of 256. The barrier stands for a use of what was loaded.
void read_128(const std::byte* data, int64_t bytes) {
  for (int64_t i = 0; i < bytes; i += 64) {
    const auto* at = reinterpret_cast<const __m128i*>(data + i);
    __m128i a = _mm_load_si128(at), b = _mm_load_si128(at + 1), c = _mm_load_si128(at + 2), d = _mm_load_si128(at + 3);
    asm volatile("" : "+x"(a), "+x"(b), "+x"(c), "+x"(d));
  }
}

[[gnu::target("avx2")]] void read_256(const std::byte* data, int64_t bytes) {
  for (int64_t i = 0; i < bytes; i += 128) {
    const auto* at = reinterpret_cast<const __m256i*>(data + i);
    __m256i a = _mm256_load_si256(at), b = _mm256_load_si256(at + 1), c = _mm256_load_si256(at + 2),
            d = _mm256_load_si256(at + 3);
    asm volatile("" : "+x"(a), "+x"(b), "+x"(c), "+x"(d));
  }
}

[[gnu::target("avx512f")]] void read_512(const std::byte* data, int64_t bytes) {
  for (int64_t i = 0; i < bytes; i += 256) {
    const auto* at = reinterpret_cast<const __m512i*>(data + i);
    __m512i a = _mm512_load_si512(at), b = _mm512_load_si512(at + 1), c = _mm512_load_si512(at + 2),
            d = _mm512_load_si512(at + 3);
    asm volatile("" : "+v"(a), "+v"(b), "+v"(c), "+v"(d));
  }
}

// Calls f(0) here and the others on threads of their own, all at the same time.
template <class F>
void on_threads(int threads, const F& f) {
  std::atomic<int> ready = 0;
  std::atomic<bool> failed = false;
  const auto work = [&](int self) {
    ++ready;
    while (ready < threads && !failed) std::this_thread::yield();
    if (!failed) f(self);
  };
  std::vector<std::jthread> others;  // joined here, however this ends
  try {
    for (int i = 1; i < threads; ++i) others.emplace_back(work, i);
  } catch (...) {
    failed = true;
    throw;
  }
  work(0);
}

constexpr int64_t kPiece = 1 << 20;           // bytes, timed together
constexpr int64_t kLeastEach = 128 << 10;     // of a thread
constexpr int64_t kLeastMemory = 64 << 20;    // that is no cache
constexpr int64_t kMostMemory = 128 << 20;    // so that it takes no time to speak of
constexpr double kReadSeconds = 0.008;        // for each size
constexpr std::size_t kMostPieces = 1 << 14;  // of a thread, that are timed

struct Free {
  void operator()(std::byte* p) const { std::free(p); }
};

// The better quarter of the pieces' rates begins here: others may use the machine at the same time.
double reading_of(std::byte* data, int64_t bytes, int threads, int bits, std::vector<std::vector<double>>& rates) {
  void (*const read)(const std::byte*, int64_t) = bits == 512 ? read_512 : bits == 256 ? read_256 : read_128;
  const int64_t share = bytes / threads / 256 * 256;
  on_threads(threads, [&](int self) {
    const std::byte* own = data + self * share;
    std::vector<double>& list = rates[static_cast<std::size_t>(self)];
    list.clear();
    const int64_t piece = std::min(share, kPiece), times = std::max<int64_t>(1, kPiece / piece);
    for (int64_t at = 0; share <= kLeastMemory / 8 && at + piece <= share; at += piece) read(own + at, piece);  // warm
    const auto begin = Clock::now();
    for (int64_t at = 0; since(begin) < kReadSeconds && list.size() < kMostPieces; at += piece) {
      if (at + piece > share) at = 0;
      const auto start = Clock::now();
      for (int64_t i = 0; i < times; ++i) read(own + at, piece);
      list.push_back(static_cast<double>(piece * times) / since(start));  // within what was reserved
    }
  });
  double sum = 0;
  for (std::vector<double>& list : rates) {
    if (list.empty()) continue;
    const auto quarter = list.begin() + static_cast<std::ptrdiff_t>(list.size() * 3 / 4);
    std::nth_element(list.begin(), quarter, list.end());
    sum += *quarter;
  }
  return sum;
}

void measure_reading(Peaks& peaks) {
  const int64_t last_cache = std::max(0L, ::sysconf(_SC_LEVEL3_CACHE_SIZE));
  const int64_t most = round_up(std::clamp(2 * last_cache, kLeastMemory, kMostMemory), 2 << 20);
  std::unique_ptr<std::byte, Free> memory(
      static_cast<std::byte*>(std::aligned_alloc(2 << 20, static_cast<std::size_t>(most))));
  if (memory == nullptr) throw std::bad_alloc();
  ::madvise(memory.get(), static_cast<std::size_t>(most), MADV_HUGEPAGE);  // a hint
  std::vector<std::vector<double>> rates(static_cast<std::size_t>(peaks.threads));
  for (auto& list : rates) list.reserve(kMostPieces);
  const int64_t share = most / peaks.threads / 256 * 256;
  on_threads(peaks.threads, [&](int self) {  // each on its own memory
    for (int64_t at = 0; at < share; at += 4096) memory.get()[self * share + at] = std::byte{1};
  });
  for (int64_t bytes = peaks.threads * kLeastEach; bytes < most; bytes *= 8)
    peaks.reading.push_back({bytes, reading_of(memory.get(), bytes, peaks.threads, peaks.bits, rates)});
  peaks.reading.push_back({most, reading_of(memory.get(), most, peaks.threads, peaks.bits, rates)});
}

#endif

}  // namespace

double fma_peak(int threads, int bits, double seconds) {
#if defined(__x86_64__)
  float (*const steps)() = bits == 512 ? steps_512 : bits == 256 ? steps_256 : steps_128;
  std::vector<double> best(static_cast<std::size_t>(threads), 0);
  std::atomic<float> sink = 0;
  on_threads(threads, [&](int self) {
    const auto begin = Clock::now();
    do {
      const auto start = Clock::now();
      for (int i = 0; i < 20; ++i) sink = steps();
      const double rate = 20.0 * kSteps * kChains * (bits / 32) / since(start);
      best[static_cast<std::size_t>(self)] = std::max(best[static_cast<std::size_t>(self)], rate);
    } while (since(begin) < seconds);
  });
  double sum = 0;
  for (const double b : best) sum += b;
  return sum;
#else
  (void)threads, (void)bits, (void)seconds;
  return 0;
#endif
}

double Peaks::reading_rate(double bytes) const {
  if (reading.empty()) return 0;
  for (std::size_t i = 0; i < reading.size(); ++i) {
    const auto size = static_cast<double>(reading[i].bytes);
    if (bytes > size) continue;
    if (i == 0) return reading[0].per_second;
    const auto smaller = static_cast<double>(reading[i - 1].bytes);
    const double part = std::log(bytes / smaller) / std::log(size / smaller);
    return reading[i - 1].per_second * std::pow(reading[i].per_second / reading[i - 1].per_second, part);
  }
  return reading.back().per_second;
}

Peaks measure_peaks(int threads, int bits) {
  Peaks peaks;
  peaks.threads = threads;
  peaks.bits = bits;
#if defined(__x86_64__)
  const auto start = Clock::now();
  peaks.macs = fma_peak(threads, bits, 0.03);
  measure_reading(peaks);
  peaks.seconds = since(start);
#endif
  return peaks;
}

}  // namespace burnish
