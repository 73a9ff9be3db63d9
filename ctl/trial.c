#include "ctl/trial.h"

#include <stdlib.h>

#include "dataplane/base/mem.h"
#include "dataplane/worker.h"

#define SEGMENT_BYTES  1400
#define DATAGRAM_BYTES 65507
#define CLIENT_PORT    50000

struct trial {
	const struct pipeline *p;
	const struct test_conf *test; /* that runs */
	struct worker *worker;
	struct queue_form *forms; /* by queue: all JSON */
	atomic_bool stop;
	uint8_t *input; /* a copy with SL_PAD behind it */
	char *room;     /* of the record that is being written */
	struct trial_record *records;
	size_t n, cap;
	bool full; /* out of memory: the trial has failed */
};

/* ---- the end of the path ---- */

static uint8_t *take_room(void *arg, unsigned worker, unsigned queue, size_t len)
{
	struct trial *t = arg;
	if (t->n == t->cap) {
		size_t cap = t->cap ? 2 * t->cap : 16;
		struct trial_record *records = realloc(t->records, cap * sizeof(*records));
		if (records) {
			t->records = records;
			t->cap = cap;
		}
	}
	t->room = t->n < t->cap ? malloc(len + 1) : NULL;
	t->full |= !t->room;
	return (uint8_t *)t->room;
}

static void keep_record(void *arg, unsigned worker, unsigned queue, size_t len, uint64_t time_ns)
{
	struct trial *t = arg;
	int origin = t->test->origin;
	if (origin < 0 ? queue >= t->p->conf->n_sources : queue != (unsigned)origin) {
		free(t->room);
		return;
	}
	while (len && t->room[len - 1] == '\n')
		len--;
	t->room[len] = '\0';
	t->records[t->n++] = (struct trial_record){t->room, queue};
}

static void nothing_open(void *arg, unsigned worker, bool last)
{
}

static void nothing_left_out(void *arg, unsigned worker, unsigned queue, enum encode_fit why)
{
}

int trial_create(const struct pipeline *p, struct trial **ret_t, struct err *e)
{
	const struct config *c = p->conf;
	struct trial *t = mem_alloc(sizeof(*t));
	if (!t)
		return err_set(e, -ENOMEM, "out of memory");
	t->p = p;
	t->forms = mem_alloc((c->n_origins + 1) * sizeof(*t->forms));
	if (!t->forms) {
		trial_destroy(t);
		return err_set(e, -ENOMEM, "out of memory");
	}
	for (size_t i = 0; i < c->n_origins; i++)
		t->forms[i].encoder = &encoder_json;
	struct worker_conf wc = {
		.n_workers = 1,
		.decode = &c->decode,
		.flow = &c->flow,
		.frame = &c->frame,
		.frame_sources = p->frame_sources,
		.extract_sources = p->extract_sources,
		.rules = p->rules,
		.graph = &p->trial_graph,
		.forms = t->forms,
		.n_sources = (unsigned)c->n_sources,
		.names = p->names,
		.encode = p->encode,
		.out = {.room = take_room,
			.commit = keep_record,
			.flush = nothing_open,
			.leave_out = nothing_left_out,
			.arg = t},
		.stop = &t->stop,
	};
	int rc = worker_create(&wc, &t->worker, e);
	if (rc < 0) {
		trial_destroy(t);
		return rc;
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
	worker_destroy(t->worker);
	mem_free(t->forms);
	mem_free(t);
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

static void send_stream(struct trial *t, const struct test_conf *test, struct slice input)
{
	uint64_t number = 1;
	uint32_t seq = 1;
	struct pkt p = packet(t, test, number++, slice_of(input.ptr, 0));
	p.tcp_flags = TCP_SYN;
	worker_track(t->worker, &p, 1);
	while (input.len) {
		size_t len = input.len < SEGMENT_BYTES ? input.len : SEGMENT_BYTES;
		p = packet(t, test, number++, slice_of(input.ptr, len));
		p.tcp_flags = TCP_ACK | TCP_PSH;
		p.seq = seq;
		worker_track(t->worker, &p, 1);
		seq += (uint32_t)len;
		input = slice_from(input, len);
	}
	p = packet(t, test, number, input);
	p.tcp_flags = TCP_ACK | TCP_FIN;
	p.seq = seq;
	worker_track(t->worker, &p, 1);
}

int trial_run(struct trial *t, const struct test_conf *test, struct err *e)
{
	size_t len = strlen(test->input);
	t->test = test;
	if (test->transport == TEST_UDP && len > DATAGRAM_BYTES)
		return err_set(e, -EMSGSIZE, "%zu bytes; a datagram holds at most %d", len,
			       DATAGRAM_BYTES);
	t->input = mem_alloc(len + 1);
	if (!t->input)
		return err_set(e, -ENOMEM, "out of memory");
	memcpy(t->input, test->input, len);
	struct slice input = slice_of(t->input, len);
	if (test->transport == TEST_UDP) {
		struct pkt p = packet(t, test, 1, input);
		worker_track(t->worker, &p, 1);
	} else {
		send_stream(t, test, input);
	}
	worker_finish(t->worker);
	return t->full ? err_set(e, -ENOMEM, "out of memory") : 0;
}
