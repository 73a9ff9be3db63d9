#include "tests/unit/unit.h"

#include "dataplane/rec/json_text.h"

/* Both forms, in memory that is exactly as long as their contracts say, so that ASan sees a byte
 * too far. The result belongs to the caller.
 */
static char *put(const void *p, size_t len, bool *ret_invalid)
{
	uint8_t *in = malloc(len + 1), *padded = calloc(1, len + SL_PAD);
	uint8_t *out = malloc(JSON_TEXT_FACTOR * len + 1);
	uint8_t *out_padded = malloc(JSON_TEXT_FACTOR * len + JSON_TEXT_SLACK);
	uint8_t *exact = in + 1; /* ends where the allocation ends */
	memcpy(exact, p, len);
	memcpy(padded, p, len);
	memset(padded + len, '"', SL_PAD); /* what lies behind must not matter */
	bool invalid = false, invalid_padded = false;
	size_t n = json_text_put(out, exact, len, &invalid);
	size_t n_padded = json_text_put_padded(out_padded, padded, len, &invalid_padded);
	assert_int_equal(n, n_padded);
	assert_memory_equal(out, out_padded, n);
	assert_int_equal(invalid, invalid_padded);
	assert_true(n <= JSON_TEXT_FACTOR * len);
	out[n] = 0;
	*ret_invalid = invalid;
	free(in);
	free(padded);
	free(out_padded);
	return (char *)out;
}

static void expect(const char *in, size_t len, const char *out, bool invalid)
{
	bool got_invalid;
	char *got = put(in, len, &got_invalid);
	assert_string_equal(got, out);
	assert_int_equal(got_invalid, invalid);
	free(got);
}

#define CLEAN(in, out)  expect(in, sizeof(in) - 1, out, false)
#define BROKEN(in, out) expect(in, sizeof(in) - 1, out, true)
#define FFFD            "\xef\xbf\xbd"

static void json_text_keeps_plain_ascii_and_del(void **state)
{
	CLEAN("", "");
	CLEAN("a", "a");
	CLEAN("0123456789abcde", "0123456789abcde");
	CLEAN("0123456789abcdef", "0123456789abcdef");
	CLEAN("0123456789abcdef/", "0123456789abcdef/");
	CLEAN("\x7f", "\x7f");
}

static void json_text_escapes_quotes_backslashes_and_control_characters(void **state)
{
	CLEAN("say \"hi\" \\ ", "say \\\"hi\\\" \\\\ ");
	CLEAN("\b\f\n\r\t", "\\b\\f\\n\\r\\t");
	CLEAN("\0\x01\x0b\x1f", "\\u0000\\u0001\\u000b\\u001f");
	CLEAN("0123456789abcdef\n0123456789abcdef\"", "0123456789abcdef\\n0123456789abcdef\\\"");
}

static void json_text_keeps_well_formed_utf8(void **state)
{
	CLEAN("\xc2\x80 \xdf\xbf", "\xc2\x80 \xdf\xbf");
	CLEAN("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf",
	      "\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf");
	CLEAN("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf");
	CLEAN("\xe7\x88\xb1\xe5\xa5\x87\xe8\x89\xba", "\xe7\x88\xb1\xe5\xa5\x87\xe8\x89\xba");
	/* U+2028 is legal in JSON, and U+FEFF is a character like others. */
	CLEAN("\xe2\x80\xa8\xef\xbb\xbf", "\xe2\x80\xa8\xef\xbb\xbf");
	/* U+FFFD that was sent is not a replacement of ours. */
	CLEAN(FFFD, FFFD);
}

/* Pains 15 and 16: one byte of latin1 or GBK must cost neither the event nor the JSON. */
static void one_invalid_byte_of_latin1_is_replaced_and_its_neighbours_stay(void **state)
{
	BROKEN("caf\xe9", "caf" FFFD);
	BROKEN("caf\xe9 au lait, tr\xe8s bon", "caf" FFFD " au lait, tr" FFFD "s bon");
	BROKEN("0123456789abcde\xff\"", "0123456789abcde" FFFD "\\\"");
}

static void text_in_gbk_is_replaced_and_stays_valid_json(void **state)
{
	/* Two characters: 0xb0 0xae, 0xc6 0xe6. 0xc6 and 0xe6 begin what does not go on. */
	BROKEN("\xb0\xae\xc6\xe6", FFFD FFFD FFFD FFFD);
}

