#include <emmintrin.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/base/bytes.h"
#include "dataplane/base/mem.h"
#include "dataplane/graph/op_parts.h"
#include "dataplane/graph/route_check.h"

#define ROUTE_COLS(X)                                          \
	X(IN, records_in, "records of the inputs")             \
	X(OUT, records_out, "records that went into a branch") \
	OP_ERROR_COLS(X)                                       \
	X(INFO, rest, "of these, for which no condition holds")
#define ROUTE_COL(kind, name, help) ROUTE_##name,
enum { ROUTE_COLS(ROUTE_COL) ROUTE_N_COLS };
LEDGER_DEFINE(route, "route", "records", ROUTE_COLS);

struct route_conf {
	struct opt_map branches;
	const char *rest;
};

static const struct opt route_opts[] = {
	{.name = "branches",
	 .type = OPT_MAP,
	 .off = offsetof(struct route_conf, branches),
	 .required = true,
	 .live = true,
	 .help = "Names and conditions (docs/expressions.md): a record goes into the first branch "
		 "whose condition holds. NODE.NAME is what others take from."},
	{.name = "rest",
	 .type = OPT_STRING,
	 .off = offsetof(struct route_conf, rest),
	 .def = "rest",
	 .live = true,
	 .help = "The name of the branch for all other records."},
	OPT_END,
};

/* Branches, then the rest. */
static const char *route_port(const void *conf, unsigned i)
{
	const struct route_conf *c = conf;
	if (i < c->branches.n)
		return c->branches.items[i].key;
	return i == c->branches.n ? c->rest : NULL;
}

/* What decides about a record: the first branch whose condition holds or ends in an error, and with
 * which (1 and more), so that the smallest is it.
 */
#define VERDICT(branch, error) ((uint16_t)((branch) << 3 | (error)))

static_assert(VEC_N_STATES - VEC_ERROR < 8, "an error in three bits");

/* Many branches ask one field for constants: `region = 'cn'`, `region IN ('us', 'ca')`. They are
 * one look at a table of the constants for each record, however many they are.
 */
struct choice {
	uint64_t word;     /* bytes_word */
	struct slice text; /* the set's */
	uint16_t verdict;  /* for the first branch that it stands in */
};

/* No two of the texts fall on one slot. */
struct choices {
	unsigned input; /* of the expressions */
	unsigned first; /* branch of them */
	bool *mine;     /* by branch: its condition is nothing else */
	struct choice *slots;
	uint64_t factor;
	unsigned shift; /* 0: there are none */
};

struct route_plan {
	struct op_plan base;
	struct op_exprs x;
	unsigned n_branches;
	unsigned *exprs; /* the condition of each */
	struct choices choices;
};

struct route {
	struct op_exprs_state x;
	uint16_t verdicts[BATCH_RECS_MAX];
	struct rec *out[BATCH_RECS_MAX];
};

static void route_destroy(struct op_plan *p)
{
	struct route_plan *r = (struct route_plan *)p;
	if (!r)
		return;
	op_exprs_fini(&r->x);
	mem_free(r->exprs);
	mem_free(r->choices.mine);
	mem_free(r->choices.slots);
	op_plan_free(p);
}

/* ---- choices ---- */

#define CHOICES_MIN 3 /* constants: fewer are compared as fast */

/* The input that most branches ask for constants, and how many constants these are. */
static unsigned find_input(const struct route_plan *r, unsigned *ret_input)
{
	unsigned best = 0, best_n_texts = 0, n_inputs, input = 0;
	expr_set_inputs(r->x.set, &n_inputs);
	for (unsigned i = 0; i < n_inputs; i++) {
		unsigned n = 0, n_texts = 0;
		for (unsigned k = 0; k < r->n_branches; k++) {
			unsigned one_of = expr_set_one_of(r->x.set, r->exprs[k], &input);
			n += one_of && input == i;
			n_texts += input == i ? one_of : 0;
		}
		if (n > best) {
			best = n;
			*ret_input = i;
			best_n_texts = n_texts;
		}
	}
	return best_n_texts;
}

static inline struct choice *slot_of(const struct choices *c, uint64_t word)
{
	return &c->slots[word * c->factor >> c->shift];
}

