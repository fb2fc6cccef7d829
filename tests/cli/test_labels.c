// Names of models in tables: short, no two alike.
#include "cli/labels.h"

#include "base/export.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { N_MAX = 4 };

static void tells_models_apart(void **state) {
    (void)state;
    static const struct {
        const char *paths[N_MAX], *labels[N_MAX];
    } cases[] = {
        {{"runs/node-so/model.safetensors", "models/cheetah.safetensors", "model.safetensors"},
         {"node-so", "cheetah", "model"}},
        {{"en/ensemble.json", "fc/ensemble.json", "runs/so/model.safetensors"},
         {"en/ensemble", "fc/ensemble", "so"}},
        {{"r/round-1/model/model.safetensors", "r/round-2/model/model.safetensors"},
         {"round-1/model", "round-2/model"}},
        {{"x/1/so/model.safetensors", "x/2/so/model.safetensors", "x/2/on/model.safetensors"},
         {"1/so", "2/so", "on"}},
        {{"so/model.safetensors", "a/so/model.safetensors"}, {"so", "a/so"}},
        {{"/so.safetensors", "/a/so.safetensors"}, {"/so", "a/so"}},
        {{"so/model.safetensors", "so/model.safetensors", "so.safetensors"},
         {"so", "so (2)", "so (3)"}},
        {{"a.b/so", "c//so"}, {"a.b/so", "c//so"}},
    };
    for (size_t c = 0; c < TZ_COUNTOF(cases); c++) {
        char label[N_MAX][TZ_LABEL_SIZE];
        int n = 0;
        while (n < N_MAX && cases[c].paths[n] != NULL) {
            n++;
        }
        tz_label_models(label, cases[c].paths, n);
        for (int i = 0; i < n; i++) {
            assert_string_equal(label[i], cases[c].labels[i]);
        }
    }
}

// A name longer than a label is cut, and two that are then alike are numbered.
static void long_names_stay_apart(void **state) {
    (void)state;
    char a[200], b[200], label[2][TZ_LABEL_SIZE];
    memset(a, 'n', sizeof a);
    strcpy(a + 150, ".safetensors");
    strcpy(b, a);
    b[0] = 'm';
    tz_label_models(label, (const char *[]){a, b}, 2);
    assert_true(strncmp(label[0], label[1], strlen(label[0])) == 0);
    assert_string_equal(label[1] + strlen(label[0]), " (2)");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_models_apart),
        cmocka_unit_test(long_names_stay_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
