#include "import/checkpoint/checkpoint.h"

#include <utility>

#include <fmt/format.h>

#include "base/file.h"
#include "base/remedy.h"
#include "import/checkpoint/pickle_names.h"
#include "import/checkpoint/safetensors.h"
#include "import/checkpoint/torch_file.h"

namespace burnish {
namespace {

using namespace checkpoint;

// What else the file may be, for the message.
std::string_view other_kind(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.size() > 262 && text.substr(257, 5) == "ustar") return "a tar archive, as PyTorch wrote before 0.2";
  if (text.starts_with("\x89HDF")) return "an HDF5 file";
  if (text.starts_with("GGUF")) return "a GGUF file";
  if (text.starts_with("\x93NUMPY")) return "a NumPy array";
  if (text.starts_with('\x80')) return "a plain pickle";
  if (text.starts_with("\x1f\x8b")) return "compressed with gzip";
  return {};
}

}  // namespace

Result<Checkpoint> Checkpoint::make(Format format, std::vector<NamedTensor> tensors,
                                    std::map<std::string, std::string> metadata) {
  Checkpoint checkpoint;
  checkpoint.format_ = format;
  checkpoint.tensors_ = std::move(tensors);
  checkpoint.metadata_ = std::move(metadata);
  for (const NamedTensor& t : checkpoint.tensors_) {
    if (!checkpoint.index_.emplace(t.name, &t.tensor).second)
      return refused(fmt::format("two tensors are named '{}'", printable(t.name)), {}, "save a plain state_dict");
  }
  return checkpoint;
}

const Tensor* Checkpoint::find(std::string_view name) const {
  const auto it = index_.find(name);
  return it == index_.end() ? nullptr : it->second;
}

Result<Checkpoint> parse_checkpoint(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                                    const Limits& limits) {
  if (std::cmp_greater(bytes.size(), limits.file_bytes))
    return over_limit(limits, &Limits::file_bytes, fmt::format("the file has {} bytes", bytes.size()));
  if (is_zip(bytes)) return Checkpoint::make(Checkpoint::Format::torch_zip, TRY(read_torch_zip(bytes, owner, limits)));
  if (is_torch_stream(bytes))
    return Checkpoint::make(Checkpoint::Format::torch_stream, TRY(read_torch_stream(bytes, owner, limits)));
  if (is_safetensors(bytes)) {
    std::map<std::string, std::string> metadata;
    auto tensors = TRY(read_safetensors(bytes, owner, limits, metadata));
    return Checkpoint::make(Checkpoint::Format::safetensors, std::move(tensors), std::move(metadata));
  }
  const std::string_view kind = other_kind(bytes);
  return refused(bytes.empty() ? "the file is empty"
                               : fmt::format("the file is not a checkpoint that is known{}{}",
                                             kind.empty() ? "" : "; it looks like ", kind),
                 {}, "weights are read from safetensors and from what torch.save(model.state_dict(), FILE) writes");
}

Result<Checkpoint> read_checkpoint(const std::string& path, const Limits& limits) {
  auto file = TRY(MappedFile::open(path));
  auto checkpoint = advise(parse_checkpoint(file->bytes(), file, limits),
                           "the file is damaged: copy it again, or save the weights as safetensors");
  if (!checkpoint) return std::unexpected(std::move(checkpoint).error().within(path));
  return checkpoint;
}

}  // namespace burnish
