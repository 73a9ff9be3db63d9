#include "parsers/mysql/tables.h"

#include <errno.h>

#include "dataplane/base/mem.h"
#include "dataplane/frame/parser.h"
#include "parsers/mysql/filter.h"
#include "parsers/mysql/wire.h"

#define N_SIZES    3
#define HASH_SLOTS 8192
#define LABELS_MAX 65536

/* Most tables have a few dozen columns; the largest ones 4,096, with long names. */
static const struct {
	size_t bytes;
	uint32_t n;
} sizes[N_SIZES] = {{16u << 10, 3584}, {128u << 10, 448}, {2u << 20, 64}};

static const char no_slot[] = "a table map larger than the space for it, or too many of them";

struct by_use {
	uint32_t newest, oldest, n_fresh; /* index in the size, and 1 */
	uint32_t first;                   /* index in `items` of the size's first */
	uint8_t *blocks;
};

struct mysql_tables {
	const struct opt_strings *wanted;
	bool ignore_case;
	const struct mysql_charsets *charsets;
	struct mysql_schema *schema;
	struct mysql_known *items;
	struct by_use sizes[N_SIZES];
	uint32_t hash[HASH_SLOTS]; /* index in items, and 1 */
	struct mysql_column_def defs[MYSQL_COLUMNS_MAX];
	struct slice labels[LABELS_MAX];
	uint64_t n_made;
};

int mysql_tables_create(const struct opt_strings *wanted, bool ignore_case,
			const struct mysql_charsets *charsets, struct mysql_schema *schema,
			struct mysql_tables **ret_ts)
{
	struct mysql_tables *ts = mem_alloc(sizeof(*ts));
	uint32_t n = 0;
	if (!ts)
		return -ENOMEM;
	ts->wanted = wanted;
	ts->ignore_case = ignore_case;
	ts->charsets = charsets;
	ts->schema = schema;
	for (unsigned i = 0; i < N_SIZES; i++) {
		ts->sizes[i].first = n;
		n += sizes[i].n;
		ts->sizes[i].blocks = mem_map(sizes[i].bytes * sizes[i].n);
		if (!ts->sizes[i].blocks)
			goto fail;
	}
	ts->items = mem_alloc(n * sizeof(*ts->items));
	if (!ts->items)
		goto fail;
	*ret_ts = ts;
	return 0;
fail:
	mysql_tables_destroy(ts);
	return -ENOMEM;
}

void mysql_tables_destroy(struct mysql_tables *ts)
{
	if (!ts)
		return;
	for (unsigned i = 0; i < N_SIZES; i++)
		mem_unmap(ts->sizes[i].blocks, sizes[i].bytes * sizes[i].n);
	mem_free(ts->items);
	mem_free(ts);
}

/* --- Order of use, and the hash --------------------------------------------------------------- */

static void unlink_use(struct mysql_tables *ts, struct mysql_known *k)
{
	struct by_use *u = &ts->sizes[k->size];
	*(k->newer ? &ts->items[k->newer - 1].older : &u->newest) = k->older;
	*(k->older ? &ts->items[k->older - 1].newer : &u->oldest) = k->newer;
	k->newer = k->older = 0;
}

static void link_newest(struct mysql_tables *ts, struct mysql_known *k)
{
	struct by_use *u = &ts->sizes[k->size];
	uint32_t self = (uint32_t)(k - ts->items) + 1;
	k->older = u->newest;
	k->newer = 0;
	*(u->newest ? &ts->items[u->newest - 1].newer : &u->oldest) = self;
	u->newest = self;
}

static uint32_t *bucket(struct mysql_tables *ts, uint32_t owner, uint64_t id)
{
	uint64_t h = (id ^ (uint64_t)owner << 40) * 0x9e3779b97f4a7c15ull;
	return &ts->hash[h >> 51];
}

static void unlink_hash(struct mysql_tables *ts, struct mysql_known *k)
{
	uint32_t self = (uint32_t)(k - ts->items) + 1, *at = bucket(ts, k->owner, k->id);
	while (*at != self)
		at = &ts->items[*at - 1].next;
	*at = k->next;
	k->owner = 0;
}

static struct mysql_known *lookup(struct mysql_tables *ts, uint32_t owner, uint64_t id)
{
	for (uint32_t i = *bucket(ts, owner, id); i; i = ts->items[i - 1].next) {
		struct mysql_known *k = &ts->items[i - 1];
		if (k->owner == owner && k->id == id)
			return k;
	}
	return NULL;
}

