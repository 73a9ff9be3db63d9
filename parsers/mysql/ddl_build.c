#include "parsers/mysql/ddl_build.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "dataplane/base/text.h"

void build_reset(struct ddl_build *b)
{
	b->n_defs = b->n_old = b->n_labels = b->text_used = 0;
	b->first = b->last = BUILD_NONE;
	b->charset = MYSQL_CS_UNKNOWN;
	b->char_bytes_max = 0;
	b->flags = 0;
	b->row_columns = b->beyond_ascii = b->conditional = false;
	b->converts = b->charset_told = false;
	b->n_key = 0;
}

struct build_def *build_def(struct ddl_build *b)
{
	if (b->n_defs == BUILD_DEFS_MAX)
		return NULL;
	struct build_def *d = &b->defs[b->n_defs++];
	memset(d, 0, sizeof(*d));
	d->next = d->becomes = BUILD_NONE;
	return d;
}

struct slice build_name(const struct ddl_build *b, uint16_t def)
{
	const struct mysql_schema_col *c = &b->defs[def].col;
	return slice_of(b->text + c->name_off, c->name_len);
}

/* ---- from and to blocks ---- */

static bool load_text(struct ddl_build *b, struct slice s, uint32_t *ret_off)
{
	if (s.len > BUILD_TEXT_BYTES - b->text_used)
		return false;
	if (s.len)
		memcpy(b->text + b->text_used, s.ptr, s.len);
	*ret_off = b->text_used;
	b->text_used += (uint32_t)s.len;
	return true;
}

static bool load_labels(struct ddl_build *b, const struct mysql_schema_table *t, uint32_t col,
			struct mysql_schema_col *c)
{
	if (c->n_labels > BUILD_LABELS_MAX - b->n_labels)
		return false;
	c->labels_off = b->n_labels;
	for (uint32_t i = 0; i < c->n_labels; i++) {
		struct slice s = mysql_schema_label(t, col, i);
		struct mysql_schema_label *l = &b->labels[b->n_labels];
		if (!load_text(b, s, &l->off))
			return false;
		l->len = (uint32_t)s.len;
		b->n_labels++;
	}
	return true;
}

bool build_fixed(struct ddl_build *b, const char *name, enum mysql_decl decl, uint8_t flags,
		 uint8_t decimals)
{
	struct slice s = slice_str(name);
	struct build_def *d = build_def(b);
	if (!d || !load_text(b, s, &d->col.name_off))
		return false;
	d->col.name_len = (uint16_t)s.len;
	d->col.decl = decl;
	d->col.flags = flags;
	d->col.decimals = decimals;
	return true;
}

/* The two columns that WITH SYSTEM VERSIONING adds stand behind all others, whatever is added
 * later: build_order puts them there again.
 */
bool build_load(struct ddl_build *b, const struct mysql_schema_table *t)
{
	uint32_t n = t->flags & SCHEMA_SYSTEM_VERSIONED ? t->n_cols - 2 : t->n_cols;
	for (uint32_t i = 0; i < n; i++) {
		struct build_def *d = build_def(b);
		if (!d)
			return false;
		d->col = t->cols[i];
		if (!load_text(b, mysql_schema_name(t, i), &d->col.name_off) ||
		    !load_labels(b, t, i, &d->col))
			return false;
	}
	b->n_old = b->n_defs;
	b->charset = t->charset;
	b->char_bytes_max = t->char_bytes_max;
	b->flags = t->flags;
	return true;
}

struct sizes {
	size_t cols, labels, text;
};

static struct sizes sizes_of(const struct ddl_build *b)
{
	struct sizes n = {0};
	for (uint16_t i = b->first; i != BUILD_NONE; i = b->defs[i].next) {
		const struct mysql_schema_col *c = &b->defs[i].col;
		n.cols++;
		n.text += c->name_len;
		n.labels += c->n_labels;
		for (uint32_t l = 0; l < c->n_labels; l++)
			n.text += b->labels[c->labels_off + l].len;
	}
	return n;
}

/* Where the next column, label and byte of text go, as offsets from the start of the block. */
struct cursor {
	struct mysql_schema_table *t;
	uint32_t col, label, text;
};

static uint32_t put_text(struct cursor *to, const uint8_t *ptr, size_t len)
{
	uint32_t off = to->text;
	if (len)
		memcpy((uint8_t *)to->t + off, ptr, len);
	to->text += (uint32_t)len;
	return off;
}

