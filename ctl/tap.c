/* `sluiced replay --tap NODE`: the records before and behind a node, and nothing to any queue. */
#include <stdio.h>

#include "ctl/cmd.h"
#include "ctl/lone.h"
#include "dataplane/base/mem.h"
#include "dataplane/rec/json_text.h"

/* `{"tap":"NODE","side":"in","record":` in front of a record. */
struct side {
	uint16_t queue; /* its own number */
	unsigned origin;
	char head[1024];
	size_t len;
	uint64_t n;
};

struct tap {
	struct pipeline *p;
	struct graph_plan plan;
	struct graph_origin *origins;
	struct side *sides;
	unsigned n_sides;
	struct lone *lone;
};

/* ---- the end of the path ---- */

static bool write_line(void *arg, unsigned queue, struct slice line)
{
	struct tap *t = arg;
	struct side *s = &t->sides[queue];
	s->n++;
	fwrite(s->head, 1, s->len, stdout);
	fwrite(line.ptr, 1, line.len - 1, stdout);
	fputs("}\n", stdout);
	return !ferror(stdout);
}

/* ---- building ---- */

static char *put_quoted(char *o, const char *text)
{
	bool invalid = false;
	size_t len = strlen(text) < 64 ? strlen(text) : 64; /* names are short */
	*o++ = '"';
	o += json_text_put((uint8_t *)o, (const uint8_t *)text, len, &invalid);
	*o++ = '"';
	return o;
}

static void add_side(struct tap *t, const char *node, const char *side, unsigned origin)
{
	struct side *s = &t->sides[t->n_sides];
	char *o = s->head;
	s->queue = (uint16_t)t->n_sides++;
	s->origin = origin;
	o = stpcpy(o, "{\"tap\":");
	o = put_quoted(o, node);
	o = stpcpy(o, ",\"side\":");
	o = put_quoted(o, side);
	o = stpcpy(o, ",\"record\":");
	s->len = (size_t)(o - s->head);
	t->origins[origin].queues = &s->queue;
	t->origins[origin].n_queues = 1;
}

/* The places that a node takes from and gives to; of a source, what it gives. False: there is no
 * such name.
 */
static bool add_sides(struct tap *t, const char *name)
{
	const struct config *c = t->p->conf;
	for (size_t i = 0; i < c->n_nodes; i++) {
		const struct node_conf *n = &c->nodes[i];
		if (strcmp(n->name, name) != 0)
			continue;
		for (size_t k = 0; k < n->n_origins; k++)
			add_side(t, name, "in", n->origins[k]);
		for (unsigned k = 0; k < n->n_ports; k++)
			add_side(t, name, n->op->port ? n->op->port(n->conf, k) : "out",
				 n->first_origin + k);
		return true;
	}
	for (unsigned i = 0; i < c->n_sources; i++)
		if (strcmp(c->sources[i].name, name) == 0) {
			add_side(t, name, "out", i);
			return true;
		}
	return false;
}

static int no_such_node(const struct config *c, const char *name)
{
	fprintf(stderr, "sluiced: --tap %s: no node or source has this name; there are:", name);
	for (size_t i = 0; i < c->n_nodes; i++)
		fprintf(stderr, " %s", c->nodes[i].name);
	for (size_t i = 0; i < c->n_sources; i++)
		fprintf(stderr, " %s", c->sources[i].name);
	fputc('\n', stderr);
	return 2;
}

static int take_memory(struct tap *t)
{
	const struct pipeline *p = t->p;
	size_t n = p->conf->n_origins;
	t->origins = mem_alloc((n + 1) * sizeof(*t->origins));
	t->sides = mem_alloc((n + 1) * sizeof(*t->sides));
	if (!t->origins || !t->sides)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		t->origins[i] = p->graph.origins[i];
		t->origins[i].n_queues = 0;
	}
	t->plan = p->graph;
	t->plan.origins = t->origins;
	return 0;
}

static void tap_fini(struct tap *t)
{
	lone_destroy(t->lone);
	pipeline_destroy(t->p);
	mem_free(t->origins);
	mem_free(t->sides);
}

/* What passed, and what of it stayed in the node. */
static void tell(const struct tap *t, const char *name)
{
	for (unsigned i = 0; i < t->n_sides; i++)
		fprintf(stderr, "sluiced: tap %s: %s: %llu records\n", name,
			t->p->conf->origins[t->sides[i].origin].name,
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
	if (pipeline_build(c, &t.p, &e) < 0) {
		fprintf(stderr, "sluiced: %s\n", e.text);
	} else if (take_memory(&t) < 0) {
		fprintf(stderr, "sluiced: no memory for a tap\n");
	} else if (!add_sides(&t, name)) {
		code = no_such_node(c, name);
	} else if (lone_create(t.p, &t.plan, t.n_sides, rc, write_line, &t, &t.lone, &e) < 0) {
		fprintf(stderr, "sluiced: %s\n", e.text);
	} else {
		bool whole = lone_run(t.lone, stderr);
		code = fflush(stdout) < 0 || !whole;
		tell(&t, name);
	}
	tap_fini(&t);
	return code;
}
