#include <iconv.h>

#include "mysql_events.h"

static void expect(enum mysql_charset cs, const char *hex, const char *utf8, bool want_invalid)
{
	uint8_t in[256], out[1024];
	bool invalid = false;
	size_t n = hex_read(hex, in);
	size_t len = mysql_charset_put(&mysql_charsets, cs, slice_of(in, n), out, &invalid);
	out[len] = 0;
	assert_string_equal((char *)out, utf8);
	assert_int_equal(invalid, want_invalid);
	assert_true(len <= n * MYSQL_UTF8_FACTOR);
}

/* canal#4345, canal#610, go-mysql#451, maxwell#2151: latin1 and GBK garbled. */
static void text_of_every_kind_of_set_becomes_utf8(void **state)
{
	expect(MYSQL_CS_LATIN1, "61e980", "a\xc3\xa9\xe2\x82\xac", false);
	expect(MYSQL_CS_LATIN1, "819d", "\xc2\x81\xc2\x9d", false); /* holes of CP1252 */
	expect(MYSQL_CS_GBK, "c4e3bac361",
	       "\xe4\xbd\xa0\xe5\xa5\xbd"
	       "a",
	       false);
	expect(MYSQL_CS_GB2312, "c4e3", "\xe4\xbd\xa0", false);
	expect(MYSQL_CS_GB18030, "c4e3 8139ef30 90308130",
	       "\xe4\xbd\xa0\xe3\x90\x81\xf0\x90\x80\x80", false);
	expect(MYSQL_CS_BIG5, "a741a66e", "\xe4\xbd\xa0\xe5\xa5\xbd", false);
	expect(MYSQL_CS_SJIS, "83658358 5c b1", "\xe3\x83\x86\xe3\x82\xb9\\\xef\xbd\xb1", false);
	expect(MYSQL_CS_CP932, "8740", "\xe2\x91\xa0", false);
	expect(MYSQL_CS_UJIS, "a5c6 8fb0a1 8eb1", "\xe3\x83\x86\xe4\xb8\x82\xef\xbd\xb1", false);
	expect(MYSQL_CS_EUCJPMS, "ada1", "\xe2\x91\xa0", false);
	expect(MYSQL_CS_EUCKR, "b0a1 8141", "\xea\xb0\x80\xea\xb0\x82", false);
	expect(MYSQL_CS_KOI8R, "c1c2", "\xd0\xb0\xd0\xb1", false);
	expect(MYSQL_CS_CP1251, "e0e1", "\xd0\xb0\xd0\xb1", false);
	expect(MYSQL_CS_SWE7, "5b5c5d", "\xc3\x84\xc3\x96\xc3\x85", false);
	expect(MYSQL_CS_KEYBCS2, "8087 c4 fd", "\xc4\x8c\xc4\x8d\xe2\x94\x80\xc2\xb2", false);
	expect(MYSQL_CS_TIS620, "a1", "\xe0\xb8\x81", false);
	expect(MYSQL_CS_UCS2, "00e90061",
	       "\xc3\xa9"
	       "a",
	       false);
	expect(MYSQL_CS_UTF16, "d83dde00", "\xf0\x9f\x98\x80", false);
	expect(MYSQL_CS_UTF16LE, "3dd800de", "\xf0\x9f\x98\x80", false);
	expect(MYSQL_CS_UTF32, "0001f600", "\xf0\x9f\x98\x80", false);
	expect(MYSQL_CS_UTF8, "c3a9ff", "\xc3\xa9\xff", false);
}

