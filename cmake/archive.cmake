# Rooms are folders of src/. One that does not exist yet is an empty room.
function(burnish_sources result)
  set(patterns)
  foreach(room ${ARGN})
    list(APPEND patterns "${PROJECT_SOURCE_DIR}/src/${room}/*.cc")
  endforeach()
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${patterns})
  set(${result} ${sources} PARENT_SCOPE)
endfunction()

# burnish_NAME, a static archive of some rooms, or their objects where each must be linked (the C functions).
function(burnish_archive name kind)
  burnish_sources(sources ${ARGN})
  add_library(burnish_${name} ${kind} ${sources} "${PROJECT_SOURCE_DIR}/cmake/empty.cc")
  target_link_libraries(burnish_${name} PUBLIC burnish_options)
  if(name STREQUAL "zoo")  # The zoo is written against the public headers alone.
    target_include_directories(burnish_zoo PUBLIC "${PROJECT_SOURCE_DIR}/include" "${PROJECT_SOURCE_DIR}")
  else()
    target_include_directories(burnish_${name} PUBLIC "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}/include")
    burnish_precompile(burnish_${name})
  endif()
endfunction()

# All of src shares one precompiled header, built with burnish_core, but for targets most of whose files read a larger one:
# it costs less than those headers in every file.
set(BURNISH_HEAVY_burnish_core "")
set(BURNISH_HEAVY_burnish_full <llvm/IR/IRBuilder.h>)
set(BURNISH_HEAVY_burnish <CLI/CLI.hpp> <nlohmann/json.hpp>)
function(burnish_precompile target)
  if(BURNISH_PCH AND DEFINED BURNISH_HEAVY_${target})
    target_precompile_headers(${target} PRIVATE
      "${PROJECT_SOURCE_DIR}/cmake/precompiled.h" ${BURNISH_HEAVY_${target}})
  elseif(BURNISH_PCH)
    target_precompile_headers(${target} REUSE_FROM burnish_core)
  endif()
endfunction()

# A shared library: some C functions, everything that they reach, and nothing but them exported.
function(burnish_shared name output)
  set(target burnish_shared_${name})
  set(script "${PROJECT_SOURCE_DIR}/cmake/exports.map")
  add_library(${target} SHARED "${PROJECT_SOURCE_DIR}/cmake/empty.cc")
  target_link_libraries(${target} PRIVATE burnish_options ${ARGN})
  target_link_options(${target} PRIVATE "-Wl,--version-script=${script}" -Wl,--exclude-libs,ALL)
  if(NOT BURNISH_SANITIZE)  # whose functions are in the program
    target_link_options(${target} PRIVATE -Wl,-z,defs)
  endif()
  set_target_properties(${target} PROPERTIES
    OUTPUT_NAME ${output} SOVERSION 0 LIBRARY_OUTPUT_DIRECTORY "${BURNISH_OUTPUT_DIRECTORY}" LINK_DEPENDS "${script}")
endfunction()

# The program: src/cli and every archive, in one static file but for the system's own libraries.
function(burnish_program)
  burnish_sources(sources cli)
  if(sources)
    add_executable(burnish ${sources})
    target_link_libraries(burnish PRIVATE burnish_everything)
    target_include_directories(burnish PRIVATE "${PROJECT_SOURCE_DIR}/src")
    target_compile_definitions(burnish PRIVATE BURNISH_VERSION="${PROJECT_VERSION}")
    # Libraries of users' operators (--operators) find the program's own table, whatever they were linked to.
    target_link_options(burnish PRIVATE -Wl,--export-dynamic-symbol=burnish_api)
    burnish_page(burnish "${PROJECT_SOURCE_DIR}/src/cli/report")
    burnish_precompile(burnish)
    set_target_properties(burnish PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${BURNISH_OUTPUT_DIRECTORY}")
  endif()
endfunction()
