#include "dataplane/graph/zone.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "dataplane/base/civil.h"
#include "dataplane/base/mem.h"
#include "dataplane/base/text.h"

#define ZONE_DIRECTORY "/usr/share/zoneinfo/"
#define HEADER_BYTES   44

/* When a rule of the footer moves the clock, each year. */
struct zone_day {
	char kind; /* 'M': weekday, 'J': day 1..365 without 29 February, '0': day 0..365 */
	int month, week, day;
	int32_t second; /* of the day, local, before the change */
};

struct zone {
	char name[ZONE_NAME_MAX];
	unsigned n;      /* transitions */
	int64_t *at;     /* seconds since 1970 */
	int32_t *offset; /* from at[i] on */
	int32_t first;   /* before all of them */
	/* after the last of them */
	bool rule; /* else the last offset goes on */
	bool summer;
	int32_t std_offset, dst_offset;
	struct zone_day dst_from, dst_to;
	struct zone *next;
};

struct zones {
	struct zone *first;
};

/* ---- the footer: "CET-1CEST,M3.5.0,M10.5.0/3" ---- */

static bool skip_name(const char **p)
{
	const char *s = *p;
	if (*s == '<') {
		s = strchr(s, '>');
		if (!s)
			return false;
		*p = s + 1;
		return true;
	}
	while ((*s | 0x20) >= 'a' && (*s | 0x20) <= 'z')
		s++;
	bool some = s > *p;
	*p = s;
	return some;
}

static bool read_number(const char **p, int *ret_v)
{
	const char *s = *p;
	int v = 0;
	while (text_is_digit((uint8_t)*s) && v < 100000)
		v = v * 10 + (*s++ - '0');
	bool some = s > *p;
	*p = s;
	*ret_v = v;
	return some;
}

/* [+-]hh[:mm[:ss]] in seconds. */
static bool read_hms(const char **p, int32_t *ret_s)
{
	int sign = 1, h, m = 0, s = 0;
	if (**p == '-' || **p == '+')
		sign = *(*p)++ == '-' ? -1 : 1;
	if (!read_number(p, &h))
		return false;
	if (**p == ':' && (++*p, !read_number(p, &m)))
		return false;
	if (**p == ':' && (++*p, !read_number(p, &s)))
		return false;
	*ret_s = sign * (h * 3600 + m * 60 + s);
	return h <= 167 && m < 60 && s < 60;
}

static bool read_day(const char **p, struct zone_day *d)
{
	d->second = 7200;
	d->kind = **p;
	bool ok;
	if (**p == 'M') {
		++*p;
		ok = read_number(p, &d->month) && *(*p)++ == '.' && read_number(p, &d->week) &&
		     *(*p)++ == '.' && read_number(p, &d->day) && d->month >= 1 && d->month <= 12 &&
		     d->week >= 1 && d->week <= 5 && d->day <= 6;
	} else {
		if (**p == 'J')
			++*p;
		else
			d->kind = '0';
		ok = read_number(p, &d->day) && d->day <= 365;
	}
	if (ok && **p == '/') {
		++*p;
		ok = read_hms(p, &d->second);
	}
	return ok;
}

static bool read_rule(struct zone *z, const char *p)
{
	int32_t west;
	if (!skip_name(&p) || !read_hms(&p, &west))
		return false;
	z->rule = true;
	z->std_offset = -west;
	if (*p == '\0')
		return true;
	if (!skip_name(&p))
		return false;
	z->dst_offset = z->std_offset + 3600;
	if (*p != ',') {
		if (!read_hms(&p, &west))
			return false;
		z->dst_offset = -west;
	}
	z->summer = *p++ == ',' && read_day(&p, &z->dst_from) && *p++ == ',' &&
		    read_day(&p, &z->dst_to) && *p == '\0';
	return z->summer;
}

/* ---- the file ---- */

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t be64(const uint8_t *p)
{
	return (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4));
}

struct counts {
	uint32_t utc, std, leap, time, type, chars;
};

