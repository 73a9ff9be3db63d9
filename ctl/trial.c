#include "ctl/trial.h"

#include <stdlib.h>

#include "dataplane/base/mem.h"
#include "dataplane/worker.h"

#define SEGMENT_BYTES  1400
#define DATAGRAM_BYTES 65507
#define CLIENT_PORT    50000

struct trial {
	const struct pipeline *p;
	struct encode_ctx encode;
	struct decode *decode;
	struct flow *flow;
	struct frame_stage *frame;
	struct rules_scratch *rules;
	struct extract *extract;
	struct frame frames[BATCH_RECS_MAX];
	struct batch batch;
	uint8_t *input; /* a copy with SL_PAD behind it */
	struct trial_record *records;
	size_t n, cap;
};

int trial_create(const struct pipeline *p, struct trial **ret_t, struct err *e)
{
	const struct config *c = p->conf;
	unsigned n = (unsigned)c->n_sources;
	size_t frame_max = frame_limit_max(&c->frame, p->frame_sources, n);
	struct trial *t = mem_alloc(sizeof(*t));
	if (!t)
		return err_set(e, -ENOMEM, "out of memory");
	t->p = p;
	t->encode = p->encode;
	int rc = arena_init(&t->batch.arena, WORKER_ARENA_BYTES(frame_max));
	if (rc < 0)
		err_set(e, rc, "no memory for a batch");
	if (rc < 0 || (rc = decode_create(&c->decode, &t->decode, e)) < 0 ||
	    (rc = flow_create(&c->flow, &t->flow, e)) < 0 ||
	    (rc = frame_create(&c->frame, p->frame_sources, n, t->flow, &t->frame, e)) < 0 ||
	    (rc = extract_create(p->extract_sources, n, 4 * c->frame.bytes_max, p->names,
				 &t->extract, e)) < 0) {
		trial_destroy(t);
		return rc;
	}
	if (p->rules && !(t->rules = rules_scratch_create(p->rules))) {
		trial_destroy(t);
		return err_set(e, -ENOMEM, "no memory for rules");
	}
	*ret_t = t;
	return 0;
}

void trial_destroy(struct trial *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n; i++)
		free(t->records[i].json);
	free(t->records);
	mem_free(t->input);
	extract_destroy(t->extract);
	rules_scratch_destroy(t->rules);
	frame_destroy(t->frame);
	flow_destroy(t->flow);
	decode_destroy(t->decode);
	arena_fini(&t->batch.arena);
	mem_free(t);
}

/* ---- records ---- */

static int keep_record(struct trial *t, const struct rec *r)
{
	if (t->n == t->cap) {
		size_t cap = t->cap ? 2 * t->cap : 16;
		struct trial_record *records = realloc(t->records, cap * sizeof(*records));
		if (!records)
			return -ENOMEM;
		t->records = records;
		t->cap = cap;
	}
	char *json = malloc(encode_json_max(&t->encode, &t->batch, r) + 1);
	if (!json)
		return -ENOMEM;
	size_t len = encode_json(&t->encode, &t->batch, r, (uint8_t *)json);
	while (len && json[len - 1] == '\n')
		len--;
	json[len] = '\0';
	t->records[t->n++] = (struct trial_record){json, r->source};
	return 0;
}

static int path_run(struct trial *t, const struct flow_event *ev, unsigned n_ev)
{
	struct batch *b = &t->batch;
	for (unsigned done = 0; done < n_ev;) {
		unsigned n_frames;
		const struct rule_hits *hits = NULL;
		arena_reset(&b->arena);
		done += frame_parse(t->frame, ev + done, n_ev - done, b, t->frames, &n_frames);
		if (t->rules)
			hits = rules_scan(t->rules, t->frames, n_frames);
		size_t behind_frames = b->arena.used;
		for (unsigned taken = 0; taken < n_frames;) {
			b->arena.used = behind_frames;
			b->n_recs = 0;
			taken = extract_records(t->extract, t->frames, taken, n_frames, hits, b);
			for (unsigned i = 0; i < b->n_recs; i++) {
				if (keep_record(t, b->recs[i]) < 0)
					return -ENOMEM;
			}
		}
	}
	return 0;
}