static void put_col(struct cursor *to, const struct ddl_build *b, const struct mysql_schema_col *c)
{
	struct mysql_schema_col *out = &to->t->cols[to->col++];
	out->length = c->length;
	out->name_len = c->name_len;
	out->n_labels = c->n_labels;
	out->decl = c->decl;
	out->flags = c->flags;
	out->charset = c->charset;
	out->char_bytes_max = c->char_bytes_max;
	out->decimals = c->decimals;
	out->name_off = put_text(to, b->text + c->name_off, c->name_len);
	out->labels_off = c->n_labels ? to->label : 0;
	for (uint32_t i = 0; i < c->n_labels; i++) {
		const struct mysql_schema_label *from = &b->labels[c->labels_off + i];
		struct mysql_schema_label l = {
			.off = put_text(to, b->text + from->off, from->len),
			.len = from->len,
		};
		memcpy((uint8_t *)to->t + to->label, &l, sizeof(l));
		to->label += sizeof(l);
	}
}

static void put_key(struct cursor *to, const struct table_key *k)
{
	struct mysql_schema_table *t = to->t;
	t->db_len = (uint16_t)k->db.len;
	t->name_len = (uint16_t)k->name.len;
	t->key_off = put_text(to, k->db.ptr, k->db.len);
	put_text(to, k->name.ptr, k->name.len);
}

const char *build_commit(struct mysql_schema *sc, const struct table_key *k, uint64_t place,
			 bool *ret_same)
{
	const struct ddl_build *b = sc->build;
	struct sizes n = sizes_of(b);
	if (n.cols == (b->flags & SCHEMA_SYSTEM_VERSIONED ? 2 : 0))
		return "a table without columns";
	if (n.cols > BUILD_COLS_MAX)
		return "more columns than a table can have";
	size_t labels_at =
		sizeof(struct mysql_schema_table) + n.cols * sizeof(struct mysql_schema_col);
	size_t text_at = labels_at + n.labels * sizeof(struct mysql_schema_label);
	struct mysql_schema_table *t = schema_take(sc, text_at + n.text + k->db.len + k->name.len);
	if (!t)
		return "no room for the schema of the table";
	struct cursor to = {.t = t, .label = (uint32_t)labels_at, .text = (uint32_t)text_at};
	t->n_cols = (uint32_t)n.cols;
	t->charset = b->charset;
	t->char_bytes_max = b->char_bytes_max;
	t->flags = b->flags | SCHEMA_KNOWN;
	put_key(&to, k);
	for (uint16_t i = b->first; i != BUILD_NONE; i = b->defs[i].next)
		put_col(&to, b, &b->defs[i].col);
	return schema_put(sc, k, place, t, ret_same) ? NULL : "no room for the schema of the table";
}

const char *build_copy(struct mysql_schema *sc, const struct table_key *k, uint64_t place,
		       uint32_t from, bool *ret_same)
{
	struct ddl_build *b = sc->build;
	build_reset(b);
	if (!build_load(b, schema_block(sc, from)))
		return "no room for the schema of the table";
	const char *why = build_order(b);
	return why ? why : build_commit(sc, k, place, ret_same);
}

/* ---- names ---- */

static uint32_t name_slot(struct slice name)
{
	uint8_t folded[BUILD_NAME_BYTES];
	for (size_t i = 0; i < name.len; i++)
		folded[i] = text_lower(name.ptr[i]);
	return (uint32_t)XXH3_64bits(folded, name.len) & (BUILD_SLOTS - 1);
}

void build_index_clear(struct ddl_build *b)
{
	memset(b->slots, 0xff, sizeof(b->slots));
}

bool build_index(struct ddl_build *b, uint16_t def)
{
	struct slice name = build_name(b, def);
	uint32_t at = name_slot(name);
	for (; b->slots[at] != BUILD_NONE; at = (at + 1) & (BUILD_SLOTS - 1))
		if (text_ieq(build_name(b, b->slots[at]), name))
			return false;
	b->slots[at] = def;
	return true;
}

uint16_t build_find(const struct ddl_build *b, struct slice name)
{
	if (name.len > BUILD_NAME_BYTES)
		return BUILD_NONE;
	uint32_t at = name_slot(name);
	for (; b->slots[at] != BUILD_NONE; at = (at + 1) & (BUILD_SLOTS - 1))
		if (text_ieq(build_name(b, b->slots[at]), name))
			return b->slots[at];
	return BUILD_NONE;
}

/* ---- order ---- */

static void push_last(struct ddl_build *b, uint16_t def)
{
	b->defs[def].next = BUILD_NONE;
	if (b->last == BUILD_NONE)
		b->first = def;
	else
		b->defs[b->last].next = def;
	b->last = def;
}

static void push_first(struct ddl_build *b, uint16_t def)
{
	b->defs[def].next = b->first;
	b->first = def;
	if (b->last == BUILD_NONE)
		b->last = def;
}

static void push_after(struct ddl_build *b, uint16_t at, uint16_t def)
{
	b->defs[def].next = b->defs[at].next;
	b->defs[at].next = def;
	if (b->last == at)
		b->last = def;
}

/* As the servers do it: first what was there, in its order, changed columns in their places unless
 * they are moved; then, in the order of the statement, what is moved and what is new. AFTER means a
 * column as it is called by then.
 */
