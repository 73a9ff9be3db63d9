/* charset_tables.c - writes parsers/mysql's tables of character sets as C, when sluice is built.
 *
 *     charset_tables >charset_tables_made.c
 *
 * What iconv says of each character, and what the servers say otherwise. At run time nothing is
 * asked of iconv: half a million questions would be a third of a short replay.
 */
#include <iconv.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "parsers/mysql/charset_wide.h"

#define PAIRS 65536

/* As struct wide has them, to be filled. */
struct tables {
	uint16_t one[256], two[PAIRS], extra[PAIRS];
	bool has_two, has_extra, ascii;
};

static struct tables sets[MYSQL_N_CS];

static const struct source {
	uint8_t cs;
	const char *iconv;
} sources[] = {
	{MYSQL_CS_LATIN1, "CP1252"},       {MYSQL_CS_LATIN2, "ISO-8859-2"},
	{MYSQL_CS_LATIN5, "ISO-8859-9"},   {MYSQL_CS_LATIN7, "ISO-8859-13"},
	{MYSQL_CS_CP1250, "CP1250"},       {MYSQL_CS_CP1251, "CP1251"},
	{MYSQL_CS_CP1256, "CP1256"},       {MYSQL_CS_CP1257, "CP1257"},
	{MYSQL_CS_CP850, "CP850"},         {MYSQL_CS_CP852, "CP852"},
	{MYSQL_CS_CP866, "CP866"},         {MYSQL_CS_DEC8, "DEC-MCS"},
	{MYSQL_CS_HP8, "HP-ROMAN8"},       {MYSQL_CS_KOI8R, "KOI8-R"},
	{MYSQL_CS_KOI8U, "KOI8-U"},        {MYSQL_CS_SWE7, "SEN_850200_C"},
	{MYSQL_CS_HEBREW, "ISO-8859-8"},   {MYSQL_CS_GREEK, "ISO-8859-7"},
	{MYSQL_CS_TIS620, "TIS-620"},      {MYSQL_CS_ARMSCII8, "ARMSCII-8"},
	{MYSQL_CS_GEOSTD8, "GEORGIAN-PS"}, {MYSQL_CS_MACCE, "MAC-CENTRALEUROPE"},
	{MYSQL_CS_MACROMAN, "MACINTOSH"},  {MYSQL_CS_BIG5, "BIG5"},
	{MYSQL_CS_GB2312, "EUC-CN"},       {MYSQL_CS_GBK, "GBK"},
	{MYSQL_CS_GB18030, "GB18030"},     {MYSQL_CS_EUCKR, "UHC"},
	{MYSQL_CS_SJIS, "SJIS"},           {MYSQL_CS_CP932, "CP932"},
	{MYSQL_CS_UJIS, "EUC-JP"},         {MYSQL_CS_EUCJPMS, "EUC-JP-MS"},
	{MYSQL_CS_KEYBCS2, "CP437"},
};

/* The Kamenicky encoding: the letters from 0x80 on; then the frames and signs of CP437. */
static const uint16_t keybcs2_letters[48] = {
	0x10c, 0xfc,  0xe9,  0x10f, 0xe4,  0x10e, 0x164, 0x10d, 0x11b, 0x11a, 0x139, 0xcd,
	0x13e, 0x13a, 0xc4,  0xc1,  0xc9,  0x17e, 0x17d, 0xf4,  0xf6,  0xd3,  0x16f, 0xda,
	0xfd,  0xd6,  0xdc,  0x160, 0x13d, 0xdd,  0x158, 0x165, 0xe1,  0xed,  0xf3,  0xfa,
	0x148, 0x147, 0x16e, 0xd4,  0x161, 0x159, 0x155, 0x154, 0xbc,  0xa1,  0xab,  0xbb,
};

/* Where the tables of the servers are not those of iconv: @n characters from @from on, in the order
 * of the set, behind 0x8f if @third.
 */
