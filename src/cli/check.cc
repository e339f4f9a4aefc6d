// burnish check: what of a model would be compiled, run on references, or is unknown, before anything is compiled.

#include <algorithm>
#include <map>

#include "cli/command.h"
#include "cli/stages.h"
#include "kernels/cpu/cpu_target.h"
#include "schedule/fuse.h"

namespace burnish::cli {
namespace {

constexpr std::size_t kShownLayers = 3;

enum class Coverage : uint8_t { compiled, known, reference, unknown };

std::string_view name(Coverage coverage) {
  switch (coverage) {
    case Coverage::compiled: return "compiled";
    case Coverage::known: return "known";  // what it is made of was not looked at, because other operators are unknown
    case Coverage::reference: return "reference";
    case Coverage::unknown: return "unknown";
  }
  return "unknown";
}

struct Row {
  Coverage coverage;
  std::string op, reason;
  std::vector<std::string> layers;
};

struct Options {
  std::string model;
  BuildFlags build;
};

class Table {
 public:
  void add(Coverage coverage, const std::string& op, const std::string& reason, const std::string& layer) {
    Row& row = rows_[std::tuple(coverage, op, reason)];
    row.coverage = coverage;
    row.op = op;
    row.reason = reason;
    row.layers.push_back(layer);
    ++counts_[static_cast<std::size_t>(coverage)];
    slow_ += coverage == Coverage::compiled && !reason.empty();
  }
  int64_t slow() const { return slow_; }  // of those compiled: as plain loops
  int64_t count(Coverage coverage) const { return counts_[static_cast<std::size_t>(coverage)]; }
  const auto& rows() const { return rows_; }

 private:
  std::map<std::tuple<Coverage, std::string, std::string>, Row> rows_;
  int64_t counts_[4] = {}, slow_ = 0;
};

void print_table(const Console& console, const Table& table) {
  for (const auto& [key, row] : table.rows()) {
    std::string where;
    if (row.coverage != Coverage::known && (row.coverage != Coverage::compiled || !row.reason.empty())) {
      const std::size_t shown = console.verbose ? row.layers.size() : std::min(kShownLayers, row.layers.size());
      for (std::size_t i = 0; i < shown; ++i) where += fmt::format("{}'{}'", i > 0 ? ", " : "  at ", row.layers[i]);
      if (shown < row.layers.size()) where += fmt::format(" and {} more", row.layers.size() - shown);
    }
    console.print("{:>7}  {:<10} {}{}{}\n", row.layers.size(), name(row.coverage), printable(row.op),
                  row.reason.empty() ? "" : " (" + printable(row.reason) + ")", printable(where));
  }
}

// Why a node's kernel is written down as plain loops; empty where it is not, and for what runs along with such a node.
std::string why_slow(const Unit& unit, const Node& node) {
  if (unit.kind != Unit::Kind::kernel || unit.tactics.empty() || unit.tactics.front().name != kPlainLoops) return {};
  const bool meant = unit.kernel.anchor ? node.op() == unit.kernel.anchor->family : !parse_scalar(node.op());
  return meant ? fmt::format("{}: {}", kPlainLoops, unit.tactics.front().why) : std::string();
}

// Kernels are grouped as a build groups them, so that the answer is the build's.
Status cover_units(const Graph& graph, const Target& target, const SymbolSet& outer, Table& table) {
  FuseOptions options;
  options.target = &target;
  options.early = early_symbols(graph, outer);
  std::vector<ScheduleNote> notes;
  for (const Unit& unit : TRY(fuse(graph, options, notes))) {
    std::string why;
    for (const ScheduleNote& note : notes)
      if (note.id == "fallback.reference" && note.node == unit.name) why = note.why;
    for (const Node* node : unit.nodes) {
      if (unit.kind == Unit::Kind::reference) {
        table.add(Coverage::reference, node->op(), why, node->source());
        continue;
      }
      table.add(Coverage::compiled, node->op(), why_slow(unit, *node), node->source());
      if (unit.kind == Unit::Kind::control)
        for (std::size_t i = 0; i < node->region_count(); ++i)
          TRY(cover_units(node->region(i), target, options.early, table));
    }
  }
  return {};
}

Result<Table> cover(Opened opened, const BuildFlags& flags) {
  Table table;
  if (!opened.unknown.empty()) {
    for (const UnknownOperator& u : opened.unknown)
      table.add(
          Coverage::unknown, (u.domain.empty() ? "" : u.domain + ".") + u.op_type,
          u.domain == "com.microsoft.nchwc"
              ? "ONNX Runtime writes it at ORT_ENABLE_ALL, for one processor: save the model at ORT_ENABLE_EXTENDED"
              : "no operator of this name is known here",
          u.node);
    walk(*opened.graph, [&](Node& node) {
      if (node.definition() != nullptr && node.op() != "constant")
        table.add(Coverage::known, node.op(), "", node.source());
    });
    return table;
  }
  // Of several processors, the least one: the first of `portable`.
  const std::string list = flags.cpu == "portable" ? "x86-64-v3" : flags.cpu;
  const CpuFeatures cpu = TRY(parse_cpu(list.substr(0, list.find(','))));
  const auto graph = TRY(shaped_graph(std::move(opened), flags));
  TRY(run_stages(*graph, flags, "late", [](const Graph&) {}));
  TRY(cover_units(*graph, CpuTarget(cpu), {}, table));
  return table;
}

Result<int> check(Console& console, const Options& options) {
  const Fallback fallback = TRY(parse_fallback(options.build.fallback));
  const Table table = TRY(cover(TRY(open_model(options.model)), options.build));
  Json rows = Json::array();
  for (const auto& [key, row] : table.rows())
    rows.push_back({{"operator", row.op},
                    {"coverage", name(row.coverage)},
                    {"reason", row.reason},
                    {"count", row.layers.size()},
                    {"layers", row.layers}});
  const int64_t unknown = table.count(Coverage::unknown), references = table.count(Coverage::reference);
  console.report = {{"model", options.model},
                    {"compiled", table.count(Coverage::compiled)},
                    {"plain_loops", table.slow()},
                    {"known", table.count(Coverage::known)},
                    {"reference", references},
                    {"unknown", unknown},
                    {"operators", rows}};
  print_table(console, table);
  if (unknown > 0) {
    console.print("{} nodes known, {} unknown: the model cannot be built\n", table.count(Coverage::known), unknown);
    return static_cast<int>(ErrorCode::refused);
  }
  const std::string slow = table.slow() > 0 ? fmt::format(" ({} as {}: slow)", table.slow(), kPlainLoops) : "";
  console.print("{} nodes compiled{}, {} on references\n", table.count(Coverage::compiled), slow, references);
  return references > 0 && fallback == Fallback::error ? static_cast<int>(ErrorCode::refused) : 0;
}

Action setup(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("model", options->model, "Model")->required()->type_name("MODEL");
  add_build_flags(app, options->build);
  return [options](Console& console) { return check(console, *options); };
}

}  // namespace

constinit const Command kCheck = {
    "check", "List which operators are compiled, run on references, or are unknown",
    R"(  burnish check model.onnx                    exit code 0 when every operator is known, else 3
  burnish check model.onnx --fallback error   3 also when some run on references
  burnish check model.onnx --json             every layer)",
    setup};

}  // namespace burnish::cli
