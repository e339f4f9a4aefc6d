// The same program as C++20, where Result is ours, and as C++23, where it is std::expected.
#include <iostream>

#include <burnish/burnish.hpp>

#if __cplusplus > 202002L
static_assert(std::is_same_v<burnish::Result<int>, std::expected<int, burnish::Error>>);
#endif

int main() {
  burnish::Graph g;
  const auto x = g.input("x", "f32[N]");
  g.output("y", x * 2 + 1);
  const auto engine = burnish::build(g);
  if (!engine) return std::cerr << engine.error().message() << "\n", 1;
  auto context = engine->create_context().value();
  const auto outputs = context.run({burnish::Tensor::from<float>({1, 2, 3}, {3}).value()}).value();
  for (const float y : outputs[0].values<float>()) std::cout << y << " ";
  std::cout << "\n";

  const burnish::Result<burnish::Graph> none = burnish::load_model("/no/such/file");
  if (none || none.error().code != burnish::ErrorCode::io) return 1;
  try {
    static_cast<void>(burnish::or_throw(burnish::load_engine("/no/such/file")));
    return 1;
  } catch (const burnish::Exception& e) {
    if (e.error().code != burnish::ErrorCode::io || std::string(e.what()).empty()) return 1;
  }
  burnish::Result<int> number = 5;
  return number.value_or(1) == 5 && *number == 5 && number.has_value() ? 0 : 1;
}
