/* bench_spool.c - what does a spool cost beside the compressor that it uses?
 *
 * In:     a directory for the spool (/dev/shm: the disk does not count), and a file of lines, or
 *         none: then 64 MiB of events in sluice's JSON.
 * Out:    MB/s of records: the program `zstd -1`, from a file to a file beside the spool; its
 *         library over the same bytes, in one stream and in the same pieces; append without waiting
 *         for the disk; append and a sync for each batch; reading back. Of processor time, but with
 *         syncs: of the clock. Median of 5 rounds (min-max), interleaved, the first discarded.
 * Owns:   its lines; what it writes is removed.
 * Runs:   main.
 * Limits: what is read back is compared with what was written before anything is printed. Without
 *         the program its row is missing.
 */
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zstd.h>

#include "dataplane/base/mem.h"
#include "dataplane/sink/spool.h"
#include "perf/bench.h"

#define N_ROUNDS   6
#define BYTES_MAX  (256u << 20)
#define MADE_BYTES (64u << 20)

static uint8_t *lines;
static size_t n_bytes;
static struct out_batch *batches;
static unsigned n_batches;
static char dir[256], plain[300], packed[300]; /* the last two for the program */

static void make_lines(void)
{
	static const char *const paths[] = {"/v5/play", "/v5/stop", "/index", "/api/user"};
	for (uint64_t i = 0; n_bytes < MADE_BYTES; i++) {
		uint64_t h = (i + 1) * 0x9e3779b97f4a7c15u;
		n_bytes += (size_t)snprintf(
			(char *)lines + n_bytes, BYTES_MAX - n_bytes,
			"{\"_id\":\"%016llx-c-%llu-0\",\"_time\":\"2026-11-25T04:%02u:%02u.%09uZ\","
			"\"_source\":\"web\",\"_stream\":\"web\",\"_src\":\"10.%u.%u.%u:%u\","
			"\"_dst\":\"10.0.0.9:80\",\"path\":\"%s\",\"status\":%u,\"uid\":\"u%"
			"07llu\","
			"\"vid\":\"v%05u\",\"bytes\":%u,\"region\":\"cn-north\"}\n",
			(unsigned long long)h, (unsigned long long)(i * 317),
			(unsigned)(i / 60000 % 60), (unsigned)(i / 1000 % 60),
			(unsigned)(i % 1000 * 1000000 + h % 1000000), (unsigned)(h >> 8 & 255),
			(unsigned)(h >> 16 & 255), (unsigned)(h >> 24 & 255),
			(unsigned)(1024 + (h >> 32) % 60000), paths[h >> 62],
			200 + (unsigned)(h >> 40) % 5, (unsigned long long)(h >> 40) % 3000000,
			(unsigned)(h >> 20) % 50000, (unsigned)(h >> 36) % 100000);
	}
}

static void read_lines(const char *path)
{
	FILE *f = fopen(path, "rb");
	bench_must(f != NULL, path);
	n_bytes = fread(lines, 1, BYTES_MAX, f);
	fclose(f);
	while (n_bytes && lines[n_bytes - 1] != '\n')
		n_bytes--;
	bench_must(n_bytes > 0, "the file has no line");
}

/* As a worker would fill them. */
static void make_batches(void)
{
	batches = mem_alloc((n_bytes / (OUT_BATCH_BYTES / 4) + 2) * sizeof(*batches));
	struct out_batch *b = NULL;
	for (size_t at = 0; at < n_bytes;) {
		const uint8_t *lf = memchr(lines + at, '\n', n_bytes - at);
		size_t len = (size_t)(lf + 1 - (lines + at));
		if (!b || b->len >= OUT_BATCH_BYTES || b->n_recs == OUT_BATCH_RECS_MAX) {
			b = &batches[n_batches++];
			b->buf = lines + at;
			b->ends = mem_alloc(OUT_BATCH_RECS_MAX * sizeof(*b->ends));
		}
		b->len += len;
		b->ends[b->n_recs++] = (uint32_t)b->len;
		at += len;
	}
}

static double run_pieces(ZSTD_CCtx *c, uint8_t *out, size_t cap, size_t *ret_bytes)
{
	double start = bench_cpu();
	*ret_bytes = 0;
	for (unsigned i = 0; i < n_batches; i++)
		*ret_bytes += ZSTD_compress2(c, out, cap, batches[i].buf, batches[i].len);
	return bench_cpu() - start;
}

/* As the tool does it: one frame of everything. */
static double run_stream(ZSTD_CCtx *c, uint8_t *out, size_t cap, size_t *ret_bytes)
{
	double start = bench_cpu();
	*ret_bytes = ZSTD_compress2(c, out, cap, lines, n_bytes);
	return bench_cpu() - start;
}

static void write_plain(void)
{
	snprintf(plain, sizeof(plain), "%s/lines", dir);
	snprintf(packed, sizeof(packed), "%s/lines.zst", dir);
	FILE *f = fopen(plain, "wb");
	bench_must(f && fwrite(lines, 1, n_bytes, f) == n_bytes && fclose(f) == 0, plain);
}

