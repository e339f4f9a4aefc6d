// Runs an engine that has operators of its maker's own, with the small library:
//   run_own ENGINE
#include <cstdio>

#include "own_operators.hpp"

int main(int argc, char** argv) try {
  if (argc != 2) return std::fprintf(stderr, "run_own ENGINE\n"), 2;
  burnish::or_throw(burnish::register_operator(own::soft_threshold()));
  burnish::or_throw(burnish::register_operator(own::median()));

  const burnish::Engine engine = burnish::or_throw(burnish::load_engine(argv[1]));
  burnish::Context context = burnish::or_throw(engine.create_context());
  const auto x = burnish::or_throw(burnish::Tensor::from<float>({3, -2, 1, 0.25F, 5, 4}, {2, 3}));
  const auto outputs = burnish::or_throw(context.run({x}));
  for (const float value : outputs[0].values<float>()) std::printf("%.2f\n", static_cast<double>(value));
} catch (const burnish::Exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return static_cast<int>(e.error().code);
}
