// A temporary folder for the tests of a program: fixtures of a group or of a test.
#ifndef TRAPEZE_TESTS_FOLDER_H
#define TRAPEZE_TESTS_FOLDER_H

extern char test_folder[32]; // its path

// Makes a fresh one; removes it and what is in it.
int make_folder(void **state);
int remove_folder(void **state);
// The same, with it as the current folder.
int enter_folder(void **state);
int leave_folder(void **state);

#endif
