# Finds MuJoCo: a folder with include/ and lib/.
find_path(MUJOCO_INCLUDE mujoco/mujoco.h HINTS ${TRAPEZE_MUJOCO}/include REQUIRED)
find_library(MUJOCO_LIBRARY mujoco HINTS ${TRAPEZE_MUJOCO}/lib REQUIRED)
add_library(mujoco::mujoco UNKNOWN IMPORTED)
set_target_properties(mujoco::mujoco PROPERTIES IMPORTED_LOCATION ${MUJOCO_LIBRARY}
  INTERFACE_INCLUDE_DIRECTORIES ${MUJOCO_INCLUDE})
