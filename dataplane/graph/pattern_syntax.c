/* PostgreSQL's advanced regular expressions in the syntax of Hyperscan, which is PCRE's. What
 * differs:
 *
 *     PostgreSQL   Hyperscan             PostgreSQL   Hyperscan
 *     $            \z                    \d \s \w     sets of ASCII characters, as in the locale C
 *     \Z           \z                    \b \B        a backspace, a backslash
 *     \y \Y        \b \B                 a  (~*)      [aA]
 *
 * Newlines are ordinary characters. Lazy quantifiers are as good as greedy ones where only the
 * answer yes or no is asked for.
 */
#include <stdio.h>

#include "dataplane/base/text.h"
#include "dataplane/graph/pattern.h"
#include "dataplane/graph/utf8.h"

#define REPEAT_MAX 255
#define DEPTH_MAX  64

struct translation {
	struct slice in;
	size_t i;
	char *o;
	bool ignore_case;
	bool atom; /* what is before can be repeated */
	unsigned depth;
	struct err *e;
};

static bool more(const struct translation *t)
{
	return t->i < t->in.len;
}

static uint8_t peek(const struct translation *t, size_t ahead)
{
	return t->i + ahead < t->in.len ? t->in.ptr[t->i + ahead] : 0;
}

static int refuse(struct translation *t, const char *text)
{
	return err_set(t->e, -EINVAL, "at byte %zu of the pattern: %s", t->i + 1, text);
}

static void put(struct translation *t, const char *text)
{
	size_t len = strlen(text);
	memcpy(t->o, text, len);
	t->o += len;
}

