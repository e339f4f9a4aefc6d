// burnish test: cases in ONNX's form, each with the outputs that are expected.

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <map>
#include <set>

#include "base/file.h"
#include "base/log.h"
#include "base/thread_pool.h"
#include "cli/case_runner.h"
#include "cli/command.h"
#include "cli/isolated.h"

namespace burnish::cli {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::vector<std::string> folders;
  std::string on = "engine", variant = "plain", cpu = "host", expect;
  CaseTolerance tolerance;
  int jobs = 0, threads = 1;
  double timeout = 120;
};

struct Expectation {
  bool passes = true, random = false;
  std::optional<double> relative, absolute;
  std::string reason;
  bool used = false;
};
using Expectations = std::map<std::string, Expectation, std::less<>>;

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// case, passed|failed, rtol, atol, reason; '#' begins a remark.
Result<Expectations> read_expectations(const std::string& path) {
  Expectations rows;
  const std::string text = TRY(read_file(path));
  int line_number = 0;
  for (std::string_view line : split(text, '\n')) {
    ++line_number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with('#')) continue;
    const auto fields = split(line, '\t');
    if (fields[0] == "case") continue;  // the names of the columns
    const auto bad = [&](std::string what) {
      return refused(std::move(what), fmt::format("{}:{}", path, line_number));
    };
    Expectation row;
    if (fields.size() < 2 || (fields[1] != "passed" && fields[1] != "failed"))
      return bad("a row is: case, passed or failed, rtol, atol, reason, with tabs between");
    row.passes = fields[1] == "passed";
    for (std::size_t i = 2; i < 4 && i < fields.size(); ++i) {
      if (fields[i].empty()) continue;
      double value = 0;
      const auto [end, error] = std::from_chars(fields[i].data(), fields[i].data() + fields[i].size(), value);
      if (error != std::errc() || end != fields[i].data() + fields[i].size() || !(value >= 0))
        return bad(fmt::format("'{}' is no tolerance", fields[i]));
      (i == 2 ? row.relative : row.absolute) = value;
    }
    if (fields.size() > 4) row.reason = fields[4];
    row.random = row.reason.starts_with("random");
    if (!rows.emplace(fields[0], row).second) return bad(fmt::format("'{}' has two rows", fields[0]));
  }
  return rows;
}

// Folders of cases, those without a model too.
Result<std::vector<std::string>> find(const std::vector<std::string>& roots) {
  std::set<std::string> found;
  for (const std::string& root : roots) {
    std::set<std::string> here;
    for (std::string& folder : TRY(find_cases(root))) here.insert(std::move(folder));
    std::error_code code;
    const auto without_model = [&](const fs::path& folder) {
      std::error_code ignored;
      if (fs::is_directory(folder / "test_data_set_0", ignored)) here.insert(folder.string());
    };
    without_model(root);
    for (auto it = fs::recursive_directory_iterator(root, code); !code && it != fs::recursive_directory_iterator();
         it.increment(code)) {
      std::error_code ignored;
      if (it->is_directory(ignored)) without_model(it->path());
    }
    if (here.empty())
      return usage_error("holds no case: a folder with model.onnx and test_data_set_0", root, "name a folder of cases");
    found.merge(here);
  }
  return std::vector<std::string>(found.begin(), found.end());
}

std::string case_name(const std::string& folder) {
  const fs::path path = fs::path(folder).lexically_normal();
  return (path.has_filename() ? path : path.parent_path()).filename().string();
}

struct Row {
  std::string name;
  CaseOutcome outcome;
  bool expected = true;
  double seconds = 0;
};