static const struct own {
	uint8_t cs;
	bool third;
	uint16_t from, n, unicode;
} owns[] = {
	{MYSQL_CS_CP866, false, 0xfc, 1, 0x207f},    {MYSQL_CS_CP866, false, 0xfd, 1, 0xb2},
	{MYSQL_CS_DEC8, false, 0xa0, 1, 0xa0},       {MYSQL_CS_KOI8U, false, 0x95, 1, 0x2022},
	{MYSQL_CS_SWE7, false, 0x24, 1, 0x24},       {MYSQL_CS_HEBREW, false, 0xaf, 1, 0x203e},
	{MYSQL_CS_GREEK, false, 0xa1, 1, 0x2bd},     {MYSQL_CS_GREEK, false, 0xa2, 1, 0x2bc},
	{MYSQL_CS_TIS620, false, 0x80, 32, 0x80},    {MYSQL_CS_ARMSCII8, false, 0xa1, 1, 0x2741},
	{MYSQL_CS_ARMSCII8, false, 0xa2, 1, 0xa7},   {MYSQL_CS_ARMSCII8, false, 0xad, 1, 0x55f},
	{MYSQL_CS_ARMSCII8, false, 0xfe, 1, 0x2019}, {MYSQL_CS_ARMSCII8, false, 0xff, 1, 0x27},
	{MYSQL_CS_GEOSTD8, false, 0x80, 1, 0x20ac},  {MYSQL_CS_GEOSTD8, false, 0xfd, 1, 0x2116},
	{MYSQL_CS_MACROMAN, false, 0xc6, 1, 0x2206}, {MYSQL_CS_MACROMAN, false, 0xf0, 1, 0xf8ff},
	{MYSQL_CS_BIG5, false, 0xa145, 1, 0x2022},   {MYSQL_CS_BIG5, false, 0xa14e, 1, 0xff64},
	{MYSQL_CS_BIG5, false, 0xa1c2, 1, 0x203e},   {MYSQL_CS_BIG5, false, 0xa1e3, 1, 0x223c},
	{MYSQL_CS_BIG5, false, 0xa1f2, 1, 0x2641},   {MYSQL_CS_BIG5, false, 0xa1f3, 1, 0x2609},
	{MYSQL_CS_BIG5, false, 0xa241, 1, 0xff0f},   {MYSQL_CS_BIG5, false, 0xa242, 1, 0xff3c},
	{MYSQL_CS_BIG5, false, 0xa244, 1, 0xa5},     {MYSQL_CS_BIG5, false, 0xa246, 2, 0xa2},
	{MYSQL_CS_BIG5, false, 0xc6a1, 1, 0x30fe},   {MYSQL_CS_BIG5, false, 0xc6a2, 2, 0x309d},
	{MYSQL_CS_BIG5, false, 0xc6a4, 1, 0x3005},   {MYSQL_CS_BIG5, false, 0xc6a5, 83, 0x3041},
	{MYSQL_CS_BIG5, false, 0xc6f8, 86, 0x30a1},  {MYSQL_CS_BIG5, false, 0xc7b1, 2, 0x414},
	{MYSQL_CS_BIG5, false, 0xc7b3, 1, 0x401},    {MYSQL_CS_BIG5, false, 0xc7b4, 7, 0x416},
	{MYSQL_CS_BIG5, false, 0xc7bb, 19, 0x423},   {MYSQL_CS_BIG5, false, 0xc7ce, 1, 0x451},
	{MYSQL_CS_BIG5, false, 0xc7cf, 26, 0x436},   {MYSQL_CS_BIG5, false, 0xc7e9, 10, 0x2460},
	{MYSQL_CS_BIG5, false, 0xc7f3, 10, 0x2474},  {MYSQL_CS_SJIS, false, 0x815f, 1, 0x5c},
	{MYSQL_CS_UJIS, false, 0xa1c0, 1, 0x5c},     {MYSQL_CS_UJIS, false, 0xf5a1, 940, 0xe000},
	{MYSQL_CS_UJIS, true, 0xa2b7, 1, 0x7e},      {MYSQL_CS_UJIS, true, 0xf5a1, 940, 0xe3ac},
};

/* One character of @n bytes as a UTF-16 unit, or 0 when it is none or not just one. */
static uint16_t ask(iconv_t cd, const uint8_t *bytes, size_t n)
{
	uint8_t out[16];
	char *in = (char *)(uintptr_t)bytes, *o = (char *)out;
	size_t in_left = n, out_left = sizeof(out);
	size_t r = iconv(cd, &in, &in_left, &o, &out_left);
	bool whole = r == 0 && in_left == 0;
	if (whole && iconv(cd, NULL, NULL, &o, &out_left) == (size_t)-1)
		whole = false;
	if (!whole)
		iconv(cd, NULL, NULL, NULL, NULL);
	if (!whole || sizeof(out) - out_left != 2)
		return 0;
	uint16_t unit = (uint16_t)(out[0] | out[1] << 8);
	return unit == 0xfffd ? 0 : unit;
}

static void ask_pairs(iconv_t cd, const struct tables *w, const uint8_t *lead3, uint16_t *two)
{
	uint8_t b[3] = {lead3 ? *lead3 : 0};
	uint8_t *pair = lead3 ? b + 1 : b;
	for (unsigned hi = 0x81; hi <= 0xfe; hi++) {
		if (!lead3 && w->one[hi])
			continue;
		for (unsigned lo = 0x40; lo <= 0xfe; lo++) {
			pair[0] = (uint8_t)hi;
			pair[1] = (uint8_t)lo;
			two[hi << 8 | lo] = ask(cd, b, lead3 ? 3 : 2);
		}
	}
}

