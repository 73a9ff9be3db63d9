#include "dataplane/sink/clickhouse_row.h"

#include <errno.h>
#include <string.h>

#include "dataplane/base/mem.h"
#include "dataplane/extract/json.h"
#include "dataplane/extract/json_simd.h"
#include "dataplane/sink/clickhouse_type.h"

#define ROW_ROOM (64u << 10)
#define KEY_MAX  256

struct column {
	struct slice name; /* as it is */
	struct slice type_text;
	struct ch_type type;
	struct ch_value value; /* of the record at hand */
	const uint32_t *at;    /* of an array: its tokens */
	uint32_t n_at;
	bool seen;
};

struct ch_rows {
	char *text;  /* names and types, unescaped; what columns point into */
	char *names; /* quoted, with commas */
	struct column *columns;
	unsigned n_columns;
	struct json_index *index;
	uint8_t *row; /* touched where it is used */
	size_t len, cap;
};

/* ---- the columns ---- */

/* One cell of TSV, up to a tab or the end of the line: unescaped to @out; behind it. */
static const char *take_cell(const char *p, char **io_out, struct slice *ret_cell)
{
	char *out = *io_out;
	for (; *p && *p != '\t' && *p != '\n'; p++) {
		bool escape = *p == '\\' && p[1];
		p += escape;
		*out++ = escape && *p == 't' ? '\t' : escape && *p == 'n' ? '\n' : *p;
	}
	*ret_cell = slice_of(*io_out, (size_t)(out - *io_out));
	*io_out = out;
	return *p == '\t' ? p + 1 : p;
}

static bool is_stored(struct slice kind)
{
	return kind.len == 0 || slice_eq(kind, SLICE_LIT("DEFAULT"));
}

static int add_column(struct ch_rows *r, struct slice name, struct slice type, struct err *e)
{
	struct column *c = &r->columns[r->n_columns];
	if (r->n_columns == CH_COLUMNS_MAX)
		return err_set(e, -EINVAL, "more than %d columns", CH_COLUMNS_MAX);
	c->name = name;
	c->type_text = type;
	if (!ch_type_parse(type, &c->type))
		return err_set(
			e, -EINVAL,
			"column %.*s has the type %.100s, which is not written as RowBinary; "
			"expected format: JSONEachRow",
			(int)name.len, name.ptr, type.ptr);
	r->n_columns++;
	return 0;
}

static int read_columns(struct ch_rows *r, const char *p, struct err *e)
{
	char *out = r->text;
	while (*p) {
		struct slice name, type, kind = {0};
		p = take_cell(p, &out, &name);
		out++; /* a zero behind each, for messages */
		p = take_cell(p, &out, &type);
		*out++ = '\0';
		p = take_cell(p, &out, &kind);
		while (*p && *p != '\n')
			p++;
		p += *p == '\n';
		int rc = is_stored(kind) && name.len ? add_column(r, name, type, e) : 0;
		if (rc < 0)
			return rc;
	}
	return r->n_columns ? 0 : err_set(e, -EINVAL, "it has no columns");
}

static void put_names(struct ch_rows *r)
{
	char *o = r->names;
	for (unsigned i = 0; i < r->n_columns; i++) {
		const struct column *c = &r->columns[i];
		if (i)
			*o++ = ',';
		*o++ = '`';
		for (size_t k = 0; k < c->name.len; k++) {
			if (c->name.ptr[k] == '`' || c->name.ptr[k] == '\\')
				*o++ = '\\';
			*o++ = (char)c->name.ptr[k];
		}
		*o++ = '`';
	}
	*o = '\0';
}

int ch_rows_create(const char *described, size_t record_max, struct ch_rows **ret_r, struct err *e)
{
	struct ch_rows *r = mem_alloc(sizeof(*r));
	size_t len = strlen(described);
	if (!r)
		return err_set(e, -ENOMEM, "out of memory");
	r->text = mem_alloc(len * 2 + 16);
	r->names = mem_alloc(len * 4 + 16);
	r->columns = mem_alloc((CH_COLUMNS_MAX + 1) * sizeof(*r->columns));
	r->index = json_index_create(record_max);
	r->cap = 2 * record_max + ROW_ROOM;
	r->row = mem_map(r->cap);
	int rc = r->text && r->names && r->columns && r->index && r->row
			 ? read_columns(r, described, e)
			 : err_set(e, -ENOMEM, "out of memory");
	if (rc < 0) {
		ch_rows_destroy(r);
		return rc;
	}
	put_names(r);
	*ret_r = r;
	return 0;
}

void ch_rows_destroy(struct ch_rows *r)
{
	if (!r)
		return;
	if (r->index)
		json_index_destroy(r->index);
	if (r->row)
		mem_unmap(r->row, r->cap);
	mem_free(r->columns);
	mem_free(r->names);
	mem_free(r->text);
	mem_free(r);
}

const char *ch_rows_names(const struct ch_rows *r)
{
	return r->names;
}

/* ---- a record ---- */

struct tokens {
	const uint8_t *text;
	size_t len;
	const uint32_t *at;
	uint32_t n;
};

/* Up to where token @i's text goes: to the next one, without the blanks between. */
static struct slice text_at(const struct tokens *t, uint32_t i)
{
	size_t from = t->at[i], to = i + 1 < t->n ? t->at[i + 1] : t->len;
	while (to > from && strchr(" \t\r\n", t->text[to - 1]))
		to--;
	return slice_of(t->text + from, to - from);
}

/* The token behind the value that begins at @i. */
static uint32_t behind_value(const struct tokens *t, uint32_t i)
{
	unsigned depth = 0;
	do {
		uint8_t c = t->text[t->at[i++]];
		depth += c == '{' || c == '[';
		depth -= c == '}' || c == ']';
	} while (depth && i < t->n);
	return i;
}

