#include "pairs.h"
#include "random.h"

#include "dataplane/match/regex.h"
#include "dataplane/match/rules.h"

static struct rules *rules_of(const struct rule_def *defs, unsigned n)
{
	struct rules *r;
	struct err e;
	if (rules_create(defs, n, &r, &e) < 0)
		fail_msg("%s", e.text);
	return r;
}

/* Bodies of a few calls, each with its padding, of which nothing is to be found. */
static uint8_t room[4 << 20];

static struct frame frame_of(unsigned source, const void *body, size_t len)
{
	static size_t used;
	if (sizeof(room) - used < len + SL_PAD)
		used = 0;
	uint8_t *at = room + used;
	memcpy(at, body, len);
	memset(at + len, 'x', SL_PAD);
	used += len + SL_PAD;
	return (struct frame){.source = (uint16_t)source, .body = slice_of(at, len)};
}

/* Hits as "frame:rule frame:rule". */
static void expect(const struct rule_hits *hits, const char *text)
{
	char got[256] = "";
	size_t at = 0;
	for (unsigned i = 0; i < hits->n; i++)
		at += (size_t)snprintf(got + at, sizeof(got) - at, "%s%u:%u", i ? " " : "",
				       hits->items[i].frame, hits->items[i].rule);
	assert_string_equal(got, text);
}

static void hits_are_sorted_by_frame_and_rule(void **state)
{
	static const struct rule_def defs[] = {{.name = "num", .pattern = "\\d+"},
					       {.name = "err\"or", .pattern = "error"},
					       {.name = "start", .pattern = "^a.*z$"}};
	struct rules *r = rules_of(defs, 3);
	struct rules_scratch *s = rules_scratch_create(r);
	const struct frame f[] = {frame_of(0, "a error 17 z", 12), frame_of(0, "nothing", 7),
				  frame_of(0, "errorerror", 10), frame_of(0, "", 0)};
	const struct rule_hits *hits = rules_scan(s, f, 4);
	expect(hits, "0:0 0:1 0:2 2:1");
	assert_true(slice_eq(hits->names[1], SLICE_LIT("\"err\\\"or\"")));
	/* Nothing is left over from the burst before. */
	expect(rules_scan(s, f + 1, 1), "");
	rules_scratch_destroy(s);
	rules_destroy(r);
}

static void a_frame_is_asked_only_for_the_rules_of_its_source(void **state)
{
	static const struct rule_def defs[] = {{.name = "a", .pattern = "x", .source = 2},
					       {.name = "b", .pattern = "x(?=y)", .source = 0}};
	struct rules *r = rules_of(defs, 2);
	struct rules_scratch *s = rules_scratch_create(r);
	const struct frame f[] = {frame_of(0, "xy", 2), frame_of(1, "xy", 2), frame_of(2, "xy", 2),
				  frame_of(3, "xy", 2)};
	expect(rules_scan(s, f, 4), "0:1 2:0");
	rules_scratch_destroy(s);
	rules_destroy(r);
}

static void a_match_does_not_reach_into_the_next_frame(void **state)
{
	static const struct rule_def defs[] = {{.name = "a", .pattern = "foo\\s*bar"},
					       {.name = "b", .pattern = "[^x]bar"},
					       {.name = "c", .pattern = "o$"}};
	struct rules *r = rules_of(defs, 3);
	struct rules_scratch *s = rules_scratch_create(r);
	const struct frame f[] = {frame_of(0, "foo", 3), frame_of(0, "bar", 3),
				  frame_of(0, "foo\nbar", 7)};
	/* And $ is the end of the body, not a newline inside of it. */
	expect(rules_scan(s, f, 3), "0:2 2:0 2:1");
	rules_scratch_destroy(s);
	rules_destroy(r);
}

