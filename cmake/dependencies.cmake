# Everything from outside is linked statically, so that the libraries stand alone. Headers come in as system headers.
find_package(Threads REQUIRED)

# Debian has fmt only as a shared library; its one source file is a header away.
find_path(BURNISH_FMT_INCLUDE fmt/format-inl.h REQUIRED)
add_library(burnish_fmt STATIC "${PROJECT_SOURCE_DIR}/cmake/fmt.cc")
target_include_directories(burnish_fmt SYSTEM PUBLIC "${BURNISH_FMT_INCLUDE}")
target_compile_options(burnish_fmt PRIVATE -ffunction-sections -fdata-sections)

function(burnish_static name header library)
  find_path(BURNISH_${name}_INCLUDE ${header} REQUIRED)
  find_library(BURNISH_${name}_LIBRARY ${library} REQUIRED)
  add_library(burnish_${name} INTERFACE)
  target_include_directories(burnish_${name} SYSTEM INTERFACE "${BURNISH_${name}_INCLUDE}")
  target_link_libraries(burnish_${name} INTERFACE "${BURNISH_${name}_LIBRARY}")
endfunction()
burnish_static(xxhash xxhash.h libxxhash.a)
burnish_static(sodium sodium.h libsodium.a)

# llvm-config rather than LLVMConfig.cmake: that one insists on development packages that we never link.
if(BURNISH_LLVM)
  burnish_static(zlib zlib.h libz.a)
  burnish_static(zstd zstd.h libzstd.a)
  find_program(BURNISH_LLVM_CONFIG NAMES llvm-config-19 llvm-config REQUIRED)
  set(components core analysis passes target targetparser transformutils ipo scalaropts instcombine vectorize
      codegen mc mcparser object support asmparser irreader bitwriter x86)
  execute_process(COMMAND "${BURNISH_LLVM_CONFIG}" --version OUTPUT_VARIABLE llvm_version
                  OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  if(NOT llvm_version MATCHES "^19\\.")
    message(FATAL_ERROR "Burnish needs LLVM 19; ${BURNISH_LLVM_CONFIG} is ${llvm_version}")
  endif()
  execute_process(COMMAND "${BURNISH_LLVM_CONFIG}" --includedir OUTPUT_VARIABLE llvm_include
                  OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND "${BURNISH_LLVM_CONFIG}" --link-static --libfiles ${components} OUTPUT_VARIABLE llvm_libraries
                  OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  separate_arguments(llvm_libraries)
  add_library(burnish_llvm INTERFACE)
  target_include_directories(burnish_llvm SYSTEM INTERFACE "${llvm_include}")
  target_link_libraries(burnish_llvm INTERFACE ${llvm_libraries} burnish_zlib burnish_zstd Threads::Threads ${CMAKE_DL_LIBS})
  message(STATUS "LLVM ${llvm_version}")
endif()
