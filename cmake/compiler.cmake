# Flags of every target of the project.

add_compile_definitions(_GNU_SOURCE)
if(NOT TRAPEZE_AVX512)
  add_compile_definitions(TZ_NO_AVX512)
endif()

# Results must not depend on which products the compiler fuses.
add_compile_options(-ffp-contract=off)

add_compile_options(-Wall -Wextra -Wpedantic -Wvla -Wmissing-prototypes -Wstrict-prototypes -Wshadow -Werror=switch)
if(TRAPEZE_WERROR)
  add_compile_options(-Werror)
endif()

if(TRAPEZE_SANITIZE)
  add_compile_options(-fsanitize=${TRAPEZE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${TRAPEZE_SANITIZE})
endif()
