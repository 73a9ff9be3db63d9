/* bench_json.c - what does one record cost as a line of JSON, by encode_json, snprintf and jansson?
 *
 * In:     nothing; 256 records of 21 members, of which 15 are the event's, about 411 bytes a line.
 * Out:    one line an encoder: ns a record, median of 7 rounds (min-max); the rounds are
 *         interleaved, so that noise of the machine meets all three alike, and the first is
 *         discarded.
 * Owns:   its records.
 * Runs:   main.
 * Limits: all three are checked to write the same members before anything is measured.
 */
#include <inttypes.h>
#include <jansson.h>

#include "dataplane/base/civil.h"
#include "dataplane/sink/encode.h"
#include "perf/bench.h"

#define N_RECS   BATCH_RECS_MAX
#define N_ROUNDS 7
#define OUT_CAP  (256u << 10)
#define ORIGIN   "\"_src\":\"10.0.0.1:51234\",\"_dst\":\"10.0.0.9:514\""

static const struct field_def fields[] = {
	{"facility", VAL_STR, ""},  {"severity", VAL_STR, ""}, {"hostname", VAL_STR, ""},
	{"appname", VAL_STR, ""},   {"procid", VAL_STR, ""},   {"msgid", VAL_STR, ""},
	{"timestamp", VAL_STR, ""}, {"method", VAL_STR, ""},   {"path", VAL_STR, ""},
	{"status", VAL_I64, ""},    {"bytes", VAL_I64, ""},    {"uid", VAL_STR, ""},
	{"vid", VAL_STR, ""},       {"region", VAL_STR, ""},   {"title", VAL_STR, ""},
};
#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

/* The same record as the two other encoders want it. */
struct plain {
	uint64_t session, off;
	int64_t time_ns, status, bytes;
	char text[N_FIELDS][40];
};

static struct plain plains[N_RECS];
static struct schema schema;
static struct batch batch;
static struct encode_ctx ctx;
static uint8_t *out;

static void plain_fill(struct plain *p, unsigned i)
{
	static const char *const severities[] = {"info", "warning", "err", "crit"};
	static const char *const regions[] = {"cn-north", "cn-east", "us", "sg"};
	*p = (struct plain){.session = 0x9e3779b97f4a7c15ull * (i + 1),
			    .off = 1000 + i * 317u,
			    .time_ns = 1795581796123456789 + i * 1000037,
			    .status = 200 + i % 5,
			    .bytes = 100 + i * 977};
	const char *const text[N_FIELDS] = {
		"local7", severities[i % 4], "web-17", "nginx",        "4711",
		"ID47",   "04:43:16",        "GET",    "/v5/a",        NULL,
		NULL,     "u7f3a9",          "v20931", regions[i % 4], "Episode"};
	for (unsigned k = 0; k < N_FIELDS; k++)
		if (text[k])
			snprintf(p->text[k], sizeof(p->text[k]), "%s", text[k]);
}

static void rec_fill(const struct plain *p)
{
	static struct rec_builder rb;
	rec_begin(&rb, &batch, &schema);
	for (unsigned k = 0; k < N_FIELDS; k++)
		if (fields[k].type == VAL_STR)
			rec_set_str(&rb, k, slice_str(p->text[k]));
	rec_set_i64(&rb, 9, p->status);
	rec_set_i64(&rb, 10, p->bytes);
	uint32_t origin = arena_copy(&batch.arena, ORIGIN, strlen(ORIGIN));
	struct rec *r = rec_end(&rb);
	if (!r)
		abort();
	r->time_ns = (uint64_t)p->time_ns;
	r->session_id = p->session;
	r->stream_off = p->off;
	r->origin_off = origin;
	r->origin_len = strlen(ORIGIN);
}

static size_t by_encode(unsigned i, uint8_t *o)
{
	return encode_json(&ctx, &batch, batch.recs[i], o);
}

static size_t by_encode_and_max(unsigned i, uint8_t *o)
{
	if (encode_json_max(&ctx, &batch, batch.recs[i]) > OUT_CAP)
		abort();
	return encode_json(&ctx, &batch, batch.recs[i], o);
}

static size_t by_snprintf(unsigned i, uint8_t *o)
{
	const struct plain *p = &plains[i];
	struct civil c;
	civil_from_ns(p->time_ns, &c);
	return (size_t)snprintf(
		(char *)o, 1024,
		"{\"_id\":\"%016" PRIx64 "-c-%" PRIu64 "-0\","
		"\"_time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%09uZ\","
		"\"_source\":\"nginx\",\"_stream\":\"nginx\"," ORIGIN ",\"facility\":\"%s\","
		"\"severity\":\"%s\",\"hostname\":\"%s\",\"appname\":\"%s\",\"procid\":\"%s\","
		"\"msgid\":\"%s\",\"timestamp\":\"%s\",\"method\":\"%s\",\"path\":\"%s\","
		"\"status\":%" PRId64 ",\"bytes\":%" PRId64 ",\"uid\":\"%s\",\"vid\":\"%s\","
		"\"region\":\"%s\",\"title\":\"%s\"}\n",
		p->session, p->off, c.year, c.month, c.day, c.hour, c.min, c.sec, c.ns, p->text[0],
		p->text[1], p->text[2], p->text[3], p->text[4], p->text[5], p->text[6], p->text[7],
		p->text[8], p->status, p->bytes, p->text[11], p->text[12], p->text[13],
		p->text[14]);
}

