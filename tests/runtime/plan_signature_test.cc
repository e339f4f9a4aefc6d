// Where a key is required, a plan is what its owner signed, or it is refused: whatever was changed, and however well the
// hashes that need no key were made right again.

#include "runtime/plan_signature.h"

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "runtime/plan.h"
#include "runtime/plan_format.h"
#include "tests/runtime/programs.h"
#include "tests/support/plan_parts.h"

namespace burnish {
namespace {

using plan::kBlockBytes;
using testing::iota;

SecretKey key(unsigned char number) {
  const std::array<unsigned char, 32> seed = {number};
  return SecretKey::from_seed(seed).value();
}
const SecretKey kOurs = key(1), kTheirs = key(2);
const PublicKey kRequired[] = {kOurs.public_key()};

std::string text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string signed_by(const std::string& plan, const SecretKey& key) {
  return plan + text(plan::make_signature(as_bytes(plan), key, nullptr));
}

class PlanSignature : public ::testing::Test {
 protected:
  void SetUp() override {
    // In memory, where there is such: every plan is synced to its disk.
    const std::filesystem::path memory = "/dev/shm";
    folder_ = (std::filesystem::exists(memory) ? memory : std::filesystem::temp_directory_path()) /
              ("burnish_signature_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
    ::unsetenv("BURNISH_REQUIRE_KEY");
  }
  void TearDown() override {
    ::unsetenv("BURNISH_REQUIRE_KEY");
    std::filesystem::remove_all(folder_);
  }
  std::string path(const char* name) const { return (folder_ / name).string(); }

  std::string saved(const Program& program, const SecretKey* key = nullptr, const Graph* simplified = nullptr) const {
    const Program* images[] = {&program};
    PlanMetadata metadata;
    metadata.key = key;
    metadata.simplified = simplified;
    metadata.decisions = "[]";
    const Status status = save_plan(images, metadata, path("saved.plan"));
    EXPECT_TRUE(status) << status.error().message();
    return read_file(path("saved.plan")).value();
  }
  std::filesystem::path folder_;
};

Result<std::vector<RuntimeValue>> run_plan(const Plan& plan, std::vector<RuntimeValue> inputs,
                                           ThreadPool* pool = nullptr) {
  Context context(TRY(Executor::create(TRY(plan.program()))), pool);
  return context.run(inputs);
}

auto load(const std::string& file, std::span<const PublicKey> required = kRequired) {
  return Plan::from_bytes(as_bytes(file), nullptr, "some.plan", required);
}

void expect_refused(const std::string& file, std::string_view says, const std::string& what = {}) {
  const auto plan = load(file);
  ASSERT_FALSE(plan) << what;
  EXPECT_EQ(plan.error().code, ErrorCode::refused) << what;
  EXPECT_EQ(plan.error().where, "some.plan") << what;
  EXPECT_NE(plan.error().remedy, "") << what;
  EXPECT_NE(plan.error().message().find(says), std::string::npos) << what << ": " << plan.error().message();
}

// y = x + w with 1000000 elements: weights of almost four blocks.
std::unique_ptr<Program> large_program(int64_t first = 0) {
  constexpr int64_t kElements = 1000000;
  testing::ProgramBuilder b;
  const Type type = Type::tensor(DType::f32, {kElements});
  Tensor weights = iota(kElements);
  weights.mutable_as<float>()[0] = static_cast<float>(first);
  const int x = b.input("x", type), w = b.constant("w", weights), y = b.output("y", type);
  b.add(x, w, y, kElements, 4096);
  return std::move(b.program);
}

TEST_F(PlanSignature, FollowsAPlanThatStaysAsItIs) {
  const auto program = testing::mixed_program();
  const std::string bare = saved(*program), file = saved(*program, &kOurs);
  EXPECT_EQ(file.substr(0, bare.size()), bare);
  EXPECT_EQ(file.size(), bare.size() + sizeof(plan::Signature) + sizeof(Digest));
  EXPECT_EQ(saved(*program, &kOurs), file);
  EXPECT_EQ(signed_by(bare, kOurs), file);
  // Once more, in the place of another's.
  ThreadPool pool(2);
  for (const std::string& from : {bare, file, signed_by(bare, kTheirs)}) {
    ASSERT_TRUE(sign_plan(*load(from, {}).value(), kOurs, path("again.plan"), &pool));
    EXPECT_EQ(read_file(path("again.plan")).value(), file);
  }
  const auto plan = load(file);
  ASSERT_TRUE(plan) << plan.error().message();
  EXPECT_EQ((*plan)->signer(), kOurs.public_key());
  EXPECT_TRUE((*plan)->signature_verified());
  EXPECT_EQ(text((*plan)->file()), file);
  EXPECT_EQ(text((*plan)->bytes()), bare);
  const auto y = run_plan(**plan, {iota(8)});
  ASSERT_TRUE(y) << y.error().message();
  EXPECT_EQ((*y)[0].tensor().real_at(7), -7);
  // What says who it is from need not be believed.
  EXPECT_EQ(load(file, {}).value()->signer(), kOurs.public_key());
  EXPECT_FALSE(load(file, {}).value()->signature_verified());
  EXPECT_EQ(load(bare, {}).value()->signer(), std::nullopt);
}

TEST_F(PlanSignature, OneOfTheKeysIsEnough) {
  const std::string bare = saved(*testing::mixed_program());
  const PublicKey both[] = {kTheirs.public_key(), kOurs.public_key()};
  for (const SecretKey* k : {&kOurs, &kTheirs}) EXPECT_TRUE(load(signed_by(bare, *k), both));
  expect_refused(signed_by(bare, kTheirs), "signed by " + kTheirs.public_key().text());
  expect_refused(bare, "is not signed");
  EXPECT_TRUE(load(bare, {}));
}

TEST_F(PlanSignature, AnyBitFlipped) {
  const std::string bare = saved(*testing::mixed_program()), file = signed_by(bare, kOurs);
  const auto unchanged = [&](const std::string& changed) { return changed == file; };
  for (std::size_t bit = 0; bit < file.size() * 8; bit += bit / 8 < 1500 || bit / 8 >= bare.size() ? 1 : 5) {
    std::string changed = file;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    for (const bool hashes : {false, true}) {
      if (hashes) testing::rehash(changed);
      // A changed hash is all that making hashes right undoes.
      if (hashes && unchanged(changed)) continue;
      const auto plan = load(changed);
      ASSERT_FALSE(plan) << "bit " << bit;
      ASSERT_EQ(plan.error().code, ErrorCode::refused) << "bit " << bit;
    }
  }
}

TEST_F(PlanSignature, CutAnywhere) {
  const std::string bare = saved(*testing::mixed_program()), file = signed_by(bare, kOurs);
  for (std::size_t size = 0; size < file.size(); size += size < 1500 || size + 300 > bare.size() ? 1 : 61) {
    const std::string cut = file.substr(0, size);
    EXPECT_FALSE(load(cut)) << size;
    // Without the whole signature it is the plan that it was.
    const auto unsigned_plan = load(cut, {});
    EXPECT_EQ(unsigned_plan.has_value(), size == bare.size()) << size;
    if (!unsigned_plan) {
      EXPECT_EQ(unsigned_plan.error().code, ErrorCode::refused) << size;
    }
  }
}

TEST_F(PlanSignature, OtherSignatures) {
  const std::string bare = saved(*testing::mixed_program()), file = signed_by(bare, kOurs);
  const std::string signature = testing::signature_of(file);
  ASSERT_EQ(bare + signature, file);
  expect_refused(file + signature, "damaged");  // two
  expect_refused(file + testing::signature_of(signed_by(bare, kTheirs)), "damaged");
  expect_refused(bare + testing::signature_of(signed_by(bare, kTheirs)) + signature, "damaged");
  expect_refused(file + '\0', "damaged");
  expect_refused(bare + "x" + signature, "follows the plan");
  EXPECT_FALSE(load(file + signature, {}));
  // Of another plan: the same length, and another one.
  auto other = testing::mixed_program();
  other->output_names[0] = "z";
  const std::string sibling = saved(*other);
  ASSERT_EQ(sibling.size(), bare.size());
  expect_refused(sibling + signature, "not what was signed");
  const std::string longer = saved(*testing::scale_program());
  expect_refused(longer + signature, "");
  expect_refused(longer + testing::fitted_signature(signature, longer), "");

  // Theirs, with our name on it; ours, with their digests in it.
  std::string forged = testing::signature_of(signed_by(sibling, kTheirs));
  std::memcpy(forged.data() + offsetof(plan::Signature, key), kRequired[0].bytes.data(), 32);
  expect_refused(sibling + testing::fitted_signature(forged, sibling), "signature is not of this plan");
  std::memcpy(forged.data() + offsetof(plan::Signature, signature),
              signature.data() + offsetof(plan::Signature, signature), 64);
  expect_refused(sibling + testing::fitted_signature(forged, sibling), "signature is not of this plan");
  // What we signed for another purpose: the digests without the words around them.
  const Digest root = digest(as_bytes(signature.substr(sizeof(plan::Signature))));
  const SignatureBytes raw = kOurs.sign(std::as_bytes(std::span(root)));
  std::string other_purpose = signature;
  std::memcpy(other_purpose.data() + offsetof(plan::Signature, signature), raw.data(), raw.size());
  expect_refused(bare + testing::fitted_signature(other_purpose, bare), "signature is not of this plan");
  // One of a later program.
  std::string later = signature;
  later[8] = 2;
  expect_refused(bare + testing::fitted_signature(later, bare), "format 2");
}

TEST_F(PlanSignature, WeightsAreVerifiedBeforeTheyAreUsed) {
  const auto program = large_program();
  const std::string bare = saved(*program), file = saved(*program, &kOurs);
  EXPECT_EQ(signed_by(bare, kOurs), file);
  ASSERT_GT(bare.size(), 3 * kBlockBytes);
  ThreadPool pool(2);
  {
    const auto y = run_plan(*load(file).value(), {iota(1000000)}, &pool);
    ASSERT_TRUE(y) << y.error().message();
    EXPECT_EQ((*y)[0].tensor().real_at(999999), 2 * 999999.0);
  }
  const auto refuses_to_run = [&](std::string changed, const char* block) {
    testing::rehash(changed);
    ASSERT_NE(changed, file);
    ASSERT_TRUE(run_plan(*load(changed, {}).value(), {iota(1000000)}));  // nothing but the signature knows
    const auto plan = load(changed);
    ASSERT_FALSE(plan.has_value() && run_plan(**plan, {iota(1000000)}, &pool).has_value());
    const Error error = plan ? run_plan(**plan, {iota(1000000)}).error() : plan.error();
    EXPECT_EQ(error.code, ErrorCode::refused);
    EXPECT_NE(error.message().find(block), std::string::npos) << error.message();
    if (plan) {
      EXPECT_FALSE((*plan)->check_constants(&pool));
    }
  };
  std::string changed = file;
  changed[3 * kBlockBytes + 5] ^= 4;  // XXH3 has the block right again, so the head differs, too
  refuses_to_run(changed, "between byte 0 and");
  // Blocks in each other's place, theirs and what belongs to them.
  std::string swapped = file;
  std::swap_ranges(swapped.begin() + kBlockBytes, swapped.begin() + 2 * kBlockBytes, swapped.begin() + 2 * kBlockBytes);
  const std::size_t digests = bare.size() + sizeof(plan::Signature);
  std::string with_digests = swapped;
  std::swap_ranges(with_digests.begin() + static_cast<std::ptrdiff_t>(digests) + 32,
                   with_digests.begin() + static_cast<std::ptrdiff_t>(digests) + 64,
                   with_digests.begin() + static_cast<std::ptrdiff_t>(digests) + 64);
  refuses_to_run(swapped, "between byte 0 and");
  testing::rehash(with_digests);
  expect_refused(with_digests, "signature is not of this plan");
  // Where the tables are as they were signed, it is the signature that notices the weights, and not XXH3.
  std::string weights = file;
  weights[3 * kBlockBytes + 5] ^= 4;
  const auto plan = load(weights);
  ASSERT_TRUE(plan) << plan.error().message();
  const auto y = run_plan(**plan, {iota(1000000)}, &pool);
  ASSERT_FALSE(y);
  EXPECT_NE(y.error().message().find("not what was signed, between byte 3145728"), std::string::npos)
      << y.error().message();
}

TEST_F(PlanSignature, CodeIsVerifiedBeforeItIsExecutable) {
  auto program = testing::scale_program();
  program->code.resize(3 * kBlockBytes);
  const std::string file = saved(*program, &kOurs);
  for (const std::size_t at : {2 * kBlockBytes - 9, 2 * kBlockBytes + 1, 3 * kBlockBytes - 5}) {
    std::string changed = file;
    changed[at] ^= 1;
    const auto plan = load(changed);
    ASSERT_TRUE(plan) << plan.error().message();
    const auto loaded = (*plan)->program();
    ASSERT_FALSE(loaded) << at;
    EXPECT_NE(loaded.error().message().find("not what was signed"), std::string::npos) << loaded.error().message();
    EXPECT_FALSE((*plan)->check_all(nullptr));
  }
  EXPECT_TRUE(run_plan(*load(file).value(), {iota(8)}));
}

TEST_F(PlanSignature, GraphsAreVerified) {
  Graph graph;
  Builder b(graph);
  Value* x = graph.add_input("x", Type::tensor(DType::f32, {1000000}));
  graph.add_output(b.op("add", {x, b.constant(iota(1000000), "w")}), "y");
  std::string file = saved(*large_program(), &kOurs, &graph);
  EXPECT_TRUE(load(file).value()->simplified());
  file[2 * kBlockBytes] ^= 1;
  const auto changed = load(file).value()->simplified();
  ASSERT_FALSE(changed);
  EXPECT_NE(changed.error().message().find("not what was signed"), std::string::npos);
}

// Who can write to the file that is mapped changes neither code nor anything else that was verified when it was opened.
TEST_F(PlanSignature, FilesThatChangeAfterwards) {
  auto program = testing::scale_program();
  program->code.resize(2 * kBlockBytes);
  ASSERT_TRUE(write_file(path("a.plan"), saved(*program, &kOurs)));
  const auto opened = Plan::open(path("a.plan"), kRequired);
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_TRUE((*opened)->signature_verified());
  {
    std::fstream file(path("a.plan"), std::ios::in | std::ios::out | std::ios::binary);
    const std::string zeros(std::filesystem::file_size(path("a.plan")), '\0');
    file.write(zeros.data(), static_cast<std::streamsize>(zeros.size()));
  }
  const auto y = run_plan(**opened, {iota(8)});
  ASSERT_TRUE(y) << y.error().message();
  EXPECT_EQ((*y)[0].tensor().real_at(7), 8 * 7 + 7 * 8);
  EXPECT_EQ((*opened)->decisions(), "[]");
}

TEST_F(PlanSignature, KeysOfTheEnvironment) {
  const std::string ours = kRequired[0].text(), theirs = kTheirs.public_key().text();
  EXPECT_TRUE(required_keys({}).value().empty());
  ::setenv("BURNISH_REQUIRE_KEY", (theirs + "," + ours).c_str(), 1);
  EXPECT_EQ(required_keys({}).value(), (std::vector{kTheirs.public_key(), kRequired[0]}));
  const std::string given[] = {ours};
  EXPECT_EQ(required_keys(given).value(), std::vector{kRequired[0]});
  for (const char* wrong : {"", ",", "burnish-public-1:00", "/nowhere/k.pub"}) {
    ::setenv("BURNISH_REQUIRE_KEY", wrong, 1);
    const auto keys = required_keys({});
    ASSERT_FALSE(keys) << wrong;
    EXPECT_NE(keys.error().message().find("BURNISH_REQUIRE_KEY"), std::string::npos) << keys.error().message();
  }
}

TEST_F(PlanSignature, DamagedPlansAreNotSigned) {
  std::string file = saved(*large_program());
  file[2 * kBlockBytes] ^= 1;
  const Status status = sign_plan(*load(file, {}).value(), kOurs, path("signed.plan"), nullptr);
  ASSERT_FALSE(status);
  EXPECT_FALSE(std::filesystem::exists(path("signed.plan")));
}

}  // namespace
}  // namespace burnish
