/*
 * replay.c — feeds a fuzz target the files of its committed corpus, without a fuzzer.
 *
 * The corpus of build/…/tests/fuzz/NAME_fuzz is tests/fuzz/corpus/NAME, or the files and folders
 * given as arguments. Ends with a summary in cmocka's form, which tests/run adds up. A target that
 * crashes takes the program down; the last line then names the input.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int replay_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        return -1;
    }
    printf("input %s\n", path);
    (void)fflush(stdout);
    size_t n = 0, cap = 1 << 16;
    uint8_t *data = malloc(cap);
    while (data && (n += fread(data + n, 1, cap - n, f)) == cap)
        data = realloc(data, cap *= 2);
    (void)fclose(f);
    if (!data)
        return -1;
    /* An exact-size copy lets AddressSanitizer see a read past the end. */
    uint8_t *exact = malloc(n ? n : 1);
    if (exact) {
        memcpy(exact, data, n);
        (void)LLVMFuzzerTestOneInput(exact, n);
    }
    free(exact);
    free(data);
    return 1;
}

/* Number of inputs, or -1 when one could not be read. */
static int replay(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        perror(path);
        return -1;
    }
    if (!S_ISDIR(st.st_mode))
        return replay_file(path);
    DIR *dir = opendir(path);
    if (!dir)
        return -1;
    int total = 0;
    for (const struct dirent *e; total >= 0 && (e = readdir(dir));) {
        if (e->d_name[0] == '.')
            continue;
        char sub[4096];
        (void)snprintf(sub, sizeof sub, "%s/%s", path, e->d_name);
        int n = replay(sub);
        total = n < 0 ? -1 : total + n;
    }
    (void)closedir(dir);
    return total;
}

int main(int argc, char **argv)
{
    char corpus[512];
    const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
    (void)snprintf(corpus, sizeof corpus, "tests/fuzz/corpus/%.*s", (int)strcspn(name, "_"), name);
    char *fallback[] = {corpus};
    char **paths = argc > 1 ? argv + 1 : fallback;
    int total = 0;
    for (int i = 0; i < (argc > 1 ? argc - 1 : 1); i++) {
        int n = replay(paths[i]);
        if (n < 0)
            return 1;
        total += n;
    }
    printf("[  PASSED  ] %d test(s).\n", total);
    return 0;
}
