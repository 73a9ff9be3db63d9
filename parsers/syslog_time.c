#include "parsers/syslog_time.h"

#include "dataplane/base/civil.h"
#include "dataplane/base/text.h"

#define HALF_YEAR_NS (183 * 86400 * NS_PER_S)

/* Two digits at @p, or a number beyond 99. */
static unsigned two(const uint8_t *p)
{
	unsigned a = p[0] - '0', b = p[1] - '0';
	return a > 9 || b > 9 ? 255 : a * 10 + b;
}

/* Reads ".123" at @p. Returns the bytes read; a dot alone is read too. */
static size_t read_fraction(const uint8_t *p, const uint8_t *end, uint32_t *ret_ns)
{
	uint32_t ns = 0;
	size_t digits = 0;
	*ret_ns = 0;
	if (p == end || (*p != '.' && *p != ','))
		return 0;
	const uint8_t *q = p + 1;
	for (; q < end && text_is_digit(*q); q++, digits++)
		if (digits < 9)
			ns = ns * 10 + (uint32_t)(*q - '0');
	static const uint32_t scale[] = {1000000000, 100000000, 10000000, 1000000, 100000,
					 10000,      1000,      100,      10,      1};
	*ret_ns = ns * scale[digits < 9 ? digits : 9];
	return (size_t)(q - p);
}

/* Reads Z, +hh:mm, +hhmm or +hh. Returns the bytes read; 0 when there is no zone. */
static size_t read_zone(const uint8_t *p, const uint8_t *end, int *ret_offset_s)
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

static size_t read_iso(const uint8_t *p, const uint8_t *end, int zone_s, int64_t *ret_ns,
		       bool *ret_zoned)
{
	/* 0123456789012345678
	 * 2026-11-25T04:43:16
	 */
	if (end - p < 19 || p[4] != '-' || p[7] != '-' || p[13] != ':' || p[16] != ':')
		return 0;
	if (p[10] != 'T' && p[10] != ' ' && p[10] != 't')
		return 0;
	unsigned hi = two(p), lo = two(p + 2);
	struct civil c = {.year = (int)(hi * 100 + lo),
			  .month = (int)two(p + 5),
			  .day = (int)two(p + 8),
			  .hour = (int)two(p + 11),
			  .min = (int)two(p + 14),
			  .sec = (int)two(p + 17),
			  .offset_s = zone_s};
	if (lo > 99)
		return 0;
	const uint8_t *q = p + 19;
	size_t n = read_fraction(q, end, &c.ns);
	if (n == 1)
		return 0;
	q += n;
	n = read_zone(q, end, &c.offset_s);
	*ret_zoned = n > 0;
	q += n;
	return civil_to_ns(&c, ret_ns) ? (size_t)(q - p) : 0;
}

size_t syslog_time_iso(const uint8_t *p, const uint8_t *end, int zone_s, int64_t *ret_ns)
{
	bool zoned;
	return read_iso(p, end, zone_s, ret_ns, &zoned);
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
	if (civil_to_ns(c, ret_ns) &&
	    distance(*ret_ns, now_ns) < HALF_YEAR_NS - 2 * 86400 * NS_PER_S)
		return true;
	bool found = false;
	for (int i = 0; i <= 16 && (i <= 2 || !found || i % 2 == 0); i++) {
		int64_t ns;
		c->year = year + (i % 2 ? -(i + 1) / 2 : i / 2);
		if (!civil_to_ns(c, &ns))
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
	bool ok = c.year ? civil_to_ns(&c, ret_ns) : nearest_year(&c, now_ns, ret_ns);
	return ok ? (size_t)(q - p) : 0;
}

size_t syslog_time_any(const uint8_t *p, const uint8_t *end, int zone_s, int64_t now_ns,
		       int64_t *ret_ns, bool *ret_zoned)
{
	if (end - p < 14)
		return 0;
	size_t day = is_weekday(p) ? 4 : 0;
	*ret_zoned = false;
	size_t n = read_bsd(p + day, end, zone_s, now_ns, ret_ns);
	if (n == 0)
		n = read_iso(p + day, end, zone_s, ret_ns, ret_zoned);
	return n ? day + n : 0;
}
