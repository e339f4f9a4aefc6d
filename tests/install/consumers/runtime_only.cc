// The small library has every function; those of the compiler say what to link.
#include <iostream>

#include <burnish/burnish.hpp>

int main(int argc, char** argv) {
  if (burnish_api(1)->compiler != 0 || argc != 2) return 1;
  const auto graph = burnish::load_model(argv[1]);
  if (graph || graph.error().message().find("link libburnish") == std::string::npos) return 1;
  burnish::Graph g;
  g.output("y", g.input("x", "f32[2]"));
  if (g.status() || burnish::build(g)) return 1;

  const auto engine = burnish::load_engine(argv[1]);
  if (!engine) return std::cerr << engine.error().message() << "\n", 1;
  auto context = engine->create_context().value();
  std::vector<burnish::Tensor> inputs;
  for (const auto& input : engine->inputs()) {
    std::cout << input.name << ": " << input.type << "\n";
    inputs.push_back(burnish::Tensor::zeros(burnish::DType::f32, {1, 3, 32, 32}).value());
  }
  const auto outputs = context.run(inputs).value();
  return outputs.size() == engine->outputs().size() ? 0 : 1;
}
