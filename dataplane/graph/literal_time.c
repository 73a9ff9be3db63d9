/* Dates, times and intervals as text. Input is ISO 8601 and PostgreSQL's words for intervals; its
 * many other spellings of dates depend on settings, and are refused.
 */
#include <stdio.h>

#include "dataplane/base/civil.h"
#include "dataplane/base/text.h"
#include "dataplane/graph/literal.h"

#define DAYS_MIN (-2440588)   /* 4714-11-24 BC */
#define DAYS_MAX 2145031948LL /* 5874897-12-31 */

bool literal_join(int64_t days, int64_t ns_of_day, int64_t *ret_ns)
{
	/* In 128 bits, since the first day that has a nanosecond begins before the first one. */
	__int128 ns = (__int128)days * NS_PER_DAY + ns_of_day;
	*ret_ns = (int64_t)ns;
	return ns == *ret_ns;
}

int64_t literal_days(int64_t ns)
{
	return ns / NS_PER_DAY - (ns % NS_PER_DAY < 0);
}

bool literal_to_utc(const struct zone *z, int64_t local_ns, int64_t *ret_ns)
{
	int64_t s = local_ns / NS_PER_S - (local_ns % NS_PER_S < 0);
	int64_t moved = (zone_local_to_utc(z, s) - s) * NS_PER_S;
	return !__builtin_add_overflow(local_ns, moved, ret_ns);
}

bool literal_to_local(const struct zone *z, int64_t utc_ns, int64_t *ret_ns)
{
	return !__builtin_add_overflow(utc_ns, zone_offset(z, utc_ns) * NS_PER_S, ret_ns);
}

/* ---- reading ---- */

/* Digits at @*io_i, at least @min and at most @max of them; -1 when there are not. */
static int64_t digits_at(struct slice s, size_t *io_i, size_t min, size_t max)
{
	size_t n = 0;
	int64_t v = 0;
	for (; n < max && *io_i + n < s.len && text_is_digit(s.ptr[*io_i + n]); n++)
		v = v * 10 + (s.ptr[*io_i + n] - '0');
	*io_i += n;
	return n < min ? -1 : v;
}

static bool take_byte(struct slice s, size_t *io_i, uint8_t c)
{
	if (*io_i >= s.len || s.ptr[*io_i] != c)
		return false;
	++*io_i;
	return true;
}

static uint8_t read_date_at(struct slice s, size_t *io_i, int64_t *ret_days)
{
	size_t from = *io_i;
	int64_t year = digits_at(s, io_i, 4, 8), month, day;
	if (*io_i - from == 8) { /* 20261125 */
		month = year / 100 % 100;
		day = year % 100;
		year /= 10000;
	} else {
		if (year < 0 || !take_byte(s, io_i, '-'))
			return VEC_BAD_INPUT;
		month = digits_at(s, io_i, 1, 2);
		if (month < 0 || !take_byte(s, io_i, '-'))
			return VEC_BAD_INPUT;
		day = digits_at(s, io_i, 1, 2);
	}
	if (day < 0)
		return VEC_BAD_INPUT;
	if (year < 1 || year > 5874897 || month < 1 || month > 12 || day < 1 ||
	    day > civil_month_days((int)year, (int)month))
		return VEC_OUT_OF_RANGE;
	*ret_days = civil_days((int)year, (int)month, (int)day);
	return VEC_VALUE;
}

/* .fraction, of which nine digits count. */
static int64_t read_fraction_at(struct slice s, size_t *io_i)
{
	if (!take_byte(s, io_i, '.'))
		return 0;
	size_t from = *io_i;
	int64_t frac = digits_at(s, io_i, 0, 9);
	for (size_t n = *io_i - from; n < 9; n++)
		frac *= 10;
	while (*io_i < s.len && text_is_digit(s.ptr[*io_i]))
		++*io_i;
	return frac;
}

