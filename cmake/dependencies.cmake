# Finds everything that the project links, as one target `trapeze_dependencies`. Looks for all of it
# before it complains, so that one sentence names every missing package.

set(missing "")
# tz_need(found package): notes a Debian package whose content was not found.
macro(tz_need found package)
  if(NOT ${found})
    list(APPEND missing ${package})
  endif()
endmacro()

# tz_need_module(package module...): the first pkg-config module that exists, linked.
add_library(trapeze_dependencies INTERFACE)
macro(tz_need_module package module)
  if(PkgConfig_FOUND)
    pkg_search_module(${module} QUIET IMPORTED_TARGET GLOBAL ${module} ${ARGN})
  endif()
  tz_need(${module}_FOUND ${package})
  if(${module}_FOUND)
    target_link_libraries(trapeze_dependencies INTERFACE PkgConfig::${module})
  endif()
endmacro()

find_package(PkgConfig QUIET)
tz_need(PkgConfig_FOUND pkg-config)
tz_need_module(libopenblas-dev openblas)
tz_need_module(libhdf5-dev hdf5-serial hdf5) # the serial build also where MPI's stands beside it
tz_need_module(libjson-c-dev json-c)
tz_need_module(libglfw3-dev glfw3)
tz_need_module(libegl-dev egl)
tz_need_module(libgl-dev gl)
tz_need_module(libpng-dev libpng)
tz_need_module(libmd-dev libmd)
tz_need_module(zlib1g-dev zlib)

find_path(RANDOM123_INCLUDE Random123/philox.h)
tz_need(RANDOM123_INCLUDE librandom123-dev)

if(TRAPEZE_TESTS AND PkgConfig_FOUND)
  pkg_check_modules(cmocka QUIET IMPORTED_TARGET GLOBAL cmocka)
  tz_need(cmocka_FOUND libcmocka-dev)
endif()

include(cmake/mujoco.cmake)
tz_need(MUJOCO_LIBRARY libmujoco-dev)

if(missing)
  list(JOIN missing " " missing)
  message(FATAL_ERROR "Trapeze needs packages that are not installed; get them with\n  apt-get install ${missing}")
endif()

find_package(Threads REQUIRED)
target_include_directories(trapeze_dependencies SYSTEM INTERFACE ${RANDOM123_INCLUDE})
target_link_libraries(trapeze_dependencies INTERFACE mujoco::mujoco Threads::Threads ${CMAKE_DL_LIBS} m)

# SUNDIALS integrates the physical systems; Debian's package brings half a gigabyte of others with it, and who
# only has robots does without.
set(TRAPEZE_HAS_SUNDIALS OFF)
if(TRAPEZE_SUNDIALS)
  find_path(SUNDIALS_INCLUDE arkode/arkode_arkstep.h)
  find_library(SUNDIALS_ARKODE sundials_arkode)
  find_library(SUNDIALS_NVECSERIAL sundials_nvecserial)
  if(SUNDIALS_INCLUDE AND SUNDIALS_ARKODE AND SUNDIALS_NVECSERIAL)
    set(TRAPEZE_HAS_SUNDIALS ON)
    target_include_directories(trapeze_dependencies SYSTEM INTERFACE ${SUNDIALS_INCLUDE})
    target_link_libraries(trapeze_dependencies INTERFACE ${SUNDIALS_ARKODE} ${SUNDIALS_NVECSERIAL})
    target_compile_definitions(trapeze_dependencies INTERFACE TZ_HAVE_SUNDIALS)
  else()
    message(STATUS "SUNDIALS is not installed (apt-get install libsundials-dev): no physical systems")
  endif()
endif()

# LIBXSMM makes kernels for small products at run time; without it OpenBLAS serves all of them.
if(TRAPEZE_LIBXSMM)
  find_path(LIBXSMM_INCLUDE libxsmm.h PATH_SUFFIXES libxsmm)
  find_library(LIBXSMM_LIBRARY xsmm)
  if(LIBXSMM_INCLUDE AND LIBXSMM_LIBRARY)
    target_compile_definitions(trapeze_dependencies INTERFACE TZ_HAVE_LIBXSMM)
    target_include_directories(trapeze_dependencies SYSTEM INTERFACE ${LIBXSMM_INCLUDE})
    target_link_libraries(trapeze_dependencies INTERFACE ${LIBXSMM_LIBRARY})
  else()
    message(STATUS "LIBXSMM is not installed (apt-get install libxsmm-dev): OpenBLAS serves every product")
  endif()
endif()
