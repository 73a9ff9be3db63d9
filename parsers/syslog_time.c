#include "parsers/syslog_time.h"

#include "dataplane/base/civil.h"
#include "dataplane/base/text.h"

#ifdef __SSSE3__
#include <tmmintrin.h>
#endif

#define HALF_YEAR_NS (183 * 86400 * NS_PER_S)

/* Two digits at @p, or a number beyond 99. */
static inline unsigned two(const uint8_t *p)
{
	unsigned a = p[0] - '0', b = p[1] - '0';
	return a > 9 || b > 9 ? 255 : a * 10 + b;
}

/* civil_to_ns, and a short way for the years in which every fourth is a leap year and for days that
 * every month has.
 */
static inline bool to_ns(const struct civil *c, int64_t *ret_ns)
{
	static const uint16_t days_before[] = {0,   0,   31,  59,  90,  120, 151,
					       181, 212, 243, 273, 304, 334};
	bool plain = c->year >= 1970 && c->year < 2100 && (unsigned)c->month - 1 < 12 &&
		     (unsigned)c->day - 1 < 28 && (unsigned)c->hour < 24 && (unsigned)c->min < 60 &&
		     (unsigned)c->sec < 60;
	if (!plain)
		return civil_to_ns(c, ret_ns);
	unsigned year = (unsigned)c->year - 1970;
	unsigned leap = c->month > 2 && (year & 3) == 2;
	int64_t days =
		year * 365 + (year + 1) / 4 + days_before[c->month] + leap + (unsigned)c->day - 1;
	int64_t s = days * 86400 + c->hour * 3600 + c->min * 60 + c->sec - c->offset_s;
	*ret_ns = s * NS_PER_S + c->ns;
	return true;
}

/* The number that eight ASCII digits are, the first one in the lowest byte. */
static inline uint32_t eight_digits(uint64_t v)
{
	v = (v & 0x0f0f0f0f0f0f0f0f) * 2561 >> 8;
	v = (v & 0x00ff00ff00ff00ff) * 6553601 >> 16;
	return (uint32_t)((v & 0x0000ffff0000ffff) * 42949672960001 >> 32);
}

/* Reads ".123" at @p; digits beyond the ninth count for nothing. Returns the bytes read; a dot
 * alone is read too.
 */
static inline size_t read_fraction(const uint8_t *p, const uint8_t *end, uint32_t *ret_ns)
{
	static const uint32_t scale[] = {1000000000, 100000000, 10000000, 1000000, 100000,
					 10000,      1000,      100,      10};
	*ret_ns = 0;
	if (p == end || (*p != '.' && *p != ','))
		return 0;
	uint64_t v;
	memcpy(&v, p + 1, 8);
	uint64_t no_digit =
		((v + 0x4646464646464646) | (v - 0x3030303030303030)) & 0x8080808080808080;
	size_t n = no_digit ? (size_t)__builtin_ctzll(no_digit) / 8 : 8;
	if (n > (size_t)(end - p - 1))
		n = (size_t)(end - p - 1);
	if (n == 0)
		return 1;
	/* Zeros move in from below: in front of the digits. */
	*ret_ns = eight_digits(v << (64 - 8 * n)) * scale[n];
	const uint8_t *q = p + 1 + n;
	if (n == 8 && q < end && text_is_digit(*q))
		*ret_ns += (uint32_t)(*q++ - '0');
	while (n == 8 && q < end && text_is_digit(*q))
		q++;
	return (size_t)(q - p);
}

/* Reads Z, +hh:mm, +hhmm or +hh. Returns the bytes read; 0 when there is no zone. */
static inline size_t read_zone(const uint8_t *p, const uint8_t *end, int *ret_offset_s)
{
	size_t len = (size_t)(end - p);
	if (len >= 1 && (*p == 'Z' || *p == 'z')) {
		*ret_offset_s = 0;
		return 1;
	}
	if (len < 3 || (*p != '+' && *p != '-'))
		return 0;
	unsigned h = two(p + 1), m = 0;
	size_t n = 3;
	if (len >= 6 && p[3] == ':') {
		m = two(p + 4);
		n = 6;
	} else if (len >= 5 && text_is_digit(p[3])) {
		m = two(p + 3);
		n = 5;
	}
	if (h > 23 || m > 59)
		return 0;
	int s = (int)(h * 3600 + m * 60);
	*ret_offset_s = *p == '-' ? -s : s;
	return n;
}

/* 0123456789012345678
 * 2026-11-25T04:43:16
 */
