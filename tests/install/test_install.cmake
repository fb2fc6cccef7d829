# Installs the build into a fresh prefix, moves that elsewhere, and from there: runs the program, and builds
# and runs a program outside of the tree, once with find_package and once with pkg-config.
#   cmake -DBUILD= -DWORK= -DCOMPILER= -DGENERATOR= -DSANITIZE= -P test_install.cmake

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}: ${status}\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

# expect(TEXT): what the command before printed holds TEXT.
function(expect text)
  string(FIND "${output}" "${text}" at)
  if(at EQUAL -1)
    message(FATAL_ERROR "expected \"${text}\" in:\n${output}")
  endif()
endfunction()

set(flags -O1)
if(SANITIZE)
  list(APPEND flags -fsanitize=${SANITIZE})
endif()
list(JOIN flags " " flags_line)

file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/first)
file(RENAME ${WORK}/first ${WORK}/prefix)

# The program, with its shipped files.
run(${WORK}/prefix/bin/trapeze envs)
expect(half_cheetah)
# under a name that the source tree does not have, which would do instead
set(policies ${WORK}/prefix/share/trapeze/policies)
file(COPY_FILE ${policies}/hopper-expert.safetensors ${policies}/installed-expert.safetensors)
run(${WORK}/prefix/bin/trapeze policy info installed-expert)

# The documentation, with what it names for users.
set(doc ${WORK}/prefix/share/doc/trapeze)
foreach(file LICENSE README.md docs/datasets.md docs/images/horizon.png tools/policy_to_onnx.py tools/read_model.py
    example/collect.c)
  if(NOT EXISTS ${doc}/${file})
    message(FATAL_ERROR "${file} is not installed below share/doc/trapeze")
  endif()
endforeach()

# What a page links to, [words](another/page.md#part), is there, in at most 4 MB without the runs of the study.
file(GLOB_RECURSE pages ${doc}/*.md)
set(n_links 0)
foreach(page ${pages})
  get_filename_component(folder ${page} DIRECTORY)
  file(READ ${page} text)
  string(REPLACE "](" "@link(" text "${text}")
  string(REGEX REPLACE "[][;]" "" text "${text}") # which lists of CMake take for their own
  string(REGEX MATCHALL "@link\\([^()]+\\)" links "${text}")
  foreach(link ${links})
    string(REGEX REPLACE "@link\\(([^#)]*).*" "\\1" link "${link}")
    if(NOT link MATCHES "^[a-z]+:")
      math(EXPR n_links "${n_links} + 1")
      if(NOT EXISTS ${folder}/${link})
        message(FATAL_ERROR "${page} links to ${link}, which is not installed")
      endif()
    endif()
  endforeach()
endforeach()
if(n_links LESS 100)
  message(FATAL_ERROR "${n_links} links in the installed pages, expected at least 100")
endif()
file(GLOB_RECURSE files ${doc}/*)
set(n_bytes 0)
foreach(file ${files})
  file(SIZE ${file} size)
  math(EXPR n_bytes "${n_bytes} + ${size}")
endforeach()
file(GLOB_RECURSE runs ${doc}/docs/paper/*.json)
if(runs OR n_bytes GREATER 4000000)
  message(FATAL_ERROR "${n_bytes} bytes of documentation, expected at most 4000000; runs of the study: ${runs}")
endif()

# Headers of a user's own that have the names of Trapeze's.
set(hostile ${WORK}/hostile)
foreach(header models/model.h base/status.h envs/env.h)
  file(WRITE ${hostile}/${header} "#error \"a header of the user's own stands in for one of Trapeze's\"\n")
endforeach()

# Each header stands alone, beside those, and needs no other folder of the prefix.
file(GLOB_RECURSE headers RELATIVE ${WORK}/prefix/include ${WORK}/prefix/include/trapeze/*.h)
list(TRANSFORM headers REPLACE "(.+)" "#include <\\1>\n" OUTPUT_VARIABLE includes)
foreach(include ${includes})
  file(WRITE ${WORK}/header.c "${include}")
  run(${COMPILER} -std=c17 -Wall -Wextra -Werror -fsyntax-only ${WORK}/header.c
    -I${hostile} -I${WORK}/prefix/include)
endforeach()

# and all of them in one file
list(JOIN includes "" every_include)
file(WRITE ${WORK}/headers.c "${every_include}")
run(${COMPILER} -std=c17 -Wall -Wextra -Werror -fsyntax-only ${WORK}/headers.c
  -I${hostile} -I${WORK}/prefix/include)

# What a header points to, another header or a page, is installed.
foreach(header ${headers})
  file(READ ${WORK}/prefix/include/${header} text)
  string(REGEX MATCHALL "(base|envs|models|policies|data|train|plan|view)/[a-z_0-9]+[.]h[^a-z0-9]" pointed_headers "${text}")
  list(TRANSFORM pointed_headers REPLACE "[.]h.$" ".h")
  string(REGEX MATCHALL "docs/[a-z_]+[.]md" pages "${text}")
  list(TRANSFORM pointed_headers PREPEND include/trapeze/)
  list(TRANSFORM pages PREPEND share/doc/trapeze/)
  foreach(file ${pointed_headers} ${pages})
    if(NOT EXISTS ${WORK}/prefix/${file})
      message(FATAL_ERROR "${header} names ${file}, which is not installed")
    endif()
  endforeach()
endforeach()

# find_package
set(source ${CMAKE_CURRENT_LIST_DIR}/example)
run(${CMAKE_COMMAND} -G ${GENERATOR} -S ${source} -B ${WORK}/example -DCMAKE_PREFIX_PATH=${WORK}/prefix
  -DCMAKE_C_COMPILER=${COMPILER} "-DCMAKE_C_FLAGS=${flags_line} -I${hostile}")
run(${CMAKE_COMMAND} --build ${WORK}/example)
run(${WORK}/example/example half_cheetah)
expect("half_cheetah: return of 20 steps")
run(${WORK}/example/plan hopper)
expect("hopper: return of 3 planned steps")
run(${WORK}/example/collect half_cheetah ${WORK}/swinging-v0)
expect("half_cheetah: 3 episodes, 150 steps")
run(${WORK}/prefix/bin/trapeze data validate ${WORK}/swinging-v0)
run(${WORK}/prefix/bin/trapeze data replay ${WORK}/swinging-v0)

# pkg-config
file(GLOB_RECURSE pc_file ${WORK}/prefix/lib*/trapeze.pc)
get_filename_component(pc_folder ${pc_file} DIRECTORY)
set(ENV{PKG_CONFIG_PATH} ${pc_folder})
run(pkg-config --cflags --libs trapeze)
separate_arguments(words UNIX_COMMAND "${output}")
run(${COMPILER} ${flags} -I${hostile} -o ${WORK}/with-pkg-config ${source}/main.c ${words} -lm -Wl,-rpath,${pc_folder}/..)
run(${WORK}/with-pkg-config hopper)
expect("hopper: return of 20 steps")
