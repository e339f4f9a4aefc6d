# The page of `bench --html` as two C++ strings, before and after its data: FOLDER/page.html with style and scripts set in.
function(burnish_page target folder)
  set(page "${folder}/page.html")
  set(style "${folder}/style.css")
  file(GLOB scripts CONFIGURE_DEPENDS "${folder}/*.js")
  list(SORT scripts)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${page}" "${style}" ${scripts})
  set(code "")
  foreach(script ${scripts})
    file(READ "${script}" text)
    string(APPEND code "${text}")
  endforeach()
  file(READ "${style}" look)
  file(READ "${page}" whole)
  string(REPLACE "/* STYLE */" "${look}" whole "${whole}")
  string(REPLACE "/* SCRIPTS */" "${code}" whole "${whole}")
  string(FIND "${whole}" "/* DATA */" place)
  if(place LESS 0)
    message(FATAL_ERROR "${page} has no place for its data")
  endif()
  string(SUBSTRING "${whole}" 0 ${place} before)
  math(EXPR place "${place} + 10")
  string(SUBSTRING "${whole}" ${place} -1 after)
  set(source "${PROJECT_BINARY_DIR}/page_text.cc")
  file(CONFIGURE OUTPUT "${source}" @ONLY CONTENT [[// Written by cmake/page.cmake from the files of src/cli/report.
#include "cli/report/page.h"

namespace burnish::cli {
const char kPageBefore[] = R"burnish_page(@before@)burnish_page";
const char kPageAfter[] = R"burnish_page(@after@)burnish_page";
}  // namespace burnish::cli
]])
  target_sources(${target} PRIVATE "${source}")
endfunction()
