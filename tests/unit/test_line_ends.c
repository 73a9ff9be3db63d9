#include "tests/unit/random.h"
#include "tests/unit/unit.h"

#include "dataplane/base/line_ends.h"

static const uint8_t *next_by_hand(const uint8_t *p, const uint8_t *end)
{
	while (p < end && *p != '\n' && *p != 0)
		p++;
	return p < end ? p : NULL;
}

/* In a buffer of its own length, asked for from @step bytes on and less. */
static void walk(const uint8_t *text, size_t len, unsigned step)
{
	uint8_t *copy = malloc(len ? len : 1);
	memcpy(copy, text, len);
	const uint8_t *p = copy, *end = copy + len;
	struct line_ends e = {0};
	while (p <= end) {
		assert_ptr_equal(line_ends_next(&e, p, end), next_by_hand(p, end));
		p += 1 + any(step);
	}
	free(copy);
}

static void ends_are_found_where_they_are_by_hand_at_all_lengths(void **state)
{
	static const char bytes[] = "\n\n\0\1\x0b\x8a\x80"
				    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	uint8_t text[8192];
	for (unsigned i = 0; i < 1500; i++) {
		size_t len = i < 300 ? i : any(sizeof(text));
		unsigned n_bytes = i % 3 ? sizeof(bytes) - 1 : 5;
		for (size_t k = 0; k < len; k++)
			text[k] = (uint8_t)bytes[any(n_bytes)];
		walk(text, len, i % 5 ? 3 : 200);
	}
}

static void a_text_without_ends_has_none_and_is_looked_at_once(void **state)
{
	static uint8_t text[100000];
	memset(text, 'a', sizeof(text));
	struct line_ends e = {0};
	assert_null(line_ends_next(&e, text, text + sizeof(text)));
	assert_ptr_equal(e.looked, text + sizeof(text));
	text[5] = '\n'; /* not seen: it was looked at already */
	assert_null(line_ends_next(&e, text, text + sizeof(text)));
}

static void more_ends_than_one_look_holds_are_found_by_the_next(void **state)
{
	uint8_t text[5 * LINE_ENDS_MAX + 3] = {0};
	const uint8_t *end = text + sizeof(text);
	struct line_ends e = {0};
	for (const uint8_t *p = text; p < end; p++)
		assert_ptr_equal(line_ends_next(&e, p, end), p);
	assert_null(line_ends_next(&e, end, end));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_are_found_where_they_are_by_hand_at_all_lengths),
		cmocka_unit_test(a_text_without_ends_has_none_and_is_looked_at_once),
		cmocka_unit_test(more_ends_than_one_look_holds_are_found_by_the_next),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
