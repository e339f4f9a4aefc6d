#include "schedule/tune.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/hash.h"
#include "runtime/memory.h"

namespace burnish {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kMostOfALayout = 6;           // candidates of one kernel that take the same layouts
constexpr double kFarOff = 3, kHardly = 6;  // times the best estimate: not worth a run, not even for another layout
constexpr double kHopeless = 1.3;           // times the best time: out of the later rounds
constexpr double kBudget = 0.012;           // seconds of runs for one candidate
constexpr int kFewestRounds = 3, kMostRounds = 40, kRunsATurn = 3;
constexpr int64_t kMostWeights = 256 << 20;  // bytes
constexpr int64_t kScratchApart = 256;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::string tactic_key(const Tactic& tactic) {
  std::string key = tactic.name;
  for (const auto& [name, value] : tactic.parameters) key += fmt::format(" {}={}", name, text(value));
  std::string formats;
  for (const Tactic::Port& port : tactic.ports) {
    if (port.derived_bytes > 0) formats += " derived";
    else formats += port.any_strides ? " any" : " " + port.format.text();
  }
  return key + " |" + formats;
}

// With every symbol of its likely size; unlike `likely`, 0 and less stay what they are.
Result<int64_t> number(const Dim& dim) {
  std::map<std::string, Range, std::less<>> ranges;
  dim.collect_ranges(ranges);
  SymbolTable sizes;
  for (const auto& [name, range] : ranges) sizes[name] = likely(Dim::symbol(name, range));
  return evaluate(dim, sizes);
}

std::string sizes_of(const Type& type) {
  std::vector<int64_t> sizes;
  for (const Dim& d : type.dims) sizes.push_back(likely(d));
  return fmt::format("{}[{}]", name(type.dtype), fmt::join(sizes, ","));
}

// Of operands that are no constants.
std::string layouts(const Unit& unit, const Tactic& tactic) {
  std::string all;
  for (std::size_t i = 0; i < tactic.ports.size(); ++i)
    if (!is_constant(*unit.operands[i]))
      all += (tactic.ports[i].any_strides ? "any" : tactic.ports[i].format.text()) + ";";
  return all;
}

// A tactic that is to be run.
struct Candidate {
  std::size_t problem = 0;
  const Tactic* tactic = nullptr;
  std::string key;
  std::optional<Emitted> emitted;
  double best = std::numeric_limits<double>::infinity();
};

// Units that are alike but for their layers' names.
struct Kind {
  std::vector<Unit*> units;
  std::string key, text;
  std::vector<std::size_t> candidates;
  const Unit& unit() const { return *units.front(); }
};

// Numbers in [-1, 1): a kernel must not be slowed down by subnormals or infinities.
void fill(float* data, int64_t count) {
  uint32_t state = 1;
  for (int64_t i = 0; i < count; ++i) {
    state = state * 1664525u + 1013904223u;
    data[i] = static_cast<float>(static_cast<int32_t>(state)) * 0x1p-31f;
  }
}

// As many bytes as the network has weights, of which each run takes some that others have not: so it finds them where a run
// of the network would, in the last cache or in memory.
class Weights {
 public:
  explicit Weights(int64_t bytes) : wanted_(std::min(bytes, kMostWeights)) {}

  Status make_room(int64_t bytes) {
    if (bytes <= bytes_) return {};
    bytes_ = round_up(std::max(bytes, wanted_), 64);
    TRY(block_.reserve(bytes_));
    fill(reinterpret_cast<float*>(block_.data()), bytes_ / 4);
    return {};
  }
  std::byte* part(int64_t run, int64_t bytes) const { return block_.data() + run % (bytes_ / bytes) * bytes; }

 private:
  Block block_;
  int64_t wanted_, bytes_ = 0;
};

// A kernel's operands and scratch. What they hold is of no consequence, so all candidates share them.
class Arena {
 public:
  explicit Arena(Weights& weights) : weights_(weights) {}

  Status make(const Unit& unit, std::span<const Candidate* const> candidates, int threads) {
    const std::size_t count = unit.kernel.operand_count();
    operands_ = std::vector<Operand>(count);
    for (std::size_t i = 0; i < count; ++i) {
      int64_t bytes = 64;
      for (const Candidate* c : candidates) bytes = std::max(bytes, TRY(operand_bytes(unit, *c->tactic, i)));
      bytes = round_up(bytes, 64);
      Operand& o = operands_[i];
      o.bytes = bytes;
      const bool real = unit.kernel.operand_type(i).dtype == DType::f32;
      o.is_weight = real && is_constant(*unit.operands[i]);
      if (o.is_weight) {
        TRY(weights_.make_room(bytes));
        continue;
      }
      TRY(o.block.reserve(bytes));
      if (real) fill(reinterpret_cast<float*>(o.block.data()), bytes / 4);
      else std::fill_n(o.block.data(), bytes, std::byte{0});
    }
    int64_t scratch = 0;
    for (const Candidate* c : candidates) scratch = std::max(scratch, TRY(number(c->emitted->scratch_bytes)));
    scratch_stride_ = round_up(scratch, kScratchApart);
    return scratch_.reserve(scratch_stride_ * threads);
  }