static bool read_header(struct slice s, struct counts *c)
{
	if (s.len < HEADER_BYTES || memcmp(s.ptr, "TZif", 4) != 0 || s.ptr[4] < '2')
		return false;
	const uint8_t *p = s.ptr + 20;
	*c = (struct counts){be32(p),      be32(p + 4),  be32(p + 8),
			     be32(p + 12), be32(p + 16), be32(p + 20)};
	return c->time < 10000 && c->type > 0 && c->type <= 256 && c->chars < 10000 &&
	       c->leap < 1000 && c->utc <= 256 && c->std <= 256;
}

static size_t body_bytes(const struct counts *c, size_t time_bytes)
{
	return c->time * (time_bytes + 1) + c->type * 6 + c->chars + c->leap * (time_bytes + 4) +
	       c->std + c->utc;
}

/* True when @s is a file of RFC 8536 of version 2 or later. */
static bool read_file(struct zone *z, struct slice s)
{
	struct counts c;
	if (!read_header(s, &c))
		return false;
	s = slice_from(s, HEADER_BYTES + body_bytes(&c, 4));
	if (!read_header(s, &c))
		return false;
	s = slice_from(s, HEADER_BYTES);
	size_t body = body_bytes(&c, 8);
	if (s.len < body + 2)
		return false;
	const uint8_t *types = s.ptr + (size_t)c.time * 8, *defs = types + c.time;
	z->at = mem_alloc((c.time + 1) * sizeof(*z->at));
	z->offset = mem_alloc((c.time + 1) * sizeof(*z->offset));
	if (!z->at || !z->offset)
		return false;
	z->n = c.time;
	z->first = (int32_t)be32(defs);
	for (uint32_t i = 0; i < c.time; i++) {
		z->at[i] = be64(s.ptr + (size_t)i * 8);
		if (types[i] >= c.type)
			return false;
		z->offset[i] = (int32_t)be32(defs + (size_t)types[i] * 6);
	}
	s = slice_from(s, body);
	char rule[128];
	if (s.len < 2 || s.len - 1 > sizeof(rule) || s.ptr[0] != '\n' || s.ptr[s.len - 1] != '\n')
		return false;
	memcpy(rule, s.ptr + 1, s.len - 2);
	rule[s.len - 2] = '\0';
	return s.len == 2 || read_rule(z, rule);
}

static bool name_is_sound(struct slice name)
{
	if (name.len == 0 || name.len >= ZONE_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = name.ptr[i], l = text_lower(c);
		if (!(l >= 'a' && l <= 'z') && !text_is_digit(c) && !strchr("/_+-", c))
			return false;
	}
	return name.ptr[0] != '/';
}

/* PST, CET: names of offsets, not of zones; PostgreSQL has a table of its own for them. */
static bool is_abbreviation(struct slice name)
{
	if (name.len > 5)
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (name.ptr[i] == '/' || text_lower(name.ptr[i]) == name.ptr[i])
			return false;
	return !text_ieq(name, SLICE_LIT("UTC")) && !text_ieq(name, SLICE_LIT("GMT"));
}

