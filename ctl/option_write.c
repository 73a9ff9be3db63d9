#include <inttypes.h>

#include "ctl/option_value.h"
#include "ctl/quantity.h"
#include "dataplane/base/text.h"

/* ---- text as YAML ---- */

static bool is_plain_byte(uint8_t c)
{
	return text_is_digit(c) || (text_lower(c) >= 'a' && text_lower(c) <= 'z') ||
	       (c && strchr("_/.+", c));
}

/* Reads back as the same text whatever reader looks at it, also one that guesses types. */
static bool is_plain(const char *text)
{
	static const char *const words[] = {"true", "false", "yes", "no", "on",
					    "off",  "null",  "y",   "n"};
	uint8_t first = (uint8_t)text[0];
	if (!is_plain_byte(first) || text_is_digit(first) || first == '.' || first == '+')
		return false;
	for (const char *c = text; *c; c++) {
		if (!is_plain_byte((uint8_t)*c) && *c != '-')
			return false;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (text_ieq(slice_str(text), slice_str(words[i])))
			return false;
	}
	return true;
}

/* The password of a URL in @text, "scheme://user:PASSWORD@host/": empty when there is none. An "@"
 * inside of it is taken for a part of it, so that no tail of it is ever shown.
 */
static struct slice password_of(const char *text)
{
	const char *start = strstr(text, "://");
	if (!start)
		return (struct slice){0};
	start += 3;
	size_t len = strcspn(start, "/?# ");
	const char *colon = memchr(start, ':', len), *at = memrchr(start, '@', len);
	if (!colon || !at || at < colon)
		return (struct slice){0};
	return slice_of(colon + 1, (size_t)(at - colon - 1));
}

static void write_byte(FILE *out, uint8_t c)
{
	if (c == '"' || c == '\\')
		fprintf(out, "\\%c", c);
	else if (c == '\n')
		fputs("\\n", out);
	else if (c == '\t')
		fputs("\\t", out);
	else if (c < 0x20 || c == 0x7f)
		fprintf(out, "\\x%02x", c);
	else
		fputc(c, out);
}

static void write_text(FILE *out, const char *text, struct slice hidden)
{
	if (is_plain(text)) {
		fputs(text, out);
		return;
	}
	fputc('"', out);
	for (const char *c = text; *c; c++) {
		if (hidden.len && c == (const char *)hidden.ptr) {
			fputs("***", out);
			c += hidden.len;
		}
		write_byte(out, (uint8_t)*c);
	}
	fputc('"', out);
}

void option_text_write(FILE *out, const char *text)
{
	write_text(out, text, (struct slice){0});
}

/* ---- values ---- */

bool option_value_is_set(const struct opt *o, const void *field)
{
	if (o->type == OPT_STRING || o->type == OPT_SECRET || o->type == OPT_PATH)
		return *(const char *const *)field != NULL;
	return true;
}

static void write_strings(FILE *out, const struct opt_strings *s)
{
	fputc('[', out);
	for (size_t i = 0; i < s->n; i++) {
		fputs(i ? ", " : "", out);
		write_text(out, s->items[i], password_of(s->items[i]));
	}
	fputc(']', out);
}

static void write_ports(FILE *out, const struct opt_ports *p)
{
	if (p->n != 1)
		fputc('[', out);
	for (size_t i = 0; i < p->n; i++) {
		fprintf(out, "%s%u", i ? ", " : "", p->items[i].lo);
		if (p->items[i].hi != p->items[i].lo)
			fprintf(out, "-%u", p->items[i].hi);
	}
	if (p->n != 1)
		fputc(']', out);
}

static void write_map(FILE *out, const struct opt_map *m)
{
	fputc('{', out);
	for (size_t i = 0; i < m->n; i++) {
		fputs(i ? ", " : " ", out);
		option_text_write(out, m->items[i].key);
		fputs(": ", out);
		option_text_write(out, m->items[i].value);
	}
	fputs(m->n ? " }" : "}", out);
}

