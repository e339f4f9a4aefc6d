#pragma once
// What the C interface's opaque pointers point to: cells that are never given back to the system, so that a handle that
// was freed, is of another kind, or never was one is recognised instead of followed.

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/error.h"

namespace burnish::api {

enum class HandleKind : uint32_t { none, error, text, graph, engine, context, checkpoint, call };

// A new cell that holds `object`. Throws std::bad_alloc.
void* make_handle(HandleKind kind, std::shared_ptr<void> object);
// The object, kept alive while the caller uses it; null when the handle is not a living one of this kind.
std::shared_ptr<void> pin(const void* handle, HandleKind kind);
// Frees the cell and returns the object, which ends when the last user is done; null as above.
std::shared_ptr<void> retire(void* handle, HandleKind kind);

std::unexpected<Error> bad_handle(const void* handle, std::string_view what);

// Objects say their kind and name: `static constexpr HandleKind kKind` and `static constexpr const char* kName`.
template <class Object>
Result<std::shared_ptr<Object>> use(const void* handle) {
  std::shared_ptr<void> object = pin(handle, Object::kKind);
  if (object == nullptr) return bad_handle(handle, Object::kName);
  return std::static_pointer_cast<Object>(std::move(object));
}

template <class Handle, class Object>
Handle* new_handle(std::shared_ptr<Object> object) {
  return static_cast<Handle*>(make_handle(Object::kKind, std::move(object)));
}

}  // namespace burnish::api
