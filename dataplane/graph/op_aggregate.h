/* op_aggregate.h - an aggregate as it is built: what op_aggregate_plan.c makes, op_aggregate.c
 * runs.
 *
 * In:     the node's options, the schema of its input.
 * Out:    the plan: expressions, the layout of a group in memory, the schema of what goes out.
 * Owns:   a plan, until it is destroyed.
 * Runs:   main.
 * Limits: REC_FIXED_MAX fields in all.
 */
#ifndef SL_GRAPH_OP_AGGREGATE_H
#define SL_GRAPH_OP_AGGREGATE_H

#include "dataplane/graph/accum.h"
#include "dataplane/graph/key.h"
#include "dataplane/graph/op_parts.h"

enum late { LATE_LOSE, LATE_DROP };

struct aggregate_conf {
	uint64_t window_ns, lateness_ns, ahead_ns, key_bytes_max;
	const char *time;
	struct opt_map group_by, aggregates;
	int64_t groups_max;
	int late; /* enum late */
};

struct aggregate_plan {
	struct op_plan base;
	struct op_exprs x;
	struct aggregate_conf c; /* the numbers of it */
	bool has_time;
	unsigned time; /* expression */
	unsigned n_keys, n_accums;
	unsigned *keys;       /* expressions */
	enum sql_type *types; /* of keys */
	unsigned *args;       /* expressions of accums */
	struct accum *accums;
	uint32_t *accum_offs;
	uint32_t keys_off, text_off, group_bytes; /* in a group */
	struct field_def *fields;
	struct schema schema; /* window_start, window_end, keys, accums */
	struct slice name;
	struct key name_key;
};

/* One value of a group's key. */
struct group_key {
	union cell v;
	uint64_t state; /* enum vec_state */
};

/*    struct group | group_key .. | text of the keys | accumulators .. */
struct group {
	struct key key; /* first: keymap.h */
	int64_t start_ns;
	uint64_t seq; /* groups go out in the order of their windows, then of their coming */
	uint64_t n_recs;
	uint16_t source; /* the lowest of its records' */
	uint32_t next;   /* of the free ones */
};

#define AGGREGATE_N_WINDOW 2 /* fields in front of the keys */

extern const struct opt aggregate_opts[];

/* As struct op's build and destroy. */
int aggregate_build(const void *conf, const struct op_env *env, struct op_plan **ret_p,
		    struct err *e);
void aggregate_destroy(struct op_plan *p);

/* Have groups of both the same form? Then those of one can go on in the other. */
bool aggregate_same_groups(const struct aggregate_plan *a, const struct aggregate_plan *b);

#endif
