#include "api/runtime/handles.h"

#include <array>
#include <atomic>
#include <bit>
#include <mutex>
#include <string>

namespace burnish::api {
namespace {

struct Cell {
  std::atomic_flag lock = ATOMIC_FLAG_INIT;
  HandleKind kind = HandleKind::none;
  std::shared_ptr<void> object;
  Cell* next_free = nullptr;
};

class CellLock {
 public:
  explicit CellLock(Cell& cell) : cell_(cell) {
    while (cell_.lock.test_and_set(std::memory_order_acquire)) {
    }
  }
  ~CellLock() { cell_.lock.clear(std::memory_order_release); }

 private:
  Cell& cell_;
};

// Slab k has kFirst << k cells. Slabs never move and never end.
constexpr std::size_t kFirst = 64, kSlabs = 32;
// Freed cells wait in a queue of this length, so that a stale handle stays recognisable for a while.
constexpr std::size_t kQuarantine = 256;

struct Registry {
  std::array<std::atomic<Cell*>, kSlabs> slabs{};
  std::mutex mutex;  // of all below
  std::size_t slab_count = 0, used_in_last = 0;
  Cell* oldest_free = nullptr;
  Cell* newest_free = nullptr;
  std::size_t free_count = 0;

  Cell* take() {
    const std::lock_guard guard(mutex);
    if (free_count > kQuarantine) {
      Cell* cell = oldest_free;
      oldest_free = cell->next_free;
      --free_count;
      return cell;
    }
    if (slab_count == 0 || used_in_last == kFirst << (slab_count - 1)) {
      if (slab_count == kSlabs) throw std::bad_alloc();
      slabs[slab_count].store(new Cell[kFirst << slab_count], std::memory_order_release);
      ++slab_count;
      used_in_last = 0;
    }
    return &slabs[slab_count - 1].load(std::memory_order_relaxed)[used_in_last++];
  }

  void give(Cell* cell) {
    const std::lock_guard guard(mutex);
    cell->next_free = nullptr;
    (free_count == 0 ? oldest_free : newest_free->next_free) = cell;
    newest_free = cell;
    ++free_count;
  }

  Cell* find(const void* handle) const {
    const auto address = std::bit_cast<uintptr_t>(handle);
    for (std::size_t k = 0; k < kSlabs; ++k) {
      Cell* first = slabs[k].load(std::memory_order_acquire);
      if (first == nullptr) return nullptr;
      const auto start = std::bit_cast<uintptr_t>(first);
      if (address >= start && address < start + (kFirst << k) * sizeof(Cell) && (address - start) % sizeof(Cell) == 0)
        return first + (address - start) / sizeof(Cell);
    }
    return nullptr;
  }
};

// Never destroyed: handles may be freed by destructors that run at the program's very end.
Registry& registry() {
  static Registry* const instance = new Registry;
  return *instance;
}

}  // namespace

void* make_handle(HandleKind kind, std::shared_ptr<void> object) {
  Cell* cell = registry().take();
  const CellLock lock(*cell);
  cell->kind = kind;
  cell->object = std::move(object);
  return cell;
}

std::shared_ptr<void> pin(const void* handle, HandleKind kind) {
  Cell* cell = registry().find(handle);
  if (cell == nullptr) return nullptr;
  const CellLock lock(*cell);
  return cell->kind == kind ? cell->object : nullptr;
}

std::shared_ptr<void> retire(void* handle, HandleKind kind) {
  Cell* cell = registry().find(handle);
  if (cell == nullptr) return nullptr;
  std::shared_ptr<void> object;
  {
    const CellLock lock(*cell);
    if (cell->kind != kind) return nullptr;
    cell->kind = HandleKind::none;
    object = std::move(cell->object);
  }
  registry().give(cell);
  return object;
}

std::unexpected<Error> bad_handle(const void* handle, std::string_view what) {
  const std::string name(what);
  if (handle == nullptr)
    return usage_error("the " + name + " is NULL", {}, "check the call that should have made the " + name);
  return usage_error("this is no " + name + ": it was freed, is a handle of another kind, or never was one", {},
                     "pass a " + name + " that lives");
}

}  // namespace burnish::api
