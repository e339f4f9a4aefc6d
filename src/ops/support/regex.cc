#include "ops/support/regex.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>

#include "ops/support/unicode_table.h"
#include "ops/support/utf8.h"

namespace burnish {
namespace {

using Instruction = Regex::Instruction;
using Kind = Instruction::Kind;
using Ranges = Regex::Ranges;

constexpr char32_t kLast = 0x10ffff, kFolds = 0x460;  // of alphabets whose case is known
constexpr int kDepth = 200, kRepeats = 1000, kInstructions = 1 << 16, kSteps = 1 << 22;
constexpr std::size_t kRanges = 1 << 20;  // of all classes together

void normalise(Ranges& ranges) {
  std::ranges::sort(ranges);
  Ranges merged;
  for (const auto& [low, high] : ranges) {
    if (!merged.empty() && low <= merged.back().second + 1) merged.back().second = std::max(merged.back().second, high);
    else merged.emplace_back(low, high);
  }
  ranges = std::move(merged);
}

Ranges complement(Ranges ranges) {
  normalise(ranges);
  Ranges rest;
  char32_t next = 0;
  for (const auto& [low, high] : ranges) {
    if (low > next) rest.emplace_back(next, low - 1);
    next = high + 1;
  }
  if (next <= kLast) rest.emplace_back(next, kLast);
  return rest;
}

// Letters of either case; ranges of letters outside of the alphabets whose case is known stay.
Ranges folded(const Ranges& ranges) {
  Ranges both = ranges;
  for (const auto& [low, high] : ranges)
    for (char32_t c = low; c <= std::min(high, kFolds); ++c)
      for (char32_t other : {to_lower(c), to_upper(c)})
        if (other != c) both.emplace_back(other, other);
  return both;
}

const Ranges kDigit = {{'0', '9'}}, kWord = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}},
             kSpace = {{'\t', '\n'}, {'\f', '\r'}, {' ', ' '}};

std::optional<Ranges> posix(std::string_view name) {
  if (name == "alnum") return Ranges{{'0', '9'}, {'A', 'Z'}, {'a', 'z'}};
  if (name == "alpha") return Ranges{{'A', 'Z'}, {'a', 'z'}};
  if (name == "ascii") return Ranges{{0, 0x7f}};
  if (name == "blank") return Ranges{{'\t', '\t'}, {' ', ' '}};
  if (name == "cntrl") return Ranges{{0, 0x1f}, {0x7f, 0x7f}};
  if (name == "digit") return kDigit;
  if (name == "graph") return Ranges{{'!', '~'}};
  if (name == "lower") return Ranges{{'a', 'z'}};
  if (name == "print") return Ranges{{' ', '~'}};
  if (name == "punct") return Ranges{{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}};
  if (name == "space") return Ranges{{'\t', '\r'}, {' ', ' '}};
  if (name == "upper") return Ranges{{'A', 'Z'}};
  if (name == "word") return kWord;
  if (name == "xdigit") return Ranges{{'0', '9'}, {'A', 'F'}, {'a', 'f'}};
  return std::nullopt;
}

// The code points of a general category ("Lu"), or of all that start with a letter ("L"); those that nobody has assigned
// belong to none.
std::optional<Ranges> category(std::string_view name) {
  if (name == "Any") return Ranges{{0, kLast}};
  if (name.empty() || name.size() > 2 || name == "Cn") return std::nullopt;
  Ranges ranges;
  for (std::size_t i = 0; i < std::size(kUnicodeRuns); ++i) {
    const std::string_view has = kUnicodeCategories[kUnicodeRuns[i] & 0xff];
    if (!has.starts_with(name) || has == "Cn") continue;
    const char32_t next = i + 1 < std::size(kUnicodeRuns) ? kUnicodeRuns[i + 1] >> 8 : kLast + 1;
    ranges.emplace_back(kUnicodeRuns[i] >> 8, next - 1);
  }
  if (ranges.empty()) return std::nullopt;
  normalise(ranges);
  return ranges;
}

bool is_word(const char32_t* code) {
  return code != nullptr && std::ranges::any_of(kWord, [&](auto& r) { return *code >= r.first && *code <= r.second; });
}

