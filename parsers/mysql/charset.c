#include "parsers/mysql/charset.h"

#include <iconv.h>

#include "dataplane/base/mem.h"

/* One character set as tables of UTF-16 units; 0: nothing (NUL aside, which is itself). A byte that
 * is no character of its own begins a longer one.
 */
struct wide {
	uint16_t one[256];
	uint16_t *two;   /* 65536, by lead << 8 | trail; NULL for sets of single bytes */
	uint16_t *extra; /* ujis, eucjpms: the same behind 0x8f; gb18030: its four-byte forms */
	bool ascii;      /* 0x00 to 0x7f are ASCII */
};

struct mysql_charsets {
	struct wide set[MYSQL_N_CS];
};

/* The forms b1 b2 b3 b4 of GB 18030, 0x81-0xfe and 0x30-0x39 in turn, counted; those below this
 * number are of the Basic Multilingual Plane.
 */
#define GB_BMP_FORMS   39420
#define GB_PLANES_FROM 189000

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

static void ask_pairs(iconv_t cd, const struct wide *w, const uint8_t *lead3, uint16_t *two)
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

static int wide_build(struct wide *w, enum mysql_charset cs, iconv_t cd)
{
	for (unsigned i = 0; i < 256; i++) {
		uint8_t b = (uint8_t)i;
		w->one[i] = ask(cd, &b, 1);
	}
	w->ascii = cs != MYSQL_CS_SWE7;
	for (unsigned i = 0; w->ascii && i < 128; i++)
		w->one[i] = (uint16_t)i;
	if (cs < MYSQL_CS_BIG5)
		return 0;
	static const uint8_t ss3 = 0x8f;
	bool three = cs == MYSQL_CS_UJIS || cs == MYSQL_CS_EUCJPMS;
	w->two = mem_alloc(65536 * sizeof(uint16_t));
	if (three || cs == MYSQL_CS_GB18030)
		w->extra = mem_alloc(65536 * sizeof(uint16_t));
	if (!w->two || ((three || cs == MYSQL_CS_GB18030) && !w->extra))
		return -ENOMEM;
	for (unsigned i = 0x80; i < 256; i++)
		w->one[i] = (cs == MYSQL_CS_SJIS || cs == MYSQL_CS_CP932) ? w->one[i] : 0;
	ask_pairs(cd, w, NULL, w->two);
	if (three)
		ask_pairs(cd, w, &ss3, w->extra);
	else if (w->extra)
		ask_gb18030(cd, w->extra);
	return 0;
}

static void wide_keybcs2(struct wide *w, iconv_t cp437)
{
	for (unsigned i = 0; i < 256; i++) {
		uint8_t b = (uint8_t)i;
		w->one[i] = i < 128 ? (uint16_t)i : ask(cp437, &b, 1);
	}
	for (unsigned i = 0; i < 48; i++)
		w->one[0x80 + i] = keybcs2_letters[i];
	w->ascii = true;
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

static void put_owns(struct mysql_charsets *c)
{
	for (const struct own *own = owns; own < owns + sizeof(owns) / sizeof(owns[0]); own++) {
		struct wide *w = &c->set[own->cs];
		uint16_t *to = own->third ? w->extra : own->from > 0xff ? w->two : w->one;
		uint16_t at = own->from;
		for (unsigned i = 0; i < own->n; i++) {
			to[at] = (uint16_t)(own->unicode + i);
			at = next_in_order((enum mysql_charset)own->cs, at);
		}
	}
}

static int open_and_build(struct mysql_charsets *c, enum mysql_charset cs, const char *name,
			  struct err *e)
{
	iconv_t cd = iconv_open("UTF-16LE", name);
	if (cd == (iconv_t)-1)
		return err_set(e, -ENOENT, "iconv does not know the character set %s", name);
	int r = 0;
	if (cs == MYSQL_CS_KEYBCS2)
		wide_keybcs2(&c->set[cs], cd);
	else
		r = wide_build(&c->set[cs], cs, cd);
	iconv_close(cd);
	return r;
}

int mysql_charsets_create(struct mysql_charsets **ret_c, struct err *e)
{
	struct mysql_charsets *c = mem_alloc(sizeof(*c));
	if (!c)
		return -ENOMEM;
	int r = open_and_build(c, MYSQL_CS_KEYBCS2, "CP437", e);
	for (size_t i = 0; !r && i < sizeof(sources) / sizeof(sources[0]); i++)
		r = open_and_build(c, (enum mysql_charset)sources[i].cs, sources[i].iconv, e);
	if (r) {
		mysql_charsets_destroy(c);
		return r;
	}
	put_owns(c);
	/* MySQL's latin1 is CP1252 whose holes are the control characters of ISO 8859-1. */
	for (unsigned i = 0x80; i < 0xa0; i++)
		if (!c->set[MYSQL_CS_LATIN1].one[i])
			c->set[MYSQL_CS_LATIN1].one[i] = (uint16_t)i;
	for (unsigned i = 0; i < 128; i++)
		c->set[MYSQL_CS_ASCII].one[i] = (uint16_t)i;
	c->set[MYSQL_CS_ASCII].ascii = true;
	*ret_c = c;
	return 0;
}

void mysql_charsets_destroy(struct mysql_charsets *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < MYSQL_N_CS; i++) {
		mem_free(c->set[i].two);
		mem_free(c->set[i].extra);
	}
	mem_free(c);
}