  std::vector<void*> pointers(int64_t run) const {
    std::vector<void*> list;
    for (const Operand& o : operands_) list.push_back(o.is_weight ? weights_.part(run, o.bytes) : o.block.data());
    return list;
  }
  std::byte* scratch(int worker) const {
    return scratch_stride_ == 0 ? nullptr : scratch_.data() + worker * scratch_stride_;
  }

 private:
  struct Operand {
    Block block;
    int64_t bytes = 0;
    bool is_weight = false;
  };

  static Result<int64_t> operand_bytes(const Unit& unit, const Tactic& tactic, std::size_t i) {
    const Tactic::Port& port = tactic.ports[i];
    if (port.derived_bytes > 0) return port.derived_bytes;
    const Type& type = unit.kernel.operand_type(i);
    const auto bytes =
        checked_mul(TRY(number(storage_elements(port.format, type.dims))), static_cast<int64_t>(byte_size(type.dtype)));
    if (!bytes) return refused("an operand is too large to be measured with", unit.name);
    return *bytes;
  }

  Weights& weights_;
  std::vector<Operand> operands_;
  Block scratch_;
  int64_t scratch_stride_ = 0;
};

class Tuner {
 public:
  Tuner(const SelectOptions& selecting, const TuneOptions& options) : selecting_(selecting), options_(options) {}

  Result<int> run(std::vector<Unit>& units) {
    for (Unit& unit : units)
      if (unit.kind == Unit::Kind::kernel) add(unit);
    for (std::size_t k = 0; k < kinds_.size(); ++k) choose(k);
    TRY(emit_all());
    Weights weights(weight_bytes(units));
    for (std::size_t k = 0; k < kinds_.size(); ++k) {
      if (options_.cancelled && options_.cancelled()) return usage_error("the build was cancelled");
      TRY(measure(kinds_[k], weights));
      if (options_.progress) options_.progress(static_cast<double>(k + 1) / static_cast<double>(kinds_.size()));
    }
    for (Kind& kind : kinds_)
      for (Unit* unit : kind.units) give_times(kind, *unit);
    return static_cast<int>(candidates_.size());
  }

 private:
  void add(Unit& unit) {
    if (unit.tactics.size() < 2) return;
    std::string words = print(unit.kernel);
    std::string sizes;
    for (std::size_t i = 0; i < unit.kernel.operand_count(); ++i)
      sizes += (i == 0 ? "" : ", ") + sizes_of(unit.kernel.operand_type(i)) +
               (is_constant(*unit.operands[i]) ? " constant" : "");
    words += "\n" + sizes;
    const auto [found, fresh] = known_.emplace(words, kinds_.size());
    if (fresh) {
      Kind& kind = kinds_.emplace_back();
      kind.key = hash128_hex(as_bytes(words));
      kind.text = (unit.kernel.anchor ? unit.kernel.anchor->family : std::string("nest")) + " " + sizes;
    }
    kinds_[found->second].units.push_back(&unit);
  }

  static int64_t weight_bytes(const std::vector<Unit>& units) {
    std::set<const Value*> constants;
    int64_t bytes = 0;
    for (const Unit& unit : units) {
      if (unit.kind != Unit::Kind::kernel) continue;
      for (const Value* value : unit.operands)
        if (is_constant(*value) && constants.insert(value).second)
          bytes += std::get<Tensor>(*value->producer()->attribute("value")).byte_size();
    }
    return bytes;
  }

  // The best few by estimate whose times nobody knows.
  void choose(std::size_t k) {
    Kind& kind = kinds_[k];
    std::vector<const Tactic*> good;
    for (const Tactic& tactic : kind.unit().tactics)
      if (is_allowed(kind.unit(), tactic, selecting_)) good.push_back(&tactic);
    std::ranges::stable_sort(good, {}, [](const Tactic* t) { return t->seconds; });
    if (good.size() < 2) return;
    // Some of each layout: what conversions cost may decide.
    std::map<std::string, int> of_layout;
    for (std::size_t i = 0; i < good.size(); ++i) {
      const double behind = good[i]->seconds / good[0]->seconds;
      const int before = of_layout[layouts(kind.unit(), *good[i])]++;
      if (before >= kMostOfALayout || behind > (before < 2 ? kHardly : kFarOff)) continue;
      std::string key = tactic_key(*good[i]);
      if (options_.cache->find(options_.processor, kind.key, key)) continue;
      kind.candidates.push_back(candidates_.size());
      candidates_.push_back({k, good[i], std::move(key), std::nullopt});
    }
  }

