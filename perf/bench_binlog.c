/* bench_binlog.c - what does a row image of a binary log cost until it is a record, and until it is
 * JSON?
 *
 * In:     a binary log, as bench_binlog.py --keep makes it (12 columns, 180 MB); the number of a
 *         step, from 0, that is then run alone and once, for callgrind. A log that fits in the
 *         cache is read many times a round: what it costs without the memory's part.
 * Out:    one line a step, each with all steps before it: ns a row image, median of 7 rounds
 *         (min-max). The rounds are interleaved and the first is discarded. An update has two
 *         images. Last, the log's bytes a second up to records beside those of memcpy from memory
 *         to memory, in the same rounds.
 * Owns:   the log in memory, a batch, and a line of JSON.
 * Runs:   main.
 * Limits: the log is in memory and in one piece: no capture, TCP or hand-off (bench_binlog.py).
 */
#include <zlib.h>

#include "dataplane/base/mem.h"
#include "dataplane/frame/frame_out.h"
#include "dataplane/sink/encode.h"
#include "parsers/mysql/event.h"
#include "parsers/mysql/log.h"
#include "parsers/parsers.h"
#include "perf/bench.h"

#define ROUNDS     7
#define ROUND_MIN  (64u << 20) /* bytes that are read in a round */
#define PIECE      (1u << 20)
#define OUT_BYTES  (256u << 10)
#define BATCH_ROOM (32u << 20)
#define COPY_BYTES (1u << 30)

enum step { STEP_ZLIB, STEP_SUMS, STEP_FRAMES, STEP_RECORDS, STEP_JSON, N_STEPS };

static struct slice file;
static struct batch batch;
static struct frame frames[BATCH_RECS_MAX];
static struct frame_out out;
static struct rec_builder rb;
static struct schema schema;
static struct encode_ctx encode;
static struct mysql_conf conf;
static uint64_t state[256];
static uint8_t *json;
static void *pool;
static size_t n_images, json_bytes;

static void read_file(const char *name)
{
	FILE *f = fopen(name, "rb");
	bench_must(f && fseek(f, 0, SEEK_END) == 0, "cannot open the log");
	size_t len = (size_t)ftell(f);
	uint8_t *p = mem_map(len + SL_PAD);
	rewind(f);
	bench_must(p && fread(p, 1, len, f) == len, "cannot read the log");
	fclose(f);
	file = slice_of(p, len);
}

/* Events one by one, with their checksums by us or by zlib. */
static void sum_events(bool by_zlib)
{
	struct mysql_format f;
	struct mysql_event ev;
	mysql_format_init(&f);
	for (size_t at = 4; at < file.len; at += ev.size) {
		bench_must(mysql_event_parse(slice_from(file, at), &f, &ev) == MYSQL_F_OK,
			   "the log has something that is no event");
		if (ev.type == MYSQL_EV_FORMAT)
			bench_must(mysql_format_parse(&ev, &f) == MYSQL_F_OK && f.checksum,
				   "the log has no checksums");
		else if (by_zlib)
			bench_must(crc32_z(0, ev.bytes.ptr, ev.size - 4) ==
					   *(const uint32_t *)(ev.bytes.ptr + ev.size - 4),
				   "zlib finds a wrong checksum");
		else
			bench_must(mysql_event_sum_ok(&ev), "a checksum is wrong");
	}
}

/* As extract.c does it. */
static inline void identify(struct rec *r, const struct frame *f)
{
	r->time_ns = f->time_ns;
	r->session_id = f->session_id;
	r->stream_off = f->stream_off;
	r->idx = f->idx;
	r->frame_off = (uint32_t)(f->bytes.ptr - batch.arena.base);
	r->frame_len = (uint32_t)f->bytes.len;
	r->origin_off = f->origin_off;
	r->origin_len = f->origin_len;
	r->source = f->source;
	r->dir = f->dir;
	r->hops = 0;
	r->error = NULL;
}

/* The records of a burst of frames, and their JSON; the lines go round in a block that fits L2. */
static void read_frames(enum step step)
{
	static size_t at;
	for (unsigned i = 0; i < out.n; i++) {
		const struct frame *f = &frames[i];
		const struct mysql_frame_ctx *fc = f->aux;
		n_images += (fc->len[0] > 0) + (fc->len[1] > 0);
		if (step == STEP_FRAMES || f->body_kind != BODY_PARSER)
			continue;
		rec_begin(&rb, &batch, &schema);
		bench_must(!parser_mysql.extract(&conf, f, &rb), "a row cannot be read");
		struct rec *r = rec_lay(&rb);
		bench_must(r, "no room for a record");
		identify(r, f);
		if (step == STEP_RECORDS)
			continue;
		bench_must(encode_json_max(&encode, &batch, r) < OUT_BYTES, "a line is too long");
		size_t len = encode_json(&encode, &batch, r, json + at);
		json_bytes += len;
		at = at + len > OUT_BYTES / 2 ? 0 : at + len;
	}
}

