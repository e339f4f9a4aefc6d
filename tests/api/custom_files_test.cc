// Operators of users in C++, in files: ONNX both ways, plans, and the program that does not know them.

#include <cstdio>
#include <fstream>
#include <iterator>
#include <sstream>

#include "tests/api/custom_operators.h"

namespace api_test {
namespace {

std::string file(const std::string& name) { return (std::filesystem::temp_directory_path() / name).string(); }
std::string read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
Result<Graph> load(const std::string& bytes) {
  return load_model(std::as_bytes(std::span(bytes.data(), bytes.size())));
}
std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, text.npos);
  return at == text.npos ? text : text.replace(at, from.size(), to);
}

TEST_F(Custom, OnnxBothWays) {
  const std::string path = file("burnish_custom.onnx");
  expect_ok(save_onnx(graph_of("acme.Polynomial", {"f32[N]"}, {{"coefficients", {1.0, 2.0}}}), path));
  const std::string bytes = read(path);
  for (const char* part : {"acme", "Polynomial", "coefficients"}) EXPECT_NE(bytes.find(part), bytes.npos) << part;
  const Graph back = value(load_model(path));
  EXPECT_NE(value(back.text()).find("acme.Polynomial(%x0) {coefficients = [1.0, 2.0]}"), std::string::npos)
      << value(back.text());
  EXPECT_EQ(floats(run(engine_of(back), {filled({2}, 1)})[0]), (std::vector<float>{-15, -13}));
  // An operator that could be decomposed is kept, too.
  expect_ok(save_onnx(graph_of("acme.Affine", {"f32[N]"}, {{"by", 4.0}}), path));
  EXPECT_NE(value(value(load_model(path)).text()).find("acme.Affine"), std::string::npos);

  const Error attribute = error(load(replaced(bytes, "coefficients", "coefficientz")));
  EXPECT_EQ(attribute.code, ErrorCode::refused);
  EXPECT_NE(attribute.message().find("attribute 'coefficientz' is not supported"), std::string::npos)
      << attribute.message();
  const Error unknown = error(load(replaced(bytes, "Polynomial", "Polynomiam")));
  EXPECT_EQ(unknown.code, ErrorCode::refused);
  EXPECT_NE(unknown.message().find("acme.Polynomiam"), std::string::npos) << unknown.message();
  EXPECT_NE(unknown.message().find("operators of your own are registered"), std::string::npos) << unknown.message();
  std::remove(path.c_str());
}

TEST_F(Custom, BindingsGoByVersion) {
  CustomOperator old = identity("acme.v1.Flip"), later = identity("acme.v3.Flip");
  old.bindings = {{"acme.flips", "Flip", 1, 2}};
  later.bindings = {{"acme.flips", "Flip", 3}};
  later.infer = [](Inference& n) { n.result(0, n.type(0)); };
  later.decompose = [](Decomposition& n) { n.result(0, -n.operand(0)); };
  expect_ok(register_operator(old));
  expect_ok(register_operator(later));
  const std::string path = file("burnish_versions.onnx");
  for (const char* op : {"acme.v1.Flip", "acme.v3.Flip"}) {
    expect_ok(save_onnx(graph_of(op, {"f32[2]"}), path));
    EXPECT_NE(value(value(load_model(path)).text()).find(op), std::string::npos);
  }
  // One model has one version of a domain.
  Graph both("both");
  const Value x = both.input("x", "f32[2]");
  both.output("y", both.op("acme.v1.Flip", {both.op("acme.v3.Flip", {x})}));
  EXPECT_NE(error(save_onnx(both, path)).message().find("no version of 'acme.flips'"), std::string::npos);
  std::remove(path.c_str());
}

// The program knows nothing of the operators here.
std::pair<int, std::string> program(const std::string& arguments) {
  const char* path = std::getenv("BURNISH_PROGRAM");
  if (path == nullptr) return {-1, "BURNISH_PROGRAM is not set"};
  std::FILE* pipe = ::popen(("'" + std::string(path) + "' " + arguments + " 2>&1").c_str(), "r");
  std::string text;
  char part[256];
  while (std::fgets(part, sizeof part, pipe) != nullptr) text += part;
  return {::pclose(pipe) >> 8, text};
}

TEST_F(Custom, PlansNameWhatTheyNeed) {
  const std::string path = file("burnish_custom.plan");
  const Graph g = graph_of("acme.Polynomial", {"f32[N]"}, {{"coefficients", {1.0, 2.0}}});
  for (const bool references : {false, true}) {
    const Engine engine = engine_of(g, references);
    expect_ok(engine.save(path));
    EXPECT_EQ(floats(run(value(load_engine(path)), {filled({2}, 1)})[0]), (std::vector<float>{-15, -13}));
    const auto [code, text] = program("run " + path);
    EXPECT_EQ(code, 3) << text;
    EXPECT_NE(text.find("operators of its maker's own that are not registered: 'acme.Polynomial' (at 'layer')"),
              std::string::npos)
        << text;
  }
  // One that is compiled needs the operator no more, unless it is compiled again.
  expect_ok(engine_of(graph_of("acme.Affine", {"f32[N]"})).save(path));
  EXPECT_EQ(program("run " + path).first, 0);
  const auto [code, text] = program("run --no-code " + path);
  EXPECT_EQ(code, 3) << text;
  EXPECT_NE(text.find("'acme.Affine'"), std::string::npos) << text;
  std::remove(path.c_str());
}

TEST_F(Custom, IsListed) {
  burnish_text* text = nullptr;
  ASSERT_EQ(burnish_api(BURNISH_API_VERSION)->operators(&text, nullptr), BURNISH_OK);
  const std::string list = detail::take_text(text);
  EXPECT_NE(list.find("\"acme.Affine\""), std::string::npos);
  EXPECT_NE(list.find("x * by + plus"), std::string::npos);
}

}  // namespace
}  // namespace api_test
