#include "parsers/mysql/schema.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "dataplane/base/mem.h"
#include "dataplane/base/text.h"
#include "parsers/mysql/ddl_build.h"
#include "parsers/mysql/schema_priv.h"

#define VERSIONS_DEFAULT 8192
#define VERSIONS_MAX     (1u << 24)
#define BYTES_DEFAULT    (64u << 20)
#define BYTES_MIN        (64u << 10)
#define NAME_BYTES_MAX   1024 /* 64 characters in the servers */

int mysql_schema_create(const struct mysql_schema_conf *conf, struct mysql_schema **ret_sc,
			struct err *e)
{
	uint32_t n = conf->versions_max ? conf->versions_max : VERSIONS_DEFAULT;
	size_t bytes = conf->bytes_max ? conf->bytes_max : BYTES_DEFAULT;
	if (n > VERSIONS_MAX || bytes < BYTES_MIN || bytes >= UINT32_MAX)
		return err_set(e, -EINVAL, "a schema store of %u versions and %zu bytes", n, bytes);
	struct mysql_schema *sc = mem_alloc(sizeof(*sc));
	if (!sc)
		return err_set(e, -ENOMEM, "no memory for schemas of tables");
	sc->n_versions = n;
	sc->n_buckets = 64;
	while (sc->n_buckets < n)
		sc->n_buckets *= 2;
	sc->heap_bytes = bytes & ~(size_t)7;
	sc->heap_used = 8; /* offset 0 means none */
	sc->ignore_case = conf->ignore_case;
	sc->charsets = conf->charsets;
	sc->versions = mem_map(n * sizeof(*sc->versions));
	sc->buckets = mem_map(sc->n_buckets * sizeof(*sc->buckets));
	sc->heap = mem_map(sc->heap_bytes);
	sc->build = mem_map(sizeof(*sc->build));
	if (!sc->versions || !sc->buckets || !sc->heap || !sc->build) {
		mysql_schema_destroy(sc);
		return err_set(e, -ENOMEM, "no memory for schemas of tables (%zu bytes)", bytes);
	}
	memset(sc->buckets, 0xff, sc->n_buckets * sizeof(*sc->buckets));
	for (uint32_t i = 0; i < n; i++)
		sc->versions[i].older = i + 1 < n ? i + 1 : SCHEMA_NONE;
	sc->queue_first = sc->queue_last = SCHEMA_NONE;
	*ret_sc = sc;
	return 0;
}

void mysql_schema_destroy(struct mysql_schema *sc)
{
	if (!sc)
		return;
	mem_unmap(sc->versions, sc->n_versions * sizeof(*sc->versions));
	mem_unmap(sc->buckets, sc->n_buckets * sizeof(*sc->buckets));
	mem_unmap(sc->heap, sc->heap_bytes);
	mem_unmap(sc->build, sizeof(*sc->build));
	mem_free(sc);
}

const struct mysql_schema_stats *mysql_schema_stats(const struct mysql_schema *sc)
{
	return &sc->stats;
}

uint64_t mysql_schema_place(struct slice file_name, uint64_t pos)
{
	uint64_t number = 0;
	size_t at = file_name.len;
	while (at > 0 && text_is_digit(file_name.ptr[at - 1]))
		at--;
	for (size_t i = at; i < file_name.len; i++)
		number = number * 10 + (uint64_t)(file_name.ptr[i] - '0');
	/* 2^24 files of 2^40 bytes. */
	return (number & 0xffffff) << 40 | (pos & 0xffffffffffull);
}

/* ---- keys and chains ---- */

