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
#include "dataplane/sink/out_batch.h"
#include "perf/bench_rec.h"
#include "tests/support/proto_oracle.h"

static ProtobufCMessage *messages[N_RECS];
static struct out_batch to;
static struct proto_field shaped[N_FIELDS];

static size_t by_encode(unsigned i, uint8_t *o)
{
	return encoder_protobuf.put(&ctx, &batch, batch.recs[i], o);
}

/* All of them with the first. */
static size_t by_burst(unsigned i, uint8_t *o)
{
	if (i > 0)
		return 0;
	to.len = to.n_recs = 0;
	if (encode_protobuf_burst(&ctx, &batch, batch.recs, N_RECS, &to) < N_RECS)
		abort();
	return to.len;
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

#define FIRST_PEER 2
static const struct way ways[N_WAYS] = {
	{"encoder_protobuf.put", by_encode, 4000, true},
	{"encode_protobuf_burst", by_burst, 4000, true},
	{"protobuf-c pack", by_protobuf_c, 1000, false},
	{"protobuf-c get_packed_size + pack", by_protobuf_c_and_size, 1000, false},
};

static void check_same(void)
{
	by_burst(0, out);
	static uint8_t want[OUT_CAP];
	for (unsigned i = 0; i < N_RECS; i++) {
		size_t len = by_encode(i, want);
		size_t at = i ? to.ends[i - 1] : 0;
		if (!slice_eq(slice_of(to.buf + at, to.ends[i] - at), slice_of(want, len)))
			abort();
		for (unsigned k = FIRST_PEER; k < N_WAYS; k++)
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
	bench_about(argc, argv, 0,
		    "bench_protobuf - what does a record cost as a message, beside protobuf-c?");
	struct proto_shape *shape = NULL;
	recs_init();
	ctx.proto = proto_scratch_create();
	bench_must(ctx.proto && shape_make(&shape) == 0, "no shape");
	ctx.shape = shape;
	bench_must(out_batch_init(&to, 64u << 20) == 0, "no memory");
	struct proto_oracle *oracle = proto_oracle_create(shaped, N_FIELDS);
	for (unsigned i = 0; i < N_RECS; i++) {
		size_t len = by_encode(i, out);
		messages[i] = proto_oracle_read(oracle, slice_of(out, len));
		bench_must(messages[i] != NULL, "protobuf-c does not read it");
	}
	check_same();
	ways_measure(ways);
	for (unsigned i = 0; i < N_RECS; i++)
		protobuf_c_message_free_unpacked(messages[i], NULL);
	proto_oracle_destroy(oracle);
	out_batch_fini(&to);
	proto_scratch_destroy(ctx.proto);
	proto_shape_destroy(shape);
	recs_fini();
	return 0;
}
