#include "pairs.h"

#include "dataplane/extract/json.h"
#include "dataplane/extract/json_quick.h"

/* A text in a block of its own: whoever reads more than SL_PAD bytes behind it is found out. */
struct block {
	struct batch b;
	struct rec_builder rb;
	struct slice text;
};

static struct block *block_make(const char *text, size_t len)
{
	struct block *k = calloc(1, sizeof(*k));
	assert_non_null(k);
	k->b.arena.base = malloc(8 + len + SL_PAD);
	assert_non_null(k->b.arena.base);
	k->b.arena.used = k->b.arena.cap = 8 + len;
	k->text = slice_of(k->b.arena.base + 8, len);
	memcpy(k->b.arena.base + 8, text, len);
	/* What would go on where the text ends. */
	for (size_t i = 0; i < SL_PAD; i++)
		k->b.arena.base[8 + len + i] = (uint8_t) "}}]\"1,\"a\":e5 "[i % 13];
	rec_begin(&k->rb, &k->b, &pairs_no_fields);
	return k;
}

static void block_free(struct block *k)
{
	free(k->b.arena.base);
	free(k);
}

/* What the short way says must be what the tokens say. Returns whether it said something. */
static bool same_both_ways(struct json *j, struct json_quick *q, const char *text, size_t len,
			   uint64_t *ret_id)
{
	struct block *k = block_make(text, len);
	bool quick = json_quick_pairs(q, k->text, &k->rb, ret_id), repaired = true;
	assert_true(quick || (k->rb.n_pairs == 0 && *ret_id == 0));
	if (quick) {
		unsigned n = k->rb.n_pairs;
		struct val *pairs = malloc(2 * n * sizeof(*pairs));
		memcpy(pairs, k->rb.pairs, 2 * n * sizeof(*pairs));
		k->rb.n_pairs = 0;
		const char *err = json_pairs_by_tokens(j, k->text, &k->rb, &repaired);
		if (err || repaired || k->rb.n_pairs != n ||
		    memcmp(pairs, k->rb.pairs, 2 * n * sizeof(*pairs)) != 0)
			fail_msg("%.*s: %s", (int)len, text, err ? err : "other pairs");
		free(pairs);
	}
	block_free(k);
	return quick;
}

/* One for each way that this processor has. */
struct readers {
	struct json *json;
	struct json_quick quick[QUICK_AVX512 + 1];
	enum quick_way best;
};

static int setup(void **state)
{
	static struct readers r;
	r.json = json_create(1 << 16);
	r.best = json_quick_way();
	for (enum quick_way w = QUICK_PLAIN; w <= r.best; w++)
		r.quick[w].way = w;
	*state = &r;
	return r.json ? 0 : -1;
}

static int teardown(void **state)
{
	json_destroy(((struct readers *)*state)->json);
	return 0;
}

/* The same for all ways, and the same keys for all of them. */
static bool same_all_ways(struct readers *r, const char *text, size_t len, uint64_t *ret_id)
{
	bool quick = same_both_ways(r->json, &r->quick[QUICK_PLAIN], text, len, ret_id);
	for (enum quick_way w = QUICK_PLAIN + 1; w <= r->best; w++) {
		uint64_t id;
		if (same_both_ways(r->json, &r->quick[w], text, len, &id) != quick)
			fail_msg("%.*s: way %d says otherwise", (int)len, text, (int)w);
		assert_int_equal(id, *ret_id);
	}
	return quick;
}

static bool reads(struct readers *r, const char *text, uint64_t *ret_id)
{
	return same_all_ways(r, text, strlen(text), ret_id);
}

static void all_that_senders_usually_write_goes_the_short_way(void **state)
{
	static const char *const texts[] = {
		"{\"a\":1}",
		" {\"a\": -12.50, \"b\" : 0,\r\n\"c\":1e5}\n",
		"{\"s\":\"\",\"t\":true,\"f\":false,\"n\":null}",
		"{\"u\":\"http:\\/\\/x\\u00e9\\ud83d\\ude00\\\\\",\"v\":\"\\\"\"}",
		"{\"\xc3\xa9\":\"\xe6\x97\xa5\xe6\x9c\xac\"}",
		"{\"o\":{\"x\": [1, {}, []], \"y\":\"z\"},\"a\":[],\"e\":{}}",
		"{\"a key of more than thirty-two characters\":12345678901234567890}",
		"{\"n\":123456789012345,\"m\":1234567890123456,\"f\":1.234567890123456}",
	};
	uint64_t id;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		for (unsigned again = 0; again < 2; again++)
			assert_true(reads(*state, texts[i], &id));
}

static void what_is_wrong_gets_no_answer(void **state)
{
	static const char *const texts[] = {
		"",
		"{",
		"{\"a\":1",
		"{\"a\":\"1",
		"{\"a\":[1",
		"{\"a\"}",
		"{\"a\":}",
		"{\"a\":1,}",
		"{\"a\":1}}",
		"{\"a\":01}",
		"{\"a\":-}",
		"{\"a\":1.}",
		"{\"a\":.5}",
		"{\"a\":1.2.3}",
		"{\"a\":1-2}",
		"{\"a\":tru}",
		"{\"a\":nulll}",
		"{\"a\":\"\x01\"}",
		"{\"a\":\"\\x\"}",
		"{\"a\":\"\\ud800\"}",
		"{\"a\":\"\xff\"}",
		"{\"a\":[1}}",
		"{\"a\":[1,]}",
		"{\"a\":{\"b\"}}",
		"[1]",
	};
	uint64_t id;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(reads(*state, texts[i], &id));
}

