#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "import/onnx/tensors.h"

namespace burnish::onnx {
namespace {

namespace fs = std::filesystem;

TensorProto proto_of(DataType type, std::vector<int64_t> dims) {
  TensorProto proto;
  proto.data_type = static_cast<int32_t>(type);
  proto.dims = std::move(dims);
  return proto;
}

TEST(OnnxTensors, RawDataOfPackedTypesIsUnpackedAndExtended) {
  TensorProto proto = proto_of(DataType::i4, {3});
  const std::string raw("\xf7\x08", 2);  // 7, -1, -8
  proto.raw_data = as_bytes(raw);
  const auto tensor = to_tensor(proto, nullptr, nullptr);
  ASSERT_TRUE(tensor) << tensor.error().message();
  EXPECT_EQ(tensor->int_at(0), 7);
  EXPECT_EQ(tensor->int_at(1), -1);
  EXPECT_EQ(tensor->int_at(2), -8);
  EXPECT_EQ(raw_bytes(*tensor), raw);
  const std::string two_bits("\x1b", 1);  // 3, 2, 1, 0
  TensorProto u2 = proto_of(DataType::u2, {4});
  u2.raw_data = as_bytes(two_bits);
  const auto small = to_tensor(u2, nullptr, nullptr);
  ASSERT_TRUE(small);
  EXPECT_EQ(small->int_at(0), 3);
  EXPECT_EQ(small->int_at(3), 0);
}

TEST(OnnxTensors, TypedFieldsAreCheckedAgainstDims) {
  WireWriter numbers;
  numbers.packed(1, std::vector<int64_t>{1, -2, 3});
  WireReader reader(as_bytes(numbers.data()));
  WireField field;
  ASSERT_TRUE(reader.next(field));
  TensorProto proto = proto_of(DataType::i32, {3});
  proto.int32_data.push_back(field.bytes);
  const auto tensor = to_tensor(proto, nullptr, nullptr);
  ASSERT_TRUE(tensor) << tensor.error().message();
  EXPECT_EQ(tensor->int_at(1), -2);
  proto.dims = {4};
  EXPECT_FALSE(to_tensor(proto, nullptr, nullptr));
  proto.dims = {int64_t{1} << 40, int64_t{1} << 40};
  EXPECT_FALSE(to_tensor(proto, nullptr, nullptr));
  proto.dims = {-3};
  EXPECT_FALSE(to_tensor(proto, nullptr, nullptr));
}

class ExternalData : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("burnish_external_" + std::to_string(::getpid()));
    fs::create_directories(folder_ / "model");
    write(folder_ / "secret.bin", "12345678");
    write(folder_ / "model" / "weights.bin", "12345678");
    write(folder_ / "model" / "model.onnx", "");
  }
  void TearDown() override { fs::remove_all(folder_); }
  static void write(const fs::path& path, std::string_view text) { std::ofstream(path) << text; }
  Result<Tensor> read(std::string_view location, std::string_view offset = "0",
                      const char* model = "model/model.onnx") {
    TensorProto proto = proto_of(DataType::f32, {2});
    proto.external = true;
    proto.external_data = {{"location", location}, {"offset", offset}, {"length", "8"}};
    ExternalFiles files((folder_ / model).string());
    return to_tensor(proto, nullptr, &files);
  }
  fs::path folder_;
};

TEST_F(ExternalData, StaysInsideTheModelsFolder) {
  EXPECT_TRUE(read("weights.bin"));
  EXPECT_TRUE(read("./weights.bin"));
  for (std::string_view bad : {"../secret.bin", "/etc/passwd", "", ".", "missing.bin", "weights.bin/x"}) {
    EXPECT_FALSE(read(bad)) << bad;
  }
  EXPECT_FALSE(read((folder_ / "secret.bin").string()));
  fs::create_symlink("../secret.bin", folder_ / "model" / "link.bin");
  EXPECT_FALSE(read("link.bin"));
  fs::create_directory_symlink("..", folder_ / "model" / "up");
  EXPECT_FALSE(read("up/secret.bin"));
}

TEST_F(ExternalData, ChecksOffsetAndLengthWithoutOverflow) {
  EXPECT_FALSE(read("weights.bin", "1"));
  EXPECT_FALSE(read("weights.bin", "-8"));
  EXPECT_FALSE(read("weights.bin", "18446744073709551608"));
  EXPECT_FALSE(read("weights.bin", "zero"));
}

// Download caches keep links to blobs: snapshots/model.onnx and its data both lead into blobs/.
TEST_F(ExternalData, FollowsTheLinksOfDownloadCaches) {
  fs::create_directories(folder_ / "blobs");
  fs::create_directories(folder_ / "snapshots" / "rev");
  write(folder_ / "blobs" / "aaaa", "");
  write(folder_ / "blobs" / "bbbb", "abcdefgh");
  fs::create_symlink("../../blobs/aaaa", folder_ / "snapshots" / "rev" / "model.onnx");
  fs::create_symlink("../../blobs/bbbb", folder_ / "snapshots" / "rev" / "model.onnx_data");
  EXPECT_TRUE(read("model.onnx_data", "0", "snapshots/rev/model.onnx"));
  fs::create_symlink("../../secret.bin", folder_ / "snapshots" / "rev" / "evil");
  EXPECT_FALSE(read("evil", "0", "snapshots/rev/model.onnx"));
}

}  // namespace
}  // namespace burnish::onnx