#define REPLACEMENT 0xfffd

static uint8_t *put_utf8(uint8_t *o, uint32_t cp)
{
	if (cp < 0x80) {
		*o++ = (uint8_t)cp;
	} else if (cp < 0x800) {
		*o++ = (uint8_t)(0xc0 | cp >> 6);
		*o++ = (uint8_t)(0x80 | (cp & 63));
	} else if (cp < 0x10000) {
		*o++ = (uint8_t)(0xe0 | cp >> 12);
		*o++ = (uint8_t)(0x80 | (cp >> 6 & 63));
		*o++ = (uint8_t)(0x80 | (cp & 63));
	} else {
		*o++ = (uint8_t)(0xf0 | cp >> 18);
		*o++ = (uint8_t)(0x80 | (cp >> 12 & 63));
		*o++ = (uint8_t)(0x80 | (cp >> 6 & 63));
		*o++ = (uint8_t)(0x80 | (cp & 63));
	}
	return o;
}

static uint32_t gb18030_four(const struct wide *w, const uint8_t *p)
{
	if (p[0] < 0x81 || p[0] > 0xfe || p[1] < 0x30 || p[1] > 0x39 || p[2] < 0x81 ||
	    p[2] > 0xfe || p[3] < 0x30 || p[3] > 0x39)
		return 0;
	uint32_t i = (uint32_t)(p[0] - 0x81) * 12600 + (uint32_t)(p[1] - 0x30) * 1260 +
		     (uint32_t)(p[2] - 0x81) * 10 + (uint32_t)(p[3] - 0x30);
	if (i < GB_BMP_FORMS)
		return w->extra[i];
	uint32_t cp = i >= GB_PLANES_FROM ? 0x10000 + (i - GB_PLANES_FROM) : 0;
	return cp <= 0x10ffff ? cp : 0;
}

/* The character at @p, which is none of a single byte; *ret_n bytes long. 0: none. */
static uint32_t wide_long(const struct wide *w, const uint8_t *p, size_t left, size_t *ret_n)
{
	uint32_t cp = 0;
	*ret_n = 1;
	if (!w->two || left < 2)
		return 0;
	cp = w->two[p[0] << 8 | p[1]];
	if (cp) {
		*ret_n = 2;
		return cp;
	}
	if (!w->extra)
		return 0;
	if (p[0] == 0x8f && left >= 3) {
		cp = w->extra[p[1] << 8 | p[2]];
		*ret_n = cp ? 3 : 1;
	}
	return cp;
}

/* Copies eight ASCII bytes at a time. */
static void put_ascii(const uint8_t **io_p, const uint8_t *end, uint8_t **io_o,
		      const uint8_t *o_end)
{
	const uint8_t *p = *io_p;
	uint8_t *o = *io_o;
	while (end - p >= 8 && o_end - o >= 8) {
		uint64_t v;
		memcpy(&v, p, 8);
		if (v & 0x8080808080808080ull)
			break;
		memcpy(o, &v, 8);
		p += 8;
		o += 8;
	}
	*io_p = p;
	*io_o = o;
}