/* hh:mm[:ss[.fraction]], or hhmm[ss[.fraction]] */
static uint8_t read_time_at(struct slice s, size_t *io_i, int64_t *ret_ns)
{
	size_t from = *io_i;
	int64_t h = digits_at(s, io_i, 1, 6), m = 0, sec = 0, frac = 0;
	size_t n = *io_i - from;
	if (n == 4 || n == 6) {
		sec = n == 6 ? h % 100 : 0;
		h = n == 6 ? h / 100 : h;
		m = h % 100;
		h /= 100;
		frac = n == 6 ? read_fraction_at(s, io_i) : 0;
	} else if (n < 1 || n > 2 || !take_byte(s, io_i, ':')) {
		return VEC_BAD_INPUT;
	} else {
		m = digits_at(s, io_i, 1, 2);
		if (m >= 0 && take_byte(s, io_i, ':')) {
			sec = digits_at(s, io_i, 1, 2);
			frac = sec >= 0 ? read_fraction_at(s, io_i) : 0;
		}
	}
	if (m < 0 || sec < 0)
		return VEC_BAD_INPUT;
	if (h > 24 || m > 59 || sec > 60 || (h == 24 && (m || sec || frac)))
		return VEC_OUT_OF_RANGE;
	*ret_ns = (h * 3600 + m * 60 + sec) * NS_PER_S + frac;
	return VEC_VALUE;
}

/* Z, UTC, +hh, +hhmm, +hh:mm, up to the end. */
static bool read_zone_at(struct slice s, size_t *io_i, int64_t *ret_s)
{
	struct slice rest = slice_from(s, *io_i);
	*ret_s = 0;
	if (text_ieq(rest, SLICE_LIT("z")) || text_ieq(rest, SLICE_LIT("utc")) ||
	    text_ieq(rest, SLICE_LIT("gmt"))) {
		*io_i = s.len;
		return true;
	}
	bool west = rest.len && rest.ptr[0] == '-';
	if (!west && !(rest.len && rest.ptr[0] == '+'))
		return false;
	++*io_i;
	size_t from = *io_i;
	int64_t h = digits_at(s, io_i, 1, 4), m = 0;
	if (*io_i - from > 2) {
		m = h % 100;
		h /= 100;
	} else if (take_byte(s, io_i, ':')) {
		m = digits_at(s, io_i, 1, 2);
	}
	*ret_s = (west ? -1 : 1) * (h * 3600 + m * 60);
	return h >= 0 && h <= 15 && m >= 0 && m <= 59;
}

/* A date, with a time and a zone or without. Without a time *ret_ns is -1. */
static uint8_t read_moment(struct slice s, int64_t *ret_days, int64_t *ret_ns, bool *ret_zone,
			   int64_t *ret_zone_s)
{
	size_t i = 0;
	s = literal_trim(s);
	*ret_ns = -1;
	*ret_zone = false;
	uint8_t state = read_date_at(s, &i, ret_days);
	if (state != VEC_VALUE || i == s.len)
		return state;
	if (!take_byte(s, &i, 'T') && !take_byte(s, &i, 't') && !take_byte(s, &i, ' '))
		return VEC_BAD_INPUT;
	while (take_byte(s, &i, ' '))
		;
	state = read_time_at(s, &i, ret_ns);
	if (state != VEC_VALUE || i == s.len)
		return state;
	while (take_byte(s, &i, ' '))
		;
	*ret_zone = true;
	return read_zone_at(s, &i, ret_zone_s) && i == s.len ? VEC_VALUE : VEC_BAD_INPUT;
}

uint8_t literal_read_date(struct slice s, int64_t *ret_days)
{
	int64_t days, ns, zone_s;
	bool zone;
	uint8_t state = read_moment(s, &days, &ns, &zone, &zone_s);
	if (state == VEC_VALUE)
		*ret_days = days;
	return state;
}

uint8_t literal_read_time(struct slice s, int64_t *ret_ns)
{
	size_t i = 0;
	int64_t days, zone_s;
	bool zone;
	s = literal_trim(s);
	/* With a date, which is left out. */
	uint8_t state = read_moment(s, &days, ret_ns, &zone, &zone_s);
	if (state != VEC_BAD_INPUT)
		return state == VEC_VALUE && *ret_ns < 0 ? VEC_BAD_INPUT : state;
	state = read_time_at(s, &i, ret_ns);
	if (state != VEC_VALUE || i == s.len)
		return state;
	while (take_byte(s, &i, ' '))
		;
	return read_zone_at(s, &i, &zone_s) && i == s.len ? VEC_VALUE : VEC_BAD_INPUT;
}