// Builds the machine from the end: every piece is told where matching goes on.
class Compiler {
 public:
  Compiler(std::string_view pattern, std::vector<Instruction>& program, std::vector<Ranges>& ranges)
      : pattern_(pattern), program_(program), ranges_(ranges) {}

  Result<int> run() {
    auto tree = TRY(alternatives(0));
    if (at_ < pattern_.size()) return bad("a ')' without '('");
    return TRY(emit(*tree, TRY(add({Kind::accept, -1, -1, -1}))));
  }

 private:
  struct Tree {
    enum class Op : uint8_t { empty, piece, sequence, either, repeat };
    Op op = Op::empty;
    Kind kind = Kind::range;
    int ranges = -1;          // the class of a range, which all repetitions share
    int least = 0, most = 0;  // of repeat; most -1: no end
    std::vector<std::unique_ptr<Tree>> parts;
  };
  using TreePtr = std::unique_ptr<Tree>;
  struct Flags {
    bool fold = false, lines = false, all = false;
  };

  std::unexpected<Error> bad(std::string_view why) const {
    return refused("the pattern \"" + std::string(pattern_.substr(0, 80)) + "\" has " + std::string(why) +
                   " at character " + std::to_string(at_));
  }
  bool at_end() const { return at_ >= pattern_.size(); }
  bool take(std::string_view text) {
    if (!pattern_.substr(std::min(at_, pattern_.size())).starts_with(text)) return false;
    at_ += text.size();
    return true;
  }

  static TreePtr make(Tree::Op op) {
    auto tree = std::make_unique<Tree>();
    tree->op = op;
    return tree;
  }
  TreePtr letter(Ranges ranges) {
    normalise(ranges);
    if (flags_.fold) ranges = fold(ranges);
    return plain(std::move(ranges));
  }
  // With letters of either case, in order. Looking at many letters counts as work, too.
  Ranges fold(const Ranges& ranges) {
    Ranges both = folded(ranges);
    for (const auto& [low, high] : ranges)
      if (low <= kFolds) total_ += (std::min(high, kFolds) - low) / 64;
    normalise(both);
    return both;
  }
  static TreePtr edge(Kind kind) {
    auto tree = make(Tree::Op::piece);
    tree->kind = kind;
    return tree;
  }

  Result<TreePtr> alternatives(int depth) {
    if (depth > kDepth) return bad("groups nested too deeply");
    auto either = make(Tree::Op::either);
    do {
      auto sequence = make(Tree::Op::sequence);
      while (!at_end() && pattern_[at_] != '|' && pattern_[at_] != ')') {
        if (auto part = TRY(repeated(depth))) sequence->parts.push_back(std::move(part));
      }
      either->parts.push_back(std::move(sequence));
    } while (take("|"));
    return either;
  }

  // Null for what only sets flags.
  Result<TreePtr> repeated(int depth) {
    TreePtr part = TRY(single(depth));
    if (total_ > kRanges) return bad("classes that make it too large");
    bool before = false;
    while (!at_end() && part != nullptr) {
      int least = 0, most = -1;
      if (take("*")) least = 0;
      else if (take("+")) least = 1;
      else if (take("?")) most = 1;
      else if (pattern_[at_] != '{' || !braces(least, most)) break;
      if (least > kRepeats || most > kRepeats || (most >= 0 && most < least)) return bad("a repetition out of range");
      take("?");  // fewest or most: all of the text matches or it does not
      if (before) return bad("a repetition of a repetition");
      before = true;
      auto repeat = make(Tree::Op::repeat);
      repeat->least = least;
      repeat->most = most;
      repeat->parts.push_back(std::move(part));
      part = std::move(repeat);
    }
    return part;
  }

  // "{3}", "{3,}", "{3,5}"; anything else is text.
  bool braces(int& least, int& most) {
    std::size_t at = at_ + 1;
    const auto number = [&]() -> std::optional<int> {
      const std::size_t from = at;
      int value = 0;
      for (; at < pattern_.size() && pattern_[at] >= '0' && pattern_[at] <= '9'; ++at)
        value = std::min(value * 10 + (pattern_[at] - '0'), kRepeats + 1);
      return at == from ? std::nullopt : std::optional(value);
    };
    const auto low = number();
    if (!low || at >= pattern_.size()) return false;
    least = most = *low;
    if (pattern_[at] == ',') {
      ++at;
      const auto high = number();
      most = high ? *high : -1;
    }
    if (at >= pattern_.size() || pattern_[at] != '}') return false;
    at_ = at + 1;
    return true;
  }