/* As MariaDB 10.11 converts them, not as iconv does. */
static void characters_are_those_of_the_servers_tables(void **state)
{
	expect(MYSQL_CS_CP866, "fcfd", "\xe2\x81\xbf\xc2\xb2", false);
	expect(MYSQL_CS_DEC8, "a0", "\xc2\xa0", false);
	expect(MYSQL_CS_KOI8U, "95", "\xe2\x80\xa2", false);
	expect(MYSQL_CS_SWE7, "24", "$", false);
	expect(MYSQL_CS_HEBREW, "af", "\xe2\x80\xbe", false);
	expect(MYSQL_CS_GREEK, "a1", "\xca\xbd", false);
	expect(MYSQL_CS_TIS620, "809f", "\xc2\x80\xc2\x9f", false);
	expect(MYSQL_CS_ARMSCII8, "a2adfe", "\xc2\xa7\xd5\x9f\xe2\x80\x99", false);
	expect(MYSQL_CS_GEOSTD8, "80fd", "\xe2\x82\xac\xe2\x84\x96", false);
	expect(MYSQL_CS_MACROMAN, "c6", "\xe2\x88\x86", false);
	expect(MYSQL_CS_KEYBCS2, "acadaeaf", "\xc2\xbc\xc2\xa1\xc2\xab\xc2\xbb", false);
	expect(MYSQL_CS_BIG5, "a145 c6a5 c6f7 c7b0 c7b3 c7fc",
	       "\xe2\x80\xa2\xe3\x81\x81\xe3\x82\x93\xe3\x83\xb6\xd0\x81\xe2\x91\xbd", false);
	expect(MYSQL_CS_SJIS, "815f", "\\", false);
	expect(MYSQL_CS_UJIS, "a1c0 f5a1 fefe 8fa2b7 8ff5a1",
	       "\\\xee\x80\x80\xee\x8e\xab~\xee\x8e\xac", false);
}

static void what_means_nothing_becomes_a_replacement(void **state)
{
	expect(MYSQL_CS_ASCII, "61ff", "a\xef\xbf\xbd", true);
	expect(MYSQL_CS_GBK, "81", "\xef\xbf\xbd", true);
	expect(MYSQL_CS_GBK, "ff61",
	       "\xef\xbf\xbd"
	       "a",
	       true);
	expect(MYSQL_CS_UCS2, "d83dde00", "\xef\xbf\xbd\xef\xbf\xbd", true);
	expect(MYSQL_CS_UTF16, "d83d", "\xef\xbf\xbd", true);
	expect(MYSQL_CS_UTF16, "006100", "a\xef\xbf\xbd", true);
	expect(MYSQL_CS_UTF32, "00110000", "\xef\xbf\xbd", true);
	expect(MYSQL_CS_GB18030, "ff308130",
	       "\xef\xbf\xbd"
	       "0\xef\xbf\xbd"
	       "0",
	       true);
}

/* All that iconv knows of GBK, against the tables. */
static void tables_agree_with_iconv(void **state)
{
	static const struct {
		enum mysql_charset cs;
		const char *name;
	} sets_of[] = {{MYSQL_CS_GBK, "GBK"},
		       {MYSQL_CS_SJIS, "SJIS"},
		       {MYSQL_CS_UJIS, "EUC-JP"},
		       {MYSQL_CS_EUCKR, "UHC"},
		       {MYSQL_CS_CP1251, "CP1251"}};
	for (size_t i = 0; i < sizeof(sets_of) / sizeof(sets_of[0]); i++) {
		iconv_t cd = iconv_open("UTF-8", sets_of[i].name);
		for (unsigned v = 0x8140; v < 0xff00; v++) {
			uint8_t in[2] = {(uint8_t)(v >> 8), (uint8_t)v}, want[16], got[16];
			char *ip = (char *)in, *op = (char *)want;
			size_t in_left = 2, out_left = sizeof(want);
			bool known = iconv(cd, &ip, &in_left, &op, &out_left) != (size_t)-1;
			iconv(cd, NULL, NULL, NULL, NULL);
			bool invalid = false;
			size_t n = mysql_charset_put(&mysql_charsets, sets_of[i].cs,
						     slice_of(in, 2), got, &invalid);
			/* ASCII stays ASCII, whatever iconv thinks of a backslash; and ujis has no
			 * control characters above it.
			 */
			bool control = sets_of[i].cs == MYSQL_CS_UJIS &&
				       (in[0] < 0xa0 || (in[1] >= 0x80 && in[1] < 0xa0));
			bool backslash = sets_of[i].cs == MYSQL_CS_UJIS && v == 0xa1c0;
			if (!known || in[1] < 0x80 || control || backslash)
				continue;
			assert_false(invalid);
			assert_true(slice_eq(slice_of(got, n),
					     slice_of(want, sizeof(want) - out_left)));
		}
		iconv_close(cd);
	}
}

