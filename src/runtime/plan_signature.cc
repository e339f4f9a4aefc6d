#include "runtime/plan_signature.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <numeric>

#include "base/hash.h"
#include "runtime/plan_format.h"

namespace burnish::plan {
namespace {

constexpr const char* kRemedy = "do not use it; get it again from whoever signed it";

// What is signed. The first words keep a signature of anything else from being one of a plan.
struct Message {
  char purpose[24];
  uint32_t signature_version, plan_version;
  uint64_t plan_bytes, block_bytes;
  Digest root;
};
static_assert(sizeof(Message) == 80);
constexpr char kPurpose[24] = "burnish plan signature";

Message message_of(uint64_t plan_bytes, std::span<const Digest> digests) {
  Message message{};
  std::memcpy(message.purpose, kPurpose, sizeof kPurpose);
  message.signature_version = kSignatureVersion;
  message.plan_version = kFormatVersion;
  message.plan_bytes = plan_bytes;
  message.block_bytes = kBlockBytes;
  message.root = digest(std::as_bytes(digests));
  return message;
}

std::span<const std::byte> bytes_of(const Message& message) { return std::as_bytes(std::span(&message, 1)); }

std::span<const std::byte> block_of(std::span<const std::byte> plan, uint64_t block) {
  const uint64_t first = block * kBlockBytes;
  return plan.subspan(first, std::min(kBlockBytes, plan.size() - first));
}

template <class F>
void for_all(uint64_t count, ThreadPool* pool, F&& f) {
  const auto some = [&](int64_t first, int64_t last, int) {
    for (int64_t i = first; i < last; ++i) f(static_cast<uint64_t>(i));
  };
  if (pool != nullptr) pool->parallel_for(static_cast<int64_t>(count), 1, some);
  else some(0, static_cast<int64_t>(count), 0);
}

}  // namespace

void BlockDigests::add(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const auto part = bytes.first(std::min<std::size_t>(bytes.size(), kBlockBytes - filled_));
    digester_.add(part);
    bytes = bytes.subspan(part.size());
    filled_ += part.size();
    if (filled_ < kBlockBytes) return;
    digests_.push_back(digester_.finish());
    filled_ = 0;
  }
}

std::vector<Digest> BlockDigests::finish() {
  if (filled_ > 0) digests_.push_back(digester_.finish());
  filled_ = 0;
  return std::exchange(digests_, {});
}

std::vector<std::byte> make_signature(uint64_t plan_bytes, std::span<const Digest> digests, const SecretKey& key) {
  CHECK(digests.size() == block_count(plan_bytes));
  Signature signature{};
  std::memcpy(signature.magic, kSignatureMagic, sizeof kSignatureMagic);
  signature.version = kSignatureVersion;
  signature.plan_bytes = plan_bytes;
  signature.digests = digests.size();
  std::memcpy(signature.key, key.public_key().bytes.data(), sizeof signature.key);
  const Message message = message_of(plan_bytes, digests);
  std::memcpy(signature.signature, key.sign(bytes_of(message)).data(), sizeof signature.signature);
  std::vector<std::byte> bytes(sizeof signature + digests.size_bytes());
  std::memcpy(bytes.data(), &signature, sizeof signature);
  if (!digests.empty()) std::memcpy(bytes.data() + sizeof signature, digests.data(), digests.size_bytes());
  signature.hash = hash64(bytes);
  std::memcpy(bytes.data(), &signature, sizeof signature);
  return bytes;
}

std::vector<std::byte> make_signature(std::span<const std::byte> plan, const SecretKey& key, ThreadPool* pool) {
  std::vector<Digest> digests(block_count(plan.size()));
  for_all(digests.size(), pool, [&](uint64_t b) { digests[b] = digest(block_of(plan, b)); });
  return make_signature(plan.size(), digests, key);
}

