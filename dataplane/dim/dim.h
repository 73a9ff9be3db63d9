/* dim.h - dimensions: what records are enriched with, loaded from a place and kept up to date.
 *
 * In:     a place that has all rows: a kind (dim_file.c, ...), with its options.
 * Out:    a table (dim_table.h) for the workers, exchanged while they read.
 * Owns:   the table, and the one that takes its place.
 * Runs:   create, destroy: main, or who builds a generation. refresh: one thread at a time
 *         (dim_watch.h). enter, find, leave: workers. The others, join and quit too: any thread.
 * Limits: keys_max, bytes_max of each; READERS_MAX workers.
 */
#ifndef SL_DIM_DIM_H
#define SL_DIM_DIM_H

#include "dataplane/base/ledger.h"
#include "dataplane/base/option.h"
#include "dataplane/dim/dim_table.h"
#include "dataplane/extract/types.h"

struct dim_field {
	const char *name;
	struct type type;
};

#define DIM_ROW_BYTES_MAX (16u << 20) /* of the values of one row, before their types */

/* Rows on their way into a table. */
struct dim_load;

/* Adds a row; values[i] is the text of field i, null where ptr is NULL. A value that its type does
 * not take is null and counted, and so is a row that does not fit any more.
 */
void dim_load_row(struct dim_load *l, struct slice key, const struct slice *values);

/* Sets those values only that are @given: the others stay as they are in the row that @key has. */
void dim_load_merge(struct dim_load *l, struct slice key, const struct slice *values,
		    const bool *given);

/* Counts a row that could not be read and is left out. */
void dim_load_bad(struct dim_load *l);

/* For poll: the key is gone. Or: all rows come again, and keys that do not come until the end are
 * gone; one that comes as it was costs the readers nothing.
 */
void dim_load_del(struct dim_load *l, struct slice key);
int dim_load_sweep(struct dim_load *l, struct err *e);
void dim_load_sweep_end(struct dim_load *l);

/* The fields that are wanted, in this order, and the key. */
const struct dim_field *dim_load_fields(const struct dim_load *l, unsigned *ret_n);
const char *dim_load_key(const struct dim_load *l);

/* Where rows come from: one file and one line of dims.c each. */
struct dim_kind {
	const char *name, *summary;
	const struct opt *opts;
	size_t conf_size;
	/* Gives all rows to dim_load_row. 0, or -errno with a text; then the table stays as it was.
	 */
	int (*load)(const void *conf, struct dim_load *l, struct err *e);
	/* A number that changes when load would give something else; 0: it cannot be told. */
	uint64_t (*stamp)(const void *conf);

	/* A kind that is told of each change has these in place of stamp. What open made is closed
	 * when poll fails, and opened again later; the first poll gives all rows.
	 */
	int (*open)(const void *conf, void **ret_live, struct err *e);
	void (*close)(void *live);
	/* Waits a tenth of a second for changes at most, and gives them. 0, or -errno with a text.
	 * A note for people, once, may be in @e beside 0.
	 */
	int (*poll)(void *live, struct dim_load *l, struct err *e);

	/* A kind whose rows follow the changes of a source's table has this in place of both:
	 * "db.table" in *ret_table, and the name of the source.
	 */
	const char *(*source)(const void *conf, const char **ret_table);
};

extern const struct dim_kind *const dim_kinds[]; /* dims.c, closed by NULL */

struct dim_spec {
	const char *name;
	const struct dim_kind *kind;
	const void *conf;
	const char *key; /* the name of the key, where rows come from; NULL: not given */
	const struct dim_field *fields;
	unsigned n_fields;
	uint64_t keys_max, bytes_max;
	uint64_t every_ns; /* between two looks at whether it has changed */
};

struct dim;

/* Loads it for the first time. @spec is borrowed. 0, or -errno with a text. */
int dim_create(const struct dim_spec *spec, struct dim **ret_d, struct err *e);
void dim_destroy(struct dim *d);
const struct dim_spec *dim_spec_of(const struct dim *d);

/* Loads it again when its stamp has changed, or takes in what has changed. Returns 1: it was
 * exchanged or changed; 0: as it was; -errno with a text: it could not be read, and the last good
 * table stays. A file that was found broken is read again when it has changed.
 */
int dim_refresh(struct dim *d, struct err *e);

/* Does it wait for changes by itself? */
bool dim_is_told(const struct dim *d);

#define DIM_COLS(X)                                                                       \
	X(IN, rows_in, "rows of the last whole load, and since")                          \
	X(OUT, keys, "keys that can be looked up")                                        \
	X(MERGED, replaced, "rows of a key that had one already: the last row counts")    \
	X(POLICY, deleted, "keys that were taken out again")                              \
	X(LOSS, no_room, "rows beyond keys_max or bytes_max")                             \
	X(INFO, bytes, "memory of the rows")                                              \
	X(INFO, bad_values, "values that are null because their type does not take them") \
	X(INFO, bad_rows, "rows that could not be read and are left out")                 \
	X(INFO, loads, "whole loads")                                                     \
	X(INFO, loads_failed, "loads that failed: the last good rows stayed")             \
	X(INFO, version, "how often the rows have changed, the first load included")      \
	X(INFO, age_s, "seconds since they did")

#define DIM_COL(kind, name, help) DIM_##name,
enum { DIM_COLS(DIM_COL) DIM_N_COLS };
extern const struct ledger_table dim_ledger;

void dim_row(struct dim *d, uint64_t *ret_row); /* DIM_N_COLS */

/* Another number when its rows may be others. */
uint64_t dim_version(struct dim *d);

/* ---- changes by workers ---- */

/* Between begin and end a worker is the only one that changes the rows; it is not inside as a
 * reader then. It waits for another one that does, and, when many rows have been replaced or
 * memory is short, for readers. Nothing is allocated.
 */
struct dim_change;

int dim_change_create(struct dim *d, struct dim_change **ret_c, struct err *e); /* main */
void dim_change_destroy(struct dim_change *c);
struct dim_load *dim_change_begin(struct dim_change *c);
void dim_change_end(struct dim_change *c);

/* ---- readers ---- */

int dim_join(struct dim *d); /* the number of a reader, or -ENOSPC */
void dim_quit(struct dim *d, int reader);

/* Between the two the table and its rows stay. */
const struct dim_table *dim_enter(struct dim *d, int reader);
void dim_leave(struct dim *d, int reader);

#endif
