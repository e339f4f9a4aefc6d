#pragma once
// The directory of a zip archive whose entries are stored, as torch.save writes it. Read in place; nothing is unpacked.

#include <map>
#include <string_view>
#include <vector>

#include "import/checkpoint/pickle.h"

namespace burnish::checkpoint {

struct ZipEntry {
  std::string_view name;
  Bytes data;  // as it lies in the file: compressed when method is not 0
  uint16_t method = 0;
  uint32_t crc = 0;
  std::size_t offset = 0;  // of the data in the file
};

class ZipDirectory {
 public:
  // Refuses entries that overlap, that share a name, that are encrypted, and directories that contradict the entries.
  static Result<ZipDirectory> read(Bytes file, const Limits& limits);
  const std::vector<ZipEntry>& entries() const { return entries_; }
  const ZipEntry* find(std::string_view name) const;
  // The entry's bytes, after a check of their CRC. Refuses compressed ones.
  static Result<Bytes> contents(const ZipEntry& entry);

 private:
  std::vector<ZipEntry> entries_;  // in the directory's order
  std::map<std::string_view, std::size_t> index_;
};

uint32_t crc32(Bytes bytes);

}  // namespace burnish::checkpoint