static void read_log(enum step step)
{
	struct parse_in in = {.time_ns = 1795581796123456789ull, .dir = 1, .pool = pool};
	memset(state, 0, sizeof(state));
	n_images = json_bytes = 0;
	for (size_t at = 0; at < file.len;) {
		size_t left = file.len - at;
		arena_reset(&batch.arena);
		batch.n_recs = 0;
		frame_out_begin(&out, &batch, frames, BATCH_RECS_MAX);
		in.data = slice_of(file.ptr + at, left < PIECE ? left : PIECE);
		in.stream_off = at;
		arena_reset(&out.scratch);
		struct parse_result r = parser_mysql.parse(state, &conf, &in, &out);
		bench_must(r.skipped == 0, "something of the log is lost");
		bench_must(r.consumed || out.n, "an event longer than a piece");
		at += r.consumed;
		read_frames(step);
	}
}

static void run_step(void *arg)
{
	enum step step = *(enum step *)arg;
	if (step <= STEP_SUMS)
		sum_events(step == STEP_ZLIB);
	else
		read_log(step);
}

/* Seconds of memcpy of COPY_BYTES, whose memory is there after the first time. */
static double copy_memory(void)
{
	static uint8_t *from, *to;
	if (!from) {
		from = mem_map(COPY_BYTES);
		to = mem_map(COPY_BYTES);
		bench_must(from && to, "no memory for memcpy");
		memset(from, 1, COPY_BYTES); /* else all of it is the same page of zeros */
	}
	double t = bench_cpu();
	memcpy(to, from, COPY_BYTES);
	__asm__ volatile("" : : "r"(to) : "memory"); /* it is looked at */
	return bench_cpu() - t;
}

static void print_share(double *copies, double records)
{
	double copy = COPY_BYTES / bench_median(copies, ROUNDS) / 1e9;
	double log = (double)file.len / records / 1e9;
	printf("memcpy %.2f GB/s, the log to records %.2f GB/s: %.1f %%\n", copy, log,
	       100 * log / copy);
}

int main(int argc, char **argv)
{
	static const char *const names[N_STEPS] = {"events, checksums by zlib",
						   "events and checksums", "rows to frames",
						   "to records", "to JSON"};
	static const uint8_t source[64 + SL_PAD] = "\"_source\":\"mysql\",";
	double seconds[N_STEPS][ROUNDS], copies[ROUNDS];
	struct slice source_json = slice_str((const char *)source);
	struct err e;
	unsigned n_fields = 0;
	bench_about(argc, argv, 2,
		    "bench_binlog LOG [STEP] - what does a row image of a binary log cost?");
	bench_must(argc == 2 || argc == 3,
		   "which log? bench_binlog.py --make --keep LOG makes one");
	read_file(argv[1]);
	encode = (struct encode_ctx){.source_json = &source_json, .source_only = &source_json};
	while (parser_mysql.fields[n_fields].name)
		n_fields++;
	json = mem_map(OUT_BYTES);
	bench_must(json && arena_init(&batch.arena, BATCH_ROOM) == 0 &&
			   frame_out_init(&out, parser_mysql.bytes_max) == 0 &&
			   schema_init(&schema, parser_mysql.fields, (uint16_t)n_fields) == 0 &&
			   parser_mysql.pool_create(&conf, NULL, &pool, &e) == 0,
		   "no memory");
	bench_must(parser_mysql.state_size <= sizeof(state), "the state is too large");
	if (argc == 3) {
		enum step step = (enum step)strtoul(argv[2], NULL, 10);
		run_step(&step);
		return 0;
	}
	for (enum step i = STEP_SUMS; bench_counts() && i < N_STEPS; i++) {
		n_images = 0;
		read_log(STEP_FRAMES);
		double n = (double)n_images;
		run_step(&i);
		bench_count(names[i], n, run_step, &i);
	}
	if (bench_counts())
		return 0;
	unsigned times = 1 + (unsigned)(ROUND_MIN / file.len);
	for (unsigned round = 0; round <= ROUNDS; round++) {
		for (enum step i = 0; i < N_STEPS; i++) {
			double t = bench_cpu();
			for (unsigned k = 0; k < times; k++)
				run_step(&i);
			if (round)
				seconds[i][round - 1] = (bench_cpu() - t) / times;
		}
		double t = copy_memory();
		if (round)
			copies[round - 1] = t;
	}
	printf("%zu row images, %.0f bytes each in the log and %.0f of JSON\n", n_images,
	       (double)file.len / (double)n_images, (double)json_bytes / (double)n_images);
	for (unsigned i = 0; i < N_STEPS; i++)
		bench_print(names[i], seconds[i], ROUNDS, (double)n_images);
	print_share(copies, bench_median(seconds[STEP_RECORDS], ROUNDS));
	return 0;
}
