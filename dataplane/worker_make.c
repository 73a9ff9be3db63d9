/* What a worker is made of, and what a reload exchanges of it. */
#include <string.h>

#include "dataplane/base/mem.h"
#include "dataplane/worker_parts.h"

/* Acknowledgements are told of the sources that want them. */
static void tell_ports(struct worker *w)
{
	flow_tell_no_acks(w->flow);
	flow_know_no_servers(w->flow);
	for (unsigned i = 0; i < w->conf.n_sources; i++) {
		const struct frame_source *s = &w->conf.frame_sources[i];
		flow_know_servers(w->flow, &s->tcp);
		if (s->parser->acked)
			flow_tell_acks(w->flow, &s->tcp);
	}
}

void worker_gen_exchange(struct worker *w, struct worker_gen *g)
{
	SL_EXCHANGE(w->counts_hops, g->counts_hops);
	SL_EXCHANGE(w->rules, g->rules);
	SL_EXCHANGE(w->shed, g->shed);
	SL_EXCHANGE(w->extract, g->extract);
	SL_EXCHANGE(w->graph, g->graph);
	SL_EXCHANGE(w->keys, g->keys);
	SL_EXCHANGE(w->conf.flush, g->conf.flush);
	SL_EXCHANGE(w->conf.rules, g->conf.rules);
	SL_EXCHANGE(w->conf.forms, g->conf.forms);
	SL_EXCHANGE(w->conf.graph, g->conf.graph);
	SL_EXCHANGE(w->conf.source_names, g->conf.source_names);
	SL_EXCHANGE(w->conf.frame_sources, g->conf.frame_sources);
	SL_EXCHANGE(w->conf.n_sources, g->conf.n_sources);
	SL_EXCHANGE(w->conf.n_queues, g->conf.n_queues);
	SL_EXCHANGE(w->conf.out.arg, g->conf.out.arg);
	struct proto_scratch *proto = w->encode.proto;
	w->encode = g->conf.encode;
	w->encode.proto = proto;
	proto_scratch_forget(proto); /* of shapes that may end, and others come to stand there */
	if (g->sources)
		frame_exchange(w->frame, &g->sources);
	tell_ports(w);
}

void worker_gen_take_late(struct worker *w)
{
	struct worker_gen *g = atomic_load_explicit(&w->next, memory_order_acquire);
	if (!w->settles)
		worker_gen_exchange(w, g);
	w->settles = false;
	atomic_store_explicit(&w->next, NULL, memory_order_release);
}

void worker_gen_give(struct worker *w, struct worker_gen *g)
{
	atomic_store_explicit(&w->next, g, memory_order_release);
}

bool worker_gen_taken(const struct worker *w)
{
	return atomic_load_explicit(&w->next, memory_order_acquire) == NULL;
}

const struct extract *worker_gen_extract(const struct worker_gen *g)
{
	return g->extract;
}

const struct frame_table *worker_gen_sources(const struct worker_gen *g)
{
	return g->sources;
}

const struct graph *worker_gen_graph(const struct worker_gen *g)
{
	return g->graph;
}

static void destroy_keys(struct out_key **keys, unsigned n_queues)
{
	for (unsigned q = 0; keys && q < n_queues; q++)
		out_key_destroy(keys[q]);
	mem_free(keys);
}

static int create_keys(const struct worker_conf *c, struct out_key ***ret_keys, struct err *e)
{
	int rc = 0;
	struct out_key **keys = mem_alloc((c->n_queues + 1) * sizeof(struct out_key *));
	if (!keys)
		return err_set(e, -ENOMEM, "no memory for the keys of queues");
	for (unsigned q = 0; rc == 0 && q < c->n_queues; q++)
		if (c->forms[q].key)
			rc = out_key_create(c->forms[q].key, c->names, c->source_names, &keys[q]);
	if (rc < 0) {
		destroy_keys(keys, c->n_queues);
		return err_set(e, rc, "the key of a queue: %s", strerror(-rc));
	}
	*ret_keys = keys;
	return 0;
}

/* A replay waits, and sheds nothing. */
static int create_shed(const struct worker *w, const struct worker_conf *conf, struct shed **ret_s,
		       struct err *e)
{
	bool sheds = conf->sheds && w->conf.out.level && w->conf.live;
	return sheds ? shed_create(conf->sheds, conf->n_sources, ret_s, e) : 0;
}

