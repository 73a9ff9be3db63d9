/* The usual messages of syslog, read at once, against the long way: usual ones with bytes changed,
 * left out and put in, and cut, at the end of their buffer.
 */
#include "parsers/syslog_usual.h"

#include "dataplane/base/civil.h"
#include "parsers/parsers.h"
#include "parsers/syslog_pri.h"
#include "tests/unit/random.h"
#include "tests/unit/unit.h"

#define ROOM 8192 /* of the arena, in front of the message */

typedef bool usual_fn(const void *conf, const struct frame *f, struct rec_builder *rb);

static const char *const forms[] = {
	"<34>1 2026-11-25T04:43:16Z web-1 su 77 ID47 - 'su root' failed",
	"<165>1 2026-11-25T04:43:59.123456+00:00 a.example.com x - - - \xef\xbb\xbfm",
	"<0>1 2026-11-25T04:44:00.123Z - - - - -  blank",
	"<191>1 2026-11-25T04:43:16.000001Z web-1 app 1 2 [id@1 k=\"v\" seq=\"4711\"] text",
	"<13>1 2026-11-25T04:43:16Z h a p m [a][b@2 x=\"\" y=\"]= \"] t",
	"<13>1 2026-11-25T04:43:16Z h a p m [a k=\"q\\\"u\" k=\"w\"] t",
	"<13>1 2026-11-25T04:43:16Z h a p m [a x=\"1\" x=\"2\" y=\"\xc3\xa9\xff\"]",
	"<7>1 2026-11-25T04:43:16Z a-long-host.of-many.parts.example.com some-app/worker 12345 - - "
	"t",
	"<34>Oct 11 22:14:15 mymachine su[77]: text",
	"<34>Nov  5 04:43:16 web-1 nginx: last message",
	"<3>Sep 28 23:59:59 10.0.0.1 postfix/smtpd[1234]: x",
	"<4>Dec 31 00:00:00 host 2026 tag: m",
	"<4>Jan  1 00:00:01 last message repeated 3 times",
	"<4>Oct 11 22:14:15 fe80::1%eth0 Microsoft Word[14]: m",
	"<4>Oct 11 22:14:15 R1 123: *Oct 11 22:14:15.123: %SYS-5-X: m",
	"<4>Oct 11 22:14:15 h a-very-long-tag-that-does-not-end-within-the-word-of-64-bytes[7]: m",
};

enum { N_FORMS = sizeof(forms) / sizeof(forms[0]) };

static size_t make(char *out, unsigned form)
{
	static const char bytes[] = "  -:[]<>\"=\\.0129aZ/\t\n\x7f\x80\xff";
	size_t len = strlen(forms[form]);
	memcpy(out, forms[form], len);
	for (unsigned i = any(4); i > 0; i--) {
		size_t at = any((unsigned)len + 1);
		unsigned what = any(3);
		if (what == 0 && at < len) {
			out[at] = bytes[any(sizeof(bytes) - 1)];
		} else if (what == 1 && at < len) {
			memmove(out + at, out + at + 1, --len - at);
		} else {
			memmove(out + at + 1, out + at, len++ - at);
			out[at] = bytes[any(sizeof(bytes) - 1)];
		}
	}
	return any(4) ? len : any((unsigned)len + 1);
}

/* A record that is built by one way, in an arena of its own which the message stands behind. */
struct built {
	struct rec_builder *rb;
	struct batch batch;
	struct rec_minute minute;
	struct syslog_text t;
	struct frame f;
};

static void begin(struct built *b, const struct schema *schema, const char *text, size_t len)
{
	uint8_t *base = malloc(ROOM + len + SL_PAD);
	b->batch.arena = (struct arena){.base = base, .cap = ROOM, .used = 8};
	b->batch.n_recs = 0;
	memcpy(base + ROOM, text, len);
	/* What lies behind a message may be what it could go on with. */
	const char *behind = " - - h p[1]: x y z - -";
	for (size_t i = 0, from = any(20); i < SL_PAD; i++)
		base[ROOM + len + i] = (uint8_t)(any(8) ? behind[(from + i) % 22] : 'a');
	b->t.p = base + ROOM;
	b->t.end = b->t.p + len;
	b->t.minute = &b->minute;
	b->f.body = slice_of(b->t.p, len);
	rec_begin(b->rb, &b->batch, schema);
}

/* False: it has no priority, or is not what it begins as. */
static bool read_long(struct built *b, unsigned *ret_pri)
{
	const char *why = NULL;
	unsigned n = syslog_pri_read(b->t.p, b->t.end, ret_pri);
	if (n == 0 || n == SYSLOG_PRI_RANGE)
		return false;
	syslog_pri_set(b->rb, *ret_pri, arena_take(&b->batch.arena, SYSLOG_PRI_BYTES));
	b->t.p += n;
	enum syslog_5424 is = b->t.p < b->t.end && text_is_digit(*b->t.p)
				      ? syslog_5424_extract(&b->t, b->rb, &why)
				      : SYSLOG_5424_NOT;
	if (is == SYSLOG_5424_NOT)
		syslog_3164_extract(&b->t, true, b->rb);
	return is != SYSLOG_5424_BAD;
}

