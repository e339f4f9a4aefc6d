#pragma once
// The tokens of the text form, shared by the parsers of types, attributes and graphs.

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "ir/attribute.h"
#include "ir/graph.h"

namespace burnish {

// A name is written bare when it is an identifier ([A-Za-z0-9_.], not empty), else quoted.
std::string quote(std::string_view text);            // "..." with \" \\ \n \t \xHH escapes
std::string name_text(std::string_view name);        // bare or quoted
std::string value_name_text(std::string_view name);  // %name or %"odd name"

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  // Spaces, newlines and // comments.
  void skip();
  bool at_end();
  char peek();                       // next significant character, 0 at the end
  bool eat(std::string_view token);  // punctuation or a whole word
  Status expect(std::string_view token);
  Result<std::string> word();        // identifier
  Result<std::string> string();      // quoted
  Result<std::string> value_name();  // %name or %"name"
  Result<std::string> name_or_string();
  // Text up to one of `stops` at bracket depth 0, not consumed: the form of a size.
  Result<std::string_view> balanced(std::string_view stops);
  // Number text: integer, real, inf, nan. Says whether it was written as a real.
  struct Number {
    int64_t integer = 0;
    double real = 0;
    bool is_real = false;
  };
  Result<Number> number();
  Result<int64_t> integer();
  bool number_follows();
  bool word_follows();
  // The characters of a number as they stand ("-1.5e-3", "0x7fc00001"); empty when none follow.
  std::string_view number_token();

  std::size_t position();  // of the next token
  std::size_t left() const { return text_.size() - at_; }
  std::unexpected<Error> error(std::string_view what) const { return error_at(at_, what); }
  std::unexpected<Error> error_at(std::size_t position, std::string_view what) const;
  int depth = 0;  // of nested types, attributes, regions; bounded by kMaxDepth
  static constexpr int kMaxDepth = 64;

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

using RangeMap = std::map<std::string, Range, std::less<>>;
Result<Type> read_type(Lexer& lexer, const RangeMap& ranges);
Result<Attribute> read_attribute(Lexer& lexer, const RangeMap& ranges, const ConstantStore& constants);

// Elements of an inline tensor, "[1, nan, 0x7fc00001]". Every element reads back to its bits: what a number or text cannot
// say (payloads of NaNs, bits above a narrow element) is written as its bits in hexadecimal.
std::string elements_text(const Tensor& tensor);
Result<Tensor> read_elements(Lexer& lexer, DType dtype, std::vector<int64_t> dims);

// Tensors of more than `inline_elements` elements appear by hash.
std::string attribute_text(const Attribute& attribute, int64_t inline_elements);
// What names a constant: covers dtype, dims and bytes.
std::string constant_hash(const Tensor& tensor);

// The symbols of a graph whose range is not the default one: those that it lists, and those that its sizes hold.
RangeMap narrowed_symbols(const Graph& graph);

}  // namespace burnish
