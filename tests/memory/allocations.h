#pragma once
// The process's allocations, counted, and made to fail on request: operator new, and malloc with its family.

#include <cstdint>

namespace burnish::test {

// From here on allocations `first` to `first + count - 1` fail, in whatever thread; the next one is number 1.
void fail_allocations(int64_t first, int64_t count);
// How many were made since, failed ones included; from here on none fails.
int64_t stop_failing();
// Blocks that were not given back.
int64_t living_blocks();

}  // namespace burnish::test
