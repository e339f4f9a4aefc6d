#include <map>

#include "ops/support/compose.h"
#include "ops/support/core.h"

namespace burnish::ops {
namespace {

// How many columns the result has; -1 for lists that do not fit each other.
int64_t width_of(const NodeView& c) {
  int64_t width = 0;
  for (int64_t i : c.ints("columns")) {
    if (i < 0 || i >= Range::kMax) return -1;
    width = std::max(width, i + 1);
  }
  return width;
}

Status check(const NodeView& c) {
  const std::string& mode = c.string("mode");
  if (mode != "TF" && mode != "IDF" && mode != "TFIDF") return c.error("mode must be TF, IDF or TFIDF");
  if (width_of(c) < 1) return c.error("columns must be numbers from 0 on");
  if (c.integer("shortest") < 1 || c.integer("longest") < c.integer("shortest") || c.integer("skips") < 0 ||
      c.integer("longest") > 1 << 20 || c.integer("skips") > 1 << 20)
    return c.error("shortest, longest and skips are out of range");
  const bool numbers = !c.ints("numbers").empty();
  const std::size_t items = numbers ? c.ints("numbers").size() : c.strings("words").size();
  // Where the grams of each length begin in the list; every gram has a column and may have a weight.
  const Ints& starts = c.ints("starts");
  std::size_t grams = 0;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const int64_t end = i + 1 < starts.size() ? starts[i + 1] : static_cast<int64_t>(items);
    const int64_t length = static_cast<int64_t>(i) + 1;
    if (starts[i] < 0 || end < starts[i] || end > static_cast<int64_t>(items) || (end - starts[i]) % length != 0)
      return c.error("starts [" + text(starts) + "] do not fit " + std::to_string(items) + " items");
    grams += idx((end - starts[i]) / length);
  }
  if (c.ints("columns").size() != grams)
    return c.error(std::to_string(grams) + " grams have " + std::to_string(c.ints("columns").size()) + " columns");
  if (!c.reals("weights").empty() && c.reals("weights").size() != grams)
    return c.error(std::to_string(grams) + " grams have " + std::to_string(c.reals("weights").size()) + " weights");
  return {};
}

Status infer(InferContext& c) {
  TRY(check(c));
  const Type& x = c.type(0);
  if (!x.ranked) {
    c.result(0, Type::unranked(DType::f32));
    return {};
  }
  if (x.rank() > 2) return c.error("x must be [n] or [N, n]");
  Dims dims = {width_of(c)};
  if (x.rank() == 2) dims.insert(dims.begin(), x.dims[0]);
  c.result(0, Type::tensor(DType::f32, std::move(dims)));
  return {};
}

// Grams as paths of a tree, whose nodes are numbers: a gram may be long. An item's number is its place in the list of
// different items.
class Tree {
 public:
  static constexpr int kRoot = 0;
  // -1: there is none.
  int find(int node, int64_t item) const {
    const auto found = next_.find({node, item});
    return found == next_.end() ? -1 : found->second;
  }
  int add(int node, int64_t item) {
    const auto [place, added] = next_.emplace(std::pair(node, item), static_cast<int>(grams_.size()));
    if (added) grams_.push_back(-1);
    return place->second;
  }
  // Which gram ends at the node; -1: none.
  int64_t gram(int node) const { return grams_[idx(node)]; }
  void set_gram(int node, int64_t gram) { grams_[idx(node)] = gram; }

