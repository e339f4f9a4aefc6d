#include "tests/support/plan_parts.h"

#include <cstring>

#include "base/hash.h"
#include "runtime/plan_signature.h"

namespace burnish::testing {

using namespace plan;

namespace {

constexpr uint32_t kMostSections = 4096;

std::optional<uint64_t> head_bytes(const Header& header, std::size_t size) {
  if (header.sections > kMostSections) return std::nullopt;
  const uint64_t bytes =
      sizeof header + uint64_t{header.sections} * sizeof(Section) + uint64_t{header.hashes} * sizeof(uint64_t);
  return bytes <= size ? std::optional(bytes) : std::nullopt;
}

}  // namespace

std::optional<std::vector<PlanPart>> split_plan(std::string_view bytes) {
  Header header;
  if (bytes.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0 || !head_bytes(header, bytes.size())) return std::nullopt;
  std::vector<PlanPart> parts(header.sections);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    Section s;
    std::memcpy(&s, bytes.data() + sizeof header + i * sizeof s, sizeof s);
    parts[i].kind = s.kind;
    parts[i].image = s.image;
    if (s.offset <= bytes.size() && s.bytes <= bytes.size() - s.offset)
      parts[i].bytes = bytes.substr(s.offset, s.bytes);
  }
  return parts;
}

std::string join_plan(std::span<const PlanPart> parts) {
  std::vector<Section> sections;
  std::vector<uint64_t> hashes;
  for (const PlanPart& part : parts) {
    sections.push_back({part.kind, part.image, 0, part.bytes.size(), hashes.size()});
    for (uint64_t at = 0; at < part.bytes.size(); at += kBlockBytes)
      hashes.push_back(hash64(as_bytes(std::string_view(part.bytes).substr(at, kBlockBytes))));
  }
  Header header{};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  header.version = kFormatVersion;
  header.header_bytes = sizeof header;
  std::memcpy(header.build_id, kBuildId, sizeof kBuildId);
  header.sections = static_cast<uint32_t>(sections.size());
  header.hashes = static_cast<uint32_t>(hashes.size());
  const std::size_t head = sizeof header + sections.size() * sizeof(Section) + hashes.size() * sizeof(uint64_t);
  std::string plan(head, '\0');
  for (std::size_t i = 0; i < sections.size(); ++i) {
    plan.resize((plan.size() + kConstantAlignment - 1) / kConstantAlignment * kConstantAlignment);
    sections[i].offset = plan.size();
    plan += parts[i].bytes;
  }
  header.file_bytes = plan.size();
  std::memcpy(plan.data(), &header, sizeof header);
  if (!sections.empty()) std::memcpy(plan.data() + sizeof header, sections.data(), sections.size() * sizeof(Section));
  if (!hashes.empty())
    std::memcpy(plan.data() + head - hashes.size() * sizeof(uint64_t), hashes.data(), hashes.size() * sizeof(uint64_t));
  rehash_head(plan);
  return plan;
}

void rehash_head(std::string& plan) {
  Header header;
  if (plan.size() < sizeof header) return;
  std::memcpy(&header, plan.data(), sizeof header);
  const auto size = head_bytes(header, plan.size());
  if (!size) return;
  header.hash = 0;
  std::memcpy(plan.data(), &header, sizeof header);
  header.hash = hash64(as_bytes(std::string_view(plan).substr(0, *size)));
  std::memcpy(plan.data(), &header, sizeof header);
}

void rehash(std::string& file) {
  Header header;
  if (file.size() < sizeof header) return;
  std::memcpy(&header, file.data(), sizeof header);
  const auto size = head_bytes(header, file.size());
  if (!size || header.file_bytes > file.size()) return;
  const std::string_view plan = std::string_view(file).substr(0, header.file_bytes);
  const std::size_t hashes = sizeof header + header.sections * sizeof(Section);
  for (uint32_t i = 0; i < header.sections; ++i) {
    Section s;
    std::memcpy(&s, file.data() + sizeof header + i * sizeof s, sizeof s);
    if (s.offset > plan.size() || s.bytes > plan.size() - s.offset || s.first_hash > header.hashes ||
        block_count(s.bytes) > header.hashes - s.first_hash)
      return;
    for (uint64_t b = 0; b < block_count(s.bytes); ++b) {
      const uint64_t hash = hash64(as_bytes(plan.substr(s.offset, s.bytes).substr(b * kBlockBytes, kBlockBytes)));
      std::memcpy(file.data() + hashes + (s.first_hash + b) * sizeof hash, &hash, sizeof hash);
    }
  }
  rehash_head(file);
  const std::string signature = fitted_signature(signature_of(file), plan);
  file.replace(plan.size(), std::string::npos, signature);
}

std::string signature_of(std::string_view file) {
  Header header;
  if (file.size() < sizeof header) return {};
  std::memcpy(&header, file.data(), sizeof header);
  return header.file_bytes < file.size() ? std::string(file.substr(header.file_bytes)) : std::string();
}

std::string fitted_signature(std::string bytes, std::string_view plan) {
  Signature signature;
  if (bytes.size() < sizeof signature) return bytes;
  std::memcpy(&signature, bytes.data(), sizeof signature);
  if (signature.plan_bytes != plan.size()) {
    signature.plan_bytes = plan.size();
    signature.digests = block_count(plan.size());
    bytes.resize(sizeof signature + signature.digests * sizeof(Digest));
  }
  signature.hash = 0;
  std::memcpy(bytes.data(), &signature, sizeof signature);
  signature.hash = hash64(as_bytes(bytes));
  std::memcpy(bytes.data(), &signature, sizeof signature);
  return bytes;
}

}  // namespace burnish::testing
