// Text: joining, splitting, normalising.

#include <fmt/format.h>

#include "ir/tensor_limit.h"
#include "ops/support/compose.h"
#include "ops/support/core.h"
#include "ops/support/utf8.h"

namespace burnish::ops {
namespace {

Status concat(ReferenceContext& c) {
  const Tensor &a = c.in(0), &b = c.in(1);
  const Sizes dims = TRY(broadcast_sizes(a.dims(), b.dims()));
  Tensor* y = TRY(c.out(0, dims));
  const Sizes from_a = broadcast_strides(a.dims(), dims), from_b = broadcast_strides(b.dims(), dims);
  const auto left = a.as<std::string>(), right = b.as<std::string>();
  const auto out = y->mutable_as<std::string>();
  Sizes position(dims.size(), 0);
  int64_t left_over = tensor_limit();  // joined to themselves again and again, texts double
  for (std::size_t n = 0; n < out.size(); ++n, next_position(position, dims)) {
    int64_t i = 0, j = 0;
    for (std::size_t d = 0; d < dims.size(); ++d) {
      i += position[d] * from_a[d];
      j += position[d] * from_b[d];
    }
    left_over -= static_cast<int64_t>(left[idx(i)].size() + right[idx(j)].size());
    if (left_over < 0)
      return c.error(fmt::format("the texts take more than the {} bytes that they may", tensor_limit()),
                     "use smaller inputs, or raise the limit 'run_bytes' (--limit run_bytes=VALUE)");
    out[n] = left[idx(i)] + right[idx(j)];
  }
  return {};
}

// Python's str.split: white space of any length separates unless a delimiter is given; `most` cuts, or all when negative.
std::vector<std::string> pieces(const std::string& text, const std::string& delimiter, int64_t most) {
  std::vector<std::string> found;
  if (!delimiter.empty()) {
    std::size_t from = 0;
    for (std::size_t at; (at = text.find(delimiter, from)) != std::string::npos && most != 0; --most) {
      found.push_back(text.substr(from, at - from));
      from = at + delimiter.size();
    }
    found.push_back(text.substr(from));
    return found;
  }
  constexpr std::string_view kSpace = " \t\n\r\f\v";
  for (std::size_t from = text.find_first_not_of(kSpace); from != std::string::npos; --most) {
    const std::size_t to = most == 0 ? std::string::npos : text.find_first_of(kSpace, from);
    found.push_back(text.substr(from, to == std::string::npos ? to : to - from));
    if (most == 0) {
      found.back().erase(found.back().find_last_not_of(kSpace) + 1);
      break;
    }
    from = to == std::string::npos ? to : text.find_first_not_of(kSpace, to);
  }
  return found;
}

Status infer_split(InferContext& c) {
  const Type& x = c.type(0);
  if (x.ranked) {
    Dims dims = x.dims;
    dims.push_back(c.fresh("pieces"));
    c.result(0, Type::tensor(DType::string, std::move(dims)));
    c.result(1, Type::tensor(DType::i64, x.dims));
  } else {
    c.result(0, Type::unranked(DType::string));
    c.result(1, Type::unranked(DType::i64));
  }
  return {};
}

Status split(ReferenceContext& c) {
  const Tensor& x = c.in(0);
  const int64_t most = c.has_attribute("most") ? c.integer("most") : -1;
  std::vector<std::vector<std::string>> all;
  std::size_t longest = 0;
  for (const std::string& text : x.as<std::string>()) {
    all.push_back(pieces(text, c.string("delimiter"), most < 0 ? -1 : most));
    longest = std::max(longest, all.back().size());
  }
  if (c.wanted(0)) {
    Sizes dims = x.dims();
    dims.push_back(static_cast<int64_t>(longest));
    const auto out = TRY(c.out(0, dims))->mutable_as<std::string>();
    for (std::size_t n = 0; n < all.size(); ++n)
      for (std::size_t k = 0; k < all[n].size(); ++k) out[n * longest + k] = std::move(all[n][k]);
  }
  if (c.wanted(1)) {
    const auto out = TRY(c.out(1, x.dims()))->mutable_as<int64_t>();
    for (std::size_t n = 0; n < all.size(); ++n) out[n] = static_cast<int64_t>(all[n].size());
  }
  return {};
}

Status infer_normalize(InferContext& c) {
  const Type& x = c.type(0);
  const std::string& change = c.string("change");
  if (change != "NONE" && change != "LOWER" && change != "UPPER")
    return c.error("change must be \"NONE\", \"LOWER\" or \"UPPER\"");
  if (!x.ranked) {
    c.result(0, x);
    return {};
  }
  if (x.rank() != 1 && (x.rank() != 2 || equal(x.dims[0], 1) == Truth::no)) return c.error("x must be [n] or [1, n]");
  Dims dims = x.dims;
  if (!c.strings("stopwords").empty()) dims.back() = c.fresh("words", {1, Range::kMax});
  c.result(0, Type::tensor(DType::string, std::move(dims)));
  return {};
}

Status normalize(ReferenceContext& c) {
  const Tensor& x = c.in(0);
  if (x.rank() < 1 || x.rank() > 2 || (x.rank() == 2 && x.dims()[0] != 1)) return c.error("x must be [n] or [1, n]");
  const bool sensitive = c.integer("case_sensitive") != 0;
  const std::string& change = c.string("change");
  std::vector<std::string> stops = c.strings("stopwords"), kept;
  if (!sensitive)
    for (std::string& word : stops) word = to_lower(word);
  std::ranges::sort(stops);
  for (const std::string& word : x.as<std::string>()) {
    if (std::ranges::binary_search(stops, sensitive ? word : to_lower(word))) continue;
    kept.push_back(change == "LOWER" ? to_lower(word) : change == "UPPER" ? to_upper(word) : word);
  }
  if (kept.empty() && !stops.empty()) kept.emplace_back();  // never nothing at all
  const auto count = static_cast<int64_t>(kept.size());
  std::ranges::move(kept,
                    TRY(c.out(0, x.rank() == 1 ? Sizes{count} : Sizes{1, count}))->mutable_as<std::string>().begin());
  return {};
}

constexpr OperandSpec kTwo[] = {{"a", "string"}, {"b", "string"}};
constexpr OperandSpec kOne[] = {{"x", "string"}};
constexpr ResultDoc kResult[] = {{"y", "string"}};
constexpr ResultDoc kSplitResults[] = {{"y", "dims of x and one of pieces, filled up with empty strings"},
                                       {"count", "i64, dims of x: how many pieces", true}};
constexpr AttributeSpec kSplitAttributes[] = {
    {"delimiter", AttributeKind::string, "\"\"", "empty: any white space"},
    {"most", AttributeKind::integer, "optional", "how many cuts at most"},
};
constexpr AttributeSpec kNormalizeAttributes[] = {
    {"change", AttributeKind::string, "\"NONE\"", "NONE, LOWER or UPPER"},
    {"case_sensitive", AttributeKind::integer, "0", "1: a stopword's case must fit too"},
    {"stopwords", AttributeKind::strings, "[]", "left out"},
};
constexpr Operator kOperators[] = {
    {
        .name = "string_concat",
        .doc = "Texts joined in pairs. Source: ONNX StringConcat 20.",
        .operands = kTwo,
        .results = kResult,
        .attributes = {},
        .infer = infer_broadcast,
        .reference = concat,
        .decompose = nullptr,
        .lower = nullptr,
        .gradient = nullptr,
        .samples = {},
        .tolerance = {0, 0},
    },
    {
        .name = "string_split",
        .doc = "The pieces of each text. Source: ONNX StringSplit 20.",
        .operands = kOne,
        .results = kSplitResults,
        .attributes = kSplitAttributes,
        .infer = infer_split,
        .reference = split,
        .decompose = nullptr,
        .lower = nullptr,
        .gradient = nullptr,
        .samples = {},
        .tolerance = {0, 0},
    },
    {
        .name = "string_normalizer",
        .doc = "Words without stopwords, in lower or upper case. Source: ONNX StringNormalizer 10.",
        .operands = kOne,
        .results = kResult,
        .attributes = kNormalizeAttributes,
        .infer = infer_normalize,
        .reference = normalize,
        .decompose = nullptr,
        .lower = nullptr,
        .gradient = nullptr,
        .samples = {},
        .tolerance = {0, 0},
    },
};

}  // namespace
}  // namespace burnish::ops

OPERATORS(strings, kOperators)
