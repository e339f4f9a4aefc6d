#pragma once
// Regular expressions in RE2's syntax, matched in time proportional to pattern times text.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace burnish {

class Regex {
 public:
  // Refused: what is no pattern, back references, scripts (\p{Greek}) and \C, and patterns too large to be meant well.
  static Result<Regex> compile(std::string_view pattern);
  bool matches(std::string_view text) const;  // all of it

  // -- the parts of the machine
  using Ranges = std::vector<std::pair<char32_t, char32_t>>;  // code points, sorted, apart from each other
  struct Instruction {
    enum class Kind : uint8_t { range, split, begin, end, begin_line, end_line, word_edge, no_word_edge, accept };
    Kind kind = Kind::accept;
    int next = -1, other = -1;  // where it goes on; split goes both ways
    int ranges = -1;
  };

 private:
  void follow(int from, const char32_t* before, const char32_t* after, std::vector<int>& states,
              std::vector<bool>& there) const;
  std::vector<Instruction> program_;
  std::vector<Ranges> ranges_;
  int start_ = 0;
};

}  // namespace burnish
