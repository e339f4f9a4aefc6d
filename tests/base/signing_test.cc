#include "base/signing.h"

#include <unistd.h>

#include <filesystem>
#include <vector>

#include <gtest/gtest.h>

#include "base/file.h"

namespace burnish {
namespace {

std::string hex(std::span<const unsigned char> bytes) {
  std::string text;
  for (unsigned char b : bytes)
    for (int nibble : {b >> 4, b & 15}) text += "0123456789abcdef"[nibble];
  return text;
}

std::vector<unsigned char> unhex(std::string_view text) {
  std::vector<unsigned char> bytes;
  for (std::size_t i = 0; i < text.size(); i += 2)
    bytes.push_back(static_cast<unsigned char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
  return bytes;
}

// Python's hashlib.blake2b(..., digest_size=32).
TEST(Signing, DigestsAreBlake2b) {
  EXPECT_EQ(hex(digest({})), "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
  EXPECT_EQ(hex(digest(as_bytes("abc"))), "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
  std::string long_text(1000000, '\0');
  for (std::size_t i = 0; i < long_text.size(); ++i) long_text[i] = static_cast<char>(i % 251);
  const std::string expected = "9e5e2f2d303e7db6db30a3355a9a7def57785f58e04a95b22254b60ab9e9a51b";
  EXPECT_EQ(hex(digest(as_bytes(long_text))), expected);
  Digester pieces;
  for (int round = 0; round < 2; ++round) {
    for (std::size_t at = 0, size = 1; at < long_text.size(); at += size, size = size * 3 % 70001 + 1)
      pieces.add(as_bytes(std::string_view(long_text).substr(at, size)));
    EXPECT_EQ(hex(pieces.finish()), expected);
  }
}

// Tests 1 and 2 of RFC 8032, 7.1.
TEST(Signing, SignaturesAreEd25519) {
  const struct {
    const char *seed, *key, *message, *signature;
  } cases[] = {{"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5"
                "f0595bbe246551"
                "41438e7a100b"},
               {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2e"
                "aeb4302aeeb00d"
                "291612bb0c00"}};
  for (const auto& c : cases) {
    const SecretKey key = SecretKey::from_seed(unhex(c.seed)).value();
    EXPECT_EQ(hex(key.public_key().bytes), c.key);
    const auto message = unhex(c.message);
    SignatureBytes signature = key.sign(std::as_bytes(std::span(message)));
    EXPECT_EQ(hex(signature), c.signature);
    EXPECT_TRUE(key.public_key().signed_this(std::as_bytes(std::span(message)), signature));
    EXPECT_FALSE(key.public_key().signed_this(as_bytes("other"), signature));
    for (std::size_t bit = 0; bit < 512; ++bit) {
      SignatureBytes wrong = signature;
      wrong[bit / 8] ^= static_cast<unsigned char>(1 << bit % 8);
      EXPECT_FALSE(key.public_key().signed_this(std::as_bytes(std::span(message)), wrong)) << bit;
    }
  }
}

TEST(Signing, KeysAreOneLine) {
  const SecretKey key = SecretKey::make();
  EXPECT_NE(key.text(), SecretKey::make().text());
  const std::string open = key.public_key().text(), secret = key.text();
  EXPECT_EQ(open.size(), std::string("burnish-public-1:").size() + 64);
  EXPECT_EQ(parse_public_key(open, "k").value(), key.public_key());
  EXPECT_EQ(parse_public_key(open + "\n", "k").value(), key.public_key());
  EXPECT_EQ(parse_secret_key(secret + "\n", "k").value().text(), secret);

  for (const std::string& wrong :
       {std::string(), open.substr(1), open.substr(0, open.size() - 1), open + "0", open + "\n\n", open + "\r\n",
        open + " ", " " + open, open + std::string(1, '\0'), open.substr(17), "burnish-public-2:" + open.substr(17),
        "burnish-public-1:" + std::string(64, 'A'), "burnish-public-1:" + std::string(64, 'g'), secret}) {
    const auto parsed = parse_public_key(wrong, "k.pub");
    ASSERT_FALSE(parsed) << wrong;
    EXPECT_EQ(parsed.error().code, ErrorCode::refused);
    EXPECT_EQ(parsed.error().where, "k.pub");
    EXPECT_EQ(parsed.error().what.find("secret key where") != std::string::npos, wrong == secret) << wrong;
    EXPECT_EQ(parsed.error().message().find(secret.substr(17)), std::string::npos);  // never printed
  }
  std::string halves = secret;
  halves.back() = halves.back() == '0' ? '1' : '0';
  for (const std::string& wrong : {halves, secret.substr(0, 17 + 64), secret + "00", open, std::string()}) {
    const auto parsed = parse_secret_key(wrong, "k.key");
    ASSERT_FALSE(parsed) << wrong;
    EXPECT_EQ(parsed.error().code, ErrorCode::refused);
    EXPECT_EQ(parsed.error().message().find(secret.substr(17, 64)), std::string::npos);
  }
  EXPECT_FALSE(SecretKey::from_seed(std::vector<unsigned char>(31)));
}

TEST(Signing, KeysAreFoundInFiles) {
  const auto folder = std::filesystem::temp_directory_path() / ("burnish_signing_" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  const SecretKey key = SecretKey::make();
  const std::string open = (folder / "k.pub").string(), secret = (folder / "k.key").string();
  ASSERT_TRUE(write_file(open, key.public_key().text() + "\n"));
  ASSERT_TRUE(write_file(secret, key.text()));
  EXPECT_EQ(find_public_key(open).value(), key.public_key());
  EXPECT_EQ(find_public_key(key.public_key().text()).value(), key.public_key());
  EXPECT_EQ(find_secret_key(secret).value().public_key(), key.public_key());
  EXPECT_EQ(find_public_key(secret).error().code, ErrorCode::refused);
  EXPECT_EQ(find_secret_key(open).error().code, ErrorCode::refused);
  EXPECT_EQ(find_public_key(folder / "none").error().code, ErrorCode::io);
  ASSERT_TRUE(write_file(open, key.public_key().text() + "\n" + std::string(1 << 20, 'x')));
  EXPECT_EQ(find_public_key(open).error().code, ErrorCode::refused);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace burnish
