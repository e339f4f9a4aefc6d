#pragma once
// Pickle's opcodes: those that the machine knows, and the names of the rest for messages.

#include <cstdint>
#include <string_view>

namespace burnish::checkpoint {

enum class Opcode : uint8_t {
  proto = 0x80,
  frame = 0x95,
  stop = '.',
  mark = '(',
  pop = '0',
  pop_mark = '1',
  none = 'N',
  new_true = 0x88,
  new_false = 0x89,
  bin_int = 'J',
  bin_int1 = 'K',
  bin_int2 = 'M',
  long1 = 0x8a,
  bin_float = 'G',
  short_bin_string = 'U',
  short_bin_unicode = 0x8c,
  short_bin_bytes = 'C',
  bin_string = 'T',
  bin_unicode = 'X',
  bin_bytes = 'B',
  bin_unicode8 = 0x8d,
  bin_bytes8 = 0x8e,
  empty_tuple = ')',
  tuple1 = 0x85,
  tuple2 = 0x86,
  tuple3 = 0x87,
  tuple = 't',
  empty_list = ']',
  append = 'a',
  appends = 'e',
  empty_dict = '}',
  set_item = 's',
  set_items = 'u',
  empty_set = 0x8f,
  add_items = 0x90,
  frozen_set = 0x91,
  bin_get = 'h',
  long_bin_get = 'j',
  bin_put = 'q',
  long_bin_put = 'r',
  memoize = 0x94,
  global = 'c',
  stack_global = 0x93,
  reduce = 'R',
  build = 'b',
  bin_persid = 'Q',
};

// As Python's pickletools writes it; empty for a byte that is no opcode.
std::string_view opcode_name(Opcode opcode);

}  // namespace burnish::checkpoint
