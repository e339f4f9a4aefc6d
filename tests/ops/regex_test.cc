#include "ops/support/regex.h"

#include <gtest/gtest.h>

namespace burnish {
namespace {

struct Case {
  const char *pattern, *text;
  bool matches;
};

TEST(Regex, MatchesAllOfTheText) {
  const Case cases[] = {
      {"", "", true},
      {"", "a", false},
      {"abc", "abc", true},
      {"abc", "abcd", false},
      {"a|bc|", "bc", true},
      {"a|bc|", "", true},
      {"a*b+c?", "aabbb", true},
      {"a*b+c?", "aac", false},
      {"(ab){2,3}", "abab", true},
      {"(ab){2,3}", "ababababab", false},
      {"(ab){2,3}", "ab", false},
      {"x{2}", "xx", true},
      {"x{2,}", "xxxxx", true},
      {"x{2,}", "x", false},
      {"x{0,2}y", "y", true},
      {"x{,2}", "x{,2}", true},
      {"[^a-c]+", "xyz", true},
      {"[^a-c]+", "xaz", false},
      {"[]a]+", "]a", true},
      {"[a\\-z]+", "-", true},
      {"[[:digit:][:^space:]]", "x", true},
      {"\\d+\\.\\d*", "12.", true},
      {"\\w+@\\w+\\.com", "who_1@there.com", true},
      {"(?i)straße", "STRAße", true},
      {"(?i:a)b", "Ab", true},
      {"(?i:a)b", "AB", false},
      {".", "é", true},
      {".", "\n", false},
      {"(?s).", "\n", true},
      {"(?m)^a$\\n^b$", "a\nb", true},
      {"\\bfoo\\b.*", "foo bar", true},
      {"foo\\b.*", "foobar", false},
      {"\\Qa.b\\Ec+", "a.bcc", true},
      {"\\Qa.b\\E", "axb", false},
      {"\\x41\\x{e9}\\07?", "Aé", true},
      {"\\pN+", "1²٣", true},
      {"\\p{Nd}+", "12²", false},
      {"\\p{L}\\pM*", "é", true},
      {"\\p{Lu}\\p{Ll}+", "Äpfel", true},
      {"\\PL+", "12 -", true},
      {"\\PL+", "12a", false},
      {"\\p{^L}\\P{^L}", "1a", true},
      {"[\\p{Lo}a-c]+", "漢aב", true},
      {"[^\\pL\\pN]+", "-, ", true},
      {"[^\\pL\\pN]+", "-9", false},
      {"(?i)\\p{Lu}+", "Aä", true},
      {"(?i)\\P{Lu}", "a", false},
      {"\\p{Any}\\p{Sc}\\p{Zs}", "\n€ ", true},
      {"\\pC", "\x01", true},
      {"\\pC", "\xcd\xb8", false},  // U+0378, which is not assigned
      {"(?P<user>[a-z]+)(?<n>\\d)", "abc1", true},
      {"\\\x9e.\xff",
       "\x9e"
       "a\xff",
       true},  // what is no UTF-8 stands for itself
  };
  for (const Case& c : cases) {
    auto regex = Regex::compile(c.pattern);
    ASSERT_TRUE(regex) << c.pattern << ": " << regex.error().message();
    EXPECT_EQ(regex->matches(c.text), c.matches) << c.pattern << " on " << c.text;
  }
}

TEST(Regex, NeverTakesLong) {
  auto regex = Regex::compile("(a*)*(a|aa)+(x+x+)+y");
  ASSERT_TRUE(regex) << regex.error().message();
  EXPECT_FALSE(regex->matches(std::string(3000, 'a') + std::string(3000, 'x')));
  EXPECT_TRUE(Regex::compile("(((a{30}){30}){30})"));
  EXPECT_FALSE(Regex::compile("((((a{99}){99}){99}){99})"));
  EXPECT_FALSE(Regex::compile(std::string(100000, '(')));
  EXPECT_FALSE(Regex::compile("((((){1000}){1000}){1000})"));  // which adds no instructions
  EXPECT_TRUE(Regex::compile("((){1000}){1000}"));
  EXPECT_TRUE(Regex::compile("(\\pL{1000}){60}"));  // whose class is kept once
  std::string many;
  for (int i = 0; i < 100000; ++i) many += "\\pL";
  EXPECT_FALSE(Regex::compile("[" + many + "]"));
  EXPECT_FALSE(Regex::compile(many));
}

TEST(Regex, SaysWhatIsNoPattern) {
  for (const char* pattern :
       {"(",       ")",    "[a",         "a**", "*a",    "\\",      "\\1",    "\\p",  "\\p{L",          "\\p{}",
        "\\p{Lx}", "\\pX", "\\p{Greek}", "\\C", "[z-a]", "a{2000}", "a{3,2}", "(?x)", "[[:nonsense:]]", "\\x{110000}",
        "(?P<name"}) {
    EXPECT_FALSE(Regex::compile(pattern)) << pattern;
  }
}

}  // namespace
}  // namespace burnish
