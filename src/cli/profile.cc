#include "cli/profile.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <optional>

namespace burnish::cli {
namespace {

constexpr std::size_t kNameWidth = 40;
constexpr std::size_t kKindWidth = 40;
constexpr int kTraces = 5;

std::string cut(const std::string& text, std::size_t width) {
  return text.size() <= width ? text : text.substr(0, width - 2) + "..";
}

// "kernel convolution direct 14x2" and "reference top_k" by their first two words; plain loops together.
std::string family(const LayerTime& layer) {
  const std::string& kind = layer.kind;
  if (layer.plain_loops()) return std::string("kernel ").append(kPlainLoops);
  const std::size_t first = kind.find(' ');
  return kind.substr(0, first == std::string::npos ? first : kind.find(' ', first + 1));
}

// The least time of all calls of a run, where that is known.
std::optional<Bound> bound_of(const LayerTime& time, const Layers& layers, const Peaks& peaks) {
  const Layer* layer = layers.find(time.program, time.step);
  auto bound = layer == nullptr ? std::nullopt : bound_of(*layer, peaks);
  if (bound) bound->seconds *= static_cast<double>(time.calls);
  return bound;
}

Json or_null(std::optional<double> value) { return value ? Json(*value) : Json(nullptr); }
// Whole numbers as such.
Json count_json(std::optional<double> value, int64_t calls) {
  return value ? Json(std::llround(*value * static_cast<double>(calls))) : Json(nullptr);
}

}  // namespace

double Profile::reference_share() const {
  double references = 0;
  for (const LayerTime& layer : layers) references += layer.reference() ? layer.mean : 0;
  return total > 0 ? references / total : 0;
}

Result<Profile> profile(Subject& subject, std::span<const RuntimeValue> inputs, double seconds) {
  struct Sum {
    std::vector<double> runs;
    int64_t calls = 0;
  };
  std::map<std::pair<const Program*, int>, std::size_t> index;
  Profile result;
  std::vector<Sum> sums;
  std::vector<StepTime> steps;
  subject.context().set_profile(&steps);
  const auto start = std::chrono::steady_clock::now();
  Status status;
  while (status && (result.runs < 2 ||
                    std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() < seconds)) {
    steps.clear();
    if (auto run = subject.run(inputs); !run) status = std::unexpected(std::move(run).error());
    ++result.runs;
    for (const StepTime& step : steps) {
      const auto [it, added] = index.emplace(std::pair(step.program, step.step), sums.size());
      if (added) {
        sums.emplace_back();
        result.layers.push_back({.name = step.name, .kind = step.kind, .program = step.program, .step = step.step});
      }
      Sum& sum = sums[it->second];
      if (sum.runs.size() < static_cast<std::size_t>(result.runs))
        sum.runs.resize(static_cast<std::size_t>(result.runs), 0);
      sum.runs.back() += step.seconds;
      ++sum.calls;
    }
  }
  subject.context().set_profile(nullptr);
  TRY(std::move(status));
  for (std::size_t i = 0; i < sums.size(); ++i) {
    LayerTime& layer = result.layers[i];
    Sum& sum = sums[i];
    for (const double s : sum.runs) layer.mean += s / static_cast<double>(result.runs);
    layer.calls = (sum.calls + result.runs - 1) / result.runs;
    std::ranges::nth_element(sum.runs, sum.runs.begin() + static_cast<std::ptrdiff_t>(sum.runs.size() / 2));
    layer.median = sum.runs[sum.runs.size() / 2];
    layer.least = *std::ranges::min_element(sum.runs);
    result.total += layer.mean;
  }
  return result;
}

void print(const Console& console, const Profile& profile, const Layers& layers, const Peaks& peaks) {
  const double total = std::max(profile.total, 1e-12);
  console.print("\nPeaks:      {} (measured, {} thread{}, {:.0f} ms)\n", text(peaks), peaks.threads,
                peaks.threads == 1 ? "" : "s", peaks.seconds * 1e3);
  console.print("\n{:>10} {:>10} {:>7} {:>9} {:>10} {:>7}  {:<{}}  {}\n", "mean ms", "median ms", "share", "MACs",
                "bytes", "of peak", "layer", kNameWidth, "how");
  double bounds = 0;
  std::map<std::string, std::pair<double, int>> families;
  for (const LayerTime& layer : profile.layers) {
    const Layer* known = layers.find(layer.program, layer.step);
    const auto bound = bound_of(layer, layers, peaks);
    const auto calls = static_cast<double>(layer.calls);
    if (bound) bounds += bound->seconds;
    console.print("{:>10.4f} {:>10.4f} {:>6.1f}% {:>9} {:>10} {:>7}  {:<{}}  {}{}\n", layer.mean * 1e3,
                  layer.median * 1e3, layer.mean / total * 100,
                  known == nullptr || !known->macs ? "?"
                  : *known->macs == 0              ? "-"
                                                   : count_text(*known->macs * calls),
                  known == nullptr || !known->bytes ? "?" : bytes_text(std::llround(*known->bytes * calls)),
                  bound && layer.median > 0
                      ? fmt::format("{:.0f} %{}", bound->seconds / layer.median * 100, bound->by_bytes ? "b" : "m")
                      : "?",
                  cut(printable(layer.name), kNameWidth), kNameWidth, cut(printable(layer.kind), kKindWidth),
                  layer.calls > 1 ? fmt::format(" x{}", layer.calls) : "");
    auto& [seconds, count] = families[family(layer)];
    seconds += layer.mean;
    ++count;
  }
  console.print("\nof peak: the least time by the peaks, over the median; m: by multiply-adds, b: by bytes moved\n");
  std::vector<std::pair<std::string, std::pair<double, int>>> sorted(families.begin(), families.end());
  std::ranges::stable_sort(sorted, std::greater<>(), [](const auto& f) { return f.second.first; });
  console.print("\n{:>10} {:>7} {:>7}  {}\n", "mean ms", "share", "layers", "how");
  for (const auto& [kind, sum] : sorted)
    console.print("{:>10.4f} {:>6.1f}% {:>7}  {}\n", sum.first * 1e3, sum.first / total * 100, sum.second, kind);
  console.print("{:>10.4f} {:>6.1f}% {:>7}  in all, of {} runs; {:.4f} ms by the peaks\n\n", profile.total * 1e3, 100.0,
                profile.layers.size(), profile.runs, bounds * 1e3);
  if (const auto slow = std::ranges::count_if(profile.layers, &LayerTime::plain_loops); slow > 0)
    console.print("{} layer{} as {}: slow, 'burnish explain' says why\n\n", slow, slow == 1 ? "" : "s", kPlainLoops);
}

Json to_json(const Profile& profile, const Layers& layers, const Peaks& peaks) {
  Json list = Json::array();
  double macs = 0, multiplications = 0, bytes = 0, bounds = 0;
  static const Layer kUnknown;
  for (const LayerTime& time : profile.layers) {
    const Layer* found = layers.find(time.program, time.step);
    const Layer& layer = found == nullptr ? kUnknown : *found;
    const auto bound = bound_of(time, layers, peaks);
    const auto calls = static_cast<double>(time.calls);
    macs += layer.macs.value_or(0) * calls;
    multiplications += layer.multiplications().value_or(0) * calls;
    bytes += layer.bytes.value_or(0) * calls;
    bounds += bound ? bound->seconds : 0;
    list.push_back({{"layer", time.name},
                    {"how", time.kind},
                    {"id", found == nullptr ? Json(nullptr) : Json(found - layers.list.data())},
                    {"mean_ms", time.mean * 1e3},
                    {"median_ms", time.median * 1e3},
                    {"min_ms", time.least * 1e3},
                    {"share", profile.total > 0 ? time.mean / profile.total : 0.0},
                    {"calls", time.calls},
                    {"macs", count_json(layer.macs, time.calls)},
                    {"multiplications", count_json(layer.multiplications(), time.calls)},
                    {"bytes", count_json(layer.bytes, time.calls)},
                    {"bound_ms", bound ? Json(bound->seconds * 1e3) : Json(nullptr)},
                    {"bound_by", bound ? Json(bound->by_bytes ? "bytes" : "macs") : Json(nullptr)},
                    {"fraction", bound && time.median > 0 ? Json(bound->seconds / time.median) : Json(nullptr)},
                    {"gain_ms", bound ? Json(std::max(0.0, time.median - bound->seconds) * 1e3) : Json(nullptr)},
                    {"tactic", layer.tactic},
                    {"why", layer.why},
                    {"estimate_ms", or_null(layer.estimate ? std::optional(*layer.estimate * 1e3) : std::nullopt)},
                    {"estimate_measured", layer.timed},
                    {"losers", losers_json(layer)}});
  }
  return {{"runs", profile.runs},
          {"total_ms", profile.total * 1e3},
          {"bound_ms", bounds * 1e3},
          {"macs", std::llround(macs)},
          {"multiplications", std::llround(multiplications)},
          {"bytes", std::llround(bytes)},
          {"layers", list}};
}

Result<Trace> trace(Subject& subject, std::span<const RuntimeValue> inputs) {
  std::vector<Trace> traces(kTraces);
  Status status;
  for (Trace& one : traces) {
    subject.context().set_profile(&one.steps, true);
    const auto start = std::chrono::steady_clock::now();
    auto run = subject.run(inputs);
    one.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (run) continue;
    status = std::unexpected(std::move(run).error());
    break;
  }
  subject.context().set_profile(nullptr);
  TRY(std::move(status));
  std::ranges::sort(traces, {}, &Trace::seconds);
  return std::move(traces[kTraces / 2]);
}

}  // namespace burnish::cli
