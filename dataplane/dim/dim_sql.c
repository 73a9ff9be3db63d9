#include "dataplane/dim/dim_sql.h"

#include "dataplane/base/text.h"

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

static bool is_word(uint8_t c)
{
	return text_is_digit(c) || (text_lower(c) >= 'a' && text_lower(c) <= 'z') || c == '_' ||
	       c == '$' || c >= 0x80;
}

static uint8_t byte_at(const struct sql_text *t, size_t off)
{
	return t->at + off < t->len ? t->text[t->at + off] : 0;
}

static void skip_to(struct sql_text *t, size_t end)
{
	for (; t->at < end; t->at++)
		t->line += t->text[t->at] == '\n';
}

/* One comment; false: it has no end. */
static bool skip_comment(struct sql_text *t)
{
	const uint8_t *from = t->text + t->at, *end;
	size_t left = t->len - t->at;
	if (*from == '/')
		end = left > 2 ? memmem(from + 2, left - 2, "*/", 2) : NULL;
	else
		end = memchr(from, '\n', left);
	skip_to(t, end ? (size_t)(end - t->text) + (*from == '/' ? 2 : 1) : t->len);
	return end || *from != '/';
}

/* "--" begins one only before a blank, so that 1--1 is none. */
static bool at_comment(const struct sql_text *t)
{
	uint8_t a = byte_at(t, 0), b = byte_at(t, 1);
	return a == '#' || (a == '/' && b == '*') ||
	       (a == '-' && b == '-' && (t->at + 2 == t->len || is_blank(byte_at(t, 2))));
}

/* Backslashes have these meanings; before any other byte they have none (MySQL's manual, 11.1.1).
 * \% and \_ keep theirs.
 */
static uint8_t unescaped(uint8_t c)
{
	static const char from[] = "0bnrtZ", to[] = "\0\b\n\r\t\x1a";
	const char *at = c ? strchr(from, c) : NULL;
	return at ? (uint8_t)to[at - from] : c;
}

/* In place: what is in the quotes is never shorter than what it stands for. */
static struct sql_token quoted(struct sql_text *t, enum sql_kind kind)
{
	struct sql_token k = {.kind = kind, .line = t->line};
	uint8_t quote = t->text[t->at], *from = t->text + t->at + 1, *to = from;
	for (skip_to(t, t->at + 1); t->at < t->len; skip_to(t, t->at + 1)) {
		uint8_t c = t->text[t->at];
		if (c == quote && byte_at(t, 1) != quote) {
			t->at++;
			k.s = slice_of(from, (size_t)(to - from));
			return k;
		}
		if (c == quote) {
			t->at++;
		} else if (c == '\\' && kind == TOKEN_STRING && t->at + 1 < t->len) {
			skip_to(t, t->at + 1);
			c = t->text[t->at];
			if (c == '%' || c == '_')
				*to++ = '\\';
			c = unescaped(c);
		}
		*to++ = c;
	}
	t->broken = k.line;
	return (struct sql_token){.kind = TOKEN_END, .line = k.line};
}

/* A number has its sign by itself, its point and its exponent inside. */
static struct sql_token word(struct sql_text *t)
{
	struct sql_token k = {.kind = TOKEN_WORD, .line = t->line};
	size_t from = t->at;
	bool number = text_is_digit(t->text[from]) || t->text[from] == '.';
	for (; t->at < t->len; t->at++) {
		uint8_t c = t->text[t->at];
		bool sign = (c == '-' || c == '+') && t->at > from &&
			    text_lower(t->text[t->at - 1]) == 'e';
		if (!is_word(c) && !(number && (c == '.' || sign)))
			break;
	}
	k.s = slice_of(t->text + from, t->at - from);
	return k;
}

struct sql_token dim_sql_next(struct sql_text *t)
{
	for (;;) {
		while (t->at < t->len && is_blank(t->text[t->at]))
			skip_to(t, t->at + 1);
		if (t->at == t->len)
			return (struct sql_token){.kind = TOKEN_END, .line = t->line};
		if (!at_comment(t))
			break;
		unsigned line = t->line;
		if (!skip_comment(t))
			t->broken = line;
	}
	uint8_t c = t->text[t->at];
	if (c == '`')
		return quoted(t, TOKEN_NAME);
	if (c == '\'' || c == '"')
		return quoted(t, TOKEN_STRING);
	if (is_word(c) || (c == '.' && text_is_digit(byte_at(t, 1))))
		return word(t);
	t->at++;
	return (struct sql_token){TOKEN_SIGN, slice_of(t->text + t->at - 1, 1), t->line};
}

struct slice dim_sql_line(struct sql_text *t)
{
	const uint8_t *from = t->text + t->at;
	const uint8_t *end = memchr(from, '\n', t->len - t->at);
	struct slice s = slice_of(from, end ? (size_t)(end - from) : t->len - t->at);
	skip_to(t, t->at + s.len + (end != NULL));
	while (s.len && is_blank(s.ptr[s.len - 1]))
		s.len--;
	while (s.len && is_blank(s.ptr[0]))
		s = slice_from(s, 1);
	return s;
}

bool dim_sql_is(struct sql_token k, const char *word)
{
	return (k.kind == TOKEN_WORD || k.kind == TOKEN_SIGN) && text_ieq(k.s, slice_str(word));
}