struct table_key schema_key(const struct mysql_schema *sc, uint64_t log, struct slice db,
			    struct slice name)
{
	uint8_t folded[2 * NAME_BYTES_MAX + 1];
	struct table_key k = {.log = log, .db = db, .name = name};
	if (db.len > NAME_BYTES_MAX)
		k.db.len = db.len = NAME_BYTES_MAX;
	if (name.len > NAME_BYTES_MAX)
		k.name.len = name.len = NAME_BYTES_MAX;
	for (size_t i = 0; i < db.len; i++)
		folded[i] = sc->ignore_case ? text_lower(db.ptr[i]) : db.ptr[i];
	folded[db.len] = 0;
	uint8_t *tail = folded + db.len + 1;
	for (size_t i = 0; i < name.len; i++)
		tail[i] = sc->ignore_case ? text_lower(name.ptr[i]) : name.ptr[i];
	k.hash = XXH3_64bits_withSeed(folded, db.len + 1 + name.len, log);
	return k;
}

static bool same_name(const struct mysql_schema *sc, struct slice a, struct slice b)
{
	return sc->ignore_case ? text_ieq(a, b) : slice_eq(a, b);
}

static bool is_key(const struct mysql_schema *sc, uint32_t v, const struct table_key *k)
{
	const struct schema_version *ver = &sc->versions[v];
	if (ver->hash != k->hash || ver->log != k->log)
		return false;
	const struct mysql_schema_table *t = schema_block(sc, v);
	struct slice text = slice_of((const uint8_t *)t + t->key_off, t->db_len + t->name_len);
	return same_name(sc, slice_of(text.ptr, t->db_len), k->db) &&
	       same_name(sc, slice_of(text.ptr + t->db_len, t->name_len), k->name);
}

/* The newest version of a key. */
static uint32_t newest(const struct mysql_schema *sc, const struct table_key *k)
{
	uint32_t v = sc->buckets[k->hash & (sc->n_buckets - 1)];
	while (v != SCHEMA_NONE && !is_key(sc, v, k))
		v = sc->versions[v].next_key;
	return v;
}

/* The version of this log itself. *ret_lost: it is not known what held there. */
static uint32_t own_at(const struct mysql_schema *sc, const struct table_key *k, uint64_t place,
		       bool *ret_lost)
{
	uint32_t v = newest(sc, k);
	*ret_lost = false;
	while (v != SCHEMA_NONE && sc->versions[v].from > place) {
		*ret_lost = sc->versions[v].truncated;
		v = sc->versions[v].older;
	}
	return v;
}

uint32_t schema_at(const struct mysql_schema *sc, const struct table_key *k, uint64_t place)
{
	bool lost;
	uint32_t v = own_at(sc, k, place, &lost);
	if (lost)
		return SCHEMA_NONE;
	uint64_t dropped_at = 0;
	if (k->name.len) {
		struct table_key db = schema_key(sc, k->log, k->db, slice_of(NULL, 0));
		uint32_t d = own_at(sc, &db, place, &lost);
		if (lost)
			return SCHEMA_NONE;
		dropped_at = d == SCHEMA_NONE ? 0 : sc->versions[d].dropped_at;
	}
	if (v != SCHEMA_NONE)
		return sc->versions[v].from < dropped_at ? SCHEMA_NONE : v;
	if (dropped_at || k->log == 0 || sc->dump_off)
		return SCHEMA_NONE;
	struct table_key dump = schema_key(sc, 0, k->db, k->name);
	return schema_at(sc, &dump, UINT64_MAX);
}

const struct mysql_schema_table *mysql_schema_find(const struct mysql_schema *sc, uint64_t log,
						   uint64_t place, struct slice db,
						   struct slice table)
{
	struct table_key k = schema_key(sc, log, db, table);
	uint32_t v = schema_at(sc, &k, place);
	if (v == SCHEMA_NONE)
		return NULL;
	const struct mysql_schema_table *t = schema_block(sc, v);
	return t->flags & SCHEMA_KNOWN ? t : NULL;
}

/* ---- the heap ---- */

static void give_block(struct mysql_schema *sc, struct mysql_schema_table *t)
{
	uint8_t *end = (uint8_t *)t + t->bytes;
	if (end == sc->heap + sc->heap_used) {
		sc->heap_used -= t->bytes;
		return;
	}
	t->version = SCHEMA_NONE;
	sc->heap_dead += t->bytes;
}