static int load(struct zone *z, struct err *e)
{
	static const char hint[] = "names are those of IANA, as in 'Europe/Berlin' or 'UTC'";
	char path[sizeof(ZONE_DIRECTORY) + ZONE_NAME_MAX];
	snprintf(path, sizeof(path), "%s%s", ZONE_DIRECTORY, z->name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(e, -EINVAL, "no time zone %s in %s; %s", z->name, ZONE_DIRECTORY,
			       hint);
	int ret = 0;
	uint8_t *bytes = mem_alloc(ZONE_FILE_BYTES_MAX);
	ssize_t n = bytes ? read(fd, bytes, ZONE_FILE_BYTES_MAX) : 0;
	if (!bytes)
		ret = err_set(e, -ENOMEM, "out of memory for a time zone");
	else if (n <= 0 || !read_file(z, slice_of(bytes, (size_t)n)))
		ret = err_set(e, -EINVAL, "%s is no time zone; %s", path, hint);
	mem_free(bytes);
	close(fd);
	return ret;
}

static void zone_free(struct zone *z)
{
	mem_free(z->at);
	mem_free(z->offset);
	mem_free(z);
}

struct zones *zones_create(void)
{
	return mem_alloc(sizeof(struct zones));
}

void zones_destroy(struct zones *zs)
{
	while (zs && zs->first) {
		struct zone *z = zs->first;
		zs->first = z->next;
		zone_free(z);
	}
	mem_free(zs);
}

int zones_get(struct zones *zs, struct slice name, const struct zone **ret_zone, struct err *e)
{
	if (!name_is_sound(name) || is_abbreviation(name))
		return err_set(e, -EINVAL,
			       "%.*s is no name of a time zone that sluice takes: names are those "
			       "of IANA, as in 'Europe/Berlin' or 'UTC'; an offset is an interval, "
			       "as in INTERVAL '2 hours'",
			       (int)name.len, (const char *)name.ptr);
	for (struct zone *z = zs->first; z; z = z->next)
		if (text_ieq(slice_str(z->name), name)) {
			*ret_zone = z;
			return 0;
		}
	struct zone *z = mem_alloc(sizeof(*z));
	if (!z)
		return err_set(e, -ENOMEM, "out of memory for a time zone");
	memcpy(z->name, name.ptr, name.len);
	int ret = load(z, e);
	if (ret < 0) {
		zone_free(z);
		return ret;
	}
	z->next = zs->first;
	zs->first = z;
	*ret_zone = z;
	return 0;
}

/* ---- asking ---- */

/* Seconds since 1970 when @d comes in @year, as the clock shows it. */
static int64_t day_in_year(const struct zone_day *d, int year)
{
	if (d->kind != 'M') {
		int64_t days = civil_days(year, 1, 1) + d->day;
		/* J: 29 February has no number, so the days behind it are one later. */
		if (d->kind == 'J' &&
		    (d->day < 60 || civil_days(year, 3, 1) - civil_days(year, 2, 1) == 28))
			days--;
		return days * 86400 + d->second;
	}
	int64_t first = civil_days(year, d->month, 1);
	int64_t next =
		d->month == 12 ? civil_days(year + 1, 1, 1) : civil_days(year, d->month + 1, 1);
	int weekday = (int)(((first + 4) % 7 + 7) % 7);
	int64_t day = first + (d->day - weekday + 7) % 7 + (d->week - 1) * 7;
	while (day >= next)
		day -= 7;
	return day * 86400 + d->second;
}

static int32_t rule_offset(const struct zone *z, int64_t utc_s)
{
	if (!z->summer)
		return z->std_offset;
	int64_t local = utc_s + z->std_offset;
	int year, month, day;
	civil_date(local >= 0 ? local / 86400 : -((86399 - local) / 86400), &year, &month, &day);
	int64_t from = day_in_year(&z->dst_from, year) - z->std_offset;
	int64_t to = day_in_year(&z->dst_to, year) - z->dst_offset;
	bool dst = from < to ? utc_s >= from && utc_s < to : utc_s >= from || utc_s < to;
	return dst ? z->dst_offset : z->std_offset;
}

static int32_t offset_at(const struct zone *z, int64_t utc_s)
{
	if (z->n == 0 || utc_s < z->at[0])
		return z->n == 0 && z->rule ? rule_offset(z, utc_s) : z->first;
	if (z->rule && utc_s >= z->at[z->n - 1])
		return rule_offset(z, utc_s);
	unsigned lo = 0, hi = z->n; /* at[lo] <= utc_s < at[hi] */
	while (hi - lo > 1) {
		unsigned mid = (lo + hi) / 2;
		if (z->at[mid] <= utc_s)
			lo = mid;
		else
			hi = mid;
	}
	return z->offset[lo];
}

static int64_t floor_s(int64_t ns)
{
	return ns / NS_PER_S - (ns % NS_PER_S < 0);
}

int32_t zone_offset(const struct zone *z, int64_t utc_ns)
{
	return z ? offset_at(z, floor_s(utc_ns)) : 0;
}

int64_t zone_local_to_utc(const struct zone *z, int64_t local_s)
{
	if (!z)
		return local_s;
	/* The offsets a day before and a day after: a change between them is the one that matters.
	 */
	int32_t before = offset_at(z, local_s - 86400), after = offset_at(z, local_s + 86400);
	int64_t early = local_s - before, late = local_s - after;
	if (before == after)
		return early;
	bool early_holds = offset_at(z, early) == before, late_holds = offset_at(z, late) == after;
	if (early_holds && !late_holds)
		return early;
	if (late_holds)
		return late;
	return early;
}
