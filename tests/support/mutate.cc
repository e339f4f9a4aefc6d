#include "tests/support/mutate.h"

#include <cctype>

#include "ops/operator.h"

namespace burnish::testing {
namespace {

constexpr std::string_view kDTypes[] = {"f64", "f32", "f16", "bf16", "f8e4m3fn", "f8e5m2", "f4e2m1", "i64",
                                        "i32", "i16", "i8",  "i4",   "u64",      "u32",    "u16",    "u8",
                                        "u4",  "u2",  "i2",  "bool", "c64",      "c128",   "string", "f8e8m0"};
constexpr std::string_view kDims[] = {
    "N",         "M",         "N*M",       "N + 1", "N - 1", "2*N", "floordiv(N, 2)", "ceildiv(N, 3)",
    "mod(N, 2)", "min(N, 3)", "max(N, M)", "0",     "1",     "?"};
constexpr int64_t kNumbers[] = {-1,        -2,        0,         1,         2,          3,         4,
                                7,         8,         15,        16,        63,         64,        65,
                                127,       128,       255,       256,       1023,       4096,      65535,
                                65536,     1 << 20,   INT32_MAX, INT32_MIN, UINT32_MAX, INT64_MAX, INT64_MIN,
                                1'000'000, 1LL << 32, 1LL << 40, 1LL << 62, -64,        -65,       -3};

enum class TokenKind : uint8_t { word, value, number, quoted, space, other };
struct Token {
  TokenKind kind;
  std::string_view text;
};

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.'; }

std::vector<Token> tokens_of(std::string_view text) {
  std::vector<Token> tokens;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    std::size_t end = at + 1;
    TokenKind kind = TokenKind::other;
    const auto digit = [&](std::size_t i) {
      return i < text.size() && std::isdigit(static_cast<unsigned char>(text[i])) != 0;
    };
    if (c == '"') {
      kind = TokenKind::quoted;
      while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
      end = std::min(end + 1, text.size());
    } else if (digit(at) || (c == '-' && digit(at + 1))) {
      kind = TokenKind::number;
      while (end < text.size() && is_word(text[end])) ++end;
    } else if (is_word(c) || c == '%') {
      kind = c == '%' ? TokenKind::value : TokenKind::word;
      while (end < text.size() && is_word(text[end])) ++end;
    } else if (std::isspace(static_cast<unsigned char>(c)) != 0) {
      kind = TokenKind::space;
    }
    tokens.push_back({kind, text.substr(at, end - at)});
    at = end;
  }
  return tokens;
}

std::string join(std::span<const Token> tokens) {
  std::string text;
  for (const Token& t : tokens) text += t.text;
  return text;
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size() - 1);
    lines.emplace_back(text.substr(at, end + 1 - at));
    at = end + 1;
  }
  return lines;
}

void collect(Json& tree, std::vector<Json*>& all) {
  all.push_back(&tree);
  if (tree.is_structured())
    for (Json& child : tree) collect(child, all);
}

}  // namespace

int64_t Mutator::number() {
  if (one_in(2)) return static_cast<int64_t>(below(12)) - 3;
  if (one_in(8)) return static_cast<int64_t>(random_() >> below(64));
  return kNumbers[below(std::size(kNumbers))];
}

std::string Mutator::scalar_text() {
  switch (below(6)) {
    case 0: return "\"" + std::string(kDims[below(std::size(kDims))]) + "\"";
    case 1: return std::to_string(number()) + ".5";
    case 2: return "[" + std::to_string(number()) + ", " + std::to_string(number()) + "]";
    case 3: return "[" + std::to_string(number()) + "]";
    default: return std::to_string(number());
  }
}