/* Later branches first, as the first of them counts. False: two texts fall on one slot. */
static bool lay_choices(const struct route_plan *r, struct choices *c)
{
	unsigned input = 0;
	for (size_t i = 0; i < (size_t)1 << (64 - c->shift); i++)
		c->slots[i] = (struct choice){.word = BYTES_NO_WORD};
	for (unsigned k = r->n_branches; k-- > 0;) {
		unsigned n = expr_set_one_of(r->x.set, r->exprs[k], &input);
		for (unsigned i = 0; input == c->input && i < n; i++) {
			struct slice text = expr_set_one_of_text(r->x.set, r->exprs[k], i);
			struct choice *at = slot_of(c, bytes_word(text));
			if (at->word != BYTES_NO_WORD && !bytes_same(at->text, text))
				return false;
			*at = (struct choice){bytes_word(text), text, VERDICT(k, 0)};
		}
	}
	return true;
}

#define CHOICES_TRIES    256
#define CHOICES_BITS_MAX 16

/* A factor that keeps the texts apart, with more and more slots. */
static bool place_choices(const struct route_plan *r, struct choices *c, unsigned n_texts)
{
	unsigned bits = 3;
	while (bits < CHOICES_BITS_MAX && 1u << bits < 2 * n_texts)
		bits++;
	for (; bits <= CHOICES_BITS_MAX; bits++) {
		mem_free(c->slots);
		c->slots = mem_alloc(sizeof(*c->slots) << bits);
		c->shift = 64 - bits;
		c->factor = 1;
		for (unsigned i = 0; c->slots && i < CHOICES_TRIES; i++) {
			c->factor = bytes_mix(c->factor + i) | 1;
			if (lay_choices(r, c))
				return true;
		}
	}
	c->shift = 0;
	return false;
}

static int add_choices(struct route_plan *r)
{
	struct choices *c = &r->choices;
	unsigned input, n_texts = find_input(r, &c->input);
	if (n_texts < CHOICES_MIN || !place_choices(r, c, n_texts))
		return 0;
	c->mine = mem_alloc(r->n_branches * sizeof(*c->mine));
	if (!c->mine)
		return -ENOMEM;
	for (unsigned k = r->n_branches; k-- > 0;) {
		c->mine[k] = expr_set_one_of(r->x.set, r->exprs[k], &input) && input == c->input;
		if (!c->mine[k])
			continue;
		c->first = k;
		expr_set_leave_out(r->x.set, r->exprs[k]);
	}
	return 0;
}

/* ---- building ---- */

static int add_branches(struct route_plan *r, const struct route_conf *c, const struct op_env *env,
			struct err *e)
{
	int rc = 0;
	for (unsigned i = 0; rc >= 0 && i < r->n_branches; i++) {
		char key[128];
		const struct opt_pair *b = &c->branches.items[i];
		snprintf(key, sizeof(key), "branches.%s", b->key);
		if (strcmp(b->key, c->rest) == 0) {
			rc = err_set(e, -EINVAL, "a branch has the name of the rest");
			return env->wrong(env->arg, key, 0, rc, e);
		}
		rc = op_exprs_add_condition(&r->x, env, key, b->value, e);
		r->exprs[i] = (unsigned)rc;
	}
	if (rc >= 0 && (rc = add_choices(r)) < 0)
		err_set(e, rc, "no memory for %s", env->name);
	return rc < 0 ? rc : op_exprs_finish(&r->x, e);
}

struct noter {
	const struct route_conf *c;
	const struct op_env *env;
};

static void note(void *arg, unsigned branch, const char *text)
{
	const struct noter *n = arg;
	char key[128];
	snprintf(key, sizeof(key), "branches.%s", n->c->branches.items[branch].key);
	n->env->note(n->env->arg, key, text);
}

/* What is known of the branches before a record is seen. */
static void note_branches(const struct route_plan *r, const struct route_conf *c,
			  const struct op_env *env)
{
	struct noter n = {c, env};
	const struct vec *v;
	for (unsigned i = 0; i < r->n_branches; i++) {
		if (!expr_set_constant(r->x.set, r->exprs[i], &v))
			continue;
		note(&n, i,
		     v->state[0] == VEC_VALUE && v->i[0]
			     ? "holds for every record: branches behind it and the rest get none"
			     : "can never hold: it is the same for every record");
	}
	route_check(&c->branches, note, &n);
}

