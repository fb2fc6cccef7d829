# Runs at `cmake --install`: copies public_headers of source_folder to trapeze/<room>/ in include_folder, with
#   #include "base/status.h"   as   #include <trapeze/base/status.h>
cmake_path(ABSOLUTE_PATH include_folder BASE_DIRECTORY ${CMAKE_INSTALL_PREFIX})
foreach(header ${public_headers})
  string(REGEX REPLACE "^src/" "" name ${header})
  cmake_path(GET name PARENT_PATH room)
  file(READ ${source_folder}/${header} text)
  string(REGEX REPLACE "#include \"([^\"]+)\"" "#include <trapeze/\\1>" text "${text}")
  file(WRITE ${build_folder}/include/trapeze/${name} "${text}")
  file(INSTALL ${build_folder}/include/trapeze/${name} DESTINATION ${include_folder}/trapeze/${room})
endforeach()
# whoever installs as root leaves nothing of root's in the build folder
file(REMOVE_RECURSE ${build_folder}/include/trapeze)
