// burnish: one program, one subcommand a file.

#include <algorithm>
#include <exception>
#include <iterator>
#include <memory>
#include <new>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "cli/crash.h"
#include "cli/libraries.h"
#include "cli/limits.h"
#include "cli/version.h"

namespace burnish::cli {
namespace {

constexpr const Command* kCommands[] = {&kBuild, &kRun,     &kBench, &kCompare, &kBisect, &kInspect, &kExplain,
                                        &kCheck, &kConvert, &kKey,   &kSign,    &kTest,   &kZoo};

constexpr const char* kFooter = R"(
Exit codes:
  0 done; 1 a comparison or test failed; 2 wrong usage; 3 the model or file was refused, or memory ran out; 4 input or
  output failed; 5 a bug in Burnish

`burnish COMMAND --help` shows examples.)";

// Insertions, deletions and replacements between two words.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

// The nearest of the names, when it is near; "" otherwise.
std::string nearest(std::string_view word, const std::vector<std::string>& names) {
  const auto best = std::ranges::min_element(names, {}, [&](const std::string& n) { return distance(word, n); });
  return best != names.end() && distance(word, *best) <= 1 + word.size() / 4 ? *best : std::string();
}

// What to do about a command line that cannot be read.
std::string advice(const CLI::App& app, std::span<char*> arguments) {
  const auto chosen = app.get_subcommands();
  std::vector<std::string> names = {"--help", "--version"};
  if (chosen.empty()) {
    for (const Command* command : kCommands) names.emplace_back(command->name);
  } else {
    for (const CLI::Option* option : chosen.front()->get_options())
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  const std::string help = fmt::format("see burnish {}--help", chosen.empty() ? "" : chosen.front()->get_name() + " ");
  for (const std::string_view word : arguments) {
    for (const char* wish : {"--fp16", "--bf16", "--int8", "--precision", "--gpu", "--cuda", "--target"})
      if (word.starts_with(wish))
        return "engines compute in f32 on processors; other precisions and GPUs are not there yet; " + help;
    const std::string_view name = word.substr(0, word.find('='));
    if ((chosen.empty() || name.starts_with("--")) && std::ranges::find(names, name) == names.end())
      if (const std::string near = nearest(name, names); !near.empty())
        return fmt::format("is '{}' meant? {}", near, help);
  }
  return help;
}

int fail(Console& console, const Error& error) {
  console.fail(error);
  return exit_code(error.code);
}

int run(Console& console, const Action& action) {
  Result<int> result = 0;
  try {
    result = action(console);
  } catch (const std::bad_alloc&) {
    result = memory_error("there is not enough memory", "this machine");
  } catch (const std::length_error&) {  // a container that nobody could fill
    result = memory_error("there is not enough memory", "this machine");
  }
  if (result)
    if (auto status = console.finish(); !status) result = std::unexpected(std::move(status).error());
  return result ? *result : fail(console, result.error());
}

// An option that takes one value each time is shown as one to be given again, not as one with a list behind it.
class Formatter : public CLI::Formatter {
 public:
  std::string make_option_opts(const CLI::Option* option) const override {
    std::string text = CLI::Formatter::make_option_opts(option);
    constexpr std::string_view kList = " ...";
    if (const std::size_t at = text.find(kList); at != std::string::npos && !option->get_allow_extra_args())
      text.replace(at, kList.size(), ", again for more");
    return text;
  }
};

int main(int argc, char** argv) {
  Console console;
  // Wrong usage is reported as JSON too.
  console.json = std::any_of(argv, argv + argc, [](const char* a) { return std::string_view(a) == "--json"; });
  install_crash_report(argc, argv, console.json);

  CLI::App app("Compiles trained networks into fast engines, runs and examines them.", "burnish");
  app.set_version_flag("--version", kVersion);
  app.require_subcommand(1);
  app.footer(limits_help() + kFooter);
  app.formatter(std::make_shared<Formatter>());  // that of the subcommands, too
  std::vector<std::pair<CLI::App*, Action>> actions;
  std::vector<std::string> libraries;
  std::vector<std::string> limit_texts;
  for (const Command* command : kCommands) {
    CLI::App* sub = app.add_subcommand(command->name, command->summary);
    sub->footer(std::string("Examples:\n") + command->examples);
    Action action = command->setup(*sub);
    sub->add_option("--operators", libraries, "A library with operators of your own; may be given again")
        ->type_name("LIB.so")
        ->allow_extra_args(false)
        ->group("Operators");
    sub->add_flag("--json", console.json, "One JSON object on standard output, nothing else there")->group("Output");
    sub->add_option("--limit", limit_texts,
                    "Raise or lower a limit on what files may ask for: burnish --help lists them")
        ->type_name("NAME=VALUE")
        ->allow_extra_args(false)
        ->group("Limits");
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
    const std::span arguments(argv + 1, static_cast<std::size_t>(std::max(argc - 1, 0)));
    const auto word = std::ranges::find_if(arguments, [](const char* a) { return *a != '-'; });
    const bool unknown = subs.empty() && word != arguments.end();
    const std::string what = unknown ? fmt::format("there is no command '{}'", *word) : e.what();
    return fail(console, Error{ErrorCode::usage, what, where, advice(app, arguments)});
  }
  console.apply_log_level();
  for (const std::string& library : libraries)
    if (auto status = load_operators(library); !status) return fail(console, status.error());
  for (const std::string& text : limit_texts)
    if (const Status set = set_limit(limits(), text); !set) {
      Error error = set.error();
      error.where = "--limit: " + error.where;
      return fail(console, error);
    }
  for (const auto& [sub, action] : actions)
    if (sub->parsed()) return run(console, action);
  return 0;
}

}  // namespace
}  // namespace burnish::cli

int main(int argc, char** argv) {
  try {
    return burnish::cli::main(argc, argv);
  } catch (const std::bad_alloc&) {  // before the command ran, or while its error was told
    return burnish::cli::give_up_without_memory();
  }
}
