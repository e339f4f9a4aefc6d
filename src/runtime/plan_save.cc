#include <algorithm>
#include <cstring>

#include "base/hash.h"
#include "ir/lexer.h"
#include "runtime/plan.h"
#include "runtime/plan_format.h"
#include "runtime/plan_signature.h"

namespace burnish {
namespace {

using namespace plan;

// A section as a list of pieces, so that weights are never copied together.
struct Content {
  Section section{};
  uint64_t alignment = 8;
  std::vector<std::byte> bytes;  // or, for constants:
  const std::vector<BlobStore::Blob>* blobs = nullptr;
};

// Calls f with the bytes of the section in order, zeros between blobs included.
template <class F>
Status for_each_piece(const Content& content, F&& f) {
  static constexpr std::byte kZeros[kConstantAlignment] = {};
  if (content.blobs == nullptr) return f(std::span<const std::byte>(content.bytes));
  for (const BlobStore::Blob& blob : *content.blobs) {
    TRY(f(blob.bytes));
    const uint64_t rest = blob.bytes.size() % kConstantAlignment;
    if (rest != 0) TRY(f(std::span(kZeros, kConstantAlignment - rest)));
  }
  return {};
}

void hash_blocks(const Content& content, std::vector<uint64_t>& hashes) {
  std::vector<std::byte> block;
  auto feed = [&](std::span<const std::byte> bytes) -> Status {
    while (!bytes.empty()) {
      if (block.empty() && bytes.size() >= kBlockBytes) {
        hashes.push_back(hash64(bytes.first(kBlockBytes)));
        bytes = bytes.subspan(kBlockBytes);
        continue;
      }
      const std::size_t part = std::min<std::size_t>(bytes.size(), kBlockBytes - block.size());
      block.insert(block.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(part));
      bytes = bytes.subspan(part);
      if (block.size() == kBlockBytes) {
        hashes.push_back(hash64(block));
        block.clear();
      }
    }
    return {};
  };
  CHECK(for_each_piece(content, feed).has_value());
  if (!block.empty()) hashes.push_back(hash64(block));
}

std::vector<std::byte> to_bytes(std::string_view text) {
  const auto bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

// Constants of the graph whose elements an image holds in another order need not be stored again.
void find_packed(const Program& program, const ConstantStore& wanted, BlobStore& blobs, Json& found) {
  for (const Slot& slot : program.slots) {
    if (slot.heap() || slot.storage.format.is_plain() || slot.storage.offset != Dim(0)) continue;
    const Buffer& buffer = program.buffers[static_cast<std::size_t>(slot.storage.buffer)];
    const auto dims = constants(slot.type.dims);
    if (buffer.kind != Buffer::Kind::constant || !dims || slot.type.dtype == DType::string) continue;
    if (slot.storage.strides != dense_strides(slot.storage.format, slot.type.dims)) continue;
    const Tensor& stored = program.constants[static_cast<std::size_t>(buffer.index)];
    const auto logical = unpack(stored, slot.storage.format, *dims);
    if (!logical) continue;
    const std::string hash = constant_hash(*logical);
    if (wanted.contains(hash) && !found.contains(hash))
      found[hash] = encode_packed(stored, slot.storage.format, *dims, blobs);
  }
  for (const auto& body : program.bodies) find_packed(*body, wanted, blobs, found);
}

}  // namespace

Status save_plan(std::span<const Program* const> images, const PlanMetadata& metadata, const std::string& path) {
  BlobStore blobs;
  std::vector<Content> contents;
  const auto add = [&](Kind kind, std::size_t image, std::vector<std::byte> bytes, uint64_t alignment = 8) {
    Content& content = contents.emplace_back();
    content.section.kind = static_cast<uint32_t>(kind);
    content.section.image = static_cast<uint32_t>(image);
    content.section.bytes = bytes.size();
    content.alignment = alignment;
    content.bytes = std::move(bytes);
  };

  Json needs = Json::array(), graph_constants = Json::object();
  std::map<std::string, Tensor, std::less<>> by_hash;
  std::vector<std::unique_ptr<Graph>> references;
  for (std::size_t i = 0; i < images.size(); ++i) {
    std::map<int, int> node_numbers;
    references.push_back(TRY(references_of(*images[i], node_numbers)));
    needs.push_back(images[i]->cpu);
    add(Kind::program, i, write_cbor(encode_program(*images[i], node_numbers, blobs)));
    add(Kind::references, i, to_bytes(print(*references.back())));
    by_hash.merge(large_constants(*references.back()));
    const std::span<const std::byte> code =
        images[i]->mapped_code.empty() ? std::span<const std::byte>(images[i]->code) : images[i]->mapped_code;
    if (!code.empty()) add(Kind::code, i, {code.begin(), code.end()}, kPage);
    if (i < metadata.layers.size()) add(Kind::layers, i, to_bytes(metadata.layers[i]));
  }
  for (const auto& [hash, tensor] : by_hash) graph_constants[hash] = encode_tensor(tensor, blobs);
  Json packed = Json::object();
  if (metadata.simplified != nullptr) {
    add(Kind::simplified, 0, to_bytes(print(*metadata.simplified)));
    const ConstantStore wanted = large_constants(*metadata.simplified);
    if (!images.empty()) find_packed(*images[0], wanted, blobs, packed);
    for (const auto& [hash, tensor] : wanted)
      if (!packed.contains(hash) && !graph_constants.contains(hash))
        graph_constants[hash] = encode_tensor(tensor, blobs);
  }
  Json places = Json::array();
  for (const BlobStore::Blob& blob : blobs.blobs()) places.push_back({blob.offset, blob.bytes.size()});
  add(Kind::images, 0, write_cbor(needs));
  add(Kind::decisions, 0, to_bytes(metadata.decisions));
  add(Kind::record, 0, to_bytes(metadata.record));
  add(Kind::constant_index, 0, write_cbor(json_object("blobs", places, "graph", graph_constants, "packed", packed)));
  add(Kind::constants, 0, {}, kPage);
  contents.back().section.bytes = blobs.bytes();
  contents.back().blobs = &blobs.blobs();
  std::stable_sort(contents.begin(), contents.end(),
                   [](const Content& a, const Content& b) { return a.section.kind < b.section.kind; });

  std::vector<uint64_t> hashes;
  for (Content& content : contents) {
    content.section.first_hash = hashes.size();
    hash_blocks(content, hashes);
  }
  uint64_t end = sizeof(Header) + contents.size() * sizeof(Section) + hashes.size() * sizeof(uint64_t);
  for (Content& content : contents) {
    content.section.offset = end = (end + content.alignment - 1) / content.alignment * content.alignment;
    end += content.section.bytes;
    // What shares a page with code would become executable with it.
    if (content.section.kind == static_cast<uint32_t>(Kind::code)) end = (end + kPage - 1) / kPage * kPage;
  }
  Header header{};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  header.version = kFormatVersion;
  header.header_bytes = sizeof(Header);
  std::memcpy(header.build_id, kBuildId, sizeof kBuildId);
  header.file_bytes = end;
  header.sections = static_cast<uint32_t>(contents.size());
  header.hashes = static_cast<uint32_t>(hashes.size());
  std::vector<std::byte> head(sizeof header);
  const auto append = [&](const void* data, std::size_t size) {
    const auto* first = static_cast<const std::byte*>(data);
    head.insert(head.end(), first, first + size);
  };
  for (const Content& content : contents) append(&content.section, sizeof(Section));
  append(hashes.data(), hashes.size() * sizeof(uint64_t));
  std::memcpy(head.data(), &header, sizeof header);
  header.hash = hash64(head);
  std::memcpy(head.data(), &header, sizeof header);

  AtomicFile file = TRY(AtomicFile::create(path));
  BlockDigests digests;
  const auto write = [&](std::span<const std::byte> bytes) {
    if (metadata.key != nullptr) digests.add(bytes);
    return file.write(bytes);
  };
  const auto pad_to = [&](uint64_t alignment) {
    static constexpr std::byte kZeros[kPage] = {};
    return write(std::span(kZeros, (alignment - file.size() % alignment) % alignment));
  };
  TRY(write(head));
  for (const Content& content : contents) {
    TRY(pad_to(content.alignment));
    TRY(for_each_piece(content, write));
    if (content.section.kind == static_cast<uint32_t>(Kind::code)) TRY(pad_to(kPage));
  }
  if (file.size() != end) return internal_error("a plan has another size than planned", path);
  if (metadata.key != nullptr) TRY(file.write(make_signature(end, digests.finish(), *metadata.key)));
  return file.commit();
}

Status sign_plan(const Plan& plan, const SecretKey& key, const std::string& path, ThreadPool* pool) {
  TRY(plan.check_all(pool));
  AtomicFile file = TRY(AtomicFile::create(path));
  TRY(file.write(plan.bytes()));
  TRY(file.write(make_signature(plan.bytes(), key, pool)));
  return file.commit();
}

}  // namespace burnish
