#include "tests/unit/random.h"
#include "tests/unit/unit.h"

#include "dataplane/match/literals.h"

static const enum literals_way ways[] = {LITERALS_WIDE, LITERALS_NARROW};

static bool can(enum literals_way way)
{
	const struct slice text = SLICE_LIT("deadlock");
	bool can = literals_can(&text, 1, way);
	if (!can)
		print_message("this processor has no %s: nothing is looked for in this way\n",
			      way == LITERALS_WIDE ? "AVX-512 VBMI" : "AVX2");
	return can;
}

static uint64_t find_slowly(const struct slice *texts, unsigned n, struct slice body)
{
	uint64_t found = 0;
	for (unsigned i = 0; i < n; i++)
		if (memmem(body.ptr, body.len, texts[i].ptr, texts[i].len))
			found |= 1ull << i;
	return found;
}

/* A copy of the body, whose padding ends where its memory does, and goes on as the texts do; found
 * between two others.
 */
static uint64_t find_in_copy(const struct literals *l, const char *body, size_t len,
			     const char *behind)
{
	static const uint8_t nothing[3 + SL_PAD] = "#~#";
	char *copy = malloc(len + SL_PAD);
	assert_non_null(copy);
	memcpy(copy, body, len);
	for (size_t i = 0; i < SL_PAD; i++)
		copy[len + i] = behind[i % strlen(behind)];
	const struct frame frames[] = {{.body = slice_of(nothing, 3)},
				       {.body = slice_of(copy, len)},
				       {.body = slice_of(nothing, 0)}};
	uint64_t found[] = {1, 1, 1};
	bool some = literals_find(l, frames, 3, found);
	assert_true(found[0] == 0 && found[2] == 0 && some == (found[1] != 0));
	free(copy);
	return found[1];
}

static void fill(char *out, size_t len, const char *letters)
{
	for (size_t i = 0; i < len; i++)
		out[i] = letters[any((unsigned)strlen(letters))];
}

/* Texts of which the first bytes are such that every way takes them. */
static unsigned make_texts(struct slice *texts, char bytes[][12], const char *letters,
			   enum literals_way way)
{
	unsigned n = 1 + any(LITERALS_MAX), least = way == LITERALS_NARROW ? 4 : 1;
	for (unsigned i = 0; i < n; i++) {
		texts[i] = slice_of(bytes[i], least + any(12 - least));
		fill(bytes[i], texts[i].len, letters);
	}
	return n;
}

/* Few letters, so that windows come often, and such as have their lower bits in common. */
static void check_random(enum literals_way way, const char *letters, unsigned *n_found,
			 unsigned *n_missed)
{
	char bytes[LITERALS_MAX][12], body[1200];
	struct slice texts[LITERALS_MAX];
	/* In some bodies there are bytes that no text has, beyond ASCII, too. */
	static const char others[] = "ab\xe1\xc0q\xb1";
	unsigned n = make_texts(texts, bytes, letters, way);
	struct literals *l = literals_create(texts, n, way);
	assert_non_null(l);
	for (unsigned k = 0; k < 50; k++) {
		size_t len = any(k % 5 ? 200 : sizeof(body));
		fill(body, len, letters);
		for (unsigned i = 0; len && i < k % 7; i++)
			body[any((unsigned)len)] = others[any(sizeof(others) - 1)];
		uint64_t want = find_slowly(texts, n, slice_of(body, len));
		assert_int_equal(find_in_copy(l, body, len, letters), want);
		*n_found += (unsigned)__builtin_popcountll(want);
		*n_missed += n - (unsigned)__builtin_popcountll(want);
	}
	literals_destroy(l);
}

static void random_texts_are_found_as_memmem_does(void **state)
{
	static const char *const wide[] = {"ab", "aA!\xe1", "abcdefgh", "\x80@\xc0"};
	static const char *const narrow[] = {"ab", "aA!q", "abcdefgh", "-mM="};
	for (unsigned w = 0; w < 2; w++) {
		unsigned n_found = 0, n_missed = 0;
		if (!can(ways[w]))
			continue;
		for (unsigned round = 0; round < 300; round++)
			check_random(ways[w], (w ? narrow : wide)[round % 4], &n_found, &n_missed);
		assert_true(n_found > 1000 && n_missed > 1000);
	}
}

/* Bodies with less than a padding between them, or more, cut out of one buffer of texts: what
 * stands in two of them, or between them, is in none.
 */
