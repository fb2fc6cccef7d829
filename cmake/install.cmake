# What `cmake --install` leaves: the program, the library with its public headers and shipped files, the
# documentation, and the descriptions for find_package(trapeze) and pkg-config. The tree may be moved as a whole.
include(CMakePackageConfigHelpers)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/trapeze)
file(RELATIVE_PATH bin_to_lib ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
set_target_properties(trapeze-cli PROPERTIES INSTALL_RPATH "$ORIGIN/${bin_to_lib};$ORIGIN/${bin_to_lib}/trapeze")
set_target_properties(trapeze PROPERTIES INSTALL_RPATH "$ORIGIN/trapeze")

install(TARGETS trapeze-cli)
install(TARGETS trapeze EXPORT trapeze
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
if(MUJOCO_BUNDLED)
  install(PROGRAMS ${mujoco_file} DESTINATION ${CMAKE_INSTALL_LIBDIR}/trapeze)
endif()

# The documentation, in the folders of the source tree, so that its links and the headers' pointers (docs/models.md)
# hold, pictures and tables included, without the runs of the study; the tools that it names for models and policies;
# the examples.
install(FILES README.md CHANGELOG.md CONTRIBUTING.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN "*.md" PATTERN "*.png"
  PATTERN "*.csv" PATTERN "runs" EXCLUDE PATTERN "data" EXCLUDE PATTERN "checkpoints" EXCLUDE)
install(FILES policies/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR}/policies)
install(DIRECTORY policies/curves DESTINATION ${CMAKE_INSTALL_DOCDIR}/policies)
install(PROGRAMS tools/cleanrl_policy.py tools/policy_to_onnx.py tools/policy_to_sb3.py tools/read_model.py
  DESTINATION ${CMAKE_INSTALL_DOCDIR}/tools)
install(DIRECTORY tests/install/example DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY assets/examples DESTINATION ${CMAKE_INSTALL_DOCDIR}/assets)

# Public headers. They include only each other and the C library. The installed copies name each other in
# full, <trapeze/base/status.h>, so that no header of a user's own tree can stand in for one of them.
set(public_headers
  src/base/assert.h src/base/blas.h src/base/export.h src/base/interrupt.h src/base/memory.h src/base/parallel.h
  src/base/rng.h src/base/status.h src/base/versions.h
  envs/arguments.h envs/env.h envs/env_vec.h envs/hamiltonian/system.h envs/hamiltonian/trajectory.h
  policies/critic.h policies/policy.h
  models/ensemble.h models/model.h models/real.h
  src/data/check.h src/data/collect.h src/data/dataset.h src/data/guard.h src/data/writer.h
  src/train/checkpoint.h src/train/evaluation.h src/train/loss.h src/train/optimiser.h src/train/replay.h
  src/train/replay_dataset.h src/train/sac.h src/train/sac_trainer.h src/train/sequences.h
  src/train/spectral.h src/train/trainer.h src/train/training.h
  src/plan/mpc.h src/plan/planner.h src/plan/sim_model.h
  src/view/quality.h src/view/recorder.h src/view/stills.h src/view/window.h)
install(CODE "
  set(source_folder \"${PROJECT_SOURCE_DIR}\")
  set(build_folder \"${PROJECT_BINARY_DIR}\")
  set(include_folder \"${CMAKE_INSTALL_INCLUDEDIR}\")
  set(public_headers \"${public_headers}\")")
install(SCRIPT cmake/install_headers.cmake)

install(EXPORT trapeze NAMESPACE trapeze:: DESTINATION ${package_folder} FILE trapezeTargets.cmake)
configure_package_config_file(cmake/trapezeConfig.cmake.in trapezeConfig.cmake INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(trapezeConfigVersion.cmake COMPATIBILITY SameMinorVersion)
file(RELATIVE_PATH pc_to_prefix ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(cmake/trapeze.pc.in trapeze.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/trapezeConfig.cmake ${PROJECT_BINARY_DIR}/trapezeConfigVersion.cmake
  DESTINATION ${package_folder})
install(FILES ${PROJECT_BINARY_DIR}/trapeze.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
