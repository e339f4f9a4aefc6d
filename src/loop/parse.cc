// Reads the text form of nests (see print.cc).

#include <cctype>
#include <charconv>
#include <cstdlib>
#include <limits>

#include <fmt/format.h>

#include "ir/graph.h"
#include "loop/nest.h"

namespace burnish {
namespace {

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<Nest> run() {
    TRY(word("nest"));
    TRY(expect('('));
    if (!accept(')')) {
      do {
        Axis axis;
        axis.name = TRY(name());
        TRY(expect(':'));
        axis.extent = TRY(dim(",)"));
        nest_.axes.push_back(std::move(axis));
      } while (accept(','));
      TRY(expect(')'));
    }
    if (accept_word("outer")) {
      TRY(expect('('));
      nest_.outer = TRY(axes(')'));
      TRY(expect(')'));
    }
    TRY(expect('{'));
    while (!accept('}')) TRY(line());
    skip();
    if (at_ != text_.size()) return fail("something follows the nest");
    return std::move(nest_);
  }

 private:
  std::unexpected<Error> fail(std::string what) const {
    std::size_t row = 1, column = 1;
    for (std::size_t i = 0; i < at_ && i < text_.size(); ++i) {
      ++column;
      if (text_[i] == '\n') ++row, column = 1;
    }
    return refused(std::move(what), fmt::format("nest, line {}, column {}", row, column));
  }

