#include "import/checkpoint/zip.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "import/checkpoint/pickle_names.h"

namespace burnish::checkpoint {
namespace {

constexpr uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50, kEnd64 = 0x06064b50,
                   kLocator64 = 0x07064b50;
constexpr std::size_t kLocalSize = 30, kCentralSize = 46, kEndSize = 22, kEnd64Size = 56, kLocatorSize = 20;
constexpr uint32_t kIn64 = 0xffffffff;  // the value is in the zip64 extra field
constexpr uint16_t kEncrypted = 1;

// The caller has compared the position with the size.
template <class T>
T load(Bytes bytes, std::size_t position) {
  T value;
  std::memcpy(&value, bytes.data() + position, sizeof value);
  return value;
}
std::string_view text(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

std::unexpected<Error> bad(std::string what, std::size_t offset) {
  return refused("the zip archive " + std::move(what), fmt::format("byte {}", offset),
                 "the file is damaged or cut short: copy or download it again");
}

struct Directory {
  uint64_t count = 0, size = 0, offset = 0;
};

// The record at the file's end. Its comment must reach exactly to the end: a second one hidden in a comment is not found.
Result<Directory> find_directory(Bytes file) {
  const std::size_t lowest = file.size() - std::min<std::size_t>(file.size(), kEndSize + 0xffff);
  for (std::size_t at = file.size(); at-- > lowest;) {
    if (file.size() - at < kEndSize || load<uint32_t>(file, at) != kEnd) continue;
    if (at + kEndSize + load<uint16_t>(file, at + 20) != file.size()) continue;
    Directory d{load<uint16_t>(file, at + 10), load<uint32_t>(file, at + 12), load<uint32_t>(file, at + 16)};
    std::size_t end = at;
    if (d.count == 0xffff || d.size == kIn64 || d.offset == kIn64) {
      if (at < kLocatorSize || load<uint32_t>(file, at - kLocatorSize) != kLocator64)
        return bad("says that it is of the 64-bit form, and the record for that is missing", at);
      const auto record = load<uint64_t>(file, at - kLocatorSize + 8);
      if (record > at - kLocatorSize || at - kLocatorSize - record < kEnd64Size ||
          load<uint32_t>(file, record) != kEnd64)
        return bad("has no 64-bit record where it says", at);
      d = {load<uint64_t>(file, record + 32), load<uint64_t>(file, record + 40), load<uint64_t>(file, record + 48)};
      end = record;
    } else if (load<uint16_t>(file, at + 4) != 0 || load<uint16_t>(file, at + 8) != d.count) {
      return bad("is a part of a split one", at);
    }
    if (d.offset > end || d.size > end - d.offset || d.count > d.size / kCentralSize)
      return bad("has a directory that does not fit in front of its end", at);
    return d;
  }
  return bad("has no directory at its end", file.size());
}

// Sizes and offset of 4 GiB and more are in the extra field, in this order, each only when its 32-bit place is all ones.
Status widen(Bytes extra, std::size_t at, uint64_t& size, uint64_t& packed, uint64_t& offset) {
  if (size != kIn64 && packed != kIn64 && offset != kIn64) return {};
  while (extra.size() >= 4) {
    const auto id = load<uint16_t>(extra, 0);
    const std::size_t length = load<uint16_t>(extra, 2);
    if (length > extra.size() - 4) break;
    if (id == 1) {
      Bytes wide = extra.subspan(4, length);
      for (uint64_t* value : {&size, &packed, &offset}) {
        if (*value != kIn64) continue;
        if (wide.size() < 8) return bad("has an entry whose 64-bit sizes are cut short", at);
        *value = load<uint64_t>(wide, 0);
        wide = wide.subspan(8);
      }
      return {};
    }
    extra = extra.subspan(4 + length);
  }
  return bad("has an entry without its 64-bit sizes", at);
}

struct Extent {
  std::size_t begin, end;  // from the local header to the last byte of data
  std::size_t entry;
};

}  // namespace

Result<ZipDirectory> ZipDirectory::read(Bytes file, const Limits& limits) {
  const Directory directory = TRY(find_directory(file));
  if (std::cmp_greater(directory.count, limits.zip_entries))
    return over_limit(limits, &Limits::zip_entries, fmt::format("the archive has {} entries", directory.count));
  ZipDirectory zip;
  std::vector<Extent> extents;
  std::size_t at = directory.offset;
  const std::size_t end = directory.offset + directory.size;
  for (uint64_t i = 0; i < directory.count; ++i) {
    if (end - at < kCentralSize || load<uint32_t>(file, at) != kCentral) return bad("has a damaged directory", at);
    const std::size_t name = load<uint16_t>(file, at + 28), extra = load<uint16_t>(file, at + 30),
                      comment = load<uint16_t>(file, at + 32);
    if (name + extra + comment > end - at - kCentralSize) return bad("has a damaged directory", at);
    ZipEntry entry;
    entry.name = text(file.subspan(at + kCentralSize, name));
    entry.method = load<uint16_t>(file, at + 10);
    entry.crc = load<uint32_t>(file, at + 16);
    uint64_t packed = load<uint32_t>(file, at + 20), size = load<uint32_t>(file, at + 24),
             local = load<uint32_t>(file, at + 42);
    TRY(widen(file.subspan(at + kCentralSize + name, extra), at, size, packed, local));
    if ((load<uint16_t>(file, at + 8) & kEncrypted) != 0)
      return bad(fmt::format("has an encrypted entry '{}'", printable(entry.name)), at);

    // The header in front of the data repeats the name; its sizes may be zero, so only its lengths are used.
    if (local > directory.offset || directory.offset - local < kLocalSize || load<uint32_t>(file, local) != kLocal)
      return bad(fmt::format("has no entry '{}' where its directory says", printable(entry.name)), at);
    const std::size_t header = kLocalSize + load<uint16_t>(file, local + 26) + load<uint16_t>(file, local + 28);
    const std::size_t room = directory.offset - local;
    if (header > room || packed > room - header || (entry.method == 0 && packed != size))
      return bad(fmt::format("has an entry '{}' of {} bytes that does not fit in front of its directory",
                             printable(entry.name), packed),
                 at);
    if (text(file.subspan(local + kLocalSize, load<uint16_t>(file, local + 26))) != entry.name ||
        load<uint16_t>(file, local + 8) != entry.method) {
      return bad(fmt::format("contradicts itself about the entry '{}'", printable(entry.name)), local);
    }
    entry.offset = local + header;
    entry.data = file.subspan(entry.offset, packed);
    if (!zip.index_.emplace(entry.name, zip.entries_.size()).second)
      return bad(fmt::format("has two entries '{}'", printable(entry.name)), at);
    extents.push_back({local, entry.offset + packed, zip.entries_.size()});
    zip.entries_.push_back(entry);
    at += kCentralSize + name + extra + comment;
  }
  if (at != end) return bad("has a directory of another size than it says", at);
  std::ranges::sort(extents, {}, &Extent::begin);
  for (std::size_t i = 1; i < extents.size(); ++i) {
    if (extents[i].begin < extents[i - 1].end) {
      return bad(
          fmt::format("has entries that overlap: '{}' and '{}'", printable(zip.entries_[extents[i - 1].entry].name),
                      printable(zip.entries_[extents[i].entry].name)),
          extents[i].begin);
    }
  }
  return zip;
}

const ZipEntry* ZipDirectory::find(std::string_view name) const {
  const auto it = index_.find(name);
  return it == index_.end() ? nullptr : &entries_[it->second];
}

Result<Bytes> ZipDirectory::contents(const ZipEntry& entry) {
  const std::string where = fmt::format("entry '{}'", printable(entry.name));
  if (entry.method != 0) {
    return refused(fmt::format("is compressed (method {})", entry.method), where,
                   "torch.save stores without compression: save the weights again, not through a zip program");
  }
  if (crc32(entry.data) != entry.crc) {
    return refused(
        "fails its checksum", where,
        "the file is damaged: copy it again; or it was saved with torch.serialization.set_crc32_options(False): "
        "save it with checksums");
  }
  return entry.data;
}

}  // namespace burnish::checkpoint
