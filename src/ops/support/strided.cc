#include "ops/support/strided.h"

#include <algorithm>
#include <cstring>

#include "base/checked.h"

namespace burnish {

Sizes row_major_strides(std::span<const int64_t> dims) {
  Sizes strides(dims.size());
  int64_t stride = 1;
  for (std::size_t i = dims.size(); i-- > 0;) {
    strides[i] = stride;
    // Only strides of an empty tensor can overflow, and nobody uses those.
    if (__builtin_mul_overflow(stride, std::max<int64_t>(dims[i], 1), &stride)) stride = 0;
  }
  return strides;
}

int64_t element_count(std::span<const int64_t> dims) { return checked_product(dims).value_or(0); }

std::string text(std::span<const int64_t> dims) {
  std::string result;
  for (int64_t d : dims) result += (result.empty() ? "" : ",") + std::to_string(d);
  return result;
}

Result<Sizes> broadcast_sizes(std::span<const int64_t> a, std::span<const int64_t> b) {
  const std::size_t rank = std::max(a.size(), b.size());
  Sizes result(rank);
  for (std::size_t i = 0; i < rank; ++i) {
    const int64_t x = i + a.size() >= rank ? a[i + a.size() - rank] : 1;
    const int64_t y = i + b.size() >= rank ? b[i + b.size() - rank] : 1;
    if (x != y && x != 1 && y != 1) return refused("dims [" + text(a) + "] and [" + text(b) + "] do not broadcast");
    result[i] = x == 1 ? y : x;
  }
  return result;
}

Sizes broadcast_strides(std::span<const int64_t> dims, std::span<const int64_t> result) {
  const Sizes own = row_major_strides(dims);
  Sizes strides(result.size(), 0);
  const std::size_t offset = result.size() - dims.size();
  for (std::size_t i = 0; i < dims.size(); ++i) strides[i + offset] = dims[i] == 1 ? 0 : own[i];
  return strides;
}

bool next_position(std::span<int64_t> position, std::span<const int64_t> dims) {
  for (std::size_t i = position.size(); i-- > 0;) {
    if (++position[i] < dims[i]) return true;
    position[i] = 0;
  }
  return false;
}

void copy_box(std::span<const int64_t> dims, const Tensor& from, const Box& source, Tensor& to, const Box& target) {
  // Columns are read a few cache lines at a time, so that their neighbours' elements are still there in the next run.
  constexpr int64_t kLines = 64;
  if (dims.size() >= 2 && source.strides.back() >= 16 && dims.back() > kLines) {
    Sizes part(dims.begin(), dims.end());
    Box a = source, b = target;
    for (int64_t done = 0; done < dims.back(); done += kLines) {
      part.back() = std::min(kLines, dims.back() - done);
      copy_box(part, from, a, to, b);
      a.start += kLines * source.strides.back();
      b.start += kLines * target.strides.back();
    }
    return;
  }
  visit_storage(from.dtype(), [&]<class T>(T*) {
    const T* in = reinterpret_cast<const T*>(from.data()) + source.start;
    T* out = reinterpret_cast<T*>(to.mutable_data()) + target.start;
    for_each_run<2>(dims, {source.strides, target.strides}, [&](const auto& offsets, int64_t count, const auto& steps) {
      const T* a = in + offsets[0];
      T* b = out + offsets[1];
      if (steps[0] == 1 && steps[1] == 1) {
        std::copy_n(a, count, b);
      } else if (steps[0] == 0 && steps[1] == 1) {
        std::fill_n(b, count, *a);
      } else {
        for (int64_t i = 0; i < count; ++i) b[i * steps[1]] = a[i * steps[0]];
      }
    });
  });
}

void copy_elements(const Tensor& from, int64_t from_index, Tensor& to, int64_t to_index, int64_t count) {
  visit_storage(from.dtype(), [&]<class T>(T*) {
    std::copy_n(reinterpret_cast<const T*>(from.data()) + from_index, count,
                reinterpret_cast<T*>(to.mutable_data()) + to_index);
  });
}

}  // namespace burnish