void option_value_write(FILE *out, const struct opt *o, const void *field)
{
	char text[QUANTITY_TEXT_MAX];
	const char *string;
	switch (o->type) {
	case OPT_BOOL:
		fputs(*(const bool *)field ? "true" : "false", out);
		break;
	case OPT_INT:
		fprintf(out, "%" PRId64, *(const int64_t *)field);
		break;
	case OPT_BYTES:
		fputs(quantity_write(QUANTITY_BYTES, *(const uint64_t *)field, text), out);
		break;
	case OPT_DURATION:
		fputs(quantity_write(QUANTITY_DURATION, *(const uint64_t *)field, text), out);
		break;
	case OPT_ENUM:
		fputs(o->choices[*(const int *)field], out);
		break;
	case OPT_STRING:
	case OPT_PATH:
		string = *(const char *const *)field;
		if (string)
			write_text(out, string, password_of(string));
		break;
	case OPT_SECRET:
		break;
	case OPT_STRINGS:
		write_strings(out, field);
		break;
	case OPT_PORTS:
		write_ports(out, field);
		break;
	case OPT_MAP:
		write_map(out, field);
		break;
	}
}

/* ---- what a value may be ---- */

static char *number(const struct opt *o, int64_t n, char *buf)
{
	if (o->type == OPT_INT)
		snprintf(buf, QUANTITY_TEXT_MAX, "%" PRId64, n);
	else
		quantity_write(o->type == OPT_BYTES ? QUANTITY_BYTES : QUANTITY_DURATION,
			       (uint64_t)n, buf);
	return buf;
}

/* "1 to 128", "at least 4KiB"; empty without bounds. Returns @buf. */
static char *put_range(const struct opt *o, char *buf, size_t cap)
{
	char lo[QUANTITY_TEXT_MAX], hi[QUANTITY_TEXT_MAX];
	buf[0] = '\0';
	if (o->type != OPT_INT && o->type != OPT_BYTES && o->type != OPT_DURATION)
		return buf;
	if (o->max)
		snprintf(buf, cap, "%s to %s", number(o, o->min, lo), number(o, o->max, hi));
	else if (o->min || o->type == OPT_INT)
		snprintf(buf, cap, "at least %s", number(o, o->min, lo));
	return buf;
}

static char *expect_number(const struct opt *o, const char *what, const char *such, char *buf,
			   size_t cap)
{
	char range[2 * QUANTITY_TEXT_MAX];
	put_range(o, range, sizeof(range));
	if (!range[0])
		snprintf(buf, cap, "%s such as %s", what, such);
	else
		snprintf(buf, cap, "%s %s%s", what, o->max ? "from " : "of ", range);
	return buf;
}

static char *expect_choice(const struct opt *o, char *buf, size_t cap)
{
	size_t n = (size_t)snprintf(buf, cap, "%s", o->choices[1] ? "one of " : "");
	for (size_t i = 0; o->choices[i] && n < cap; i++)
		n += (size_t)snprintf(buf + n, cap - n, "%s%s", i ? ", " : "", o->choices[i]);
	return buf;
}

char *option_value_expect(const struct opt *o, char *buf, size_t cap)
{
	static const char *const texts[] = {
		[OPT_BOOL] = "true or false",
		[OPT_STRING] = "text",
		[OPT_STRINGS] = "text, or a list of texts",
		[OPT_PORTS] =
			"a port from 1 to 65535, a range such as 5000-5010, or a list of them",
		[OPT_MAP] = "a map of names to texts",
		[OPT_SECRET] = "text",
		[OPT_PATH] = "a path",
	};
	switch (o->type) {
	case OPT_INT:
		return expect_number(o, "a whole number", "1", buf, cap);
	case OPT_BYTES:
		return expect_number(o, "a size", "64KiB or 10MiB", buf, cap);
	case OPT_DURATION:
		return expect_number(o, "a duration", "500ms or 30s", buf, cap);
	case OPT_ENUM:
		return expect_choice(o, buf, cap);
	default:
		snprintf(buf, cap, "%s", texts[o->type]);
		return buf;
	}
}