static void overlong_forms_are_replaced_byte_by_byte(void **state)
{
	BROKEN("\xc0\xaf", FFFD FFFD);
	BROKEN("\xc1\x81", FFFD FFFD);
	BROKEN("\xe0\x80\xaf", FFFD FFFD FFFD);
	BROKEN("\xe0\x9f\xbf", FFFD FFFD FFFD);
	BROKEN("\xf0\x80\x80\xaf", FFFD FFFD FFFD FFFD);
	BROKEN("\xf0\x8f\xbf\xbf", FFFD FFFD FFFD FFFD);
}

static void surrogates_and_numbers_beyond_unicode_are_replaced(void **state)
{
	BROKEN("\xed\xa0\x80", FFFD FFFD FFFD);
	BROKEN("\xed\xbf\xbf", FFFD FFFD FFFD);
	BROKEN("\xf4\x90\x80\x80", FFFD FFFD FFFD FFFD);
	BROKEN("\xf5\x80", FFFD FFFD);
	BROKEN("\xfe\xff", FFFD FFFD);
}

static void a_truncated_sequence_becomes_one_replacement(void **state)
{
	BROKEN("\xe7\x88", FFFD);
	BROKEN("\xe7\x88x", FFFD "x");
	BROKEN("\xf0\x9f\x98", FFFD);
	BROKEN("\xf0\x9f\x98\"", FFFD "\\\"");
	BROKEN("\xf0\x9f\xe7\x88\xb1", FFFD "\xe7\x88\xb1");
	BROKEN("\xc3", FFFD);
	BROKEN("\xe7", FFFD);
	/* The example of the Unicode standard, table 3-8. */
	BROKEN("a\xf1\x80\x80\xe1\x80\xc2"
	       "b\x80"
	       "c\x80\xbf"
	       "d",
	       "a" FFFD FFFD FFFD "b" FFFD "c" FFFD FFFD "d");
}

/* The reference: decodes by value, knows nothing of ranges of second bytes. */
static size_t char_len(const uint8_t *p, size_t len)
{
	size_t n = p[0] < 0x80       ? 1
		   : p[0] >> 5 == 6  ? 2
		   : p[0] >> 4 == 14 ? 3
		   : p[0] >> 3 == 30 ? 4
				     : 0;
	if (n == 0 || n > len)
		return 0;
	uint32_t c = n == 1 ? p[0] : p[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if (p[i] >> 6 != 2)
			return 0;
		c = c << 6 | (p[i] & 63);
	}
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	return c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0 : n;
}

/* Could the first @k bytes begin a character? Tries what may follow them. */
static bool may_begin(const uint8_t *p, size_t k)
{
	for (size_t n = k + 1; n <= 4; n++)
		for (unsigned tail = 0x80; tail <= 0xbf; tail++) {
			uint8_t t[4];
			memset(t, (int)tail, 4);
			memcpy(t, p, k);
			if (char_len(t, n) == n)
				return true;
		}
	return false;
}

static size_t reference(uint8_t *out, const uint8_t *p, size_t len)
{
	size_t o = 0;
	for (size_t i = 0; i < len;) {
		size_t n = char_len(p + i, len - i);
		if (n) {
			memcpy(out + o, p + i, n);
			o += n;
			i += n;
			continue;
		}
		n = 1;
		while (n < 3 && i + n < len && may_begin(p + i, n + 1))
			n++;
		memcpy(out + o, FFFD, 3);
		o += 3;
		i += n;
	}
	return o;
}

static void compare_with_reference(const uint8_t *p, size_t len)
{
	uint8_t want[64 * 3], got[64 * JSON_TEXT_FACTOR];
	bool invalid = false;
	size_t n_want = reference(want, p, len);
	size_t n_got = json_text_put(got, p, len, &invalid);
	assert_int_equal(n_got, n_want);
	assert_memory_equal(got, want, n_want);
	assert_int_equal(invalid, n_want != len || memcmp(want, p, len) != 0);
}

/* Every pair of bytes, and every choice of four out of the bytes at which the rules change, at each
 * place of a vector.
 */
