#include "import/checkpoint/checkpoint.h"

#include <filesystem>
#include <fstream>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/file.h"

namespace burnish {
namespace {

constexpr char kFolder[] = "tests/fuzz/corpus/checkpoint";

std::string listing(const Checkpoint& checkpoint) {
  std::string out;
  for (const NamedTensor& t : checkpoint.tensors()) {
    if (!out.empty()) out += " | ";
    out += t.name + ": " + t.tensor.text();
  }
  return out;
}

std::string path(const std::string& file) { return std::string(kFolder) + "/" + file; }

// Files and rows are made by make_checkpoints.py.
TEST(Checkpoint, ReadsOrRefusesEachFileAsItsRowSays) {
  std::ifstream rows("tests/import/checkpoints.txt");
  std::set<std::string> seen;
  for (std::string row; std::getline(rows, row);) {
    const std::size_t first = row.find('\t'), second = row.find('\t', first + 1);
    const std::string file = row.substr(0, first), outcome = row.substr(first + 1, second - first - 1),
                      says = row.substr(second + 1);
    seen.insert(file);
    const auto checkpoint = read_checkpoint(path(file));
    if (outcome == "reads") {
      ASSERT_TRUE(checkpoint) << file << ": " << checkpoint.error().message();
      EXPECT_EQ(listing(*checkpoint), says) << file;
    } else {
      ASSERT_FALSE(checkpoint) << file;
      EXPECT_EQ(checkpoint.error().code, ErrorCode::refused) << file;
      EXPECT_NE(checkpoint.error().message().find(says), std::string::npos)
          << file << ": " << checkpoint.error().message();
      EXPECT_TRUE(checkpoint.error().where.starts_with(path(file))) << checkpoint.error().where;
    }
  }
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    ++files;
    EXPECT_TRUE(seen.contains(entry.path().filename())) << entry.path() << " has no row";
  }
  EXPECT_EQ(files, seen.size());
}

// Wherever a file is cut or a bit is turned over, it reads or is refused; the sanitizers watch.
TEST(Checkpoint, SurvivesEveryCutAndFlip) {
  for (const char* file : {"zip.pth", "zip64.pth", "stream.pth", "plain.safetensors"}) {
    const std::string whole = *read_file(path(file));
    const auto original = listing(*parse_checkpoint(as_bytes(whole), nullptr));
    for (std::size_t i = 0; i < whole.size(); ++i) {
      const auto cut = std::make_shared<const std::string>(whole.substr(0, i));
      EXPECT_FALSE(parse_checkpoint(as_bytes(*cut), cut)) << file << " cut at " << i;
      for (int bit = 0; bit < 8; ++bit) {
        auto flipped = std::make_shared<std::string>(whole);
        (*flipped)[i] = static_cast<char>((*flipped)[i] ^ (1 << bit));
        if (const auto checkpoint = parse_checkpoint(as_bytes(*flipped), flipped)) (void)listing(*checkpoint);
      }
    }
    EXPECT_FALSE(original.empty());
  }
}

TEST(Checkpoint, AZipFileIsProtectedByItsChecksums) {
  const std::string whole = *read_file(path("zip.pth"));
  const std::size_t weights = whole.find(std::string("\0\0\x80\x3f\0\0\0\x40", 8));
  ASSERT_NE(weights, std::string::npos);
  for (std::size_t i = weights; i < weights + 8; ++i) {
    std::string flipped = whole;
    flipped[i] = static_cast<char>(flipped[i] ^ 4);
    EXPECT_FALSE(parse_checkpoint(as_bytes(flipped), nullptr)) << i;
  }
}

TEST(Checkpoint, PointsIntoTheFileWhereItLiesDenseAndAligned) {
  const auto file = *MappedFile::open(path("zip.pth"));
  const auto checkpoint = *parse_checkpoint(file->bytes(), file);
  EXPECT_EQ(checkpoint.format(), Checkpoint::Format::torch_zip);
  for (const NamedTensor& t : checkpoint.tensors()) {
    EXPECT_GE(t.tensor.data(), file->bytes().data());
    EXPECT_LT(t.tensor.data(), file->bytes().data() + file->bytes().size());
  }
  // Two tensors on one storage stay on one, even where it had to be copied for its alignment.
  const auto views = *read_checkpoint(path("stream_views.pth"));
  EXPECT_EQ(views.find("all")->data() + 4, views.find("part")->data());
}

TEST(Checkpoint, OutlivesItsMappingAndKeepsItsIndexWhenMoved) {
  auto checkpoint = *read_checkpoint(path("zip.pth"));
  const Checkpoint moved = std::move(checkpoint);
  ASSERT_NE(moved.find("b.weight"), nullptr);
  EXPECT_EQ(moved.find("b.weight")->text(), "f32[2,2] [1, 2, 3, 4]");
  EXPECT_EQ(moved.find("c"), nullptr);
  const auto plain = *read_checkpoint(path("plain.safetensors"));
  EXPECT_EQ(plain.metadata().at("format"), "pt");
}

TEST(Checkpoint, KeepsToItsLimits) {
  const auto refusal = [](const char* file, auto change) {
    Limits limits;
    change(limits);
    const auto checkpoint = read_checkpoint(path(file), limits);
    return checkpoint ? std::string("reads") : checkpoint.error().message();
  };
  const auto has = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  EXPECT_TRUE(has(refusal("zip.pth", [](auto& l) { l.pickle_objects = 20; }), "more than 20 objects"));
  EXPECT_TRUE(has(refusal("zip.pth", [](auto& l) { l.pickle_bytes = 100; }), "longer than 100 bytes"));
  EXPECT_TRUE(has(refusal("zip.pth", [](auto& l) { l.tensors = 1; }), "more than 1 tensors"));
  EXPECT_TRUE(has(refusal("nested.pth", [](auto& l) { l.pickle_depth = 0; }), "nested more than 0 deep"));
  EXPECT_TRUE(has(refusal("plain.safetensors", [](auto& l) { l.tensors = 1; }), "more than 1 tensors"));
  EXPECT_TRUE(has(refusal("plain.safetensors", [](auto& l) { l.header_bytes = 16; }),
                  "the limit 'header_bytes' is 16: where you trust the file, raise it (--limit header_bytes=VALUE; "
                  "limits of a call's options)"));
}

TEST(Checkpoint, SaysWhenThereIsNoFile) {
  const auto checkpoint = read_checkpoint(path("absent.pth"));
  ASSERT_FALSE(checkpoint);
  EXPECT_EQ(checkpoint.error().code, ErrorCode::io);
  EXPECT_EQ(read_checkpoint(kFolder).error().code, ErrorCode::io);
}

}  // namespace
}  // namespace burnish
