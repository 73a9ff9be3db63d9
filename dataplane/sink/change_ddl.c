#include "dataplane/sink/change_ddl.h"

#include "dataplane/base/text.h"

/* A word, a quoted name or a single character. */
struct token {
	struct slice text; /* of a name without its quotes */
	bool quoted;
};

static bool is_name_byte(uint8_t c)
{
	return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || text_is_digit(c) || c == '_' ||
	       c == '$' || c >= 0x80;
}

/* Spaces and comments; the opening of a comment that is executed counts as one. */
static struct slice skip_space(struct slice s)
{
	while (s.len) {
		size_t n = 1;
		if (slice_starts(s, SLICE_LIT("/*!")) || slice_starts(s, SLICE_LIT("/*M!"))) {
			n = s.ptr[2] == '!' ? 3 : 4;
			while (n < s.len && text_is_digit(s.ptr[n]))
				n++;
		} else if (slice_starts(s, SLICE_LIT("/*"))) {
			const uint8_t *end = memmem(s.ptr + 2, s.len - 2, "*/", 2);
			n = end ? (size_t)(end + 2 - s.ptr) : s.len;
		} else if (slice_starts(s, SLICE_LIT("*/"))) {
			n = 2;
		} else if (s.ptr[0] == '#' || slice_starts(s, SLICE_LIT("-- "))) {
			const uint8_t *end = memchr(s.ptr, '\n', s.len);
			n = end ? (size_t)(end - s.ptr) : s.len;
		} else if (s.ptr[0] > ' ') {
			break;
		}
		s = slice_from(s, n);
	}
	return s;
}

static struct token take(struct slice *io_s)
{
	struct slice s = skip_space(*io_s);
	size_t n = 0;
	if (s.len && (s.ptr[0] == '`' || s.ptr[0] == '"')) {
		for (n = 1; n < s.len; n++) {
			if (s.ptr[n] != s.ptr[0])
				continue;
			if (n + 1 == s.len || s.ptr[n + 1] != s.ptr[0])
				break;
			n++;
		}
		*io_s = slice_from(s, n + 1);
		return (struct token){slice_of(s.ptr + 1, n - 1), true};
	}
	while (n < s.len && is_name_byte(s.ptr[n]))
		n++;
	if (n == 0 && s.len)
		n = 1;
	*io_s = slice_from(s, n);
	return (struct token){slice_of(s.ptr, n), false};
}

static bool is(struct token t, const char *word)
{
	return !t.quoted && text_ieq(t.text, slice_str(word));
}

static bool is_any(struct token t, const char *const *words)
{
	for (; *words; words++)
		if (is(t, *words))
			return true;
	return false;
}

/* [db .] table, of which @first is read already. */
static void take_table(struct slice *io_s, struct token first, struct change_ddl *ret)
{
	struct slice behind = *io_s;
	ret->table = first.text;
	if (!is(take(&behind), "."))
		return;
	ret->db = first.text;
	ret->table = take(&behind).text;
	*io_s = behind;
}

static enum change_verb verb_of(struct token t)
{
	return is(t, "create")     ? CHANGE_V_CREATE
	       : is(t, "alter")    ? CHANGE_V_ALTER
	       : is(t, "drop")     ? CHANGE_V_DROP
	       : is(t, "truncate") ? CHANGE_V_TRUNCATE
	       : is(t, "rename")   ? CHANGE_V_RENAME
				   : CHANGE_V_OTHER;
}

/* CREATE INDEX name ON table; DROP INDEX name ON table. */
static struct token table_of_index(struct slice *io_s)
{
	struct token t;
	do
		t = take(io_s);
	while (t.text.len && !is(t, "on"));
	return t.text.len ? take(io_s) : t;
}

void change_ddl_read(struct slice sql, struct change_ddl *ret)
{
	static const char *const between[] = {"or",      "replace", "temporary", "online",
					      "offline", "ignore",  "unique",    "fulltext",
					      "spatial", NULL};
	static const char *const before_name[] = {"if", "not", "exists", NULL};
	*ret = (struct change_ddl){0};
	struct token t = take(&sql);
	ret->verb = verb_of(t);
	if (ret->verb == CHANGE_V_OTHER)
		return;
	do
		t = take(&sql);
	while (is_any(t, between));
	if (is(t, "database") || is(t, "schema"))
		ret->thing = CHANGE_OF_DATABASE;
	else if (is(t, "index"))
		ret->thing = CHANGE_OF_INDEX;
	else if (is(t, "table") || is(t, "tables") || ret->verb == CHANGE_V_TRUNCATE)
		ret->thing = CHANGE_OF_TABLE;
	else
		return;
	bool named = ret->verb == CHANGE_V_TRUNCATE && !is(t, "table"); /* TRUNCATE name */
	if (!named)
		t = ret->thing == CHANGE_OF_INDEX ? table_of_index(&sql) : take(&sql);
	while (is_any(t, before_name))
		t = take(&sql);
	if (ret->thing == CHANGE_OF_DATABASE)
		ret->db = t.text;
	else
		take_table(&sql, t, ret);
}
