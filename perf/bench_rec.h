/* bench_rec.h - the records of bench_json and bench_protobuf, and encoders measured side by side.
 *
 * In:     the encoders, each a function that writes record i.
 * Out:    one line an encoder: ns a record, median of 7 rounds (min-max); the rounds are
 *         interleaved, so that noise of the machine meets all alike, and the first is discarded.
 *         Where instructions are counted, those of the encoders of ours.
 * Owns:   the batch, its 256 records of 21 members, of which 15 are the event's, and the output.
 * Runs:   main of a benchmark.
 * Limits: lines of at most 4 KiB.
 */
#ifndef SL_PERF_BENCH_REC_H
#define SL_PERF_BENCH_REC_H

#include "dataplane/sink/encode.h"
#include "perf/bench.h"

#define N_RECS     BATCH_RECS_MAX
#define N_WAYS     4
#define WAY_ROUNDS 7
#define OUT_CAP    (256u << 10)
#define ORIGIN     "\"_src\":\"10.0.0.1:51234\",\"_dst\":\"10.0.0.9:514\""

enum { REC_STATUS = 9, REC_BYTES = 10 };

static const struct field_def fields[] = {
	{"facility", VAL_STR, ""},  {"severity", VAL_STR, ""}, {"hostname", VAL_STR, ""},
	{"appname", VAL_STR, ""},   {"procid", VAL_STR, ""},   {"msgid", VAL_STR, ""},
	{"timestamp", VAL_STR, ""}, {"method", VAL_STR, ""},   {"path", VAL_STR, ""},
	{"status", VAL_I64, ""},    {"bytes", VAL_I64, ""},    {"uid", VAL_STR, ""},
	{"vid", VAL_STR, ""},       {"region", VAL_STR, ""},   {"title", VAL_STR, ""},
};
#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

static const uint8_t source_text[64 + SL_PAD] = "\"_source\":\"nginx\",\"_stream\":\"nginx\",";
static struct slice source_json;
static struct schema schema;
static struct batch batch;
static struct encode_ctx ctx;
static uint8_t *out;

/* Record @i's texts; NULL: the field is no text. */
static inline void rec_texts(unsigned i, const char *text[N_FIELDS])
{
	static const char *const severities[] = {"info", "warning", "err", "crit"};
	static const char *const regions[] = {"cn-north", "cn-east", "us", "sg"};
	const char *const all[N_FIELDS] = {
		"local7", severities[i % 4], "web-17", "nginx",        "4711",
		"ID47",   "04:43:16",        "GET",    "/v5/a",        NULL,
		NULL,     "u7f3a9",          "v20931", regions[i % 4], "Episode"};
	memcpy(text, all, sizeof(all));
}

static inline int64_t rec_status(unsigned i)
{
	return 200 + i % 5;
}

static inline int64_t rec_bytes(unsigned i)
{
	return 100 + i * 977;
}

static inline void rec_fill(unsigned i)
{
	static struct rec_builder rb;
	const char *text[N_FIELDS];
	rec_texts(i, text);
	rec_begin(&rb, &batch, &schema);
	for (unsigned k = 0; k < N_FIELDS; k++)
		if (text[k])
			rec_set_str(&rb, k, slice_str(text[k]));
	rec_set_i64(&rb, REC_STATUS, rec_status(i));
	rec_set_i64(&rb, REC_BYTES, rec_bytes(i));
	uint32_t origin = arena_copy(&batch.arena, ORIGIN, strlen(ORIGIN));
	struct rec *r = rec_end(&rb);
	bench_must(r != NULL, "records fit");
	r->time_ns = 1795581796123456789u + i * 1000037u;
	r->session_id = 0x9e3779b97f4a7c15ull * (i + 1);
	r->stream_off = 1000 + i * 317u;
	r->origin_off = origin;
	r->origin_len = strlen(ORIGIN);
}

static inline void recs_init(void)
{
	source_json = slice_str((const char *)source_text);
	ctx = (struct encode_ctx){.source_json = &source_json, .source_only = &source_json};
	out = calloc(1, OUT_CAP);
	bench_must(out && arena_init(&batch.arena, 1u << 20) == 0 &&
			   schema_init(&schema, fields, N_FIELDS) == 0,
		   "no memory");
	arena_reset(&batch.arena);
	for (unsigned i = 0; i < N_RECS; i++)
		rec_fill(i);
}

static inline void recs_fini(void)
{
	schema_fini(&schema);
	arena_fini(&batch.arena);
	free(out);
}

struct way {
	const char *name;
	size_t (*run)(unsigned i, uint8_t *o);
	unsigned n_passes; /* over the records, a round */
	bool ours;
};

struct way_round {
	const struct way *way;
	unsigned n_passes;
	size_t bytes; /* written */
};

/* Lines go one behind the other into a block that fits in L2. */
static inline void way_pass(void *arg)
{
	struct way_round *r = arg;
	size_t at = 0;
	r->bytes = 0;
	for (unsigned pass = 0; pass < r->n_passes; pass++)
		for (unsigned i = 0; i < N_RECS; i++) {
			size_t len = r->way->run(i, out + at);
			r->bytes += len;
			at = at + len > OUT_CAP - 4096 ? 0 : at + len;
		}
}

static inline void ways_count(const struct way *ways)
{
	for (unsigned k = 0; k < N_WAYS; k++) {
		struct way_round r = {&ways[k], 1, 0};
		if (!ways[k].ours)
			continue;
		way_pass(&r);
		bench_count(ways[k].name, N_RECS, way_pass, &r);
	}
}

/* Each of N_WAYS. */
static inline void ways_measure(const struct way *ways)
{
	double s[N_WAYS][WAY_ROUNDS];
	struct way_round r[N_WAYS];
	if (bench_counts()) {
		ways_count(ways);
		return;
	}
	for (int round = -1; round < WAY_ROUNDS; round++)
		for (unsigned k = 0; k < N_WAYS; k++) {
			double from = bench_now();
			r[k] = (struct way_round){&ways[k], ways[k].n_passes, 0};
			way_pass(&r[k]);
			s[k][round < 0 ? 0 : round] = bench_now() - from;
		}
	for (unsigned k = 0; k < N_WAYS; k++) {
		char what[64];
		double n = (double)ways[k].n_passes * N_RECS;
		snprintf(what, sizeof(what), "%s, %.0f bytes", ways[k].name,
			 (double)r[k].bytes / n);
		bench_print(what, s[k], WAY_ROUNDS, n);
	}
}

#endif
