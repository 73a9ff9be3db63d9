#include "ctl/quantity.h"

#include <stdio.h>

#include "dataplane/base/text.h"

struct unit {
	const char *name;
	uint64_t factor;
	const char *also[6]; /* how people write it elsewhere: refused, but understood */
};

/* The largest first. */
static const struct unit sizes[] = {
	{"TiB", UINT64_C(1) << 40, {"T", "TB"}},
	{"GiB", 1u << 30, {"G", "GB"}},
	{"MiB", 1u << 20, {"M", "MB"}},
	{"KiB", 1u << 10, {"K", "KB"}},
	{"B", 1, {"byte", "bytes"}},
	{NULL},
};

static const struct unit durations[] = {
	{"d", UINT64_C(86400000000000), {"day", "days"}},
	{"h", UINT64_C(3600000000000), {"hr", "hour", "hours"}},
	{"m", UINT64_C(60000000000), {"min", "mins", "minute", "minutes"}},
	{"s", 1000000000, {"sec", "secs", "second", "seconds"}},
	{"ms", 1000000, {"msec", "msecs", "millisecond", "milliseconds"}},
	{"us", 1000, {"usec", "usecs", "microsecond", "microseconds", "\xc2\xb5s"}},
	{"ns", 1, {"nsec", "nanosecond", "nanoseconds"}},
	{NULL},
};

static const struct unit *table(enum quantity_kind kind)
{
	return kind == QUANTITY_BYTES ? sizes : durations;
}

static const struct unit *unit_named(enum quantity_kind kind, struct slice name)
{
	for (const struct unit *u = table(kind); u->name; u++) {
		if (slice_eq(name, slice_str(u->name)))
			return u;
	}
	return NULL;
}

static const struct unit *unit_meant(enum quantity_kind kind, struct slice name)
{
	while (name.len && name.ptr[0] == ' ')
		name = slice_from(name, 1);
	for (const struct unit *u = table(kind); u->name; u++) {
		if (text_ieq(name, slice_str(u->name)))
			return u;
		for (size_t i = 0; i < sizeof(u->also) / sizeof(u->also[0]) && u->also[i]; i++) {
			if (text_ieq(name, slice_str(u->also[i])))
				return u;
		}
	}
	return NULL;
}

const char *quantity_read(enum quantity_kind kind, struct slice text, uint64_t *ret_n, char *meant)
{
	meant[0] = '\0';
	size_t n_digits = 0;
	while (n_digits < text.len && text_is_digit(text.ptr[n_digits]))
		n_digits++;
	if (n_digits == 0)
		return kind == QUANTITY_BYTES ? " is no size" : " is no duration";
	uint64_t n;
	if (!text_u64(slice_of(text.ptr, n_digits), &n))
		return " is out of range";
	struct slice name = slice_from(text, n_digits);
	if (name.len == 0) {
		if (kind == QUANTITY_DURATION && n != 0)
			return " has no unit";
		*ret_n = n;
		return NULL;
	}
	const struct unit *u = unit_named(kind, name);
	if (!u) {
		u = unit_meant(kind, name);
		if (u)
			snprintf(meant, QUANTITY_TEXT_MAX, "%llu%s", (unsigned long long)n,
				 u->name);
		return name.ptr[0] == '.' ? " is no whole number of a unit" : " has no known unit";
	}
	if (__builtin_mul_overflow(n, u->factor, ret_n))
		return " is out of range";
	return NULL;
}

char *quantity_write(enum quantity_kind kind, uint64_t n, char *buf)
{
	const struct unit *u = table(kind);
	while (u->factor > 1 && (n == 0 || n % u->factor != 0))
		u++;
	const char *name = u->name;
	if (kind == QUANTITY_BYTES && u->factor == 1)
		name = "";
	if (kind == QUANTITY_DURATION && n == 0)
		name = "s";
	snprintf(buf, QUANTITY_TEXT_MAX, "%llu%s", (unsigned long long)n / u->factor, name);
	return buf;
}
