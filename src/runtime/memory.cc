#include "runtime/memory.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace burnish {
namespace {
constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kPage = 4096;
}  // namespace

void Block::release() {
  if (mapping_ != nullptr) ::munmap(mapping_, mapped_);
  mapping_ = nullptr;
  data_ = nullptr;
  mapped_ = 0;
  bytes_ = 0;
}

Status Block::reserve(int64_t bytes) {
  if (bytes <= bytes_) return {};
  release();
  const auto wanted = static_cast<std::size_t>(bytes);
  const bool huge = wanted >= kHugePage;
  if (wanted > SIZE_MAX / 2) return refused("a run needs " + std::to_string(bytes) + " bytes of memory");
  const std::size_t size = (wanted + kPage - 1) / kPage * kPage + (huge ? kHugePage : 0);
  void* mapping = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED)
    return memory_error("no memory for the " + std::to_string(bytes) + " bytes of intermediate values");
  mapping_ = mapping;
  mapped_ = size;
  auto address = reinterpret_cast<uintptr_t>(mapping);
  if (huge) {
    address = (address + kHugePage - 1) / kHugePage * kHugePage;
    ::madvise(reinterpret_cast<void*>(address), wanted, MADV_HUGEPAGE);  // a hint; small pages work too
  }
  data_ = reinterpret_cast<std::byte*>(address);
  bytes_ = bytes;
  return {};
}

Result<ExecutableCode> ExecutableCode::copy(std::span<const std::byte> code) {
  ExecutableCode result;
  if (code.empty()) return result;
  const std::size_t size = (code.size() + kPage - 1) / kPage * kPage;
  void* mapping = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) return memory_error("no memory for the engine's code");
  result.data_ = static_cast<std::byte*>(mapping);
  result.mapped_ = size;
  std::memcpy(mapping, code.data(), code.size());
  if (::mprotect(mapping, size, PROT_READ | PROT_EXEC) != 0)
    return refused(std::string("this system does not let the process map code to run: ") + std::strerror(errno), {},
                   "allow it (execmem), or run the model on references");
  return result;
}

ExecutableCode::~ExecutableCode() {
  if (data_ != nullptr) ::munmap(data_, mapped_);
}

}  // namespace burnish
