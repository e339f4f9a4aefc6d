#include "base/file.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include <gtest/gtest.h>

namespace burnish {
namespace {

namespace fs = std::filesystem;

class Files : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "burnish-files-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::set<std::string> names() const {
    std::set<std::string> result;
    for (const auto& entry : fs::directory_iterator(folder_)) result.insert(entry.path().filename().string());
    return result;
  }
  fs::path folder_;
};

TEST_F(Files, AreWrittenWhole) {
  ASSERT_TRUE(write_file(path("a"), "first"));
  ASSERT_TRUE(write_file(path("a"), "second"));
  EXPECT_EQ(read_file(path("a")).value(), "second");
  EXPECT_EQ(names(), std::set<std::string>{"a"});
}

TEST_F(Files, WhatALinkLeadsToIsReplaced) {
  ASSERT_TRUE(write_file(path("a"), "old"));
  fs::create_symlink("a", path("link"));
  ASSERT_TRUE(write_file(path("link"), "new"));
  EXPECT_TRUE(fs::is_symlink(path("link")));
  EXPECT_EQ(read_file(path("a")).value(), "new");
  fs::create_symlink("later", path("ahead"));
  ASSERT_TRUE(write_file(path("ahead"), "made"));
  EXPECT_EQ(read_file(path("later")).value(), "made");
}

TEST_F(Files, PermissionsFollowTheMask) {
  const mode_t old = ::umask(027);
  ASSERT_TRUE(write_file(path("a"), "text"));
  ::umask(old);
  struct stat info;
  ASSERT_EQ(::stat(path("a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640u);
}

TEST_F(Files, NothingIsLeftWithoutCommit) {
  ASSERT_TRUE(write_file(path("a"), "old"));
  {
    auto file = AtomicFile::create(path("a"));
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->write("new"));
    AtomicFile moved = std::move(*file);
    ASSERT_TRUE(moved.write("er"));
  }
  EXPECT_EQ(read_file(path("a")).value(), "old");
  EXPECT_EQ(names(), std::set<std::string>{"a"});
}

TEST_F(Files, NothingIsLeftOfAProcessThatIsKilled) {
  const pid_t child = ::fork();
  if (child == 0) {
    auto file = AtomicFile::create(path("a"));
    if (file && file->write(std::string(1 << 20, 'x'))) ::raise(SIGKILL);
    ::_exit(1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  // File systems without nameless files keep a temporary one; the file itself is never there.
  EXPECT_FALSE(names().contains("a"));
  EXPECT_LE(names().size(), 1u);
}

TEST_F(Files, SeveralOfOneNameAtATime) {
  auto first = AtomicFile::create(path("a")), second = AtomicFile::create(path("a"));
  ASSERT_TRUE(first && second);
  ASSERT_TRUE(first->write("first"));
  ASSERT_TRUE(second->write("second"));
  ASSERT_TRUE(second->commit());
  ASSERT_TRUE(first->commit());
  EXPECT_EQ(read_file(path("a")).value(), "first");
  EXPECT_EQ(names(), std::set<std::string>{"a"});
}

TEST_F(Files, ErrorsOfInputAndOutput) {
  for (const std::string& bad : {path("no/such/folder"), folder_.string()}) {
    const auto file = AtomicFile::create(bad);
    ASSERT_FALSE(file) << bad;
    EXPECT_EQ(file.error().code, ErrorCode::io);
    EXPECT_NE(file.error().message().find(bad), std::string::npos);
  }
  EXPECT_EQ(MappedFile::open(path("none")).error().code, ErrorCode::io);
  EXPECT_EQ(MappedFile::open(folder_.string()).error().code, ErrorCode::io);
  const Status full = write_file("/dev/full", "text");
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ErrorCode::io);
  EXPECT_TRUE(write_file("/dev/null", "text"));
}

}  // namespace
}  // namespace burnish