static int route_build(const void *conf, const struct op_env *env, struct op_plan **ret_p,
		       struct err *e)
{
	const struct route_conf *c = conf;
	if (c->branches.n == 0 || c->branches.n >= OP_PORTS_MAX) {
		err_set(e, -EINVAL, "%zu branches; expected 1 to %d", c->branches.n,
			OP_PORTS_MAX - 1);
		return env->wrong(env->arg, "branches", 0, -EINVAL, e);
	}
	struct route_plan *r = mem_alloc(sizeof(*r));
	int rc = r ? 0 : -ENOMEM;
	if (rc == 0) {
		r->n_branches = (unsigned)c->branches.n;
		r->exprs = mem_alloc(r->n_branches * sizeof(*r->exprs));
		rc = r->exprs ? op_ports_init(&r->base, r->n_branches + 1) : -ENOMEM;
	}
	for (unsigned i = 0; rc == 0 && i <= r->n_branches; i++)
		rc = op_schema_copy(&r->base, i, env->in);
	if (rc < 0)
		err_set(e, rc, "no memory for %s", env->name);
	if (rc == 0 && (rc = op_exprs_init(&r->x, env, e)) == 0)
		rc = add_branches(r, c, env, e);
	if (rc == 0 && env->note)
		note_branches(r, c, env);
	if (rc < 0) {
		route_destroy(r ? &r->base : NULL);
		return rc;
	}
	*ret_p = &r->base;
	return 0;
}

static void route_discard(void *state)
{
	struct route *s = state;
	op_exprs_discard(&s->x);
	mem_free(s);
}

static int route_create(const struct op_plan *p, void **ret_state, struct err *e)
{
	struct route *s = mem_alloc(sizeof(*s));
	if (!s)
		return err_set(e, -ENOMEM, "no memory for a route");
	int rc = op_exprs_create(&((const struct route_plan *)p)->x, &s->x, e);
	if (rc < 0)
		route_discard(s);
	else
		*ret_state = s;
	return rc;
}

/* Returns whether one ended in an error. By itself, so that what it needs is in registers. */
static __attribute__((noinline)) bool judge_choices(const struct route_plan *r, struct route *s,
						    unsigned n)
{
	const struct choices c = r->choices;
	const struct vec *v = expr_run_input(s->x.run, c.input);
	const struct slice *restrict texts = v->s;
	uint16_t *restrict verdicts = s->verdicts;
	uint16_t rest = VERDICT(r->n_branches, 0);
	unsigned states = vec_states(v, n);
	for (unsigned i = 0; i < n; i++) {
		if (states != VEC_VALUE && v->state[i] != VEC_VALUE) {
			unsigned error = v->state[i] < VEC_ERROR ? 0 : 1 + v->state[i] - VEC_ERROR;
			verdicts[i] = error ? VERDICT(c.first, error) : rest;
			continue;
		}
		struct slice text = texts[i];
		uint64_t word = bytes_word(text);
		const struct choice *at = slot_of(&c, word);
		bool same = at->word == word && bytes_word_same(word, at->text, text);
		verdicts[i] = same ? at->verdict : rest;
	}
	return states >= VEC_ERROR;
}

/* Where no condition ended in an error: whether it holds is a number that can be reckoned with. */
static void judge_clean(const struct vec *v, struct route *s, unsigned branch, unsigned n)
{
	const uint8_t *restrict state = v->state;
	const int64_t *restrict holds = v->i;
	uint16_t *restrict verdicts = s->verdicts;
	uint16_t verdict = VERDICT(branch, 0);
	for (unsigned i = 0; i < n; i++) {
		/* 0 where it holds, else all bits */
		uint16_t not = (uint16_t)(((uint16_t)holds[i] & (state[i] == VEC_VALUE)) - 1);
		uint16_t mine = verdict | not ;
		verdicts[i] = mine < verdicts[i] ? mine : verdicts[i];
	}
}

static __attribute__((noinline)) bool judge_branch(const struct vec *v, struct route *s,
						   unsigned branch, unsigned n)
{
	unsigned states = vec_states(v, n);
	judge_clean(v, s, branch, n);
	for (unsigned i = 0; states >= VEC_ERROR && i < n; i++) {
		if (v->state[i] < VEC_ERROR)
			continue;
		uint16_t verdict = VERDICT(branch, 1 + v->state[i] - VEC_ERROR);
		s->verdicts[i] = verdict < s->verdicts[i] ? verdict : s->verdicts[i];
	}
	return states >= VEC_ERROR;
}

/* A condition that ends in an error before one holds leaves open which it would be: the record is
 * lost, by name. Returns whether a condition did.
 */