  Result<TreePtr> single(int depth) {
    if (take("(")) return TRY(group(depth));
    if (take("[")) return letter(TRY(bracket()));
    if (take(".")) return plain(flags_.all ? Ranges{{0, kLast}} : complement({{'\n', '\n'}}));
    if (take("^")) return edge(flags_.lines ? Kind::begin_line : Kind::begin);
    if (take("$")) return edge(flags_.lines ? Kind::end_line : Kind::end);
    if (take("\\A")) return edge(Kind::begin);
    if (take("\\z")) return edge(Kind::end);
    if (take("\\b")) return edge(Kind::word_edge);
    if (take("\\B")) return edge(Kind::no_word_edge);
    if (take("\\Q")) return TRY(quoted());
    if (pattern_[at_] == '\\') return letter(TRY(escape()));
    if (std::string_view("*+?").find(pattern_[at_]) != std::string_view::npos) return bad("nothing to repeat");
    const char32_t code = next_code_point(pattern_, at_);
    return letter({{code, code}});
  }

  TreePtr plain(Ranges ranges) {
    auto tree = make(Tree::Op::piece);
    tree->ranges = static_cast<int>(ranges_.size());
    total_ += ranges.size();
    ranges_.push_back(std::move(ranges));
    return tree;
  }

  Result<TreePtr> quoted() {
    auto sequence = make(Tree::Op::sequence);
    while (!at_end() && !take("\\E")) {
      if (total_ > kRanges) return bad("text that makes it too large");
      const char32_t code = next_code_point(pattern_, at_);
      sequence->parts.push_back(letter({{code, code}}));
    }
    return sequence;
  }

  Result<TreePtr> group(int depth) {
    const Flags outer = flags_;
    if (take("?")) {
      if (take("P<") || take("<")) {
        while (!at_end() && pattern_[at_] != '>') ++at_;
        if (!take(">")) return bad("a name without end");
      } else {
        bool on = true;
        while (!at_end() && pattern_[at_] != ':' && pattern_[at_] != ')') {
          switch (pattern_[at_++]) {
            case '-': on = false; break;
            case 'i': flags_.fold = on; break;
            case 'm': flags_.lines = on; break;
            case 's': flags_.all = on; break;
            case 'U': break;  // which of several matches is found makes no difference
            default: return bad("an unknown flag");
          }
        }
        if (take(")")) return nullptr;  // for the rest of the group around it
        if (!take(":")) return bad("a group without end");
      }
    }
    auto inside = TRY(alternatives(depth + 1));
    if (!take(")")) return bad("a '(' without ')'");
    flags_ = outer;
    return inside;
  }