static void json_text_agrees_with_a_decoder_by_value(void **state)
{
	static const uint8_t edges[] = {0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
					0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee,
					0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff};
	const unsigned n = sizeof(edges);
	uint8_t p[32];
	for (unsigned a = 0x80; a < 256; a++)
		for (unsigned b = 0x80; b < 256; b++) {
			uint8_t two[2] = {(uint8_t)a, (uint8_t)b};
			compare_with_reference(two, 2);
		}
	for (unsigned i = 0; i < n * n * n * n; i++) {
		unsigned at = i % 29;
		memset(p, 'x', sizeof(p));
		p[at] = edges[i % n];
		p[at + 1] = edges[i / n % n];
		p[at + 2] = edges[i / n / n % n];
		if (at + 3 < sizeof(p))
			p[at + 3] = edges[i / n / n / n];
		compare_with_reference(p, at + 4 < sizeof(p) ? at + 4 : sizeof(p));
	}
}

static void a_mebibyte_of_text_is_escaped_whole(void **state)
{
	size_t len = 1u << 20;
	char *p = malloc(len);
	memset(p, '"', len);
	bool invalid;
	char *out = put(p, len, &invalid);
	assert_int_equal(strlen(out), 2 * len);
	free(out);
	memset(p, 1, len);
	out = put(p, len, &invalid);
	assert_int_equal(strlen(out), 6 * len);
	assert_false(invalid);
	free(out);
	free(p);
}

static void base64(const char *in, const char *out)
{
	uint8_t got[64];
	size_t len = strlen(in), n = json_base64_put(got, (const uint8_t *)in, len);
	assert_int_equal(n, 4 * ((len + 2) / 3));
	assert_int_equal(n, strlen(out));
	assert_memory_equal(got, out, n);
}

/* The vectors of RFC 4648, section 10, and the two digits that are not letters. */
static size_t base64_slowly(uint8_t *o, const uint8_t *p, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t n = 0;
	for (size_t i = 0; i < len; i += 3) {
		uint32_t w = 0;
		for (size_t k = 0; k < 3; k++)
			w = w << 8 | (i + k < len ? p[i + k] : 0);
		for (size_t k = 0; k < 4; k++)
			o[n++] = i + k <= len ? (uint8_t)digits[w >> (18 - 6 * k) & 63] : '=';
	}
	return n;
}

static void base64_of_any_bytes_and_length_is_that_of_one_step_at_a_time(void **state)
{
	uint32_t x = 1;
	uint8_t got[1000], want[1000];
	for (size_t len = 0; len < 700; len++) {
		uint8_t *bytes = malloc(len + 1);
		assert_non_null(bytes);
		for (size_t i = 0; i < len; i++)
			bytes[i] = (uint8_t)((x = x * 1664525u + 1013904223u) >> 24);
		size_t n = json_base64_put(got, bytes, len);
		assert_int_equal(n, base64_slowly(want, bytes, len));
		assert_memory_equal(got, want, n);
		free(bytes);
	}
}

static void base64_follows_rfc_4648(void **state)
{
	base64("", "");
	base64("f", "Zg==");
	base64("fo", "Zm8=");
	base64("foo", "Zm9v");
	base64("foob", "Zm9vYg==");
	base64("fooba", "Zm9vYmE=");
	base64("foobar", "Zm9vYmFy");
	base64("\xfb\xff\xbf", "+/+/");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_text_keeps_plain_ascii_and_del),
		cmocka_unit_test(json_text_escapes_quotes_backslashes_and_control_characters),
		cmocka_unit_test(json_text_keeps_well_formed_utf8),
		cmocka_unit_test(one_invalid_byte_of_latin1_is_replaced_and_its_neighbours_stay),
		cmocka_unit_test(text_in_gbk_is_replaced_and_stays_valid_json),
		cmocka_unit_test(overlong_forms_are_replaced_byte_by_byte),
		cmocka_unit_test(surrogates_and_numbers_beyond_unicode_are_replaced),
		cmocka_unit_test(a_truncated_sequence_becomes_one_replacement),
		cmocka_unit_test(json_text_agrees_with_a_decoder_by_value),
		cmocka_unit_test(a_mebibyte_of_text_is_escaped_whole),
		cmocka_unit_test(base64_follows_rfc_4648),
		cmocka_unit_test(base64_of_any_bytes_and_length_is_that_of_one_step_at_a_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