std::string Mutator::text(std::string_view text, std::string_view donor) {
  if (text.empty()) return std::string(donor);
  const std::size_t choice = below(16);
  if (choice < 3) {  // lines
    std::vector<std::string> lines = lines_of(text), others = lines_of(donor);
    const std::size_t i = below(lines.size()), j = below(lines.size());
    const auto at = lines.begin() + static_cast<std::ptrdiff_t>(i);
    if (choice == 0) lines.erase(at);
    else if (choice == 1) std::swap(lines[i], lines[j]);
    else if (!others.empty() && one_in(2)) lines.insert(at, others[below(others.size())]);
    else lines.insert(at, std::string(lines[j]));
    std::string result;
    for (const std::string& line : lines) result += line;
    return result;
  }
  std::vector<Token> tokens = tokens_of(text);
  const std::vector<Token> others = tokens_of(one_in(2) ? donor : text);
  std::size_t i = below(tokens.size());
  for (int tries = 0; tries < 8 && tokens[i].kind == TokenKind::space; ++tries) i = below(tokens.size());
  const auto at = tokens.begin() + static_cast<std::ptrdiff_t>(i);
  std::string made;
  if (choice == 3) {
    tokens.erase(at);
    return join(tokens);
  }
  if (choice == 4) {
    tokens.insert(at, tokens[below(tokens.size())]);
    return join(tokens);
  }
  if (choice < 8) {  // an attribute of the operator before
    const std::vector<const Operator*> all = ops::all();
    std::size_t word = i;
    while (word > 0 && (tokens[word].kind != TokenKind::word || ops::find(tokens[word].text) == nullptr)) --word;
    const Operator* op = ops::find(tokens[word].text);
    if (op != nullptr && !op->attributes.empty()) {
      const AttributeSpec& spec = op->attributes[below(op->attributes.size())];
      std::size_t end = word;
      while (end < tokens.size() && tokens[end].text != "\n") ++end;
      std::string value =
          spec.default_text.empty() || one_in(2) || spec.default_text == "required" || spec.default_text == "optional"
              ? scalar_text()
              : std::string(spec.default_text);
      if (spec.kind == AttributeKind::dtype) value = kDTypes[below(std::size(kDTypes))];
      if (spec.kind == AttributeKind::dims) value = "dims[" + std::string(kDims[below(std::size(kDims))]) + "]";
      const bool open = end > 0 && tokens[end - 1].text == "}";
      made = std::string(open ? ", " : " {") + std::string(spec.name) + " = " + value + "}";
      if (open) tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(--end));
      tokens.insert(tokens.begin() + static_cast<std::ptrdiff_t>(end), {TokenKind::other, made});
      return join(tokens);
    }
    if (tokens[word].kind == TokenKind::word && op != nullptr) {
      tokens[word].text = all[below(all.size())]->name;
      return join(tokens);
    }
  }
  if (tokens[i].kind == TokenKind::number && one_in(2)) {
    made = one_in(4) ? std::string(kDims[below(std::size(kDims))]) : std::to_string(number());
    tokens[i].text = made;
    return join(tokens);
  }
  if (tokens[i].kind == TokenKind::word && one_in(3)) {
    const std::vector<const Operator*> all = ops::all();
    if (ops::find(tokens[i].text) != nullptr) tokens[i].text = all[below(all.size())]->name;
    else if (one_in(2)) tokens[i].text = kDTypes[below(std::size(kDTypes))];
    else tokens[i].text = kDims[below(std::size(kDims))];
    return join(tokens);
  }
  for (int tries = 0; tries < 32 && !others.empty(); ++tries) {
    const Token& other = others[below(others.size())];
    if (other.kind != tokens[i].kind || other.text == tokens[i].text) continue;
    tokens[i].text = other.text;
    break;
  }
  return join(tokens);
}

Json Mutator::scalar() {
  switch (below(8)) {
    case 0: return nullptr;
    case 1: return Json::array();
    case 2: return std::string(kDims[below(std::size(kDims))]);
    case 3: return std::string(kDTypes[below(std::size(kDTypes))]);
    case 4: return 0.5;
    default: return number();
  }
}

void Mutator::json(Json& tree) {
  std::vector<Json*> all;
  collect(tree, all);
  Json& place = *all[below(all.size())];
  const Json other = *all[below(all.size())];
  if (place.is_array() && !place.empty() && !one_in(4)) {
    const auto at = place.begin() + static_cast<std::ptrdiff_t>(below(place.size()));
    switch (below(4)) {
      case 0: place.erase(at); break;
      case 1: {
        const Json copy = *at;
        place.insert(at, copy);
        break;
      }
      case 2: std::swap(*at, place[below(place.size())]); break;
      default: place.insert(at, one_in(2) ? other : scalar()); break;
    }
  } else if (place.is_object() && !place.empty() && one_in(4)) {
    auto at = place.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(below(place.size())));
    place.erase(at.key());
  } else if (place.is_number_integer() && one_in(2)) {
    place = one_in(3) ? place.get<int64_t>() ^ 1 : number();
  } else if (place.is_string() && one_in(2)) {
    place = scalar();
  } else {
    // Of the same kind, if one is found soon.
    for (int tries = 0; tries < 16; ++tries) {
      const Json& candidate = *all[below(all.size())];
      if (candidate.type() != place.type() || &candidate == &place || candidate == place) continue;
      const Json copy = candidate;
      place = copy;
      return;
    }
    place = one_in(2) ? other : scalar();
  }
}

}  // namespace burnish::testing