std::string work(const std::string& folder, const CaseOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  const CaseOutcome outcome = run_case(folder, options);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  const Json json = {{"status", outcome.status},  {"reason", outcome.reason},
                     {"steps", outcome.steps},    {"references", outcome.references},
                     {"types", outcome.types},    {"reference_steps", outcome.reference_steps},
                     {"seconds", seconds.count()}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void fill(Row& row, const TaskResult& result) {
  if (!result.died.empty()) {
    row.outcome = {.status = "failed", .reason = result.died};
    return;
  }
  const Json json = Json::parse(result.output);
  row.outcome.status = json["status"];
  row.outcome.reason = json["reason"];
  row.outcome.steps = json["steps"];
  row.outcome.references = json["references"];
  row.outcome.types = json["types"];
  row.outcome.reference_steps = json["reference_steps"];
  row.seconds = json["seconds"];
}

Result<int> test(Console& console, const Options& options) {
  Expectations expectations;
  if (!options.expect.empty()) expectations = TRY(read_expectations(options.expect));
  const auto folders = TRY(find(options.folders));
  CaseOptions base;
  base.on_engine = options.on == "engine";
  base.cpu = options.cpu;
  base.threads = options.threads;
  base.tolerance = options.tolerance;
  base.variant = options.variant == "folded"    ? Variant::folded
                 : options.variant == "saved"   ? Variant::saved
                 : options.variant == "dynamic" ? Variant::dynamic
                                                : Variant::plain;
  std::vector<Row> rows(folders.size());
  std::vector<CaseOptions> per_case(folders.size(), base);
  std::vector<Expectation> expected(folders.size());
  for (std::size_t i = 0; i < folders.size(); ++i) {
    rows[i].name = case_name(folders[i]);
    const auto row = expectations.find(rows[i].name);
    if (row == expectations.end()) continue;
    row->second.used = true;
    expected[i] = row->second;
    per_case[i].random = row->second.random;
    per_case[i].tolerance.relative = row->second.relative.value_or(base.tolerance.relative);
    per_case[i].tolerance.absolute = row->second.absolute.value_or(base.tolerance.absolute);
    per_case[i].tolerance.integers |= row->second.relative || row->second.absolute;
  }

  // Cases are refused on purpose: what the library has to say about each is the reason of its row.
  if (!console.verbose) set_log_level(LogLevel::quiet);
  int finished = 0;
  const int jobs = options.jobs > 0 ? options.jobs : available_processors();
  TRY(run_isolated(
      static_cast<int>(folders.size()), jobs, options.timeout,
      [&](int i) { return work(folders[static_cast<std::size_t>(i)], per_case[static_cast<std::size_t>(i)]); },
      [&](int i, const TaskResult& result) {
        Row& row = rows[static_cast<std::size_t>(i)];
        fill(row, result);
        const Expectation& e = expected[static_cast<std::size_t>(i)];
        row.expected = row.outcome.status == "skipped" || (row.outcome.status == "passed") == e.passes;
        console.progress(row.name, static_cast<double>(++finished) / static_cast<double>(folders.size()));
      }));
  console.end_progress();
  console.apply_log_level();

  int64_t passed = 0, failed = 0, skipped = 0, compiled = 0, unexpected = 0;
  Json list = Json::array();
  for (const Row& row : rows) {
    const bool pass = row.outcome.status == "passed";
    passed += pass;
    failed += row.outcome.status == "failed";
    skipped += row.outcome.status == "skipped";
    compiled += pass && row.outcome.references == 0;
    unexpected += !row.expected;
    const char* note = row.expected ? "" : pass ? " (was expected to fail)" : "";
    if (!row.expected || console.verbose)
      console.print("{} {}{}{}\n", row.outcome.status, row.name, note,
                    row.outcome.reason.empty() ? "" : ": " + printable(row.outcome.reason));
    list.push_back({{"case", row.name},
                    {"status", row.outcome.status},
                    {"expected", row.expected},
                    {"reason", row.outcome.reason},
                    {"steps", row.outcome.steps},
                    {"types", row.outcome.types},
                    {"reference_steps", row.outcome.references},
                    {"references", row.outcome.reference_steps},
                    {"seconds", row.seconds}});
  }
  Json unused = Json::array();
  for (const auto& [name, row] : expectations)
    if (!row.used) unused.push_back(name);
  console.report = {{"on", options.on},
                    {"variant", options.variant},
                    {"passed", passed},
                    {"failed", failed},
                    {"skipped", skipped},
                    {"unexpected", unexpected},
                    {"passed_compiled", compiled},
                    {"unused_rows", unused},
                    {"cases", list}};
  if (base.on_engine) console.say("{} of those that passed ran without a reference step\n", compiled);
  if (!options.expect.empty()) {
    if (!unused.empty()) console.say("{} rows of {} name no case here\n", unused.size(), options.expect);
    console.say("{} cases are not as {} says\n", unexpected, options.expect);
  }
  console.print("{} passed, {} failed, {} skipped\n", passed, failed, skipped);
  return unexpected > 0 ? static_cast<int>(ErrorCode::mismatch) : 0;
}

Action setup(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("folders", options->folders,
                 "A case (model.onnx, test_data_set_0 ...), or a folder of cases at any depth")
      ->required()
      ->type_name("DIR...");
  app.add_option("--on", options->on, "What runs the models: engine or references")
      ->check(CLI::IsMember({"engine", "references"}))
      ->type_name("WHAT")
      ->capture_default_str();
  app.add_option("--cpu", options->cpu, "Processor to compile for")->type_name("LEVEL")->capture_default_str();
  app.add_option("--expect", options->expect,
                 "TSV of what to expect: case, passed|failed, rtol, atol, reason; a reason "
                 "that begins with 'random' has moments compared instead of numbers")
      ->type_name("FILE");
  add_tolerance(app, options->tolerance.relative, options->tolerance.absolute, options->tolerance.integers);
  app.add_option(
         "--variant", options->variant,
         "plain; folded: inputs become constants; saved: through a plan file; dynamic: sizes known at run time only")
      ->check(CLI::IsMember({"plain", "folded", "saved", "dynamic"}))
      ->type_name("VARIANT")
      ->capture_default_str();
  app.add_option("--jobs", options->jobs, "Cases at a time; 0 for all processors")
      ->check(CLI::Range(0, 1024))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--threads", options->threads, "Of the engine of each case")
      ->check(CLI::Range(1, 1024))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--timeout", options->timeout, "Seconds that a case may take")
      ->check(CLI::PositiveNumber)
      ->type_name("S")
      ->capture_default_str();
  return [options](Console& console) { return test(console, *options); };
}

}  // namespace

constinit const Command kTest = {
    "test", "Run test cases in ONNX's form",
    R"(  burnish test onnx/backend/test/data/node                     every case below the folder
  burnish test cases --on references                           with the reference implementations
  burnish test cases --expect cases.tsv                        exit code 0 when all is as the rows say
  burnish test cases/test_relu --rtol 1e-5 --variant dynamic   one case, sizes known at run time only)",
    setup};

}  // namespace burnish::cli
