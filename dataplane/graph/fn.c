#include "dataplane/graph/fn.h"

enum cell_kind cell_kind_of(enum sql_type t)
{
	switch (t) {
	case SQL_FLOAT4:
	case SQL_FLOAT8:
		return CELL_F;
	case SQL_NUMERIC:
		return CELL_N;
	case SQL_TEXT:
	case SQL_BYTEA:
	case SQL_JSON:
	case SQL_INET:
		return CELL_S;
	case SQL_INTERVAL:
		return CELL_V;
	default:
		return CELL_I;
	}
}

void cell_load(const struct vec *v, unsigned i, union cell *ret)
{
	switch (cell_kind_of(v->type)) {
	case CELL_I:
		ret->i = v->i[i];
		break;
	case CELL_F:
		ret->f = v->f[i];
		break;
	case CELL_S:
		ret->s = v->s[i];
		break;
	case CELL_N:
		ret->n = v->n[i];
		break;
	case CELL_V:
		ret->v = v->v[i];
		break;
	}
}

void cell_store(struct vec *v, unsigned i, const union cell *in)
{
	switch (cell_kind_of(v->type)) {
	case CELL_I:
		v->i[i] = in->i;
		break;
	case CELL_F:
		v->f[i] = in->f;
		break;
	case CELL_S:
		v->s[i] = in->s;
		break;
	case CELL_N:
		v->n[i] = in->n;
		break;
	case CELL_V:
		v->v[i] = in->v;
		break;
	}
}

/* An argument of a call: what is the same in all rows is loaded once. */
struct arg {
	const struct vec *v;
	enum cell_kind kind;
	bool constant;
};

static inline void load(const struct arg *a, unsigned i, union cell *ret)
{
	switch (a->kind) {
	case CELL_I:
		ret->i = a->v->i[i];
		break;
	case CELL_F:
		ret->f = a->v->f[i];
		break;
	case CELL_S:
		ret->s = a->v->s[i];
		break;
	default:
		cell_load(a->v, i, ret);
	}
}

/* The worst of the arguments' states, as an error is worse than a NULL: a function is evaluated
 * after all of its arguments.
 */
static inline uint8_t worst_state(const struct arg *args, unsigned n_args, unsigned i,
				  uint8_t *states)
{
	uint8_t worst = VEC_VALUE;
	for (unsigned k = 0; k < n_args; k++) {
		states[k] = args[k].v->state[i];
		worst = states[k] > worst ? states[k] : worst;
	}
	return worst;
}

void fn_run_rows(struct call *c, unsigned n)
{
	union cell in[FN_CALL_ARGS_MAX], out;
	uint8_t states[FN_CALL_ARGS_MAX];
	struct arg args[FN_CALL_ARGS_MAX];
	unsigned n_in = c->fn->n_run && c->fn->n_run < c->n_in ? c->fn->n_run : c->n_in;
	bool nulls = c->fn->flags & FN_NULLS;
	for (unsigned k = 0; k < n_in; k++) {
		args[k] = (struct arg){.v = c->in[k],
				       .kind = cell_kind_of(c->in[k]->type),
				       .constant = k < 32 && c->constants >> k & 1};
		if (args[k].constant && n > 0)
			load(&args[k], 0, &in[k]);
	}
	c->states = states; /* for the row function alone */
	for (unsigned i = 0; i < n; i++) {
		uint8_t state = worst_state(args, n_in, i, states);
		if (state >= VEC_ERROR || (state == VEC_NULL && !nulls)) {
			c->out->state[i] = state;
			continue;
		}
		for (unsigned k = 0; k < n_in; k++)
			if (!args[k].constant)
				load(&args[k], i, &in[k]);
		state = c->fn->row(c, in, &out);
		c->out->state[i] = state;
		if (state == VEC_VALUE)
			cell_store(c->out, i, &out);
	}
	c->states = NULL;
}
