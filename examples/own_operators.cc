// The two operators as a library, for the program:
//   burnish build MODEL -o ENGINE --operators libown_operators.so
#include "own_operators.hpp"

extern "C" burnish_status burnish_register_operators(const burnish_table*, burnish_error** error) {
  for (const burnish::CustomOperator& op : {own::soft_threshold(), own::median()})
    if (const burnish_status status = burnish::register_operator(op, error); status != BURNISH_OK) return status;
  return BURNISH_OK;
}