static void long_text_is_converted_piece_by_piece(void **state)
{
	uint8_t in[300], whole[1024], out[1024];
	bool invalid = false;
	for (size_t i = 0; i < 300; i += 2)
		memcpy(in + i, i % 20 ? "\xc4\xe3" : "ab", 2);
	size_t len = mysql_charset_put(&mysql_charsets, MYSQL_CS_GBK, slice_of(in, 300), whole,
				       &invalid);
	for (size_t cap = MYSQL_UTF8_MAX; cap < 40; cap++) {
		struct slice s = slice_of(in, 300);
		size_t n = 0;
		while (s.len) {
			size_t more = mysql_charset_some(&mysql_charsets, MYSQL_CS_GBK, &s, out + n,
							 cap, &invalid);
			assert_true(more > 0 && more <= cap);
			n += more;
		}
		assert_true(slice_eq(slice_of(out, n), slice_of(whole, len)));
	}
	assert_false(invalid);
}

static void collations_have_their_sets_in_both_servers(void **state)
{
	static const struct {
		unsigned collation;
		enum mysql_charset cs;
	} cases[] = {
		{0, MYSQL_CS_UNKNOWN},   {8, MYSQL_CS_LATIN1},    {28, MYSQL_CS_GBK},
		{33, MYSQL_CS_UTF8},     {45, MYSQL_CS_UTF8},     {63, MYSQL_CS_BINARY},
		{83, MYSQL_CS_UTF8},     {95, MYSQL_CS_CP932},    {101, MYSQL_CS_UTF16},
		{151, MYSQL_CS_UCS2},    {183, MYSQL_CS_UTF32},   {224, MYSQL_CS_UTF8},
		{248, MYSQL_CS_GB18030}, {255, MYSQL_CS_UTF8},    {323, MYSQL_CS_UTF8},
		{576, MYSQL_CS_UTF8},    {672, MYSQL_CS_UTF16},   {1032, MYSQL_CS_LATIN1},
		{1069, MYSQL_CS_UTF8},   {1087, MYSQL_CS_BINARY}, {2048, MYSQL_CS_UTF8},
		{2304, MYSQL_CS_UTF8},   {2816, MYSQL_CS_UTF16},  {65535, MYSQL_CS_UNKNOWN},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(mysql_charset_of(cases[i].collation), cases[i].cs);
}

static void sets_are_found_by_name(void **state)
{
	assert_int_equal(mysql_charset_by_name(SLICE_LIT("GBK")), MYSQL_CS_GBK);
	assert_int_equal(mysql_charset_by_name(SLICE_LIT("utf8")), MYSQL_CS_UTF8);
	assert_int_equal(mysql_charset_by_name(SLICE_LIT("utf8mb3")), MYSQL_CS_UTF8);
	assert_int_equal(mysql_charset_by_name(SLICE_LIT("klingon")), MYSQL_CS_UNKNOWN);
	for (int cs = MYSQL_CS_BINARY; cs < MYSQL_N_CS; cs++)
		assert_int_equal(mysql_charset_by_name(
					 slice_str(mysql_charset_name((enum mysql_charset)cs))),
				 cs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_of_every_kind_of_set_becomes_utf8),
		cmocka_unit_test(characters_are_those_of_the_servers_tables),
		cmocka_unit_test(what_means_nothing_becomes_a_replacement),
		cmocka_unit_test(tables_agree_with_iconv),
		cmocka_unit_test(long_text_is_converted_piece_by_piece),
		cmocka_unit_test(collations_have_their_sets_in_both_servers),
		cmocka_unit_test(sets_are_found_by_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
