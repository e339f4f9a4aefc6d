// The call_* functions of the table.

#include "api/runtime/boundary.h"
#include "api/runtime/call.h"

namespace burnish::api {
namespace {

// A lock on a call for the length of a function.
struct CallUse {
  std::shared_ptr<CallObject> object;
  std::unique_lock<std::mutex> lock;
  CallObject* operator->() const { return object.get(); }
};
Result<CallUse> use_call(const burnish_call* handle) {
  CallUse result{TRY(use<CallObject>(handle)), {}};
  result.lock = std::unique_lock(result.object->mutex);
  if (result->over()) return usage_error("the function that this call was made for is over");
  return result;
}

template <class Body>
burnish_status call_function(burnish_call* call, burnish_error** error, Body&& body) {
  return boundary(error, [&]() -> Done {
    const CallUse use = TRY(use_call(call));
    Status done = body(use);
    if (!done) use->note(done.error());
    TRY(std::move(done));
    return {};
  });
}

ErrorCode code_of(burnish_status status) {
  switch (status) {
    case BURNISH_USAGE: return ErrorCode::usage;
    case BURNISH_IO: return ErrorCode::io;
    case BURNISH_INTERNAL: return ErrorCode::internal;
    default: return ErrorCode::refused;
  }
}

}  // namespace

burnish_status call_count(burnish_call* call, burnish_side side, size_t* count, burnish_error** error) {
  return call_function(call, error, [&](const CallUse& use) -> Status {
    if (count == nullptr) return null_argument("count");
    if (side != BURNISH_INPUT && side != BURNISH_OUTPUT) return usage_error("there is no such side", "argument 'side'");
    *count = use->count(side);
    return {};
  });
}

burnish_status call_type(burnish_call* call, burnish_side side, size_t index, const char** type,
                         burnish_error** error) {
  if (type != nullptr) *type = nullptr;
  return call_function(call, error, [&](const CallUse& use) -> Status {
    if (type == nullptr) return null_argument("type");
    if (side != BURNISH_INPUT && side != BURNISH_OUTPUT) return usage_error("there is no such side", "argument 'side'");
    *type = TRY(use->type(side, index));
    return {};
  });
}

burnish_status call_attribute(burnish_call* call, const char* name, burnish_attribute* attribute,
                              burnish_error** error) {
  return call_function(call, error, [&](const CallUse& use) -> Status {
    if (name == nullptr) return null_argument("name");
    if (attribute == nullptr) return null_argument("attribute");
    return use->attribute(name, *attribute);
  });
}

burnish_status call_fail(burnish_call* call, burnish_status status, const char* what, const char* remedy) {
  if (status == BURNISH_OK) status = BURNISH_REFUSED;
  const burnish_status done = boundary(nullptr, [&]() -> Done {
    const CallUse use = TRY(use_call(call));
    use->fail({code_of(status), what == nullptr ? "it fails" : what, {}, remedy == nullptr ? "" : remedy});
    return {};
  });
  return done == BURNISH_OK ? status : done;
}

burnish_status call_tensor(burnish_call* call, size_t operand, const DLTensor** tensor, burnish_error** error) {
  if (tensor != nullptr) *tensor = nullptr;
  return call_function(call, error, [&](const CallUse& use) -> Status {
    if (tensor == nullptr) return null_argument("tensor");
    *tensor = TRY(use->tensor(operand));
    return {};
  });
}

burnish_status call_set_type(burnish_call* call, size_t result, const char* type, burnish_error** error) {
  return call_function(call, error, [&](const CallUse& use) -> Status {
    return use->set_type(result, TRY(required_string(type, "type")));
  });
}

burnish_status call_contents(burnish_call* call, size_t operand, const char* const** sizes, size_t* count,
                             burnish_error** error) {
  if (sizes != nullptr) *sizes = nullptr;
  if (count != nullptr) *count = 0;
  return call_function(call, error, [&](const CallUse& use) -> Status {
    if (sizes == nullptr) return null_argument("sizes");
    if (count == nullptr) return null_argument("count");
    const auto* list = TRY(use->contents(operand));
    if (list == nullptr) return {};
    *sizes = list->data();
    *count = list->size() - 1;
    return {};
  });
}

burnish_status call_set_contents(burnish_call* call, size_t result, const char* const* sizes, size_t count,
                                 burnish_error** error) {
  return call_function(call, error, [&](const CallUse& use) -> Status {
    if (sizes == nullptr && count > 0) return null_argument("sizes");
    return use->set_contents(result, {sizes, count});
  });
}

burnish_status call_fresh(burnish_call* call, int64_t low, int64_t high, const char** size, burnish_error** error) {
  if (size != nullptr) *size = nullptr;
  return call_function(call, error, [&](const CallUse& use) -> Status {
    if (size == nullptr) return null_argument("size");
    *size = TRY(use->fresh(low, high));
    return {};
  });
}

burnish_status call_require(burnish_call* call, burnish_requirement requirement, const char* value, const char* bound,
                            const char* what, burnish_error** error) {
  return call_function(call, error,
                       [&](const CallUse& use) -> Status { return use->require(requirement, value, bound, what); });
}

burnish_status call_allocate(burnish_call* call, size_t result, const int64_t* shape, size_t rank, DLTensor** tensor,
                             burnish_error** error) {
  if (tensor != nullptr) *tensor = nullptr;
  return call_function(call, error, [&](const CallUse& use) -> Status {
    if (tensor == nullptr) return null_argument("tensor");
    if (shape == nullptr && rank > 0) return null_argument("shape");
    if (rank > 64) return usage_error("a result of rank " + std::to_string(rank), {}, "ranks are 0 to 64");
    *tensor = TRY(use->allocate(result, {shape, rank}));
    return {};
  });
}

}  // namespace burnish::api
