/* Runs a fuzz target over files, without libFuzzer: seeds and inputs of past findings go through
 * the normal tests, with any compiler. Arguments are files, or folders of files. */
#include <dirent.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

static void run_file(const char *path) {
        FILE *stream = fopen(path, "rbe");
        struct stat st;
        if (!stream || fstat(fileno(stream), &st) != 0)
                err(1, "%s", path);

        size_t size = (size_t)st.st_size;
        uint8_t *data = malloc(size); /* exactly: a read beyond is to be seen */
        if (fread(data, 1, size, stream) != size)
                err(1, "%s", path);
        (void)fclose(stream);

        (void)fprintf(stderr, "%s\n", path); /* the last one printed is the one that failed */
        (void)LLVMFuzzerTestOneInput(data, size);
        free(data);
}

/* Returns how many there were. Hidden files are none of them. */
static unsigned run_folder(const char *folder) {
        struct dirent **entries;
        int n = scandir(folder, &entries, NULL, alphasort);
        if (n < 0)
                err(1, "%s", folder);
        unsigned files = 0;
        for (int i = 0; i < n; i++) {
                char path[4096];
                (void)snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
                if (entries[i]->d_name[0] != '.') {
                        run_file(path);
                        files++;
                }
                free(entries[i]);
        }
        free(entries);
        return files;
}

int main(int argc, char **argv) {
        unsigned files = 0;
        for (int i = 1; i < argc; i++) {
                struct stat st;
                if (stat(argv[i], &st) != 0)
                        err(1, "%s", argv[i]);
                if (S_ISDIR(st.st_mode)) {
                        files += run_folder(argv[i]);
                } else {
                        run_file(argv[i]);
                        files++;
                }
        }
        (void)printf("%u inputs\n", files);
        return files ? 0 : 1;
}
