# Language, warnings, visibility, linker and compiler cache: the same for every target and preset.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS ON)
set(CMAKE_C_STANDARD 11)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_COMPILE_OPTIONS_PIE -fPIC)  # programs too, so that they can share precompiled headers with the libraries
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)

add_library(burnish_options INTERFACE)
target_compile_options(burnish_options INTERFACE
  -Wall -Wextra -Werror -ffunction-sections -fdata-sections
  -ffp-contract=off)  # references must give the same bits on every processor
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # False alarms of g++ 12 at -O2 inside the standard library (std::string, std::vector, std::optional, std::expected).
  target_compile_options(burnish_options INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict -Wno-maybe-uninitialized -Wno-stringop-overflow -Wno-array-bounds>)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # With the library of g++ 12: std::stable_sort calls a function that the library itself calls deprecated, and a constexpr
  # ~unique_ptr makes clang look into types that LLVM's headers only declare.
  target_compile_options(burnish_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-deprecated-declarations>)
  target_compile_definitions(burnish_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:_GLIBCXX23_CONSTEXPR=>)
endif()
if(BURNISH_SANITIZE)
  target_compile_options(burnish_options INTERFACE
    -fsanitize=${BURNISH_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(burnish_options INTERFACE -fsanitize=${BURNISH_SANITIZE})
  # Code that is made at run time has no type in front of it that clang could compare.
  target_compile_options(burnish_options INTERFACE $<$<COMPILE_LANG_AND_ID:CXX,Clang>:-fno-sanitize=function>)
endif()
target_link_options(burnish_options INTERFACE -Wl,--gc-sections -Wl,--as-needed)

# lld links the compiler with its static LLVM several times faster than ld.
find_program(BURNISH_LLD NAMES ld.lld-19 ld.lld)
if(BURNISH_LLD)
  set(lld_folder "${PROJECT_BINARY_DIR}/lld")
  file(MAKE_DIRECTORY "${lld_folder}")
  file(CREATE_LINK "${BURNISH_LLD}" "${lld_folder}/ld.lld" SYMBOLIC)
  target_link_options(burnish_options INTERFACE "-B${lld_folder}" -fuse-ld=lld)
endif()

# The compiler's own lists of what a file reads are the key: nothing is preprocessed twice.
find_program(BURNISH_CCACHE ccache)
if(BURNISH_CCACHE)
  foreach(language C CXX)
    set(CMAKE_${language}_COMPILER_LAUNCHER env CCACHE_DEPEND=1 CCACHE_SLOPPINESS=pch_defines,time_macros "${BURNISH_CCACHE}")
  endforeach()
endif()
