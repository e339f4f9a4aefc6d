#include "bench/fma_peak.h"

#include <immintrin.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace burnish {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kChains = 12;  // more than ports times latency; fewer than the registers of AVX2
constexpr int kSteps = 20'000;

// Each returns a sum, so that nothing of the loop may be left out. The barrier keeps the chains apart and in registers.
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

}  // namespace

double fma_peak(int threads, int bits, double seconds) {
  float (*const steps)() = bits == 512 ? steps_512 : steps_256;
  std::atomic<int> ready = 0;
  std::vector<double> best(static_cast<std::size_t>(threads), 0);
  std::atomic<float> sink = 0;
  const auto work = [&](std::size_t self) {
    ++ready;
    while (ready < threads) std::this_thread::yield();
    const auto end = Clock::now() + std::chrono::duration<double>(seconds);
    while (Clock::now() < end) {
      const auto start = Clock::now();
      for (int i = 0; i < 20; ++i) sink = steps();
      const double took = std::chrono::duration<double>(Clock::now() - start).count();
      best[self] = std::max(best[self], 20.0 * kSteps * kChains * (bits / 32) / took);
    }
  };
  std::vector<std::thread> others;
  for (std::size_t i = 1; i < best.size(); ++i) others.emplace_back(work, i);
  work(0);
  for (std::thread& t : others) t.join();
  double sum = 0;
  for (const double b : best) sum += b;
  return sum;
}

}  // namespace burnish