static void ask_gb18030(iconv_t cd, uint16_t *forms)
{
	for (unsigned i = 0; i < GB_BMP_FORMS; i++) {
		uint8_t b[4] = {(uint8_t)(0x81 + i / 12600), (uint8_t)(0x30 + i / 1260 % 10),
				(uint8_t)(0x81 + i / 10 % 126), (uint8_t)(0x30 + i % 10)};
		forms[i] = ask(cd, b, 4);
	}
}

static void build(struct tables *w, enum mysql_charset cs, iconv_t cd)
{
	static const uint8_t ss3 = 0x8f;
	bool three = cs == MYSQL_CS_UJIS || cs == MYSQL_CS_EUCJPMS;
	for (unsigned i = 0; i < 256; i++) {
		uint8_t b = (uint8_t)i;
		w->one[i] = ask(cd, &b, 1);
	}
	w->ascii = cs != MYSQL_CS_SWE7;
	for (unsigned i = 0; w->ascii && i < 128; i++)
		w->one[i] = (uint16_t)i;
	if (cs < MYSQL_CS_BIG5)
		return;
	w->has_two = true;
	w->has_extra = three || cs == MYSQL_CS_GB18030;
	for (unsigned i = 0x80; i < 256; i++)
		w->one[i] = (cs == MYSQL_CS_SJIS || cs == MYSQL_CS_CP932) ? w->one[i] : 0;
	ask_pairs(cd, w, NULL, w->two);
	if (three)
		ask_pairs(cd, w, &ss3, w->extra);
	else if (w->has_extra)
		ask_gb18030(cd, w->extra);
}

/* The character behind @at in the order of @cs. */
static uint16_t next_in_order(enum mysql_charset cs, unsigned at)
{
	bool big5 = cs == MYSQL_CS_BIG5;
	at++;
	if (big5 && (at & 0xff) == 0x7f)
		at += 0xa1 - 0x7f;
	if (at > 0xff && (at & 0xff) == 0xff)
		at += big5 ? 0x41 : 0xa2;
	return (uint16_t)at;
}

static void put_owns(void)
{
	for (const struct own *own = owns; own < owns + sizeof(owns) / sizeof(owns[0]); own++) {
		struct tables *w = &sets[own->cs];
		uint16_t *to = own->third ? w->extra : own->from > 0xff ? w->two : w->one;
		uint16_t at = own->from;
		for (unsigned i = 0; i < own->n; i++) {
			to[at] = (uint16_t)(own->unicode + i);
			at = next_in_order((enum mysql_charset)own->cs, at);
		}
	}
	/* MySQL's latin1 is CP1252 whose holes are the control characters of ISO 8859-1. */
	for (unsigned i = 0x80; i < 0xa0; i++)
		if (!sets[MYSQL_CS_LATIN1].one[i])
			sets[MYSQL_CS_LATIN1].one[i] = (uint16_t)i;
	for (unsigned i = 0; i < 48; i++)
		sets[MYSQL_CS_KEYBCS2].one[0x80 + i] = keybcs2_letters[i];
	for (unsigned i = 0; i < 128; i++)
		sets[MYSQL_CS_ASCII].one[i] = (uint16_t)i;
	sets[MYSQL_CS_ASCII].ascii = true;
}

static void write_units(const uint16_t *units, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		printf("%u,%s", units[i], i % 32 == 31 ? "\n" : "");
}

static void write_pairs(const char *name, unsigned cs, const uint16_t *units)
{
	printf("static const uint16_t %s_%u[%u] = {\n", name, cs, PAIRS);
	write_units(units, PAIRS);
	printf("};\n");
}

static void write_sets(void)
{
	printf("#include \"parsers/mysql/charset_wide.h\"\n\n");
	for (unsigned i = 0; i < MYSQL_N_CS; i++) {
		if (sets[i].has_two)
			write_pairs("two", i, sets[i].two);
		if (sets[i].has_extra)
			write_pairs("extra", i, sets[i].extra);
	}
	printf("const struct mysql_charsets mysql_charsets = {.set = {\n");
	for (unsigned i = 0; i < MYSQL_N_CS; i++) {
		printf("[%u] = {.ascii = %d,\n.one = {", i, sets[i].ascii);
		write_units(sets[i].one, 256);
		printf("},\n");
		if (sets[i].has_two)
			printf(".two = two_%u,\n", i);
		if (sets[i].has_extra)
			printf(".extra = extra_%u,\n", i);
		printf("},\n");
	}
	printf("}};\n");
}

int main(void)
{
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		iconv_t cd = iconv_open("UTF-16LE", sources[i].iconv);
		if (cd == (iconv_t)-1) {
			fprintf(stderr, "iconv does not know the character set %s\n",
				sources[i].iconv);
			return 1;
		}
		build(&sets[sources[i].cs], (enum mysql_charset)sources[i].cs, cd);
		iconv_close(cd);
	}
	put_owns();
	write_sets();
	return fflush(stdout) != 0;
}
