#include "import/checkpoint/checkpoint.h"

#include "api/full/functions.h"
#include "api/runtime/boundary.h"
#include "api/runtime/tensors.h"

namespace burnish::api {
namespace {

struct CheckpointObject {
  static constexpr HandleKind kKind = HandleKind::checkpoint;
  static constexpr const char* kName = "checkpoint";
  explicit CheckpointObject(Checkpoint c) : checkpoint(std::move(c)) {}
  Checkpoint checkpoint;
};

}  // namespace

burnish_status checkpoint_load(const char* path, burnish_checkpoint** checkpoint, burnish_error** error) {
  return checkpoint_load_as(path, nullptr, checkpoint, error);
}

burnish_status checkpoint_load_as(const char* path, const burnish_read_options* options,
                                  burnish_checkpoint** checkpoint, burnish_error** error) {
  if (checkpoint != nullptr) *checkpoint = nullptr;
  return boundary(error, [&]() -> Done {
    if (checkpoint == nullptr) return null_argument("checkpoint");
    const std::string file = TRY(required_string(path, "path"));
    auto read = TRY(read_checkpoint(file, TRY(read_limits(options))));
    *checkpoint = new_handle<burnish_checkpoint>(std::make_shared<CheckpointObject>(std::move(read)));
    return {};
  });
}

void checkpoint_free(burnish_checkpoint* checkpoint) {
  quietly(0, [&] { return retire(checkpoint, HandleKind::checkpoint), 0; });
}

burnish_status checkpoint_count(const burnish_checkpoint* checkpoint, size_t* count, burnish_error** error) {
  return boundary(error, [&]() -> Done {
    const auto object = TRY(use<CheckpointObject>(checkpoint));
    if (count == nullptr) return null_argument("count");
    *count = object->checkpoint.tensors().size();
    return {};
  });
}

burnish_status checkpoint_name(const burnish_checkpoint* checkpoint, size_t index, const char** name,
                               burnish_error** error) {
  if (name != nullptr) *name = nullptr;
  return boundary(error, [&]() -> Done {
    const auto object = TRY(use<CheckpointObject>(checkpoint));
    if (name == nullptr) return null_argument("name");
    const auto& tensors = object->checkpoint.tensors();
    if (index >= tensors.size())
      return usage_error("there is no number " + std::to_string(index) + " among " + std::to_string(tensors.size()),
                         "argument 'index'");
    *name = tensors[index].name.c_str();
    return {};
  });
}

burnish_status checkpoint_tensor(const burnish_checkpoint* checkpoint, const char* name,
                                 DLManagedTensorVersioned** tensor, burnish_error** error) {
  if (tensor != nullptr) *tensor = nullptr;
  return boundary(error, [&]() -> Done {
    const auto object = TRY(use<CheckpointObject>(checkpoint));
    if (tensor == nullptr) return null_argument("tensor");
    const std::string wanted = TRY(required_string(name, "name"));
    const Tensor* found = object->checkpoint.find(wanted);
    if (found == nullptr) return usage_error("the checkpoint has no tensor '" + wanted + "'");
    *tensor = TRY(lend(*found));
    (*tensor)->flags |= DLPACK_FLAG_BITMASK_READ_ONLY;
    return {};
  });
}

}  // namespace burnish::api
