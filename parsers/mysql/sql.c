#include "parsers/mysql/sql.h"

#include "dataplane/base/text.h"

void sql_init(struct sql *s, struct slice text, enum mysql_charset charset, uint64_t sql_mode)
{
	*s = (struct sql){
		.at = text.ptr,
		.end = text.ptr + text.len,
		.escapes = !(sql_mode >> 20 & 1),
		.ansi = sql_mode >> 2 & 1,
		.charset = charset,
	};
}

size_t sql_char_bytes(enum mysql_charset cs, const uint8_t *p, const uint8_t *end)
{
	if (*p < 0x81 || end - p < 2)
		return 1;
	switch (cs) {
	case MYSQL_CS_GBK:
	case MYSQL_CS_BIG5:
		return *p != 0xff && p[1] >= 0x40 ? 2 : 1;
	case MYSQL_CS_GB18030:
		if (*p != 0xff && p[1] >= 0x40)
			return 2;
		return end - p >= 4 && text_is_digit(p[1]) ? 4 : 1;
	case MYSQL_CS_SJIS:
	case MYSQL_CS_CP932:
		return (*p <= 0x9f || (*p >= 0xe0 && *p <= 0xfc)) && p[1] >= 0x40 ? 2 : 1;
	default:
		return 1;
	}
}

static bool word_byte(uint8_t c)
{
	return text_is_digit(c) || (text_lower(c) >= 'a' && text_lower(c) <= 'z') || c == '_' ||
	       c == '$' || c >= 0x80;
}

static bool blank(uint8_t c)
{
	return c <= ' ';
}

static void skip_line(struct sql *s)
{
	const uint8_t *nl = memchr(s->at, '\n', (size_t)(s->end - s->at));
	s->at = nl ? nl + 1 : s->end;
}

/* At the first byte inside of a comment. */
static void skip_comment(struct sql *s)
{
	while (s->at < s->end) {
		const uint8_t *star = memchr(s->at, '*', (size_t)(s->end - s->at));
		if (!star || s->end - star < 2)
			break;
		s->at = star + 1;
		if (star[1] == '/') {
			s->at = star + 2;
			return;
		}
	}
	s->at = s->end;
}

/* At "/" of a comment. The server that wrote the text has executed what stands in slash, star, "!"
 * and a version: what it did not, it has turned into a plain comment before. Only the highest
 * version there is means "nobody".
 */
static void open_comment(struct sql *s)
{
	const uint8_t *p = s->at + 2;
	if (p < s->end && *p == 'M' && s->end - p > 1 && p[1] == '!')
		p++;
	if (p >= s->end || *p != '!') {
		s->at += 2;
		skip_comment(s);
		return;
	}
	const uint8_t *digits = ++p;
	bool nines = true;
	for (; p < s->end && p - digits < 6 && text_is_digit(*p); p++)
		nines = nines && *p == '9';
	s->at = p;
	if (nines && p - digits >= 5)
		skip_comment(s);
	else
		s->executed = true;
}

static void skip_blanks(struct sql *s)
{
	while (s->at < s->end) {
		const uint8_t *p = s->at;
		size_t left = (size_t)(s->end - p);
		if (blank(*p))
			s->at++;
		else if (*p == '#' ||
			 (*p == '-' && left >= 2 && p[1] == '-' && (left == 2 || blank(p[2]))))
			skip_line(s);
		else if (*p == '/' && left >= 2 && p[1] == '*')
			open_comment(s);
		else if (*p == '*' && left >= 2 && p[1] == '/' && s->executed) {
			s->executed = false;
			s->at += 2;
		} else
			return;
	}
}

static void quoted(struct sql *s, uint8_t quote, bool escapes)
{
	const uint8_t *p = s->at + 1;
	while (p < s->end) {
		if (*p >= 0x80) {
			p += sql_char_bytes(s->charset, p, s->end);
		} else if (*p == '\\' && escapes) {
			/* What is escaped may be the first byte of a character. */
			p += 1 + (s->end - p > 1 ? sql_char_bytes(s->charset, p + 1, s->end) : 0);
		} else if (*p != quote) {
			p++;
		} else if (s->end - p > 1 && p[1] == quote) {
			p += 2;
		} else {
			s->text = slice_of(s->at + 1, (size_t)(p - s->at - 1));
			s->at = p + 1;
			return;
		}
	}
	s->kind = SQL_BAD;
	s->text = slice_of(s->at, (size_t)(s->end - s->at));
	s->at = s->end;
}

