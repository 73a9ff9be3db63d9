/* op.h - the interface of operators: the nodes of the graph.
 *
 * In:     records of the batch, borrowed until the call returns; their schema.
 * Out:    records at numbered ports: the same ones, or new ones in the arena of the batch.
 * Owns:   a plan for all workers (immutable), a state for each.
 * Runs:   ports, build, destroy: main, or the thread that builds a generation. create, discard: the
 *         same, or the API's; of one plan beside each other. run, advance, finish, carry: worker.
 * Limits: OP_PORTS_MAX ports.
 *
 * An operator is one file and one row of ops.c. It may emit as often as it likes within a call;
 * what it emits has gone through everything behind it when op_emit returns. It never changes a
 * record that it was given: other nodes and queues see it too. But where op_room says so: then the
 * records were made for this node alone.
 */
#ifndef SL_GRAPH_OP_H
#define SL_GRAPH_OP_H

#include "dataplane/base/err.h"
#include "dataplane/base/ledger.h"
#include "dataplane/base/option.h"
#include "dataplane/graph/vec.h"

#define OP_PORTS_MAX  256
#define OP_FIELDS_MAX 4096

struct dim;

/* What is known of the records at an edge. */
struct op_field {
	const char *name;
	enum sql_type type;
};

struct op_schema {
	const struct op_field *fields;
	unsigned n_fields;
	bool open; /* records may have more: fields that a sender named */
};

/* What a node is built in. */
struct op_env {
	const char *name;           /* of the node */
	const struct op_schema *in; /* of all its inputs together */
	struct names *names;
	const struct slice *source_names; /* by rec->source */
	/* A dimension by its name, and its fields; NULL: there is none. */
	struct dim *(*dim)(void *arg, const char *name);
	/* Puts "FILE:LINE:COL: pipeline.NODE.KEY: " in front of the text of @e, where the value of
	 * @key stands; @off: bytes into the value. Returns @code.
	 */
	int (*wrong)(void *arg, const char *key, size_t off, int code, struct err *e);
	bool dead_letters; /* there are: op_dead takes records */
	/* What is not wrong, but worth to be known: `check` tells it. NULL: nobody wants it. */
	void (*note)(void *arg, const char *key, const char *text);
	void *arg;
};

/* Every plan begins with this. */
struct op_plan {
	const struct op_schema *ports; /* the schema at each port, owned by the plan */
	unsigned n_ports;
};

/* The call that an operator is in. */
struct op_run {
	struct batch *b;
	uint64_t *row; /* its ledger */
	void (*emit)(struct op_run *x, unsigned port, struct rec *const *recs, unsigned n);
	/* Takes a record that cannot go on. NULL: nobody does. @about: empty, or of a record that
	 * had waited what `about` said of it, into the arena, before it did.
	 */
	void (*dead)(struct op_run *x, const struct rec *r, const char *why, struct slice about);
	struct slice (*about)(struct op_run *x, const struct rec *r);
	unsigned room, room_next; /* see op_room */
};

struct op {
	const char *name, *summary;
	const struct opt *opts;
	size_t conf_size;
	const struct ledger_table *ledger; /* in records */
	/* Sees all records of a source, whatever worker its sessions belong to: a replay uses one.
	 */
	bool alone;
	bool (*alone_if)(const void *conf); /* and only then; NULL: always */

	/* The name of port @i: NODE.NAME in `from`; NULL behind the last one. Without this function
	 * there is one, NODE itself.
	 */
	const char *(*port)(const void *conf, unsigned i);

	/* 0; -EINVAL with a text (through env->wrong), -ENOMEM. */
	int (*build)(const void *conf, const struct op_env *env, struct op_plan **ret_p,
		     struct err *e);
	void (*destroy)(struct op_plan *p); /* accepts NULL */

	int (*create)(const struct op_plan *p, void **ret_state,
		      struct err *e); /* NULL: no state */
	void (*discard)(void *state);

	void (*run)(const struct op_plan *p, void *state, struct op_run *x, struct rec *const *recs,
		    unsigned n);
	/* Pairs that it adds to each record. Where it is the only one to take from a source, or
	 * from an operator that makes room, it mostly gets records of its own with room for them.
	 * NULL: it adds none.
	 */
	unsigned (*appends)(const struct op_plan *p);
	bool makes_room; /* records at port 0 have op_room_next */
	/* Packet time has come to @now_ns. NULL: nothing to do. */
	void (*advance)(const struct op_plan *p, void *state, struct op_run *x, uint64_t now_ns);
	/* The input has ended: what is held goes out. */
	void (*finish)(const struct op_plan *p, void *state, struct op_run *x);
	/* A reload, by the worker: what @from holds is @to's now, which is of a node with the same
	 * name and options and has seen no record. False: it does not fit, or not all of it; what
	 * is left goes out, as at the end. @sources: by source of its records, which it is now;
	 * NULL: the same. @b lends its arena. NULL: an operator that remembers nothing.
	 */
	bool (*carry)(const struct op_plan *from_plan, void *from, const struct op_plan *to_plan,
		      void *to, const uint16_t *sources, struct batch *b);
};

/* All of them, closed by NULL: ops.c. */
extern const struct op *const ops[];

/* For an operator, in a call. */
static inline void op_emit(struct op_run *x, unsigned port, struct rec *const *recs, unsigned n)
{
	if (n)
		x->emit(x, port, recs, n);
}

/* True: @r is a dead letter now, @why (static text) its reason; the operator counts it as
 * dead_letters. False: there are none, and it is lost.
 */
static inline bool op_dead(struct op_run *x, const struct rec *r, const char *why,
			   struct slice about)
{
	if (x->dead)
		x->dead(x, r, why, about);
	return x->dead != NULL;
}

/* How many pairs have room behind those of each record that it was given. Then the records are its
 * own to be changed; 0: they are not.
 */
static inline unsigned op_room(const struct op_run *x)
{
	return x->room;
}

/* How many pairs are to have room behind those of a record that it makes. */
static inline unsigned op_room_next(const struct op_run *x)
{
	return x->room_next;
}

static inline struct batch *op_batch(const struct op_run *x)
{
	return x->b;
}

static inline uint64_t *op_row(const struct op_run *x)
{
	return x->row;
}

#endif