  Status emit_all() {
    std::vector<std::optional<Error>> failures(candidates_.size());
    options_.pool->parallel_for(static_cast<int64_t>(candidates_.size()), 1, [&](int64_t first, int64_t last, int) {
      for (auto i = static_cast<std::size_t>(first); i < static_cast<std::size_t>(last); ++i) {
        if (options_.cancelled && options_.cancelled()) return;
        Candidate& c = candidates_[i];
        const Unit& unit = kinds_[c.problem].unit();
        std::vector<Storage> storages;
        for (std::size_t o = 0; o < c.tactic->ports.size(); ++o) {
          const Tactic::Port& port = c.tactic->ports[o];
          storages.push_back(dense_storage(port.format, unit.kernel.operand_type(o).dims));
          if (port.derived_bytes > 0) storages.back().strides = {Dim(1)};
        }
        auto emitted = options_.target->emit(unit.kernel, *c.tactic, storages);
        if (emitted) c.emitted = std::move(*emitted);
        else failures[i] = std::move(emitted.error());
      }
    });
    for (auto& failure : failures)
      if (failure) return std::unexpected(std::move(*failure));
    return {};
  }

  Status measure(Kind& kind, Weights& weights) {
    if (kind.candidates.empty()) return {};
    std::vector<Candidate*> racing;
    for (std::size_t c : kind.candidates) racing.push_back(&candidates_[c]);
    const std::vector<const Candidate*> all(racing.begin(), racing.end());
    Arena arena(weights);
    TRY(arena.make(kind.unit(), all, options_.pool->threads()));
    std::vector<Runner> runners;
    for (Candidate* c : racing) runners.push_back(TRY(Runner::make(*c)));
    const double budget = kBudget * static_cast<double>(racing.size());
    const Clock::time_point start = Clock::now();
    int64_t run = 0;
    options_.pool->begin_session();
    for (int round = 0; round < kMostRounds && (round < kFewestRounds || seconds_since(start) < budget); ++round) {
      double best = std::numeric_limits<double>::infinity();
      for (std::size_t c = 0; c < racing.size(); ++c) {
        double spent = 0;
        for (int i = 0; i < kRunsATurn && spent < kBudget; ++i) {
          const double seconds = runners[c].once(arena, run++, *options_.pool);
          racing[c]->best = std::min(racing[c]->best, seconds);
          spent += seconds;
        }
        best = std::min(best, racing[c]->best);
      }
      for (std::size_t c = racing.size(); c-- > 0 && round + 1 >= kFewestRounds;)
        if (racing[c]->best > kHopeless * best) {
          racing.erase(racing.begin() + static_cast<std::ptrdiff_t>(c));
          runners.erase(runners.begin() + static_cast<std::ptrdiff_t>(c));
        }
      if (racing.size() < 2 && round + 1 >= kFewestRounds) break;
    }
    options_.pool->end_session();
    for (const Candidate* c : all) options_.cache->add(options_.processor, kind.key, kind.text, c->key, c->best);
    for (std::size_t c : kind.candidates) candidates_[c].emitted.reset();
    return {};
  }

  // What was not run counts as the estimate that proved furthest too low would have it: it must not win by that.
  void give_times(const Kind& kind, Unit& unit) const {
    double scale = 0;
    std::vector<std::optional<double>> times;
    for (const Tactic& tactic : unit.tactics) {
      times.push_back(options_.cache->find(options_.processor, kind.key, tactic_key(tactic)));
      if (times.back()) scale = std::max(scale, *times.back() / tactic.seconds);
    }
    if (scale <= 0) return;
    for (std::size_t t = 0; t < times.size(); ++t) {
      unit.tactics[t].seconds = times[t] ? *times[t] : scale * unit.tactics[t].seconds;
      unit.timed.push_back(times[t].has_value());
    }
  }

  struct Runner {
    ExecutableCode code;
    KernelFunction function = nullptr;
    std::vector<int64_t> integers;
    int64_t tasks = 0, grain = 1;

    static Result<Runner> make(const Candidate& candidate) {
      Runner r;
      const Emitted& emitted = *candidate.emitted;
      r.code = TRY(ExecutableCode::copy(emitted.code));
      r.function = reinterpret_cast<KernelFunction>(const_cast<std::byte*>(r.code.data()) + emitted.entry);
      for (const Dim& d : emitted.integers) r.integers.push_back(TRY(number(d)));
      r.tasks = TRY(number(emitted.tasks));
      r.grain = TRY(number(emitted.grain));
      return r;
    }

    double once(const Arena& arena, int64_t run, ThreadPool& pool) const {
      const std::vector<void*> pointers = arena.pointers(run);
      KernelFailure failure = {};  // the numbers in the arena may be indices
      const Clock::time_point start = Clock::now();
      pool.parallel_for(tasks, grain, [&](int64_t first, int64_t last, int worker) {
        const KernelArgs args{pointers.data(), integers.data(), arena.scratch(worker), &failure};
        function(&args, first, last);
      });
      return seconds_since(start);
    }
  };

  const SelectOptions& selecting_;
  const TuneOptions& options_;
  std::map<std::string, std::size_t> known_;
  std::vector<Kind> kinds_;
  std::vector<Candidate> candidates_;
};

}  // namespace

Result<int> tune(std::vector<Unit>& units, const SelectOptions& selecting, const TuneOptions& options) {
  return Tuner(selecting, options).run(units);
}

}  // namespace burnish
