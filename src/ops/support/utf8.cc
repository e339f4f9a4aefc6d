#include "ops/support/utf8.h"

namespace burnish {

char32_t next_code_point(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  const int more = first < 0x80             ? 0
                   : (first & 0xe0) == 0xc0 ? 1
                   : (first & 0xf0) == 0xe0 ? 2
                   : (first & 0xf8) == 0xf0 ? 3
                                            : -1;
  char32_t code = more <= 0 ? first : first & (0x3f >> more);
  bool good = more >= 0 && at + static_cast<std::size_t>(more) < text.size();
  for (int k = 1; good && k <= more; ++k) {
    good = (byte(at + static_cast<std::size_t>(k)) & 0xc0) == 0x80;
    code = code << 6 | (byte(at + static_cast<std::size_t>(k)) & 0x3f);
  }
  if (!good) {
    ++at;
    return first;
  }
  at += static_cast<std::size_t>(more) + 1;
  return code;
}

void append_code_point(std::string& text, char32_t code) {
  const auto add = [&](char32_t byte) { text += static_cast<char>(byte); };
  if (code < 0x80) return add(code);
  if (code < 0x800) {
    add(0xc0 | code >> 6);
  } else if (code < 0x10000) {
    add(0xe0 | code >> 12);
    add(0x80 | (code >> 6 & 0x3f));
  } else {
    add(0xf0 | code >> 18);
    add(0x80 | (code >> 12 & 0x3f));
    add(0x80 | (code >> 6 & 0x3f));
  }
  add(0x80 | (code & 0x3f));
}

char32_t to_lower(char32_t c) {
  if (c >= 'A' && c <= 'Z') return c + 32;
  if (c >= 0xc0 && c <= 0xde && c != 0xd7) return c + 32;                  // Latin-1
  if (c >= 0x100 && c <= 0x137 && c % 2 == 0 && c != 0x130) return c + 1;  // Latin Extended-A: pairs
  if (c >= 0x139 && c <= 0x148 && c % 2 == 1) return c + 1;
  if (c >= 0x14a && c <= 0x177 && c % 2 == 0) return c + 1;
  if (c == 0x178) return 0xff;
  if (c >= 0x179 && c <= 0x17e && c % 2 == 1) return c + 1;
  if (c >= 0x391 && c <= 0x3ab && c != 0x3a2) return c + 32;  // Greek
  if (c >= 0x410 && c <= 0x42f) return c + 32;                // Cyrillic
  if (c >= 0x400 && c <= 0x40f) return c + 80;
  return c;
}

char32_t to_upper(char32_t c) {
  if (c >= 'a' && c <= 'z') return c - 32;
  if (c >= 0xe0 && c <= 0xfe && c != 0xf7) return c - 32;
  if (c == 0xff) return 0x178;
  if (c >= 0x100 && c <= 0x137 && c % 2 == 1 && c != 0x131) return c - 1;
  if (c >= 0x139 && c <= 0x148 && c % 2 == 0) return c - 1;
  if (c >= 0x14a && c <= 0x177 && c % 2 == 1) return c - 1;
  if (c >= 0x179 && c <= 0x17e && c % 2 == 0) return c - 1;
  if (c >= 0x3b1 && c <= 0x3cb && c != 0x3c2) return c - 32;
  if (c >= 0x430 && c <= 0x44f) return c - 32;
  if (c >= 0x450 && c <= 0x45f) return c - 80;
  return c;
}

namespace {
std::string map(std::string_view text, char32_t (*f)(char32_t)) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t from = at;
    const char32_t code = next_code_point(text, at);
    if (at - from == 1 && code >= 0x80) result += text[from];  // no UTF-8: left as it is
    else append_code_point(result, f(code));
  }
  return result;
}
}  // namespace

std::string to_lower(std::string_view text) { return map(text, to_lower); }
std::string to_upper(std::string_view text) { return map(text, to_upper); }

}  // namespace burnish
