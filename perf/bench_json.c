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
#include "perf/bench_rec.h"

/* The same record as the two other encoders want it. */
struct plain {
	uint64_t session, off;
	int64_t time_ns, status, bytes;
	char text[N_FIELDS][40];
};

static struct plain plains[N_RECS];

static void plain_fill(unsigned i)
{
	struct plain *p = &plains[i];
	const struct rec *r = batch.recs[i];
	const char *text[N_FIELDS];
	*p = (struct plain){.session = r->session_id,
			    .off = r->stream_off,
			    .time_ns = (int64_t)r->time_ns,
			    .status = rec_status(i),
			    .bytes = rec_bytes(i)};
	rec_texts(i, text);
	for (unsigned k = 0; k < N_FIELDS; k++)
		if (text[k])
			snprintf(p->text[k], sizeof(p->text[k]), "%s", text[k]);
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

static const struct way ways[N_WAYS] = {
	{"encode_json", by_encode, 4000, true},
	{"encode_json_max + encode_json", by_encode_and_max, 4000, true},
	{"snprintf", by_snprintf, 400, false},
	{"jansson", by_jansson, 60, false},
};

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
	bench_about(argc, argv, 0,
		    "bench_json - what does a record cost as a line of JSON, beside snprintf and "
		    "jansson?");
	recs_init();
	for (unsigned i = 0; i < N_RECS; i++)
		plain_fill(i);
	check_same();
	ways_measure(ways);
	recs_fini();
	return 0;
}