 private:
  std::map<std::pair<int, int64_t>, int> next_;
  std::vector<int64_t> grams_ = {-1};
};

Status reference(ReferenceContext& c) {
  TRY(check(c));
  const Tensor& x = c.in(0);
  if (x.rank() > 2) return c.error("x must be [n] or [N, n]");
  const bool text = x.dtype() == DType::string;
  const Strings& words = c.strings("words");
  const Ints &numbers = c.ints("numbers"), &starts = c.ints("starts"), &columns = c.ints("columns");
  if (text != numbers.empty()) return c.error("x and the list of items are of different kinds");
  std::map<std::string, int64_t> known;
  const auto item = [&](std::size_t i) {
    return text ? known.emplace(words[i], static_cast<int64_t>(known.size())).first->second : numbers[i];
  };
  Tree tree;
  int64_t gram = 0;
  const std::size_t items = text ? words.size() : numbers.size();
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const std::size_t end = i + 1 < starts.size() ? idx(starts[i + 1]) : items;
    const int64_t length = static_cast<int64_t>(i) + 1;
    for (std::size_t at = idx(starts[i]); at < end; at += i + 1, ++gram) {
      if (length < c.integer("shortest") || length > c.integer("longest")) continue;
      int node = Tree::kRoot;
      for (std::size_t k = 0; k <= i; ++k) node = tree.add(node, item(at + k));
      tree.set_gram(node, gram);
    }
  }
  const int64_t width = width_of(c), rows = x.rank() == 2 ? x.dims()[0] : 1;
  const int64_t length = rows == 0 ? 0 : x.elements() / rows;
  Tensor* y = TRY(c.out(0, x.rank() == 2 ? Sizes{rows, width} : Sizes{width}));
  const auto out = y->mutable_as<float>();
  std::vector<int64_t> line(idx(length));
  const Floats& weights = c.reals("weights");
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t i = 0; i < length; ++i) {
      if (!text) {
        line[idx(i)] = x.int_at(row * length + i);
        continue;
      }
      const auto found = known.find(x.as<std::string>()[idx(row * length + i)]);
      line[idx(i)] = found == known.end() ? -1 : found->second;
    }
    std::vector<int64_t> counts(columns.size());
    for (int64_t skip = 1; skip <= c.integer("skips") + 1; ++skip)
      for (int64_t first = 0; first < length; ++first) {
        int node = Tree::kRoot;
        int64_t size = 0;
        for (int64_t at = first; at < length && size < c.integer("longest"); at += skip) {
          node = tree.find(node, line[idx(at)]);
          if (node < 0) break;
          // Single items are counted once, as skipping does not change them.
          const int64_t found = tree.gram(node);
          if (++size >= c.integer("shortest") && found >= 0 && (size > 1 || skip == 1)) ++counts[idx(found)];
        }
      }
    for (std::size_t g = 0; g < counts.size(); ++g) {
      float& value = out[idx(row * width + columns[g])];
      const float weight = weights.empty() ? 1.0F : static_cast<float>(weights[g]);
      if (c.string("mode") == "TF") value += static_cast<float>(counts[g]);
      else if (c.string("mode") == "TFIDF") value += static_cast<float>(counts[g]) * weight;
      else if (counts[g] > 0) value = weight;
    }
  }
  return {};
}

constexpr OperandSpec kOperands[] = {{"x", "i32|i64|string"}};
constexpr ResultDoc kResults[] = {{"y", "f32: per row, how often each gram occurs"}};
constexpr AttributeSpec kAttributes[] = {
    {"mode", AttributeKind::string, "required", "TF: counts; IDF: weights of those that occur; TFIDF: their products"},
    {"shortest", AttributeKind::integer, "required", "length of a gram, at least"},
    {"longest", AttributeKind::integer, "required", "and at most"},
    {"skips", AttributeKind::integer, "required", "how many items may be skipped between those of a gram"},
    {"starts", AttributeKind::ints, "required", "where in the list the grams of length 1, 2, ... begin"},
    {"columns", AttributeKind::ints, "required", "the result's column per gram"},
    {"weights", AttributeKind::reals, "[]", "per gram; [] = ones"},
    {"numbers", AttributeKind::ints, "[]", "the grams' items one after the other"},
    {"words", AttributeKind::strings, "[]", "the same for text"},
};
constexpr Sample kSamples[] = {
    {"x: i64[12] in [2, 7]; y = tf_idf_vectorizer(x) {mode = \"TF\", shortest = 1, longest = 2, skips = 1, starts = "
     "[0, "
     "4], columns = [0, 1, 2, 3, 4, 5, 6], numbers = [2, 3, 5, 4, 5, 6, 7, 8, 6, 7]}"},
};
constexpr Operator kOperators[] = {{
    .name = "tf_idf_vectorizer",
    .doc = "Counts, in each row of x, the grams (runs of items) of a list. Source: ONNX TfIdfVectorizer 9.",
    .operands = kOperands,
    .results = kResults,
    .attributes = kAttributes,
    .infer = infer,
    .reference = reference,
    .decompose = nullptr,
    .lower = nullptr,
    .gradient = nullptr,
    .samples = kSamples,
    .tolerance = {1e-6, 1e-6},
}};

}  // namespace
}  // namespace burnish::ops

OPERATORS(tf_idf_vectorizer, kOperators)
