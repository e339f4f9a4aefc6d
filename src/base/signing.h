#pragma once
// Who says so: BLAKE2b-256 and Ed25519 of libsodium, and keys as users keep them.
//
// A key is one line of text, in a file of its own: `burnish-public-1:` and 64 hexadecimal digits, or `burnish-secret-1:`
// and 128, the second half of which is the public key. Nothing else is a key: no blanks, capitals or further lines.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace burnish {

using Digest = std::array<unsigned char, 32>;
using SignatureBytes = std::array<unsigned char, 64>;

Digest digest(std::span<const std::byte> bytes);

// The same of bytes that come in pieces.
class Digester {
 public:
  Digester();
  ~Digester();
  Digester(Digester&&) noexcept;
  void add(std::span<const std::byte> bytes);
  Digest finish();  // of what was added since the last one

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct PublicKey {
  std::array<unsigned char, 32> bytes{};
  std::string text() const;
  bool operator==(const PublicKey&) const = default;
  bool signed_this(std::span<const std::byte> message, const SignatureBytes& signature) const;
};

// Wiped from memory when it goes.
class SecretKey {
 public:
  static SecretKey make();  // from the system's random numbers
  static Result<SecretKey> from_seed(std::span<const unsigned char> seed);
  ~SecretKey();
  SecretKey(const SecretKey&) = default;
  SecretKey& operator=(const SecretKey&) = default;

  PublicKey public_key() const;
  std::string text() const;
  SignatureBytes sign(std::span<const std::byte> message) const;

 private:
  friend Result<SecretKey> parse_secret_key(std::string_view text, std::string_view where);
  SecretKey() = default;
  std::array<unsigned char, 64> bytes_{};  // seed, public key
};

// One line, with or without its end. `where` stands in messages.
Result<PublicKey> parse_public_key(std::string_view text, std::string_view where);
Result<SecretKey> parse_secret_key(std::string_view text, std::string_view where);
// A line as above, or the name of a file that holds one.
Result<PublicKey> find_public_key(const std::string& key_or_file);
Result<SecretKey> find_secret_key(const std::string& key_or_file);

}  // namespace burnish
