#include "base/signing.h"

#include <sodium.h>

#include <algorithm>

#include "base/file.h"

namespace burnish {
namespace {

constexpr std::string_view kPublic = "burnish-public-1:", kSecret = "burnish-secret-1:";
constexpr std::size_t kLongestFile = 1024;  // a key is far shorter

static_assert(sizeof(Digest) == 32 && crypto_generichash_blake2b_BYTES == 32);
static_assert(crypto_sign_PUBLICKEYBYTES == 32 && crypto_sign_SECRETKEYBYTES == 64 && crypto_sign_BYTES == 64);

// Chooses the implementations for this processor. May be called again, from any thread.
void prepare() { CHECK(sodium_init() >= 0, "libsodium has no random numbers"); }

const unsigned char* data(std::span<const std::byte> bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

std::string hexadecimal(std::span<const unsigned char> bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (unsigned char b : bytes) {
    text += kDigits[b >> 4];
    text += kDigits[b & 15];
  }
  return text;
}

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool read_hexadecimal(std::string_view text, std::span<unsigned char> bytes) {
  if (text.size() != 2 * bytes.size()) return false;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    bytes[i] = static_cast<unsigned char>(high * 16 + low);
  }
  return true;
}

// What follows the prefix on the one line.
std::string_view body(std::string_view text, std::string_view prefix) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  return text.starts_with(prefix) ? text.substr(prefix.size()) : std::string_view();
}

template <class Key>
Result<Key> find_key(const std::string& key_or_file, Result<Key> (*parse)(std::string_view, std::string_view)) {
  if (key_or_file.starts_with(kPublic) || key_or_file.starts_with(kSecret)) return parse(key_or_file, "a key");
  const auto file = TRY(MappedFile::open(key_or_file));
  const auto bytes = file->bytes();
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), std::min(bytes.size(), kLongestFile));
  return parse(text, key_or_file);
}

}  // namespace

Digest digest(std::span<const std::byte> bytes) {
  prepare();
  Digest result;
  crypto_generichash_blake2b(result.data(), result.size(), data(bytes), bytes.size(), nullptr, 0);
  return result;
}

struct Digester::State {
  crypto_generichash_blake2b_state state;
  void begin() { crypto_generichash_blake2b_init(&state, nullptr, 0, sizeof(Digest)); }
};

Digester::Digester() : state_(std::make_unique<State>()) {
  prepare();
  state_->begin();
}
Digester::~Digester() = default;
Digester::Digester(Digester&&) noexcept = default;

void Digester::add(std::span<const std::byte> bytes) {
  crypto_generichash_blake2b_update(&state_->state, data(bytes), bytes.size());
}

Digest Digester::finish() {
  Digest result;
  crypto_generichash_blake2b_final(&state_->state, result.data(), result.size());
  state_->begin();
  return result;
}

std::string PublicKey::text() const { return std::string(kPublic) + hexadecimal(bytes); }

bool PublicKey::signed_this(std::span<const std::byte> message, const SignatureBytes& signature) const {
  prepare();
  return crypto_sign_verify_detached(signature.data(), data(message), message.size(), bytes.data()) == 0;
}

SecretKey SecretKey::make() {
  prepare();
  SecretKey key;
  PublicKey ignored;
  crypto_sign_keypair(ignored.bytes.data(), key.bytes_.data());
  return key;
}

Result<SecretKey> SecretKey::from_seed(std::span<const unsigned char> seed) {
  if (seed.size() != crypto_sign_SEEDBYTES) return usage_error("the seed of a key has 32 bytes");
  prepare();
  SecretKey key;
  PublicKey ignored;
  crypto_sign_seed_keypair(ignored.bytes.data(), key.bytes_.data(), seed.data());
  return key;
}

SecretKey::~SecretKey() { sodium_memzero(bytes_.data(), bytes_.size()); }

PublicKey SecretKey::public_key() const {
  PublicKey key;
  std::copy_n(bytes_.data() + 32, 32, key.bytes.data());
  return key;
}

std::string SecretKey::text() const { return std::string(kSecret) + hexadecimal(bytes_); }

SignatureBytes SecretKey::sign(std::span<const std::byte> message) const {
  prepare();
  SignatureBytes signature;
  crypto_sign_detached(signature.data(), nullptr, data(message), message.size(), bytes_.data());
  return signature;
}

Result<PublicKey> parse_public_key(std::string_view text, std::string_view where) {
  PublicKey key;
  if (read_hexadecimal(body(text, kPublic), key.bytes)) return key;
  if (text.starts_with(kSecret))
    return refused("is a secret key where a public one belongs", std::string(where),
                   "give the .pub that was made with it, and the secret key to nobody");
  return refused("is no public key", std::string(where), "give a .pub that `burnish key new` made");
}

Result<SecretKey> parse_secret_key(std::string_view text, std::string_view where) {
  SecretKey key;
  if (!read_hexadecimal(body(text, kSecret), key.bytes_)) {
    if (text.starts_with(kPublic))
      return refused("is a public key where a secret one belongs", std::string(where),
                     "give the .key that was made with it");
    return refused("is no secret key", std::string(where), "give a .key that `burnish key new` made");
  }
  const auto whole = TRY(SecretKey::from_seed(std::span(key.bytes_).first(32)));
  if (whole.bytes_ != key.bytes_)
    return refused("the two halves of the secret key do not belong together", std::string(where));
  return key;
}

Result<PublicKey> find_public_key(const std::string& key_or_file) { return find_key(key_or_file, parse_public_key); }
Result<SecretKey> find_secret_key(const std::string& key_or_file) { return find_key(key_or_file, parse_secret_key); }

}  // namespace burnish