static void compact(struct mysql_schema *sc)
{
	size_t to = 8;
	for (size_t at = 8; at < sc->heap_used;) {
		struct mysql_schema_table *t = (struct mysql_schema_table *)(sc->heap + at);
		uint32_t bytes = t->bytes, owner = t->version;
		if (owner != SCHEMA_NONE) {
			if (to != at)
				memmove(sc->heap + to, t, bytes);
			sc->versions[owner].block = (uint32_t)to;
			to += bytes;
		}
		at += bytes;
	}
	sc->heap_used = to;
	sc->heap_dead = 0;
}

static void queue_add(struct mysql_schema *sc, uint32_t v)
{
	struct schema_version *ver = &sc->versions[v];
	if (ver->queued)
		return;
	ver->queued = true;
	ver->queue_next = SCHEMA_NONE;
	ver->queue_before = sc->queue_last;
	if (sc->queue_last == SCHEMA_NONE)
		sc->queue_first = v;
	else
		sc->versions[sc->queue_last].queue_next = v;
	sc->queue_last = v;
}

static void queue_drop(struct mysql_schema *sc, uint32_t v)
{
	struct schema_version *ver = &sc->versions[v];
	if (!ver->queued)
		return;
	ver->queued = false;
	if (ver->queue_before == SCHEMA_NONE)
		sc->queue_first = ver->queue_next;
	else
		sc->versions[ver->queue_before].queue_next = ver->queue_next;
	if (ver->queue_next == SCHEMA_NONE)
		sc->queue_last = ver->queue_before;
	else
		sc->versions[ver->queue_next].queue_before = ver->queue_before;
}

static void free_version(struct mysql_schema *sc, uint32_t v)
{
	struct schema_version *ver = &sc->versions[v];
	give_block(sc, schema_block(sc, v));
	*ver = (struct schema_version){.older = sc->free_version};
	sc->free_version = v;
}

/* Takes the newest version of a key out of its bucket. */
static void bucket_drop(struct mysql_schema *sc, uint32_t v)
{
	uint32_t *link = &sc->buckets[sc->versions[v].hash & (sc->n_buckets - 1)];
	while (*link != v)
		link = &sc->versions[*link].next_key;
	*link = sc->versions[v].next_key;
}

/* A "gone" with nothing behind it says what having no version says. */
static void drop_lone_mark(struct mysql_schema *sc, uint32_t v)
{
	const struct schema_version *ver = &sc->versions[v];
	const struct mysql_schema_table *t = schema_block(sc, v);
	if (ver->newer != SCHEMA_NONE || ver->pinned || !(t->flags & SCHEMA_GONE) || !t->name_len)
		return;
	const uint8_t *text = (const uint8_t *)t + t->key_off;
	struct table_key dump = schema_key(sc, 0, slice_of(text, t->db_len),
					   slice_of(text + t->db_len, t->name_len));
	if (newest(sc, &dump) != SCHEMA_NONE)
		return;
	bucket_drop(sc, v);
	free_version(sc, v);
}

/* Forgets the version that was superseded first: the oldest of its key. */
static bool forget_one(struct mysql_schema *sc)
{
	uint32_t v = sc->queue_first;
	while (v != SCHEMA_NONE && (sc->versions[v].pinned || sc->versions[v].older != SCHEMA_NONE))
		v = sc->versions[v].queue_next;
	if (v == SCHEMA_NONE)
		return false;
	uint32_t newer = sc->versions[v].newer;
	queue_drop(sc, v);
	sc->versions[newer].older = SCHEMA_NONE;
	sc->versions[newer].truncated = true;
	free_version(sc, v);
	sc->stats.forgotten++;
	drop_lone_mark(sc, newer);
	return true;
}

/* Room costs a compaction only when a quarter of the heap comes back, so that it is paid for by the
 * bytes that were taken since the last.
 */
