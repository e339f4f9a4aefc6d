#pragma once
// How near the printed kernels come to the speed of the memory.

#include "tests/codegen/cuda/samples/device.h"

namespace burnish::test {

// Prints a table: bytes read and written a second, and as a fraction of those of a copy of 64 MiB and of 1 GiB. Only rows
// whose name holds `filter`.
// The kernels of such rows.
void bench_text(const std::string& filter);

void bench(Device& device, const std::string& filter);

}  // namespace burnish::test
