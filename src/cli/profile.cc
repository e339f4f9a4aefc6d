#include "cli/profile.h"

#include <algorithm>
#include <chrono>
#include <map>

namespace burnish::cli {
namespace {

constexpr std::size_t kNameWidth = 44;
constexpr std::size_t kKindWidth = 40;

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
  std::map<std::pair<std::string, std::string>, std::size_t> index;
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
      const auto [it, added] = index.emplace(std::pair(step.name, step.kind), sums.size());
      if (added) {
        sums.emplace_back();
        result.layers.push_back({.name = step.name, .kind = step.kind});
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
    result.total += layer.mean;
  }
  return result;
}

void print(const Console& console, const Profile& profile) {
  const double total = std::max(profile.total, 1e-12);
  console.print("\n{:>10} {:>10} {:>7}  {:<{}}  {}\n", "mean ms", "median ms", "share", "layer", kNameWidth, "how");
  std::map<std::string, std::pair<double, int>> families;
  for (const LayerTime& layer : profile.layers) {
    console.print("{:>10.4f} {:>10.4f} {:>6.1f}%  {:<{}}  {}{}\n", layer.mean * 1e3, layer.median * 1e3,
                  layer.mean / total * 100, cut(printable(layer.name), kNameWidth), kNameWidth,
                  cut(printable(layer.kind), kKindWidth), layer.calls > 1 ? fmt::format(" x{}", layer.calls) : "");
    auto& [seconds, count] = families[family(layer)];
    seconds += layer.mean;
    ++count;
  }
  std::vector<std::pair<std::string, std::pair<double, int>>> sorted(families.begin(), families.end());
  std::ranges::stable_sort(sorted, std::greater<>(), [](const auto& f) { return f.second.first; });
  console.print("\n{:>10} {:>7} {:>7}  {}\n", "mean ms", "share", "layers", "how");
  for (const auto& [kind, sum] : sorted)
    console.print("{:>10.4f} {:>6.1f}% {:>7}  {}\n", sum.first * 1e3, sum.first / total * 100, sum.second, kind);
  console.print("{:>10.4f} {:>6.1f}% {:>7}  in all, of {} runs\n\n", profile.total * 1e3, 100.0, profile.layers.size(),
                profile.runs);
  if (const auto slow = std::ranges::count_if(profile.layers, &LayerTime::plain_loops); slow > 0)
    console.print("{} layer{} as {}: slow, 'burnish explain' says why\n\n", slow, slow == 1 ? "" : "s", kPlainLoops);
}

Json to_json(const Profile& profile) {
  Json layers = Json::array();
  for (const LayerTime& layer : profile.layers)
    layers.push_back({{"layer", layer.name},
                      {"how", layer.kind},
                      {"mean_ms", layer.mean * 1e3},
                      {"median_ms", layer.median * 1e3},
                      {"share", profile.total > 0 ? layer.mean / profile.total : 0.0},
                      {"calls", layer.calls}});
  return {{"runs", profile.runs}, {"total_ms", profile.total * 1e3}, {"layers", layers}};
}

}  // namespace burnish::cli
