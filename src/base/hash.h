#pragma once
// XXH3: names constants by content and catches accidents in files. Not a signature.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace burnish {

uint64_t hash64(std::span<const std::byte> bytes);
// 32 hexadecimal digits of the 128-bit hash.
std::string hash128_hex(std::span<const std::byte> bytes);

}  // namespace burnish