static void what_hyperscan_does_not_take_is_searched_by_pcre2(void **state)
{
	static const struct rule_def defs[] = {
		{.name = "ahead", .pattern = "a(?=b)"},   {.name = "back", .pattern = "(.)\\1"},
		{.name = "ends", .pattern = "\\Aabc\\z"}, {.name = "empty", .pattern = "^$"},
		{.name = "plain", .pattern = "abc"},
	};
	struct rules *r = rules_of(defs, 5);
	struct rules_scratch *s = rules_scratch_create(r);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(strcmp(rules_engine(r, i), "pcre2") == 0, i < 3);
	const struct frame f[] = {frame_of(0, "abc", 3), frame_of(0, "", 0),
				  frame_of(0, "abc abc", 7), frame_of(0, "xx", 2)};
	expect(rules_scan(s, f, 4), "0:0 0:2 0:4 1:3 2:0 2:4 3:1");
	rules_scratch_destroy(s);
	rules_destroy(r);
}

static void a_costly_pattern_gives_up_and_is_counted(void **state)
{
	static const struct rule_def defs[] = {{.name = "a", .pattern = "(?=a)(a+)+$"}};
	struct rules *r = rules_of(defs, 1);
	struct rules_scratch *s = rules_scratch_create(r);
	const struct frame f = frame_of(0, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", 44);
	expect(rules_scan(s, &f, 1), "");
	assert_int_equal(rules_too_costly(s), 1);
	rules_scratch_destroy(s);
	rules_destroy(r);
}

static void frames_longer_than_the_buffer_are_scanned_too(void **state)
{
	static const struct rule_def defs[] = {{.name = "a", .pattern = "needle$"},
					       {.name = "b", .pattern = "^x"}};
	enum { LONG = 300 << 10, HALF = 150 << 10 };
	struct rules *r = rules_of(defs, 2);
	struct rules_scratch *s = rules_scratch_create(r);
	char *body = malloc(LONG);
	memset(body, 'x', LONG);
	memcpy(body + LONG - 6, "needle", 6);
	const struct frame f[] = {frame_of(0, "x", 1), frame_of(0, body + LONG - HALF, HALF),
				  frame_of(0, body, LONG), frame_of(0, body + LONG - HALF, HALF),
				  frame_of(0, "needle", 6)};
	expect(rules_scan(s, f, 5), "0:1 1:0 1:1 2:0 2:1 3:0 3:1 4:0");
	free(body);
	rules_scratch_destroy(s);
	rules_destroy(r);
}

static void a_bad_pattern_is_told_with_its_place(void **state)
{
	static const struct rule_def def = {
		.name = "a", .pattern = "x(", .file = "x.yaml", .line = 2, .col = 5};
	struct rules *r;
	struct err e;
	assert_int_equal(rules_create(&def, 1, &r, &e), -EINVAL);
	assert_string_equal(e.text, "x.yaml:2:5: rule a: at character 3 of the pattern: missing "
				    "closing parenthesis");
}

/* A source of texts alone is searched for them, the other one by Hyperscan, in one burst. */
static void texts_of_one_source_stand_beside_patterns_of_another(void **state)
{
	static const struct rule_def defs[] = {{.name = "a", .pattern = "deadlock"},
					       {.name = "b", .pattern = "dead.*", .source = 1},
					       {.name = "c", .pattern = "(?=lock)"},
					       {.name = "d", .pattern = "refused"}};
	struct rules *r = rules_of(defs, 4);
	struct rules_scratch *s = rules_scratch_create(r);
	assert_string_equal(rules_engine(r, 0), rules_engine(r, 3));
	assert_string_equal(rules_engine(r, 1), "hyperscan");
	assert_string_equal(rules_engine(r, 2), "pcre2");
	const struct frame f[] = {frame_of(0, "refused: deadlock", 17), frame_of(1, "deadlock", 8),
				  frame_of(0, "dead lock", 9), frame_of(2, "refused", 7)};
	expect(rules_scan(s, f, 4), "0:0 0:2 0:3 1:1 2:2");
	expect(rules_scan(s, f + 1, 3), "0:1 1:2");
	rules_scratch_destroy(s);
	rules_destroy(r);
}

/* ---- the same as PCRE2, frame by frame ---- */

static const char *const pieces[] = {
	"a",    "b",      "ab",     "\\d",      "\\w+",     "\\s",   "[^a]", ".",       "x*",
	"^",    "$",      "\\b",    "(?:a|b1)", "[a-c]{2}", "err",   "\\W",  "(?i)ERR", "a.*b",
	"\\s*", "[^\\d]", "(?s:.)", "(?m:^)",   "(a|)b",    "b{2,}", "c?$",  "\\n",     "z",
};

enum { N_PIECES = sizeof(pieces) / sizeof(pieces[0]), N_RANDOM = 100, TEXT_MAX = 64 };

static void make_pattern(char *out, size_t cap)
{
	size_t at = 0;
	for (unsigned i = 1 + any(4); i > 0; i--)
		at += (size_t)snprintf(out + at, cap - at, "%s", pieces[any(N_PIECES)]);
}

static void random_patterns_hit_as_pcre2_does_alone(void **state)
{
	static char text[N_RANDOM][128];
	static const char letters[] = "aabbc1 2\nxerzERR.";
	struct rule_def defs[N_RANDOM];
	struct regex *alone[N_RANDOM];
	struct regex_scratch *scratch = regex_scratch_create(0);
	struct err e;
	size_t at;
	for (unsigned i = 0; i < N_RANDOM; i++) {
		do
			make_pattern(text[i], sizeof(text[i]));
		while (regex_compile(text[i], 0, &alone[i], &at, &e) < 0);
		defs[i] = (struct rule_def){
			.name = text[i], .pattern = text[i], .source = (uint16_t)(i % 2)};
	}
	struct rules *r = rules_of(defs, N_RANDOM);
	struct rules_scratch *s = rules_scratch_create(r);
	unsigned n_hits = 0, n_scanned = 0;
	for (unsigned i = 0; i < N_RANDOM; i++)
		n_scanned += strcmp(rules_engine(r, i), "hyperscan") == 0;
	for (unsigned round = 0; round < 200; round++) {
		static char bodies[RULES_FRAMES_MAX][TEXT_MAX];
		struct frame f[RULES_FRAMES_MAX];
		unsigned n = 1 + any(RULES_FRAMES_MAX), h = 0;
		for (unsigned i = 0; i < n; i++) {
			unsigned len = any(TEXT_MAX);
			for (unsigned k = 0; k < len; k++)
				bodies[i][k] = letters[any(sizeof(letters) - 1)];
			f[i] = frame_of(any(3), bodies[i], len);
		}
		const struct rule_hits *hits = rules_scan(s, f, n);
		for (unsigned i = 0; i < n; i++) {
			for (unsigned k = 0; k < N_RANDOM; k++) {
				bool want = f[i].source == k % 2 &&
					    regex_match(alone[k], scratch, f[i].body) == REGEX_YES;
				bool got = h < hits->n && hits->items[h].frame == i &&
					   hits->items[h].rule == k;
				if (want != got)
					fail_msg("%s on \"%.*s\": %d, expected %d", text[k],
						 (int)f[i].body.len, (const char *)f[i].body.ptr,
						 got, want);
				h += got;
			}
		}
		assert_int_equal(h, hits->n);
		n_hits += h;
	}
	print_message("%u of %u patterns by hyperscan, %u hits agree\n", n_scanned, N_RANDOM,
		      n_hits);
	assert_true(n_scanned > N_RANDOM / 2);
	for (unsigned i = 0; i < N_RANDOM; i++)
		regex_destroy(alone[i]);
	regex_scratch_destroy(scratch);
	rules_scratch_destroy(s);
	rules_destroy(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hits_are_sorted_by_frame_and_rule),
		cmocka_unit_test(a_frame_is_asked_only_for_the_rules_of_its_source),
		cmocka_unit_test(a_match_does_not_reach_into_the_next_frame),
		cmocka_unit_test(texts_of_one_source_stand_beside_patterns_of_another),
		cmocka_unit_test(what_hyperscan_does_not_take_is_searched_by_pcre2),
		cmocka_unit_test(a_costly_pattern_gives_up_and_is_counted),
		cmocka_unit_test(frames_longer_than_the_buffer_are_scanned_too),
		cmocka_unit_test(a_bad_pattern_is_told_with_its_place),
		cmocka_unit_test(random_patterns_hit_as_pcre2_does_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
