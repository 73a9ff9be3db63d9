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

/* The worst of the arguments' states, as an error is worse than a NULL: a function is evaluated
 * after all of its arguments.
 */
static uint8_t worst_state(const struct call *c, unsigned i, unsigned n_in)
{
	uint8_t state = VEC_VALUE;
	for (unsigned k = 0; k < n_in; k++)
		if (c->in[k]->state[i] > state)
			state = c->in[k]->state[i];
	return state;
}

void fn_run_rows(struct call *c, unsigned n)
{
	union cell in[FN_CALL_ARGS_MAX], out;
	uint8_t states[FN_CALL_ARGS_MAX];
	unsigned n_in = c->fn->n_run ? c->fn->n_run : c->n_in;
	bool nulls = c->fn->flags & FN_NULLS;
	c->states = states; /* for the row function alone */
	for (unsigned i = 0; i < n; i++) {
		uint8_t state = worst_state(c, i, n_in);
		if (state >= VEC_ERROR || (state == VEC_NULL && !nulls)) {
			c->out->state[i] = state;
			continue;
		}
		for (unsigned k = 0; k < n_in; k++) {
			states[k] = c->in[k]->state[i];
			if (states[k] == VEC_VALUE)
				cell_load(c->in[k], i, &in[k]);
		}
		state = c->fn->row(c, in, &out);
		c->out->state[i] = state;
		if (state == VEC_VALUE)
			cell_store(c->out, i, &out);
	}
	c->states = NULL;
}