/* A time may have its text behind it, which then is the one that it would be written as. */
static struct val without_text(const struct built *b, struct val v)
{
	const uint8_t *p = b->batch.arena.base + v.off;
	char text[32];
	int64_t ns;
	if (v.type != VAL_TIME || v.len == VAL_TIME_BYTES)
		return v;
	memcpy(&ns, p, sizeof(ns));
	assert_int_equal(v.len - VAL_TIME_BYTES, civil_put_rfc3339(text, ns));
	assert_memory_equal(p + VAL_TIME_BYTES, text, v.len - VAL_TIME_BYTES);
	return val_of(VAL_TIME, v.off, VAL_TIME_BYTES);
}

static void are_same(const struct built *a, const struct built *b, const char *text, size_t len)
{
	for (unsigned i = 0; i < SYSLOG_N_FIELDS; i++) {
		struct val v = a->rb->fixed[i], w = without_text(b, b->rb->fixed[i]);
		if (v.type != w.type || v.len != w.len ||
		    memcmp(a->batch.arena.base + v.off, b->batch.arena.base + w.off, v.len) != 0)
			fail_msg("field %u of \"%.*s\" is %u \"%.*s\", not %u \"%.*s\"", i,
				 (int)len, text, w.type, (int)w.len, b->batch.arena.base + w.off,
				 v.type, (int)v.len, a->batch.arena.base + v.off);
	}
	assert_int_equal(b->rb->n_pairs, a->rb->n_pairs);
}

/* Returns how many of the messages it has read. */
static unsigned compare(usual_fn *usual, const struct schema *schema)
{
	static const char *const nows[] = {"2026-11-25T04:43:16Z", "2026-01-01T00:00:00Z"};
	struct syslog_conf conf = {0};
	struct built a = {.rb = calloc(1, sizeof(*a.rb))}, b = {.rb = calloc(1, sizeof(*b.rb))};
	unsigned n_usual = 0, pri;
	for (unsigned i = 0; i < 100000; i++) {
		char text[512];
		size_t len = make(text, i % N_FORMS);
		begin(&a, schema, text, len);
		begin(&b, schema, text, len);
		conf.strip_blank = i / 16 % 2;
		conf.timezone = i / 64 % 2 ? 16 : 0;
		a.t.conf = i / 32 % 2 ? &conf : NULL;
		a.t.zone_s = syslog_zone_s(a.t.conf);
		assert_true(civil_read_rfc3339(slice_str(nows[i / 128 % 2]), &a.t.time_ns));
		b.f.time_ns = (uint64_t)a.t.time_ns;
		if (usual(a.t.conf, &b.f, b.rb)) {
			n_usual++;
			assert_true(read_long(&a, &pri));
			are_same(&a, &b, text, len);
		}
		free(a.batch.arena.base);
		free(b.batch.arena.base);
	}
	free(a.rb);
	free(b.rb);
	return n_usual;
}

static void usual_messages_are_read_as_the_long_way_reads_them(void **state)
{
	struct schema schema;
	assert_int_equal(schema_init(&schema, parser_syslog.fields, SYSLOG_N_FIELDS), 0);
	unsigned n = cpu_has_avx2() ? compare(syslog_usual_avx2, &schema) : 10000;
	assert_in_range(n, 10000, 99999);
	n = cpu_has_avx512() ? compare(syslog_usual_avx512, &schema) : 10000;
	assert_in_range(n, 10000, 99999);
	schema_fini(&schema);
}

/* By what this processor has. */
static bool usual_here(const void *conf, const struct frame *f, struct rec_builder *rb)
{
	return cpu_has_avx512() ? syslog_usual_avx512(conf, f, rb) : syslog_usual_avx2(conf, f, rb);
}

/* All forms but those that are long or odd. */
static void what_most_senders_write_is_usual(void **state)
{
	struct schema schema;
	struct built b = {.rb = calloc(1, sizeof(*b.rb)), .f = {.time_ns = 1795581796000000000}};
	assert_int_equal(schema_init(&schema, parser_syslog.fields, SYSLOG_N_FIELDS), 0);
	for (unsigned i = 0; cpu_has_avx2() && i < 11; i++) {
		begin(&b, &schema, forms[i], strlen(forms[i]));
		if (!usual_here(NULL, &b.f, b.rb))
			fail_msg("%s: the long way is taken", forms[i]);
		free(b.batch.arena.base);
	}
	free(b.rb);
	schema_fini(&schema);
}

static void a_full_arena_is_told(void **state)
{
	struct schema schema;
	struct built b = {.rb = calloc(1, sizeof(*b.rb))};
	assert_int_equal(schema_init(&schema, parser_syslog.fields, SYSLOG_N_FIELDS), 0);
	begin(&b, &schema, forms[0], strlen(forms[0]));
	b.batch.arena.used = ROOM - 8;
	assert_true(!cpu_has_avx2() || (usual_here(NULL, &b.f, b.rb) && b.rb->full));
	free(b.batch.arena.base);
	free(b.rb);
	schema_fini(&schema);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(usual_messages_are_read_as_the_long_way_reads_them),
		cmocka_unit_test(what_most_senders_write_is_usual),
		cmocka_unit_test(a_full_arena_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