uint8_t literal_read_timestamp(struct slice s, bool with_zone, const struct zone *z,
			       int64_t *ret_ns)
{
	int64_t days, ns, zone_s;
	bool zone;
	uint8_t state = read_moment(s, &days, &ns, &zone, &zone_s);
	if (state != VEC_VALUE)
		return state;
	if (!literal_join(days, ns < 0 ? 0 : ns, &ns))
		return VEC_OUT_OF_RANGE;
	if (with_zone && zone)
		return __builtin_sub_overflow(ns, zone_s * NS_PER_S, ret_ns) ? VEC_OUT_OF_RANGE
									     : VEC_VALUE;
	if (with_zone)
		return literal_to_utc(z, ns, ret_ns) ? VEC_VALUE : VEC_OUT_OF_RANGE;
	*ret_ns = ns;
	return VEC_VALUE;
}

/* ---- intervals ---- */

struct unit {
	const char *names; /* each between blanks */
	int32_t months, days;
	int64_t ns;
};

static const struct unit units[] = {
	{" us usec usecs microsecond microseconds ", 0, 0, 1000},
	{" ms msec msecs millisecond milliseconds ", 0, 0, 1000000},
	{" s sec secs second seconds ", 0, 0, NS_PER_S},
	{" m min mins minute minutes ", 0, 0, 60 * NS_PER_S},
	{" h hr hrs hour hours ", 0, 0, 3600 * NS_PER_S},
	{" d day days ", 0, 1, 0},
	{" w week weeks ", 0, 7, 0},
	{" mon mons month months ", 1, 0, 0},
	{" y yr yrs year years ", 12, 0, 0},
	{" dec decs decade decades ", 120, 0, 0},
	{" c cent century centuries ", 1200, 0, 0},
	{" mil mils millennium millennia ", 12000, 0, 0},
};

static const struct unit *unit_named(struct slice name)
{
	char padded[24] = " ";
	if (name.len == 0 || name.len > sizeof(padded) - 3)
		return NULL;
	for (size_t i = 0; i < name.len; i++)
		padded[1 + i] = (char)text_lower(name.ptr[i]);
	padded[1 + name.len] = ' ';
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strstr(units[i].names, padded))
			return &units[i];
	return NULL;
}

/* whole + frac / 10^9, both of the same sign. */
struct number {
	int64_t whole, frac;
};

static bool read_number(struct slice s, size_t *io_i, struct number *n)
{
	size_t i = *io_i;
	bool minus = i < s.len && s.ptr[i] == '-';
	if (i < s.len && (s.ptr[i] == '-' || s.ptr[i] == '+'))
		i++;
	size_t from = i;
	n->whole = digits_at(s, &i, 0, 17);
	size_t n_digits = i - from;
	n->frac = 0;
	if (take_byte(s, &i, '.')) {
		from = i;
		n->frac = digits_at(s, &i, 0, 9);
		n_digits += i - from;
		for (size_t k = i - from; k < 9; k++)
			n->frac *= 10;
		while (i < s.len && text_is_digit(s.ptr[i]))
			i++;
	}
	if (minus) {
		n->whole = -n->whole;
		n->frac = -n->frac;
	}
	*io_i = i;
	return n_digits > 0;
}

static bool add32(int32_t *io, __int128 v)
{
	v += *io;
	*io = (int32_t)v;
	return v == *io;
}

static bool add64(int64_t *io, __int128 v)
{
	v += *io;
	*io = (int64_t)v;
	return v == *io;
}

/* A fraction of years is whole months; one of months goes on as days of 30, one of days as time. */
static bool add_unit(struct interval *v, const struct unit *u, struct number n)
{
	const __int128 one = 1000000000;
	__int128 days = 0, ns = 0;
	if (u->months == 1) {
		days = (__int128)n.frac * 30;
	} else if (u->months) {
		__int128 m = (__int128)n.frac * u->months;
		if (!add32(&v->months, (m + (m < 0 ? -one / 2 : one / 2)) / one))
			return false;
	} else if (u->days) {
		days = (__int128)n.frac * u->days;
	} else {
		ns = (__int128)n.frac * u->ns / one;
	}
	ns += days % one * NS_PER_DAY / one;
	return add32(&v->months, (__int128)n.whole * u->months) &&
	       add32(&v->days, (__int128)n.whole * u->days + days / one) &&
	       add64(&v->ns, (__int128)n.whole * u->ns + ns);
}

static bool add_named(struct interval *v, const char *name, struct number n)
{
	return add_unit(v, unit_named(slice_str(name)), n);
}

static bool is_letter(uint8_t c)
{
	return text_lower(c) >= 'a' && text_lower(c) <= 'z';
}

