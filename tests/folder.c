#include "folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char test_folder[32];

int make_folder(void **state) {
    (void)state;
    strcpy(test_folder, "/tmp/trapeze-test-XXXXXX");
    return mkdtemp(test_folder) == NULL;
}

int remove_folder(void **state) {
    (void)state;
    char command[2 * sizeof test_folder + 32];
    snprintf(command, sizeof command, "chmod -R u+w %s; rm -rf %s", test_folder, test_folder);
    return system(command);
}

int enter_folder(void **state) {
    return make_folder(state) != 0 || chdir(test_folder) != 0;
}

int leave_folder(void **state) {
    return chdir("/") != 0 || remove_folder(state) != 0;
}
