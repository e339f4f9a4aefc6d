#include <limits>

#include <gtest/gtest.h>

#include "base/file.h"
#include "import/onnx/messages.h"

namespace burnish::onnx {
namespace {

Result<std::vector<WireField>> all_fields(std::string_view bytes) {
  WireReader reader(as_bytes(bytes));
  std::vector<WireField> fields;
  WireField field;
  while (TRY(reader.next(field))) fields.push_back(field);
  return fields;
}

TEST(Wire, ReadsWhatItWrites) {
  WireWriter inner;
  inner.text(1, "name");
  WireWriter w;
  w.integer(1, int64_t{-5});
  w.real(2, 1.5f);
  w.message(3, inner);
  w.packed(4, std::vector<int64_t>{1, 300, -1});
  const auto fields = all_fields(w.data());
  ASSERT_TRUE(fields);
  ASSERT_EQ(fields->size(), 4u);
  EXPECT_EQ((*fields)[0].signed_integer(), -5);
  EXPECT_EQ((*fields)[1].real(), 1.5f);
  EXPECT_EQ((*fields)[2].text(), inner.data());
  std::vector<int64_t> values;
  ASSERT_TRUE(append_varints((*fields)[3].bytes, values));
  EXPECT_EQ(values, (std::vector<int64_t>{1, 300, -1}));
}

TEST(Wire, RefusesEveryTruncation) {
  WireWriter w;
  w.integer(1, uint64_t{1} << 60);
  w.text(2, "some text");
  const std::string whole = w.data();
  int refused = 0;
  for (std::size_t n = 0; n < whole.size(); ++n) refused += !all_fields(whole.substr(0, n));
  EXPECT_EQ(refused, static_cast<int>(whole.size()) - 2);  // nothing, and exactly the first field, are whole messages
}

TEST(Wire, RefusesHostileEncodings) {
  EXPECT_FALSE(
      all_fields(std::string_view("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11)));  // a length of 2^64 - 1
  EXPECT_FALSE(all_fields(std::string_view("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11)));  // more than 64 bits
  EXPECT_FALSE(all_fields(std::string_view("\x00", 1)));                                           // field 0
  EXPECT_FALSE(all_fields(std::string_view("\x0b", 1)));                                           // a group
}

// A model whose only node holds a graph that holds a node ...
std::string nested(int depth) {
  WireWriter graph;
  for (int i = 0; i < depth; ++i) {
    WireWriter attribute, node, outer;
    attribute.message(6, graph);
    node.message(5, attribute);
    outer.message(1, node);
    graph = outer;
  }
  WireWriter model;
  model.message(7, graph);
  return std::move(model).take();
}

TEST(Messages, BoundsDepthAndNumber) {
  EXPECT_TRUE(parse_model(as_bytes(nested(20))));
  EXPECT_FALSE(parse_model(as_bytes(nested(40))));
  WireWriter graph;
  for (int i = 0; i < 1000; ++i) graph.text(1, "");
  WireWriter model;
  model.message(7, graph);
  EXPECT_TRUE(parse_model(as_bytes(model.data())));
  EXPECT_FALSE(parse_model(as_bytes(model.data()), {.messages = 500}));
}

}  // namespace
}  // namespace burnish::onnx