static bool judge(const struct route_plan *r, struct route *s, unsigned n)
{
	bool errors = false;
	if (r->choices.shift)
		errors = judge_choices(r, s, n);
	else
		for (unsigned i = 0; i < n; i++)
			s->verdicts[i] = VERDICT(r->n_branches, 0);
	for (unsigned k = 0; k < r->n_branches; k++)
		if (!r->choices.mine || !r->choices.mine[k])
			errors |= judge_branch(expr_run_result(s->x.run, r->exprs[k]), s, k, n);
	return errors;
}

/* The records of this verdict, 16 verdicts at a time. Returns how many. */
static unsigned take_verdict(const uint16_t *verdicts, uint16_t verdict, struct rec *const *recs,
			     unsigned n, struct rec **out)
{
	const __m128i mine = _mm_set1_epi16((int16_t)verdict);
	struct rec **to = out;
	for (unsigned i = 0; i < n; i += 16) {
		const __m128i *at = (const __m128i *)(verdicts + i);
		__m128i a = _mm_cmpeq_epi16(_mm_loadu_si128(at), mine);
		__m128i z = _mm_cmpeq_epi16(_mm_loadu_si128(at + 1), mine);
		unsigned bits = (unsigned)_mm_movemask_epi8(_mm_packs_epi16(a, z));
		for (; bits; bits &= bits - 1)
			*to++ = recs[i + (unsigned)__builtin_ctz(bits)];
	}
	return (unsigned)(to - out);
}

#define FEW_BRANCHES 8 /* for each of which a look at all verdicts costs less than to sort them */

/* Fills s->out branch by branch, and ends[k] with the end of branch k. */
static void sort_few(const struct route_plan *r, struct route *s, struct rec *const *recs,
		     unsigned n, unsigned *ends)
{
	unsigned n_out = 0;
	memset(s->verdicts + n, 0xff, (-n % 16) * sizeof(s->verdicts[0]));
	for (unsigned k = 0; k <= r->n_branches; k++) {
		n_out += take_verdict(s->verdicts, VERDICT(k, 0), recs, n, s->out + n_out);
		ends[k] = n_out;
	}
}

static void sort_many(const struct route_plan *r, struct route *s, struct rec *const *recs,
		      unsigned n, unsigned *ends)
{
	unsigned n_out = 0;
	memset(ends, 0, (r->n_branches + 1) * sizeof(*ends));
	for (unsigned i = 0; i < n; i++)
		if (!(s->verdicts[i] & 7))
			ends[s->verdicts[i] >> 3]++;
	for (unsigned k = 0; k <= r->n_branches; k++) {
		unsigned first = n_out;
		n_out += ends[k];
		ends[k] = first;
	}
	for (unsigned i = 0; i < n; i++)
		if (!(s->verdicts[i] & 7))
			s->out[ends[s->verdicts[i] >> 3]++] = recs[i];
}

static void route_run(const struct op_plan *p, void *state, struct op_run *x,
		      struct rec *const *recs, unsigned n)
{
	const struct route_plan *r = (const struct route_plan *)p;
	struct route *s = state;
	uint64_t *row = op_row(x);
	unsigned ends[OP_PORTS_MAX], rest = r->n_branches;
	op_exprs_run(&s->x, op_batch(x), recs, n);
	bool errors = judge(r, s, n);
	row[ROUTE_records_in] += n;
	for (unsigned i = 0; errors && i < n; i++) {
		unsigned error = s->verdicts[i] & 7;
		if (error)
			op_error(x, ROUTE_out_of_range, recs[i], (uint8_t)(VEC_ERROR + error - 1));
	}
	if (rest < FEW_BRANCHES)
		sort_few(r, s, recs, n, ends);
	else
		sort_many(r, s, recs, n, ends);
	row[ROUTE_rest] += ends[rest] - ends[rest - 1];
	row[ROUTE_records_out] += ends[rest];
	for (unsigned k = 0, first = 0; k <= rest; first = ends[k++])
		op_emit(x, k, s->out + first, ends[k] - first);
}

const struct op op_route = {
	.name = "route",
	.summary = "Each record into the first branch whose condition holds",
	.opts = route_opts,
	.conf_size = sizeof(struct route_conf),
	.ledger = &route_ledger,
	.port = route_port,
	.build = route_build,
	.destroy = route_destroy,
	.create = route_create,
	.discard = route_discard,
	.run = route_run,
};