static inline bool read_date_and_clock(const uint8_t *p, struct civil *c)
{
	if (p[4] != '-' || p[7] != '-' || p[13] != ':' || p[16] != ':' ||
	    (p[10] != 'T' && p[10] != ' ' && p[10] != 't'))
		return false;
#ifdef __SSSE3__
	const __m128i digits = _mm_setr_epi8(0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 0, 0, 0, 0);
	__m128i v = _mm_loadu_si128((const __m128i *)p);
	v = _mm_sub_epi8(_mm_shuffle_epi8(v, digits), _mm_set1_epi8('0'));
	if (_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(9)), v)) != 0xffff)
		return false;
	v = _mm_maddubs_epi16(v, _mm_set1_epi16(1 << 8 | 10));
	c->year = _mm_extract_epi16(v, 0) * 100 + _mm_extract_epi16(v, 1);
	c->month = _mm_extract_epi16(v, 2);
	c->day = _mm_extract_epi16(v, 3);
	c->hour = _mm_extract_epi16(v, 4);
	c->min = _mm_extract_epi16(v, 5);
#else
	unsigned hi = two(p), lo = two(p + 2);
	if (lo > 99)
		return false;
	c->year = (int)(hi * 100 + lo);
	c->month = (int)two(p + 5);
	c->day = (int)two(p + 8);
	c->hour = (int)two(p + 11);
	c->min = (int)two(p + 14);
#endif
	c->sec = (int)two(p + 17);
	return true;
}

/* A time stamp of the minute @m, which needs no calendar. Returns the bytes read; 0: it is another
 * one's, or none.
 */
static inline size_t read_in_minute(const uint8_t *p, const uint8_t *end, int zone_s,
				    const struct rec_minute *m, int64_t *ret_ns, bool *ret_zoned)
{
	unsigned sec = two(p + 17);
	uint32_t ns;
	/* The dash, since a minute not yet known is zeros. */
	if (memcmp(p, m->text, sizeof(m->text)) != 0 || p[4] != '-' || p[16] != ':' || sec > 59)
		return 0;
	const uint8_t *q = p + 19;
	size_t n = read_fraction(q, end, &ns);
	if (n == 1)
		return 0;
	q += n;
	n = read_zone(q, end, &zone_s);
	*ret_zoned = n > 0;
	*ret_ns = (m->s + sec - zone_s) * NS_PER_S + ns;
	return (size_t)(q + n - p);
}

static size_t read_any_iso(const uint8_t *p, const uint8_t *end, int zone_s, struct rec_minute *m,
			   int64_t *ret_ns, bool *ret_zoned)
{
	struct civil c = {.offset_s = zone_s};
	if (!read_date_and_clock(p, &c))
		return 0;
	const uint8_t *q = p + 19;
	size_t n = read_fraction(q, end, &c.ns);
	if (n == 1)
		return 0;
	q += n;
	n = read_zone(q, end, &c.offset_s);
	*ret_zoned = n > 0;
	q += n;
	if (!to_ns(&c, ret_ns))
		return 0;
	if (c.sec < 60) {
		m->s = (*ret_ns - c.ns) / NS_PER_S + c.offset_s - c.sec;
		memcpy(m->text, p, sizeof(m->text));
	}
	return (size_t)(q - p);
}

static inline size_t read_iso(const uint8_t *p, const uint8_t *end, int zone_s,
			      struct rec_minute *m, int64_t *ret_ns, bool *ret_zoned)
{
	if (end - p < 19)
		return 0;
	size_t n = read_in_minute(p, end, zone_s, m, ret_ns, ret_zoned);
	return n ? n : read_any_iso(p, end, zone_s, m, ret_ns, ret_zoned);
}

size_t syslog_time_iso(const uint8_t *p, const uint8_t *end, int zone_s, struct rec_minute *m,
		       int64_t *ret_ns)
{
	bool zoned;
	return read_iso(p, end, zone_s, m, ret_ns, &zoned);
}

#define MONTH(a, b, c) ((a) << 16 | (b) << 8 | (c))

int syslog_month(const uint8_t *p)
{
	if (p[3] != ' ')
		return 0;
	switch (MONTH(p[0] | 0x20, p[1] | 0x20, p[2] | 0x20)) {
	case MONTH('j', 'a', 'n'):
		return 1;
	case MONTH('f', 'e', 'b'):
		return 2;
	case MONTH('m', 'a', 'r'):
		return 3;
	case MONTH('a', 'p', 'r'):
		return 4;
	case MONTH('m', 'a', 'y'):
		return 5;
	case MONTH('j', 'u', 'n'):
		return 6;
	case MONTH('j', 'u', 'l'):
		return 7;
	case MONTH('a', 'u', 'g'):
		return 8;
	case MONTH('s', 'e', 'p'):
		return 9;
	case MONTH('o', 'c', 't'):
		return 10;
	case MONTH('n', 'o', 'v'):
		return 11;
	case MONTH('d', 'e', 'c'):
		return 12;
	default:
		return 0;
	}
}

