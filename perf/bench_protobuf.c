/* bench_protobuf.c - what does one record cost as a message of Protocol Buffers, ours and
 * protobuf-c's?
 *
 * In:     nothing; 256 records of 21 fields, of which 15 are the event's.
 * Out:    one line an encoder: ns a record, median of 7 rounds (min-max); the rounds are
 *         interleaved, so that noise of the machine meets both alike, and the first is
 *         discarded.
 * Owns:   its records.
 * Runs:   main.
 * Limits: both are checked to write the same bytes before anything is measured. protobuf-c packs
 * what it has in its own structs already, which nobody had to fill within the time.
 */
#include "dataplane/sink/encode.h"
#include "perf/bench.h"
#include "tests/support/proto_oracle.h"

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

static ProtobufCMessage *messages[N_RECS];
static struct proto_field shaped[N_FIELDS];
static struct schema schema;
static struct batch batch;
static struct encode_ctx ctx;
static uint8_t *out;

static void rec_fill(unsigned i)
{
	static struct rec_builder rb;
	static const char *const severities[] = {"info", "warning", "err", "crit"};
	static const char *const regions[] = {"cn-north", "cn-east", "us", "sg"};
	const char *const text[N_FIELDS] = {
		"local7", severities[i % 4], "web-17", "nginx",        "4711",
		"ID47",   "04:43:16",        "GET",    "/v5/a",        NULL,
		NULL,     "u7f3a9",          "v20931", regions[i % 4], "Episode"};
	rec_begin(&rb, &batch, &schema);
	for (unsigned k = 0; k < N_FIELDS; k++)
		if (text[k])
			rec_set_str(&rb, k, slice_str(text[k]));
	rec_set_i64(&rb, 9, 200 + i % 5);
	rec_set_i64(&rb, 10, 100 + i * 977);
	uint32_t origin = arena_copy(&batch.arena, ORIGIN, strlen(ORIGIN));
	struct rec *r = rec_end(&rb);
	if (!r)
		abort();
	r->time_ns = 1795581796123456789u + i * 1000037u;
	r->session_id = 0x9e3779b97f4a7c15ull * (i + 1);
	r->stream_off = 1000 + i * 317u;
	r->origin_off = origin;
	r->origin_len = strlen(ORIGIN);
}

static size_t by_encode(unsigned i, uint8_t *o)
{
	return encoder_protobuf.put(&ctx, &batch, batch.recs[i], o);
}

static size_t by_encode_and_max(unsigned i, uint8_t *o)
{
	if (encoder_protobuf.max(&ctx, &batch, batch.recs[i]) > OUT_CAP)
		abort();
	return encoder_protobuf.put(&ctx, &batch, batch.recs[i], o);
}

static size_t by_protobuf_c(unsigned i, uint8_t *o)
{
	return protobuf_c_message_pack(messages[i], o);
}

static size_t by_protobuf_c_and_size(unsigned i, uint8_t *o)
{
	if (protobuf_c_message_get_packed_size(messages[i]) > OUT_CAP)
		abort();
	return protobuf_c_message_pack(messages[i], o);
}

static const struct way {
	const char *name;
	size_t (*run)(unsigned i, uint8_t *o);
	unsigned n_passes; /* over the records, a round */
} ways[] = {
	{"encoder_protobuf.put", by_encode, 4000},
	{"encoder_protobuf.max + put", by_encode_and_max, 4000},
	{"protobuf-c pack", by_protobuf_c, 1000},
	{"protobuf-c get_packed_size + pack", by_protobuf_c_and_size, 1000},
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
	static uint8_t want[OUT_CAP];
	for (unsigned i = 0; i < N_RECS; i++) {
		size_t len = by_encode(i, want);
		for (unsigned k = 1; k < N_WAYS; k++)
			if (!slice_eq(slice_of(out, ways[k].run(i, out)), slice_of(want, len))) {
				fprintf(stderr, "%s differs\n", ways[k].name);
				abort();
			}
	}
}

static int shape_make(struct proto_shape **ret_shape)
{
	struct err e;
	const struct slice source = SLICE_LIT("nginx");
	struct names *names = names_create();
	for (unsigned k = 0; k < N_FIELDS; k++)
		shaped[k] = (struct proto_field){fields[k].name, PROTO_FIRST + k,
						 fields[k].type == VAL_I64 ? PROTO_K_INT64
									   : PROTO_K_TEXT};
	int rc = names ? proto_shape_create(shaped, N_FIELDS, names, &source, 1, false, ret_shape,
					    &e)
		       : -1;
	names_destroy(names);
	return rc;
}

int main(int argc, char **argv)
{
	static const uint8_t source[64 + SL_PAD] = "\"_source\":\"nginx\",\"_stream\":\"nginx\",";
	bench_about(argc, argv, 0,
		    "bench_protobuf - what does a record cost as a message, beside protobuf-c?");
	struct proto_shape *shape = NULL;
	struct slice source_json = slice_str((const char *)source);
	ctx = (struct encode_ctx){.source_json = &source_json, .source_only = &source_json};
	out = calloc(1, OUT_CAP);
	ctx.proto = proto_scratch_create();
	if (!out || !ctx.proto || shape_make(&shape) < 0 ||
	    arena_init(&batch.arena, 1u << 20) < 0 || schema_init(&schema, fields, N_FIELDS) < 0)
		return 1;
	arena_reset(&batch.arena);
	ctx.shape = shape;
	struct proto_oracle *oracle = proto_oracle_create(shaped, N_FIELDS);
	for (unsigned i = 0; i < N_RECS; i++) {
		rec_fill(i);
		size_t len = by_encode(i, out);
		messages[i] = proto_oracle_read(oracle, slice_of(out, len));
		if (!messages[i])
			abort();
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
	for (unsigned i = 0; i < N_RECS; i++)
		protobuf_c_message_free_unpacked(messages[i], NULL);
	proto_oracle_destroy(oracle);
	proto_scratch_destroy(ctx.proto);
	proto_shape_destroy(shape);
	schema_fini(&schema);
	arena_fini(&batch.arena);
	free(out);
	return 0;
}