struct mysql_schema_table *schema_take(struct mysql_schema *sc, size_t bytes)
{
	bytes = (bytes + 7) & ~(size_t)7;
	if (bytes > sc->heap_bytes / 4)
		return NULL;
	if (bytes > sc->heap_bytes - sc->heap_used) {
		while (sc->heap_dead < sc->heap_bytes / 4)
			if (!forget_one(sc))
				return NULL;
		compact(sc);
		if (bytes > sc->heap_bytes - sc->heap_used)
			return NULL;
	}
	struct mysql_schema_table *t = (struct mysql_schema_table *)(sc->heap + sc->heap_used);
	memset(t, 0, bytes);
	t->bytes = (uint32_t)bytes;
	t->version = SCHEMA_NONE;
	sc->heap_used += bytes;
	return t;
}

/* ---- versions ---- */

static uint32_t take_version(struct mysql_schema *sc)
{
	if (sc->free_version == SCHEMA_NONE && !forget_one(sc))
		return SCHEMA_NONE;
	uint32_t v = sc->free_version;
	if (v == SCHEMA_NONE)
		return v;
	sc->free_version = sc->versions[v].older;
	return v;
}

static void make_unknown(struct mysql_schema *sc, uint32_t v)
{
	struct mysql_schema_table *t = schema_block(sc, v);
	t->flags = 0;
	t->n_cols = 0;
}

/* Puts @v in front of what holds before @place in the chain of the key. */
static void chain_in(struct mysql_schema *sc, const struct table_key *k, uint32_t v)
{
	struct schema_version *ver = &sc->versions[v];
	uint32_t newer = SCHEMA_NONE, older = newest(sc, k);
	while (older != SCHEMA_NONE && sc->versions[older].from > ver->from) {
		make_unknown(sc, older);
		newer = older;
		older = sc->versions[older].older;
	}
	ver->newer = newer;
	ver->older = older;
	if (newer != SCHEMA_NONE) {
		sc->versions[newer].older = v;
		queue_add(sc, v);
	} else {
		if (older != SCHEMA_NONE)
			bucket_drop(sc, older);
		uint32_t *bucket = &sc->buckets[k->hash & (sc->n_buckets - 1)];
		ver->next_key = *bucket;
		*bucket = v;
	}
	if (older != SCHEMA_NONE) {
		sc->versions[older].newer = v;
		queue_add(sc, older);
	}
}

/* The same columns of the same table? All of a block but its owner. */
static bool same_block(const struct mysql_schema_table *a, const struct mysql_schema_table *b)
{
	size_t skip = offsetof(struct mysql_schema_table, n_cols);
	return a->bytes == b->bytes &&
	       memcmp((const uint8_t *)a + skip, (const uint8_t *)b + skip, a->bytes - skip) == 0;
}

bool schema_put(struct mysql_schema *sc, const struct table_key *k, uint64_t place,
		struct mysql_schema_table *block, bool *ret_same)
{
	bool lost;
	uint32_t old = own_at(sc, k, place, &lost);
	*ret_same = lost;
	if (!lost && old != SCHEMA_NONE && sc->versions[old].from == place)
		*ret_same = same_block(block, schema_block(sc, old));
	if (*ret_same) {
		give_block(sc, block);
		return true;
	}
	if (old != SCHEMA_NONE && sc->versions[old].from == place) {
		for (uint32_t v = sc->versions[old].newer; v != SCHEMA_NONE;
		     v = sc->versions[v].newer)
			make_unknown(sc, v);
		give_block(sc, schema_block(sc, old));
		block->version = old;
		sc->versions[old].block = (uint32_t)((uint8_t *)block - sc->heap);
		return true;
	}
	uint32_t v = take_version(sc);
	if (v == SCHEMA_NONE) {
		give_block(sc, block);
		return false;
	}
	sc->versions[v] = (struct schema_version){
		.log = k->log,
		.from = place,
		.hash = k->hash,
		.next_key = SCHEMA_NONE,
		.block = (uint32_t)((uint8_t *)block - sc->heap),
	};
	block->version = v;
	chain_in(sc, k, v);
	return true;
}

