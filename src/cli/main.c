// The program: a table of subcommands and nothing else.
#include "base/blas.h"

int main(int argc, char **argv) {
    (void)argc;
    tz_blas_mend(argv);
    return 0;
}