static void word(struct sql *s)
{
	const uint8_t *p = s->at;
	bool digits = true;
	while (p < s->end && word_byte(*p)) {
		digits = digits && text_is_digit(*p);
		p += sql_char_bytes(s->charset, p, s->end);
	}
	s->kind = digits ? SQL_NUMBER : SQL_WORD;
	s->text = slice_of(s->at, (size_t)(p - s->at));
	s->at = p;
}

void sql_next(struct sql *s)
{
	s->punct = 0;
	skip_blanks(s);
	if (s->at >= s->end) {
		s->kind = SQL_END;
		s->text = slice_of(s->end, 0);
		return;
	}
	switch (*s->at) {
	case '`':
		s->kind = SQL_NAME;
		quoted(s, '`', false);
		return;
	case '"':
		s->kind = SQL_DOUBLE;
		quoted(s, '"', s->escapes && !s->ansi);
		return;
	case '\'':
		s->kind = SQL_STRING;
		quoted(s, '\'', s->escapes);
		return;
	default:
		break;
	}
	if (word_byte(*s->at)) {
		word(s);
		return;
	}
	s->kind = SQL_PUNCT;
	s->punct = *s->at;
	s->text = slice_of(s->at, 1);
	s->at++;
}

bool sql_is(const struct sql *s, const char *keyword)
{
	return s->kind == SQL_WORD && text_ieq(s->text, slice_str(keyword));
}

bool sql_accept(struct sql *s, const char *keyword)
{
	if (!sql_is(s, keyword))
		return false;
	sql_next(s);
	return true;
}

bool sql_accept_punct(struct sql *s, uint8_t c)
{
	if (s->punct != c)
		return false;
	sql_next(s);
	return true;
}

bool sql_next_is(const struct sql *s, const char *keyword)
{
	struct sql ahead = *s;
	sql_next(&ahead);
	return sql_is(&ahead, keyword);
}

bool sql_next_punct(const struct sql *s, uint8_t c)
{
	struct sql ahead = *s;
	sql_next(&ahead);
	return ahead.punct == c;
}

void sql_skip(struct sql *s)
{
	size_t depth = 0;
	while (s->kind != SQL_END && s->kind != SQL_BAD) {
		if (s->punct == '(')
			depth++;
		else if (s->punct == ')' && depth > 0)
			depth--;
		sql_next(s);
		if (depth == 0)
			return;
	}
}

void sql_skip_item(struct sql *s)
{
	while (s->kind != SQL_END && s->kind != SQL_BAD && s->punct != ',' && s->punct != ')' &&
	       s->punct != ';')
		sql_skip(s);
}

/* The byte that a backslash and @c mean; LIKE's two keep their backslash (-1). */
static int unescaped(uint8_t c)
{
	switch (c) {
	case '0':
		return 0;
	case 'b':
		return '\b';
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	case 'Z':
		return 26;
	case '%':
	case '_':
		return -1;
	default:
		return c;
	}
}

size_t sql_unquote(const struct sql *s, uint8_t *out)
{
	const uint8_t *p = s->text.ptr, *end = p + s->text.len;
	bool escapes = s->escapes && (s->kind == SQL_STRING || (s->kind == SQL_DOUBLE && !s->ansi));
	uint8_t quote = s->kind == SQL_NAME ? '`' : s->kind == SQL_DOUBLE ? '"' : '\'';
	bool quotes = s->kind == SQL_NAME || sql_text(s);
	uint8_t *o = out;
	while (p < end) {
		if (*p == '\\' && escapes && end - p > 1 && p[1] < 0x80) {
			int c = unescaped(p[1]);
			if (c < 0)
				*o++ = '\\';
			*o++ = c < 0 ? p[1] : (uint8_t)c;
			p += 2;
			continue;
		}
		if (*p == '\\' && escapes && end - p > 1)
			p++;
		if (quotes && *p == quote && end - p > 1)
			p++; /* doubled: the second stands for both */
		size_t n = sql_char_bytes(s->charset, p, end);
		memcpy(o, p, n);
		o += n;
		p += n;
	}
	return (size_t)(o - out);
}
