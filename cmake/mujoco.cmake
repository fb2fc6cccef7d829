# Finds MuJoCo as the target mujoco::mujoco, from the place that TRAPEZE_MUJOCO names:
#   wheel     the library inside the Python wheel `mujoco-core`, version and hash pinned in mujoco-wheel.txt
#   system    the distribution's package (libmujoco-dev)
#   /a/folder a folder with include/mujoco/mujoco.h and lib/libmujoco.so
# Empty means wheel where a package index can be reached, else system; the build folder then keeps its choice.
# Leaves MUJOCO_LIBRARY empty when the system has none. Sets MUJOCO_BUNDLED when an install must carry the library.

set(wheel_list "${CMAKE_CURRENT_LIST_DIR}/mujoco-wheel.txt")
file(STRINGS "${wheel_list}" wheel_version REGEX "^mujoco-core==")
string(REGEX REPLACE "^mujoco-core==([0-9.]+).*" "\\1" wheel_version "${wheel_version}")
set(wheel_folder "${TRAPEZE_CACHE}/mujoco-${wheel_version}")

# Unpacks the wheel's library and headers into wheel_folder; on failure `problem` says why. The folder
# appears by a rename, complete or not at all, and configurations that run at once take turns.
function(tz_fetch_mujoco_wheel problem)
  set(${problem} "" PARENT_SCOPE)
  file(MAKE_DIRECTORY "${TRAPEZE_CACHE}")
  file(LOCK "${TRAPEZE_CACHE}/lock" GUARD FUNCTION TIMEOUT 600)
  if(EXISTS "${wheel_folder}")
    return()
  endif()
  find_program(TRAPEZE_PYTHON python3)
  if(NOT TRAPEZE_PYTHON)
    set(${problem} "python3 is not installed" PARENT_SCOPE)
    return()
  endif()
  message(STATUS "Fetching MuJoCo ${wheel_version}")
  set(scratch "${TRAPEZE_CACHE}/mujoco-scratch")
  file(REMOVE_RECURSE "${scratch}")
  execute_process(
    COMMAND "${TRAPEZE_PYTHON}" -m pip download --quiet --disable-pip-version-check --retries 1 --timeout 20
      --no-deps --only-binary=:all: --python-version 3.11 --require-hashes -r "${wheel_list}" --dest "${scratch}"
    RESULT_VARIABLE status OUTPUT_QUIET ERROR_VARIABLE complaint)
  file(GLOB wheel "${scratch}/*.whl")
  if(NOT status EQUAL 0 OR NOT wheel)
    string(REGEX MATCH "ERROR: [^\n]*" complaint "${complaint}\nERROR: pip is not installed")
    string(REPLACE "ERROR: " "" complaint "${complaint}")
    if(complaint MATCHES "from versions: none")
      set(complaint "no package index can be reached, or it has no wheel for this processor")
    endif()
    set(${problem} "${complaint}" PARENT_SCOPE)
    return()
  endif()
  file(ARCHIVE_EXTRACT INPUT "${wheel}" DESTINATION "${scratch}"
    PATTERNS "mujoco/libmujoco.so*" "mujoco/include/*" "*/licenses/LICENSE")
  file(GLOB licence "${scratch}/*/licenses/LICENSE")
  file(GLOB library "${scratch}/mujoco/libmujoco.so.*")
  file(MAKE_DIRECTORY "${scratch}/done/lib")
  file(RENAME "${scratch}/mujoco/include" "${scratch}/done/include")
  file(COPY ${library} DESTINATION "${scratch}/done/lib")
  file(COPY ${licence} DESTINATION "${scratch}/done")
  get_filename_component(library "${library}" NAME)
  file(CREATE_LINK "${library}" "${scratch}/done/lib/libmujoco.so" SYMBOLIC)
  file(RENAME "${scratch}/done" "${wheel_folder}")
  file(REMOVE_RECURSE "${scratch}")
endfunction()

if(NOT TRAPEZE_MUJOCO OR TRAPEZE_MUJOCO STREQUAL "wheel")
  tz_fetch_mujoco_wheel(problem)
  if(problem AND TRAPEZE_MUJOCO)
    message(FATAL_ERROR "MuJoCo ${wheel_version} could not be fetched (${problem}); "
      "use -DTRAPEZE_MUJOCO=system with Debian's libmujoco-dev, or name a folder")
  elseif(problem)
    message(STATUS "MuJoCo ${wheel_version} could not be fetched (${problem}): taking the system's")
    set(TRAPEZE_MUJOCO system CACHE STRING "" FORCE)
  else()
    set(TRAPEZE_MUJOCO wheel CACHE STRING "" FORCE)
  endif()
endif()

# A build folder that changes its mind must not keep what it found before.
unset(MUJOCO_INCLUDE CACHE)
unset(MUJOCO_LIBRARY CACHE)
set(MUJOCO_BUNDLED ON)
if(TRAPEZE_MUJOCO STREQUAL "system")
  set(MUJOCO_BUNDLED OFF)
  find_path(MUJOCO_INCLUDE mujoco/mujoco.h)
  find_library(MUJOCO_LIBRARY mujoco)
else()
  set(mujoco_folder "${TRAPEZE_MUJOCO}")
  if(TRAPEZE_MUJOCO STREQUAL "wheel")
    set(mujoco_folder "${wheel_folder}")
  endif()
  find_path(MUJOCO_INCLUDE mujoco/mujoco.h PATHS "${mujoco_folder}/include" NO_DEFAULT_PATH)
  find_library(MUJOCO_LIBRARY mujoco PATHS "${mujoco_folder}/lib" NO_DEFAULT_PATH)
  if(NOT MUJOCO_INCLUDE OR NOT MUJOCO_LIBRARY)
    message(FATAL_ERROR "TRAPEZE_MUJOCO: ${mujoco_folder} does not hold include/mujoco/mujoco.h and lib/libmujoco.so; "
      "expected wheel, system, or a folder with both")
  endif()
endif()

if(MUJOCO_INCLUDE AND MUJOCO_LIBRARY)
  file(REAL_PATH "${MUJOCO_LIBRARY}" mujoco_file)
  get_filename_component(mujoco_name "${mujoco_file}" NAME)
  message(STATUS "MuJoCo: ${mujoco_name} (${TRAPEZE_MUJOCO})")
  add_library(mujoco::mujoco SHARED IMPORTED)
  set_target_properties(mujoco::mujoco PROPERTIES IMPORTED_LOCATION "${mujoco_file}"
    INTERFACE_INCLUDE_DIRECTORIES "${MUJOCO_INCLUDE}")
else()
  set(MUJOCO_LIBRARY "")
endif()
