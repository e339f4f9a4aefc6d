#pragma once
// Small networks and helpers for tests of the public interface, which see nothing but it.

#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <string>

#include <gtest/gtest.h>

#include <burnish/burnish.hpp>

namespace api_test {

using burnish::DType;
using burnish::Tensor;

inline std::vector<float> ramp(int64_t count, float scale = 0.01F) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = scale * static_cast<float>(static_cast<int>(i % 17) - 8);
  return values;
}
inline Tensor filled(std::vector<int64_t> shape, float scale = 0.01F) {
  const int64_t count = std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
  return burnish::or_throw(Tensor::from(ramp(count, scale), std::move(shape)));
}

// softmax(relu(x * w + b)) over f32[N,4] -> f32[N,3]
inline burnish::Graph classifier() {
  burnish::Graph g("classifier");
  const auto x = g.input("x", "f32[N,4]");
  const auto w = g.constant(filled({3, 4}, 0.1F), "fc.weight");
  const auto b = g.constant(filled({3}, 0.2F), "fc.bias");
  g.output("y", softmax(relu(linear(x, w, b, "fc"))));
  return g;
}

// Many layers, so that a run takes a while and can be stopped between steps.
inline burnish::Graph deep(int layers) {
  burnish::Graph g("deep");
  auto x = g.input("x", "f32[64,64]");
  const auto w = g.constant(filled({64, 64}, 0.01F), "w");
  for (int i = 0; i < layers; ++i) x = tanh(matmul(x, w));
  g.output("y", x);
  return g;
}

template <class T>
T value(burnish::Result<T> result) {
  if (!result) ADD_FAILURE() << result.error().message();
  return burnish::or_throw(std::move(result));
}
inline void expect_ok(const burnish::Result<void>& result) {
  EXPECT_TRUE(result.has_value()) << (result ? "" : result.error().message());
}
template <class T>
burnish::Error error(const burnish::Result<T>& result) {
  EXPECT_FALSE(result.has_value());
  return result ? burnish::Error{} : result.error();
}

inline std::vector<float> floats(const Tensor& tensor) {
  const auto values = tensor.values<float>();
  return {values.begin(), values.end()};
}

// A folder of its own that ends with the test.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "burnish_api_XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace api_test