struct mysql_known *mysql_tables_find(struct mysql_tables *ts, uint32_t owner, uint64_t id)
{
	struct mysql_known *k = lookup(ts, owner, id);
	if (k) {
		unlink_use(ts, k);
		link_newest(ts, k);
	}
	return k;
}

static bool is_pinned(const struct mysql_known *k, uint64_t frames)
{
	return k->last_frame && frames - (k->last_frame - 1) < BATCH_RECS_MAX;
}

/* A slot of this size that no frame of the burst speaks of, linked nowhere; or NULL. */
static struct mysql_known *take_slot(struct mysql_tables *ts, unsigned size, uint64_t frames)
{
	struct by_use *u = &ts->sizes[size];
	if (u->n_fresh < sizes[size].n) {
		struct mysql_known *k = &ts->items[u->first + u->n_fresh];
		k->block = u->blocks + sizes[size].bytes * u->n_fresh++;
		k->size = (uint8_t)size;
		return k;
	}
	for (uint32_t i = u->oldest; i; i = ts->items[i - 1].newer) {
		struct mysql_known *k = &ts->items[i - 1];
		if (is_pinned(k, frames))
			continue;
		if (k->owner)
			unlink_hash(ts, k);
		unlink_use(ts, k);
		return k;
	}
	return NULL;
}

/* --- Table maps ------------------------------------------------------------------------------- */

/* Which tables are wanted: see filter.h. */
static bool is_wanted(const struct mysql_tables *ts, struct slice db, struct slice name)
{
	return mysql_filter_table(ts->wanted, ts->ignore_case, db, name);
}

bool mysql_tables_wants_db(const struct mysql_tables *ts, struct slice db)
{
	return mysql_filter_db(ts->wanted, ts->ignore_case, db);
}

/* Types and metadata of the event, as the schema compares them. */
static bool seen_columns(const struct mysql_event *ev, const struct mysql_format *f,
			 struct mysql_schema_seen *ret_seen)
{
	struct wire w = wire_of(ev->body);
	bool short_id = f->n_types >= MYSQL_EV_TABLE_MAP && f->post_len[MYSQL_EV_TABLE_MAP] == 6;
	wire_take(&w, short_id ? 6 : 8);
	wire_take(&w, wire_int(&w, 1) + 1);
	wire_take(&w, wire_int(&w, 1) + 1);
	uint64_t n = wire_packed(&w);
	ret_seen->types = wire_take(&w, n).ptr;
	ret_seen->n_cols = (uint32_t)n;
	ret_seen->metadata = wire_take(&w, wire_packed(&w));
	return !w.bad && n <= MYSQL_COLUMNS_MAX;
}

/* Columns behind those of the schema may be hidden ones: mysql_schema_fits judges that. */
static bool same_names(const struct mysql_schema_table *st, const struct mysql_table *t)
{
	if (st->n_cols > t->n_columns)
		return false;
	for (uint32_t i = 0; i < st->n_cols; i++) {
		struct slice name = slice_of(t->columns[i].name, t->columns[i].name_len);
		if (!slice_eq(mysql_schema_name(st, i), name))
			return false;
	}
	return true;
}

/* Names, labels and kinds from the schema, where the table map does not have them. A schema that
 * contradicts the names of the map is of another time, and has no say; one that contradicts a map
 * without names means that nobody knows them. Returns the number of columns in ts->defs, 0: nothing
 * is known.
 */
static unsigned schema_columns(struct mysql_tables *ts, const struct mysql_event *ev,
			       const struct mysql_format *f, const struct mysql_table *t,
			       const struct mysql_map_place *at, const char **ret_why)
{
	struct mysql_schema_seen seen;
	struct mysql_schema_mismatch mismatch;
	const struct mysql_schema_table *st =
		ts->schema ? mysql_schema_find(ts->schema, at->log, at->place, t->db, t->name)
			   : NULL;
	if (!st || (t->named && !same_names(st, t)))
		return 0;
	const char *why = NULL;
	if (!seen_columns(ev, f, &seen))
		why = mysql_fault_text(MYSQL_F_TABLE);
	else if (!mysql_schema_fits(st, &seen, &mismatch))
		why = mismatch.what;
	if (why) {
		*ret_why = t->named ? NULL : why;
		return 0;
	}
	return mysql_schema_defs(st, &seen, ts->defs, ts->labels, LABELS_MAX);
}

