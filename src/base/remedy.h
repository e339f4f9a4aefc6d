#pragma once
// What to do about errors that did not say: a reader knows best what helps with its kind of file.

#include "base/error.h"

namespace burnish {

// Fills the parts of a failure that are empty.
template <class T>
Result<T> advise(Result<T> result, std::string_view remedy, std::string_view where = {}) {
  if (result) return result;
  if (result.error().remedy.empty()) result.error().remedy = remedy;
  if (result.error().where.empty()) result.error().where = where;
  return result;
}

}  // namespace burnish
