/* bench_dim.c - how fast is a dimension of a million keys loaded, how large is it, what is a
 * lookup?
 *
 * In:     KEYS (1,000,000), and the URL of a Redis that has big:0 .. big:KEYS-1 (hashes of name and
 *         n), or nothing: then a CSV of such rows, 100 bytes each, is made.
 * Out:    seconds of the load, resident memory of the process before and behind it and after a
 *         sweep in place; ns a lookup in bursts of 64, all hits in random order, median of 9
 *         rounds; of a Redis the same by asking it, 256 commands at a time.
 * Owns:   its file.
 * Runs:   main.
 * Limits: -
 */
#include <unistd.h>

#include "dataplane/dim/redis_conn.h"
#include "perf/bench.h"
#include "tests/support/dim_make.h"

#define BURST    64
#define N_BURSTS 20000
#define N_ROUNDS 9
#define DEPTH    256 /* commands that wait for their answers */
#define N_ASKED  (DEPTH * 200)

static double resident_mib(void)
{
	unsigned long pages = 0, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	bench_must(f && fscanf(f, "%lu %lu", &pages, &resident) == 2, "/proc/self/statm");
	fclose(f);
	return (double)resident * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

static void make_file(const char *path, unsigned n)
{
	FILE *f = fopen(path, "w");
	bench_must(f != NULL, path);
	fputs("k,name,n\n", f);
	for (unsigned i = 0; i < n; i++)
		fprintf(f, "%u,%088u,%u\n", i, i, i);
	fclose(f);
}

static char texts[BURST][16];
static struct slice keys[BURST];

struct burst {
	struct dim *d;
	int reader;
	uint64_t hits;
};

static void look_up_burst(void *arg)
{
	struct burst *b = arg;
	const struct dim_row *rows[BURST];
	dim_table_find(dim_enter(b->d, b->reader), keys, BURST, rows);
	for (unsigned i = 0; i < BURST; i++)
		b->hits += rows[i] != NULL && rows[i]->vals[0].len > 0;
	dim_leave(b->d, b->reader);
}

/* Seconds of N_BURSTS. */
static double look_up(struct burst *burst, unsigned n_keys)
{
	uint32_t r = 1;
	uint64_t ns = 0;
	for (unsigned b = 0; b < (bench_counts() ? 1 : N_BURSTS); b++) {
		for (unsigned i = 0; i < BURST; i++) {
			r = r * 1664525 + 1013904223;
			unsigned key = (unsigned)((uint64_t)r * n_keys >> 32);
			int len = snprintf(texts[i], sizeof(texts[i]), "%u", key);
			keys[i] = slice_of(texts[i], (size_t)len);
		}
		uint64_t begin = clock_mono_ns();
		look_up_burst(burst);
		ns += clock_mono_ns() - begin;
	}
	return (double)ns / 1e9;
}

/* What the fields of a burst of keys would cost without a copy of them here. */
static double ask_redis(redisContext *c, unsigned n_keys, uint32_t *io_r)
{
	uint64_t begin = clock_mono_ns();
	for (unsigned i = 0; i < N_ASKED; i += DEPTH) {
		for (unsigned k = 0; k < DEPTH; k++) {
			*io_r = *io_r * 1664525 + 1013904223;
			unsigned key = (unsigned)((uint64_t)*io_r * n_keys >> 32);
			redisAppendCommand(c, "HMGET big:%u name n", key);
		}
		for (unsigned k = 0; k < DEPTH; k++) {
			redisReply *answer;
			struct err e;
			bench_must(redis_answer(c, &answer, &e) == 0, e.text);
			bench_must(answer->elements == 2 && answer->element[0]->str,
				   "a key that is not there");
			freeReplyObject(answer);
		}
	}
	return (double)(clock_mono_ns() - begin) / 1e9;
}

static void measure_redis(const char *url, unsigned n_keys)
{
	double rounds[N_ROUNDS + 1], cpu = 0;
	struct redis_url u;
	redisContext *c;
	struct err e;
	uint32_t r = 1;
	bench_must(redis_url_parse(url, &u, &e) == 0 && redis_open(&u, NULL, &c, &e) == 0, e.text);
	for (unsigned i = 0; i <= N_ROUNDS; i++) {
		double begin = bench_cpu();
		rounds[i] = ask_redis(c, n_keys, &r);
		cpu += i ? bench_cpu() - begin : 0;
	}
	bench_print("the same of Redis, 256 at a time", rounds + 1, N_ROUNDS, N_ASKED);
	printf("    of which processor time here: %.1f ns\n",
	       cpu * 1e9 / (N_ROUNDS * (double)N_ASKED));
	redisFree(c);
}

static struct dim_spec make_spec(const char *url, const char *path, unsigned n)
{
	struct dim_spec s = dim_make(url ? "redis" : "file");
	s.keys_max = n;
	s.bytes_max = 4ull << 30;
	if (url) {
		s.key = NULL;
		dim_make_set(&s, "url", url);
		dim_make_set(&s, "keys", "big:*");
	} else {
		make_file(path, n);
		dim_make_set(&s, "path", path);
		dim_make_set(&s, "separator", ",");
	}
	return s;
}

static void measure(struct burst *burst, unsigned n)
{
	double rounds[N_ROUNDS + 1];
	uint64_t row[DIM_N_COLS];
	for (unsigned i = 0; i <= N_ROUNDS; i++)
		rounds[i] = look_up(burst, n);
	bench_print("lookup", rounds + 1, N_ROUNDS, (double)N_BURSTS * BURST);
	dim_row(burst->d, row);
	printf("keys %llu, bytes of rows %llu, hits %.3f\n", (unsigned long long)row[DIM_keys],
	       (unsigned long long)row[DIM_bytes],
	       (double)burst->hits / ((N_ROUNDS + 1.0) * N_BURSTS * BURST));
}

int main(int argc, char **argv)
{
	static const char path[] = "/tmp/sluice-bench-dim.csv";
	unsigned n = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1000000;
	const char *url = argc > 2 ? argv[2] : NULL;
	bench_about(
		argc, argv, 2,
		"bench_dim [KEYS [URL of a Redis with hashes big:0 .. of name and n]]: loading, "
		"memory and lookups of a dimension");
	struct dim_spec s = make_spec(url, path, n);
	struct dim *d;
	struct err e = {0};
	double before = resident_mib();
	uint64_t begin = clock_mono_ns();
	bench_must(dim_create(&s, &d, &e) == 0, e.text);
	printf("load: %.2f s; resident: %.0f MiB before, %.0f behind it\n",
	       (double)(clock_mono_ns() - begin) / 1e9, before, resident_mib());
	begin = clock_mono_ns();
	if (dim_is_told(d) && dim_refresh(d, &e) >= 0)
		printf("sweep in place: %.2f s; resident: %.0f MiB\n",
		       (double)(clock_mono_ns() - begin) / 1e9, resident_mib());
	struct burst burst = {.d = d, .reader = dim_join(d)};
	if (bench_counts()) {
		look_up(&burst, n);
		bench_count("lookup", BURST, look_up_burst, &burst);
	} else {
		measure(&burst, n);
		if (url)
			measure_redis(url, n);
	}
	dim_destroy(d);
	dim_make_free(&s);
	if (!url)
		unlink(path);
	return 0;
}
