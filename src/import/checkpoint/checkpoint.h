#pragma once
// Trained weights as named tensors: safetensors, and PyTorch's .pth / .pt in both of its forms (zip archive, older stream).
// Which one is told by the contents, never by the name. Nothing in a file is executed and every size in it is compared
// with the bytes that are there.

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/limits.h"
#include "ir/tensor.h"

namespace burnish {

struct NamedTensor {
  std::string name;
  Tensor tensor;  // points into the mapped file where it lies there dense and aligned
};

class Checkpoint {
 public:
  enum class Format : uint8_t { safetensors, torch_zip, torch_stream };

  // Refuses two tensors of one name.
  static Result<Checkpoint> make(Format format, std::vector<NamedTensor> tensors,
                                 std::map<std::string, std::string> metadata = {});
  // Moving a vector leaves its elements, and so what the index points at, where they are. Copying would not.
  Checkpoint(Checkpoint&&) = default;
  Checkpoint& operator=(Checkpoint&&) = default;

  Format format() const { return format_; }
  // In the file's order; no name comes twice.
  const std::vector<NamedTensor>& tensors() const { return tensors_; }
  const Tensor* find(std::string_view name) const;
  // safetensors' free texts.
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  Checkpoint() = default;
  Format format_ = Format::safetensors;
  std::vector<NamedTensor> tensors_;
  std::map<std::string_view, const Tensor*> index_;  // names in tensors_
  std::map<std::string, std::string> metadata_;
};

// In a PyTorch file, tensors inside dictionaries and lists are named by their path, joined with '.'. A training checkpoint,
// whose root holds no tensor itself but a dictionary `state_dict`, `model_state_dict` or `model`, is read as that dictionary.
Result<Checkpoint> read_checkpoint(const std::string& path, const Limits& limits = {});
// `owner` keeps the bytes alive.
Result<Checkpoint> parse_checkpoint(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                                    const Limits& limits = {});

}  // namespace burnish
