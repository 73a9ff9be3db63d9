/* live_worker.h - a worker of a live port that a test makes up, with a configuration from a text.
 *
 * In:     text in YAML; the port; where the records go.
 * Out:    a generation and what a worker is made of, for worker_create.
 * Owns:   the generation is the caller's, and holds its configuration.
 * Runs:   main.
 * Limits: -
 */
#ifndef SL_TESTS_LIVE_WORKER_H
#define SL_TESTS_LIVE_WORKER_H

#include "tests/unit/unit.h"

#include "ctl/generation.h"
#include "tests/support/packet_make.h"

static inline struct generation *live_generation(const char *text, struct generation *before)
{
	struct generation *g = NULL;
	struct config *conf = NULL;
	struct err_list errs = {0};
	struct err e = {0};
	assert_int_equal(config_parse("live.yaml", slice_str(text), NULL, &conf, &errs), 0);
	err_list_fini(&errs);
	assert_int_equal(generation_build(conf, before, &g, stderr, &e), 0);
	g->own_conf = conf;
	return g;
}

static inline struct worker_conf live_worker_conf(const struct generation *g, struct capture *c,
						  atomic_bool *stop, struct worker_out out)
{
	struct worker_conf wc = generation_worker_conf(g);
	wc.n_workers = 1;
	wc.live = true;
	wc.rest_max_ns = c->wait_max_ns;
	wc.capture = c;
	wc.decode = &g->conf->decode;
	wc.flow = &g->conf->flow;
	wc.frame = &g->conf->frame;
	wc.frame_sources = g->pipeline->frame_sources;
	wc.stop = stop;
	wc.out = out;
	return wc;
}

static inline struct made live_datagram(uint16_t port)
{
	struct made m = made_text("{\"n\":1}\n");
	made_udp(&m, 1000, port);
	made_ip4(&m, "10.0.0.1", "10.0.0.2", 17);
	made_ether(&m, 0x0800);
	return m;
}

#endif
