#include "tests/unit/unit.h"

#include "dataplane/base/text.h"
#include "dataplane/extract/json.h"
#include "dataplane/rec/json_text.h"
#include "dataplane/sink/proto_put.h"

#define LEN_MAX 150

static void a_varint_of_35_bits_is_the_same_by_steps_and_by_bytes(void **state)
{
	for (unsigned bits = 0; bits < 36; bits++)
		for (int more = -1; more < 2; more++) {
			uint8_t want[PROTO_VARINT_MAX], got[PROTO_VARINT_MAX];
			uint64_t v =
				((1ull << bits) + (uint64_t)(int64_t)more) & ((1ull << 35) - 1);
			size_t len = (size_t)(proto_put_varint(want, v) - want);
			assert_int_equal(proto_put_varint35(got, v) - got, len);
			assert_int_equal(proto_varint_len(v), len);
			assert_memory_equal(got, want, len);
		}
}

/* What is written for @len bytes at @p, beside the same by what looks at each byte. */
static void check_text(const uint8_t *p, size_t len, enum proto_odd odd)
{
	uint8_t want[PROTO_VARINT_MAX + PROTO_TEXT_FACTOR * LEN_MAX], text[sizeof(want)];
	bool want_invalid = false, invalid = false;
	size_t n = odd == PROTO_ODD_WIDE ? json_text_repair(text, p, len, &want_invalid)
					 : json_unescape(text, slice_of(p, len));
	size_t n_want = (size_t)(proto_put_varint(want, n) - want);
	memcpy(want + n_want, text, n);
	n_want += n;
	uint8_t *out = malloc(PROTO_TEXT_FACTOR * len + PROTO_PUT_SLACK);
	assert_int_equal(proto_put_text(out, p, len, odd, &invalid) - out, n_want);
	assert_memory_equal(out, want, n_want);
	assert_int_equal(invalid, want_invalid);
	free(out);
}

/* An odd byte at each place of a text of each length, and one right behind it. */
static void text_of_each_length_is_looked_at_to_its_end_and_no_further(void **state)
{
	static const char *const odd[] = {"\xe9", "\xc3\xa9", "\xed\xa0\x80", "\\n", "\\u00e9"};
	uint8_t *p = malloc(LEN_MAX + SL_PAD);
	for (size_t len = 0; len <= LEN_MAX; len++)
		for (size_t at = 0; at <= len; at++)
			for (unsigned k = 0; k < 5; k++) {
				size_t n = strlen(odd[k]);
				if (at < len && at + n > len)
					continue;
				memset(p, 'a', LEN_MAX + SL_PAD);
				memcpy(p + at, odd[k], n);
				check_text(p, len, k < 3 ? PROTO_ODD_WIDE : PROTO_ODD_ESCAPE);
			}
	free(p);
}

static void times_are_the_same_by_words_and_by_bytes(void **state)
{
	static const int64_t seconds[] = {
		INT64_MIN / NS_PER_S, -1,      0,          1,
		(1 << 28) - 1,        1 << 28, 1795581796, INT64_MAX / NS_PER_S - 1};
	static const int64_t rests[] = {
		0, 1, 127, 128, (1 << 21) - 1, 1 << 21, (1 << 28) - 1, 1 << 28, NS_PER_S - 1};
	for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++)
		for (size_t k = 0; k < sizeof(rests) / sizeof(rests[0]); k++) {
			uint8_t want[64], got[64];
			int64_t ns = seconds[i] * NS_PER_S + rests[k];
			size_t len = (size_t)(proto_put_any_time(want, ns) - want);
			assert_int_equal(proto_put_time(got, ns) - got, len);
			assert_memory_equal(got, want, len);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_varint_of_35_bits_is_the_same_by_steps_and_by_bytes),
		cmocka_unit_test(text_of_each_length_is_looked_at_to_its_end_and_no_further),
		cmocka_unit_test(times_are_the_same_by_words_and_by_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
