// burnish: one program, one subcommand a file.

#include <algorithm>
#include <exception>
#include <iterator>
#include <new>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "cli/crash.h"
#include "cli/version.h"

namespace burnish::cli {
namespace {

constexpr const Command* kCommands[] = {&kBuild,   &kRun,   &kBench,   &kCompare, &kBisect, &kInspect,
                                        &kExplain, &kCheck, &kConvert, &kTest,    &kZoo};

constexpr const char* kFooter = R"(Exit codes:
  0 done; 1 a comparison or test failed; 2 wrong usage; 3 the model or file was refused; 4 input or output failed;
  5 a bug in Burnish

`burnish COMMAND --help` shows examples.)";

int fail(Console& console, const Error& error) {
  console.fail(error);
  return static_cast<int>(error.code);
}

int run(Console& console, const Action& action) {
  Result<int> result = 0;
  try {
    result = action(console);
  } catch (const std::bad_alloc&) {
    result = refused("there is not enough memory", {}, "use smaller inputs or a machine with more memory");
  }
  if (result)
    if (auto status = console.finish(); !status) result = std::unexpected(std::move(status).error());
  return result ? *result : fail(console, result.error());
}

int main(int argc, char** argv) {
  Console console;
  // Wrong usage is reported as JSON too.
  console.json = std::any_of(argv, argv + argc, [](const char* a) { return std::string_view(a) == "--json"; });
  install_crash_report(argc, argv, console.json);

  CLI::App app("Compiles trained networks into fast engines, runs and examines them.", "burnish");
  app.set_version_flag("--version", kVersion);
  app.require_subcommand(1);
  app.footer(kFooter);
  std::vector<std::pair<CLI::App*, Action>> actions;
  for (const Command* command : kCommands) {
    CLI::App* sub = app.add_subcommand(command->name, command->summary);
    sub->footer(std::string("Examples:\n") + command->examples);
    Action action = command->setup(*sub);
    sub->add_flag("--json", console.json, "One JSON object on standard output, nothing else there")->group("Output");
    sub->add_flag("--quiet", console.quiet, "Results and errors alone")->group("Output");
    sub->add_flag("-v,--verbose", console.verbose, "More on standard error")->group("Output");
    actions.emplace_back(sub, std::move(action));
  }

  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& e) {
    return app.exit(e);
  } catch (const CLI::CallForVersion& e) {
    return app.exit(e);
  } catch (const CLI::ParseError& e) {
    const auto subs = app.get_subcommands();
    const std::string where = subs.empty() ? std::string() : subs.front()->get_name();
    const std::string help = fmt::format("see burnish {}{}--help", where, where.empty() ? "" : " ");
    return fail(console, Error{ErrorCode::usage, e.what(), where, help});
  }
  console.apply_log_level();
  for (const auto& [sub, action] : actions)
    if (sub->parsed()) return run(console, action);
  return 0;
}

}  // namespace
}  // namespace burnish::cli

int main(int argc, char** argv) { return burnish::cli::main(argc, argv); }
