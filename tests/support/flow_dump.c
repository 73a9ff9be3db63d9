/* flow_dump.c - what flow makes of capture files: events, with the bytes.
 *
 * In:     FILE...
 * Out:    for each event a line, and for data its bytes behind it:
 *           S session protocol client port server port from_start id    before its first event
 *           D session dir offset length number
 *           G session dir offset length reason
 *           E session reason
 *         and at the end "L stage column value" for each counter that is not zero.
 * Owns:   -
 * Runs:   tests; flow_oracle.py compares it with other tools. Exit 1: a ledger does not balance.
 * Limits: sessions are numbered in the order of their first events.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "dataplane/capture/decode.h"
#include "dataplane/capture/replay.h"
#include "dataplane/flow/flow.h"
#include "tests/support/conf_default.h"
#include "tests/support/decode_in.h"

static const char *const gap_names[] = {"acked", "waited", "memory", "snaplen", "end"};
static const char *const end_names[] = {"fin", "rst", "idle", "evicted", "capture"};

struct dump {
	struct decode *decode;
	struct flow *flow;
	unsigned *number; /* by session index; 0: no event yet */
	unsigned n_sessions;
	bool wrong;
};

static const char *address(const uint8_t *a, char *text)
{
	bool mapped = memcmp(a, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) == 0;
	return mapped ? inet_ntop(AF_INET, a + 12, text, INET6_ADDRSTRLEN)
		      : inet_ntop(AF_INET6, a, text, INET6_ADDRSTRLEN);
}

static unsigned number_of(struct dump *u, uint32_t session)
{
	if (u->number[session])
		return u->number[session];
	char client[INET6_ADDRSTRLEN], server[INET6_ADDRSTRLEN];
	const struct flow_session *s = flow_session(u->flow, session);
	u->number[session] = ++u->n_sessions;
	printf("S %u %u %s %u %s %u %u %016" PRIx64 "\n", u->n_sessions, s->proto,
	       address(s->addr[0], client), s->port[0], address(s->addr[1], server), s->port[1],
	       s->from_start, s->id);
	return u->n_sessions;
}

static void print_events(struct dump *u, const struct flow_event *ev, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const struct flow_event *e = &ev[i];
		unsigned number = number_of(u, e->session);
		if (e->kind == FLOW_DATA) {
			printf("D %u %u %" PRIu64 " %zu %" PRIu64 "\n", number, e->dir,
			       e->stream_off, e->data.len, e->number);
			fwrite(e->data.ptr, 1, e->data.len, stdout);
			printf("\n");
		} else if (e->kind == FLOW_GAP) {
			printf("G %u %u %" PRIu64 " %" PRIu64 " %s\n", number, e->dir,
			       e->stream_off, e->gap_bytes, gap_names[e->reason]);
		} else {
			printf("E %u %s\n", number, end_names[e->reason]);
			u->number[e->session] = 0;
		}
	}
	u->wrong |= ledger_imbalance(&flow_packet_ledger, flow_packet_row(u->flow)) != 0;
	u->wrong |= ledger_imbalance(&flow_byte_ledger, flow_byte_row(u->flow)) != 0;
}

static uint64_t read_all(struct dump *u, struct capture *c)
{
	struct pkt_raw raw[PKT_BURST];
	struct pkt pkts[PKT_BURST];
	const struct flow_event *ev;
	uint64_t last_ns = 0;
	for (;;) {
		int n_raw = capture_receive(c, raw);
		if (n_raw == -ENODATA)
			return last_ns;
		if (n_raw < 0) {
			fprintf(stderr, "flow_dump: %s\n", c->err.text);
			continue;
		}
		for (int i = 0; i < n_raw; i++)
			last_ns = raw[i].time_ns > last_ns ? raw[i].time_ns : last_ns;
		unsigned n = decode_burst(u->decode, raw, (unsigned)n_raw, pkts);
		n = flow_track(u->flow, pkts, n, &ev);
		print_events(u, ev, n);
		decode_release(u->decode);
		flow_release(u->flow);
	}
}

static void print_ledger(const struct ledger_table *t, const uint64_t *row)
{
	for (unsigned i = 0; i < t->n_cols; i++)
		if (row[i])
			printf("L %s %s %" PRIu64 "\n", t->stage, t->cols[i].name, row[i]);
}

int main(int argc, char **argv)
{
	struct decode_conf decode_conf = decode_conf_default();
	decode_conf.dedup = DEDUP_OFF;
	struct memlist mem = {0};
	struct flow_conf flow_conf;
	conf_default(&mem, flow_opts, &flow_conf);
	struct replay_conf conf = {.paths = (const char *const *)argv + 1,
				   .n_paths = (unsigned)argc - 1};
	struct dump u = {0};
	struct capture *c = NULL;
	struct err e = {"one FILE or more"};
	if (argc < 2 || replay_open(&conf, &c, &e) != 0 ||
	    decode_create(&decode_conf, &u.decode, &e) != 0 ||
	    flow_create(&flow_conf, &u.flow, &e) != 0) {
		fprintf(stderr, "flow_dump: %s\n", e.text);
		return 2;
	}
	u.number = calloc(flow_sessions_max(u.flow), sizeof(*u.number));
	const struct flow_event *ev;
	unsigned n;
	uint64_t last_ns = read_all(&u, c);
	while ((n = flow_advance(u.flow, last_ns, &ev)) > 0)
		print_events(&u, ev, n);
	while ((n = flow_finish(u.flow, &ev)) > 0)
		print_events(&u, ev, n);
	flow_release(u.flow);
	print_ledger(&flow_packet_ledger, flow_packet_row(u.flow));
	print_ledger(&flow_byte_ledger, flow_byte_row(u.flow));
	u.wrong |= flow_byte_row(u.flow)[FLOW_BYTES_in_flight] != 0;
	free(u.number);
	flow_destroy(u.flow);
	decode_destroy(u.decode);
	capture_close(c);
	return u.wrong;
}
