// Sizes: their normal form, their text, and what they say about numbers.

#include "ir/dim.h"

#include <random>

#include <gtest/gtest.h>

#include "base/checked.h"

namespace burnish {
namespace {

Dim read(std::string_view text) {
  auto dim = parse_dim(text);
  EXPECT_TRUE(dim) << text << ": " << dim.error().message();
  return dim ? *dim : Dim();
}

TEST(Dim, EqualSizesAreEqual) {
  EXPECT_EQ(read("N + N"), read("2*N"));
  EXPECT_EQ(read("(N + 1)*(N - 1)"), read("N*N - 1"));
  EXPECT_EQ(read("H*N - N*H"), Dim(0));
  EXPECT_EQ(read("floordiv(4*N + 5, 4)"), read("N + 1"));
  EXPECT_EQ(read("floordiv(N*H, N)"), read("H"));
  EXPECT_EQ(read("ceildiv(N, 2)"), read("floordiv(N + 1, 2)"));
  EXPECT_EQ(read("mod(6*N, 3)"), Dim(0));
  EXPECT_EQ(read("min(N, N + 1)"), read("N"));
  EXPECT_EQ(read("max(N, -3)"), read("N"));
  EXPECT_NE(read("floordiv(N, 2)*2"), read("N"));
}

TEST(Dim, Text) {
  EXPECT_EQ(read("3 + 2 * N - H").text(), "-H + 2*N + 3");
  EXPECT_EQ(Dim(-4).text(), "-4");
  EXPECT_EQ(read("-9223372036854775808"), Dim(INT64_MIN));
  EXPECT_EQ(read("9223372036854775807"), Dim(INT64_MAX));
  for (const char* wrong :
       {"", "9223372036854775808", "-9223372036854775809", "N +", "N N", "min(N)", "f(N, 1)", "(N", "N)", "%"})
    EXPECT_FALSE(parse_dim(wrong)) << wrong;
}

TEST(Dim, TheLeastInteger) {
  const char* kTexts[] = {"floordiv(-4611686018427387904*2, -1)",
                          "mod(-4611686018427387904*2, -1)",
                          "ceildiv(-9223372036854775808, -1)",
                          "N - 9223372036854775807 - 5",
                          "-9223372036854775808*N",
                          "-(-9223372036854775808)*N",
                          "-9223372036854775808*-9223372036854775808 + N"};
  for (const char* text : kTexts) {
    const Dim dim = read(text);
    EXPECT_EQ(read(dim.text()), dim) << text;
    (void)dim.range();
    (void)dim.evaluate([](std::string_view) { return std::optional<int64_t>(INT64_MIN); });
  }
}

TEST(Dim, Questions) {
  const Dim n = Dim::symbol("N", {1, 8}), h = Dim::symbol("H", {16, 32});
  EXPECT_EQ(less_equal(n, h), Truth::yes);
  EXPECT_EQ(less_equal(h, n), Truth::no);
  EXPECT_EQ(less_equal(n, Dim(4)), Truth::maybe);
  EXPECT_EQ(equal(n, h), Truth::no);
  EXPECT_EQ(equal(n * 2, n + n), Truth::yes);
  EXPECT_EQ(equal(n, Dim(3)), Truth::maybe);
  EXPECT_EQ((h - n).range(), (Range{8, 31}));
  EXPECT_EQ(floordiv(n, 9), Dim(0));
  EXPECT_EQ(mod(n, 9), n);
  Dim quotient;
  EXPECT_TRUE(divides(h * 2, h * n * 6, &quotient));
  EXPECT_EQ(quotient, n * 3);
  EXPECT_FALSE(divides(h, n, &quotient));
}

// A random expression, computed next to its Dim in the same steps.
struct Expression {
  Dim dim;
  std::function<std::optional<__int128>(int64_t, int64_t)> value;
};

Expression make(std::mt19937& random, const Dim& n, const Dim& h, int depth) {
  const int what = static_cast<int>(random() % (depth > 3 ? 3 : 10));
  if (what == 0) return {n, [](int64_t x, int64_t) { return std::optional<__int128>(x); }};
  if (what == 1) return {h, [](int64_t, int64_t y) { return std::optional<__int128>(y); }};
  if (what == 2) {
    const int64_t c = static_cast<int64_t>(random() % 13) - 4;
    return {c, [c](int64_t, int64_t) { return std::optional<__int128>(c); }};
  }
  const Expression a = make(random, n, h, depth + 1), b = make(random, n, h, depth + 1);
  const auto both = [&](auto f) {
    return [a, b, f](int64_t x, int64_t y) -> std::optional<__int128> {
      const auto u = a.value(x, y), v = b.value(x, y);
      if (!u || !v) return std::nullopt;
      return f(*u, *v);
    };
  };
  using I = __int128;
  const auto divide = [](I u, I v) { return u / v - ((u % v != 0) && ((u < 0) != (v < 0))); };
  switch (what) {
    case 3: return {a.dim + b.dim, both([](I u, I v) { return std::optional(u + v); })};
    case 4: return {a.dim - b.dim, both([](I u, I v) { return std::optional(u - v); })};
    case 5: return {a.dim * b.dim, both([](I u, I v) { return std::optional(u * v); })};
    case 6: return {min(a.dim, b.dim), both([](I u, I v) { return std::optional(std::min(u, v)); })};
    case 7: return {max(a.dim, b.dim), both([](I u, I v) { return std::optional(std::max(u, v)); })};
    case 8:
      return {floordiv(a.dim, b.dim),
              both([divide](I u, I v) { return v == 0 ? std::nullopt : std::optional(divide(u, v)); })};
    default:
      return {mod(a.dim, b.dim),
              both([divide](I u, I v) { return v == 0 ? std::nullopt : std::optional(u - divide(u, v) * v); })};
  }
}

TEST(Dim, NormalFormKeepsTheValue) {
  std::mt19937 random(3);
  const Range range{0, 9};
  const Dim n = Dim::symbol("N", range), h = Dim::symbol("H", range);
  int compared = 0;
  for (int i = 0; i < 20000; ++i) {
    const Expression e = make(random, n, h, 0);
    auto again = parse_dim(e.dim.text(), {{"N", range}, {"H", range}});
    ASSERT_TRUE(again) << e.dim.text();
    ASSERT_EQ(*again, e.dim) << e.dim.text();
    for (int64_t x : {0, 1, 4, 9}) {
      for (int64_t y : {0, 2, 9}) {
        const auto wanted = e.value(x, y);
        const auto found = evaluate(e.dim, {{"N", x}, {"H", y}});
        // A quotient that was cancelled is right wherever the uncancelled one exists.
        if (!wanted || *wanted > Range::kMax || *wanted < -Range::kMax) continue;
        ASSERT_TRUE(found) << e.dim.text() << " at " << x << ", " << y << ": " << found.error().message();
        ASSERT_EQ(*found, static_cast<int64_t>(*wanted)) << e.dim.text() << " at " << x << ", " << y;
        const Range limits = e.dim.range();
        ASSERT_LE(limits.low, *found) << e.dim.text() << " at " << x << ", " << y;
        ASSERT_GE(limits.high, *found) << e.dim.text() << " at " << x << ", " << y;
        ++compared;
      }
    }
  }
  EXPECT_GT(compared, 100'000);
}

TEST(Dim, EvaluateNamesWhatIsWrong) {
  const auto message = [](std::string_view text, const SymbolTable& symbols) {
    const auto value = evaluate(read(text), symbols);
    return value ? std::to_string(*value) : value.error().message();
  };
  EXPECT_NE(message("2*N + H", {{"N", 1}}).find("H"), std::string::npos);
  EXPECT_NE(message("floordiv(N, H)", {{"N", 1}, {"H", 0}}).find("division by zero"), std::string::npos);
  EXPECT_NE(message("N*N", {{"N", INT64_MAX}}).find("overflow"), std::string::npos);
  EXPECT_EQ(message("mod(N, -3)", {{"N", 7}}), "-2");
}

TEST(Dim, Substitute) {
  const Dim dim = read("2*N + floordiv(N, H) + min(N, H)");
  EXPECT_EQ(dim.substitute({{"H", Dim(2)}, {"N", read("2*M")}}), read("4*M + M + min(2*M, 2)"));
  EXPECT_EQ(dim.symbols(), (std::vector<std::string>{"H", "N"}));
}

}  // namespace
}  // namespace burnish
