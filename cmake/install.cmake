# What `cmake --install` leaves: the program, the library with its public headers and shipped files, and
# the descriptions for find_package(trapeze) and pkg-config. The tree may be moved as a whole.
include(CMakePackageConfigHelpers)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/trapeze)
file(RELATIVE_PATH bin_to_lib ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
set_target_properties(trapeze-cli PROPERTIES INSTALL_RPATH "$ORIGIN/${bin_to_lib}")
set_target_properties(trapeze PROPERTIES INSTALL_RPATH "$ORIGIN/trapeze")

install(TARGETS trapeze-cli)
install(TARGETS trapeze EXPORT trapeze
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} ${CMAKE_INSTALL_INCLUDEDIR}/trapeze)
if(MUJOCO_BUNDLED)
  install(PROGRAMS ${mujoco_file} DESTINATION ${CMAKE_INSTALL_LIBDIR}/trapeze)
endif()

foreach(room base data train plan)
  install(DIRECTORY src/${room} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/trapeze FILES_MATCHING PATTERN "*.h")
endforeach()
foreach(room envs policies models)
  install(DIRECTORY ${room} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/trapeze FILES_MATCHING PATTERN "*.h")
endforeach()

install(EXPORT trapeze NAMESPACE trapeze:: DESTINATION ${package_folder} FILE trapezeTargets.cmake)
configure_package_config_file(cmake/trapezeConfig.cmake.in trapezeConfig.cmake INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(trapezeConfigVersion.cmake COMPATIBILITY SameMinorVersion)
configure_file(cmake/trapeze.pc.in trapeze.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/trapezeConfig.cmake ${PROJECT_BINARY_DIR}/trapezeConfigVersion.cmake
  DESTINATION ${package_folder})
install(FILES ${PROJECT_BINARY_DIR}/trapeze.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