static size_t put_wide(const struct wide *w, bool gb18030, struct slice *io_s, uint8_t *out,
		       size_t cap, bool *io_invalid)
{
	const uint8_t *p = io_s->ptr, *end = p + io_s->len;
	uint8_t *o = out;
	const uint8_t *o_end = out + cap;
	while (p < end && o_end - o >= MYSQL_UTF8_MAX) {
		if (w->ascii) {
			put_ascii(&p, end, &o, o_end);
			if (p == end || o_end - o < MYSQL_UTF8_MAX)
				break;
		}
		uint32_t cp = w->one[*p];
		size_t n = 1;
		if (!cp && *p) {
			size_t left = (size_t)(end - p);
			if (gb18030 && left >= 4 && (cp = gb18030_four(w, p)) != 0)
				n = 4;
			else
				cp = wide_long(w, p, left, &n);
			if (!cp) {
				cp = REPLACEMENT;
				*io_invalid = true;
			}
		}
		o = put_utf8(o, cp);
		p += n;
	}
	*io_s = (struct slice){p, (size_t)(end - p)};
	return (size_t)(o - out);
}

static uint32_t unit16(const uint8_t *p, bool little)
{
	return little ? (uint32_t)(p[0] | p[1] << 8) : (uint32_t)(p[0] << 8 | p[1]);
}

/* One character of UTF-16, UCS-2 or UTF-32; what is cut off at the end counts as one. */
static uint32_t fixed_next(enum mysql_charset cs, const uint8_t *p, size_t left, size_t *ret_n)
{
	if (cs == MYSQL_CS_UTF32) {
		*ret_n = left < 4 ? left : 4;
		if (left < 4)
			return REPLACEMENT;
		uint32_t cp =
			(uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
		return cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000) ? REPLACEMENT : cp;
	}
	*ret_n = left < 2 ? left : 2;
	if (left < 2)
		return REPLACEMENT;
	bool little = cs == MYSQL_CS_UTF16LE;
	uint32_t u = unit16(p, little);
	if (u < 0xd800 || u >= 0xe000)
		return u;
	if (cs == MYSQL_CS_UCS2 || u >= 0xdc00 || left < 4)
		return REPLACEMENT;
	uint32_t low = unit16(p + 2, little);
	if (low < 0xdc00 || low >= 0xe000)
		return REPLACEMENT;
	*ret_n = 4;
	return 0x10000 + ((u - 0xd800) << 10) + (low - 0xdc00);
}

static size_t put_fixed(enum mysql_charset cs, struct slice *io_s, uint8_t *out, size_t cap,
			bool *io_invalid)
{
	const uint8_t *p = io_s->ptr, *end = p + io_s->len;
	uint8_t *o = out;
	const uint8_t *o_end = out + cap;
	while (p < end && o_end - o >= MYSQL_UTF8_MAX) {
		size_t n;
		uint32_t cp = fixed_next(cs, p, (size_t)(end - p), &n);
		*io_invalid |= cp == REPLACEMENT;
		o = put_utf8(o, cp);
		p += n;
	}
	*io_s = (struct slice){p, (size_t)(end - p)};
	return (size_t)(o - out);
}

size_t mysql_charset_some(const struct mysql_charsets *c, enum mysql_charset cs, struct slice *io_s,
			  uint8_t *out, size_t cap, bool *io_invalid)
{
	if (cs >= MYSQL_CS_UCS2 && cs <= MYSQL_CS_UTF32)
		return put_fixed(cs, io_s, out, cap, io_invalid);
	if (c && (cs == MYSQL_CS_ASCII || (cs >= MYSQL_CS_LATIN1 && cs < MYSQL_N_CS)))
		return put_wide(&c->set[cs], cs == MYSQL_CS_GB18030, io_s, out, cap, io_invalid);
	size_t n = io_s->len < cap ? io_s->len : cap;
	memcpy(out, io_s->ptr, n);
	*io_s = slice_from(*io_s, n);
	return n;
}

size_t mysql_charset_put(const struct mysql_charsets *c, enum mysql_charset cs, struct slice s,
			 uint8_t *out, bool *io_invalid)
{
	/* The room for one more character is asked for, never used. */
	return mysql_charset_some(c, cs, &s, out, s.len * MYSQL_UTF8_FACTOR + MYSQL_UTF8_MAX,
				  io_invalid);
}
