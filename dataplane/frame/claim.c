#include "dataplane/frame/claim.h"

static enum probe ask(const struct frame_source *s, const struct parse_in *in)
{
	return s->parser->probe(s->conf, in);
}

int claim_choose(const struct frame_source *sources, unsigned n_sources, bool udp,
		 const struct parse_in *in, bool enough)
{
	unsigned transport = udp ? PARSER_UDP : PARSER_TCP;
	bool wait = false;
	for (unsigned i = 0; i < n_sources; i++) {
		const struct frame_source *s = &sources[i];
		if (!(s->parser->transports & transport) ||
		    !opt_ports_have(udp ? &s->udp : &s->tcp, in->port[1]))
			continue;
		enum probe p = ask(s, in);
		if (p == PROBE_YES || p == PROBE_MAYBE)
			return (int)i;
		if (p == PROBE_MORE && enough && s->port_decides)
			return (int)i;
		wait |= p == PROBE_MORE;
	}
	for (unsigned i = 0; i < n_sources; i++) {
		const struct frame_source *s = &sources[i];
		if (!s->probe || !(s->parser->transports & transport))
			continue;
		enum probe p = ask(s, in);
		if (p == PROBE_YES)
			return (int)i;
		wait |= p == PROBE_MORE;
	}
	return wait && !enough ? CLAIM_WAIT : CLAIM_NOBODY;
}