/* Parses the event behind its copy in the block of @k. */
static enum mysql_fault parse_into(struct mysql_tables *ts, struct mysql_known *k,
				   const struct mysql_event *ev, const struct mysql_format *f,
				   const struct mysql_map_place *at)
{
	size_t used = (ev->body.len + 15) & ~(size_t)7, cap = sizes[k->size].bytes - SL_PAD;
	if (used >= cap)
		return MYSQL_F_NO_SLOT;
	memcpy(k->block, ev->body.ptr, ev->body.len);
	k->body = slice_of(k->block, ev->body.len);
	uint8_t *mem = k->block + used;
	enum mysql_fault fault =
		mysql_table_parse(ev, f, ts->charsets, NULL, 0, mem, cap - used, &k->table);
	if (fault != MYSQL_F_OK)
		return fault;
	unsigned n = schema_columns(ts, ev, f, k->table, at, &k->why);
	if (n == 0)
		return MYSQL_F_OK;
	k->unsure = at->unsure && !k->table->named;
	return mysql_table_parse(ev, f, ts->charsets, ts->defs, n, mem, cap - used, &k->table);
}

/* What the schema has been through, as one number: when it is the same, so are its answers. */
static uint64_t schema_stamp(const struct mysql_tables *ts)
{
	if (!ts->schema)
		return 0;
	const struct mysql_schema_stats *st = mysql_schema_stats(ts->schema);
	return st->applied + st->repeated + st->unknown + st->forgotten + st->no_room + 1;
}

/* The names of a table that cannot be read, in the copy of its event. */
static void name_it(struct mysql_known *k, const struct mysql_event *ev,
		    const struct mysql_format *f)
{
	uint64_t id;
	struct slice db, name;
	if (k->body.len == 0 || mysql_table_name(ev, f, &id, &db, &name) != MYSQL_F_OK)
		return;
	k->db = slice_of(k->block + (db.ptr - ev->body.ptr), db.len);
	k->name = slice_of(k->block + (name.ptr - ev->body.ptr), name.len);
}

/* A slot with the event's table in it, in the smallest size that holds it. */
static struct mysql_known *make(struct mysql_tables *ts, const struct mysql_event *ev,
				const struct mysql_format *f, bool wanted,
				const struct mysql_map_place *at)
{
	for (unsigned size = 0; size < N_SIZES; size++) {
		struct mysql_known *k = take_slot(ts, size, at->frames);
		if (!k)
			continue;
		*k = (struct mysql_known){
			.wanted = wanted, .block = k->block, .size = (uint8_t)size};
		link_newest(ts, k);
		enum mysql_fault fault = wanted ? parse_into(ts, k, ev, f, at) : MYSQL_F_OK;
		if (fault == MYSQL_F_NO_SLOT && size + 1 < N_SIZES)
			continue;
		if (fault != MYSQL_F_OK)
			k->why = mysql_fault_text(fault);
		if (fault != MYSQL_F_OK) {
			k->table = NULL;
			name_it(k, ev, f);
		}
		if (k->table)
			k->table->serial = ++ts->n_made;
		return k;
	}
	return NULL;
}

const char *mysql_tables_add(struct mysql_tables *ts, const struct mysql_event *ev,
			     const struct mysql_format *f, const struct mysql_map_place *at,
			     bool *ret_wanted)
{
	uint64_t id, stamp = schema_stamp(ts);
	struct slice db, name;
	enum mysql_fault fault = mysql_table_name(ev, f, &id, &db, &name);
	if (fault != MYSQL_F_OK)
		return mysql_fault_text(fault);
	struct mysql_known *k = mysql_tables_find(ts, at->owner, id);
	bool wanted = is_wanted(ts, db, name);
	*ret_wanted = wanted;
	if (k && k->wanted == wanted &&
	    (!wanted || (k->stamp == stamp && slice_eq(k->body, ev->body))))
		return NULL;
	if (k)
		unlink_hash(ts, k); /* frames may speak of it still */
	k = make(ts, ev, f, wanted, at);
	if (!k)
		return no_slot;
	uint32_t *first = bucket(ts, at->owner, id);
	k->id = id;
	k->owner = at->owner;
	k->stamp = stamp;
	k->log = at->log;
	k->place = at->place;
	k->post_len = f->post_len[MYSQL_EV_TABLE_MAP];
	k->mariadb = f->mariadb;
	k->place_unsure = at->unsure;
	k->next = *first;
	*first = (uint32_t)(k - ts->items) + 1;
	return NULL;
}
