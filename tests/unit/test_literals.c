#include "tests/unit/random.h"
#include "tests/unit/unit.h"

#include "dataplane/match/literals.h"

static bool can(void)
{
	const struct slice text = SLICE_LIT("deadlock");
	bool can = literals_can(&text, 1);
	if (!can)
		print_message("this processor has no AVX-512 VBMI: Hyperscan looks for texts\n");
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

/* A copy of the body that ends where its memory does. */
static uint64_t find_in_copy(const struct literals *l, const char *body, size_t len)
{
	char *copy = malloc(len ? len : 1);
	assert_non_null(copy);
	memcpy(copy, body, len);
	uint64_t found = literals_find(l, slice_of(copy, len));
	free(copy);
	return found;
}

static void fill(char *out, size_t len, const char *letters)
{
	for (size_t i = 0; i < len; i++)
		out[i] = letters[any((unsigned)strlen(letters))];
}

/* Few letters, so that windows come often, and such as have their six lower bits in common. */
static void random_texts_are_found_as_memmem_does(void **state)
{
	static const char *const alphabets[] = {"ab", "aA!\xe1", "abcdefgh", "\x80@\xc0"};
	if (!can())
		return;
	unsigned n_found = 0, n_missed = 0;
	for (unsigned round = 0; round < 400; round++) {
		const char *letters = alphabets[round % 4];
		unsigned n = 1 + any(LITERALS_MAX);
		char bytes[LITERALS_MAX][12], body[1200];
		struct slice texts[LITERALS_MAX];
		for (unsigned i = 0; i < n; i++) {
			texts[i] = slice_of(bytes[i], 1 + any(sizeof(bytes[i])));
			fill(bytes[i], texts[i].len, letters);
		}
		struct literals *l = literals_create(texts, n);
		assert_non_null(l);
		for (unsigned k = 0; k < 50; k++) {
			size_t len = any(k % 5 ? 200 : sizeof(body));
			fill(body, len, letters);
			uint64_t want = find_slowly(texts, n, slice_of(body, len));
			assert_int_equal(find_in_copy(l, body, len), want);
			n_found += (unsigned)__builtin_popcountll(want);
			n_missed += n - (unsigned)__builtin_popcountll(want);
		}
		literals_destroy(l);
	}
	assert_true(n_found > 1000 && n_missed > 1000);
}

static void a_text_is_found_at_each_place_of_a_body_of_each_length(void **state)
{
	static const struct slice texts[] = {SLICE_LIT("deadlock"), SLICE_LIT("oom"),
					     SLICE_LIT("x")};
	char body[700];
	if (!can())
		return;
	struct literals *l = literals_create(texts, 3);
	assert_non_null(l);
	for (size_t len = 8; len <= sizeof(body); len += len < 200 ? 1 : 37) {
		for (size_t at = 0; at + 8 <= len; at++) {
			memset(body, '.', len);
			memcpy(body + at, "deadlock", 8);
			assert_int_equal(find_in_copy(l, body, len), 1);
			memcpy(body + at, "......om", 8);
			assert_int_equal(find_in_copy(l, body, len), 0);
			memcpy(body + at, ".....oom", 8);
			assert_int_equal(find_in_copy(l, body, len), 2);
			body[at + 7] = 'x';
			assert_int_equal(find_in_copy(l, body, len), 4);
		}
	}
	literals_destroy(l);
}

/* A text of it is a candidate wherever a body has the byte. */
static void texts_that_are_everywhere_are_not_taken(void **state)
{
	static const struct slice common[] = {SLICE_LIT("deadlock"), SLICE_LIT("e")};
	static const struct slice empty[] = {SLICE_LIT("deadlock"), SLICE_LIT("")};
	struct slice many[LITERALS_MAX + 1];
	for (unsigned i = 0; i <= LITERALS_MAX; i++)
		many[i] = common[0];
	assert_false(literals_can(common, 2));
	assert_false(literals_can(empty, 2));
	assert_false(literals_can(many, LITERALS_MAX + 1));
	assert_false(literals_can(many, 0));
	if (can())
		assert_true(literals_can(many, LITERALS_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_texts_are_found_as_memmem_does),
		cmocka_unit_test(a_text_is_found_at_each_place_of_a_body_of_each_length),
		cmocka_unit_test(texts_that_are_everywhere_are_not_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
