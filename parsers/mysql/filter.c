#include "parsers/mysql/filter.h"

#include "dataplane/base/text.h"

static uint8_t fold(uint8_t c, bool ignore_case)
{
	return ignore_case ? text_lower(c) : c;
}

/* To behind the character at @at: UTF-8, or a byte that is none. */
static size_t next_char(struct slice s, size_t at)
{
	at++;
	while (at < s.len && (s.ptr[at] & 0xc0) == 0x80)
		at++;
	return at;
}

static bool glob(struct slice pattern, struct slice name, bool ignore_case)
{
	size_t p = 0, n = 0, star = SIZE_MAX, back = 0;
	while (n < name.len) {
		if (p < pattern.len && pattern.ptr[p] == '*') {
			star = p++;
			back = n;
		} else if (p < pattern.len && pattern.ptr[p] == '?') {
			p++;
			n = next_char(name, n);
		} else if (p < pattern.len &&
			   fold(pattern.ptr[p], ignore_case) == fold(name.ptr[n], ignore_case)) {
			p++;
			n++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			n = back = next_char(name, back);
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.ptr[p] == '*')
		p++;
	return p == pattern.len;
}

/* The pattern of the database, and what follows its dot; false: there is no dot. */
static bool split(struct slice pattern, struct slice *ret_db, struct slice *ret_table)
{
	const uint8_t *dot = memchr(pattern.ptr, '.', pattern.len);
	size_t at = dot ? (size_t)(dot - pattern.ptr) : pattern.len;
	*ret_db = slice_of(pattern.ptr, at);
	*ret_table = dot ? slice_from(pattern, at + 1) : slice_of(NULL, 0);
	return dot != NULL;
}

bool mysql_filter_table(const struct opt_strings *wanted, bool ignore_case, struct slice db,
			struct slice name)
{
	if (!wanted || wanted->n == 0)
		return true;
	for (size_t i = 0; i < wanted->n; i++) {
		struct slice of_db, of_table;
		bool dot = split(slice_str(wanted->items[i]), &of_db, &of_table);
		if (glob(of_db, db, ignore_case) && (!dot || glob(of_table, name, ignore_case)))
			return true;
	}
	return false;
}

bool mysql_filter_db(const struct opt_strings *wanted, bool ignore_case, struct slice db)
{
	bool any = !wanted || wanted->n == 0 || db.len == 0;
	for (size_t i = 0; !any && i < wanted->n; i++) {
		struct slice of_db, of_table;
		split(slice_str(wanted->items[i]), &of_db, &of_table);
		any = glob(of_db, db, ignore_case);
	}
	return any;
}

const char *mysql_filter_fault(struct slice pattern)
{
	struct slice db, table;
	bool dot = split(pattern, &db, &table);
	if (pattern.len == 0)
		return "is empty; expected db.table, or db for all of its tables";
	if (db.len == 0)
		return "has no database in front of the dot; expected db.table, or *.table";
	if (dot && table.len == 0)
		return "has no table behind the dot; expected db.table, or db.*";
	for (size_t i = 0; i < pattern.len; i++) {
		switch (pattern.ptr[i]) {
		case '`':
		case '"':
		case '\'':
			return "has a quote; expected the bare names, db.table";
		case '%':
			return "has a %; expected * for any characters and ? for one";
		case ',':
		case ' ':
		case '\t':
			return "holds more than one name; expected a list with one pattern an item";
		}
	}
	return NULL;
}
