/* Large memory takes what was asked for, huge pages or not. */
#include "lib/check.h"

#include <stdio.h>
#include <unistd.h>

#include "base/memory.h"

#define PIECES 64u

static size_t resident_bytes(void) {
        unsigned long long size, resident;
        FILE *file = fopen("/proc/self/statm", "re");
        assert_non_null(file);
        assert_int_equal(fscanf(file, "%llu %llu", &size, &resident), 2);
        (void)fclose(file);
        return resident * (size_t)sysconf(_SC_PAGESIZE);
}

/* Many small pieces, and some that end a little behind a huge page. */
static void test_no_more_than_asked_for(void **state) {
        (void)state;
        static const size_t sizes[] = {100000, 600001, (2u << 20) + 1};
        unsigned char *pieces[PIECES];
        size_t before = resident_bytes(), asked = 0;
        for (unsigned i = 0; i < PIECES; i++) {
                size_t bytes = sizes[i % 3];
                pieces[i] = memory_map(bytes);
                assert_non_null(pieces[i]);
                assert_int_equal(pieces[i][0] | pieces[i][bytes - 1], 0);
                pieces[i][0] = pieces[i][bytes - 1] = 1;
                asked += bytes;
        }
        assert_in_range(resident_bytes(), 0, before + asked + (4u << 20));
        for (unsigned i = 0; i < PIECES; i++)
                memory_unmap(pieces[i], sizes[i % 3]);
        assert_in_range(resident_bytes(), 0, before + (4u << 20));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_no_more_than_asked_for),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
