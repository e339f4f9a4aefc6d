#include "ops/support/compose.h"
#include "ops/support/core.h"
#include "ops/support/reals.h"

namespace burnish::ops {
namespace {

Status infer(InferContext& c) {
  const Type &boxes = c.type(0), &scores = c.type(1);
  if (boxes.ranked && (boxes.rank() != 3 || equal(boxes.dims[2], 4) == Truth::no))
    return c.error("boxes must be [N, n, 4]");
  if (scores.ranked && scores.rank() != 3) return c.error("scores must be [N, classes, n]");
  if (boxes.ranked && scores.ranked &&
      (equal(boxes.dims[0], scores.dims[0]) == Truth::no || equal(boxes.dims[1], scores.dims[2]) == Truth::no))
    return c.error("boxes and scores do not fit each other");
  for (std::size_t i = 2; i < 5; ++i)
    if (c.has(i) && !is_single(c.type(i))) return c.error("limits are single numbers");
  c.result(0, Type::tensor(DType::i64, {c.fresh("selected"), 3}));
  return {};
}

struct Rectangle {
  float low[2], high[2];
  float area() const { return (high[0] - low[0]) * (high[1] - low[1]); }
};

Rectangle rectangle(const double* box, bool centred) {
  Rectangle r{};
  for (int d = 0; d < 2; ++d) {
    const auto a = static_cast<float>(box[d]), b = static_cast<float>(box[d + 2]);
    r.low[d] = centred ? a - b / 2 : std::min(a, b);
    r.high[d] = centred ? a + b / 2 : std::max(a, b);
  }
  return r;
}

bool overlaps(const Rectangle& a, const Rectangle& b, float threshold) {
  float shared = 1;
  for (int d = 0; d < 2; ++d) {
    const float length = std::min(a.high[d], b.high[d]) - std::max(a.low[d], b.low[d]);
    if (length <= 0) return false;
    shared *= length;
  }
  const float first = a.area(), second = b.area(), together = first + second - shared;
  return first > 0 && second > 0 && together > 0 && shared / together > threshold;
}

Status reference(ReferenceContext& c) {
  const Tensor &boxes = c.in(0), &scores = c.in(1);
  if (boxes.rank() != 3 || boxes.dims()[2] != 4 || scores.rank() != 3 || scores.dims()[0] != boxes.dims()[0] ||
      scores.dims()[2] != boxes.dims()[1])
    return c.error("boxes must be [N, n, 4] and scores [N, classes, n]");
  for (std::size_t i = 2; i < 5; ++i)
    if (c.has(i) && c.in(i).elements() != 1) return c.error("limits are single numbers");
  const int64_t most = c.has(2) ? c.in(2).int_at(0) : 0;
  const auto threshold = static_cast<float>(c.has(3) ? c.in(3).real_at(0) : 0);
  const auto least = static_cast<float>(c.has(4) ? c.in(4).real_at(0) : 0);
  const bool centred = c.integer("centred") != 0;
  const int64_t count = boxes.dims()[1], classes = scores.dims()[1];
  const std::vector<double> corners = reals(boxes), ratings = reals(scores);
  std::vector<int64_t> selected;
  for (int64_t n = 0; n < boxes.dims()[0] && most > 0; ++n)
    for (int64_t k = 0; k < classes; ++k) {
      const double* score = ratings.data() + (n * classes + k) * count;
      std::vector<int64_t> order;
      for (int64_t i = 0; i < count; ++i)
        if (!c.has(4) || static_cast<float>(score[i]) > least) order.push_back(i);
      std::ranges::stable_sort(order, [&](int64_t a, int64_t b) { return score[a] > score[b]; });
      std::vector<Rectangle> kept;
      for (int64_t i : order) {
        if (static_cast<int64_t>(kept.size()) >= most) break;
        const Rectangle r = rectangle(corners.data() + (n * count + i) * 4, centred);
        if (std::ranges::any_of(kept, [&](const Rectangle& other) { return overlaps(r, other, threshold); })) continue;
        kept.push_back(r);
        selected.insert(selected.end(), {n, k, i});
      }
    }
  Tensor* y = TRY(c.out(0, {static_cast<int64_t>(selected.size() / 3), 3}));
  std::ranges::copy(selected, y->mutable_as<int64_t>().begin());
  return {};
}

constexpr auto kOptional = OperandSpec::Arity::optional;
constexpr OperandSpec kOperands[] = {{"boxes", "float"},
                                     {"scores", "float"},
                                     {"most", "int", kOptional},
                                     {"overlap", "float", kOptional},
                                     {"least_score", "float", kOptional}};
constexpr ResultDoc kResults[] = {{"y", "i64[n, 3]: image, class, box; the best of a class first"}};
constexpr AttributeSpec kAttributes[] = {
    {"centred", AttributeKind::integer, "0", "1: boxes are centre x, centre y, width, height, not two corners"},
};
constexpr Sample kSamples[] = {
    {"boxes: f32[1,6,4] in [0, 2], scores: f32[1,2,6] in [0, 1], most: i64[] = [3], overlap: f32[] = [0.3]; y = "
     "non_max_suppression(boxes, scores, most, overlap)"},
    {"boxes: f32[2,5,4] in [0.5, 2], scores: f32[2,1,5] in [0, 1], most: i64[1] = [5], overlap: f32[1] = [0.4], least: "
     "f32[1] = [0.3]; y = non_max_suppression(boxes, scores, most, overlap, least) {centred = 1}"},
};
constexpr Operator kOperators[] = {{
    .name = "non_max_suppression",
    .doc =
        "Per image and class at most `most` boxes (none by default), best first, without those whose intersection "
        "with a better one is more than `overlap` of their union, or whose score is not above `least_score`. Source: "
        "ONNX NonMaxSuppression 11.",
    .operands = kOperands,
    .results = kResults,
    .attributes = kAttributes,
    .infer = infer,
    .reference = reference,
    .decompose = nullptr,
    .lower = nullptr,
    .gradient = nullptr,
    .samples = kSamples,
    .tolerance = {0, 0},
}};

}  // namespace
}  // namespace burnish::ops

OPERATORS(non_max_suppression, kOperators)