static struct ch_value value_at(const struct tokens *t, uint32_t i)
{
	struct slice s = text_at(t, i);
	switch (s.len ? s.ptr[0] : 0) {
	case '"':
		return (struct ch_value){CH_V_STRING,
					 slice_of(s.ptr + 1, s.len >= 2 ? s.len - 2 : 0)};
	case '{':
	case '[': {
		uint32_t last = behind_value(t, i) - 1;
		return (struct ch_value){CH_V_NESTED, slice_of(s.ptr, t->at[last] + 1 - t->at[i])};
	}
	case 'n':
		return (struct ch_value){CH_V_NULL, s};
	case 't':
	case 'f':
		return (struct ch_value){CH_V_BOOL, s};
	default:
		return (struct ch_value){CH_V_NUMBER, s};
	}
}

static struct column *find(struct ch_rows *r, struct slice name, unsigned guess)
{
	if (guess < r->n_columns && slice_eq(r->columns[guess].name, name))
		return &r->columns[guess];
	for (unsigned i = 0; i < r->n_columns; i++)
		if (slice_eq(r->columns[i].name, name))
			return &r->columns[i];
	return NULL;
}

/* The values of the columns in an object whose tokens are @t. False: it is none. */
static bool find_values(struct ch_rows *r, const struct tokens *t)
{
	uint8_t key[KEY_MAX];
	unsigned guess = 0;
	if (t->n < 2 || t->text[t->at[0]] != '{')
		return false;
	for (uint32_t i = 1; i + 2 < t->n && t->text[t->at[i]] == '"';) {
		struct slice name = value_at(t, i).text;
		if (name.len && name.len <= KEY_MAX && memchr(name.ptr, '\\', name.len))
			name = slice_of(key, json_unescape(key, name));
		if (t->text[t->at[i + 1]] != ':')
			return false;
		struct column *c = find(r, name, guess);
		uint32_t end = behind_value(t, i + 2);
		if (c) {
			c->value = value_at(t, i + 2);
			c->seen = true;
			c->at = t->at + i + 2;
			c->n_at = end - (i + 2);
			guess = (unsigned)(c - r->columns) + 1;
		}
		i = end + (end < t->n && t->text[t->at[end]] == ',');
	}
	return true;
}

/* ---- a row ---- */

static bool room(const struct ch_rows *r, const struct ch_type *t, size_t len)
{
	return len + t->width + CH_VALUE_MAX < r->cap - r->len;
}

static bool put_one(struct ch_rows *r, const struct ch_type *t, const struct ch_value *v)
{
	if (!room(r, t, v->text.len))
		return false;
	if (t->nullable)
		r->row[r->len++] = v->kind == CH_V_NULL;
	if (v->kind == CH_V_NULL && t->nullable)
		return true;
	int64_t n = v->kind == CH_V_NULL ? ch_type_put_zero(t, r->row + r->len)
					 : ch_type_put(t, v, r->row + r->len);
	if (n < 0)
		return false;
	r->len += (size_t)n;
	return true;
}

/* The elements of [a, b]: its tokens are a bracket, then values and commas in turn. */
static bool put_array(struct ch_rows *r, const struct column *c, const struct tokens *all)
{
	struct tokens t = {all->text, all->len, c->at, c->n_at};
	uint64_t n = 0;
	if (c->value.kind != CH_V_NESTED || c->value.text.ptr[0] != '[')
		return false;
	for (uint32_t i = 1; i + 1 < t.n; n++) {
		i = behind_value(&t, i);
		i += i < t.n && t.text[t.at[i]] == ',';
	}
	if (!room(r, &c->type, 0))
		return false;
	r->len += ch_put_length(r->row + r->len, n);
	for (uint32_t i = 1; i + 1 < t.n;) {
		struct ch_value v = value_at(&t, i);
		if (!put_one(r, &c->type, &v))
			return false;
		i = behind_value(&t, i);
		i += i < t.n && t.text[t.at[i]] == ',';
	}
	return true;
}

static bool put_column(struct ch_rows *r, const struct column *c, const struct tokens *t)
{
	static const struct ch_value null = {.kind = CH_V_NULL};
	if (!c->type.array)
		return put_one(r, &c->type, c->seen ? &c->value : &null);
	if (c->seen && c->value.kind != CH_V_NULL)
		return put_array(r, c, t);
	if (!room(r, &c->type, 0))
		return false;
	r->row[r->len++] = 0; /* empty */
	return true;
}

int ch_rows_put(struct ch_rows *r, struct slice line, struct slice *ret_row, struct err *e)
{
	struct tokens t = {.text = line.ptr, .len = line.len};
	for (unsigned i = 0; i < r->n_columns; i++)
		r->columns[i].seen = false;
	if (json_index_run(r->index, line.ptr, line.len, &t.at, &t.n) != JSON_INDEX_OK ||
	    !find_values(r, &t))
		return err_set(e, -EINVAL, "it is no JSON object");
	r->len = 0;
	for (unsigned i = 0; i < r->n_columns; i++) {
		const struct column *c = &r->columns[i];
		if (put_column(r, c, &t))
			continue;
		size_t shown = c->seen && c->value.text.len < 60 ? c->value.text.len : 60;
		return err_set(e, -EINVAL, "column %.*s of type %.*s does not take %.*s",
			       (int)c->name.len, c->name.ptr,
			       c->type_text.len < 80 ? (int)c->type_text.len : 80, c->type_text.ptr,
			       (int)shown, c->seen ? (const char *)c->value.text.ptr : "");
	}
	*ret_row = slice_of(r->row, r->len);
	return 0;
}
