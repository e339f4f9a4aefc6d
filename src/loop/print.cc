// The text form of nests and kernels. Every expression has a line of its own: the form is exact, sharing included.
//
//   nest(i: N, j: 64, k: 128) outer(i, j) {
//     in x: f32[N,64,128]
//     out y: f32[N,64,128]
//     %0: f32 = x[i, j, k]
//     t0 = max[k] %0
//     %1: f32 = t0
//     %2: f32 = sub(%0, %1)
//     y[i, j, k] = %2 for k
//   }

#include <cctype>
#include <cmath>

#include <fmt/format.h>

#include "loop/kernel.h"
#include "loop/nest.h"

namespace burnish {
namespace {

bool is_identifier(std::string_view name) {
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0]))) return false;
  for (char c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_') return false;
  return true;
}

// Names of values may hold anything ("conv1/weight:0"); such are quoted.
std::string quoted(std::string_view name) {
  if (is_identifier(name)) return std::string(name);
  std::string text = "\"";
  for (char c : name) {
    if (c == '"' || c == '\\') text += '\\';
    if (c == '\n') {
      text += "\\n";
      continue;
    }
    text += c;
  }
  return text + "\"";
}

struct Printer {
  const Nest& nest;
  std::string out;

  std::string axis(int a) const {
    if (a < 0 || a >= static_cast<int>(nest.axes.size())) return fmt::format("axis#{}", a);
    return quoted(nest.axes[static_cast<std::size_t>(a)].name);
  }
  std::string operand(int o) const {
    if (o < 0 || o >= static_cast<int>(nest.operands.size())) return fmt::format("operand#{}", o);
    return quoted(nest.operands[static_cast<std::size_t>(o)].name);
  }
  std::string axes(const std::vector<int>& list) const {
    std::string text;
    for (int a : list) text += (text.empty() ? "" : ", ") + axis(a);
    return text;
  }

  // Expressions of symbols stand in parentheses, so that symbols and axes never meet.
  static std::string number(const Dim& dim) {
    if (auto value = dim.constant()) return fmt::format("{}", *value);
    return "(" + dim.text() + ")";
  }

  std::string index(const Index& i) const {
    std::string text;
    for (const auto& term : i.terms) {
      if (!text.empty()) text += " + ";
      if (term.coefficient == Dim(1)) text += axis(term.axis);
      else text += number(term.coefficient) + "*" + axis(term.axis);
    }
    if (i.expression >= 0) text += fmt::format("{}%{}", text.empty() ? "" : " + ", i.expression);
    if (text.empty()) return number(i.offset);
    if (i.offset == Dim(0)) return text;
    if (auto value = i.offset.constant(); value && *value < 0 && *value != INT64_MIN)
      return text + fmt::format(" - {}", -*value);
    return text + " + " + number(i.offset);
  }

  std::string indices(const std::vector<Index>& list) const {
    std::string text = "[";
    for (std::size_t i = 0; i < list.size(); ++i) text += (i ? ", " : "") + index(list[i]);
    return text + "]";
  }

  static std::string real(double value) {
    if (std::isnan(value)) return "nan";
    if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
    return fmt::format("{}", value);
  }

  std::string body(const ScalarExpression& e) const {
    using Kind = ScalarExpression::Kind;
    auto list = [&] {
      std::string text;
      for (int a : e.arguments) text += fmt::format("{}%{}", text.empty() ? "" : ", ", a);
      return "(" + text + ")";
    };
    switch (e.kind) {
      case Kind::constant: return real(e.value);
      case Kind::size: return "size(" + e.dim.text() + ")";
      case Kind::axis: return "axis(" + axis(e.axis) + ")";
      case Kind::load: {
        std::string text = operand(e.operand) + indices(e.index);
        if (e.guarded) text += " else " + real(e.fallback);
        return text;
      }
      case Kind::anchor: return "anchor";
      case Kind::temporary: return fmt::format("t{}", e.statement);
      case Kind::apply: return std::string(info(e.function).name) + list();
      case Kind::cast: return "cast" + list();
      case Kind::checked: return fmt::format("checked(%{}, %{}, {})", e.arguments[0], e.arguments[1], e.dim.text());
    }
    return {};
  }

  void statement(std::size_t s) {
    const Statement& st = nest.statements[s];
    if (st.kind == Statement::Kind::reduce) {
      out += fmt::format("  t{} = {}[{}] %{}\n", s, name(st.reduction), axes(st.axes), st.expression);
    } else {
      out += fmt::format("  {}{} = %{}", operand(st.operand), indices(st.index), st.expression);
      out += st.axes.empty() ? "\n" : " for " + axes(st.axes) + "\n";
    }
  }

  std::string run() {
    out = "nest(";
    for (std::size_t a = 0; a < nest.axes.size(); ++a)
      out += fmt::format("{}{}: {}", a ? ", " : "", quoted(nest.axes[a].name), nest.axes[a].extent.text());
    out += ")";
    if (!nest.outer.empty()) out += " outer(" + axes(nest.outer) + ")";
    out += " {\n";
    for (const auto& o : nest.operands)
      out += fmt::format("  {} {}: {}\n", o.output ? "out" : "in", quoted(o.name), o.type.text());
    std::size_t next = 0;
    for (std::size_t e = 0; e < nest.expressions.size(); ++e) {
      // A statement comes right before the first expression that needs its result.
      const auto& expression = nest.expressions[e];
      if (expression.kind == ScalarExpression::Kind::temporary)
        while (next < nest.statements.size() && static_cast<int>(next) <= expression.statement) statement(next++);
      out += fmt::format("  %{}: {} = {}\n", e, name(expression.dtype), body(expression));
    }
    while (next < nest.statements.size()) statement(next++);
    return out + "}\n";
  }
};

}  // namespace

std::string print(const Nest& nest) { return Printer{nest, {}}.run(); }

std::string print(const Kernel& kernel) {
  if (!kernel.anchor) return print(kernel.nest);
  std::string text = kernel.anchor->family + "(";
  for (std::size_t i = 0; i < kernel.anchor->operands.size(); ++i)
    text += (i ? ", " : "") + kernel.anchor->operands[i].text();
  text += ") -> " + kernel.anchor->result.text();
  if (!kernel.anchor->attributes.empty()) {
    text += " {";
    bool first = true;
    for (const auto& [key, value] : kernel.anchor->attributes) {
      text += (first ? "" : ", ") + key + " = " + burnish::text(value);
      first = false;
    }
    text += "}";
  }
  if (kernel.anchor->before) text += " after\n" + print(*kernel.anchor->before);
  return text + "\n" + print(kernel.nest);
}

}  // namespace burnish
