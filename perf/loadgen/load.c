#include "perf/loadgen/load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "dataplane/base/mem.h"
#include "dataplane/capture/pkt.h"
#include "perf/loadgen/script.h"

#define SERVER 0x0a000009u /* 10.0.0.9 */
#define CLIENT 0x0a010000u /* 10.1.0.1 and on */
#define WINDOW 65535u

const char *const load_kinds[] = {
	[LOAD_SYSLOG_UDP] = "syslog_udp", [LOAD_SYSLOG_TCP] = "syslog_tcp", [LOAD_HTTP] = "http",
	[LOAD_NDJSON] = "ndjson",         [LOAD_BINLOG] = "binlog",         NULL};

struct session {
	uint32_t seq[2]; /* of the next byte of the client, and of the server */
	uint32_t at;     /* the next piece */
	uint16_t id[2];  /* of the next IPv4 packet */
};

struct load {
	struct script script;
	struct session *sessions;
	uint32_t n_sessions, turn;
};

static const uint8_t macs[2][14] = {
	{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0},
	{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0},
};

void load_restart(struct load *l)
{
	for (uint32_t i = 0; i < l->n_sessions; i++)
		l->sessions[i] = (struct session){.seq = {1000 + i, 500000 + i}, .id = {1, 1}};
	l->turn = 0;
}

int load_create(const struct load_job *job, struct load **ret_l, struct err *e)
{
	struct load *l = mem_alloc(sizeof(*l));
	if (!l)
		return err_set(e, -ENOMEM, "no memory for a load");
	int rc = script_create(job, &l->script, e);
	l->n_sessions = (uint32_t)job->sessions;
	l->sessions = rc == 0 ? mem_alloc(l->n_sessions * sizeof(*l->sessions)) : NULL;
	if (rc == 0 && !l->sessions)
		rc = err_set(e, -ENOMEM, "%s: no memory for %u sessions", job->name, l->n_sessions);
	if (rc < 0) {
		load_destroy(l);
		return rc;
	}
	load_restart(l);
	*ret_l = l;
	return 0;
}

void load_destroy(struct load *l)
{
	if (!l)
		return;
	script_fini(&l->script);
	mem_free(l->sessions);
	mem_free(l);
}

unsigned load_bytes_max(const struct load *l)
{
	unsigned len = 0;
	for (unsigned i = 0; i < l->script.n; i++)
		if (l->script.pieces[i].len > len)
			len = l->script.pieces[i].len;
	return LOAD_HEADERS + len;
}

static void put16(uint8_t *p, uint32_t v)
{
	uint16_t be = htons((uint16_t)v);
	memcpy(p, &be, 2);
}

static void put32(uint8_t *p, uint32_t v)
{
	v = htonl(v);
	memcpy(p, &v, 4);
}

static uint32_t halves(uint32_t v)
{
	return (v >> 16) + (v & 0xffff);
}

static uint32_t inverted(uint32_t sum)
{
	return ~halves(halves(sum)) & 0xffff;
}

/* Who says it to whom. */
struct ends {
	uint32_t src, dst;
	uint16_t sport, dport;
};

static struct ends ends_of(const struct load *l, uint32_t session, unsigned dir)
{
	uint32_t client = CLIENT + 1 + session;
	uint16_t port = (uint16_t)(20000 + session % 40000);
	if (dir == 0)
		return (struct ends){client, SERVER, port, l->script.port};
	return (struct ends){SERVER, client, l->script.port, port};
}

static void put_ip(uint8_t *h, const struct ends *x, unsigned proto, unsigned total, unsigned id)
{
	put16(h, 0x4500);
	put16(h + 2, total);
	put16(h + 4, id);
	put16(h + 6, 0);
	put16(h + 8, 64 << 8 | proto);
	put16(h + 10,
	      inverted(0x4500 + total + id + (64 << 8 | proto) + halves(x->src) + halves(x->dst)));
	put32(h + 12, x->src);
	put32(h + 16, x->dst);
}

static void put_udp(uint8_t *h, const struct ends *x, uint32_t sum, unsigned len)
{
	put16(h, x->sport);
	put16(h + 2, x->dport);
	put16(h + 4, len);
	uint32_t check = inverted(sum + len);
	put16(h + 6, check ? check : 0xffff);
}

static void put_tcp(uint8_t *h, const struct ends *x, uint32_t sum, const struct piece *p,
		    uint32_t seq, uint32_t ack)
{
	put16(h, x->sport);
	put16(h + 2, x->dport);
	put32(h + 4, seq);
	put32(h + 8, ack);
	put16(h + 12, 0x5000 | p->flags);
	put16(h + 14, WINDOW);
	put16(h + 16, inverted(sum + halves(seq) + halves(ack) + (0x5000 | p->flags) + WINDOW));
	put16(h + 18, 0);
}

unsigned load_next(struct load *l, uint8_t *to, uint64_t *events)
{
	struct session *s = &l->sessions[l->turn];
	const struct piece *p = &l->script.pieces[s->at];
	unsigned d = p->dir, proto = l->script.udp ? IPPROTO_UDP_ : IPPROTO_TCP_;
	unsigned l4 = l->script.udp ? 8 : 20, len = l4 + p->len;
	struct ends x = ends_of(l, l->turn, d);
	/* The pseudo header, the ports and the payload: both protocols have them. */
	uint32_t sum = halves(x.src) + halves(x.dst) + proto + len + x.sport + x.dport + p->sum;
	memcpy(to, macs[d], 14);
	put_ip(to + 14, &x, proto, 20 + len, s->id[d]);
	if (l->script.udp) {
		put_udp(to + 34, &x, sum, len);
	} else {
		uint32_t ack = p->flags & TCP_ACK ? s->seq[!d] : 0;
		put_tcp(to + 34, &x, sum, p, s->seq[d], ack);
	}
	memcpy(to + 34 + l4, l->script.bytes + p->off, p->len);
	s->seq[d] += p->len + (p->flags & TCP_SYN ? 1 : 0);
	s->id[d]++;
	s->id[d] += s->id[d] == 0; /* none: the sender does not number them */
	s->at = s->at + 1 < l->script.n ? s->at + 1 : l->script.n_open;
	l->turn = l->turn + 1 < l->n_sessions ? l->turn + 1 : 0;
	*events += p->events;
	return 34 + len;
}

const char *load_source(enum load_kind kind)
{
	static const char *const sources[] = {
		[LOAD_SYSLOG_UDP] = "{ match: { udp: 514 }, parser: syslog }",
		[LOAD_SYSLOG_TCP] = "{ match: { tcp: 514 }, parser: syslog }",
		[LOAD_HTTP] = "{ match: { tcp: 80 }, parser: http1 }",
		[LOAD_NDJSON] = "{ match: { tcp: 5170 }, parser: lines }",
		[LOAD_BINLOG] = "{ match: { tcp: 3306 }, parser: mysql }",
	};
	return sources[kind];
}