static void bodies_one_behind_the_other_have_what_is_theirs(void **state)
{
	static const char letters[] = "abcdefgh";
	char bytes[LITERALS_MAX][12];
	struct slice texts[LITERALS_MAX];
	struct frame frames[BATCH_RECS_MAX];
	uint64_t found[BATCH_RECS_MAX];
	for (unsigned round = 0; round < 600; round++) {
		enum literals_way way = ways[round % 2];
		if (!can(way))
			continue;
		unsigned n = make_texts(texts, bytes, letters, way), n_frames = 0;
		struct literals *l = literals_create(texts, n, way);
		size_t len = any(6000), gap_max = round % 3 ? 5 : 90;
		char *buf = malloc(len + SL_PAD);
		assert_true(l && buf);
		fill(buf, len + SL_PAD, letters);
		for (size_t at = any(9); at < len && n_frames < BATCH_RECS_MAX;
		     at += any(gap_max)) {
			size_t body = any(round % 5 ? 160 : 12);
			body = body < len - at ? body : len - at;
			frames[n_frames++] = (struct frame){.body = slice_of(buf + at, body)};
			at += body;
		}
		bool some = false;
		bool told = literals_find(l, frames, n_frames, found);
		for (unsigned i = 0; i < n_frames; i++) {
			some |= found[i] != 0;
			assert_int_equal(found[i], find_slowly(texts, n, frames[i].body));
		}
		assert_int_equal(told, some);
		literals_destroy(l);
		free(buf);
	}
}

static void a_text_is_found_at_each_place_of_a_body_of_each_length(void **state)
{
	static const struct slice texts[] = {SLICE_LIT("deadlock"), SLICE_LIT("oom!"),
					     SLICE_LIT("x<\xc3\xa9")};
	static const struct slice narrow[] = {SLICE_LIT("deadlock"), SLICE_LIT("oom!"),
					      SLICE_LIT("x<ab\xc3\xa9")};
	char body[700];
	for (unsigned w = 0; w < 2; w++) {
		struct literals *l;
		if (!can(ways[w]))
			continue;
		assert_true(literals_can(w ? narrow : texts, 3, ways[w]));
		assert_non_null(l = literals_create(w ? narrow : texts, 3, ways[w]));
		for (size_t len = 8; len <= sizeof(body); len += len < 200 ? 1 : 37) {
			for (size_t at = 0; at + 8 <= len; at++) {
				memset(body, '.', len);
				memcpy(body + at, "deadlock", 8);
				assert_int_equal(find_in_copy(l, body, len, "\xff"), 1);
				memcpy(body + at, ".....oom", 8);
				assert_int_equal(find_in_copy(l, body, len, "!"), 0);
				memcpy(body + at, "....oom!", 8);
				assert_int_equal(find_in_copy(l, body, len, "\xff"), 2);
				memcpy(body + at, w ? "..x<ab\xc3\xa9" : "....x<\xc3\xa9", 8);
				assert_int_equal(find_in_copy(l, body, len, "x<\xc3"), 4);
			}
		}
		literals_destroy(l);
	}
}

/* A text of it is a candidate wherever a body has the byte. */
static void texts_that_are_everywhere_are_not_taken(void **state)
{
	static const struct slice common[] = {SLICE_LIT("deadlock"), SLICE_LIT("e")};
	static const struct slice empty[] = {SLICE_LIT("deadlock"), SLICE_LIT("")};
	struct slice many[LITERALS_MAX + 1];
	for (unsigned i = 0; i <= LITERALS_MAX; i++)
		many[i] = common[0];
	for (unsigned w = 0; w < 2; w++) {
		assert_false(literals_can(common, 2, ways[w]));
		assert_false(literals_can(empty, 2, ways[w]));
		assert_false(literals_can(many, LITERALS_MAX + 1, ways[w]));
		assert_false(literals_can(many, 0, ways[w]));
		if (can(ways[w]))
			assert_true(literals_can(many, LITERALS_MAX, ways[w]));
	}
}

/* Its tables know nothing of bytes beyond ASCII, nor of a place that may hold any byte. */
static void avx2_takes_no_text_that_is_short_or_beyond_ascii(void **state)
{
	static const struct slice texts[] = {SLICE_LIT("xyz"),
					     SLICE_LIT("\xe6\x97\xa5\xe6\x9c\xac")};
	for (unsigned i = 0; i < 2; i++)
		assert_false(literals_can(&texts[i], 1, LITERALS_NARROW));
	if (can(LITERALS_WIDE))
		assert_true(literals_can(&texts[1], 1, LITERALS_WIDE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_texts_are_found_as_memmem_does),
		cmocka_unit_test(bodies_one_behind_the_other_have_what_is_theirs),
		cmocka_unit_test(a_text_is_found_at_each_place_of_a_body_of_each_length),
		cmocka_unit_test(texts_that_are_everywhere_are_not_taken),
		cmocka_unit_test(avx2_takes_no_text_that_is_short_or_beyond_ascii),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
