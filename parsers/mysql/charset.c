#include "parsers/mysql/charset_wide.h"

#include <string.h>

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
