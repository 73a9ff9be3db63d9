#include "parsers/syslog_time.h"

#include <smmintrin.h>

#include "dataplane/base/bsd_time.h"
#include "dataplane/base/civil.h"
#include "dataplane/base/text.h"

#define HALF_YEAR_NS (183 * 86400 * NS_PER_S)

/* Two digits at @p, or a number beyond 99. */
static inline unsigned two(const uint8_t *p)
{
	unsigned a = p[0] - '0', b = p[1] - '0';
	return a > 9 || b > 9 ? 255 : a * 10 + b;
}

/* Days since 1970 of a date of the years 1970 to 2099, of which every fourth is a leap year. */
static inline int64_t plain_days(unsigned year, unsigned month, unsigned day)
{
	static const uint16_t days_before[2][13] = {
		{0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334},
		{0, 0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335},
	};
	unsigned y = year - 1970;
	return y * 365 + (y + 1) / 4 + days_before[(y & 3) == 2][month] + day - 1;
}

/* civil_to_ns, and a short way for those years and for days that every month has. */
static inline bool to_ns(const struct civil *c, int64_t *ret_ns)
{
	bool plain = c->year >= 1970 && c->year < 2100 && (unsigned)c->month - 1 < 12 &&
		     (unsigned)c->day - 1 < 28 && (unsigned)c->hour < 24 && (unsigned)c->min < 60 &&
		     (unsigned)c->sec < 60;
	if (!plain)
		return civil_to_ns(c, ret_ns);
	int64_t days = plain_days((unsigned)c->year, (unsigned)c->month, (unsigned)c->day);
	int64_t s = days * 86400 + c->hour * 3600 + c->min * 60 + c->sec - c->offset_s;
	*ret_ns = s * NS_PER_S + c->ns;
	return true;
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
	uint64_t no_digit = text_no_digits(v);
	size_t n = no_digit ? (size_t)__builtin_ctzll(no_digit) / 8 : 8;
	if (n > (size_t)(end - p - 1))
		n = (size_t)(end - p - 1);
	if (n == 0)
		return 1;
	/* Zeros move in from below: in front of the digits. */
	*ret_ns = text_of_8digits(v << (64 - 8 * n)) * scale[n];
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
static inline bool has_iso_shape(const uint8_t *p)
{
	return p[4] == '-' && p[7] == '-' && p[13] == ':' && p[16] == ':' &&
	       (p[10] == 'T' || p[10] == ' ' || p[10] == 't');
}

/* The seconds of the sender's clock since 1970, of a time in the minute @m, which needs no
 * calendar. False: it is another one's.
 */
static inline bool read_in_minute(const uint8_t *p, const struct rec_minute *m, int64_t *ret_s)
{
	unsigned sec = two(p + 17);
	/* The dash, since a minute not yet known is zeros. */
	if (memcmp(p, m->text, sizeof(m->text)) != 0 || p[4] != '-' || p[16] != ':' || sec > 59)
		return false;
	*ret_s = m->s + sec;
	return true;
}

/* The same of a time with a 'T', of the years 1970 to 2099 and of a day that every month has. What
 * stands between is compared at once; all numbers are pairs of digits, which are compared with what
 * they may be at once.
 */
static inline __attribute__((target("sse4.1"))) bool read_plain(const uint8_t *p, int64_t *ret_s,
								unsigned *ret_sec)
{
	const __m128i digits = _mm_setr_epi8(0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 0, 1, 0, 1);
	const __m128i fixed = _mm_setr_epi8(0, 0, 0, 0, '-', 0, 0, '-', 0, 0, 'T', 0, 0, ':', 0, 0);
	const __m128i is_fixed = _mm_setr_epi8(0, 0, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0);
	const __m128i least = _mm_setr_epi16(19, 0, 1, 1, 0, 0, 0, 0);
	const __m128i most = _mm_setr_epi16(20, 99, 12, 28, 23, 59, 59, 99);
	uint16_t sec;
	memcpy(&sec, p + 17, sizeof(sec));
	__m128i text = _mm_loadu_si128((const __m128i *)p);
	__m128i ok = _mm_cmpeq_epi8(_mm_and_si128(text, is_fixed), fixed);
	__m128i v = _mm_shuffle_epi8(text, digits);
	v = _mm_sub_epi8(_mm_insert_epi16(v, sec, 6), _mm_set1_epi8('0'));
	ok = _mm_and_si128(ok, _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(9)), v));
	v = _mm_maddubs_epi16(v, _mm_set1_epi16(1 << 8 | 10));
	ok = _mm_and_si128(ok, _mm_cmpeq_epi16(_mm_max_epu16(_mm_min_epu16(v, most), least), v));
	uint64_t date = (uint64_t)_mm_cvtsi128_si64(v);
	uint64_t clock = (uint64_t)_mm_extract_epi64(v, 1);
	unsigned year = (unsigned)(date & 0xff) * 100 + (date >> 16 & 0xff);
	if (_mm_movemask_epi8(ok) != 0xffff || year < 1970 || p[16] != ':')
		return false;
	int64_t days = plain_days(year, date >> 32 & 0xff, (unsigned)(date >> 48));
	*ret_sec = clock >> 32 & 0xff;
	*ret_s = days * 86400 + (unsigned)(clock & 0xff) * 3600 +
		 (unsigned)(clock >> 16 & 0xff) * 60 + *ret_sec;
	return true;
}

