#include "cli/build_options.h"

#include <fmt/format.h>

#include "base/thread_pool.h"

namespace burnish::cli {
namespace {

constexpr const char* kGroup = "Building";

}  // namespace

void add_graph_flags(CLI::App& app, BuildFlags& flags) {
  const auto add = [&](CLI::Option* option) { flags.options.push_back(option->group(kGroup)); };
  add(app.add_option("--shapes", flags.shapes, "NAME=DTYPE[SIZES]: an input's sizes, each a number or min..opt..max")
          ->type_name("SHAPE")
          ->allow_extra_args(false));
  add(app.add_flag("--exact", flags.exact, "Nothing that changes an f32 result"));
  add(app.add_option("--disable", flags.disable, "Leave out this pass (stage.pass)")
          ->type_name("PASS")
          ->allow_extra_args(false));
  add(app.add_option("--print-after", flags.print_after,
                     "Print the graph after a pass, a stage or all, on standard error")
          ->type_name("PASS")
          ->allow_extra_args(false));
}

void add_build_flags(CLI::App& app, BuildFlags& flags) {
  add_graph_flags(app, flags);
  app.add_option("--cpu", flags.cpu,
                 "host, portable (code for x86-64-v3 and -v4), x86-64-v2, -v3, -v4, -v4+vnni, -v4+vnni+bf16, or a list")
      ->type_name("LIST")
      ->group(kGroup)
      ->capture_default_str();
  app.add_option("--fallback", flags.fallback, "Operators without a kernel: allow, warn, or error (exit code 3)")
      ->check(CLI::IsMember({"allow", "warn", "error"}))
      ->type_name("HOW")
      ->group(kGroup)
      ->capture_default_str();
  const auto add = [&](CLI::Option* option) { flags.options.push_back(option->group(kGroup)); };
  add(app.add_option("--derived-limit", flags.derived_limit, "Derived constants, in copies of the weights")
          ->check(CLI::Range(0.0, 1e3))
          ->type_name("X")
          ->capture_default_str());
  add(app.add_option("--mode", flags.mode, "default: kernels by estimate; max-autotune: by running them here")
          ->check(CLI::IsMember({"default", "max-autotune"}))
          ->type_name("MODE")
          ->capture_default_str());
  add(app.add_option("--timing-cache", flags.timing_cache, "Keep the times of max-autotune here (JSON)")
          ->type_name("FILE"));
  add(app.add_option("--force", flags.force,
                     "Use this tactic, or the best of those that begin so, where a kernel of the family has it")
          ->type_name("FAMILY=TACTIC")
          ->allow_extra_args(false));
}

void add_key_flags(CLI::App& app, BuildFlags& flags) {
  flags.engine_options.push_back(
      app.add_option("--require-key", flags.require_keys,
                     "Of an engine, refuse it unless this key has signed it, or another that is given so")
          ->type_name("NAME.pub")
          ->group(kGroup)
          ->allow_extra_args(false));
}

void add_engine_flags(CLI::App& app, BuildFlags& flags) {
  add_build_flags(app, flags);
  add_key_flags(app, flags);
  flags.engine_options.push_back(
      app.add_flag("--no-code", flags.no_code, "Of an engine, use its graph alone and compile that again")
          ->group(kGroup));
}

Result<Fallback> parse_fallback(const std::string& text) {
  if (text == "allow") return Fallback::allow;
  if (text == "warn") return Fallback::warn;
  if (text == "error") return Fallback::error;
  return usage_error(fmt::format("'{}' is none of allow, warn, error", text), "--fallback");
}

Result<BuildOptions> to_options(const BuildFlags& flags) {
  BuildOptions options;
  options.cpu = flags.cpu;
  options.fallback = TRY(parse_fallback(flags.fallback));
  options.exact = flags.exact;
  options.derived_limit = flags.derived_limit;
  if (!flags.timing_cache.empty() && flags.mode != "max-autotune")
    return usage_error("times are kept by --mode max-autotune alone", "--timing-cache", "add that, or leave this out");
  options.mode = flags.mode == "max-autotune" ? BuildMode::max_autotune : BuildMode::standard;
  options.timing_cache = flags.timing_cache;
  options.disabled = flags.disable;
  options.print_after = flags.print_after;
  for (const std::string& text : flags.force) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0)
      return usage_error(fmt::format("'{}' is not FAMILY=TACTIC", text), "--force");
    options.forced[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return options;
}

Status refuse_build_flags(const BuildFlags& flags, const std::string& path) {
  for (const CLI::Option* option : flags.options)
    if (option->count() > 0)
      return usage_error(fmt::format("{} has no meaning for an engine, which is built already", option->get_name()),
                         path, "give the option to `burnish build`");
  return {};
}

Status refuse_engine_flags(const BuildFlags& flags, const std::string& path) {
  for (const CLI::Option* option : flags.engine_options)
    if (option->count() > 0) return usage_error(fmt::format("{} has no meaning for a model", option->get_name()), path);
  return {};
}

void add_tolerance(CLI::App& app, double& relative, double& absolute, bool& integers, const char* of_absolute) {
  const auto given = [&integers](const std::string&) { integers = true; };
  app.add_option("--rtol", relative, "Relative tolerance; of integers, too, if given")
      ->check(CLI::NonNegativeNumber)
      ->type_name("R")
      ->capture_default_str()
      ->each(given);
  app.add_option("--atol", absolute, of_absolute)
      ->check(CLI::NonNegativeNumber)
      ->type_name("A")
      ->capture_default_str()
      ->each(given);
}

void add_threads(CLI::App& app, int& threads) {
  app.add_option("--threads", threads, "Threads of a run; 0 for all processors")
      ->check(CLI::Range(0, 1024))
      ->type_name("N")
      ->capture_default_str();
}

int thread_count(int threads) { return threads > 0 ? threads : available_processors(); }

}  // namespace burnish::cli