/* P1Y2M3W4DT5H6M7.8S behind the P. */
static uint8_t read_iso(struct slice s, struct interval *v)
{
	static const char *const dates[] = {"Yyear", "Mmonth", "Wweek", "Dday", NULL},
				 *const times[] = {"Hhour", "Mminute", "Ssecond", NULL};
	bool time = false, any = false;
	for (size_t i = 1; i < s.len;) {
		if (!time && take_byte(s, &i, 'T')) {
			time = true;
			continue;
		}
		struct number n;
		if (!read_number(s, &i, &n) || i >= s.len)
			return VEC_BAD_INPUT;
		const char *const *u = time ? times : dates;
		while (*u && (uint8_t) * *u != s.ptr[i])
			u++;
		if (!*u)
			return VEC_BAD_INPUT;
		if (!add_named(v, *u + 1, n))
			return VEC_OUT_OF_RANGE;
		any = true;
		i++;
	}
	return any ? VEC_VALUE : VEC_BAD_INPUT;
}

/* [+-]h:mm[:ss[.f]] or m:ss.f: hours may be as many as they like. */
static uint8_t read_clock(struct slice s, size_t *io_i, bool minus, int64_t h, struct interval *v)
{
	struct number m, sec = {0};
	if (!read_number(s, io_i, &m) || m.whole < 0)
		return VEC_BAD_INPUT;
	bool seconds = take_byte(s, io_i, ':');
	if (seconds && (!read_number(s, io_i, &sec) || sec.whole < 0 || m.frac))
		return VEC_BAD_INPUT;
	if (!seconds && m.frac) { /* mm:ss.f */
		sec = m;
		m = (struct number){.whole = h};
		h = 0;
	}
	if (m.whole > 59 || sec.whole > 59)
		return VEC_OUT_OF_RANGE;
	__int128 ns = ((__int128)h * 3600 + m.whole * 60 + sec.whole) * NS_PER_S + sec.frac;
	return add64(&v->ns, minus ? -ns : ns) ? VEC_VALUE : VEC_OUT_OF_RANGE;
}

static struct slice word_at(struct slice s, size_t *io_i)
{
	size_t from = *io_i;
	while (*io_i < s.len && is_letter(s.ptr[*io_i]))
		++*io_i;
	return slice_of(s.ptr + from, *io_i - from);
}

/* One number with what follows it: a clock, "-months", or a unit. Without a unit it is days when a
 * clock follows, else seconds.
 */
static uint8_t read_part(struct slice s, size_t *io_i, struct interval *v)
{
	struct number n, months;
	bool minus = s.ptr[*io_i] == '-';
	if (!read_number(s, io_i, &n))
		return VEC_BAD_INPUT;
	if (n.frac == 0 && take_byte(s, io_i, ':'))
		return read_clock(s, io_i, minus, minus ? -n.whole : n.whole, v);
	if (n.frac == 0 && *io_i < s.len && s.ptr[*io_i] == '-' && *io_i + 1 < s.len &&
	    text_is_digit(s.ptr[*io_i + 1])) {
		++*io_i;
		if (!read_number(s, io_i, &months) || months.frac ||
		    (*io_i < s.len && s.ptr[*io_i] != ' '))
			return VEC_BAD_INPUT;
		if (months.whole > 11)
			return VEC_OUT_OF_RANGE;
		if (minus)
			months.whole = -months.whole;
		return add_named(v, "year", n) && add_named(v, "month", months) ? VEC_VALUE
										: VEC_OUT_OF_RANGE;
	}
	bool apart = *io_i == s.len || s.ptr[*io_i] == ' ';
	while (take_byte(s, io_i, ' '))
		;
	const struct unit *u = NULL;
	if (*io_i < s.len && is_letter(s.ptr[*io_i])) {
		u = unit_named(word_at(s, io_i));
		if (!u)
			return VEC_BAD_INPUT;
	} else {
		u = unit_named(*io_i < s.len ? SLICE_LIT("day") : SLICE_LIT("second"));
		if (!apart || (*io_i < s.len && !memchr(s.ptr + *io_i, ':', s.len - *io_i)))
			return VEC_BAD_INPUT;
	}
	return add_unit(v, u, n) ? VEC_VALUE : VEC_OUT_OF_RANGE;
}