/* The same of all others. Of a leap second the second before, and 60 in *ret_sec. */
static bool read_odd(const uint8_t *p, int64_t *ret_s, unsigned *ret_sec)
{
	unsigned hi = two(p), lo = two(p + 2);
	if (!has_iso_shape(p))
		return false;
	struct civil c = {.year = (int)(hi * 100 + lo),
			  .month = (int)two(p + 5),
			  .day = (int)two(p + 8),
			  .hour = (int)two(p + 11),
			  .min = (int)two(p + 14),
			  .sec = (int)two(p + 17)};
	int64_t ns;
	if (lo > 99 || !civil_to_ns(&c, &ns))
		return false;
	*ret_s = (ns < 0 ? ns - (NS_PER_S - 1) : ns) / NS_PER_S;
	*ret_sec = (unsigned)c.sec;
	return true;
}

/* The same of any minute, which becomes @m. */
static bool read_new_minute(const uint8_t *p, struct rec_minute *m, int64_t *ret_s, bool *ret_leap)
{
	unsigned sec;
	if (!read_plain(p, ret_s, &sec) && !read_odd(p, ret_s, &sec))
		return false;
	*ret_leap = sec == 60;
	if (sec < 60) {
		m->s = *ret_s - sec;
		memcpy(m->text, p, sizeof(m->text));
	}
	return true;
}

bool syslog_time_minute(const uint8_t *p, struct rec_minute *m)
{
	int64_t s;
	bool leap;
	return read_new_minute(p, m, &s, &leap) && !leap;
}

/* Behind digits that are not there stand zeros; what stands behind the time may be anything. */
#define ANY5  "\xff\xff\xff\xff\xff"
#define ANY7  ANY5 "\xff\xff"
#define ANY12 ANY5 ANY7
#define ZERO3 "\x80\x80\x80"

/* Behind @n bytes a 'Z'. */
#define TEXT(n, no_zero) \
	n, no_zero, (uint64_t)VAL_TIME << VAL_TYPE_SHIFT | (uint64_t)(VAL_TIME_BYTES + n + 1) << 32

static const struct syslog_time_form forms[] = {
	{":00.000000Z", "\0\5\11\0\11\11\11\11\11\11\0" ANY5, "\1\2\4\5\6\7\10\11", 27,
	 TEXT(26, 25)},
	{":00.000Z", "\0\5\11\0\11\11\11\0" ANY5 "\xff\xff\xff", "\1\2\4\5\6" ZERO3, 24,
	 TEXT(23, 22)},
	{":00Z", "\0\5\11\0" ANY12, "\1\2" ZERO3 ZERO3, 20, TEXT(19, 4)},
	{":00.000000+00:00", "\0\5\11\0\11\11\11\11\11\11", "\1\2\4\5\6\7\10\11", 32, TEXT(26, 25)},
	{":00.000+00:00", "\0\5\11\0\11\11\11\0\0\0\0\0\0\xff\xff\xff", "\1\2\4\5\6" ZERO3, 29,
	 TEXT(23, 22)},
	{":00+00:00", "\0\5\11\0\0\0\0\0\0" ANY7, "\1\2" ZERO3 ZERO3, 25, TEXT(19, 4)},
};

struct syslog_time syslog_time_anew(const uint8_t *p, struct rec_minute *m)
{
	__m128i rest;
	if ((memcmp(p, m->text, sizeof(m->text)) != 0 || p[4] != '-') && !syslog_time_minute(p, m))
		return (struct syslog_time){0};
	if (m->form && syslog_time_fits(p, m->form, m->text, &rest))
		return syslog_time_usual(p, m);
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (syslog_time_fits(p, &forms[i], m->text, &rest)) {
			m->form = &forms[i];
			return syslog_time_usual(p, m);
		}
	}
	return (struct syslog_time){0};
}

static inline size_t read_iso(const uint8_t *p, const uint8_t *end, int zone_s,
			      struct rec_minute *m, int64_t *ret_ns, bool *ret_zoned)
{
	int64_t s;
	uint32_t ns;
	bool leap = false;
	if (end - p < 19)
		return 0;
	if (!read_in_minute(p, m, &s) && !read_new_minute(p, m, &s, &leap))
		return 0;
	const uint8_t *q = p + 19;
	size_t n = read_fraction(q, end, &ns);
	if (n == 1)
		return 0;
	q += n;
	n = read_zone(q, end, &zone_s);
	*ret_zoned = n > 0;
	*ret_ns = (s - zone_s) * NS_PER_S + (leap ? NS_PER_S - 1 : ns);
	return (size_t)(q + n - p);
}

