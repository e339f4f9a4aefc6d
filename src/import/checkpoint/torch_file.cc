#include "import/checkpoint/torch_file.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "import/checkpoint/pickle_names.h"
#include "import/checkpoint/storages.h"
#include "import/checkpoint/zip.h"

namespace burnish::checkpoint {
namespace {

std::string_view text(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

uint64_t storage_size(const StorageRef& storage) {
  return static_cast<uint64_t>(storage.elements) * (storage.dtype ? byte_size(*storage.dtype) : 1);
}

std::unexpected<Error> big_endian(std::string where) {
  return refused("the checkpoint was written on a big-endian machine", std::move(where),
                 "save it again on a little-endian one");
}

// PROTO 2, LONG1 of 10 bytes: 0x1950a86a20f9469cfc6c, STOP.
constexpr std::string_view kStreamMagic("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15);

}  // namespace

bool is_zip(Bytes file) {
  return text(file).starts_with(std::string_view("PK\3\4", 4)) || text(file).starts_with(std::string_view("PK\5\6", 4));
}

// The pickle protocol may be another one, with a FRAME in front; the number is what tells.
bool is_torch_stream(Bytes file) {
  const std::string_view head = text(file.first(std::min<std::size_t>(file.size(), 32)));
  return head.starts_with('\x80') && head.find(kStreamMagic.substr(2)) != head.npos;
}

Result<std::vector<NamedTensor>> read_torch_zip(Bytes file, const std::shared_ptr<const void>& owner,
                                                const Limits& limits) {
  const ZipDirectory zip = TRY(ZipDirectory::read(file, limits));
  // Everything lies in one folder, whatever its name.
  const ZipEntry* pickle_entry = nullptr;
  for (const ZipEntry& entry : zip.entries()) {
    const std::size_t slash = entry.name.find('/');
    if (slash == entry.name.npos || entry.name.substr(slash + 1) != "data.pkl") continue;
    if (pickle_entry != nullptr)
      return refused("the archive holds two checkpoints", {}, "put each in a file of its own");
    pickle_entry = &entry;
  }
  if (pickle_entry == nullptr) {
    std::string_view kind = "is a zip archive and not a PyTorch checkpoint: it has no data.pkl";
    for (const ZipEntry& entry : zip.entries()) {
      if (entry.name.ends_with(".npy")) kind = "is a NumPy archive (.npz)";
      if (entry.name.ends_with("archive_format")) kind = "is an exported program (.pt2), a model and not a checkpoint";
    }
    return refused(fmt::format("the file {}", kind), {}, "save the weights with torch.save or as safetensors");
  }
  const std::string folder(
      pickle_entry->name.substr(0, pickle_entry->name.size() - std::string_view("data.pkl").size()));
  if (const ZipEntry* order = zip.find(folder + "byteorder")) {
    if (text(TRY(ZipDirectory::contents(*order))) != "little") return big_endian(folder + "byteorder");
  }
  if (zip.find(folder + "constants.pkl") != nullptr) {
    return refused("the file is a TorchScript program, not a checkpoint", folder + "constants.pkl",
                   "save torch.save(torch.jit.load(FILE).state_dict(), OTHER)");
  }
  auto pickle = parse_pickle(TRY(ZipDirectory::contents(*pickle_entry)), 0, limits);
  if (!pickle) return std::unexpected(std::move(pickle).error().within(printable(pickle_entry->name)));

  std::vector<StorageBytes> storages(pickle->storages.size());
  for (std::size_t i = 0; i < storages.size(); ++i) {
    const StorageRef& storage = pickle->storages[i];
    if (storage.view) continue;
    const std::string name = fmt::format("{}data/{}", folder, storage.key);
    const ZipEntry* entry = zip.find(name);
    if (entry == nullptr) {
      return refused(fmt::format("the entry '{}' that the pickle speaks of is missing", printable(name)), {},
                     "the file is damaged: copy it again");
    }
    const Bytes bytes = TRY(ZipDirectory::contents(*entry));
    if (bytes.size() != storage_size(storage)) {
      return refused(fmt::format("has {} bytes where the pickle says {}", bytes.size(), storage_size(storage)),
                     fmt::format("entry '{}'", printable(name)), "the file is damaged: copy it again");
    }
    storages[i] = {bytes, owner};
  }
  return named_tensors(*pickle, std::move(storages), static_cast<int64_t>(file.size()), limits);
}

Result<std::vector<NamedTensor>> read_torch_stream(Bytes file, const std::shared_ptr<const void>& owner,
                                                   const Limits& limits) {
  // Five pickles (magic number, protocol, the machine, the object, the storages' keys), then the storages.
  std::size_t position = 0;
  const auto next = [&]() -> Result<Pickle> {
    auto pickle = parse_pickle(file.subspan(position), position, limits);
    if (pickle) position += pickle->size;
    return pickle;
  };
  (void)TRY(next());
  const Pickle protocol = TRY(next());
  if (const Value& number = protocol[protocol.root]; number.kind != ValueKind::integer || number.number != 1001)
    return refused("the stream is of an unknown version", fmt::format("byte {}", position),
                   "save it again with torch.save");
  const Pickle machine = TRY(next());
  if (const Value& facts = machine[machine.root]; facts.kind == ValueKind::dict) {
    for (std::size_t i = 0; i + 1 < facts.items.size(); i += 2) {
      const Value &key = machine[facts.items[i]], &value = machine[facts.items[i + 1]];
      if (key.text == "little_endian" && (value.kind != ValueKind::boolean || value.number != 1))
        return big_endian(fmt::format("byte {}", position));
    }
  }
  const Pickle object = TRY(next());
  const Pickle keys = TRY(next());
  const Value& list = keys[keys.root];
  if (list.kind != ValueKind::list)
    return refused("the list of storages is not a list", fmt::format("byte {}", position));

  std::vector<StorageBytes> storages(object.storages.size());
  std::vector<bool> seen(storages.size(), false);
  for (const ValueId id : list.items) {
    const Value& key = keys[id];
    const auto known = key.kind == ValueKind::text ? object.storage_index.find(key.text) : object.storage_index.end();
    if (known == object.storage_index.end()) {
      return refused(fmt::format("the stream has a storage '{}' that no tensor uses", printable(key.text)),
                     fmt::format("byte {}", position), "the file is damaged or was not written by torch.save");
    }
    const StorageRef& wanted = object.storages[known->second];
    uint64_t elements = 0;
    if (file.size() - position >= sizeof elements) std::memcpy(&elements, file.data() + position, sizeof elements);
    const uint64_t size = storage_size(wanted);
    if (seen[known->second] ||
        (file.size() - position >= sizeof elements && elements != static_cast<uint64_t>(wanted.elements))) {
      return refused(fmt::format("storage '{}' is there twice or has {} elements where the pickle says {}",
                                 printable(key.text), elements, wanted.elements),
                     fmt::format("byte {}", position), "the file is damaged: copy it again");
    }
    if (file.size() - position < sizeof elements || file.size() - position - sizeof elements < size) {
      return refused(fmt::format("the file ends in the middle of storage '{}'", printable(key.text)),
                     fmt::format("byte {}", file.size()), "it is cut short: copy or download it again");
    }
    storages[known->second] = {file.subspan(position + sizeof elements, size), owner};
    seen[known->second] = true;
    position += sizeof elements + size;
  }
  for (std::size_t i = 0; i < storages.size(); ++i) {
    if (!seen[i] && !object.storages[i].view) {
      return refused(fmt::format("storage '{}' is missing from the stream", printable(object.storages[i].key)),
                     fmt::format("byte {}", position), "the file is damaged: copy it again");
    }
  }
  return named_tensors(object, std::move(storages), static_cast<int64_t>(file.size()), limits);
}

}  // namespace burnish::checkpoint
