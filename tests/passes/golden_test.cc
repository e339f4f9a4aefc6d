// tests/passes/golden/PASS/NAME.txt: a graph, a line "// ----", and what PASS makes of it. BURNISH_BLESS=1 rewrites the
// second part. Both graphs must also compute the same.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "passes/runner.h"
#include "tests/passes/graphs.h"

namespace burnish::test {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSeparator = "// ----\n";
const fs::path kFolder = "tests/passes/golden";

std::vector<std::string> cases() {
  std::vector<std::string> paths;
  if (fs::exists(kFolder))
    for (const auto& entry : fs::recursive_directory_iterator(kFolder))
      if (entry.path().extension() == ".txt") paths.push_back(fs::relative(entry.path(), kFolder).string());
  std::ranges::sort(paths);
  return paths;
}

class Golden : public testing::TestWithParam<std::string> {};

TEST_P(Golden, MakesTheTextAndKeepsTheResults) {
  fs::path path = kFolder / GetParam();
  std::ifstream file(path);
  std::stringstream stream;
  stream << file.rdbuf();
  std::string text = stream.str();
  std::size_t at = text.find(kSeparator);
  std::string input = text.substr(0, at);
  std::string wanted = at == std::string::npos ? "" : text.substr(at + kSeparator.size());

  std::unique_ptr<Graph> graph = read_graph(input), original = read_graph(input);
  ASSERT_TRUE(graph && original);
  std::string name = path.parent_path().filename().string();
  PassFunction function = find_pass(name);
  ASSERT_NE(function, nullptr) << "no pass is called " << name;
  PassRow row{"test", name, true, function};
  PassRunner runner({}, {});
  auto changed = runner.run(*graph, row);
  ASSERT_TRUE(changed.has_value()) << changed.error().message();

  std::string found = print(*graph);
  if (std::getenv("BURNISH_BLESS") != nullptr) {
    std::ofstream(path) << input << kSeparator << found;
  } else {
    EXPECT_EQ(found, wanted);
  }
  std::mt19937 random(1);
  EXPECT_EQ(compare_results(*original, *graph, random, 1e-5), "");
}

INSTANTIATE_TEST_SUITE_P(Passes, Golden, testing::ValuesIn(cases()), [](const auto& info) {
  std::string name = info.param.substr(0, info.param.size() - 4);
  std::ranges::replace_if(name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
});

}  // namespace
}  // namespace burnish::test
