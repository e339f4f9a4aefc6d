// Compiles a model file and saves the plan, with progress, in C++23 and without exceptions:
//   compile_model MODEL ENGINE
#include <chrono>
#include <cstdio>
#include <expected>

#include <burnish/burnish.hpp>

namespace {

int fail(const burnish::Error& error) {
  std::fprintf(stderr, "%s\n", error.message().c_str());
  return static_cast<int>(error.code);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fprintf(stderr, "compile_model MODEL ENGINE\n"), 2;
  const auto graph = burnish::load_model(argv[1]);
  if (!graph) return fail(graph.error());

  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(5);
  burnish::BuildOptions options;
  options.cpu = "portable";  // code for x86-64-v3 and x86-64-v4 in one file
  options.progress = [](std::string_view stage, double fraction) {
    std::fprintf(stderr, "\r%-12.*s %3.0f%%", static_cast<int>(stage.size()), stage.data(), 100 * fraction);
  };
  options.cancel = [&] { return std::chrono::steady_clock::now() > deadline; };
  const std::expected<burnish::Engine, burnish::Error> engine = burnish::build(*graph, options);
  std::fprintf(stderr, "\n");
  if (!engine) return fail(engine.error());

  if (const auto saved = engine->save(argv[2]); !saved) return fail(saved.error());
  for (const burnish::ValueInfo& input : engine->inputs())
    std::printf("%s: %s\n", input.name.c_str(), input.type.c_str());
  for (const burnish::ValueInfo& output : engine->outputs())
    std::printf("%s: %s\n", output.name.c_str(), output.type.c_str());
  return 0;
}