static bool is_letter(uint32_t c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* One character that means itself, in a class or out of it. */
static void put_char(struct translation *t, uint32_t c)
{
	if (is_letter(c) || (c >= '0' && c <= '9'))
		*t->o++ = (char)c;
	else
		t->o += snprintf(t->o, 16, "\\x{%x}", c);
}

static void put_literal(struct translation *t, uint32_t c)
{
	t->atom = true;
	if (t->ignore_case && is_letter(c)) {
		*t->o++ = '[';
		*t->o++ = (char)(c & 0xdf);
		*t->o++ = (char)(c | 0x20);
		*t->o++ = ']';
		return;
	}
	put_char(t, c);
}

static uint32_t take_char(struct translation *t)
{
	size_t len;
	uint32_t c = utf8_read(t->in.ptr + t->i, &len);
	t->i += len;
	return c;
}

static int read_hex(struct translation *t, size_t min, size_t max, uint32_t *ret_c)
{
	size_t n = 0;
	*ret_c = 0;
	for (int d; n < max && more(t) && (d = text_hex_digit(peek(t, 0))) >= 0; n++, t->i++)
		*ret_c = *ret_c << 4 | (uint32_t)d;
	if (n < min || *ret_c > 0x10ffff || (*ret_c >= 0xd800 && *ret_c <= 0xdfff))
		return refuse(t, "no character has this number");
	return 0;
}

/* A backslash and what follows, where that stands for one character. -ENOENT: it does not. */
static int read_escaped_char(struct translation *t, uint32_t *ret_c)
{
	static const char names[] = "abBefnrtv", values[] = "\a\b\\\033\f\n\r\t\v";
	uint8_t c = peek(t, 1);
	const char *known = c ? strchr(names, c) : NULL;
	if (t->i + 1 >= t->in.len)
		return refuse(t, "a backslash at the end");
	if (known) {
		*ret_c = (uint8_t)values[known - names];
		t->i += 2;
		return 0;
	}
	if (c == 'x' || c == 'u' || c == 'U') {
		t->i += 2;
		return c == 'x'   ? read_hex(t, 1, 6, ret_c)
		       : c == 'u' ? read_hex(t, 4, 4, ret_c)
				  : read_hex(t, 8, 8, ret_c);
	}
	if (c == '0') {
		*ret_c = 0;
		t->i += 2;
		for (int n = 0; n < 2 && peek(t, 0) >= '0' && peek(t, 0) <= '7'; n++, t->i++)
			*ret_c = *ret_c << 3 | (uint32_t)(peek(t, 0) - '0');
		return 0;
	}
	if (c == 'c' && t->i + 2 < t->in.len) {
		*ret_c = peek(t, 2) & 31;
		t->i += 3;
		return 0;
	}
	if (is_letter(c) || text_is_digit(c))
		return -ENOENT;
	t->i++;
	*ret_c = take_char(t);
	return 0;
}

/* The inside of the set of \d, \s or \w; NULL: none of them. */
static const char *shorthand(uint8_t c)
{
	switch (c) {
	case 'd':
		return "0-9";
	case 's':
		return "\\x09-\\x0d\\x20";
	case 'w':
		return "0-9A-Za-z_";
	default:
		return NULL;
	}
}

static int translate_escape(struct translation *t)
{
	uint32_t c;
	int ret = read_escaped_char(t, &c);
	if (ret == 0)
		put_literal(t, c);
	if (ret != -ENOENT)
		return ret;
	uint8_t name = peek(t, 1);
	const char *set = shorthand(name | 0x20);
	if (set) {
		put(t, name < 'a' ? "[^" : "[");
		put(t, set);
		put(t, "]");
		t->atom = true;
	} else if (strchr("AZyY", name)) {
		put(t, name == 'A' ? "^" : name == 'Z' ? "\\z" : name == 'y' ? "\\b" : "\\B");
		t->atom = false;
	} else if (name == 'm' || name == 'M') {
		return refuse(
			t, "\\m and \\M are not supported; \\y is the beginning or end of a word");
	} else if (text_is_digit(name)) {
		return refuse(t, "references back to a group are not supported");
	} else {
		return refuse(t, "there is no such escape");
	}
	t->i += 2;
	return 0;
}

/* ---- brackets ---- */

/* The letters among @lo..@hi in the other case too. */
static void put_range(struct translation *t, uint32_t lo, uint32_t hi)
{
	put_char(t, lo);
	if (hi != lo) {
		*t->o++ = '-';
		put_char(t, hi);
	}
	for (uint32_t base = 'A'; t->ignore_case && base <= 'a'; base += 'a' - 'A') {
		uint32_t from = lo > base ? lo : base, to = hi < base + 25 ? hi : base + 25;
		if (from > to)
			continue;
		put_char(t, from ^ 0x20);
		*t->o++ = '-';
		put_char(t, to ^ 0x20);
	}
}

/* [:alpha:] at the cursor. */
static int translate_class(struct translation *t)
{
	static const char *const names[] = {"alnum", "alpha",  "blank", "cntrl", "digit",
					    "graph", "lower",  "print", "punct", "space",
					    "upper", "xdigit", "word"};
	for (unsigned k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
		size_t len = strlen(names[k]);
		struct slice rest = slice_from(t->in, t->i + 2);
		if (rest.len < len + 2 || memcmp(rest.ptr, names[k], len) != 0 ||
		    memcmp(rest.ptr + len, ":]", 2) != 0)
			continue;
		bool cased = strcmp(names[k], "lower") == 0 || strcmp(names[k], "upper") == 0;
		t->o += snprintf(t->o, 16, "[:%s:]", t->ignore_case && cased ? "alpha" : names[k]);
		t->i += len + 4;
		return 0;
	}
	return refuse(t, "there is no such class");
}

static int read_class_char(struct translation *t, uint32_t *ret_c)
{
	if (!more(t))
		return refuse(t, "a bracket is not closed");
	if (peek(t, 0) == '[' && (peek(t, 1) == '.' || peek(t, 1) == '='))
		return refuse(t, "collating elements [. .] and [= =] are not supported");
	if (peek(t, 0) != '\\') {
		*ret_c = take_char(t);
		return 0;
	}
	int ret = read_escaped_char(t, ret_c);
	return ret == -ENOENT ? refuse(t, "this escape cannot stand in brackets") : ret;
}

static int translate_bracket(struct translation *t)
{
	t->i++;
	put(t, "[");
	if (peek(t, 0) == '^') {
		put(t, "^");
		t->i++;
	}
	for (bool first = true; first || peek(t, 0) != ']'; first = false) {
		uint32_t lo, hi;
		int ret;
		if (!more(t))
			return refuse(t, "a bracket is not closed");
		if (peek(t, 0) == '[' && peek(t, 1) == ':') {
			ret = translate_class(t);
			if (ret < 0)
				return ret;
			continue;
		}
		const char *set = peek(t, 0) == '\\' ? shorthand(peek(t, 1)) : NULL;
		if (set) {
			put(t, set);
			t->i += 2;
			continue;
		}
		ret = read_class_char(t, &lo);
		hi = lo;
		if (ret == 0 && peek(t, 0) == '-' && peek(t, 1) != ']' && t->i + 1 < t->in.len) {
			t->i++;
			ret = read_class_char(t, &hi);
			if (ret == 0 && hi < lo)
				return refuse(t, "a range that ends before it begins");
		}
		if (ret < 0)
			return ret;
		put_range(t, lo, hi);
	}
	t->i++;
	put(t, "]");
	t->atom = true;
	return 0;
}

/* ---- repetition and groups ---- */

static bool read_count(struct translation *t, unsigned *ret_n)
{
	unsigned n = 0;
	bool any = false;
	for (; text_is_digit(peek(t, 0)); t->i++, any = true)
		n = n < 10000 ? n * 10 + (peek(t, 0) - '0') : n;
	*ret_n = n;
	return any;
}

/* {m}, {m,} or {m,n}. */
static int translate_bound(struct translation *t)
{
	unsigned lo, hi;
	t->i++;
	read_count(t, &lo);
	hi = lo;
	bool open = false;
	if (peek(t, 0) == ',') {
		t->i++;
		open = !read_count(t, &hi);
	}
	if (peek(t, 0) != '}' || lo > REPEAT_MAX || (!open && (hi > REPEAT_MAX || hi < lo)))
		return refuse(t, "a repetition is {m}, {m,} or {m,n} with numbers up to 255");
	t->i++;
	t->o += open ? snprintf(t->o, 16, "{%u,}", lo) : snprintf(t->o, 16, "{%u,%u}", lo, hi);
	return 0;
}

static int translate_quantifier(struct translation *t)
{
	uint8_t c = peek(t, 0);
	int ret = 0;
	if (!t->atom)
		return refuse(t, "there is nothing to repeat");
	if (c == '{') {
		ret = translate_bound(t);
	} else {
		*t->o++ = (char)c;
		t->i++;
	}
	if (peek(t, 0) == '?') /* lazy */
		t->i++;
	t->atom = false;
	return ret;
}

static int translate_open(struct translation *t)
{
	if (++t->depth > DEPTH_MAX)
		return refuse(t, "groups are nested too deep");
	t->i++;
	if (peek(t, 0) == '?') {
		if (peek(t, 1) != ':')
			return refuse(
				t, "look-around and options inside of a pattern are not supported");
		t->i += 2;
	}
	put(t, "(?:");
	t->atom = false;
	return 0;
}

/* (?i) in front. */
static int translate_options(struct translation *t)
{
	if (slice_starts(t->in, SLICE_LIT("***")))
		return refuse(t, "*** is not supported");
	if (peek(t, 0) != '(' || peek(t, 1) != '?' || !is_letter(peek(t, 2)))
		return 0;
	for (t->i = 2; is_letter(peek(t, 0)); t->i++) {
		if (peek(t, 0) == 'i')
			t->ignore_case = true;
		else if (peek(t, 0) == 'c')
			t->ignore_case = false;
		else if (peek(t, 0) != 's' && peek(t, 0) != 't')
			return refuse(t, "of the options only i, c, s and t are supported");
	}
	if (peek(t, 0) != ')')
		return refuse(t, "the options are not closed");
	t->i++;
	return 0;
}

static int translate_one(struct translation *t)
{
	uint8_t c = peek(t, 0);
	switch (c) {
	case '\\':
		return translate_escape(t);
	case '[':
		return translate_bracket(t);
	case '(':
		return translate_open(t);
	case '*':
	case '+':
	case '?':
		return translate_quantifier(t);
	case '{':
		if (text_is_digit(peek(t, 1)))
			return translate_quantifier(t);
		break;
	case ')':
		if (t->depth == 0)
			return refuse(t, "a bracket that was not opened");
		t->depth--;
		put(t, ")");
		t->i++;
		t->atom = true;
		return 0;
	case '|':
	case '^':
	case '$':
		put(t, c == '$' ? "\\z" : c == '^' ? "^" : "|");
		t->i++;
		t->atom = false;
		return 0;
	case '.':
		put(t, ".");
		t->i++;
		t->atom = true;
		return 0;
	default:
		break;
	}
	put_literal(t, take_char(t));
	return 0;
}

int pattern_translate(struct slice pattern, bool *io_ignore_case, char *out, struct err *e)
{
	struct translation t = {.in = pattern, .o = out, .ignore_case = *io_ignore_case, .e = e};
	int ret = translate_options(&t);
	while (ret == 0 && more(&t))
		ret = translate_one(&t);
	if (ret == 0 && t.depth > 0)
		ret = refuse(&t, "a group is not closed");
	*t.o = '\0';
	*io_ignore_case = t.ignore_case;
	return ret;
}
