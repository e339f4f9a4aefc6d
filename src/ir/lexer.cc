#include "ir/lexer.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace burnish {
namespace {
bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
}
}  // namespace

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') (out += '\\') += c;
    else if (c == '\n') out += "\\n";
    else if (c == '\t') out += "\\t";
    else if (u < 0x20 || u == 0x7f) out += fmt::format("\\x{:02x}", u);
    else out += c;
  }
  return out + '"';
}

std::string name_text(std::string_view name) {
  const bool bare = !name.empty() && std::all_of(name.begin(), name.end(), is_word);
  return bare ? std::string(name) : quote(name);
}

std::string value_name_text(std::string_view name) { return "%" + name_text(name); }

void Lexer::skip() {
  for (;;) {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r'))
      ++at_;
    if (text_.substr(at_, 2) != "//") return;
    while (at_ < text_.size() && text_[at_] != '\n') ++at_;
  }
}

bool Lexer::at_end() {
  skip();
  return at_ == text_.size();
}

char Lexer::peek() {
  skip();
  return at_ < text_.size() ? text_[at_] : '\0';
}

bool Lexer::eat(std::string_view token) {
  skip();
  if (text_.substr(at_, token.size()) != token) return false;
  const std::size_t end = at_ + token.size();
  if (is_word(token.back()) && end < text_.size() && is_word(text_[end])) return false;
  at_ = end;
  return true;
}

Status Lexer::expect(std::string_view token) {
  if (!eat(token)) return error(fmt::format("expected '{}'", token));
  return {};
}

Result<std::string> Lexer::word() {
  skip();
  const std::size_t start = at_;
  while (at_ < text_.size() && is_word(text_[at_])) ++at_;
  if (at_ == start) return error("expected a name");
  return std::string(text_.substr(start, at_ - start));
}

Result<std::string> Lexer::string() {
  if (peek() != '"') return error("expected a quoted text");
  std::string out;
  for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
    if (text_[at_] != '\\') {
      out += text_[at_];
      continue;
    }
    if (++at_ == text_.size()) break;
    const char c = text_[at_];
    if (c == 'n') out += '\n';
    else if (c == 't') out += '\t';
    else if (c == 'x') {
      unsigned value = 0;
      const char* first = text_.data() + at_ + 1;
      const char* last = text_.data() + std::min(at_ + 3, text_.size());
      const auto [end, failure] = std::from_chars(first, last, value, 16);
      if (failure != std::errc{} || end != first + 2) return error("bad escape in a text");
      out += static_cast<char>(value);
      at_ += 2;
    } else out += c;
  }
  if (at_ >= text_.size()) return error("a quoted text does not end");
  ++at_;
  return out;
}

Result<std::string> Lexer::name_or_string() { return peek() == '"' ? string() : word(); }

Result<std::string> Lexer::value_name() {
  TRY(expect("%"));
  if (at_ < text_.size() && text_[at_] == '"') return string();
  const std::size_t start = at_;
  while (at_ < text_.size() && is_word(text_[at_])) ++at_;
  if (at_ == start) return error("expected a value's name");
  return std::string(text_.substr(start, at_ - start));
}

Result<std::string_view> Lexer::balanced(std::string_view stops) {
  skip();
  const std::size_t start = at_;
  int open = 0;
  for (; at_ < text_.size(); ++at_) {
    const char c = text_[at_];
    if (open == 0 && stops.find(c) != std::string_view::npos) return text_.substr(start, at_ - start);
    if (c == '(') ++open;
    if (c == ')') --open;
    if (c == '\n' || open < 0) break;
  }
  return error("expected a size");
}

bool Lexer::word_follows() { return is_word(peek()); }

bool Lexer::number_follows() {
  const char c = peek();
  if ((c >= '0' && c <= '9') || c == '-' || c == '+') return true;
  return text_.substr(at_, 3) == "inf" || text_.substr(at_, 3) == "nan";
}

std::string_view Lexer::number_token() {
  skip();
  std::size_t end = at_;
  const auto is_sign = [&](std::size_t i) { return text_[i] == '-' || text_[i] == '+'; };
  while (end < text_.size()) {
    const bool exponent = end > at_ && (text_[end - 1] == 'e' || text_[end - 1] == 'E');
    if (!is_word(text_[end]) && !(is_sign(end) && (end == at_ || exponent))) break;
    ++end;
  }
  const std::string_view token = text_.substr(at_, end - at_);
  at_ = end;
  return token;
}

Result<Lexer::Number> Lexer::number() {
  const std::size_t start = position();
  const std::string_view token = number_token();
  const char* const last = token.data() + token.size();
  Number n;
  const auto [int_end, int_error] = std::from_chars(token.data(), last, n.integer);
  if (int_end == last && int_error == std::errc{}) {
    n.real = static_cast<double>(n.integer);
    return n;
  }
  if (int_end == last && int_error == std::errc::result_out_of_range)
    return error_at(start, "the whole number does not fit into 64 bits");
  const auto [real_end, real_error] = std::from_chars(token.data(), last, n.real);
  if (real_error != std::errc{} || real_end != last) return error_at(start, "expected a number");
  n.is_real = true;
  return n;
}

Result<int64_t> Lexer::integer() {
  const std::size_t start = position();
  const Number n = TRY(number());
  if (n.is_real) return error_at(start, "expected a whole number");
  return n.integer;
}

std::size_t Lexer::position() {
  skip();
  return at_;
}

std::unexpected<Error> Lexer::error_at(std::size_t position, std::string_view what) const {
  std::size_t line = 1, column = 1;
  for (std::size_t i = 0; i < std::min(position, text_.size()); ++i) {
    if (text_[i] == '\n') ++line, column = 1;
    else ++column;
  }
  return refused(std::string(what), fmt::format("line {}, column {}", line, column));
}

}  // namespace burnish
