# src/ops/NAME.cc defines `burnish::ops::list_NAME`; this writes the one sorted table of them, only when the set changes.
function(burnish_catalogue target)
  file(GLOB files CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/ops/*.cc")
  set(names)
  foreach(file ${files})
    cmake_path(GET file STEM LAST_ONLY name)
    list(APPEND names "${name}")
  endforeach()
  list(SORT names)
  set(declarations "")
  set(rows "")
  foreach(name ${names})
    string(APPEND declarations "extern constinit const OperatorList list_${name};\n")
    string(APPEND rows "    &list_${name},\n")
  endforeach()
  list(LENGTH names count)
  if(count GREATER 0)
    set(table "${PROJECT_BINARY_DIR}/catalogue_table.cc")
    file(CONFIGURE OUTPUT "${table}" @ONLY CONTENT [[// Written by cmake/catalogue.cmake from the files of src/ops.
#include "ops/operator.h"

namespace burnish::ops {
@declarations@
constinit const OperatorList* const kOperatorLists[] = {
@rows@};
constinit const std::size_t kOperatorListCount = @count@;
}  // namespace burnish::ops
]])
    target_sources(${target} PRIVATE "${table}")
  endif()
endfunction()
