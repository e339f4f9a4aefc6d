#include "base/limits.h"

#include <set>

#include <gtest/gtest.h>

namespace burnish {
namespace {

TEST(Limits, TableIsThatOfTheStruct) {
  const Limits defaults;
  std::set<std::string_view> names;
  for (const LimitSpec& spec : limit_table()) {
    EXPECT_TRUE(names.insert(spec.name).second) << spec.name;
    EXPECT_EQ(defaults.*(spec.member), spec.value) << spec.name;
    EXPECT_LE(spec.value, spec.most) << spec.name;
    EXPECT_FALSE(spec.doc.empty()) << spec.name;
  }
  EXPECT_EQ(limit_table().size() * sizeof(int64_t), sizeof(Limits));
}

TEST(Limits, AreSetByNameWithUnits) {
  Limits limits;
  ASSERT_TRUE(set_limit(limits, "nodes=12"));
  EXPECT_EQ(limits.nodes, 12);
  ASSERT_TRUE(set_limit(limits, "run_bytes=3G"));
  EXPECT_EQ(limits.run_bytes, int64_t{3} << 30);
  EXPECT_EQ(run_bytes(limits), int64_t{3} << 30);
  ASSERT_TRUE(set_limit(limits, "fold_bytes=5K"));
  EXPECT_EQ(limits.fold_bytes, 5 << 10);
  ASSERT_TRUE(set_limit(limits, "run_bytes=0"));
  EXPECT_GT(run_bytes(limits), int64_t{1} << 20);  // the machine's
}

TEST(Limits, WrongOnesAreTold) {
  for (const char* text :
       {"", "nodes", "nodes=", "nodes=-1", "nodes=+1", "nodes=1.5", "nodes=K", "nodes=1KK", "nodes=x", "=1", "node=1",
        "nodes =1", "nodes=99999999999999999999", "nodes=9223372036854775807K", "rank=65"}) {
    Limits limits;
    const Status set = set_limit(limits, text);
    ASSERT_FALSE(set) << text;
    EXPECT_EQ(set.error().code, ErrorCode::usage) << text;
    EXPECT_FALSE(set.error().where.empty() || set.error().remedy.empty()) << text;
    EXPECT_EQ(limits.nodes, Limits().nodes);
  }
}

TEST(Limits, ARefusalNamesTheLimitAndHowItIsRaised) {
  Limits limits;
  const Error error = over_limit(limits, &Limits::nodes, "too many", "m.onnx").error();
  EXPECT_EQ(error.code, ErrorCode::refused);
  EXPECT_EQ(error.message(),
            "m.onnx: too many; the limit 'nodes' is 200000: where you trust the file, raise it (--limit nodes=VALUE; "
            "limits of a "
            "call's options)");
  EXPECT_EQ(over_limit(limits, &Limits::rank, "too many").error().remedy,
            "the limit 'rank' is 64 and cannot be raised");
}

}  // namespace
}  // namespace burnish