static double seconds_of(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

/* As a user would run it, on one core. 0 when there is none. */
static double run_program(uint64_t *ret_bytes)
{
	struct rusage used;
	int status;
	pid_t p = fork();
	if (p == 0) {
		execlp("zstd", "zstd", "-1", "-q", "-f", "--single-thread", plain, "-o", packed,
		       (char *)NULL);
		_exit(127);
	}
	bench_must(p > 0 && wait4(p, &status, 0, &used) == p, "zstd");
	if (status != 0)
		return 0;
	struct stat about;
	bench_must(stat(packed, &about) == 0, packed);
	*ret_bytes = (uint64_t)about.st_size;
	return seconds_of(used.ru_utime) + seconds_of(used.ru_stime);
}

static struct spool *open_spool(const struct spool_conf *conf)
{
	struct spool *s;
	struct err e = {0};
	bench_must(spool_open(conf, "bench", &file_ops_real, 1, &s, &e) == 0, e.text);
	return s;
}

static double run_append(const struct spool_conf *conf, double (*now)(void), uint64_t *ret_bytes)
{
	struct err e = {0};
	struct spool *s = open_spool(conf);
	uint64_t row[SPOOL_N_COLS];
	double start = now();
	for (unsigned i = 0; i < n_batches; i++)
		bench_must(spool_append(s, &batches[i], spool_next_seq(s), &e) == 0, e.text);
	double seconds = now() - start;
	spool_row(s, row);
	*ret_bytes = row[SPOOL_bytes];
	bench_must(spool_close(s, &e) == 0, e.text);
	return seconds;
}

/* All of it, and then it is gone. */
static double run_read(const struct spool_conf *conf, struct out_batch *into)
{
	struct err e = {0};
	struct spool *s = open_spool(conf);
	uint64_t seq;
	double seconds = 0;
	for (size_t at = 0; at < n_bytes; at += into->len) {
		double start = bench_cpu();
		bench_must(spool_read(s, into, &seq, &e) == 1, e.text);
		seconds += bench_cpu() - start;
		bench_must(memcmp(into->buf, lines + at, into->len) == 0, "other bytes came back");
	}
	spool_ack(s, spool_next_seq(s));
	bench_must(spool_close(s, &e) == 0, e.text);
	return seconds;
}

static void print(const char *what, double *s, uint64_t bytes)
{
	double median = bench_median(s, N_ROUNDS - 1), mb = (double)n_bytes / 1e6;
	printf("%-36s %7.0f MB/s (%.0f-%.0f)", what, mb / median, mb / s[N_ROUNDS - 2], mb / s[0]);
	if (bytes)
		printf("  to %.1f %%", 100.0 * (double)bytes / (double)n_bytes);
	putchar('\n');
}

int main(int argc, char **argv)
{
	bench_about(argc, argv, 2,
		    "bench_spool [DIR [FILE]]: MB/s of a spool, beside zstd -1 on the same data");
	static double t[6][N_ROUNDS];
	size_t bytes[2];
	uint64_t stored[3] = {0};
	struct out_batch into;
	lines = mem_map(BYTES_MAX);
	if (argc > 2)
		read_lines(argv[2]);
	else
		make_lines();
	make_batches();
	snprintf(dir, sizeof(dir), "%s/bench_spool_XXXXXX", argc > 1 ? argv[1] : "/dev/shm");
	bench_must(mkdtemp(dir) != NULL, dir);
	bench_must(out_batch_init(&into, OUT_BATCH_BYTES + (16u << 20)) == 0, "no memory");
	write_plain();
	size_t cap = ZSTD_compressBound(n_bytes);
	uint8_t *out = mem_map(cap);
	ZSTD_CCtx *c = ZSTD_createCCtx();
	ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, 1);
	struct spool_conf off = {.dir = dir,
				 .bytes_max = 4ull << 30,
				 .segment_bytes = 64 << 20,
				 .sync = SPOOL_SYNC_OFF,
				 .level = 1};
	struct spool_conf sync = off;
	sync.sync = SPOOL_SYNC_BATCH;
	for (unsigned i = 0; i < N_ROUNDS; i++) {
		t[5][i] = run_program(&stored[2]);
		t[0][i] = run_stream(c, out, cap, &bytes[0]);
		t[1][i] = run_pieces(c, out, cap, &bytes[1]);
		t[2][i] = run_append(&off, bench_cpu, &stored[0]);
		t[3][i] = run_read(&off, &into);
		t[4][i] = run_append(&sync, bench_now, &stored[1]);
		run_read(&sync, &into);
	}
	printf("%.0f MB of lines, %u batches, in %s\n", (double)n_bytes / 1e6, n_batches, dir);
	if (t[5][0] > 0)
		print("the program zstd -1", t[5] + 1, stored[2]);
	print("zstd -1, one stream", t[0] + 1, bytes[0]);
	print("zstd -1, a frame for each batch", t[1] + 1, bytes[1]);
	print("spool append", t[2] + 1, stored[0]);
	print("spool append, sync of each batch", t[4] + 1, stored[1]);
	print("spool read", t[3] + 1, 0);
	char command[512];
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command) == 0 ? 0 : 1;
}
