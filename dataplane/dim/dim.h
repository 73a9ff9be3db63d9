/* dim.h - dimensions: what records are enriched with, loaded from a place and kept up to date.
 *
 * In:     a place that has all rows: a kind (dim_file.c, ...), with its options.
 * Out:    a table (dim_table.h) for the workers, exchanged while they read.
 * Owns:   the table, and the one that takes its place.
 * Runs:   create, load, destroy: main, or who keeps dimensions. enter, leave: workers.
 * Limits: keys_max, bytes_max of each; READERS_MAX workers.
 */
#ifndef SL_DIM_DIM_H
#define SL_DIM_DIM_H

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
};

extern const struct dim_kind *const dim_kinds[]; /* dims.c, closed by NULL */

struct dim_spec {
	const char *name;
	const struct dim_kind *kind;
	const void *conf;
	const char *key; /* the name of the key, where rows come from */
	const struct dim_field *fields;
	unsigned n_fields;
	uint64_t keys_max, bytes_max;
};

struct dim;

/* Loads it for the first time. @spec is borrowed. 0, or -errno with a text. */
int dim_create(const struct dim_spec *spec, struct dim **ret_d, struct err *e);
void dim_destroy(struct dim *d);
const struct dim_spec *dim_spec_of(const struct dim *d);

/* Loads it again when its stamp has changed. Returns 1: exchanged; 0: as it was; -errno with a
 * text: it could not be read, and the last good table stays.
 */
int dim_refresh(struct dim *d, struct err *e);

struct dim_stats {
	uint64_t version;   /* how often it was loaded */
	uint64_t loaded_ns; /* when, wall clock */
	uint64_t n_failed;  /* loads that failed */
	uint64_t n_keys, bytes;
	uint64_t n_bad;     /* values of the last load that are null because their type did not take
			       them */
	uint64_t n_no_room; /* rows of the last load beyond keys_max or bytes_max */
};
struct dim_stats dim_stats_of(struct dim *d);

/* ---- readers ---- */

int dim_join(struct dim *d); /* the number of a reader, or -ENOSPC */

/* Between the two the table and its rows stay. */
const struct dim_table *dim_enter(struct dim *d, int reader);
void dim_leave(struct dim *d, int reader);

#endif
