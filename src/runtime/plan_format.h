#pragma once
// The container of a plan file, and programs as CBOR. Little-endian, as every processor that we make code for.

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "runtime/program.h"

namespace burnish::plan {

inline constexpr char kMagic[8] = {'\x89', 'B', 'U', 'R', 'N', '\r', '\n', '\x1a'};  // damaged by any text conversion
inline constexpr uint32_t kFormatVersion = 2;
inline constexpr char kBuildId[32] = "burnish 0.1.0";
inline constexpr uint64_t kBlockBytes = 1 << 20;
inline constexpr uint64_t kPage = 4096;
inline constexpr uint64_t kConstantAlignment = 64;

enum class Kind : uint32_t {
  images = 1,      // CBOR: what each image needs
  simplified,      // graph text; absent when there is none
  decisions,       // JSON
  record,          // JSON: how it was built
  constant_index,  // CBOR: blobs, and the graphs' constants by hash
  program,         // CBOR, one an image
  references,      // graph text: the nodes of reference steps, one an image
  code,            // page-aligned, one an image that has any
  constants,       // page-aligned, blobs at multiples of 64
  layers,          // JSON: what each step does and why so, one an image; may be missing
};

struct Header {
  char magic[8];
  uint32_t version, header_bytes;
  char build_id[32];
  uint64_t file_bytes;
  uint32_t sections, hashes;
  uint64_t hash;  // of this header with 0 here, and of both tables
};
static_assert(sizeof(Header) == 72);

struct Section {
  uint32_t kind, image;
  uint64_t offset, bytes, first_hash;
};
static_assert(sizeof(Section) == 32);

inline uint64_t block_count(uint64_t bytes) { return bytes / kBlockBytes + (bytes % kBlockBytes != 0); }

// Constants by content: equal bytes are stored once.
class BlobStore {
 public:
  int64_t add(std::span<const std::byte> bytes);
  struct Blob {
    std::span<const std::byte> bytes;
    uint64_t offset;  // in the section
  };
  const std::vector<Blob>& blobs() const { return blobs_; }
  uint64_t bytes() const { return end_; }

 private:
  std::vector<Blob> blobs_;
  std::multimap<std::string, int64_t> by_hash_;
  uint64_t end_ = 0;
};

// Where blobs lie when a file is read; the program's constants point into it.
struct BlobTable {
  std::span<const std::byte> section;
  std::vector<std::pair<uint64_t, uint64_t>> blobs;  // offset, bytes; inside the section
  std::shared_ptr<const void> owner;
};

Json encode_tensor(const Tensor& tensor, BlobStore& blobs);
Result<Tensor> decode_tensor(const Json& json, const BlobTable& blobs);

// A constant of a graph that an image holds in another order of its elements.
Json encode_packed(const Tensor& stored, const Format& format, std::span<const int64_t> dims, BlobStore& blobs);
Result<Tensor> decode_packed(const Json& json, const BlobTable& blobs);

// `node_numbers`: walk order in the whole graph -> in the graph of references that is saved.
Json encode_program(const Program& program, const std::map<int, int>& node_numbers, BlobStore& blobs);
Result<std::unique_ptr<Program>> decode_program(const Json& json, std::shared_ptr<const Graph> references,
                                                const BlobTable& blobs);

// The nodes of reference steps alone, their operands as inputs; says which node became which.
Result<std::unique_ptr<Graph>> references_of(const Program& program, std::map<int, int>& node_numbers);

// CBOR of bounded depth; `what` names it in messages.
Result<Json> read_cbor(std::span<const std::byte> bytes, std::string_view what);
std::vector<std::byte> write_cbor(const Json& json);

}  // namespace burnish::plan
