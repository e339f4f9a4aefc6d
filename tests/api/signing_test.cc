// Engines with a signature, through the public interface.

#include <cstddef>
#include <fstream>
#include <iterator>

#include "tests/api/networks.h"

namespace api_test {
namespace {

// RFC 8032, 7.1, tests 1 and 2.
constexpr const char* kSecret =
    "burnish-secret-1:9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
constexpr const char* kPublic = "burnish-public-1:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
constexpr const char* kOther = "burnish-public-1:3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";

class Signing : public ::testing::Test {
 protected:
  void SetUp() override { ::unsetenv("BURNISH_REQUIRE_KEY"); }
  void TearDown() override { ::unsetenv("BURNISH_REQUIRE_KEY"); }
  std::string path(const char* name) const { return folder_ / name; }
  std::string read(const char* name) const {
    std::ifstream file(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  Folder folder_;
};

burnish_status status_of(const burnish::Result<burnish::Engine>& engine) {
  return engine ? BURNISH_OK : static_cast<burnish_status>(engine.error().code);
}

TEST_F(Signing, EnginesAreSignedWhenTheyAreSavedAndRequiredWhenTheyAreLoaded) {
  const auto built = value(burnish::build(classifier()));
  expect_ok(built.save(path("plain.plan")));
  expect_ok(built.save(path("signed.plan"), {.signing_key = kSecret}));
  const std::string plain = read("plain.plan"), file = read("signed.plan");
  EXPECT_EQ(file.substr(0, plain.size()), plain);
  EXPECT_GT(file.size(), plain.size());

  const burnish::LoadOptions ours{.required_keys = {kOther, kPublic}}, theirs{.required_keys = {kOther}};
  const auto loaded = value(burnish::load_engine(path("signed.plan"), ours));
  EXPECT_EQ(value(loaded.signer()), kPublic);
  EXPECT_EQ(value(value(burnish::load_engine(path("signed.plan"))).signer()), "");
  EXPECT_EQ(value(built.signer()), "");
  EXPECT_EQ(status_of(burnish::load_engine(path("signed.plan"), theirs)), BURNISH_REFUSED);
  EXPECT_EQ(status_of(burnish::load_engine(path("plain.plan"), ours)), BURNISH_REFUSED);
  EXPECT_EQ(status_of(burnish::load_engine(path("plain.plan"))), BURNISH_OK);
  const auto bytes = std::as_bytes(std::span(file));
  EXPECT_EQ(status_of(burnish::load_engine(bytes, ours)), BURNISH_OK);
  EXPECT_EQ(status_of(burnish::load_engine(bytes, theirs)), BURNISH_REFUSED);
  EXPECT_EQ(status_of(burnish::load_engine(bytes.first(plain.size()), ours)), BURNISH_REFUSED);

  auto context = value(loaded.create_context());
  EXPECT_EQ(value(context.run({filled({2, 4})})).size(), 1U);

  // A loaded plan keeps its signature, and gets one.
  expect_ok(loaded.save(path("again.plan")));
  EXPECT_EQ(read("again.plan"), file);
  expect_ok(value(burnish::load_engine(path("plain.plan"))).save(path("again.plan"), {.signing_key = kSecret}));
  EXPECT_EQ(read("again.plan"), file);
}

TEST_F(Signing, TheEnvironmentRequiresKeys) {
  const auto built = value(burnish::build(classifier()));
  expect_ok(built.save(path("plain.plan")));
  expect_ok(built.save(path("signed.plan"), {.signing_key = kSecret}));
  ::setenv("BURNISH_REQUIRE_KEY", kPublic, 1);
  EXPECT_EQ(status_of(burnish::load_engine(path("signed.plan"))), BURNISH_OK);
  EXPECT_EQ(status_of(burnish::load_engine(path("plain.plan"))), BURNISH_REFUSED);
  EXPECT_EQ(status_of(burnish::load_engine(path("signed.plan"), {.required_keys = {kOther}})), BURNISH_REFUSED);
  ::setenv("BURNISH_REQUIRE_KEY", "", 1);
  EXPECT_EQ(status_of(burnish::load_engine(path("signed.plan"))), BURNISH_USAGE);
}

TEST_F(Signing, WrongKeysAndOptions) {
  const auto built = value(burnish::build(classifier()));
  expect_ok(built.save(path("signed.plan"), {.signing_key = kSecret}));
  EXPECT_EQ(error(built.save(path("x.plan"), {.signing_key = kPublic})).code, burnish::ErrorCode::refused);
  EXPECT_EQ(error(built.save(path("x.plan"), {.signing_key = path("none")})).code, burnish::ErrorCode::io);
  EXPECT_FALSE(std::filesystem::exists(path("x.plan")));
  EXPECT_EQ(status_of(burnish::load_engine(path("signed.plan"), {.required_keys = {kSecret}})), BURNISH_REFUSED);

  const burnish_table& b = *burnish_api(BURNISH_API_VERSION);
  burnish_engine* engine = nullptr;
  burnish_load_options options{};
  options.size = sizeof options;
  options.required_key_count = 1;
  EXPECT_EQ(b.engine_load(path("signed.plan").c_str(), &options, &engine, nullptr), BURNISH_USAGE);
  const char* none[] = {nullptr};
  options.required_keys = none;
  EXPECT_EQ(b.engine_load(path("signed.plan").c_str(), &options, &engine, nullptr), BURNISH_USAGE);
  EXPECT_EQ(engine, nullptr);
  // Programs from before there were keys have shorter options.
  options.size = offsetof(burnish_load_options, required_keys);
  EXPECT_EQ(b.engine_load(path("signed.plan").c_str(), &options, &engine, nullptr), BURNISH_OK);
  EXPECT_EQ(b.engine_save_as(engine, path("copy.plan").c_str(), nullptr, nullptr), BURNISH_OK);
  EXPECT_EQ(read("copy.plan"), read("signed.plan"));
  burnish_save_options save{};
  EXPECT_EQ(b.engine_save_as(engine, path("copy.plan").c_str(), &save, nullptr), BURNISH_USAGE);
  b.engine_free(engine);
}

}  // namespace
}  // namespace api_test
