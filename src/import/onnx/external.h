#pragma once
// Data that lies in files beside a model: only inside the model's own folder, mapped and shared.

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/limits.h"

namespace burnish::onnx {

class ExternalFiles {
 public:
  // Without a model path (a model from memory) every request is refused.
  ExternalFiles() = default;
  explicit ExternalFiles(std::string model_path, const Limits& limits = {})
      : model_path_(std::move(model_path)), limits_(limits) {}
  // The file at `location` relative to the model's folder. A symbolic link is followed only where it ends up in that folder
  // or in the folder that the model file itself really lies in: so are models kept in download caches.
  Result<std::shared_ptr<const MappedFile>> open(std::string_view location);

 private:
  std::string model_path_;
  Limits limits_;
  std::map<std::string, std::shared_ptr<const MappedFile>, std::less<>> open_;
};

}  // namespace burnish::onnx
