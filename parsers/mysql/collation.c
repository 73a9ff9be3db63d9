/* The numbers and names of character sets: MySQL 5.1 to 9, MariaDB 5.3 to 11. Contracts: charset.h.
 */
#include "dataplane/base/text.h"
#include "parsers/mysql/charset.h"

static const char *const names[MYSQL_N_CS] = {
	[MYSQL_CS_UNKNOWN] = "unknown", [MYSQL_CS_BINARY] = "binary",
	[MYSQL_CS_UTF8] = "utf8mb4",    [MYSQL_CS_ASCII] = "ascii",
	[MYSQL_CS_UCS2] = "ucs2",       [MYSQL_CS_UTF16] = "utf16",
	[MYSQL_CS_UTF16LE] = "utf16le", [MYSQL_CS_UTF32] = "utf32",
	[MYSQL_CS_LATIN1] = "latin1",   [MYSQL_CS_LATIN2] = "latin2",
	[MYSQL_CS_LATIN5] = "latin5",   [MYSQL_CS_LATIN7] = "latin7",
	[MYSQL_CS_CP1250] = "cp1250",   [MYSQL_CS_CP1251] = "cp1251",
	[MYSQL_CS_CP1256] = "cp1256",   [MYSQL_CS_CP1257] = "cp1257",
	[MYSQL_CS_CP850] = "cp850",     [MYSQL_CS_CP852] = "cp852",
	[MYSQL_CS_CP866] = "cp866",     [MYSQL_CS_DEC8] = "dec8",
	[MYSQL_CS_HP8] = "hp8",         [MYSQL_CS_KOI8R] = "koi8r",
	[MYSQL_CS_KOI8U] = "koi8u",     [MYSQL_CS_SWE7] = "swe7",
	[MYSQL_CS_HEBREW] = "hebrew",   [MYSQL_CS_GREEK] = "greek",
	[MYSQL_CS_TIS620] = "tis620",   [MYSQL_CS_ARMSCII8] = "armscii8",
	[MYSQL_CS_GEOSTD8] = "geostd8", [MYSQL_CS_KEYBCS2] = "keybcs2",
	[MYSQL_CS_MACCE] = "macce",     [MYSQL_CS_MACROMAN] = "macroman",
	[MYSQL_CS_BIG5] = "big5",       [MYSQL_CS_GB2312] = "gb2312",
	[MYSQL_CS_GBK] = "gbk",         [MYSQL_CS_GB18030] = "gb18030",
	[MYSQL_CS_EUCKR] = "euckr",     [MYSQL_CS_SJIS] = "sjis",
	[MYSQL_CS_CP932] = "cp932",     [MYSQL_CS_UJIS] = "ujis",
	[MYSQL_CS_EUCJPMS] = "eucjpms",
};

const char *mysql_charset_name(enum mysql_charset cs)
{
	return names[(unsigned)cs < MYSQL_N_CS ? cs : MYSQL_CS_UNKNOWN];
}

enum mysql_charset mysql_charset_by_name(struct slice name)
{
	if (text_ieq(name, SLICE_LIT("utf8")) || text_ieq(name, SLICE_LIT("utf8mb3")))
		return MYSQL_CS_UTF8;
	for (unsigned i = 1; i < MYSQL_N_CS; i++)
		if (text_ieq(name, slice_str(names[i])))
			return (enum mysql_charset)i;
	return MYSQL_CS_UNKNOWN;
}

