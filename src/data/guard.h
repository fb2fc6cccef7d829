// HDF5 1.10 does not survive every damaged file: some end in a crash, an endless loop or a request
// for absurd memory. A program that calls tz_guard_main first thing in its main lets HDF5 see files
// only in a child process, which is this program again: what it reads comes back, and its death is
// a sentence.
//
//     int main(int argc, char **argv) {
//         int status;
//         if (tz_guard_main(argc, argv, &status)) {
//             return status;
//         }
//         ...
//
// A program that does not call it, or whose files' size is limited (RLIMIT_FSIZE), reads with HDF5
// in its own process. With the child, reading and the file's digest take place side by side; what
// is read is handed over without a copy here.
//
// The child is a fresh program (posix_spawn), not a fork: a fork of a process with threads, which
// OpenBLAS starts when it is loaded, could meet locks that nobody will open.
#ifndef TRAPEZE_DATA_GUARD_H
#define TRAPEZE_DATA_GUARD_H

#include "base/export.h"

#include <stdbool.h>

// Returns true in such a child, with the exit status that main must return; else readers are
// guarded from now on.
TZ_API bool tz_guard_main(int argc, char **argv, int *status);

#endif
