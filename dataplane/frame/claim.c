#include "dataplane/frame/claim.h"

#include "dataplane/base/mem.h"

#define PORTS 65536

/* Of one transport: the sources of port p, in their order, are list[first[p]] to list[first[p +
 * 1]].
 */
struct by_port {
	uint32_t *first;
	uint16_t *list;
};

struct claim {
	const struct frame_source *sources;
	struct by_port by_port[2]; /* by udp */
	uint16_t *probes;          /* sources that are asked about any port */
	unsigned n_probes;
	uint16_t *all; /* in place of a list that would be too long; else NULL */
	unsigned n_sources;
};

static const struct opt_ports *ports_of(const struct frame_source *s, bool udp)
{
	static const struct opt_ports none;
	if (!(s->parser->transports & (udp ? PARSER_UDP : PARSER_TCP)))
		return &none;
	return udp ? &s->udp : &s->tcp;
}

/* Ports are in the range, and in none of those before it: a source stands once in a list. */
static bool is_new(const struct opt_ports *ports, size_t range, unsigned port)
{
	for (size_t i = 0; i < range; i++)
		if (port >= ports->items[i].lo && port <= ports->items[i].hi)
			return false;
	return true;
}

/* Adds source @i to its ports: counts it where there is no list yet. */
static void add(struct by_port *b, const struct opt_ports *ports, unsigned i)
{
	for (size_t k = 0; k < ports->n; k++)
		for (unsigned p = ports->items[k].lo; p <= ports->items[k].hi; p++) {
			if (!is_new(ports, k, p))
				continue;
			if (b->list)
				b->list[b->first[p]] = (uint16_t)i;
			b->first[p]++;
		}
}

static uint64_t count_pairs(const struct claim *c, bool udp)
{
	uint64_t n = 0;
	for (unsigned i = 0; i < c->n_sources; i++) {
		const struct opt_ports *ports = ports_of(&c->sources[i], udp);
		for (size_t k = 0; k < ports->n; k++)
			n += 1u + ports->items[k].hi - ports->items[k].lo;
	}
	return n;
}

/* Counts, sums up, and lays down: then first[p] is where port p's end, that is where p + 1 begins.
 */
static int list_ports(struct claim *c, bool udp)
{
	struct by_port *b = &c->by_port[udp];
	uint64_t n = count_pairs(c, udp);
	if (n > CLAIM_PAIRS_MAX)
		return 0;
	uint32_t *room = mem_alloc((PORTS + 1) * sizeof(*room));
	uint16_t *list = mem_alloc((n + 1) * sizeof(*list));
	b->first = room;
	if (!room || !list) {
		mem_free(list);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < c->n_sources; i++)
		add(b, ports_of(&c->sources[i], udp), i);
	uint32_t sum = 0;
	for (unsigned p = 0; p < PORTS; p++) {
		uint32_t of_it = room[p];
		room[p] = sum;
		sum += of_it;
	}
	b->list = list;
	for (unsigned i = 0; i < c->n_sources; i++)
		add(b, ports_of(&c->sources[i], udp), i);
	memmove(room + 1, room, PORTS * sizeof(*room));
	room[0] = 0;
	return 0;
}

struct claim *claim_create(const struct frame_source *sources, unsigned n_sources)
{
	struct claim *c = mem_alloc(sizeof(*c));
	if (!c)
		return NULL;
	c->sources = sources;
	c->n_sources = n_sources;
	c->probes = mem_alloc((n_sources + 1) * sizeof(*c->probes));
	c->all = mem_alloc((n_sources + 1) * sizeof(*c->all));
	if (!c->probes || !c->all || list_ports(c, false) < 0 || list_ports(c, true) < 0) {
		claim_destroy(c);
		return NULL;
	}
	for (unsigned i = 0; i < n_sources; i++) {
		c->all[i] = (uint16_t)i;
		if (sources[i].probe)
			c->probes[c->n_probes++] = (uint16_t)i;
	}
	return c;
}

void claim_destroy(struct claim *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < 2; i++) {
		mem_free(c->by_port[i].first);
		mem_free(c->by_port[i].list);
	}
	mem_free(c->probes);
	mem_free(c->all);
	mem_free(c);
}

static enum probe ask(const struct frame_source *s, const struct parse_in *in)
{
	return s->parser->probe(s->conf, in);
}

int claim_choose(const struct claim *c, bool udp, const struct parse_in *in, bool enough)
{
	const struct by_port *b = &c->by_port[udp];
	unsigned port = in->port[1];
	const uint16_t *at = b->list ? b->list + b->first[port] : c->all;
	const uint16_t *end = b->list ? b->list + b->first[port + 1] : c->all + c->n_sources;
	bool wait = false;
	for (; at < end; at++) {
		const struct frame_source *s = &c->sources[*at];
		if (!b->list && !opt_ports_have(ports_of(s, udp), in->port[1]))
			continue;
		enum probe p = ask(s, in);
		if (p == PROBE_YES || p == PROBE_MAYBE)
			return *at;
		if (p == PROBE_MORE && enough && s->port_decides)
			return *at;
		wait |= p == PROBE_MORE;
	}
	for (unsigned i = 0; i < c->n_probes; i++) {
		const struct frame_source *s = &c->sources[c->probes[i]];
		if (!(s->parser->transports & (udp ? PARSER_UDP : PARSER_TCP)))
			continue;
		enum probe p = ask(s, in);
		if (p == PROBE_YES)
			return c->probes[i];
		wait |= p == PROBE_MORE;
	}
	return wait && !enough ? CLAIM_WAIT : CLAIM_NOBODY;
}

/* ---- another table of sources beside it ---- */

bool claim_takes(const struct frame_source *s, bool udp, uint16_t port)
{
	bool speaks = s->parser->transports & (udp ? PARSER_UDP : PARSER_TCP);
	return speaks && (s->probe || opt_ports_have(udp ? &s->udp : &s->tcp, port));
}

/* The same sources, asked in the same way. */
static bool same_list(const struct claim *was, const uint16_t *a, size_t n_a,
		      const struct claim *is, const uint16_t *b, size_t n_b,
		      const uint16_t *next_of)
{
	bool same = n_a == n_b;
	for (size_t i = 0; same && i < n_a; i++)
		same = next_of[a[i]] == b[i] &&
		       was->sources[a[i]].port_decides == is->sources[b[i]].port_decides;
	return same;
}

static bool same_port(const struct claim *was, const struct claim *is, bool udp, unsigned p,
		      const uint16_t *next_of)
{
	const struct by_port *a = &was->by_port[udp], *b = &is->by_port[udp];
	if (!a->list || !b->list)
		return false;
	return same_list(was, a->list + a->first[p], a->first[p + 1] - a->first[p], is,
			 b->list + b->first[p], b->first[p + 1] - b->first[p], next_of);
}

bool claim_compare(const struct claim *was, const struct claim *is, const uint16_t *next_of,
		   struct claim_moves *ret_m)
{
	bool any = false, probes = same_list(was, was->probes, was->n_probes, is, is->probes,
					     is->n_probes, next_of);
	*ret_m = (struct claim_moves){0};
	for (unsigned udp = 0; udp < 2; udp++)
		for (unsigned p = 0; p < PORTS; p++) {
			if (probes && same_port(was, is, udp, p, next_of))
				continue;
			ret_m->ports[udp][p / 64] |= 1ull << p % 64;
			any = true;
		}
	return any;
}
