#include <algorithm>
#include <numeric>

#include "base/checked.h"
#include "runtime/executor.h"

namespace burnish {
namespace {
constexpr int64_t kAlignment = 64;
}

Result<int64_t> plan_arena(std::span<LiveBuffer> buffers) {
  std::vector<std::size_t> by_size;
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    LiveBuffer& b = buffers[i];
    b.offset = 0;
    if (b.bytes < 0 || b.last_step < b.first_step)
      return internal_error("a buffer of " + std::to_string(b.bytes) + " bytes lives from step " +
                            std::to_string(b.first_step) + " to " + std::to_string(b.last_step));
    if (b.bytes > 0) by_size.push_back(i);
  }
  std::stable_sort(by_size.begin(), by_size.end(),
                   [&](std::size_t a, std::size_t b) { return buffers[a].bytes > buffers[b].bytes; });
  std::vector<std::size_t> placed;  // sorted by offset
  int64_t total = 0;
  for (std::size_t i : by_size) {
    LiveBuffer& b = buffers[i];
    const auto size = checked_add(b.bytes, kAlignment - 1);
    if (!size) return refused("the intermediate values are too large");
    const int64_t bytes = *size / kAlignment * kAlignment;
    // The smallest hole between those that live at the same time; else behind them all.
    int64_t best = -1, best_room = 0, end = 0;
    for (std::size_t j : placed) {
      const LiveBuffer& other = buffers[j];
      if (other.last_step < b.first_step || b.last_step < other.first_step) continue;
      const int64_t room = other.offset - end;
      if (room >= bytes && (best < 0 || room < best_room)) best = end, best_room = room;
      end = std::max(end, round_up(other.offset + other.bytes, kAlignment));
    }
    b.offset = best >= 0 ? best : end;
    const auto last = checked_add(b.offset, bytes);
    if (!last) return refused("the intermediate values are too large");
    total = std::max(total, *last);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), i,
                                   [&](std::size_t x, std::size_t y) { return buffers[x].offset < buffers[y].offset; }),
                  i);
  }
  return total;
}

}  // namespace burnish
