// Checkpoints that PyTorch and safetensors wrote, against what their own loaders read.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include <gtest/gtest.h>

#include "base/file.h"
#include "import/checkpoint/checkpoint.h"

namespace burnish {
namespace {

TEST(TorchCheckpoint, ReadsWhatItsOwnLoaderReads) {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "torch_checkpoints";
  std::filesystem::remove_all(folder);
  const std::string command = "python3 tests/slow/make_torch_checkpoints.py '" + folder.string() + "'";
  ASSERT_EQ(std::system(command.c_str()), 0) << command;

  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string path = entry.path().string();
    if (path.ends_with(".txt") || path.ends_with(".bin")) continue;
    SCOPED_TRACE(path);
    ++files;
    const auto checkpoint = read_checkpoint(path);
    ASSERT_TRUE(checkpoint) << checkpoint.error().message();
    const std::string data = *read_file(path + ".bin");
    std::ifstream lines(path + ".txt");
    std::size_t position = 0, count = 0;
    for (std::string line; std::getline(lines, line); ++count) {
      const std::size_t tab = line.find('\t');
      const Tensor* tensor = checkpoint->find(line.substr(0, tab));
      ASSERT_NE(tensor, nullptr) << line;
      EXPECT_EQ(tensor->type().text(), line.substr(tab + 1));
      ASSERT_LE(position + tensor->byte_size(), data.size());
      const std::string_view bytes(reinterpret_cast<const char*>(tensor->data()), tensor->byte_size());
      EXPECT_EQ(bytes, std::string_view(data).substr(position, bytes.size())) << line;
      position += bytes.size();
    }
    EXPECT_EQ(checkpoint->tensors().size(), count);
    EXPECT_EQ(position, data.size());
  }
  EXPECT_GE(files, 12u);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace burnish
