# `cmake --install`: the program, both libraries, the headers, and what find_package(Burnish) and pkg-config read.
include(CMakePackageConfigHelpers)

foreach(name runtime full)
  set(target burnish_shared_${name})
  if(TARGET ${target})
    target_include_directories(${target} INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    install(TARGETS ${target} EXPORT BurnishTargets)
  endif()
endforeach()
set_target_properties(burnish_shared_runtime PROPERTIES EXPORT_NAME runtime)
if(TARGET burnish_shared_full)
  set_target_properties(burnish_shared_full PROPERTIES EXPORT_NAME burnish)
endif()
if(TARGET burnish)
  install(TARGETS burnish)
endif()
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" "${PROJECT_SOURCE_DIR}/NOTICE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/burnish" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")

set(package_folder "${CMAKE_INSTALL_LIBDIR}/cmake/Burnish")
install(EXPORT BurnishTargets NAMESPACE Burnish:: DESTINATION "${package_folder}")
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/BurnishConfig.cmake.in" "${PROJECT_BINARY_DIR}/BurnishConfig.cmake"
                              INSTALL_DESTINATION "${package_folder}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/BurnishConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/BurnishConfig.cmake" "${PROJECT_BINARY_DIR}/BurnishConfigVersion.cmake" DESTINATION "${package_folder}")

string(REGEX REPLACE "[^/]+" ".." up "${CMAKE_INSTALL_LIBDIR}")  # from there back to the prefix
foreach(library burnish burnish-runtime)
  configure_file("${PROJECT_SOURCE_DIR}/cmake/burnish.pc.in" "${PROJECT_BINARY_DIR}/${library}.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/${library}.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
endforeach()