static bool old_in_place(struct ddl_build *b)
{
	for (uint32_t i = 0; i < b->n_old; i++) {
		struct build_def *d = &b->defs[i];
		uint16_t def = d->becomes == BUILD_NONE ? (uint16_t)i : d->becomes;
		if (d->dropped || b->defs[def].where != BUILD_LAST)
			continue;
		b->defs[def].placed = true;
		push_last(b, def);
		if (!build_index(b, def))
			return false;
	}
	return true;
}

static const char *new_in_place(struct ddl_build *b)
{
	for (uint32_t i = b->n_old; i < b->n_defs; i++) {
		struct build_def *d = &b->defs[i];
		if (d->placed || d->skipped)
			continue;
		if (!build_index(b, (uint16_t)i))
			return "a column is there twice";
		uint16_t at = d->where == BUILD_AFTER ? build_find(b, d->after) : BUILD_NONE;
		if (d->where == BUILD_AFTER && (at == BUILD_NONE || at == i))
			return "AFTER a column that is not there";
		if (d->where == BUILD_LAST)
			push_last(b, (uint16_t)i);
		else if (d->where == BUILD_FIRST)
			push_first(b, (uint16_t)i);
		else
			push_after(b, at, (uint16_t)i);
	}
	return NULL;
}

void build_drop_key(struct ddl_build *b)
{
	for (uint32_t i = 0; i < b->n_old; i++)
		b->defs[i].col.flags &= (uint8_t)~MYSQL_COL_KEY;
	b->flags &= (uint8_t)~SCHEMA_KEY_UNKNOWN;
}

/* A column that is changed stays in the primary key. */
static void keep_key(struct ddl_build *b)
{
	for (uint32_t i = 0; i < b->n_old; i++)
		if (b->defs[i].becomes != BUILD_NONE)
			b->defs[b->defs[i].becomes].col.flags |=
				b->defs[i].col.flags & MYSQL_COL_KEY;
}

/* By the names that columns have at the end. */
static void key_in_place(struct ddl_build *b)
{
	for (unsigned i = 0; i < b->n_key; i++) {
		uint16_t at = build_find(b, b->key[i]);
		if (at == BUILD_NONE)
			b->flags |= SCHEMA_KEY_UNKNOWN;
		else
			b->defs[at].col.flags |= MYSQL_COL_KEY;
	}
}

const char *build_order(struct ddl_build *b)
{
	b->first = b->last = BUILD_NONE;
	build_index_clear(b);
	keep_key(b);
	if (!old_in_place(b))
		return "a column is there twice";
	const char *why = new_in_place(b);
	key_in_place(b);
	if (why || !(b->flags & SCHEMA_SYSTEM_VERSIONED))
		return why;
	for (int i = 0; i < 2; i++) {
		if (!build_fixed(b, i ? "row_end" : "row_start", MYSQL_DECL_TIMESTAMP,
				 MYSQL_COL_GENERATED, 6))
			return "too many columns";
		push_last(b, (uint16_t)(b->n_defs - 1));
	}
	return NULL;
}

/* ---- what follows from the charset ---- */

static bool is_text(uint8_t decl)
{
	return decl == MYSQL_DECL_CHAR || decl == MYSQL_DECL_VARCHAR || decl == MYSQL_DECL_ENUM ||
	       decl == MYSQL_DECL_SET ||
	       (decl >= MYSQL_DECL_TINYTEXT && decl <= MYSQL_DECL_LONGTEXT);
}

/* TEXT(n) and BLOB(n) are the smallest type that holds n characters. */
static void size_text(struct mysql_schema_col *c)
{
	if (c->decl != MYSQL_DECL_TEXT || c->length == 0)
		return;
	uint64_t bytes = (uint64_t)c->length * c->char_bytes_max;
	if (c->char_bytes_max == 0)
		c->flags |= MYSQL_COL_WIDENED;
	else if (bytes < 1u << 8)
		c->decl = MYSQL_DECL_TINYTEXT;
	else if (bytes >= 1u << 24)
		c->decl = MYSQL_DECL_LONGTEXT;
	else if (bytes >= 1u << 16)
		c->decl = MYSQL_DECL_MEDIUMTEXT;
	c->length = 0;
}

void build_finish(struct ddl_build *b)
{
	for (uint32_t i = 0; i < b->n_defs; i++) {
		struct mysql_schema_col *c = &b->defs[i].col;
		if (c->flags & BUILD_COL_FROM_TABLE && is_text(c->decl)) {
			c->charset = b->charset;
			c->char_bytes_max = b->char_bytes_max;
			if (b->flags & SCHEMA_CHARSET_GUESSED)
				c->flags |= MYSQL_COL_CHARSET_GUESSED;
		}
		c->flags &= (uint8_t)~BUILD_COL_FROM_TABLE;
		size_text(c);
	}
}