/* The old numbers have no order. */
static const uint8_t old_numbers[100] = {
	[1] = MYSQL_CS_BIG5,      [2] = MYSQL_CS_LATIN2,    [3] = MYSQL_CS_DEC8,
	[4] = MYSQL_CS_CP850,     [5] = MYSQL_CS_LATIN1,    [6] = MYSQL_CS_HP8,
	[7] = MYSQL_CS_KOI8R,     [8] = MYSQL_CS_LATIN1,    [9] = MYSQL_CS_LATIN2,
	[10] = MYSQL_CS_SWE7,     [11] = MYSQL_CS_ASCII,    [12] = MYSQL_CS_UJIS,
	[13] = MYSQL_CS_SJIS,     [14] = MYSQL_CS_CP1251,   [15] = MYSQL_CS_LATIN1,
	[16] = MYSQL_CS_HEBREW,   [18] = MYSQL_CS_TIS620,   [19] = MYSQL_CS_EUCKR,
	[20] = MYSQL_CS_LATIN7,   [21] = MYSQL_CS_LATIN2,   [22] = MYSQL_CS_KOI8U,
	[23] = MYSQL_CS_CP1251,   [24] = MYSQL_CS_GB2312,   [25] = MYSQL_CS_GREEK,
	[26] = MYSQL_CS_CP1250,   [27] = MYSQL_CS_LATIN2,   [28] = MYSQL_CS_GBK,
	[29] = MYSQL_CS_CP1257,   [30] = MYSQL_CS_LATIN5,   [31] = MYSQL_CS_LATIN1,
	[32] = MYSQL_CS_ARMSCII8, [33] = MYSQL_CS_UTF8,     [34] = MYSQL_CS_CP1250,
	[35] = MYSQL_CS_UCS2,     [36] = MYSQL_CS_CP866,    [37] = MYSQL_CS_KEYBCS2,
	[38] = MYSQL_CS_MACCE,    [39] = MYSQL_CS_MACROMAN, [40] = MYSQL_CS_CP852,
	[41] = MYSQL_CS_LATIN7,   [42] = MYSQL_CS_LATIN7,   [43] = MYSQL_CS_MACCE,
	[44] = MYSQL_CS_CP1250,   [45] = MYSQL_CS_UTF8,     [46] = MYSQL_CS_UTF8,
	[47] = MYSQL_CS_LATIN1,   [48] = MYSQL_CS_LATIN1,   [49] = MYSQL_CS_LATIN1,
	[50] = MYSQL_CS_CP1251,   [51] = MYSQL_CS_CP1251,   [52] = MYSQL_CS_CP1251,
	[53] = MYSQL_CS_MACROMAN, [54] = MYSQL_CS_UTF16,    [55] = MYSQL_CS_UTF16,
	[56] = MYSQL_CS_UTF16LE,  [57] = MYSQL_CS_CP1256,   [58] = MYSQL_CS_CP1257,
	[59] = MYSQL_CS_CP1257,   [60] = MYSQL_CS_UTF32,    [61] = MYSQL_CS_UTF32,
	[62] = MYSQL_CS_UTF16LE,  [63] = MYSQL_CS_BINARY,   [64] = MYSQL_CS_ARMSCII8,
	[65] = MYSQL_CS_ASCII,    [66] = MYSQL_CS_CP1250,   [67] = MYSQL_CS_CP1256,
	[68] = MYSQL_CS_CP866,    [69] = MYSQL_CS_DEC8,     [70] = MYSQL_CS_GREEK,
	[71] = MYSQL_CS_HEBREW,   [72] = MYSQL_CS_HP8,      [73] = MYSQL_CS_KEYBCS2,
	[74] = MYSQL_CS_KOI8R,    [75] = MYSQL_CS_KOI8U,    [76] = MYSQL_CS_UTF8,
	[77] = MYSQL_CS_LATIN2,   [78] = MYSQL_CS_LATIN5,   [79] = MYSQL_CS_LATIN7,
	[80] = MYSQL_CS_CP850,    [81] = MYSQL_CS_CP852,    [82] = MYSQL_CS_SWE7,
	[83] = MYSQL_CS_UTF8,     [84] = MYSQL_CS_BIG5,     [85] = MYSQL_CS_EUCKR,
	[86] = MYSQL_CS_GB2312,   [87] = MYSQL_CS_GBK,      [88] = MYSQL_CS_SJIS,
	[89] = MYSQL_CS_TIS620,   [90] = MYSQL_CS_UCS2,     [91] = MYSQL_CS_UJIS,
	[92] = MYSQL_CS_GEOSTD8,  [93] = MYSQL_CS_GEOSTD8,  [94] = MYSQL_CS_LATIN1,
	[95] = MYSQL_CS_CP932,    [96] = MYSQL_CS_CP932,    [97] = MYSQL_CS_EUCJPMS,
	[98] = MYSQL_CS_EUCJPMS,  [99] = MYSQL_CS_CP1250,
};

/* Later ones come in blocks. 576 to 767: MariaDB's own; from 2048 on its UCA 14.0.0 collations,
 * (set << 8 | language and options).
 */
static const struct {
	uint16_t first, last;
	uint8_t cs;
} blocks[] = {
	{101, 127, MYSQL_CS_UTF16},   {128, 159, MYSQL_CS_UCS2},    {160, 191, MYSQL_CS_UTF32},
	{192, 223, MYSQL_CS_UTF8},    {224, 247, MYSQL_CS_UTF8},    {248, 250, MYSQL_CS_GB18030},
	{251, 575, MYSQL_CS_UTF8},    {576, 607, MYSQL_CS_UTF8},    {608, 639, MYSQL_CS_UTF8},
	{640, 671, MYSQL_CS_UCS2},    {672, 703, MYSQL_CS_UTF16},   {736, 767, MYSQL_CS_UTF32},
	{2048, 2303, MYSQL_CS_UTF8},  {2304, 2559, MYSQL_CS_UTF8},  {2560, 2815, MYSQL_CS_UCS2},
	{2816, 3071, MYSQL_CS_UTF16}, {3072, 3327, MYSQL_CS_UTF32},
};

enum mysql_charset mysql_charset_of(unsigned collation)
{
	/* MariaDB's collations without padding stand 1024 above those with. */
	if (collation >= 1024 && collation < 2048)
		collation -= 1024;
	if (collation < sizeof(old_numbers))
		return (enum mysql_charset)old_numbers[collation];
	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++)
		if (collation >= blocks[i].first && collation <= blocks[i].last)
			return (enum mysql_charset)blocks[i].cs;
	return MYSQL_CS_UNKNOWN;
}
