#include "ops/support/recurrent.h"

#include <algorithm>
#include <cctype>

namespace burnish::ops {
namespace {

struct Known {
  std::string_view name;
  bool alpha, beta;  // takes one
  double default_alpha, default_beta;
};
constexpr Known kKnown[] = {
    {"tanh", false, false, 0, 0},        {"sigmoid", false, false, 0, 0},
    {"relu", false, false, 0, 0},        {"softsign", false, false, 0, 0},
    {"softplus", false, false, 0, 0},    {"affine", true, true, 1, 0},
    {"leakyrelu", true, false, 0.01, 0}, {"thresholdedrelu", true, false, 1, 0},
    {"scaledtanh", true, true, 1, 1},    {"hardsigmoid", true, true, 0.2, 0.5},
    {"elu", true, false, 1, 0},
};

std::string lower(std::string_view name) {
  std::string text(name);
  for (char& ch : text) ch = static_cast<char>(std::tolower(static_cast<unsigned char>(ch)));
  return text;
}

const Known* known_function(std::string_view name) {
  const auto found = std::ranges::find(kKnown, name, &Known::name);
  return found == std::end(kKnown) ? nullptr : found;
}

}  // namespace

bool is_recurrent_activation(std::string_view name) { return known_function(lower(name)) != nullptr; }

RecurrentActivations::RecurrentActivations(const NodeView& n, int64_t direction, std::size_t count,
                                           std::span<const std::string_view> defaults) {
  if (n.has_attribute("clip")) clip_ = n.real("clip");
  const Strings& given = n.strings("activations");
  const Floats &alphas = n.reals("activation_alpha"), &betas = n.reals("activation_beta");
  std::size_t alpha = 0, beta = 0;
  const std::size_t first = static_cast<std::size_t>(direction) * count;
  for (std::size_t i = 0; i < first + count; ++i) {
    const std::string name = lower(given.empty() ? defaults[i % count] : std::string_view(given[i]));
    const Known& known = *known_function(name);
    Function function{name, known.default_alpha, known.default_beta};
    if (known.alpha && alpha < alphas.size()) function.alpha = alphas[alpha++];
    if (known.beta && beta < betas.size()) function.beta = betas[beta++];
    if (i >= first) functions_.push_back(std::move(function));
  }
}

Value* RecurrentActivations::clipped(Compose& c, Value* x) const {
  return clip_ ? c.min(c.max(x, -*clip_), *clip_) : x;
}

Value* RecurrentActivations::apply(Compose& c, std::size_t function, Value* x) const {
  const auto& [name, alpha, beta] = functions_[function];
  if (name == "tanh") return c.unary(Scalar::tanh, x);
  if (name == "sigmoid") return c.unary(Scalar::sigmoid, x);
  if (name == "relu") return c.max(x, 0.0);
  if (name == "affine") return c.add(c.mul(x, alpha), beta);
  if (name == "scaledtanh") return c.mul(c.unary(Scalar::tanh, c.mul(x, beta)), alpha);
  if (name == "hardsigmoid") return c.op("hard_sigmoid", {x}, {{"alpha", alpha}, {"beta", beta}});
  if (name == "leakyrelu") return c.op("leaky_relu", {x}, {{"alpha", alpha}});
  if (name == "thresholdedrelu") return c.op("thresholded_relu", {x}, {{"alpha", alpha}});
  if (name == "elu") return c.op("elu", {x}, {{"alpha", alpha}});
  return c.op(name, {x});  // softsign, softplus
}

}  // namespace burnish::ops
