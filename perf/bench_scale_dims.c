/* bench_scale_dims - what does a look-up cost in a dimension of 1,000 to 4,000,000 keys?
 *
 *     bench_scale_dims [keys at most, default 4096000]
 *
 * Bursts of 64 keys in random order, all of which are there. Beyond the caches a row is a wait for
 * memory; what does not grow is the work, that is the instructions.
 */
#include <unistd.h>

#include "perf/bench_scale.h"
#include "tests/support/dim_make.h"

#define BURST    64
#define N_BURSTS 1024

struct run {
	struct dim *d;
	int reader;
	unsigned n_bursts;
	char (*texts)[BURST][12];
	struct slice (*keys)[BURST];
	uint64_t hits;
};

static void look_up(void *arg)
{
	struct run *r = arg;
	const struct dim_row *rows[BURST];
	for (unsigned b = 0; b < r->n_bursts; b++) {
		dim_table_find(dim_enter(r->d, r->reader), r->keys[b], BURST, rows);
		for (unsigned i = 0; i < BURST; i++)
			r->hits += rows[i] != NULL && rows[i]->vals[0].len > 0;
		dim_leave(r->d, r->reader);
	}
}

static void make_keys(struct run *r, unsigned n_keys)
{
	uint32_t x = 1;
	for (unsigned b = 0; b < r->n_bursts; b++)
		for (unsigned i = 0; i < BURST; i++) {
			x = x * 1664525 + 1013904223;
			int len = snprintf(r->texts[b][i], sizeof(r->texts[b][i]), "%u",
					   (unsigned)((uint64_t)x * n_keys >> 32));
			r->keys[b][i] = slice_of(r->texts[b][i], (size_t)len);
		}
}

static void measure(struct run *r, const char *path, unsigned n_keys)
{
	struct dim_spec s = dim_make("file");
	struct err e = {0};
	FILE *f = fopen(path, "w");
	bench_must(f != NULL, path);
	fputs("k,name,n\n", f);
	for (unsigned i = 0; i < n_keys; i++)
		fprintf(f, "%u,name of %u,%u\n", i, i, i);
	fclose(f);
	s.keys_max = n_keys;
	s.bytes_max = 4ull << 30;
	dim_make_set(&s, "path", path);
	dim_make_set(&s, "separator", ",");
	bench_must(dim_create(&s, &r->d, &e) == 0, e.text);
	r->reader = dim_join(r->d);
	r->hits = 0;
	make_keys(r, n_keys);
	scale_measure(n_keys, r->n_bursts * BURST, look_up, r);
	bench_must(r->hits > 0 && r->hits % (r->n_bursts * BURST) == 0, "a key is not there");
	dim_destroy(r->d);
	dim_make_free(&s);
	unlink(path);
}

int main(int argc, char **argv)
{
	static const char path[] = "/tmp/sluice-bench-scale-dims.csv";
	bench_about(argc, argv, 1,
		    "bench_scale_dims [keys at most, 4096000] - ns a look-up in so many keys");
	unsigned max = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 4096000;
	struct run r = {.n_bursts = bench_counts() ? 16 : N_BURSTS};
	r.texts = calloc(r.n_bursts, sizeof(*r.texts));
	r.keys = calloc(r.n_bursts, sizeof(*r.keys));
	bench_must(r.texts && r.keys, "no memory");
	scale_head("keys");
	for (unsigned x = 1000; x <= max; x *= 4)
		measure(&r, path, x);
	free(r.texts);
	free(r.keys);
	return 0;
}