static bool is_weekday(const uint8_t *p)
{
	switch (MONTH(p[0] | 0x20, p[1] | 0x20, p[2] | 0x20)) {
	case MONTH('m', 'o', 'n'):
	case MONTH('t', 'u', 'e'):
	case MONTH('w', 'e', 'd'):
	case MONTH('t', 'h', 'u'):
	case MONTH('f', 'r', 'i'):
	case MONTH('s', 'a', 't'):
	case MONTH('s', 'u', 'n'):
		return p[3] == ' ';
	default:
		return false;
	}
}

/* Four digits at @p that are a year and no other number: 1900 to 2199, else 0. */
static int read_year(const uint8_t *p, const uint8_t *end)
{
	if (end - p < 4)
		return 0;
	unsigned hi = two(p), lo = two(p + 2);
	return hi >= 19 && hi <= 21 && lo <= 99 ? (int)(hi * 100 + lo) : 0;
}

static int64_t distance(int64_t a, int64_t b)
{
	return a > b ? a - b : b - a;
}

/* The year that brings @c nearest to @now_ns. 29 February looks up to eight years around. */
static bool nearest_year(struct civil *c, int64_t now_ns, int64_t *ret_ns)
{
	int year = 1970 + (int)(now_ns / NS_PER_S / 31556952);
	c->year = year;
	if (to_ns(c, ret_ns) && distance(*ret_ns, now_ns) < HALF_YEAR_NS - 2 * 86400 * NS_PER_S)
		return true;
	bool found = false;
	for (int i = 0; i <= 16 && (i <= 2 || !found || i % 2 == 0); i++) {
		int64_t ns;
		c->year = year + (i % 2 ? -(i + 1) / 2 : i / 2);
		if (!to_ns(c, &ns))
			continue;
		if (!found || distance(ns, now_ns) < distance(*ret_ns, now_ns))
			*ret_ns = ns;
		found = true;
	}
	return found;
}

/* "hh:mm:ss[.f]" at @p into @c. Returns the bytes read, or 0. */
static size_t read_clock(const uint8_t *p, const uint8_t *end, struct civil *c)
{
	if (end - p < 8 || p[2] != ':' || p[5] != ':')
		return 0;
	c->hour = (int)two(p);
	c->min = (int)two(p + 3);
	c->sec = (int)two(p + 6);
	return 8 + read_fraction(p + 8, end, &c->ns);
}

/* Behind a year: not the first group of an IPv6 address. */
static bool ends_year(const uint8_t *p, const uint8_t *end)
{
	if (p < end && *p == ':')
		p++;
	return p == end || *p == ' ';
}

/* "Oct 11 22:14:15", and with a year in front, in the middle or behind. */
static size_t read_bsd(const uint8_t *p, const uint8_t *end, int zone_s, int64_t now_ns,
		       int64_t *ret_ns)
{
	const uint8_t *q = p;
	struct civil c = {.offset_s = zone_s};
	if (end - q < 14)
		return 0;
	if (q[4] == ' ' && (c.year = read_year(q, end)) != 0)
		q += 5;
	if (end - q < 14 || (c.month = syslog_month(q)) == 0)
		return 0;
	q += 4 + (q[4] == ' ');
	if (text_is_digit(q[0]) && text_is_digit(q[1])) {
		c.day = (int)two(q);
		q += 2;
	} else if (text_is_digit(*q)) {
		c.day = *q++ - '0';
	}
	if (q >= end || *q++ != ' ')
		return 0;
	int year = read_year(q, end);
	if (year && end - q > 4 && q[4] == ' ') {
		c.year = year;
		q += 5;
	}
	size_t n = read_clock(q, end, &c);
	if (n == 0)
		return 0;
	q += n;
	if (!c.year && q < end && *q == ' ' && (year = read_year(q + 1, end)) != 0 &&
	    ends_year(q + 5, end)) {
		c.year = year;
		q += 5;
	}
	bool ok = c.year ? to_ns(&c, ret_ns) : nearest_year(&c, now_ns, ret_ns);
	return ok ? (size_t)(q - p) : 0;
}

size_t syslog_time_any(const uint8_t *p, const uint8_t *end, int zone_s, int64_t now_ns,
		       struct rec_minute *m, int64_t *ret_ns, bool *ret_zoned)
{
	if (end - p < 14)
		return 0;
	size_t day = is_weekday(p) ? 4 : 0;
	*ret_zoned = false;
	size_t n = read_bsd(p + day, end, zone_s, now_ns, ret_ns);
	if (n == 0)
		n = read_iso(p + day, end, zone_s, m, ret_ns, ret_zoned);
	return n ? day + n : 0;
}
