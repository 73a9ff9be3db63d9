/* `sluiced replay --tap NODE`: the records before and behind a node, and nothing to any queue. */
#include <stdio.h>

#include "ctl/cmd.h"
#include "ctl/lone.h"
#include "ctl/tap_sides.h"
#include "dataplane/base/mem.h"

/* One of the places where records are seen. */
struct side {
	uint16_t queue; /* its own number */
	uint64_t n;
};

struct tap {
	struct pipeline *p;
	struct graph_plan plan;
	struct graph_origin *origins;
	struct tap_sides at;
	struct side *sides; /* by index of at */
	struct lone *lone;
};

/* ---- the end of the path ---- */

static bool write_line(void *arg, unsigned queue, struct slice line)
{
	struct tap *t = arg;
	const struct tap_side *s = &t->at.items[queue];
	t->sides[queue].n++;
	fwrite(s->head, 1, s->len, stdout);
	fwrite(line.ptr, 1, line.len - 1, stdout);
	fputs("}\n", stdout);
	return !ferror(stdout);
}

/* ---- building ---- */

/* Each place becomes a queue of its own, in place of the configuration's. */
static int lay_queues(struct tap *t)
{
	const struct pipeline *p = t->p;
	size_t n = p->conf->n_origins;
	t->origins = mem_alloc((n + 1) * sizeof(*t->origins));
	t->sides = mem_alloc((t->at.n + 1) * sizeof(*t->sides));
	if (!t->origins || !t->sides)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		t->origins[i] = p->graph.origins[i];
		t->origins[i].n_queues = 0;
	}
	for (unsigned i = 0; i < t->at.n; i++) {
		struct graph_origin *o = &t->origins[t->at.items[i].origin];
		t->sides[i].queue = (uint16_t)i;
		o->queues = &t->sides[i].queue;
		o->n_queues = 1;
	}
	t->plan = p->graph;
	t->plan.origins = t->origins;
	return 0;
}

static void tap_fini(struct tap *t)
{
	lone_destroy(t->lone);
	pipeline_destroy(t->p);
	tap_sides_fini(&t->at);
	mem_free(t->origins);
	mem_free(t->sides);
}

/* What passed, and what of it stayed in the node. */
static void tell(const struct tap *t, const char *name)
{
	for (unsigned i = 0; i < t->at.n; i++)
		fprintf(stderr, "sluiced: tap %s: %s: %llu records\n", name,
			t->p->conf->origins[t->at.items[i].origin].name,
			(unsigned long long)t->sides[i].n);
	for (unsigned i = 0; i < t->plan.n_nodes; i++) {
		const struct ledger_table *l = t->plan.nodes[i].op->ledger;
		const uint64_t *row = graph_node_row(worker_graph(lone_worker(t->lone)), i);
		for (unsigned c = 0; strcmp(t->plan.nodes[i].name, name) == 0 && c < l->n_cols; c++)
			if (row[c])
				fprintf(stderr, "sluiced: tap %s: %s %llu\n", name, l->cols[c].name,
					(unsigned long long)row[c]);
	}
}

int cmd_tap(const struct config *c, const struct replay_conf *rc, const char *name)
{
	struct err e;
	struct tap t = {0};
	int code = 2;
	int rc_ = tap_sides_init(c, name, TAP_BEFORE | TAP_AFTER, &t.at, &e);
	if (rc_ == 0)
		rc_ = pipeline_build(c, &t.p, &e);
	if (rc_ == 0 && lay_queues(&t) < 0)
		rc_ = err_set(&e, -ENOMEM, "no memory for a tap");
	if (rc_ == 0)
		rc_ = lone_create(t.p, &t.plan, t.at.n, rc, write_line, &t, &t.lone, &e);
	if (rc_ < 0) {
		fprintf(stderr, "sluiced: %s\n", e.text);
	} else {
		bool whole = lone_run(t.lone, stderr);
		code = fflush(stdout) < 0 || !whole;
		tell(&t, name);
	}
	tap_fini(&t);
	return code;
}