int worker_gen_create(struct worker *w, const struct worker_conf *conf, struct worker_gen **ret_g,
		      struct err *e)
{
	struct worker_gen *g = mem_alloc(sizeof(*g));
	if (!g)
		return err_set(e, -ENOMEM, "no memory for a worker");
	g->conf = *conf;
	for (unsigned q = 0; q < conf->n_queues; q++)
		g->counts_hops |= conf->forms[q].hops_max > 0;
	int rc = 0;
	if (w->extract) /* it is not the first */
		rc = frame_table_create(w->frame, conf->frame_sources, conf->n_sources, &g->sources,
					e);
	if (rc == 0)
		rc = extract_create(conf->extract_sources, conf->n_sources,
				    4 * conf->frame->bytes_max, conf->names, &g->extract, e);
	if (rc == 0)
		rc = graph_create(conf->graph, worker_put, w, &g->graph, e);
	if (rc == 0 && w->conf.out.dead)
		graph_set_dead(g->graph, &worker_graph_dead);
	if (rc == 0)
		rc = create_keys(conf, &g->keys, e);
	if (rc == 0)
		rc = create_shed(w, conf, &g->shed, e);
	if (rc == 0 && conf->rules && !(g->rules = rules_scratch_create(conf->rules)))
		rc = err_set(e, -ENOMEM, "no memory for the rules of a worker");
	if (rc < 0) {
		worker_gen_destroy(g);
		return rc;
	}
	*ret_g = g;
	return 0;
}

void worker_gen_destroy(struct worker_gen *g)
{
	if (!g)
		return;
	frame_table_destroy(g->sources);
	destroy_keys(g->keys, g->conf.n_queues);
	shed_destroy(g->shed);
	graph_destroy(g->graph);
	extract_destroy(g->extract);
	rules_scratch_destroy(g->rules);
	mem_free(g);
}

int worker_create(const struct worker_conf *conf, struct worker **ret_w, struct err *e)
{
	int rc = -ENOMEM;
	size_t frame_max = frame_limit_max(conf->frame, conf->frame_sources, conf->n_sources);
	struct worker_gen *first;
	struct worker *w = mem_alloc(sizeof(*w));
	if (!w) {
		if (conf->capture)
			capture_close(conf->capture);
		return err_set(e, -ENOMEM, "no memory for a worker");
	}
	w->conf = *conf;
	w->encode = conf->encode;
	w->extract_cap = WORKER_ARENA_BYTES(frame_max);
	w->graph_cap = w->extract_cap +
		       (conf->graph->n_nodes || conf->live ? WORKER_ARENA_BYTES(frame_max) : 0);
	if (arena_init(&w->batch.arena, w->graph_cap) < 0) {
		err_set(e, -ENOMEM, "no memory for the batch of a worker");
		goto fail;
	}
	w->batch.arena.cap = w->extract_cap;
	w->encode.proto = proto_scratch_create();
	if (!w->encode.proto) {
		err_set(e, -ENOMEM, "no memory for a worker");
		goto fail;
	}
	if ((rc = decode_create(conf->decode, &w->decode, e)) < 0 ||
	    (rc = flow_create(conf->flow, &w->flow, e)) < 0 ||
	    (rc = frame_create(conf->frame, conf->frame_sources, conf->n_sources, w->flow,
			       &w->frame, e)) < 0 ||
	    (rc = worker_gen_create(w, conf, &first, e)) < 0)
		goto fail;
	worker_gen_give(w, first);
	worker_gen_take_late(w);
	worker_gen_destroy(first); /* it has what there was before: nothing */
	if (conf->share)
		decode_share(w->decode, conf->index, conf->n_workers);
	for (unsigned i = 0; i < conf->n_sources; i++) {
		const struct frame_source *s = &conf->frame_sources[i];
		if (s->parser->together)
			decode_share_together(w->decode, &s->tcp);
	}
	*ret_w = w;
	return 0;
fail:
	worker_destroy(w);
	return rc;
}

void worker_destroy(struct worker *w)
{
	if (!w)
		return;
	destroy_keys(w->keys, w->conf.n_queues);
	shed_destroy(w->shed);
	graph_destroy(w->graph);
	extract_destroy(w->extract);
	rules_scratch_destroy(w->rules);
	frame_destroy(w->frame);
	flow_destroy(w->flow);
	decode_destroy(w->decode);
	proto_scratch_destroy(w->encode.proto);
	w->batch.arena.cap = w->graph_cap;
	arena_fini(&w->batch.arena);
	if (w->conf.capture)
		capture_close(w->conf.capture);
	mem_free(w);
}
