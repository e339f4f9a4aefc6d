#pragma once
// Sizes: integers, or expressions of symbols with ranges in a normal form, so that equal sizes compare equal.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace burnish {

// The answer to a question about sizes: `maybe` becomes a check at run time.
enum class Truth : uint8_t { no, yes, maybe };

struct Range {
  int64_t low = 0;
  int64_t high = kMax;
  int64_t usual = 0;                                 // what to plan for; 0: nobody said. No part of what is allowed
  static constexpr int64_t kMax = int64_t{1} << 40;  // "no upper limit": larger than any tensor we would load
  bool operator==(const Range& other) const { return low == other.low && high == other.high; }
};

// An immutable expression: + - * floordiv ceildiv mod min max over integers and symbols. Sums of products of atoms in
// sorted order; symbols are equal when their names are.
class Dim {
 public:
  Dim() = default;                          // 0
  Dim(int64_t value) : constant_(value) {}  // NOLINT: integers are dims
  Dim(int value) : constant_(value) {}      // NOLINT
  static Dim symbol(std::string_view name, Range range = {});

  bool is_constant() const { return expr_ == nullptr; }
  std::optional<int64_t> constant() const { return is_constant() ? std::optional(constant_) : std::nullopt; }
  int64_t value() const;  // CHECKs that it is constant
  // The symbol's name when this is a single symbol.
  std::optional<std::string_view> symbol_name() const;
  // Names of all symbols within, sorted, without repeats.
  std::vector<std::string> symbols() const;
  // Adds the ranges of all symbols within that are not there yet.
  void collect_ranges(std::map<std::string, Range, std::less<>>& ranges) const;
  // Smallest and largest value over the symbols' ranges (saturating at +-Range::kMax).
  Range range() const;

  // "2*N + floordiv(H - 1, 2) + 3"; parse_dim reads it back.
  std::string text() const;
  bool operator==(const Dim& other) const;

  // Value under symbol -> number; an error names the symbol that is missing, or an overflow or division by zero.
  Result<int64_t> evaluate(const std::function<std::optional<int64_t>(std::string_view)>& lookup) const;
  // Replaces symbols by expressions.
  Dim substitute(const std::map<std::string, Dim, std::less<>>& replacements) const;

  friend Dim operator+(const Dim& a, const Dim& b);
  friend Dim operator-(const Dim& a, const Dim& b);
  friend Dim operator*(const Dim& a, const Dim& b);
  friend Dim floordiv(const Dim& a, const Dim& b);
  friend Dim ceildiv(const Dim& a, const Dim& b);
  friend Dim mod(const Dim& a, const Dim& b);  // sign of the divisor
  friend Dim min(const Dim& a, const Dim& b);
  friend Dim max(const Dim& a, const Dim& b);

  struct Expr;  // in dim.cc

 private:
  explicit Dim(std::shared_ptr<const Expr> expr) : expr_(std::move(expr)) {}
  static Dim make(std::shared_ptr<const Expr> expr);
  friend struct DimAccess;
  int64_t constant_ = 0;
  std::shared_ptr<const Expr> expr_;
};

Dim operator+(const Dim& a, const Dim& b);
Dim operator-(const Dim& a, const Dim& b);
Dim operator*(const Dim& a, const Dim& b);
Dim floordiv(const Dim& a, const Dim& b);
Dim ceildiv(const Dim& a, const Dim& b);
Dim mod(const Dim& a, const Dim& b);
Dim min(const Dim& a, const Dim& b);
Dim max(const Dim& a, const Dim& b);
inline Dim& operator+=(Dim& a, const Dim& b) { return a = a + b; }
inline Dim& operator*=(Dim& a, const Dim& b) { return a = a * b; }

// The number to plan for, at least 1: every symbol of its usual size, or of a guess within its range.
int64_t likely(const Dim& dim);

Truth equal(const Dim& a, const Dim& b);
Truth less_equal(const Dim& a, const Dim& b);
// True when a / b leaves no remainder for every value of the symbols, as far as the normal form shows; sets *quotient.
bool divides(const Dim& b, const Dim& a, Dim* quotient);

using Dims = std::vector<Dim>;
Dim product(std::span<const Dim> dims);
std::string text(std::span<const Dim> dims);  // "N,3,224,224"
// All constant? Then the numbers.
std::optional<std::vector<int64_t>> constants(std::span<const Dim> dims);
inline Dims to_dims(std::span<const int64_t> values) { return Dims(values.begin(), values.end()); }

// Reads Dim::text. Symbols not in `ranges` get the default range.
Result<Dim> parse_dim(std::string_view text, const std::map<std::string, Range, std::less<>>& ranges = {});

// Numbers of symbols at run time.
using SymbolTable = std::map<std::string, int64_t, std::less<>>;
Result<int64_t> evaluate(const Dim& dim, const SymbolTable& symbols);
Result<std::vector<int64_t>> evaluate(std::span<const Dim> dims, const SymbolTable& symbols);

}  // namespace burnish