/* A key that is not UTF-8 is not expected in the next text, where it would not be looked at. */
static void keys_of_a_text_that_was_refused_are_looked_at_again(void **state)
{
	uint64_t id;
	for (unsigned i = 0; i < 3; i++)
		assert_false(reads(*state, "{\"\xff\":1}", &id));
	for (unsigned i = 0; i < 3; i++)
		assert_false(reads(*state, "{\"k\":1,\"l\":x}", &id));
	assert_true(reads(*state, "{\"k\":1,\"l\":2}", &id));
}

static void the_same_keys_in_the_same_order_have_one_number(void **state)
{
	uint64_t first, id;
	assert_true(reads(*state, "{\"a\":1,\"b\":2}", &first));
	assert_true(reads(*state, "{\"a\":\"x\",\"b\":[]}", &id));
	assert_int_equal(id, first);
	static const char *const others[] = {"{\"a\":1}", "{\"a\":1,\"b\":2,\"c\":3}",
					     "{\"b\":1,\"a\":2}", "{\"a\":1,\"bb\":2}"};
	for (unsigned i = 0; i < 4; i++) {
		assert_true(reads(*state, others[i], &id));
		assert_true(id > first);
		first = id;
	}
	assert_true(reads(*state, "{\"a\":1,\"b\":2}", &id));
	assert_true(id > first);
}

/* ---- random texts ---- */

static uint32_t next_random(uint32_t *io_x)
{
	*io_x ^= *io_x << 13;
	*io_x ^= *io_x >> 17;
	*io_x ^= *io_x << 5;
	return *io_x;
}

struct text {
	char bytes[4096];
	size_t len;
	uint32_t x;
};

static uint32_t pick(struct text *t, uint32_t n)
{
	return next_random(&t->x) % n;
}

static void add(struct text *t, const char *s)
{
	size_t n = strlen(s);
	if (t->len + n < sizeof(t->bytes)) {
		memcpy(t->bytes + t->len, s, n);
		t->len += n;
	}
}

static void add_blanks(struct text *t)
{
	static const char *const blanks[] = {"", "", "", "", "", " ", "\t", "  ", "\r\n"};
	add(t, blanks[pick(t, 9)]);
}

static void add_string(struct text *t)
{
	static const char *const parts[] = {"a",   "bc",      "d e f g h", "0123456789abcdef",
					    "\\n", "\\u00e9", "\xc3\xa9",  "\xf0\x9f\x98\x80"};
	add(t, "\"");
	for (uint32_t n = pick(t, pick(t, 4) ? 5 : 20); n; n--)
		add(t, parts[pick(t, pick(t, 4) ? 4 : 8)]);
	add(t, "\"");
}

static void add_value(struct text *t, unsigned depth)
{
	static const char *const plain[] = {"0",   "-7",    "12.5", "1e9",   "1234567890123456789",
					    "0.1", "-0.25", "true", "false", "null"};
	uint32_t kind = pick(t, depth < 3 ? 8 : 6);
	if (kind < 3) {
		add_string(t);
	} else if (kind < 6) {
		add(t, plain[pick(t, 10)]);
	} else {
		add(t, kind == 6 ? "[" : "{");
		for (uint32_t n = pick(t, 4), i = 0; i < n; i++) {
			add(t, i ? "," : "");
			add_blanks(t);
			if (kind == 7) {
				add_string(t);
				add(t, ":");
			}
			add_value(t, depth + 1);
			add_blanks(t);
		}
		add(t, kind == 6 ? "]" : "}");
	}
}

/* An object with some of six keys; one in four texts has a byte changed, or is cut. */
static void make_text(struct text *t)
{
	static const char *const keys[] = {
		"\"a\"",        "\"uid\"", "\"channel\"", "\"a longer key than all\"",
		"\"x\\u0041\"", "\"\"",    "\"_ours\""};
	t->len = 0;
	add(t, "{");
	bool blanks = pick(t, 2);
	for (uint32_t n = 1 + pick(t, 5), i = 0; i < n; i++) {
		add(t, i ? "," : "");
		if (blanks)
			add_blanks(t);
		add(t, keys[pick(t, 8) ? i % 4 : pick(t, 7)]);
		add(t, ":");
		if (blanks)
			add_blanks(t);
		add_value(t, 0);
	}
	add(t, "}");
	uint32_t fault = pick(t, 8);
	if (fault == 0)
		t->bytes[pick(t, (uint32_t)t->len)] = "\"\\{}[],:0-e.\x80\x01 \n"[pick(t, 17)];
	else if (fault == 1)
		t->len = pick(t, (uint32_t)t->len);
}

static void random_texts_have_the_same_pairs_both_ways(void **state)
{
	struct readers *r = *state;
	struct text t = {.x = 2463534242u};
	unsigned n_quick = 0, n = 20000;
	uint64_t id;
	for (unsigned i = 0; i < n; i++) {
		make_text(&t);
		n_quick += same_all_ways(r, t.bytes, t.len, &id);
	}
	assert_true(n_quick > n / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_that_senders_usually_write_goes_the_short_way),
		cmocka_unit_test(what_is_wrong_gets_no_answer),
		cmocka_unit_test(keys_of_a_text_that_was_refused_are_looked_at_again),
		cmocka_unit_test(the_same_keys_in_the_same_order_have_one_number),
		cmocka_unit_test(random_texts_have_the_same_pairs_both_ways),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