  void skip() {
    while (at_ < text_.size()) {
      if (std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
      else if (text_.substr(at_, 2) == "//")
        while (at_ < text_.size() && text_[at_] != '\n') ++at_;
      else break;
    }
  }
  char peek() {
    skip();
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool accept(char c) {
    if (peek() != c || c == '\0') return false;
    ++at_;
    return true;
  }
  Status expect(char c) {
    if (!accept(c)) return fail(fmt::format("'{}' is missing", c));
    return {};
  }
  std::string_view peek_word() {
    skip();
    std::size_t end = at_;
    while (end < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[end])) || text_[end] == '_')) ++end;
    return text_.substr(at_, end - at_);
  }
  bool accept_word(std::string_view expected) {
    if (peek_word() != expected) return false;
    at_ += expected.size();
    return true;
  }
  Status word(std::string_view expected) {
    if (!accept_word(expected)) return fail(fmt::format("'{}' is missing", expected));
    return {};
  }
  Result<std::string> name() {
    if (peek() == '"') {
      std::string result;
      for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
        char c = text_[at_];
        if (c == '\\' && at_ + 1 < text_.size()) c = text_[++at_] == 'n' ? '\n' : text_[at_];
        result += c;
      }
      TRY(expect('"'));
      return result;
    }
    std::string_view w = peek_word();
    if (w.empty() || std::isdigit(static_cast<unsigned char>(w[0]))) return fail("a name is missing");
    at_ += w.size();
    return std::string(w);
  }
  Result<int64_t> integer() {
    skip();
    int64_t value = 0;
    auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
    if (error != std::errc()) return fail("an integer is missing");
    at_ = static_cast<std::size_t>(end - text_.data());
    return value;
  }
  Result<double> real() {
    bool minus = accept('-');
    double value = 0;
    if (accept_word("inf")) value = std::numeric_limits<double>::infinity();
    else if (accept_word("nan")) value = std::numeric_limits<double>::quiet_NaN();
    else {
      skip();
      auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
      if (error != std::errc()) return fail("a number is missing");
      at_ = static_cast<std::size_t>(end - text_.data());
    }
    return minus ? -value : value;
  }
  // A Dim's text up to one of `stops` outside parentheses.
  Result<Dim> dim(std::string_view stops) {
    skip();
    std::size_t end = at_;
    int depth = 0;
    while (end < text_.size() && (depth > 0 || stops.find(text_[end]) == std::string_view::npos)) {
      if (text_[end] == '(') ++depth;
      if (text_[end] == ')') --depth;
      ++end;
    }
    auto parsed = parse_dim(text_.substr(at_, end - at_));
    if (!parsed) return fail(parsed.error().message());
    at_ = end;
    return *parsed;
  }
  Result<int> axis() {
    std::string wanted = TRY(name());
    for (std::size_t a = 0; a < nest_.axes.size(); ++a)
      if (nest_.axes[a].name == wanted) return static_cast<int>(a);
    return fail("no axis is called " + wanted);
  }
  Result<std::vector<int>> axes(char stop) {
    std::vector<int> list;
    if (peek() == stop) return list;
    do list.push_back(TRY(axis()));
    while (accept(','));
    return list;
  }
  Result<int> operand(const std::string& wanted) {
    for (std::size_t o = 0; o < nest_.operands.size(); ++o)
      if (nest_.operands[o].name == wanted) return static_cast<int>(o);
    return fail("no operand is called " + wanted);
  }
  Result<int> expression() {
    TRY(expect('%'));
    int64_t number = TRY(integer());
    if (number < 0 || number >= static_cast<int64_t>(nest_.expressions.size()))
      return fail(fmt::format("%{} is not an earlier expression", number));
    return static_cast<int>(number);
  }

  Result<Index> index() {
    Index result;
    bool minus = false;
    do {
      char c = peek();
      if (c == '%') {
        if (minus || result.expression >= 0) return fail("an index adds one expression at most");
        result.expression = TRY(expression());
      } else if (c == '(' || c == '-' || std::isdigit(static_cast<unsigned char>(c))) {
        Dim number;
        if (accept('(')) {
          number = TRY(dim(")"));
          TRY(expect(')'));
        } else {
          number = TRY(integer());
        }
        if (minus) number = Dim(0) - number;
        if (accept('*')) result.terms.push_back({TRY(axis()), number});
        else result.offset += number;
      } else {
        result.terms.push_back({TRY(axis()), Dim(minus ? -1 : 1)});
      }
      minus = peek() == '-';
    } while (accept('+') || accept('-'));
    return result;
  }
  Result<std::vector<Index>> indices() {
    std::vector<Index> list;
    TRY(expect('['));
    if (accept(']')) return list;
    do list.push_back(TRY(index()));
    while (accept(','));
    TRY(expect(']'));
    return list;
  }

  Status line() {
    if (peek() == '%') return expression_line();
    std::string first = TRY(name());
    // "in x: type", "out x: type"; "t0 = max[k] %1"; "y[i] = %2 for k"
    if (peek() == '[') return store_line(first);
    if (peek() == '=') return reduce_line(first);
    if (first != "in" && first != "out") return fail("expected an operand, an expression or a statement");
    NestOperand o;
    o.output = first == "out";
    o.name = TRY(name());
    TRY(expect(':'));
    skip();
    std::size_t end = text_.find('\n', at_);
    if (end == std::string_view::npos) end = text_.size();
    auto type = parse_type(text_.substr(at_, end - at_));
    if (!type) return fail(type.error().message());
    o.type = *type;
    at_ = end;
    nest_.operands.push_back(std::move(o));
    return {};
  }

  Status reduce_line(const std::string& result) {
    TRY(expect('='));
    Statement s;
    s.kind = Statement::Kind::reduce;
    if (result != fmt::format("t{}", nest_.statements.size()))
      return fail(fmt::format("the next statement's result is t{}", nest_.statements.size()));
    auto reduction = parse_reduction(peek_word());
    if (!reduction) return fail(fmt::format("'{}' is not a reduction", peek_word()));
    at_ += peek_word().size();
    s.reduction = *reduction;
    TRY(expect('['));
    s.axes = TRY(axes(']'));
    TRY(expect(']'));
    s.expression = TRY(expression());
    nest_.statements.push_back(std::move(s));
    return {};
  }

  Status store_line(const std::string& target) {
    Statement s;
    s.operand = TRY(operand(target));
    s.index = TRY(indices());
    TRY(expect('='));
    s.expression = TRY(expression());
    if (accept_word("for")) {
      do s.axes.push_back(TRY(axis()));
      while (accept(','));
    }
    nest_.statements.push_back(std::move(s));
    return {};
  }

  Status expression_line() {
    using Kind = ScalarExpression::Kind;
    TRY(expect('%'));
    int64_t number = TRY(integer());
    if (number != static_cast<int64_t>(nest_.expressions.size()))
      return fail(fmt::format("the next expression is %{}", nest_.expressions.size()));
    TRY(expect(':'));
    ScalarExpression e;
    auto dtype = parse_dtype(peek_word());
    if (!dtype) return fail(fmt::format("'{}' is not a dtype", peek_word()));
    at_ += peek_word().size();
    e.dtype = *dtype;
    TRY(expect('='));
    char c = peek();
    std::string_view w = peek_word();
    if (c == '-' || std::isdigit(static_cast<unsigned char>(c)) ||
        (next_after(w) != '[' && (w == "inf" || w == "nan"))) {
      e.value = TRY(real());
      nest_.expressions.push_back(std::move(e));
      return {};
    }
    std::string head = TRY(name());
    if (peek() == '[') {
      e.kind = Kind::load;
      e.operand = TRY(operand(head));
      e.index = TRY(indices());
      if (accept_word("else")) {
        e.guarded = true;
        e.fallback = TRY(real());
      }
    } else if (accept('(')) {
      if (head == "size") {
        e.kind = Kind::size;
        e.dim = TRY(dim(")"));
      } else if (head == "axis") {
        e.kind = Kind::axis;
        e.axis = TRY(axis());
      } else if (head == "checked") {
        e.kind = Kind::checked;
        for (int i = 0; i < 2; ++i) {
          e.arguments.push_back(TRY(expression()));
          TRY(expect(','));
        }
        e.dim = TRY(dim(")"));
      } else {
        e.kind = head == "cast" ? Kind::cast : Kind::apply;
        if (e.kind == Kind::apply) {
          auto function = parse_scalar(head);
          if (!function) return fail("no scalar function is called " + head);
          e.function = *function;
        }
        do e.arguments.push_back(TRY(expression()));
        while (accept(','));
      }
      TRY(expect(')'));
    } else if (head == "anchor") {
      e.kind = Kind::anchor;
    } else {
      e.kind = Kind::temporary;
      int statement = -1;
      if (head.size() < 2 || head[0] != 't' ||
          std::from_chars(head.data() + 1, head.data() + head.size(), statement).ptr != head.data() + head.size())
        return fail("expected an expression, found " + head);
      e.statement = statement;
    }
    nest_.expressions.push_back(std::move(e));
    return {};
  }

  // The character after a word, past blanks.
  char next_after(std::string_view w) {
    std::size_t i = at_ + w.size();
    while (i < text_.size() && text_[i] == ' ') ++i;
    return i < text_.size() ? text_[i] : '\0';
  }

  std::string_view text_;
  std::size_t at_ = 0;
  Nest nest_;
};

}  // namespace

Result<Nest> parse_nest(std::string_view text) { return Parser(text).run(); }

}  // namespace burnish
