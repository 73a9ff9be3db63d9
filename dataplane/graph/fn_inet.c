#include "dataplane/base/text.h"
#include "dataplane/graph/fn.h"
#include "dataplane/graph/inet.h"

enum within { WITHIN, WITHIN_OR_EQUAL, AROUND, AROUND_OR_EQUAL, OVERLAPS };

/* A constant network is read once. */
static int prepare_network(struct fn_prep *p, const void **ret_aux)
{
	const struct vec *v = p->constants[1];
	struct inet in;
	if (!v || v->state[0] != VEC_VALUE || !inet_parse(v->s[0], &in))
		return 0;
	uint32_t at = arena_take8(p->a, sizeof(in));
	if (!at)
		return err_set(p->e, -ENOSPC, "the expressions are too large");
	*ret_aux = memcpy(p->a->base + at, &in, sizeof(in));
	return 0;
}

static uint8_t within(struct call *c, const union cell *in, union cell *ret)
{
	struct inet a, b;
	const struct inet *net = c->aux;
	if (!inet_parse(in[0].s, &a) || (!net && !inet_parse(in[1].s, &b)))
		return VEC_BAD_INPUT;
	net = net ? net : &b;
	switch (c->fn->param) {
	case WITHIN:
	case WITHIN_OR_EQUAL:
		ret->i = inet_within(&a, net, c->fn->param == WITHIN_OR_EQUAL);
		break;
	case AROUND:
	case AROUND_OR_EQUAL:
		ret->i = inet_within(net, &a, c->fn->param == AROUND_OR_EQUAL);
		break;
	default:
		ret->i = inet_within(&a, net, true) || inet_within(net, &a, true);
	}
	return VEC_VALUE;
}

static uint8_t host(struct call *c, const union cell *in, union cell *ret)
{
	char text[INET_TEXT_MAX];
	struct inet a;
	if (!inet_parse(in[0].s, &a))
		return VEC_BAD_INPUT;
	return call_text(c, ret, text, inet_put_host(text, &a));
}

/* masklen and family. */
static uint8_t number(struct call *c, const union cell *in, union cell *ret)
{
	struct inet a;
	if (!inet_parse(in[0].s, &a))
		return VEC_BAD_INPUT;
	ret->i = c->fn->param ? a.family : a.bits;
	return VEC_VALUE;
}

/* @ones: of the host's bits (broadcast), else they are zero (network). */
static void set_host_bits(struct inet *a, bool ones)
{
	for (unsigned bit = a->bits; bit < (a->family == 4 ? 32u : 128u); bit++) {
		uint8_t mask = (uint8_t)(0x80 >> bit % 8);
		if (ones)
			a->addr[bit / 8] |= mask;
		else
			a->addr[bit / 8] &= (uint8_t)~mask;
	}
}

enum { NETWORK, BROADCAST, NETMASK };

static uint8_t network(struct call *c, const union cell *in, union cell *ret)
{
	char text[INET_TEXT_MAX];
	struct inet a;
	if (!inet_parse(in[0].s, &a))
		return VEC_BAD_INPUT;
	if (c->fn->param == NETMASK) {
		memset(a.addr, 0xff, sizeof(a.addr));
		set_host_bits(&a, false);
		a.bits = a.family == 4 ? 32 : 128;
	} else {
		set_host_bits(&a, c->fn->param == BROADCAST);
	}
	/* PostgreSQL's network() is of type cidr, which is printed with its mask. */
	return call_text(c, ret, text, inet_put(text, &a, c->fn->param == NETWORK));
}

static uint8_t set_masklen(struct call *c, const union cell *in, union cell *ret)
{
	char text[INET_TEXT_MAX];
	struct inet a;
	int64_t bits = in[1].i;
	if (!inet_parse(in[0].s, &a))
		return VEC_BAD_INPUT;
	if (bits == -1)
		bits = a.family == 4 ? 32 : 128;
	if (bits < 0 || bits > (a.family == 4 ? 32 : 128))
		return VEC_BAD_INPUT;
	a.bits = (uint8_t)bits;
	return call_text(c, ret, text, inet_put(text, &a, false));
}

#define WITHIN_FN(name, how)                                                          \
	{                                                                             \
		name, SQL_BOOL, 2, {SQL_INET, SQL_INET}, .param = how, .row = within, \
							 .prepare = prepare_network   \
	}

static const struct fn fns[] = {
	WITHIN_FN("<<", WITHIN),
	WITHIN_FN("<<=", WITHIN_OR_EQUAL),
	WITHIN_FN(">>", AROUND),
	WITHIN_FN(">>=", AROUND_OR_EQUAL),
	WITHIN_FN("&&", OVERLAPS),
	{"host", SQL_TEXT, 1, {SQL_INET}, .row = host},
	{"masklen", SQL_INT4, 1, {SQL_INET}, .param = 0, .row = number},
	{"family", SQL_INT4, 1, {SQL_INET}, .param = 1, .row = number},
	{"network", SQL_INET, 1, {SQL_INET}, .param = NETWORK, .row = network},
	{"broadcast", SQL_INET, 1, {SQL_INET}, .param = BROADCAST, .row = network},
	{"netmask", SQL_INET, 1, {SQL_INET}, .param = NETMASK, .row = network},
	{"set_masklen", SQL_INET, 2, {SQL_INET, SQL_INT4}, .row = set_masklen},
};

const struct fn_table fns_inet = FN_TABLE(fns);
