/* fuzz_encode_protobuf.c - whatever stands in a record, the message is one that protobuf-c reads
 * and packs to the same bytes, its strings are UTF-8, and its bound holds; as one of a burst it is
 * the same.
 *
 * In:     the kinds of five fields, then values as fuzz_encode_json reads them: type, length,
 *         bytes; the first come as fixed fields, the others as pairs with keys from the input.
 * Out:    aborts when protobuf-c disagrees, or a burst.
 * Owns:   its batch, made once.
 * Runs:   main.
 * Limits: -
 */
#include <stdio.h>

#include "dataplane/base/text.h"
#include "dataplane/sink/encode.h"
#include "dataplane/sink/out_batch.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_value.h"
#include "tests/support/proto_oracle.h"

#define N_SHAPED 5
#define TIME_NS  1795581796123456789ull

static const struct field_def fields[] = {
	{"first", VAL_STR, ""}, {"second", VAL_STR, ""}, {"third", VAL_STR, ""}};
static const char *const shaped[N_SHAPED] = {"first", "third", "a", "b", "c"};

static struct schema schema;
static struct batch batch;
static struct rec_builder rb;
static struct proto_scratch *scratch;
static struct names *names;
static struct out_batch to;

static void make_once(void)
{
	if (names)
		return;
	names = names_create();
	scratch = proto_scratch_create();
	if (!names || !scratch || schema_init(&schema, fields, 3) < 0 ||
	    arena_init(&batch.arena, 64u << 20) < 0 || out_batch_init(&to, 64u << 20) < 0)
		abort();
}

static struct rec *build(struct slice s)
{
	arena_reset(&batch.arena);
	batch.n_recs = 0;
	rec_begin(&rb, &batch, &schema);
	for (unsigned n = 0; s.len > 0; n++) {
		if (n < schema.n_fields) {
			rec_set(&rb, n, fuzz_take_val(&rb, &s));
			continue;
		}
		const char *key = s.ptr[0] & 64 ? shaped[s.len % N_SHAPED] : "other";
		struct val k = rec_make_text(&rb, VAL_STR, slice_str(key));
		rec_pair(&rb, k, fuzz_take_val(&rb, &s));
	}
	return rec_end(&rb);
}

/* All that is a string on the wire is UTF-8. */
static bool strings_are_good(const ProtobufCMessage *m, const struct proto_field *f, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (strcmp(proto_kind_type(f[i].kind), "string") != 0)
			continue;
		const ProtobufCBinaryData *d = proto_oracle_get(m, f[i].number);
		if (d && text_utf8_valid(d->data, d->len) < d->len)
			return false;
	}
	return true;
}

/* As one of a burst, where it can be one, it is the same: twice, since the second takes from the
 * first.
 */
static bool burst_agrees(struct encode_ctx *ctx, struct rec *r, struct slice want)
{
	struct rec *recs[] = {r, r};
	to.len = to.n_recs = 0;
	unsigned n = encode_protobuf_burst(ctx, &batch, recs, 2, &to);
	for (unsigned i = 0; i < n; i++)
		if (!slice_eq(slice_of(to.buf + i * want.len, to.ends[i] - i * want.len), want))
			return false;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct err e;
	struct proto_field f[N_SHAPED];
	const struct slice source = SLICE_LIT("s");
	struct proto_shape *shape;
	make_once();
	if (len < N_SHAPED || len > 1u << 20)
		return 0;
	for (unsigned i = 0; i < N_SHAPED; i++)
		f[i] = (struct proto_field){shaped[i], PROTO_FIRST + i * (1 + p[0]),
					    (enum proto_kind)(p[i] % (PROTO_K_TIME + 1))};
	if (proto_shape_create(f, N_SHAPED, names, &source, 1, false, &shape, &e) < 0)
		abort();
	proto_scratch_forget(scratch);
	struct rec *r = build(slice_of(p + N_SHAPED, len - N_SHAPED));
	if (!r)
		abort();
	r->flags = len & (REC_UNPARSED | REC_CUT);
	r->error = "why";
	r->time_ns = TIME_NS;
	struct slice json = SLICE_LIT("\"_source\":\"s\",\"_stream\":\"s\",");
	struct encode_ctx ctx = {.names = names,
				 .source_json = &json,
				 .source_only = &json,
				 .shape = shape,
				 .proto = scratch};
	size_t max = encoder_protobuf.max(&ctx, &batch, r);
	uint8_t *out = malloc(max);
	struct slice got = {out, out ? encoder_protobuf.put(&ctx, &batch, r, out) : 0};
	struct proto_oracle *oracle = proto_oracle_create(f, N_SHAPED);
	ProtobufCMessage *m = got.len && got.len <= max ? proto_oracle_read(oracle, got) : NULL;
	if (!m || !proto_oracle_agrees(m, got) || !strings_are_good(m, f, N_SHAPED)) {
		fprintf(stderr, "protobuf-c does not agree on %zu bytes\n", got.len);
		abort();
	}
	if (!burst_agrees(&ctx, r, got))
		abort();
	protobuf_c_message_free_unpacked(m, NULL);
	proto_oracle_destroy(oracle);
	proto_shape_destroy(shape);
	free(out);
	return 0;
}
