/* schema_priv.h - the store of versions, as ddl*.c and schema*.c see it.
 *
 * In:     blocks built by ddl_build.c.
 * Out:    versions by (log, place, database, name).
 * Owns:   slots of versions, hash buckets, and a heap of blocks that is compacted in place.
 * Runs:   the thread that owns the schema; nothing here allocates.
 * Limits: slots and heap bytes of mysql_schema_conf.
 *
 * A key (log, database, name) has a chain of versions, newest first, each with the place from which
 * it holds. Only the newest of a key stands in the hash table:
 *
 *     bucket -> version (newest of a key) -> version (newest of another key) -> ...
 *                   | older                        | older
 *               version                        version
 *
 * Superseded versions wait in a queue, oldest first, to make room. What a database has for a key is
 * its own name and an empty table name.
 */
#ifndef SL_PARSERS_MYSQL_SCHEMA_PRIV_H
#define SL_PARSERS_MYSQL_SCHEMA_PRIV_H

#include "parsers/mysql/schema.h"

#define SCHEMA_NONE UINT32_MAX

/* Flags of struct mysql_schema_table. A block without SCHEMA_KNOWN has no columns. */
enum {
	SCHEMA_KNOWN = 1,
	SCHEMA_GONE = 2,              /* dropped or renamed away; neither of the two: unknown */
	SCHEMA_CHARSET_GUESSED = 4,   /* of the table's default */
	SCHEMA_UNIQUE = 8,            /* has had a UNIQUE key: MariaDB may hide a column for it */
	SCHEMA_SYSTEM_VERSIONED = 16, /* row_start and row_end stand at the end, undeclared */
	SCHEMA_MAYBE = 32,       /* of CREATE ... IF NOT EXISTS: it may have been there before */
	SCHEMA_KEY_UNKNOWN = 64, /* its primary key could not be read */
};

struct table_key {
	uint64_t log, hash;
	struct slice db, name; /* name is empty: the database itself */
};

struct schema_version {
	uint64_t log, from, hash;
	uint64_t dropped_at; /* of a database: its tables from before are gone; 0: never */
	uint32_t older, newer;
	uint32_t next_key;                 /* in the bucket; of the newest of a key */
	uint32_t queue_next, queue_before; /* superseded ones */
	uint32_t block;                    /* offset in the heap, 0: the slot is free */
	bool queued, pinned;
	bool truncated; /* older ones of this key have made room */
};

struct ddl_build;

struct mysql_schema {
	struct schema_version *versions;
	uint32_t n_versions, free_version;
	uint32_t *buckets;
	uint32_t n_buckets;
	uint32_t queue_first, queue_last;
	uint8_t *heap;
	size_t heap_bytes, heap_used, heap_dead;
	bool dump_off; /* a marker found no room: what the dump says is not safe any more */
	bool ignore_case;
	const struct mysql_charsets *charsets;
	struct ddl_build *build;
	struct mysql_schema_stats stats;
};

static inline struct mysql_schema_table *schema_block(const struct mysql_schema *sc, uint32_t v)
{
	return (struct mysql_schema_table *)(sc->heap + sc->versions[v].block);
}

struct table_key schema_key(const struct mysql_schema *sc, uint64_t log, struct slice db,
			    struct slice name);

/* The version that holds at @place, also of the dump, whatever its state; or SCHEMA_NONE. */
uint32_t schema_at(const struct mysql_schema *sc, const struct table_key *k, uint64_t place);

/* A block of @bytes, zeroed, its key set, that no version owns yet. NULL: no room. Moves others. */
struct mysql_schema_table *schema_take(struct mysql_schema *sc, size_t bytes);

/* Makes the block a version of @k that holds from @place on. False: no slot, and the block is given
 * back. A version of the same place and the same content is left as it is (*ret_same); one of the
 * same place and other content is replaced, and then all later ones of the key are unknown, since
 * they were made without it.
 */
bool schema_put(struct mysql_schema *sc, const struct table_key *k, uint64_t place,
		struct mysql_schema_table *block, bool *ret_same);

/* Writes "unknown" or (SCHEMA_GONE) "gone" from @place on; nothing where nothing is known anyway.
 * Never fails: without room for it, more becomes unknown than had to.
 */
bool schema_mark(struct mysql_schema *sc, const struct table_key *k, uint64_t place, uint8_t flags);

/* Makes "unknown" or "gone" a version, also where nothing is known: what mysql_schema_read finds.
 * False: no room.
 */
bool schema_put_empty(struct mysql_schema *sc, const struct table_key *k, uint64_t place,
		      uint8_t flags, bool truncated);

/* Databases: their default charset (by its block) and when they were dropped. */
void schema_put_db(struct mysql_schema *sc, const struct table_key *k, uint64_t place,
		   enum mysql_charset cs, uint8_t char_bytes_max, bool dropped);

/* The charset of a collation as the servers number them, and the bytes of its longest character. */
uint8_t schema_char_bytes(unsigned collation);
/* The same by name of charset or collation; false: not known. */
bool schema_charset_named(struct slice name, enum mysql_charset *ret_cs, uint8_t *ret_bytes);

#endif
