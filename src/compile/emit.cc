#include "compile/emit.h"

#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <tuple>
#include <unordered_map>

#include <fmt/format.h>

#include "base/checked.h"

namespace burnish {
namespace {

constexpr int64_t kAlignment = 64;

// All that code depends on.
std::string key_of(const Target& target, const KernelJob& job) {
  std::string key = target.name() + "\n" + print(job.kernel) + "\n" + job.tactic.name;
  for (const auto& [name, value] : job.tactic.parameters) key += fmt::format(" {}={}", name, text(value));
  for (const Storage& s : job.storages) key += fmt::format("\n{} [{}]", s.format.text(), text(std::span(s.strides)));
  return key;
}

std::string sizes_text(const std::map<std::string, Dim, std::less<>>& sizes) {
  std::string result;
  for (const auto& [name, dim] : sizes) result += fmt::format("{}={} ", name, dim.text());
  return result;
}

std::string kernel_name(const KernelJob& job) {
  const Tactic& tactic = job.tactic;
  if (tactic.name == kPlainLoops) return tactic.name + (job.kernel.anchor ? " of " + job.kernel.anchor->family : "");
  const auto family = tactic.parameters.find("family");
  const auto* name = family == tactic.parameters.end() ? nullptr : std::get_if<std::string>(&family->second);
  return name == nullptr || tactic.name.starts_with(*name) ? tactic.name : *name + " " + tactic.name;
}

}  // namespace

Status emit(std::vector<KernelJob>& jobs, Program& root, const EmitOptions& options) {
  std::map<std::string, std::size_t> known;
  std::vector<std::size_t> kind(jobs.size());  // job -> distinct kernel
  std::vector<const KernelJob*> distinct;
  std::vector<const std::string*> keys;
  for (std::size_t j = 0; j < jobs.size(); ++j) {
    const auto [found, fresh] = known.emplace(key_of(*options.target, jobs[j]), distinct.size());
    if (fresh) {
      distinct.push_back(&jobs[j]);
      keys.push_back(&found->first);
    }
    kind[j] = found->second;
  }
  std::vector<std::shared_ptr<const Emitted>> code(distinct.size());
  std::mutex mutex;
  std::optional<Error> failure;
  std::size_t failed = distinct.size();
  std::atomic<std::size_t> done = 0;
  std::atomic<bool> stop = false;
  const auto fail = [&](std::size_t i, Error error) {
    const std::lock_guard lock(mutex);
    if (i >= failed) return;  // the same message whatever the threads did
    const std::string& step = distinct[i]->program->steps[distinct[i]->step].name;
    error.where = error.where.empty() ? step : step + ": " + error.where;
    failed = i;
    failure = std::move(error);
  };
  const auto work = [&](int64_t first, int64_t last, int worker) {
    for (auto i = static_cast<std::size_t>(first); i < static_cast<std::size_t>(last) && !stop; ++i) {
      const KernelJob& job = *distinct[i];
      if (options.cache != nullptr) code[i] = options.cache->find(*keys[i]);
      if (code[i] == nullptr) {
        auto emitted = options.target->emit(job.kernel, job.tactic, job.storages);
        if (emitted) {
          code[i] = std::make_shared<const Emitted>(std::move(*emitted));
          if (options.cache != nullptr) options.cache->keep(*keys[i], code[i]);
        } else {
          fail(i, std::move(emitted.error()));
        }
      }
      ++done;
      if (worker == 0 && options.progress)
        options.progress(static_cast<double>(done) / static_cast<double>(distinct.size()));
      if (worker == 0 && options.cancelled && options.cancelled()) stop = true;
    }
  };
  const auto count = static_cast<int64_t>(distinct.size());
  if (options.pool != nullptr) options.pool->parallel_for(count, 1, work);
  else work(0, count, 0);
  if (stop) return usage_error("the build was cancelled");
  if (failure) return std::unexpected(std::move(*failure));

  std::vector<std::size_t> offsets;
  for (const auto& emitted : code) {
    root.code.resize(static_cast<std::size_t>(round_up(static_cast<int64_t>(root.code.size()), kAlignment)));
    offsets.push_back(root.code.size());
    root.code.insert(root.code.end(), emitted->code.begin(), emitted->code.end());
  }
  std::map<std::tuple<const Program*, std::size_t, std::string>, int> numbers;
  for (std::size_t j = 0; j < jobs.size(); ++j) {
    Program& program = *jobs[j].program;
    const Emitted& emitted = *code[kind[j]];
    const auto& sizes = jobs[j].sizes;
    const auto [found, fresh] =
        numbers.emplace(std::tuple(&program, kind[j], sizes_text(sizes)), static_cast<int>(program.kernels.size()));
    if (fresh) {
      KernelCode kernel = {kernel_name(jobs[j]), offsets[kind[j]] + emitted.entry,
                           emitted.integers,     emitted.tasks,
                           emitted.grain,        emitted.scratch_bytes};
      for (Dim& integer : kernel.integers) integer = integer.substitute(sizes);
      for (Dim* dim : {&kernel.tasks, &kernel.grain, &kernel.scratch_bytes}) *dim = dim->substitute(sizes);
      program.kernels.push_back(std::move(kernel));
    }
    program.steps[jobs[j].step].code = found->second;
  }
  return {};
}

}  // namespace burnish