size_t syslog_time_iso(const uint8_t *p, const uint8_t *end, int zone_s, struct rec_minute *m,
		       int64_t *ret_ns)
{
	bool zoned;
	return read_iso(p, end, zone_s, m, ret_ns, &zoned);
}

/* The calendar is the same 400 years later, so a year from 1700 on stands for it. */
bool syslog_time_is_far(const uint8_t *p, const uint8_t *end)
{
	uint8_t near[64 + SL_PAD] = {0};
	struct rec_minute m = {0};
	int64_t ns;
	size_t len = (size_t)(end - p);
	unsigned hi = len >= 19 ? two(p) : 255, lo = len >= 19 ? two(p + 2) : 255;
	if (hi > 99 || lo > 99 || (hi * 100 + lo >= 1678 && hi * 100 + lo <= 2261))
		return false;
	memcpy(near, p, len < 64 ? len : 64);
	memcpy(near, &"20171819"[hi % 4 * 2], 2);
	return syslog_time_iso(near, near + (len < 64 ? len : 64), 0, &m, &ns) > 0;
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

/* Of packet time, which is not before 1970; or the one before or after. */
static inline unsigned year_of(int64_t now_ns)
{
	return 1970 + (unsigned)(now_ns / NS_PER_S / 31556952);
}

static inline int64_t distance(int64_t a, int64_t b)
{
	return a > b ? a - b : b - a;
}

/* No other year is as near. */
static inline bool is_near(int64_t ns, int64_t now_ns)
{
	return distance(ns, now_ns) < HALF_YEAR_NS - 2 * 86400 * NS_PER_S;
}

bool syslog_time_bsd(const uint8_t *p, int zone_s, int64_t now_ns, int64_t *ret_ns)
{
	uint64_t rest;
	unsigned month = bsd_time_at(p, &rest), day = rest & 0xff;
	unsigned year = year_of(now_ns);
	if (month == 0 || year > 2099 ||
	    (day > 28 && (int)day > civil_month_days((int)year, (int)month)))
		return false;
	int64_t s = plain_days(year, month, day) * 86400 + (unsigned)(rest >> 16 & 0xff) * 3600 +
		    (unsigned)(rest >> 32 & 0xff) * 60 + (unsigned)(rest >> 48) - zone_s;
	*ret_ns = s * NS_PER_S;
	return is_near(*ret_ns, now_ns);
}

/* The year that brings @c nearest to @now_ns. 29 February looks up to eight years around. */
static bool nearest_year(struct civil *c, int64_t now_ns, int64_t *ret_ns)
{
	int year = (int)year_of(now_ns);
	c->year = year;
	if (to_ns(c, ret_ns) && is_near(*ret_ns, now_ns))
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

/* "Oct 11 22:14:15" with odd blanks or case, or with a year in front or in the middle. Returns the
 * bytes read, or 0.
 */
static size_t read_odd_bsd(const uint8_t *p, const uint8_t *end, struct civil *c)
{
	const uint8_t *q = p;
	if (end - q < 14)
		return 0;
	if (q[4] == ' ' && (c->year = read_year(q, end)) != 0)
		q += 5;
	if (end - q < 14 || (c->month = syslog_month(q)) == 0)
		return 0;
	q += 4 + (q[4] == ' ');
	if (text_is_digit(q[0]) && text_is_digit(q[1])) {
		c->day = (int)two(q);
		q += 2;
	} else if (text_is_digit(*q)) {
		c->day = *q++ - '0';
	}
	if (q >= end || *q++ != ' ')
		return 0;
	int year = read_year(q, end);
	if (year && end - q > 4 && q[4] == ' ') {
		c->year = year;
		q += 5;
	}
	size_t n = read_clock(q, end, c);
	return n ? (size_t)(q - p) + n : 0;
}

/* The form that most have, fractions of a second included. */
static inline size_t read_usual_bsd(const uint8_t *p, const uint8_t *end, struct civil *c)
{
	uint64_t rest;
	unsigned month = end - p >= BSD_TIME_LEN ? bsd_time_at(p, &rest) : 0;
	if (month == 0)
		return 0;
	c->month = (int)month;
	c->day = rest & 0xff;
	c->hour = rest >> 16 & 0xff;
	c->min = rest >> 32 & 0xff;
	c->sec = (int)(rest >> 48);
	return BSD_TIME_LEN + read_fraction(p + BSD_TIME_LEN, end, &c->ns);
}

/* Both, and with a year behind. */
static size_t read_bsd(const uint8_t *p, const uint8_t *end, int zone_s, int64_t now_ns,
		       int64_t *ret_ns)
{
	struct civil c = {.offset_s = zone_s};
	int year;
	size_t n = read_usual_bsd(p, end, &c);
	if (n == 0)
		n = read_odd_bsd(p, end, &c);
	if (n == 0)
		return 0;
	const uint8_t *q = p + n;
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
