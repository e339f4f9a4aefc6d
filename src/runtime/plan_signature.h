#pragma once
// Who made a plan. A signature follows the plan's own bytes, which stay as they are without one:
//
//   Signature   whose, and the Ed25519 signature of the root
//   digests     BLAKE2b-256 of every block of 1 MiB of the plan: header, tables, sections and what lies between them
//
// The root is the BLAKE2b-256 of all digests; what is signed says, too, that this is a plan, of which format, and how
// long it is. The plan's header gives its length, so there is one place for a signature and only one.

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/signing.h"
#include "base/thread_pool.h"

namespace burnish::plan {

inline constexpr char kSignatureMagic[8] = {'\x89', 'B', 'S', 'I', 'G', '\r', '\n', '\x1a'};
inline constexpr uint32_t kSignatureVersion = 1;

struct Signature {
  char magic[8];
  uint32_t version, reserved;
  uint64_t plan_bytes, digests;
  unsigned char key[32];
  unsigned char signature[64];
  uint64_t hash;  // XXH3 of this with 0 here, and of the digests: for accidents
};
static_assert(sizeof(Signature) == 136);

// Digests of blocks, of bytes that come in pieces.
class BlockDigests {
 public:
  void add(std::span<const std::byte> bytes);
  std::vector<Digest> finish();

 private:
  Digester digester_;
  uint64_t filled_ = 0;
  std::vector<Digest> digests_;
};

// What follows a plan with these digests.
std::vector<std::byte> make_signature(uint64_t plan_bytes, std::span<const Digest> digests, const SecretKey& key);
std::vector<std::byte> make_signature(std::span<const std::byte> plan, const SecretKey& key, ThreadPool* pool);

// A signature as it was found: well formed, and whole as far as its XXH3 tells.
struct FoundSignature {
  PublicKey signer;
  SignatureBytes signature{};
  uint64_t plan_bytes = 0;
  std::vector<Digest> digests;
};
Result<FoundSignature> read_signature(std::span<const std::byte> bytes, uint64_t plan_bytes, const std::string& name);

// Blocks of a plan, each compared with what was signed before anybody looks at it.
class SignedBlocks {
 public:
  // Only if one of the keys made the signature.
  static Result<std::unique_ptr<SignedBlocks>> create(std::span<const std::byte> plan,
                                                      const std::optional<FoundSignature>& signature,
                                                      std::span<const PublicKey> keys, std::string name);
  // All that these bytes lie in.
  Status verify(uint64_t first, uint64_t bytes);
  Status verify(std::span<const uint64_t> blocks, ThreadPool* pool);

 private:
  SignedBlocks() = default;
  bool is_right(uint64_t block);
  std::span<const std::byte> plan_;
  std::vector<Digest> digests_;
  std::unique_ptr<std::atomic<bool>[]> verified_;
  std::string name_;
};

}  // namespace burnish::plan

namespace burnish {

// The keys that are asked for; where none is, those in the environment variable BURNISH_REQUIRE_KEY, separated by commas.
Result<std::vector<PublicKey>> required_keys(std::span<const std::string> keys_or_files);

}  // namespace burnish
