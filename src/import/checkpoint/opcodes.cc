#include "import/checkpoint/opcodes.h"

namespace burnish::checkpoint {

std::string_view opcode_name(Opcode opcode) {
  switch (opcode) {
    case Opcode::proto: return "PROTO";
    case Opcode::frame: return "FRAME";
    case Opcode::stop: return "STOP";
    case Opcode::mark: return "MARK";
    case Opcode::pop: return "POP";
    case Opcode::pop_mark: return "POP_MARK";
    case Opcode::none: return "NONE";
    case Opcode::new_true: return "NEWTRUE";
    case Opcode::new_false: return "NEWFALSE";
    case Opcode::bin_int: return "BININT";
    case Opcode::bin_int1: return "BININT1";
    case Opcode::bin_int2: return "BININT2";
    case Opcode::long1: return "LONG1";
    case Opcode::bin_float: return "BINFLOAT";
    case Opcode::short_bin_string: return "SHORT_BINSTRING";
    case Opcode::short_bin_unicode: return "SHORT_BINUNICODE";
    case Opcode::short_bin_bytes: return "SHORT_BINBYTES";
    case Opcode::bin_string: return "BINSTRING";
    case Opcode::bin_unicode: return "BINUNICODE";
    case Opcode::bin_bytes: return "BINBYTES";
    case Opcode::bin_unicode8: return "BINUNICODE8";
    case Opcode::bin_bytes8: return "BINBYTES8";
    case Opcode::empty_tuple: return "EMPTY_TUPLE";
    case Opcode::tuple1: return "TUPLE1";
    case Opcode::tuple2: return "TUPLE2";
    case Opcode::tuple3: return "TUPLE3";
    case Opcode::tuple: return "TUPLE";
    case Opcode::empty_list: return "EMPTY_LIST";
    case Opcode::append: return "APPEND";
    case Opcode::appends: return "APPENDS";
    case Opcode::empty_dict: return "EMPTY_DICT";
    case Opcode::set_item: return "SETITEM";
    case Opcode::set_items: return "SETITEMS";
    case Opcode::empty_set: return "EMPTY_SET";
    case Opcode::add_items: return "ADDITEMS";
    case Opcode::frozen_set: return "FROZENSET";
    case Opcode::bin_get: return "BINGET";
    case Opcode::long_bin_get: return "LONG_BINGET";
    case Opcode::bin_put: return "BINPUT";
    case Opcode::long_bin_put: return "LONG_BINPUT";
    case Opcode::memoize: return "MEMOIZE";
    case Opcode::global: return "GLOBAL";
    case Opcode::stack_global: return "STACK_GLOBAL";
    case Opcode::reduce: return "REDUCE";
    case Opcode::build: return "BUILD";
    case Opcode::bin_persid: return "BINPERSID";
  }
  // Opcodes that exist and are refused.
  switch (static_cast<unsigned char>(opcode)) {
    case '2': return "DUP";
    case 'F': return "FLOAT";
    case 'I': return "INT";
    case 'L': return "LONG";
    case 'P': return "PERSID";
    case 'S': return "STRING";
    case 'V': return "UNICODE";
    case 'd': return "DICT";
    case 'g': return "GET";
    case 'i': return "INST";
    case 'l': return "LIST";
    case 'o': return "OBJ";
    case 'p': return "PUT";
    case 0x81: return "NEWOBJ";
    case 0x82: return "EXT1";
    case 0x83: return "EXT2";
    case 0x84: return "EXT4";
    case 0x8b: return "LONG4";
    case 0x92: return "NEWOBJ_EX";
    case 0x96: return "BYTEARRAY8";
    case 0x97: return "NEXT_BUFFER";
    case 0x98: return "READONLY_BUFFER";
    default: return {};
  }
}

}  // namespace burnish::checkpoint
