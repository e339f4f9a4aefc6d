// docs/operators.md says what the catalogue says. BURNISH_BLESS=1 writes it again.

#include "ops/support/docs.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "ops/operator.h"

namespace burnish {
namespace {

constexpr const char* kPage = "docs/operators.md";

std::string read_page() {
  std::ifstream file(kPage);
  std::stringstream stream;
  stream << file.rdbuf();
  return stream.str();
}

// The first line that differs, which says more than two whole pages.
std::string first_difference(const std::string& page, const std::string& wanted) {
  std::istringstream a(page), b(wanted);
  for (int number = 1;; ++number) {
    std::string have, want;
    const bool more = static_cast<bool>(std::getline(a, have)), wants = static_cast<bool>(std::getline(b, want));
    if (!more && !wants) return "line endings differ";
    if (more != wants || have != want)
      return "line " + std::to_string(number) + " is\n  " + have + "\nand should be\n  " + want;
  }
}

TEST(OperatorsPage, IsThatOfTheCatalogue) {
  const auto wanted = ops::operators_markdown();
  ASSERT_TRUE(wanted) << wanted.error().message();
  if (std::getenv("BURNISH_BLESS") != nullptr) std::ofstream(kPage) << *wanted;
  const std::string page = read_page();
  EXPECT_TRUE(page == *wanted) << kPage << " is not up to date: " << first_difference(page, *wanted)
                               << "\nBURNISH_BLESS=1 ./dev test -R ops writes it again";
}

TEST(OperatorsPage, DescribesEveryOperator) {
  const std::string page = read_page();
  for (const Operator* op : ops::all()) {
    const std::string name(op->name);
    if (op->scalar) EXPECT_NE(page.find("| `" + name + "("), std::string::npos) << name;
    else EXPECT_NE(page.find("\n### " + name + "\n"), std::string::npos) << name;
    EXPECT_FALSE(op->doc.empty()) << name;
    for (const AttributeSpec& attribute : op->attributes) EXPECT_FALSE(attribute.doc.empty()) << name;
  }
}

}  // namespace
}  // namespace burnish