  // One code point or a class, after a backslash.
  Result<Ranges> escape() {
    ++at_;
    if (at_end()) return bad("a backslash at its end");
    const char32_t code = next_code_point(pattern_, at_);
    switch (code) {
      case 'd': return kDigit;
      case 'D': return complement(kDigit);
      case 'w': return kWord;
      case 'W': return complement(kWord);
      case 's': return kSpace;
      case 'S': return complement(kSpace);
      case 'a': return one(7);
      case 'f': return one('\f');
      case 't': return one('\t');
      case 'n': return one('\n');
      case 'r': return one('\r');
      case 'v': return one('\v');
      case 'x': return one(TRY(hexadecimal()));
      case 'p': return property(false);
      case 'P': return property(true);
      case 'C': return bad("\\C, a byte, which is not supported");
      default: break;
    }
    if (code == '0') {
      char32_t value = 0;
      for (int i = 0; i < 2 && !at_end() && pattern_[at_] >= '0' && pattern_[at_] <= '7'; ++i)
        value = value * 8 + static_cast<char32_t>(pattern_[at_++] - '0');
      return one(value);
    }
    const bool letter_or_digit =
        (code >= '0' && code <= '9') || (code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z');
    if (letter_or_digit) return bad("an escape that is not supported");
    return one(code);
  }
  // "L", "{L}" or "{^L}", after \p or \P.
  Result<Ranges> property(bool negated) {
    const bool braced = take("{");
    const std::size_t end = braced ? pattern_.find('}', at_) : at_ + 1;
    if (at_end() || end == std::string_view::npos) return bad("a class without end");
    std::string_view name = pattern_.substr(at_, end - at_);
    if (braced && name.starts_with('^')) {
      negated = !negated;
      name.remove_prefix(1);
    }
    auto found = categories_.find(name);
    if (found == categories_.end()) {
      auto listed = category(name);
      if (!listed) return bad("a class that is no general category of Unicode, and scripts are not supported,");
      found = categories_.emplace(std::string(name), *std::move(listed)).first;
    }
    const Ranges& known = found->second;
    at_ = end + (braced ? 1 : 0);
    if (!negated) return known;
    return complement(flags_.fold ? fold(known) : known);
  }
  static Ranges one(char32_t code) { return {{code, code}}; }

  Result<char32_t> hexadecimal() {
    const bool braced = take("{");
    char32_t value = 0;
    int digits = 0;
    for (; !at_end() && digits < (braced ? 6 : 2); ++digits, ++at_) {
      const char c = pattern_[at_];
      if (c >= '0' && c <= '9') value = value * 16 + static_cast<char32_t>(c - '0');
      else if (c >= 'a' && c <= 'f') value = value * 16 + static_cast<char32_t>(c - 'a' + 10);
      else if (c >= 'A' && c <= 'F') value = value * 16 + static_cast<char32_t>(c - 'A' + 10);
      else break;
    }
    if (digits == 0 || (!braced && digits != 2) || (braced && !take("}")) || value > kLast)
      return bad("a number that is no code point");
    return value;
  }

  Result<Ranges> bracket() {
    const bool negated = take("^");
    Ranges ranges;
    const auto add = [&](const Ranges& more) {
      total_ += more.size();
      ranges.insert(ranges.end(), more.begin(), more.end());
    };
    for (bool first = true;; first = false) {
      if (at_end()) return bad("a '[' without ']'");
      if (!first && take("]")) break;  // as the first character it is text
      if (total_ > kRanges) return bad("classes that make it too large");
      if (take("[:")) {
        const bool inverted = take("^");
        const std::size_t end = pattern_.find(":]", at_);
        const auto known = end == std::string_view::npos ? std::nullopt : posix(pattern_.substr(at_, end - at_));
        if (!known) return bad("an unknown class");
        at_ = end + 2;
        add(inverted ? complement(*known) : *known);
        continue;
      }
      const Ranges low = TRY(member());
      const bool single = low.size() == 1 && low[0].first == low[0].second;
      if (single && at_ + 1 < pattern_.size() && pattern_[at_] == '-' && pattern_[at_ + 1] != ']') {
        ++at_;
        const Ranges high = TRY(member());
        if (high.size() != 1 || high[0].first != high[0].second || high[0].first < low[0].first)
          return bad("a range out of order");
        add({{low[0].first, high[0].first}});
      } else {
        add(low);
      }
    }
    normalise(ranges);
    if (flags_.fold) ranges = fold(ranges);
    return negated ? complement(ranges) : ranges;
  }
  Result<Ranges> member() {
    if (at_end()) return bad("a '[' without ']'");
    if (pattern_[at_] == '\\') return TRY(escape());
    return one(next_code_point(pattern_, at_));
  }

  // -- the machine

  Result<int> add(Instruction instruction) {
    if (program_.size() >= kInstructions) return bad("repetitions that make it too large");
    program_.push_back(instruction);
    return static_cast<int>(program_.size()) - 1;
  }

  // Where matching of the tree starts when it goes on at `next`. Trees that match nothing add no instructions, so what is
  // bounded are the steps.
  Result<int> emit(const Tree& tree, int next) {
    if (++steps_ > kSteps) return bad("repetitions that make it too large");
    switch (tree.op) {
      case Tree::Op::empty: return next;
      case Tree::Op::piece: return add({tree.kind, next, -1, tree.ranges});
      case Tree::Op::sequence:
        for (auto part = tree.parts.rbegin(); part != tree.parts.rend(); ++part) next = TRY(emit(**part, next));
        return next;
      case Tree::Op::either: {
        int start = -1;
        for (const auto& part : tree.parts) {
          const int one = TRY(emit(*part, next));
          start = start < 0 ? one : TRY(add({Kind::split, one, start, -1}));
        }
        return start;
      }
      case Tree::Op::repeat: break;
    }
    const Tree& part = *tree.parts[0];
    if (tree.most < 0) {
      const int loop = TRY(add({Kind::split, next, -1, -1}));
      const int again = TRY(emit(part, loop));
      program_[static_cast<std::size_t>(loop)].other = again;
      next = loop;
    }
    // Rounds that may be left out all lead to the same place.
    const int after = next;
    for (int i = tree.least; i < tree.most; ++i) {
      const int round = TRY(emit(part, next));
      next = TRY(add({Kind::split, round, after, -1}));
    }
    for (int i = 0; i < tree.least; ++i) next = TRY(emit(part, next));
    return next;
  }
  std::string_view pattern_;
  std::vector<Instruction>& program_;
  std::vector<Ranges>& ranges_;
  std::size_t at_ = 0;
  int steps_ = 0;
  std::map<std::string, Ranges, std::less<>> categories_;  // that were asked for
  std::size_t total_ = 0;
  Flags flags_;
};

}  // namespace

