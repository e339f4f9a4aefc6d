#include "ir/dim.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/checked.h"

namespace burnish {

namespace {

enum class AtomKind : uint8_t { symbol, floordiv, mod, min, max };

struct Atom {
  AtomKind kind = AtomKind::symbol;
  std::string name;
  Range range;
  std::shared_ptr<const std::pair<Dim, Dim>> operands;
  std::string text;
};

struct Term {
  int64_t coefficient = 0;
  std::vector<Atom> factors;  // sorted by text
  std::string key;            // of the factors
};

int64_t clamp(__int128 v) {
  if (v > Range::kMax) return Range::kMax;
  if (v < -Range::kMax) return -Range::kMax;
  return static_cast<int64_t>(v);
}

}  // namespace

// constant + sum of terms, terms sorted by key, no zero coefficients.
struct Dim::Expr {
  int64_t constant = 0;
  std::vector<Term> terms;
  std::string text;
};

struct DimAccess {
  static const Dim::Expr* expr(const Dim& d) { return d.expr_.get(); }
  static std::vector<Term> terms(const Dim& d) { return d.expr_ ? d.expr_->terms : std::vector<Term>{}; }
  static int64_t constant(const Dim& d) { return d.expr_ ? d.expr_->constant : d.constant_; }
  static Dim build(int64_t constant, std::vector<Term> terms);
  static Dim atom(Atom a) {
    Term t{1, {a}, a.text};
    return build(0, {std::move(t)});
  }
};

namespace {

std::string term_text(int64_t magnitude, const std::string& key) {
  return magnitude == 1 ? key : fmt::format("{}*{}", magnitude, key);
}

std::string make_key(const std::vector<Atom>& factors) {
  std::string key;
  for (const Atom& f : factors) key += (key.empty() ? "" : "*") + f.text;
  return key;
}

int64_t saturating(std::optional<int64_t> v, bool negative) {
  return v ? *v : negative ? INT64_MIN / 4 : INT64_MAX / 4;
}

Range atom_range(const Atom& a);

Range multiply(Range a, Range b) {
  const __int128 p[] = {__int128{a.low} * b.low, __int128{a.low} * b.high, __int128{a.high} * b.low,
                        __int128{a.high} * b.high};
  return {clamp(*std::min_element(p, p + 4)), clamp(*std::max_element(p, p + 4))};
}

Range atom_range(const Atom& a) {
  if (a.kind == AtomKind::symbol) return a.range;
  const Range x = a.operands->first.range(), y = a.operands->second.range();
  switch (a.kind) {
    case AtomKind::min: return {std::min(x.low, y.low), std::min(x.high, y.high)};
    case AtomKind::max: return {std::max(x.low, y.low), std::max(x.high, y.high)};
    case AtomKind::floordiv: {
      if (y.low <= 0) return {-Range::kMax, Range::kMax};
      const int64_t c[] = {floor_div(x.low, y.low), floor_div(x.low, y.high), floor_div(x.high, y.low),
                           floor_div(x.high, y.high)};
      return {*std::min_element(c, c + 4), *std::max_element(c, c + 4)};
    }
    case AtomKind::mod:
      if (y.low <= 0) return {-Range::kMax, Range::kMax};
      if (x.low >= 0) return {0, std::min(x.high, y.high - 1)};
      return {0, y.high - 1};
    default: return {};
  }
}

std::string function_text(AtomKind kind, const Dim& a, const Dim& b) {
  static constexpr const char* names[] = {"", "floordiv", "mod", "min", "max"};
  return fmt::format("{}({}, {})", names[static_cast<int>(kind)], a.text(), b.text());
}

Dim function(AtomKind kind, const Dim& a, const Dim& b) {
  Atom atom;
  atom.kind = kind;
  atom.operands = std::make_shared<const std::pair<Dim, Dim>>(a, b);
  atom.text = function_text(kind, a, b);
  return DimAccess::atom(std::move(atom));
}

}  // namespace

Dim DimAccess::build(int64_t constant, std::vector<Term> terms) {
  // The least integer has no negative: it would not survive its text.
  constant = std::max(constant, -INT64_MAX);
  for (Term& t : terms) t.coefficient = std::max(t.coefficient, -INT64_MAX);
  std::erase_if(terms, [](const Term& t) { return t.coefficient == 0; });
  if (terms.empty()) return Dim(constant);
  std::sort(terms.begin(), terms.end(), [](const Term& a, const Term& b) { return a.key < b.key; });
  auto e = std::make_shared<Dim::Expr>();
  e->constant = constant;
  std::string text;
  for (const Term& t : terms) {
    const bool negative = t.coefficient < 0;
    const int64_t magnitude = negative ? -t.coefficient : t.coefficient;
    if (text.empty()) text = (negative ? "-" : "") + term_text(magnitude, t.key);
    else text += (negative ? " - " : " + ") + term_text(magnitude, t.key);
  }
  if (constant != 0) text += fmt::format(" {} {}", constant < 0 ? '-' : '+', constant < 0 ? -constant : constant);
  e->terms = std::move(terms);
  e->text = std::move(text);
  return Dim(std::shared_ptr<const Dim::Expr>(std::move(e)));
}

// What a symbol is at most when nobody says more. Exporters write this number, or a larger one, for "to the end": an axis
// that is known to be shorter is not cut by it.
constexpr int64_t kLongest = 1'000'000'000;

Dim Dim::symbol(std::string_view name, Range range) {
  if (range == Range{}) range.high = kLongest;
  Atom a;
  a.name = std::string(name);
  a.range = range;
  a.text = a.name;
  return DimAccess::atom(std::move(a));
}

int64_t Dim::value() const {
  CHECK(is_constant(), text());
  return constant_;
}

std::optional<std::string_view> Dim::symbol_name() const {
  if (!expr_ || expr_->constant != 0 || expr_->terms.size() != 1) return std::nullopt;
  const Term& t = expr_->terms[0];
  if (t.coefficient != 1 || t.factors.size() != 1 || t.factors[0].kind != AtomKind::symbol) return std::nullopt;
  return t.factors[0].name;
}

namespace {
void collect(const Dim& d, std::set<std::string>& names) {
  const Dim::Expr* e = DimAccess::expr(d);
  if (!e) return;
  for (const Term& t : e->terms) {
    for (const Atom& a : t.factors) {
      if (a.kind == AtomKind::symbol) names.insert(a.name);
      else collect(a.operands->first, names), collect(a.operands->second, names);
    }
  }
}
}  // namespace

std::vector<std::string> Dim::symbols() const {
  std::set<std::string> names;
  collect(*this, names);
  return {names.begin(), names.end()};
}

void Dim::collect_ranges(std::map<std::string, Range, std::less<>>& ranges) const {
  if (!expr_) return;
  for (const Term& t : expr_->terms) {
    for (const Atom& a : t.factors) {
      if (a.kind == AtomKind::symbol) ranges.try_emplace(a.name, a.range);
      else a.operands->first.collect_ranges(ranges), a.operands->second.collect_ranges(ranges);
    }
  }
}

Range Dim::range() const {
  if (!expr_) return {clamp(constant_), clamp(constant_)};
  __int128 low = expr_->constant, high = expr_->constant;
  for (const Term& t : expr_->terms) {
    Range r{1, 1};
    for (const Atom& a : t.factors) r = multiply(r, atom_range(a));
    r = multiply(r, {t.coefficient, t.coefficient});
    low += r.low;
    high += r.high;
  }
  return {clamp(low), clamp(high)};
}

int64_t likely(const Dim& dim) {
  constexpr int64_t kGuess = 64;
  if (auto value = dim.constant()) return std::max<int64_t>(*value, 1);
  // Symbol by symbol: a size must count the same alone and within a product, or estimates could not be compared.
  std::map<std::string, Range, std::less<>> ranges;
  dim.collect_ranges(ranges);
  const auto value = dim.evaluate([&](std::string_view name) -> std::optional<int64_t> {
    const Range& range = ranges.find(name)->second;
    return std::clamp(range.usual > 0 ? range.usual : kGuess, std::min(range.low, range.high), range.high);
  });
  return value ? std::max<int64_t>(*value, 1) : kGuess;
}

std::string Dim::text() const { return expr_ ? expr_->text : fmt::format("{}", constant_); }

bool Dim::operator==(const Dim& other) const {
  if (!expr_ || !other.expr_) return !expr_ && !other.expr_ && constant_ == other.constant_;
  return expr_ == other.expr_ || expr_->text == other.expr_->text;
}

Dim operator+(const Dim& a, const Dim& b) {
  const int64_t constant =
      saturating(checked_add(DimAccess::constant(a), DimAccess::constant(b)), DimAccess::constant(a) < 0);
  if (a.is_constant() && b.is_constant()) return Dim(constant);
  std::vector<Term> terms = DimAccess::terms(a);
  for (const Term& t : DimAccess::terms(b)) {
    auto it = std::find_if(terms.begin(), terms.end(), [&](const Term& u) { return u.key == t.key; });
    if (it == terms.end()) terms.push_back(t);
    else it->coefficient = saturating(checked_add(it->coefficient, t.coefficient), t.coefficient < 0);
  }
  return DimAccess::build(constant, std::move(terms));
}

Dim operator-(const Dim& a, const Dim& b) { return a + b * Dim(-1); }

Dim operator*(const Dim& a, const Dim& b) {
  const auto multiply = [](int64_t x, int64_t y) { return saturating(checked_mul(x, y), (x < 0) != (y < 0)); };
  if (a.is_constant() && b.is_constant()) return Dim(multiply(a.value(), b.value()));
  const auto with_constant = [](const Dim& d) {
    std::vector<Term> terms = DimAccess::terms(d);
    if (DimAccess::constant(d) != 0) terms.push_back(Term{DimAccess::constant(d), {}, ""});
    return terms;
  };
  Dim sum = 0;
  int64_t constant = 0;
  std::vector<Term> out;
  for (const Term& x : with_constant(a)) {
    for (const Term& y : with_constant(b)) {
      Term t;
      t.coefficient = multiply(x.coefficient, y.coefficient);
      t.factors = x.factors;
      t.factors.insert(t.factors.end(), y.factors.begin(), y.factors.end());
      std::sort(t.factors.begin(), t.factors.end(), [](const Atom& p, const Atom& q) { return p.text < q.text; });
      t.key = make_key(t.factors);
      if (t.factors.empty()) {
        constant = saturating(checked_add(constant, t.coefficient), t.coefficient < 0);
        continue;
      }
      auto it = std::find_if(out.begin(), out.end(), [&](const Term& u) { return u.key == t.key; });
      if (it == out.end()) out.push_back(std::move(t));
      else it->coefficient = saturating(checked_add(it->coefficient, t.coefficient), t.coefficient < 0);
    }
  }
  return DimAccess::build(constant, std::move(out));
}

bool divides(const Dim& b, const Dim& a, Dim* quotient) {
  if (b.is_constant()) {
    const int64_t n = b.value();
    if (n == 0) return false;
    if (n == -1) {  // apart: the least integer divided by it traps
      *quotient = a * b;
      return true;
    }
    if (a.is_constant()) {
      if (a.value() % n != 0) return false;
      *quotient = Dim(a.value() / n);
      return true;
    }
    std::vector<Term> terms = DimAccess::terms(a);
    const int64_t constant = DimAccess::constant(a);
    if (constant % n != 0) return false;
    for (Term& t : terms) {
      if (t.coefficient % n != 0) return false;
      t.coefficient /= n;
    }
    *quotient = DimAccess::build(constant / n, std::move(terms));
    return true;
  }
  if (a == b) {
    *quotient = 1;
    return true;
  }
  if (a.is_constant()) {
    *quotient = 0;
    return a.value() == 0;
  }
  // A single product divides each term that has all its factors.
  const auto divisor = DimAccess::terms(b);
  if (divisor.size() != 1 || DimAccess::constant(b) != 0 || DimAccess::constant(a) != 0) return false;
  int64_t constant = 0;
  std::vector<Term> out;
  for (Term t : DimAccess::terms(a)) {
    if (t.coefficient % divisor[0].coefficient != 0) return false;
    t.coefficient /= divisor[0].coefficient;
    for (const Atom& f : divisor[0].factors) {
      auto it = std::find_if(t.factors.begin(), t.factors.end(), [&](const Atom& g) { return g.text == f.text; });
      if (it == t.factors.end()) return false;
      t.factors.erase(it);
    }
    t.key = make_key(t.factors);
    if (t.factors.empty()) constant += t.coefficient;
    else out.push_back(std::move(t));
  }
  *quotient = DimAccess::build(constant, std::move(out));
  return true;
}

Dim floordiv(const Dim& a, const Dim& b) {
  if (b == Dim(1)) return a;
  if (a.is_constant() && b.is_constant() && b.value() != 0 && !(a.value() == INT64_MIN && b.value() == -1))
    return floor_div(a.value(), b.value());
  // A symbol's zero divisor is an error at run time, so cancelling is right wherever the quotient exists.
  if (Dim q; divides(b, a, &q)) return q;
  if (b.is_constant() && b.value() > 1) {
    // Whole multiples of the divisor come out: floordiv(4*N + 5, 4) = N + 1 + floordiv(1, 4).
    const int64_t n = b.value(), constant = DimAccess::constant(a);
    std::vector<Term> whole, rest;
    for (Term t : DimAccess::terms(a)) {
      if (t.coefficient % n == 0) t.coefficient /= n, whole.push_back(std::move(t));
      else rest.push_back(std::move(t));
    }
    const int64_t quotient = floor_div(constant, n);
    if (!whole.empty() || quotient != 0) {
      const Dim remainder = DimAccess::build(constant - quotient * n, std::move(rest));
      return DimAccess::build(quotient, std::move(whole)) + floordiv(remainder, b);
    }
    if (const Range r = a.range(); r.low >= 0 && r.high < n) return 0;
  }
  return function(AtomKind::floordiv, a, b);
}

Dim ceildiv(const Dim& a, const Dim& b) {
  if (Dim q; divides(b, a, &q)) return q;
  return floordiv(a + b - 1, b);
}

Dim mod(const Dim& a, const Dim& b) {
  if (b == Dim(1)) return 0;
  if (a.is_constant() && b.is_constant() && b.value() != 0 && b.value() != -1) return floor_mod(a.value(), b.value());
  if (Dim q; divides(b, a, &q)) return 0;
  if (b.is_constant()) {
    if (const Range r = a.range(); r.low >= 0 && r.high < b.value()) return a;
  }
  return function(AtomKind::mod, a, b);
}

Dim min(const Dim& a, const Dim& b) {
  if (less_equal(a, b) == Truth::yes) return a;
  if (less_equal(b, a) == Truth::yes) return b;
  return a.text() < b.text() ? function(AtomKind::min, a, b) : function(AtomKind::min, b, a);
}

Dim max(const Dim& a, const Dim& b) {
  if (less_equal(a, b) == Truth::yes) return b;
  if (less_equal(b, a) == Truth::yes) return a;
  return a.text() < b.text() ? function(AtomKind::max, a, b) : function(AtomKind::max, b, a);
}

Truth equal(const Dim& a, const Dim& b) {
  if (a == b) return Truth::yes;
  if (a.is_constant() && b.is_constant()) return Truth::no;
  const Range r = (a - b).range();
  return r.low > 0 || r.high < 0 ? Truth::no : Truth::maybe;
}

Truth less_equal(const Dim& a, const Dim& b) {
  if (a.is_constant() && b.is_constant()) return a.value() <= b.value() ? Truth::yes : Truth::no;
  const Dim difference = b - a;
  const Range r = difference.range();
  if (r.low >= 0) return Truth::yes;
  return r.high < 0 ? Truth::no : Truth::maybe;
}

namespace {

Result<int64_t> evaluate_atom(const Atom& a, const std::function<std::optional<int64_t>(std::string_view)>& lookup) {
  if (a.kind == AtomKind::symbol) {
    if (auto v = lookup(a.name)) return *v;
    return usage_error(fmt::format("the size {} is not known", a.name), {}, "give a shape or an input that fixes it");
  }
  const int64_t x = TRY(a.operands->first.evaluate(lookup)), y = TRY(a.operands->second.evaluate(lookup));
  switch (a.kind) {
    case AtomKind::min: return std::min(x, y);
    case AtomKind::max: return std::max(x, y);
    default: break;
  }
  if (y == 0 || (y == -1 && x == INT64_MIN))
    return usage_error("division by zero", fmt::format("the size {}", a.text),
                       "give sizes that make the divisor another one");
  return a.kind == AtomKind::floordiv ? floor_div(x, y) : floor_mod(x, y);
}

}  // namespace

Result<int64_t> Dim::evaluate(const std::function<std::optional<int64_t>(std::string_view)>& lookup) const {
  if (!expr_) return constant_;
  int64_t sum = expr_->constant;
  for (const Term& t : expr_->terms) {
    int64_t product = t.coefficient;
    for (const Atom& a : t.factors) {
      const int64_t v = TRY(evaluate_atom(a, lookup));
      if (__builtin_mul_overflow(product, v, &product)) return usage_error("overflow in the size " + text());
    }
    if (__builtin_add_overflow(sum, product, &sum)) return usage_error("overflow in the size " + text());
  }
  return sum;
}

Dim Dim::substitute(const std::map<std::string, Dim, std::less<>>& replacements) const {
  if (!expr_) return *this;
  Dim sum = expr_->constant;
  for (const Term& t : expr_->terms) {
    Dim product_ = t.coefficient;
    for (const Atom& a : t.factors) {
      if (a.kind == AtomKind::symbol) {
        auto it = replacements.find(a.name);
        product_ = product_ * (it == replacements.end() ? DimAccess::atom(a) : it->second);
        continue;
      }
      const Dim x = a.operands->first.substitute(replacements), y = a.operands->second.substitute(replacements);
      switch (a.kind) {
        case AtomKind::floordiv: product_ = product_ * floordiv(x, y); break;
        case AtomKind::mod: product_ = product_ * mod(x, y); break;
        case AtomKind::min: product_ = product_ * min(x, y); break;
        default: product_ = product_ * max(x, y); break;
      }
    }
    sum = sum + product_;
  }
  return sum;
}

Dim product(std::span<const Dim> dims) {
  Dim p = 1;
  for (const Dim& d : dims) p = p * d;
  return p;
}

std::string text(std::span<const Dim> dims) {
  std::string s;
  for (const Dim& d : dims) s += (s.empty() ? "" : ",") + d.text();
  return s;
}

std::optional<std::vector<int64_t>> constants(std::span<const Dim> dims) {
  std::vector<int64_t> out;
  for (const Dim& d : dims) {
    if (!d.is_constant()) return std::nullopt;
    out.push_back(d.value());
  }
  return out;
}

Result<int64_t> evaluate(const Dim& dim, const SymbolTable& symbols) {
  return dim.evaluate([&](std::string_view name) -> std::optional<int64_t> {
    auto it = symbols.find(name);
    return it == symbols.end() ? std::nullopt : std::optional(it->second);
  });
}

Result<std::vector<int64_t>> evaluate(std::span<const Dim> dims, const SymbolTable& symbols) {
  std::vector<int64_t> out;
  out.reserve(dims.size());
  for (const Dim& d : dims) out.push_back(TRY(evaluate(d, symbols)));
  return out;
}

namespace {

// sum := term (('+'|'-') term)*; term := factor ('*' factor)*; factor := integer | name | name '(' sum ',' sum ')' | '(' sum ')' | '-' factor
class DimParser {
 public:
  DimParser(std::string_view text, const std::map<std::string, Range, std::less<>>& ranges)
      : text_(text), ranges_(ranges) {}

