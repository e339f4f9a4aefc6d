#pragma once
// Text in UTF-8: code points, and their case.

#include <string>
#include <string_view>

namespace burnish {

// Reads the code point at `at` and moves behind it. A byte that begins none stands for itself.
char32_t next_code_point(std::string_view text, std::size_t& at);
void append_code_point(std::string& text, char32_t code);
// Latin, Greek and Cyrillic letters have a case here; others stay.
char32_t to_lower(char32_t code);
char32_t to_upper(char32_t code);
std::string to_lower(std::string_view text);
std::string to_upper(std::string_view text);

}  // namespace burnish