Result<Regex> Regex::compile(std::string_view pattern) {
  Regex regex;
  regex.start_ = TRY(Compiler(pattern, regex.program_, regex.ranges_).run());
  return regex;
}

// All states that are reached without reading.
void Regex::follow(int from, const char32_t* before, const char32_t* after, std::vector<int>& states,
                   std::vector<bool>& there) const {
  std::vector<int> todo = {from};
  while (!todo.empty()) {
    const int state = todo.back();
    todo.pop_back();
    if (there[static_cast<std::size_t>(state)]) continue;
    there[static_cast<std::size_t>(state)] = true;
    const Instruction& i = program_[static_cast<std::size_t>(state)];
    const bool edge = is_word(before) != is_word(after);
    switch (i.kind) {
      case Kind::range:
      case Kind::accept: states.push_back(state); break;
      case Kind::split:
        todo.push_back(i.next);
        todo.push_back(i.other);
        break;
      case Kind::begin:
        if (before == nullptr) todo.push_back(i.next);
        break;
      case Kind::end:
        if (after == nullptr) todo.push_back(i.next);
        break;
      case Kind::begin_line:
        if (before == nullptr || *before == '\n') todo.push_back(i.next);
        break;
      case Kind::end_line:
        if (after == nullptr || *after == '\n') todo.push_back(i.next);
        break;
      case Kind::word_edge:
        if (edge) todo.push_back(i.next);
        break;
      case Kind::no_word_edge:
        if (!edge) todo.push_back(i.next);
        break;
    }
  }
}

bool Regex::matches(std::string_view text) const {
  std::vector<char32_t> codes;
  for (std::size_t at = 0; at < text.size();) codes.push_back(next_code_point(text, at));
  std::vector<int> now, next;
  std::vector<bool> there(program_.size());
  const auto code = [&](std::size_t i) { return i < codes.size() ? &codes[i] : nullptr; };
  follow(start_, nullptr, code(0), now, there);
  for (std::size_t i = 0; i < codes.size() && !now.empty(); ++i) {
    next.clear();
    there.assign(there.size(), false);
    for (int state : now) {
      const Instruction& in = program_[static_cast<std::size_t>(state)];
      if (in.kind != Kind::range) continue;
      const Ranges& ranges = ranges_[static_cast<std::size_t>(in.ranges)];
      auto after = std::ranges::upper_bound(ranges, codes[i], {}, &std::pair<char32_t, char32_t>::first);
      if (after == ranges.begin() || codes[i] > (--after)->second) continue;
      follow(in.next, code(i), code(i + 1), next, there);
    }
    std::swap(now, next);
  }
  return std::ranges::any_of(now, [&](int s) { return program_[static_cast<std::size_t>(s)].kind == Kind::accept; });
}

}  // namespace burnish