  Result<Dim> parse() {
    Dim d = TRY(sum(0));
    skip();
    if (at_ != text_.size()) return error("unexpected character");
    return d;
  }

 private:
  // No real size comes near: they keep a hostile one from growing out of its text ((a+b)*(c+d)*...).
  static constexpr int kMaxDepth = 64;
  static constexpr std::size_t kMaxTerms = 256, kMaxFactors = 64, kMaxText = 16384;
  static bool too_large(const Dim& d) {
    const Dim::Expr* e = DimAccess::expr(d);
    if (e == nullptr) return false;
    return e->terms.size() > kMaxTerms || e->text.size() > kMaxText ||
           std::ranges::any_of(e->terms, [](const Term& t) { return t.factors.size() > kMaxFactors; });
  }
  void skip() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool eat(char c) {
    skip();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  std::unexpected<Error> error(std::string_view what) const {
    return refused(fmt::format("{} at column {} of the size '{}'", what, at_ + 1, text_));
  }
  Result<Dim> sum(int depth) {
    if (depth > kMaxDepth) return error("nested too deeply");
    Dim d = TRY(term(depth));
    for (;;) {
      if (eat('+')) d = d + TRY(term(depth));
      else if (eat('-')) d = d - TRY(term(depth));
      else return d;
      if (too_large(d)) return error("too many terms");
    }
  }
  Result<Dim> term(int depth) {
    Dim d = TRY(factor(depth));
    while (eat('*')) {
      const Dim f = TRY(factor(depth));
      if (DimAccess::terms(d).size() * DimAccess::terms(f).size() > kMaxTerms) return error("too many terms");
      d = d * f;
      if (too_large(d)) return error("too many factors");
    }
    return d;
  }
  Result<Dim> factor(int depth) {
    if (depth > kMaxDepth) return error("nested too deeply");
    const bool negative = eat('-');
    skip();
    const bool digit = at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9';
    if (negative && !digit) return TRY(factor(depth + 1)) * Dim(-1);
    if (eat('(')) {
      Dim d = TRY(sum(depth + 1));
      if (!eat(')')) return error("missing ')'");
      return d;
    }
    skip();
    const std::size_t start = at_;
    if (digit) {
      int64_t v = 0;
      for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
        const int d = negative ? '0' - text_[at_] : text_[at_] - '0';
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, d, &v))
          return error("the number is too large");
      }
      return Dim(v);
    }
    const auto is_name = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
    };
    while (at_ < text_.size() && is_name(text_[at_])) ++at_;
    if (at_ == start) return error("expected a size");
    const std::string name(text_.substr(start, at_ - start));
    if (!eat('(')) {
      auto it = ranges_.find(name);
      return Dim::symbol(name, it == ranges_.end() ? Range{} : it->second);
    }
    Dim a = TRY(sum(depth + 1));
    if (!eat(',')) return error("missing ','");
    Dim b = TRY(sum(depth + 1));
    if (!eat(')')) return error("missing ')'");
    if (name == "floordiv") return floordiv(a, b);
    if (name == "ceildiv") return ceildiv(a, b);
    if (name == "mod") return mod(a, b);
    if (name == "min") return min(a, b);
    if (name == "max") return max(a, b);
    return error("unknown function " + name);
  }

  std::string_view text_;
  const std::map<std::string, Range, std::less<>>& ranges_;
  std::size_t at_ = 0;
};

}  // namespace

Result<Dim> parse_dim(std::string_view text, const std::map<std::string, Range, std::less<>>& ranges) {
  return DimParser(text, ranges).parse();
}

}  // namespace burnish