uint8_t literal_read_interval(struct slice s, struct interval *ret_v)
{
	struct interval v = {0};
	s = literal_trim(s);
	if (s.len == 0)
		return VEC_BAD_INPUT;
	size_t i = 0;
	uint8_t state = VEC_VALUE;
	bool parts = false;
	if (s.ptr[0] == 'P') {
		state = read_iso(s, &v);
		i = s.len;
	}
	while (state == VEC_VALUE && i < s.len) {
		if (take_byte(s, &i, ' ') || (!parts && take_byte(s, &i, '@')))
			continue;
		if (parts && text_ieq(slice_from(s, i), SLICE_LIT("ago"))) {
			if (v.months == INT32_MIN || v.days == INT32_MIN || v.ns == INT64_MIN)
				return VEC_OUT_OF_RANGE;
			v = (struct interval){-v.months, -v.days, -v.ns};
			break;
		}
		state = read_part(s, &i, &v);
		parts = true;
	}
	*ret_v = v;
	return state == VEC_VALUE && !parts && s.ptr[0] != 'P' ? VEC_BAD_INPUT : state;
}

/* ---- printing ---- */

static char *put_fraction(char *o, int64_t ns)
{
	if (ns == 0)
		return o;
	*o++ = '.';
	text_put_9digits(o, (uint32_t)ns);
	for (o += 9; o[-1] == '0'; o--)
		;
	return o;
}

size_t literal_put_date(char *out, int64_t days)
{
	int year, month, day;
	civil_date(days, &year, &month, &day);
	return (size_t)snprintf(out, LITERAL_MAX, "%04d-%02d-%02d%s", year > 0 ? year : 1 - year,
				month, day, year > 0 ? "" : " BC");
}

size_t literal_put_time(char *out, int64_t ns)
{
	int s = (int)(ns / NS_PER_S);
	char *o = out + snprintf(out, LITERAL_MAX, "%02d:%02d:%02d", s / 3600, s / 60 % 60, s % 60);
	return (size_t)(put_fraction(o, ns % NS_PER_S) - out);
}

size_t literal_put_timestamp(char *out, int64_t ns, bool with_zone, const struct zone *z)
{
	int32_t offset = with_zone ? zone_offset(z, ns) : 0;
	int64_t local;
	if (__builtin_add_overflow(ns, offset * NS_PER_S, &local)) { /* the last hours of 2262 */
		local = ns;
		offset = 0;
	}
	int64_t days = literal_days(local);
	size_t len = literal_put_date(out, days);
	out[len++] = ' ';
	/* Unsigned, since the first day begins below what 64 bits hold. */
	int64_t of_day = (int64_t)((uint64_t)local - (uint64_t)days * (uint64_t)NS_PER_DAY);
	len += literal_put_time(out + len, of_day);
	if (!with_zone)
		return len;
	int32_t east = offset < 0 ? -offset : offset;
	len += (size_t)snprintf(out + len, 8, "%c%02d", offset < 0 ? '-' : '+', east / 3600);
	if (east % 3600)
		len += (size_t)snprintf(out + len, 8, ":%02d", east / 60 % 60);
	if (east % 60)
		len += (size_t)snprintf(out + len, 8, ":%02d", east % 60);
	return len;
}

/* One of "3 days", "-1 mons", with a plus behind what was negative. */
static char *put_part(char *o, const char *begin, int32_t v, const char *unit, bool *io_minus)
{
	if (v == 0)
		return o;
	o += snprintf(o, 40, "%s%s%d %s%s", o > begin ? " " : "", *io_minus && v > 0 ? "+" : "", v,
		      unit, v == 1 ? "" : "s");
	*io_minus = v < 0;
	return o;
}

size_t literal_put_interval(char *out, struct interval v)
{
	bool minus = false;
	char *o = put_part(out, out, v.months / 12, "year", &minus);
	o = put_part(o, out, v.months % 12, "mon", &minus);
	o = put_part(o, out, v.days, "day", &minus);
	if (v.ns == 0 && o > out)
		return (size_t)(o - out);
	if (o > out)
		*o++ = ' ';
	if (v.ns < 0)
		*o++ = '-';
	else if (minus)
		*o++ = '+';
	uint64_t ns = v.ns < 0 ? 0 - (uint64_t)v.ns : (uint64_t)v.ns;
	uint64_t s = ns / NS_PER_S;
	o += snprintf(o, 40, "%02llu:%02d:%02d", (unsigned long long)(s / 3600), (int)(s / 60 % 60),
		      (int)(s % 60));
	return (size_t)(put_fraction(o, (int64_t)(ns % NS_PER_S)) - out);
}
