#include "codegen/cuda/prelude.h"

namespace burnish {
namespace {

constexpr std::string_view kPrelude = R"(// What an index that is out of range is reported with; the first one wins.
struct Failure {
  unsigned long long failed;
  long long index, low, high, operand;
};
__device__ inline void check(bool inside, Failure* failure, long long index, long long low, long long high,
                             int operand) {
  if (inside || atomicCAS(&failure->failed, 0ull, 1ull) != 0) return;
  failure->index = index, failure->low = low, failure->high = high, failure->operand = operand;
}

// Sizes are not negative.
__device__ inline int quotient(int a, int b) { return (unsigned)a / (unsigned)b; }
__device__ inline int remainder_of(int a, int b) { return (unsigned)a % (unsigned)b; }
__device__ inline long long quotient(long long a, long long b) { return (unsigned long long)a / (unsigned long long)b; }
__device__ inline long long remainder_of(long long a, long long b) {
  return (unsigned long long)a % (unsigned long long)b;
}
__device__ inline long long clamped(long long i, long long last) {
  if (i > last) i = last;
  return i < 0 ? 0 : i;
}
__device__ inline bool inside(int i, int extent) { return (unsigned)i < (unsigned)extent; }
__device__ inline bool inside(long long i, long long extent) {
  return (unsigned long long)i < (unsigned long long)extent;
}

// Between memory and registers.
__device__ inline float from_half(unsigned short bits) {
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
  return value;
}
__device__ inline unsigned short to_half(float value) {
  unsigned short bits;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  return bits;
}
__device__ inline unsigned short to_half(double value) {
  unsigned short bits;
  asm("cvt.rn.f16.f64 %0, %1;" : "=h"(bits) : "d"(value));
  return bits;
}
__device__ inline float from_bfloat(unsigned short bits) { return __uint_as_float((unsigned)bits << 16); }
__device__ inline unsigned short to_bfloat(float value) {
  unsigned short bits;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  return bits;
}
__device__ inline unsigned short to_bfloat(double value) {
  unsigned short bits;
  asm("cvt.rn.bf16.f64 %0, %1;" : "=h"(bits) : "d"(value));
  return bits;
}

// N neighbours, in accesses of up to 16 bytes. The address is a multiple of them.
template <int N, class T>
__device__ inline void load_vector(T (&to)[N], const T* from) {
  constexpr int kBytes = sizeof(T) * N;
  if constexpr (kBytes >= 16) {
#pragma unroll
    for (int i = 0; i < kBytes / 16; ++i) {
      const uint4 word = reinterpret_cast<const uint4*>(from)[i];
      memcpy(to + i * 16 / sizeof(T), &word, 16);
    }
  } else if constexpr (kBytes == 8) {
    const uint2 word = *reinterpret_cast<const uint2*>(from);
    memcpy(to, &word, 8);
  } else if constexpr (kBytes == 4) {
    const unsigned word = *reinterpret_cast<const unsigned*>(from);
    memcpy(to, &word, 4);
  } else if constexpr (kBytes == 2) {
    const unsigned short word = *reinterpret_cast<const unsigned short*>(from);
    memcpy(to, &word, 2);
  } else {
    to[0] = *from;
  }
}
template <int N, class T>
__device__ inline void store_vector(T* to, const T (&from)[N]) {
  constexpr int kBytes = sizeof(T) * N;
  if constexpr (kBytes >= 16) {
#pragma unroll
    for (int i = 0; i < kBytes / 16; ++i) {
      uint4 word;
      memcpy(&word, from + i * 16 / sizeof(T), 16);
      reinterpret_cast<uint4*>(to)[i] = word;
    }
  } else if constexpr (kBytes == 8) {
    uint2 word;
    memcpy(&word, from, 8);
    *reinterpret_cast<uint2*>(to) = word;
  } else if constexpr (kBytes == 4) {
    unsigned word;
    memcpy(&word, from, 4);
    *reinterpret_cast<unsigned*>(to) = word;
  } else if constexpr (kBytes == 2) {
    unsigned short word;
    memcpy(&word, from, 2);
    *reinterpret_cast<unsigned short*>(to) = word;
  } else {
    *to = from[0];
  }
}

// Integers wrap; what is divided by 0 is 0.
template <int BYTES>
struct Word {
  typedef unsigned type;
};
template <>
struct Word<8> {
  typedef unsigned long long type;
};
template <class T>
using word_of = typename Word<sizeof(T)>::type;
template <class T>
constexpr bool kSigned = T(-1) < T(0);
template <class T>
__device__ inline T wrap_add(T a, T b) { return (T)((word_of<T>)a + (word_of<T>)b); }
template <class T>
__device__ inline T wrap_sub(T a, T b) { return (T)((word_of<T>)a - (word_of<T>)b); }
template <class T>
__device__ inline T wrap_mul(T a, T b) { return (T)((word_of<T>)a * (word_of<T>)b); }
template <class T>
__device__ inline T wrap_neg(T a) { return (T)((word_of<T>)0 - (word_of<T>)a); }
template <class T>
__device__ inline T whole_abs(T a) { return a < T(0) ? wrap_neg(a) : a; }
template <class T>
__device__ inline T whole_sign(T a) { return (T)((a > T(0)) - (a < T(0))); }
template <class T>
__device__ inline T whole_div(T a, T b) {
  if (b == 0) return 0;
  if (kSigned<T> && b == (T)-1) return wrap_neg(a);
  return (T)(a / b);
}
template <class T>
__device__ inline T whole_mod_trunc(T a, T b) {
  if (b == 0 || (kSigned<T> && b == (T)-1)) return 0;
  return (T)(a % b);
}
template <class T>
__device__ inline T whole_mod_floor(T a, T b) {
  const T r = whole_mod_trunc(a, b);
  return r != 0 && (r < T(0)) != (b < T(0)) ? (T)(r + b) : r;
}
template <class T>
__device__ inline T whole_pow(T a, T b) {
  if (b < T(0)) return a == T(1) ? T(1) : a == (T)-1 ? (b % 2 ? (T)-1 : T(1)) : T(0);
  T result = 1;
  for (word_of<T> n = (word_of<T>)b; n > 0; n >>= 1, a = wrap_mul(a, a))
    if (n & 1) result = wrap_mul(result, a);
  return result;
}
template <class T>
__device__ inline T shift_left(T a, T b) {
  return b < T(0) || b >= T(8 * sizeof(T)) ? T(0) : (T)((word_of<T>)a << (int)b);
}
template <class T>
__device__ inline T shift_right(T a, T b) {
  if (b < T(0) || b >= T(8 * sizeof(T))) return a < T(0) ? (T)-1 : T(0);
  return (T)(a >> (int)b);
}
template <int N, class T>
__device__ inline T power_of(T x) {
  T result = 1;
#pragma unroll
  for (int n = N; n > 0; n >>= 1) {
    if constexpr (T(0.5) == T(0)) {
      if (n & 1) result = wrap_mul(result, x);
      x = wrap_mul(x, x);
    } else {
      if (n & 1) result = result * x;
      x = x * x;
    }
  }
  return result;
}

// Real numbers: NaN spreads; to integers towards zero, into their range, NaN to 0.
template <class T>
__device__ inline T least(T a, T b) { return b < a ? b : a; }
template <class T>
__device__ inline T most(T a, T b) { return a < b ? b : a; }
__device__ inline float least(float a, float b) {
  float result;
  asm("min.NaN.f32 %0, %1, %2;" : "=f"(result) : "f"(a), "f"(b));
  return result;
}
__device__ inline float most(float a, float b) {
  float result;
  asm("max.NaN.f32 %0, %1, %2;" : "=f"(result) : "f"(a), "f"(b));
  return result;
}
__device__ inline double least(double a, double b) { return a != a ? a : b != b ? b : b < a ? b : a; }
__device__ inline double most(double a, double b) { return a != a ? a : b != b ? b : a < b ? b : a; }
template <class T>
__device__ inline T real_sign(T a) { return a != a ? a : (T)((a > 0) - (a < 0)); }
__device__ inline float real_mod(float a, float b) { return fmodf(a, b); }
__device__ inline double real_mod(double a, double b) { return fmod(a, b); }
template <class T>
__device__ inline T real_mod_floor(T a, T b) {
  const T r = real_mod(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
template <class T>
__device__ inline bool infinite(T x) { return x - x != x - x && x == x; }
template <class T, class R>
__device__ inline T whole(R x) {
  if (x != x) return 0;
  if constexpr (kSigned<T>) {
    constexpr R kAbove = (R)(1ull << (8 * sizeof(T) - 1));
    if (x >= kAbove) return (T)(((word_of<T>)1 << (8 * sizeof(T) - 1)) - 1);
    if (x < -kAbove) return (T)((word_of<T>)1 << (8 * sizeof(T) - 1));
    return (T)(long long)x;
  } else {
    constexpr R kAbove = (R)(1ull << (8 * sizeof(T) - 1)) * 2;
    if (x <= 0) return 0;
    return x >= kAbove ? (T)~0ull : (T)(unsigned long long)x;
  }
}

// What reductions are made of.
template <class T>
struct Real {
  static constexpr bool value = T(0.5) != T(0);
};
struct Sum {
  template <class T>
  __device__ T operator()(T a, T b) const {
    if constexpr (Real<T>::value) return a + b;
    else return wrap_add(a, b);
  }
  __device__ bool operator()(bool a, bool b) const { return a || b; }
};
struct Product {
  template <class T>
  __device__ T operator()(T a, T b) const {
    if constexpr (Real<T>::value) return a * b;
    else return wrap_mul(a, b);
  }
  __device__ bool operator()(bool a, bool b) const { return a && b; }
};
struct Least {
  template <class T>
  __device__ T operator()(T a, T b) const { return least(a, b); }
};
struct Most {
  template <class T>
  __device__ T operator()(T a, T b) const { return most(a, b); }
};
struct All {
  template <class T>
  __device__ T operator()(T a, T b) const { return (T)(a != T(0) && b != T(0)); }
};
struct Any {
  template <class T>
  __device__ T operator()(T a, T b) const { return (T)(a != T(0) || b != T(0)); }
};

// All threads of a team end with the same value, combined in the same order each run.
template <class T>
__device__ inline T from_lane(T value, int mask) {
  if constexpr (sizeof(T) < 4) return (T)__shfl_xor_sync(0xffffffffu, (int)value, mask);
  else return __shfl_xor_sync(0xffffffffu, value, mask);
}
// TEAM neighbouring threads of a warp.
template <int TEAM, class F, class T>
__device__ inline T across_lanes(F combine, T value) {
#pragma unroll
  for (int mask = TEAM / 2; mask > 0; mask /= 2) value = combine(value, from_lane(value, mask));
  return value;
}
// A block of THREADS, a multiple of 32; `place` has room for one value a warp.
template <int THREADS, class F, class T>
__device__ inline T across_block(F combine, T value, T identity, unsigned char* place) {
  T* partial = reinterpret_cast<T*>(place);
  value = across_lanes<32>(combine, value);
  __syncthreads();
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = value;
  __syncthreads();
  value = threadIdx.x % 32 < THREADS / 32 ? partial[threadIdx.x % 32] : identity;
  return across_lanes<32>(combine, value);
}
// A block of LANES x TEAM threads, teams down the columns; `place` has room for N values a thread.
template <int LANES, int TEAM, int N, class F, class T>
__device__ inline void across_columns(F combine, T (&values)[N], unsigned char* place) {
  T* partial = reinterpret_cast<T*>(place);
  const int lane = threadIdx.x % LANES, rank = threadIdx.x / LANES;
  __syncthreads();
#pragma unroll
  for (int i = 0; i < N; ++i) partial[(i * TEAM + rank) * LANES + lane] = values[i];
#pragma unroll
  for (int half = TEAM / 2; half > 0; half /= 2) {
    __syncthreads();
    if (rank < half) {
#pragma unroll
      for (int i = 0; i < N; ++i) {
        values[i] = combine(values[i], partial[(i * TEAM + rank + half) * LANES + lane]);
        partial[(i * TEAM + rank) * LANES + lane] = values[i];
      }
    }
  }
  __syncthreads();
#pragma unroll
  for (int i = 0; i < N; ++i) values[i] = partial[i * TEAM * LANES + lane];
}
)";

}  // namespace

std::string_view cuda_prelude() { return kPrelude; }

}  // namespace burnish