static size_t by_jansson(unsigned i, uint8_t *o)
{
	const struct plain *p = &plains[i];
	char id[64], stamp[32];
	snprintf(id, sizeof(id), "%016" PRIx64 "-c-%" PRIu64 "-0", p->session, p->off);
	stamp[civil_put_rfc3339_9(stamp, p->time_ns)] = 0;
	json_t *j = json_object();
	json_object_set_new(j, "_id", json_string(id));
	json_object_set_new(j, "_time", json_string(stamp));
	json_object_set_new(j, "_source", json_string("nginx"));
	json_object_set_new(j, "_stream", json_string("nginx"));
	json_object_set_new(j, "_src", json_string("10.0.0.1:51234"));
	json_object_set_new(j, "_dst", json_string("10.0.0.9:514"));
	for (unsigned k = 0; k < N_FIELDS; k++)
		json_object_set_new(j, fields[k].name,
				    k == 9    ? json_integer(p->status)
				    : k == 10 ? json_integer(p->bytes)
					      : json_string(p->text[k]));
	size_t len = json_dumpb(j, (char *)o, 1024, JSON_COMPACT);
	o[len++] = '\n';
	json_decref(j);
	return len;
}

static const struct way {
	const char *name;
	size_t (*run)(unsigned i, uint8_t *o);
	unsigned n_passes; /* over the records, a round */
} ways[] = {
	{"encode_json", by_encode, 4000},
	{"encode_json_max + encode_json", by_encode_and_max, 4000},
	{"snprintf", by_snprintf, 400},
	{"jansson", by_jansson, 60},
};
#define N_WAYS (sizeof(ways) / sizeof(ways[0]))

/* Seconds a record; lines go one behind the other into a block that fits in L2. */
static double round_s(const struct way *w, size_t *ret_bytes)
{
	size_t at = 0, bytes = 0;
	double begin = bench_now();
	for (unsigned pass = 0; pass < w->n_passes; pass++)
		for (unsigned i = 0; i < N_RECS; i++) {
			size_t len = w->run(i, out + at);
			bytes += len;
			at = at + len > OUT_CAP - 4096 ? 0 : at + len;
		}
	double n = (double)w->n_passes * N_RECS;
	*ret_bytes = (size_t)((double)bytes / n);
	return (bench_now() - begin) / n;
}

static void check_same(void)
{
	uint8_t lines[N_WAYS][1024];
	for (unsigned i = 0; i < N_RECS; i++) {
		json_t *first = NULL;
		for (unsigned k = 0; k < N_WAYS; k++) {
			size_t len = ways[k].run(i, lines[k]);
			json_t *j = json_loadb((char *)lines[k], len, 0, NULL);
			if (!j || (first && !json_equal(first, j))) {
				fprintf(stderr, "%s differs: %.*s", ways[k].name, (int)len,
					lines[k]);
				abort();
			}
			if (!first)
				first = json_incref(j);
			json_decref(j);
		}
		json_decref(first);
	}
}

int main(int argc, char **argv)
{
	static const uint8_t source[64 + SL_PAD] = "\"_source\":\"nginx\",\"_stream\":\"nginx\",";
	bench_about(argc, argv, 0,
		    "bench_json - what does a record cost as a line of JSON, beside snprintf and "
		    "jansson?");
	struct slice source_json = slice_str((const char *)source);
	ctx = (struct encode_ctx){.source_json = &source_json, .source_only = &source_json};
	out = calloc(1, OUT_CAP);
	if (!out || arena_init(&batch.arena, 1u << 20) < 0 ||
	    schema_init(&schema, fields, N_FIELDS) < 0)
		return 1;
	arena_reset(&batch.arena);
	for (unsigned i = 0; i < N_RECS; i++) {
		plain_fill(&plains[i], i);
		rec_fill(&plains[i]);
	}
	check_same();
	double s[N_WAYS][N_ROUNDS];
	size_t bytes[N_WAYS];
	for (int round = -1; round < N_ROUNDS; round++)
		for (unsigned k = 0; k < N_WAYS; k++)
			s[k][round < 0 ? 0 : round] = round_s(&ways[k], &bytes[k]);
	for (unsigned k = 0; k < N_WAYS; k++) {
		char what[64];
		snprintf(what, sizeof(what), "%s, %zu bytes", ways[k].name, bytes[k]);
		bench_print(what, s[k], N_ROUNDS, 1);
	}
	schema_fini(&schema);
	arena_fini(&batch.arena);
	free(out);
	return 0;
}
