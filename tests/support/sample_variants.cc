#include "tests/support/sample_variants.h"

#include <cctype>
#include <set>

#include <fmt/format.h>

#include "ops/support/attributes.h"
#include "ops/support/samples.h"

namespace burnish::test {
namespace {

// The words of a text: those of a doc that are no values are refused by the operator.
std::set<std::string> words(std::string_view text) {
  std::set<std::string> found;
  std::string word;
  for (const char c : std::string(text) + " ") {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_') word += c;
    else if (!word.empty()) found.insert(std::exchange(word, {}));
  }
  return found;
}

std::vector<Attribute> others(const AttributeSpec& spec, const Attribute* now) {
  std::vector<Attribute> list;
  switch (spec.kind) {
    case AttributeKind::integer:
      for (int64_t value : {0, 1, 2, 3, -1, -2}) {
        const bool flag =
            spec.doc.find("0:") != spec.doc.npos || spec.doc.find("1:") != spec.doc.npos || spec.doc.starts_with("1 ");
        if (!flag || value == 0 || value == 1) list.emplace_back(value);
      }
      break;
    case AttributeKind::real: list.emplace_back(now == nullptr ? 0.75 : std::get<double>(*now) * 1.5 + 0.25); break;
    case AttributeKind::string:
      for (const std::string& word : words(spec.doc)) list.emplace_back(word);
      break;
    case AttributeKind::ints:
      if (now == nullptr) break;
      for (int64_t step : {1, -1}) {
        Ints values = std::get<Ints>(*now);
        for (int64_t& value : values) value += step;
        list.emplace_back(values);
      }
      break;
    case AttributeKind::reals:
      if (now != nullptr) {
        Floats values = std::get<Floats>(*now);
        for (double& value : values) value = value * 1.5 + 0.25;
        list.emplace_back(values);
      }
      break;
    case AttributeKind::dtype:
      for (DType dtype : {DType::f32, DType::f64, DType::f16, DType::i64, DType::i32, DType::u8, DType::boolean})
        list.emplace_back(dtype);
      break;
    default: break;
  }
  return list;
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != text.npos; at += to.size()) text.replace(at, from.size(), to);
  return text;
}

}  // namespace

std::vector<SampleVariant> sample_variants(const Operator& op, const Sample& sample) {
  std::vector<SampleVariant> variants;
  const std::string whole(sample.text);
  for (std::string_view from : {"f32", "i64", "i32"}) {
    if (whole.find(fmt::format("{}[", from)) == whole.npos) continue;
    for (std::string_view to : {"f64", "f16", "bf16", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "bool"})
      if (from != to) variants.push_back({fmt::format("{}={}", from, to), replaced(whole, from, to)});
  }
  const auto parsed = ops::parse_sample(sample.text);
  if (!parsed || sample.text.starts_with("graph")) return variants;
  const std::size_t brace = parsed->attributes.empty() ? whole.npos : whole.rfind(") {");
  const std::string head = brace == whole.npos ? whole : whole.substr(0, brace + 1);
  for (const AttributeSpec& spec : op.attributes) {
    const auto given = parsed->attributes.find(spec.name);
    const Attribute* now = given != parsed->attributes.end() ? &given->second : ops::default_value(spec);
    if (now != nullptr && kind(*now) != spec.kind) continue;
    for (const Attribute& other : others(spec, now)) {
      if (now != nullptr && *now == other) continue;
      AttributeMap attributes = parsed->attributes;
      attributes.insert_or_assign(std::string(spec.name), other);
      std::string list;
      for (const auto& [name, value] : attributes)
        list += fmt::format("{}{} = {}", list.empty() ? "" : ", ", name, text(value));
      variants.push_back({fmt::format("{}={}", spec.name, text(other)), fmt::format("{} {{{}}}", head, list)});
    }
  }
  return variants;
}

}  // namespace burnish::test