const struct trial_record *trial_records(const struct trial *t, size_t *ret_n)
{
	*ret_n = t->n;
	return t->records;
}

/* ---- packets ---- */

static bool port_taken(const struct config *c, bool udp, uint16_t port)
{
	for (size_t i = 0; i < c->n_sources; i++) {
		if (opt_ports_have(udp ? &c->sources[i].udp : &c->sources[i].tcp, port))
			return true;
	}
	return false;
}

/* The server's port: one of the source, or one that is nobody's for a source found by probe. */
static uint16_t server_port(const struct config *c, const struct test_conf *test)
{
	const struct source_conf *s = &c->sources[test->source];
	bool udp = test->transport == TEST_UDP;
	const struct opt_ports *ports = udp ? &s->udp : &s->tcp;
	if (ports->n)
		return ports->items[0].lo;
	uint16_t port = 40000;
	while (port < CLIENT_PORT && port_taken(c, udp, port))
		port++;
	return port;
}

/* From 192.0.2.1 to 192.0.2.2, addresses that are for documents (RFC 5737). */
static struct pkt packet(const struct trial *t, const struct test_conf *test, uint64_t number,
			 struct slice payload)
{
	struct pkt p = {
		.src = {[10] = 0xff, 0xff, 192, 0, 2, 1},
		.dst = {[10] = 0xff, 0xff, 192, 0, 2, 2},
		.sport = CLIENT_PORT,
		.dport = server_port(t->p->conf, test),
		.proto = test->transport == TEST_UDP ? IPPROTO_UDP_ : IPPROTO_TCP_,
		.time_ns = (uint64_t)test->time_ns,
		.number = number,
		.payload = payload.ptr,
		.len = (uint32_t)payload.len,
		.checksum = CHECKSUM_GOOD,
		.window = 65535,
	};
	p.hash = decode_hash(&p);
	return p;
}

static int send_packet(struct trial *t, const struct pkt *p)
{
	const struct flow_event *ev;
	unsigned n = flow_track(t->flow, p, 1, &ev);
	int rc = path_run(t, ev, n);
	flow_release(t->flow);
	return rc;
}

static int send_stream(struct trial *t, const struct test_conf *test, struct slice input)
{
	uint64_t number = 1;
	uint32_t seq = 1;
	struct pkt p = packet(t, test, number++, slice_of(input.ptr, 0));
	p.tcp_flags = TCP_SYN;
	int rc = send_packet(t, &p);
	while (rc == 0 && input.len) {
		size_t len = input.len < SEGMENT_BYTES ? input.len : SEGMENT_BYTES;
		p = packet(t, test, number++, slice_of(input.ptr, len));
		p.tcp_flags = TCP_ACK | TCP_PSH;
		p.seq = seq;
		rc = send_packet(t, &p);
		seq += (uint32_t)len;
		input = slice_from(input, len);
	}
	p = packet(t, test, number, input);
	p.tcp_flags = TCP_ACK | TCP_FIN;
	p.seq = seq;
	return rc < 0 ? rc : send_packet(t, &p);
}

int trial_run(struct trial *t, const struct test_conf *test, struct err *e)
{
	size_t len = strlen(test->input);
	if (test->transport == TEST_UDP && len > DATAGRAM_BYTES)
		return err_set(e, -EMSGSIZE, "%zu bytes; a datagram holds at most %d", len,
			       DATAGRAM_BYTES);
	t->input = mem_alloc(len + 1);
	if (!t->input)
		return err_set(e, -ENOMEM, "out of memory");
	memcpy(t->input, test->input, len);
	struct slice input = slice_of(t->input, len);
	int rc;
	if (test->transport == TEST_UDP) {
		struct pkt p = packet(t, test, 1, input);
		rc = send_packet(t, &p);
	} else {
		rc = send_stream(t, test, input);
	}
	const struct flow_event *ev;
	for (unsigned n; rc == 0 && (n = flow_finish(t->flow, &ev)) > 0;) {
		rc = path_run(t, ev, n);
		flow_release(t->flow);
	}
	return rc < 0 ? err_set(e, rc, "out of memory") : 0;
}