static struct mysql_schema_table *empty_block(struct mysql_schema *sc, const struct table_key *k)
{
	struct mysql_schema_table *t = schema_take(sc, sizeof(*t) + k->db.len + k->name.len);
	if (!t)
		return NULL;
	t->key_off = sizeof(*t);
	t->db_len = (uint16_t)k->db.len;
	t->name_len = (uint16_t)k->name.len;
	if (k->db.len)
		memcpy((uint8_t *)t + t->key_off, k->db.ptr, k->db.len);
	if (k->name.len)
		memcpy((uint8_t *)t + t->key_off + k->db.len, k->name.ptr, k->name.len);
	return t;
}

/* No room even for a marker: what is known of the key, of any place, is given up. */
static void give_up(struct mysql_schema *sc, const struct table_key *k)
{
	sc->stats.no_room++;
	for (uint32_t v = newest(sc, k); v != SCHEMA_NONE; v = sc->versions[v].older)
		make_unknown(sc, v);
	struct table_key dump = schema_key(sc, 0, k->db, k->name);
	if (k->log && newest(sc, &dump) != SCHEMA_NONE)
		sc->dump_off = true;
}

bool schema_mark(struct mysql_schema *sc, const struct table_key *k, uint64_t place, uint8_t flags)
{
	uint32_t v = schema_at(sc, k, place);
	if (v == SCHEMA_NONE)
		return false;
	/* Gone stays gone, and unknown unknown. */
	if (sc->versions[v].from < place && schema_block(sc, v)->flags == flags &&
	    sc->versions[v].log == k->log)
		return false;
	struct mysql_schema_table *t = empty_block(sc, k);
	bool same = false;
	if (t)
		t->flags = flags;
	if (!t || !schema_put(sc, k, place, t, &same))
		give_up(sc, k);
	return !same;
}

bool schema_put_empty(struct mysql_schema *sc, const struct table_key *k, uint64_t place,
		      uint8_t flags, bool truncated)
{
	struct mysql_schema_table *t = empty_block(sc, k);
	bool same, lost;
	if (!t)
		return false;
	t->flags = flags;
	if (!schema_put(sc, k, place, t, &same))
		return false;
	uint32_t v = own_at(sc, k, place, &lost);
	if (v != SCHEMA_NONE && sc->versions[v].from == place)
		sc->versions[v].truncated = truncated;
	return true;
}

/* A drop that could not be noted would leave the tables as they were. */
static void forget_db(struct mysql_schema *sc, const struct table_key *k)
{
	sc->dump_off = true;
	for (uint32_t v = 0; v < sc->n_versions; v++) {
		if (!sc->versions[v].block || sc->versions[v].log != k->log)
			continue;
		const struct mysql_schema_table *t = schema_block(sc, v);
		if (same_name(sc, slice_of((const uint8_t *)t + t->key_off, t->db_len), k->db))
			make_unknown(sc, v);
	}
}

void schema_put_db(struct mysql_schema *sc, const struct table_key *k, uint64_t place,
		   enum mysql_charset cs, uint8_t char_bytes_max, bool dropped)
{
	bool lost, same;
	uint32_t own = own_at(sc, k, place - 1, &lost);
	uint64_t dropped_at = own == SCHEMA_NONE ? 0 : sc->versions[own].dropped_at;
	struct mysql_schema_table *t = empty_block(sc, k);
	if (t) {
		t->charset = cs;
		t->char_bytes_max = char_bytes_max;
		t->flags = dropped ? SCHEMA_GONE : SCHEMA_KNOWN;
	}
	if (!t || !schema_put(sc, k, place, t, &same)) {
		sc->stats.no_room++;
		if (dropped)
			forget_db(sc, k);
		return;
	}
	uint32_t v = own_at(sc, k, place, &lost);
	if (v != SCHEMA_NONE && sc->versions[v].from == place)
		sc->versions[v].dropped_at = dropped ? place : dropped_at;
}
