#include "dataplane/base/civil.h"

/* Days since 1970-01-01. Years are counted from March, so that the leap day is a year's last; an
 * era is 400 years, the period of the Gregorian calendar.
 */
int64_t civil_days(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
	return era * 146097 + day_of_era - 719468;
}

void civil_date(int64_t days, int *ret_year, int *ret_month, int *ret_day)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	int64_t doe = days - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;
	*ret_day = (int)(doy - (153 * mp + 2) / 5 + 1);
	*ret_month = (int)(mp < 10 ? mp + 3 : mp - 9);
	*ret_year = (int)(yoe + era * 400 + (*ret_month <= 2));
}

int civil_month_days(int year, int month)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return month == 2 && leap ? 29 : days[month - 1];
}

bool civil_to_ns(const struct civil *c, int64_t *ret_ns)
{
	if (c->year < 1678 || c->year > 2261 || c->month < 1 || c->month > 12 || c->day < 1 ||
	    c->day > civil_month_days(c->year, c->month))
		return false;
	if (c->hour < 0 || c->hour > 23 || c->min < 0 || c->min > 59 || c->sec < 0 || c->sec > 60 ||
	    c->ns > 999999999 || c->offset_s < -86399 || c->offset_s > 86399)
		return false;
	int64_t s = civil_days(c->year, c->month, c->day) * 86400 + c->hour * 3600 + c->min * 60 +
		    c->sec - c->offset_s;
	uint32_t ns = c->ns;
	if (c->sec == 60) {
		s--;
		ns = 999999999;
	}
	*ret_ns = s * NS_PER_S + ns;
	return true;
}

void civil_from_ns(int64_t ns, struct civil *c)
{
	int64_t s = ns / NS_PER_S, frac = ns % NS_PER_S;
	if (frac < 0) {
		frac += NS_PER_S;
		s--;
	}
	int64_t days = s / 86400, rest = s % 86400;
	if (rest < 0) {
		rest += 86400;
		days--;
	}
	civil_date(days, &c->year, &c->month, &c->day);
	c->hour = (int)(rest / 3600);
	c->min = (int)(rest / 60 % 60);
	c->sec = (int)(rest % 60);
	c->ns = (uint32_t)frac;
	c->offset_s = 0;
}

/* Two digits at @p, or -1. */
static int two(const uint8_t *p)
{
	return text_is_digit(p[0]) && text_is_digit(p[1]) ? (p[0] - '0') * 10 + p[1] - '0' : -1;
}

/* Reads ".123" at @i; returns the index behind it, or 0 when there is a dot without a digit. */
static size_t read_fraction(struct slice s, size_t i, uint32_t *ret_ns)
{
	*ret_ns = 0;
	if (i >= s.len || (s.ptr[i] != '.' && s.ptr[i] != ','))
		return i;
	uint32_t ns = 0, digits = 0;
	for (i++; i < s.len && text_is_digit(s.ptr[i]); i++)
		if (digits < 9) {
			ns = ns * 10 + (uint32_t)(s.ptr[i] - '0');
			digits++;
		}
	if (digits == 0)
		return 0;
	for (; digits < 9; digits++)
		ns *= 10;
	*ret_ns = ns;
	return i;
}

size_t civil_read_rfc3339(struct slice s, int64_t *ret_ns)
{
	/* 0123456789012345678
	 * 2026-11-25T04:43:16
	 */
	if (s.len < 20)
		return 0;
	const uint8_t *p = s.ptr;
	int century = two(p), year = two(p + 2);
	if (century < 0 || year < 0 || p[4] != '-' || p[7] != '-' || p[13] != ':' || p[16] != ':' ||
	    (p[10] != 'T' && p[10] != 't' && p[10] != ' '))
		return 0;
	struct civil c = {.year = century * 100 + year,
			  .month = two(p + 5),
			  .day = two(p + 8),
			  .hour = two(p + 11),
			  .min = two(p + 14),
			  .sec = two(p + 17)};
	size_t i = read_fraction(s, 19, &c.ns);
	if (i == 0 || i >= s.len)
		return 0;
	if (p[i] == 'Z' || p[i] == 'z') {
		i++;
	} else {
		if ((p[i] != '+' && p[i] != '-') || s.len - i < 6 || p[i + 3] != ':')
			return 0;
		int h = two(p + i + 1), m = two(p + i + 4);
		if (h < 0 || h > 23 || m < 0 || m > 59)
			return 0;
		c.offset_s = (p[i] == '-' ? -1 : 1) * (h * 3600 + m * 60);
		i += 6;
	}
	return civil_to_ns(&c, ret_ns) ? i : 0;
}

static char *put2(char *out, unsigned v)
{
	out[0] = (char)('0' + v / 10);
	out[1] = (char)('0' + v % 10);
	return out + 2;
}

size_t civil_put_rfc3339_9(char *out, int64_t ns)
{
	struct civil c;
	civil_from_ns(ns, &c);
	char *p = put2(out, (unsigned)c.year / 100);
	p = put2(p, (unsigned)c.year % 100);
	*p++ = '-';
	p = put2(p, (unsigned)c.month);
	*p++ = '-';
	p = put2(p, (unsigned)c.day);
	*p++ = 'T';
	p = put2(p, (unsigned)c.hour);
	*p++ = ':';
	p = put2(p, (unsigned)c.min);
	*p++ = ':';
	p = put2(p, (unsigned)c.sec);
	*p++ = '.';
	text_put_9digits(p, c.ns);
	p[9] = 'Z'; /* for the blank */
	return (size_t)(p + 10 - out);
}

size_t civil_put_rfc3339(char *out, int64_t ns)
{
	size_t len = civil_put_rfc3339_9(out, ns) - 1;
	while (out[len - 1] == '0')
		len--;
	if (out[len - 1] == '.')
		len--;
	out[len] = 'Z';
	return len + 1;
}

/* Reckons without a sign, since the first minute of all begins before the first nanosecond of all.
 */
uint64_t civil_minute_find(struct civil_minute *m, int64_t ns)
{
	char whole[32];
	int64_t in_minute = ns % (60 * NS_PER_S);
	if (in_minute < 0)
		in_minute += 60 * NS_PER_S;
	civil_put_rfc3339_9(whole, ns);
	memcpy(m->text, whole, sizeof(m->text));
	m->first_ns = (int64_t)((uint64_t)ns - (uint64_t)in_minute);
	return (uint64_t)in_minute;
}
