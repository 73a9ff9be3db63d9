/* corpus_main.c - runs a fuzz target over the files of its corpus, once each, without libFuzzer.
 *
 * In:     directories and files as arguments; directories are walked.
 * Out:    a line with the number of inputs; exit 1 when a directory has none.
 * Owns:   -
 * Runs:   main.
 * Limits: 64 MiB a file.
 */
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>

#include "tests/fuzz/fuzz.h"

static unsigned n_inputs;

static int run_file(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	if (kind != FTW_F)
		return 0;
	FILE *f = fopen(path, "rb");
	if (!f) {
		perror(path);
		return 1;
	}
	/* Exactly as long as the input, so that ASan sees the first byte read beyond it. */
	size_t len = (size_t)st->st_size;
	uint8_t *p = malloc(len ? len : 1);
	if (!p || fread(p, 1, len, f) != len) {
		perror(path);
		return 1;
	}
	fclose(f);
	LLVMFuzzerTestOneInput(p, len);
	free(p);
	n_inputs++;
	return 0;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		unsigned before = n_inputs;
		if (nftw(argv[i], run_file, 16, FTW_PHYS) != 0)
			return 1;
		if (n_inputs == before) {
			fprintf(stderr, "%s: no inputs\n", argv[i]);
			return 1;
		}
	}
	printf("%u inputs\n", n_inputs);
	return 0;
}
