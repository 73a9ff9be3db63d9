/* `sluiced replay --tap NODE`: the records before and behind a node, and nothing to any queue. */
#include <stdio.h>
#include <unistd.h>

#include "ctl/cmd.h"
#include "ctl/pipeline.h"
#include "dataplane/base/mem.h"
#include "dataplane/rec/json_text.h"
#include "dataplane/worker.h"

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
	struct queue_form *forms;
	struct worker *worker;
	uint8_t *room; /* of a record, with its head */
	size_t cap;
	bool broken; /* standard output takes no more */
	atomic_bool stop;
};

/* A record is at most its frame with every byte escaped, and its keys; see topology.c. */
#define TAP_ROOM(frame_bytes_max) (32 * (frame_bytes_max) + (17u << 20))

/* ---- the end of the path ---- */

static uint8_t *take_room(void *arg, unsigned worker, unsigned queue, size_t len)
{
	struct tap *t = arg;
	const struct side *s = &t->sides[queue];
	if (t->broken || len + s->len + 1 > t->cap)
		return NULL;
	memcpy(t->room, s->head, s->len);
	return t->room + s->len;
}

static void write_line(void *arg, unsigned worker, unsigned queue, size_t len, uint64_t time_ns)
{
	struct tap *t = arg;
	struct side *s = &t->sides[queue];
	size_t done = 0, all = s->len + len + 1;
	t->room[all - 2] = '}'; /* where the record's line ended */
	t->room[all - 1] = '\n';
	s->n++;
	while (done < all && !t->broken) {
		ssize_t n = write(STDOUT_FILENO, t->room + done, all - done);
		if (n < 0 && errno != EINTR && errno != EAGAIN) {
			t->broken = true;
			atomic_store(&t->stop, true);
		}
		done += n > 0 ? (size_t)n : 0;
	}
}

static void no_mark(void *arg, unsigned worker, unsigned queue, struct slice key, struct slice id)
{
}

static void nothing_open(void *arg, unsigned worker, bool last)
{
}

static void nothing_left_out(void *arg, unsigned worker, unsigned queue, enum encode_fit why)
{
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
	const struct config *c = p->conf;
	size_t n = c->n_origins;
	t->cap = TAP_ROOM(frame_limit_max(&c->frame, p->frame_sources, (unsigned)c->n_sources));
	t->origins = mem_alloc((n + 1) * sizeof(*t->origins));
	t->sides = mem_alloc((n + 1) * sizeof(*t->sides));
	t->forms = mem_alloc((n + 1) * sizeof(*t->forms));
	t->room = mem_map(t->cap);
	if (!t->origins || !t->sides || !t->forms || !t->room)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		t->origins[i] = p->graph.origins[i];
		t->origins[i].n_queues = 0;
		t->forms[i].encoder = &encoder_json;
	}
	t->plan = p->graph;
	t->plan.origins = t->origins;
	return 0;
}

static int build_worker(struct tap *t, const struct replay_conf *rc, struct err *e)
{
	const struct pipeline *p = t->p;
	const struct config *c = p->conf;
	struct worker_conf wc = {
		.n_workers = 1,
		.decode = &c->decode,
		.flow = &c->flow,
		.frame = &c->frame,
		.frame_sources = p->frame_sources,
		.extract_sources = p->extract_sources,
		.rules = p->rules,
		.graph = &t->plan,
		.forms = t->forms,
		.source_names = p->source_names,
		.n_sources = (unsigned)c->n_sources,
		.names = p->names,
		.encode = p->encode,
		.out = {.room = take_room,
			.mark = no_mark,
			.commit = write_line,
			.flush = nothing_open,
			.leave_out = nothing_left_out,
			.arg = t},
		.stop = &t->stop,
	};
	int ret = replay_open(rc, &wc.capture, e);
	return ret < 0 ? ret : worker_create(&wc, &t->worker, e);
}

static void tap_fini(struct tap *t)
{
	worker_destroy(t->worker);
	pipeline_destroy(t->p);
	mem_free(t->origins);
	mem_free(t->sides);
	mem_free(t->forms);
	if (t->room)
		mem_unmap(t->room, t->cap);
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
		const uint64_t *row = graph_node_row(worker_graph(t->worker), i);
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
	} else if (build_worker(&t, rc, &e) < 0) {
		fprintf(stderr, "sluiced: %s\n", e.text);
	} else {
		code = worker_run(t.worker) < 0 || t.broken;
		for (unsigned i = 0; worker_error(t.worker, i); i++)
			fprintf(stderr, "sluiced: %s\n", worker_error(t.worker, i));
		tell(&t, name);
	}
	tap_fini(&t);
	return code;
}
