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

static void make_text(uint8_t *text, size_t len, const char *bytes, unsigned n_bytes)
{
	for (size_t k = 0; k < len; k++)
		text[k] = (uint8_t)bytes[any(n_bytes)];
}

static void ends_are_found_where_they_are_by_hand_at_all_lengths(void **state)
{
	static const char bytes[] = "\n\n\0\1\x0b\x8a\x80"
				    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	uint8_t text[8192];
	for (unsigned i = 0; i < 1500; i++) {
		size_t len = i < 300 ? i : any(sizeof(text));
		make_text(text, len, bytes, i % 3 ? sizeof(bytes) - 1 : 5);
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

/* A copy in two parts, from buffers of their own length, has the same bytes and ends. */
static void copy_and_walk(const uint8_t *text, size_t len, size_t head, enum line_way way)
{
	static uint8_t to[8192 + SL_PAD];
	struct line_ends e;
	uint8_t *parts[2] = {malloc(head ? head : 1), malloc(len - head ? len - head : 1)};
	memcpy(parts[0], text, head);
	memcpy(parts[1], text + head, len - head);
	line_ends_begin(&e, to);
	line_ends_copy(&e, way, to, parts[0], head, NULL);
	line_ends_copy(&e, way, to + head, parts[1], len - head, to);
	assert_memory_equal(to, text, len);
	for (const uint8_t *p = to; p <= to + len; p++)
		assert_ptr_equal(line_ends_next(&e, p, to + len), next_by_hand(p, to + len));
	free(parts[0]);
	free(parts[1]);
}

static void look_by_hand(const uint8_t *text, size_t len, enum line_way way)
{
	struct line_ends e;
	uint8_t *copy = malloc(len ? len : 1);
	memcpy(copy, text, len);
	line_ends_look(&e, way, copy, copy + len);
	const uint8_t *p = copy;
	for (unsigned i = 0; i < e.n; i++, p++) {
		p = next_by_hand(p, e.looked);
		assert_ptr_equal(e.begin + e.at[i], p);
	}
	assert_null(next_by_hand(p, e.looked));
	assert_true(e.looked == copy + len || e.n > 0);
	free(copy);
}

static void every_way_of_a_look_and_of_a_copy_finds_the_same_ends(void **state)
{
	static const char bytes[] = "\n\0\1\x0b\x8a\x80"
				    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	uint8_t text[8192];
	for (unsigned i = 0; i < 500; i++) {
		size_t len = i < 300 ? i : any(sizeof(text));
		make_text(text, len, bytes, i % 3 ? sizeof(bytes) - 1 : 4);
		size_t head = len ? any((unsigned)(len < 200 ? len : 200)) : 0;
		for (int way = LINE_PLAIN; way <= (int)line_ends_way(); way++) {
			copy_and_walk(text, len, head, (enum line_way)way);
			look_by_hand(text, len, (enum line_way)way);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_are_found_where_they_are_by_hand_at_all_lengths),
		cmocka_unit_test(a_text_without_ends_has_none_and_is_looked_at_once),
		cmocka_unit_test(more_ends_than_one_look_holds_are_found_by_the_next),
		cmocka_unit_test(every_way_of_a_look_and_of_a_copy_finds_the_same_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
