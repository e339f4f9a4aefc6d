#include "cli/bench_tool.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>

namespace burnish::cli {
namespace fs = std::filesystem;
namespace {

constexpr int kLevelsUp = 4;  // build/burnish, build/PRESET/burnish

// The folder above this program that has the tool; empty where there is none.
fs::path checkout_of(const fs::path& program) {
  std::error_code ignored;
  fs::path folder = program.parent_path();
  for (int i = 0; i < kLevelsUp && folder.has_relative_path(); ++i, folder = folder.parent_path())
    if (fs::exists(folder / "dev", ignored) && fs::exists(folder / "bench" / "bench.py", ignored)) return folder;
  return {};
}

}  // namespace

Error become_bench_tool(const std::vector<std::string>& words) {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  const fs::path checkout = error ? fs::path() : checkout_of(program);
  if (checkout.empty())
    return Error{ErrorCode::usage,
                 "the benchmark beside other engines and that of kernels are in Burnish's sources, and this program is "
                 "not in a checkout of them",
                 program.string(),
                 "clone Burnish and call ./dev bench there; its --burnish FILE measures this program"};
  const std::string dev = (checkout / "dev").string();
  std::vector<std::string> all = {dev, "bench"};
  all.insert(all.end(), words.begin(), words.end());
  std::vector<char*> pointers;
  for (std::string& word : all) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  setenv("BURNISH_PROGRAM", program.c_str(), 1);  // measured as it is, not built again
  execv(dev.c_str(), pointers.data());
  return Error{ErrorCode::io, fmt::format("cannot be run: {}", std::strerror(errno)), dev, ""};
}

}  // namespace burnish::cli