Result<FoundSignature> read_signature(std::span<const std::byte> bytes, uint64_t plan_bytes, const std::string& name) {
  const auto damaged = [&] { return refused("the plan's signature is damaged", name, kRemedy); };
  Signature signature;
  if (bytes.size() < sizeof signature || std::memcmp(bytes.data(), kSignatureMagic, sizeof kSignatureMagic) != 0)
    return refused("something other than a signature follows the plan", name, kRemedy);
  std::vector<std::byte> copy(bytes.begin(), bytes.end());
  std::memcpy(&signature, copy.data(), sizeof signature);
  if (signature.version != kSignatureVersion)
    return refused("the plan's signature has format " + std::to_string(signature.version) +
                       ", this program reads format " + std::to_string(kSignatureVersion),
                   name, "use a program of the same version as the one that signed it");
  const uint64_t hash = std::exchange(signature.hash, 0);
  std::memcpy(copy.data(), &signature, sizeof signature);
  FoundSignature found;
  found.plan_bytes = plan_bytes;
  if (signature.reserved != 0 || signature.plan_bytes != plan_bytes || signature.digests != block_count(plan_bytes) ||
      (copy.size() - sizeof signature) % sizeof(Digest) != 0 ||
      (copy.size() - sizeof signature) / sizeof(Digest) != signature.digests || hash64(copy) != hash)
    return damaged();
  std::memcpy(found.signer.bytes.data(), signature.key, sizeof signature.key);
  std::memcpy(found.signature.data(), signature.signature, sizeof signature.signature);
  found.digests.resize(signature.digests);
  if (!found.digests.empty())
    std::memcpy(found.digests.data(), copy.data() + sizeof signature, found.digests.size() * sizeof(Digest));
  return found;
}

Result<std::unique_ptr<SignedBlocks>> SignedBlocks::create(std::span<const std::byte> plan,
                                                           const std::optional<FoundSignature>& signature,
                                                           std::span<const PublicKey> keys, std::string name) {
  if (!signature)
    return refused("the plan is not signed, and a signature is required", name,
                   "if you know who built it, sign it with `burnish sign`");
  if (std::ranges::find(keys, signature->signer) == keys.end())
    return refused("the plan is signed by " + signature->signer.text() + ", which is none of the required keys", name,
                   "get it from the owner of a required key");
  CHECK(signature->plan_bytes == plan.size() && signature->digests.size() == block_count(plan.size()));
  const Message message = message_of(plan.size(), signature->digests);
  if (!signature->signer.signed_this(bytes_of(message), signature->signature))
    return refused("the signature is not of this plan", name, kRemedy);
  std::unique_ptr<SignedBlocks> blocks(new SignedBlocks);
  blocks->plan_ = plan;
  blocks->digests_ = signature->digests;
  blocks->verified_ = std::make_unique<std::atomic<bool>[]>(blocks->digests_.size());
  blocks->name_ = std::move(name);
  return blocks;
}

bool SignedBlocks::is_right(uint64_t block) {
  if (verified_[block]) return true;
  if (digest(block_of(plan_, block)) != digests_[block]) return false;
  verified_[block] = true;
  return true;
}

Status SignedBlocks::verify(uint64_t first, uint64_t bytes) {
  if (bytes == 0) return {};
  std::vector<uint64_t> blocks((first + bytes - 1) / kBlockBytes - first / kBlockBytes + 1);
  std::iota(blocks.begin(), blocks.end(), first / kBlockBytes);
  return verify(blocks, nullptr);
}

Status SignedBlocks::verify(std::span<const uint64_t> blocks, ThreadPool* pool) {
  constexpr uint64_t kNone = UINT64_MAX;
  std::atomic<uint64_t> wrong = kNone;
  for_all(blocks.size(), pool, [&](uint64_t i) {
    if (wrong == kNone && !is_right(blocks[i])) wrong = blocks[i];
  });
  if (wrong == kNone) return {};
  return refused("the plan is not what was signed, between byte " + std::to_string(wrong * kBlockBytes) + " and " +
                     std::to_string(wrong * kBlockBytes + block_of(plan_, wrong).size()),
                 name_, kRemedy);
}

}  // namespace burnish::plan

namespace burnish {

Result<std::vector<PublicKey>> required_keys(std::span<const std::string> keys_or_files) {
  constexpr const char* kVariable = "BURNISH_REQUIRE_KEY";
  std::vector<std::string> names(keys_or_files.begin(), keys_or_files.end());
  const char* variable = std::getenv(kVariable);
  const bool from_environment = names.empty() && variable != nullptr;
  for (std::string_view rest = from_environment ? variable : ""; !rest.empty();) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    if (comma > 0) names.emplace_back(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  // A variable that lost its value must not let everything in.
  if (from_environment && names.empty())
    return usage_error("the environment variable names no key", kVariable, "give it a .pub file, or unset it");
  std::vector<PublicKey> keys;
  for (const std::string& name : names) {
    auto key = find_public_key(name);
    if (!key && from_environment) return std::unexpected(std::move(key).error().within(kVariable));
    keys.push_back(TRY(std::move(key)));
  }
  return keys;
}

}  // namespace burnish
