#include "cli/inputs.h"

#include <algorithm>
#include <random>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/remedy.h"
#include "cli/maps.h"
#include "cli/npy.h"

namespace burnish::cli {
namespace {

std::string list_inputs(std::span<const InputInfo> infos) {
  std::string text;
  for (const InputInfo& info : infos)
    text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", info.name, info.type.text());
  return infos.empty() ? "there are no inputs" : "the inputs are " + text;
}

// NAME=FILE where both may hold '=': the longest name that is an input's.
Result<std::pair<std::size_t, std::string>> split(std::span<const InputInfo> infos, const std::string& text) {
  std::size_t best = infos.size();
  for (std::size_t i = 0; i < infos.size(); ++i) {
    const std::string& name = infos[i].name;
    if (!text.starts_with(name) || text.size() <= name.size() || text[name.size()] != '=') continue;
    if (best == infos.size() || infos[best].name.size() < name.size()) best = i;
  }
  if (best < infos.size()) return std::pair(best, text.substr(infos[best].name.size() + 1));
  if (text.find('=') == std::string::npos)
    return usage_error(fmt::format("'{}' is not NAME=FILE.npy", text), "--input", list_inputs(infos));
  return usage_error(fmt::format("there is no input '{}'", text.substr(0, text.find('='))), "--input",
                     list_inputs(infos) + "; an input that is an initializer, too, is built in as a constant");
}

Status check_type(const InputInfo& info, const Tensor& tensor, const std::string& path) {
  const auto wrong = [&](std::string remedy) {
    return usage_error(fmt::format("input '{}' is {}, but the file holds {}[{}]", info.name, info.type.text(),
                                   name(tensor.dtype()), fmt::join(tensor.dims(), ",")),
                       path, std::move(remedy));
  };
  if (!info.type.is_tensor()) return wrong("only tensors can be read from a file");
  if (info.type.dtype != tensor.dtype())
    return wrong(fmt::format("convert it in NumPy: array.astype('{}')", info.type.dtype == DType::f32 ? "float32"
                                                                        : info.type.dtype == DType::i64
                                                                            ? "int64"
                                                                            : std::string(name(info.type.dtype))));
  if (!info.type.ranked) return {};
  if (info.type.rank() != tensor.rank()) return wrong("give it the number of dims that the model has");
  for (std::size_t i = 0; i < info.type.dims.size(); ++i) {
    const Dim& dim = info.type.dims[i];
    const int64_t size = tensor.dims()[i];
    if (equal(dim, Dim(size)) == Truth::no)
      return wrong(dim.is_constant()
                       ? "give it the sizes that the model has, or build it with other --shapes"
                       : fmt::format("'{}' lies within {} and {}", dim.text(), dim.range().low, dim.range().high));
  }
  return {};
}

Status bind_sizes(const InputInfo& info, const Tensor& tensor, const std::string& path, SymbolTable& symbols) {
  for (std::size_t i = 0; i < info.type.dims.size(); ++i) {
    const auto symbol = info.type.dims[i].symbol_name();
    if (!symbol) continue;
    const auto [it, added] = symbols.emplace(*symbol, tensor.dims()[i]);
    if (!added && it->second != tensor.dims()[i])
      return usage_error(fmt::format("input '{}' has {} = {}, but another input has {}", info.name, *symbol,
                                     tensor.dims()[i], it->second),
                         path);
  }
  return {};
}

void bind_rest(const Type& type, const SymbolTable& opt, SymbolTable& symbols) {
  for (const Dim& dim : type.dims) {
    for (const std::string& symbol : dim.symbols()) {
      if (symbols.contains(symbol)) continue;
      const auto expected = opt.find(symbol);
      const int64_t least = dim.symbol_name() ? dim.range().low : 1;
      symbols[symbol] = expected != opt.end() ? expected->second : std::max<int64_t>(1, least);
    }
  }
}

Result<RuntimeValue> random_value(const InputInfo& info, const SymbolTable& symbols, uint64_t seed) {
  if (info.type.kind == Type::Kind::optional) return RuntimeValue();
  if (!info.type.is_ranked_tensor())
    return usage_error(fmt::format("input '{}' is {}: nothing can be made up for it", info.name, info.type.text()),
                       "--input",
                       info.type.kind == Type::Kind::map ? "give it a JSON file: {\"key\": 0.5}" : "give it a file");
  Tensor tensor =
      TRY(advise(Tensor::allocate(info.type.dtype, TRY(evaluate(info.type.dims, symbols))),
                 "give the input (--input) or smaller sizes (--shapes)", fmt::format("input '{}'", info.name)));
  std::mt19937_64 bits(seed);
  // Whole numbers are often indices, and masks: 0 and 1 are right for both. Real ones lie in [-1, 1), so that
  // who compares also sees what is wrong with negative ones.
  visit_number_class(tensor.dtype(), [&]<class N>(N) {
    const Accessor<N> access(tensor.dtype());
    for (int64_t i = 0; i < tensor.elements(); ++i) {
      const uint64_t r = bits();
      const double real = static_cast<double>(r >> 40) / (1 << 23) - 1;
      if constexpr (std::is_same_v<N, double>) {
        access.store(tensor.mutable_data(), i, real);
      } else if constexpr (std::is_same_v<N, std::complex<double>>) {
        access.store(tensor.mutable_data(), i, {real, 0});
      } else if constexpr (std::is_same_v<N, std::string>) {
        access.store(tensor.mutable_data(), i, fmt::format("word{}", r % 10));
      } else {
        access.store(tensor.mutable_data(), i, static_cast<N>(r >> 63));
      }
    }
  });
  return RuntimeValue(std::move(tensor));
}

}  // namespace

void add_input_flags(CLI::App& app, InputFlags& flags) {
  app.add_option("--input", flags.files, "An input's value; random numbers stand for inputs without one")
      ->allow_extra_args(false)
      ->type_name("NAME=FILE.npy");
  app.add_option("--seed", flags.seed, "Of the random numbers")->type_name("N")->capture_default_str();
}

Result<Inputs> make_inputs(std::span<const InputInfo> infos, const InputFlags& flags, const SymbolTable& opt) {
  Inputs inputs;
  inputs.values.resize(infos.size());
  std::vector<bool> given(infos.size(), false);
  for (const std::string& text : flags.files) {
    const auto [i, path] = TRY(split(infos, text));
    if (given[i]) return usage_error(fmt::format("input '{}' is given twice", infos[i].name), "--input");
    given[i] = true;
    if (infos[i].type.kind == Type::Kind::map) {
      inputs.values[i] = TRY(read_map(path, infos[i].type));
      continue;
    }
    Tensor tensor = TRY(read_npy(path, infos[i].type.dtype));
    TRY(check_type(infos[i], tensor, path));
    TRY(bind_sizes(infos[i], tensor, path, inputs.symbols));
    inputs.values[i] = RuntimeValue(std::move(tensor));
  }
  for (std::size_t i = 0; i < infos.size(); ++i)
    if (!given[i]) bind_rest(infos[i].type, opt, inputs.symbols);
  for (std::size_t i = 0; i < infos.size(); ++i) {
    if (given[i]) continue;
    inputs.values[i] = TRY(random_value(infos[i], inputs.symbols, flags.seed * 0x9E3779B97F4A7C15u + i));
    ++inputs.random;
  }
  return inputs;
}

int64_t batch_of(std::span<const RuntimeValue> values) {
  for (const RuntimeValue& value : values)
    if (value.is_tensor() && value.tensor().rank() > 0) return value.tensor().dims()[0];
  return 1;
}

}  // namespace burnish::cli
