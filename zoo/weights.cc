#include "zoo/weights.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace burnish::zoo {
namespace {

// The finaliser of SplitMix64 (doi.org/10.1145/2660193.2660195): neighbouring counters give unrelated bits.
uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

uint64_t hash(std::string_view text) {  // FNV-1a
  uint64_t h = 0xcbf29ce484222325ull;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return h;
}

std::string text(std::span<const int64_t> shape) {
  std::string result = "[";
  for (const int64_t size : shape) result += (result.size() > 1 ? "," : "") + std::to_string(size);
  return result + "]";
}

Unexpected refused(std::string what, std::string where, std::string remedy = {}) {
  return Unexpected(Error{ErrorCode::refused, std::move(what), std::move(where), std::move(remedy)});
}

float from_half(uint16_t h) {
  const uint32_t sign = uint32_t{h} >> 15 << 31, exponent = (h >> 10) & 31u, fraction = h & 1023u;
  if (exponent == 0) return (sign != 0 ? -1.0f : 1.0f) * std::ldexp(static_cast<float>(fraction), -24);
  const uint32_t wide = exponent == 31 ? 255 : exponent + 112;
  return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
}

// Elements of a float type as f32.
Result<Tensor> widened(Tensor tensor, const std::string& name) {
  const DType dtype = tensor.dtype().value_or(DType::boolean);
  if (dtype == DType::f32) return tensor;
  auto result = Tensor::zeros(DType::f32, {tensor.shape().begin(), tensor.shape().end()});
  if (!result) return result;
  const std::span<float> out = result->mutable_values<float>();
  const char* data = static_cast<const char*>(tensor.data());
  const auto convert = [&]<class Bits>(Bits, auto function) {
    for (std::size_t i = 0; i < out.size(); ++i) {
      Bits bits;
      std::memcpy(&bits, data + i * sizeof(Bits), sizeof(Bits));
      out[i] = function(bits);
    }
  };
  if (dtype == DType::f16) convert(uint16_t{}, from_half);
  else if (dtype == DType::bf16)
    convert(uint16_t{}, [](uint16_t b) { return std::bit_cast<float>(uint32_t{b} << 16); });
  else if (dtype == DType::f64) convert(double{}, [](double d) { return static_cast<float>(d); });
  else return refused("the parameter is not of floats", name);
  return result;
}

void shift_means(std::span<float> elements, int64_t rows, double share) {
  const std::size_t width = rows > 0 ? elements.size() / static_cast<std::size_t>(rows) : 0;
  if (width == 0) return;
  for (; !elements.empty(); elements = elements.subspan(width)) {
    const std::span<float> row = elements.first(width);
    double sum = 0;
    for (const float element : row) sum += element;
    const float shift = static_cast<float>(share * sum / static_cast<double>(width));
    for (float& element : row) element -= shift;
  }
}

// At most a few names, for a message.
std::string listed(std::span<const std::string> names) {
  constexpr std::size_t kMost = 5;
  std::string result;
  for (const std::string& name : names.first(std::min(names.size(), kMost)))
    result += (result.empty() ? "" : ", ") + name;
  if (names.size() > kMost) result += " and " + std::to_string(names.size() - kMost) + " more";
  return result;
}

}  // namespace

Spread Spread::deviation(double standard) { return around(0, standard * std::sqrt(3.0)); }

void generate(uint64_t seed, std::string_view name, const Spread& spread, std::span<float> out) {
  const uint64_t key = mix(seed + hash(name));
  const float low = static_cast<float>(spread.low), width = static_cast<float>(spread.high - spread.low);
  constexpr float kUnit = 1.0f / (1 << 24);
  for (std::size_t i = 0; i < out.size(); i += 2) {
    const uint64_t bits = mix(key + (i / 2 + 1) * 0x9e3779b97f4a7c15ull);
    out[i] = low + width * (static_cast<float>(bits >> 40) * kUnit);
    if (i + 1 < out.size()) out[i + 1] = low + width * (static_cast<float>(bits & 0xffffff) * kUnit);
  }
}

Weights::Weights(const Options& options) : parameters_(options.parameters), seed_(options.seed) {
  if (parameters_ == nullptr) return;
  for (const std::string& name : parameters_->names) originals_.emplace(name, name);
}

bool Weights::has(const std::string& name) const { return originals_.contains(name); }

void Weights::rename(const std::function<std::string(const std::string&)>& rule) {
  std::map<std::string, std::string> renamed;
  for (const auto& [name, original] : originals_) renamed.emplace(rule(name), original);
  originals_ = std::move(renamed);
}

void Weights::optional_prefix(std::string_view prefix) {
  rename([&](const std::string& name) { return name.starts_with(prefix) ? name.substr(prefix.size()) : name; });
}

void Weights::spelling(std::string_view old, std::string_view now) {
  rename([&](const std::string& name) {
    return name.ends_with(old) ? name.substr(0, name.size() - old.size()).append(now) : name;
  });
}

Result<Tensor> Weights::get(const std::string& name, const std::vector<int64_t>& shape, const Spread& spread) {
  if (parameters_ == nullptr) {
    auto result = Tensor::zeros(DType::f32, shape);
    if (!result) return result;
    generate(seed_, name, spread, result->mutable_values<float>());
    if (spread.centring > 0 && !shape.empty()) shift_means(result->mutable_values<float>(), shape[0], spread.centring);
    return result;
  }
  const auto found = originals_.find(name);
  if (found == originals_.end())
    return refused("the checkpoint has no parameter '" + name + "' " + text(shape), {},
                   "take the checkpoint of the network that `burnish zoo --list` names");
  Result<Tensor> tensor = parameters_->read(found->second);
  if (!tensor) return tensor;
  if (!std::ranges::equal(tensor->shape(), shape))
    return refused("the network needs the shape " + text(shape) + " but the checkpoint has " + text(tensor->shape()),
                   "parameter '" + found->second + "'");
  used_.insert(found->second);
  return widened(std::move(*tensor), "parameter '" + found->second + "'");
}

Result<void> Weights::finish() const {
  if (parameters_ == nullptr) return {};
  std::vector<std::string> left;
  for (const std::string& name : parameters_->names) {
    const auto ignored = [&](const std::string& part) { return name.find(part) != std::string::npos; };
    if (!used_.contains(name) && std::ranges::none_of(ignored_, ignored)) left.push_back(name);
  }
  if (left.empty()) return {};
  return refused("the checkpoint has parameters that the network does not: " + listed(left), {},
                 "take the checkpoint of the network that `burnish zoo --list` names");
}

}  // namespace burnish::zoo
