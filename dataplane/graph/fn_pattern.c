/* LIKE, ILIKE and the regular expressions of ~. */
#include "dataplane/base/bytes.h"
#include "dataplane/base/text.h"
#include "dataplane/graph/fn.h"
#include "dataplane/graph/pattern.h"
#include "dataplane/graph/utf8.h"

/* ---- LIKE ---- */

enum like_shape { LIKE_EXACT, LIKE_PREFIX, LIKE_SUFFIX, LIKE_INSIDE, LIKE_ANY };

/* A constant pattern: most are one literal with a % before or behind it. */
struct like {
	enum like_shape shape;
	struct slice literal;
};

#define NO_ESCAPE 0x100

static int escape_of(const struct call *c, const union cell *in)
{
	if (c->n_in < 3)
		return '\\';
	return in[2].s.len ? in[2].s.ptr[0] : NO_ESCAPE;
}

static bool same_byte(uint8_t a, uint8_t b, bool ignore_case)
{
	return a == b || (ignore_case && text_lower(a) == text_lower(b));
}

/* Goes back to the last % alone: what an earlier one could take as well, the later one can. */
static uint8_t like_match(struct slice s, struct slice p, int escape, bool ignore_case,
			  int64_t *ret_yes)
{
	size_t i = 0, k = 0, star = SIZE_MAX, star_i = 0;
	*ret_yes = 0;
	while (i < s.len || k < p.len) {
		if (k < p.len && p.ptr[k] == '%' && escape != '%') {
			star = ++k;
			star_i = i;
			continue;
		}
		if (k < p.len && i < s.len) {
			bool escaped = p.ptr[k] == escape;
			if (escaped && k + 1 == p.len)
				return VEC_BAD_INPUT;
			if (!escaped && p.ptr[k] == '_') {
				i += utf8_len(s.ptr[i]);
				k++;
				continue;
			}
			if (same_byte(s.ptr[i], p.ptr[k + escaped], ignore_case)) {
				i++;
				k += 1u + escaped;
				continue;
			}
		}
		if (star == SIZE_MAX || star_i >= s.len)
			return VEC_VALUE;
		star_i += utf8_len(s.ptr[star_i]);
		i = star_i;
		k = star;
	}
	*ret_yes = 1;
	return VEC_VALUE;
}

static uint8_t like(struct call *c, const union cell *in, union cell *ret)
{
	if (c->n_in > 2 && in[2].s.len > 1)
		return VEC_BAD_INPUT;
	return like_match(in[0].s, in[1].s, escape_of(c, in), c->fn->param, &ret->i);
}

static bool like_shape_holds(const struct like *l, struct slice s)
{
	size_t len = l->literal.len;
	if (s.len < len)
		return false;
	switch (l->shape) {
	case LIKE_EXACT:
		return bytes_same(s, l->literal);
	case LIKE_PREFIX:
		return bytes_same(slice_of(s.ptr, len), l->literal);
	case LIKE_SUFFIX:
		return bytes_same(slice_of(s.ptr + s.len - len, len), l->literal);
	default:
		return len == 0 || memmem(s.ptr, s.len, l->literal.ptr, len);
	}
}

static void run_like(struct call *c, unsigned n)
{
	const struct like *l = c->aux;
	const struct vec *v = c->in[0];
	if (!l || l->shape == LIKE_ANY) {
		fn_run_rows(c, n);
		return;
	}
	fn_join_states(c, n);
	for (unsigned i = 0; i < n; i++)
		if (c->out->state[i] == VEC_VALUE)
			c->out->i[i] = like_shape_holds(l, v->s[i]);
}

/* Finds the shape of a constant pattern; one that ends in its escape is refused. */
static int prepare_like(struct fn_prep *p, const void **ret_aux)
{
	const struct vec *v = p->constants[1];
	if (!v || v->state[0] != VEC_VALUE)
		return 0;
	struct slice s = v->s[0];
	uint32_t at = arena_take8(p->a, sizeof(struct like)),
		 text = arena_take(p->a, s.len + SL_PAD);
	if (!at || !text)
		return err_set(p->e, -ENOSPC, "the expressions are too large");
	struct like *l = (struct like *)(p->a->base + at);
	uint8_t *o = p->a->base + text;
	size_t len = 0, i = 0;
	bool front = s.len && s.ptr[0] == '%', behind = false,
	     other = p->fn->param || p->n_args > 2;
	for (i = front; i < s.len && !other; i++) {
		if (s.ptr[i] == '\\') {
			if (++i == s.len)
				return err_set(p->e, -EINVAL,
					       "the pattern must not end in its escape");
			o[len++] = s.ptr[i];
		} else if (s.ptr[i] == '%' && i + 1 == s.len) {
			behind = true;
		} else if (s.ptr[i] == '%' || s.ptr[i] == '_') {
			other = true;
		} else {
			o[len++] = s.ptr[i];
		}
	}
	memset(o + len, 0, SL_PAD);
	l->literal = slice_of(o, len);
	l->shape = other             ? LIKE_ANY
		   : front && behind ? LIKE_INSIDE
		   : front           ? LIKE_SUFFIX
		   : behind          ? LIKE_PREFIX
				     : LIKE_EXACT;
	*ret_aux = l;
	return 0;
}

/* ---- regular expressions ---- */

enum { REGEX_IGNORE_CASE = 1, REGEX_NOT = 2 };

/* The third argument of regexp_like: letters, of which the last about case counts. */
static int read_flags(struct fn_prep *p, bool *ret_ignore_case)
{
	const struct vec *v = p->constants[2];
	for (size_t i = 0; v->state[0] == VEC_VALUE && i < v->s[0].len; i++) {
		if (v->s[0].ptr[i] != 'i' && v->s[0].ptr[i] != 'c')
			return err_set(p->e, -EINVAL,
				       "of the flags of %s only i and c are supported",
				       p->fn->name);
		*ret_ignore_case = v->s[0].ptr[i] == 'i';
	}
	return 0;
}

static int prepare_regex(struct fn_prep *p, const void **ret_aux)
{
	const struct vec *v = p->constants[1];
	bool ignore_case = p->fn->param & REGEX_IGNORE_CASE;
	if (!v || (p->n_args > 2 && !p->constants[2]))
		return err_set(p->e, -EINVAL, "the pattern of %s must be a constant", p->fn->name);
	if (v->state[0] != VEC_VALUE || (p->n_args > 2 && p->constants[2]->state[0] != VEC_VALUE))
		return 0;
	if (p->n_args > 2 && read_flags(p, &ignore_case) < 0)
		return -EINVAL;
	uint32_t at = arena_take8(p->a, sizeof(struct pattern_ref));
	if (!at)
		return err_set(p->e, -ENOSPC, "the expressions are too large");
	struct pattern_ref *ref = (struct pattern_ref *)(p->a->base + at);
	*ret_aux = ref;
	return patterns_add(p->patterns, p->subject, v->s[0], ignore_case, ref, p->e);
}

static void run_regex(struct call *c, unsigned n)
{
	const struct pattern_ref *ref = c->aux;
	const struct vec *v = c->in[0];
	if (!ref) { /* the pattern is NULL */
		for (unsigned i = 0; i < n; i++)
			c->out->state[i] = v->state[i] >= VEC_ERROR ? v->state[i] : VEC_NULL;
		return;
	}
	const uint8_t *hits = patterns_scan(c->patterns, *ref, v, n);
	bool not = c->fn->param & REGEX_NOT;
	memcpy(c->out->state, v->state, n);
	for (unsigned i = 0; i < n; i++)
		c->out->i[i] = hits[i] ^ not ;
}

static int refuse_substring(struct fn_prep *p, const void **ret_aux)
{
	return err_set(p->e, -EINVAL,
		       "substring by a pattern is not supported; split_part takes a part of a "
		       "text, a format "
		       "with a grok pattern many, and ~ says whether there is a match");
}

#define LIKE(name, ignore_case)                                                          \
	{name,                                                                           \
	 SQL_BOOL,                                                                       \
	 2,                                                                              \
	 {SQL_TEXT, SQL_TEXT},                                                           \
	 .param = ignore_case,                                                           \
	 .row = like,                                                                    \
	 .vec = run_like,                                                                \
	 .prepare = prepare_like},                                                       \
	{                                                                                \
		name, SQL_BOOL, 3, {SQL_TEXT, SQL_TEXT, SQL_TEXT}, .param = ignore_case, \
								   .row = like           \
	}
#define REGEX(name, how)                                                                     \
	{                                                                                    \
		name, SQL_BOOL, 2, {SQL_TEXT, SQL_TEXT}, FN_NO_FOLD,                         \
			.n_run = 1, .param = how, .vec = run_regex, .prepare = prepare_regex \
	}

static const struct fn fns[] = {
	LIKE("~~", 0),
	LIKE("~~*", 1),
	REGEX("~", 0),
	REGEX("~*", REGEX_IGNORE_CASE),
	REGEX("!~", REGEX_NOT),
	REGEX("!~*", REGEX_NOT | REGEX_IGNORE_CASE),
	REGEX("regexp_like", 0),
	{"regexp_like",
	 SQL_BOOL,
	 3,
	 {SQL_TEXT, SQL_TEXT, SQL_TEXT},
	 FN_NO_FOLD,
	 .n_run = 1,
	 .vec = run_regex,
	 .prepare = prepare_regex},
	{"substring", SQL_TEXT, 2, {SQL_TEXT, SQL_TEXT}, FN_HIDDEN, .prepare = refuse_substring},
	{"substring",
	 SQL_TEXT,
	 3,
	 {SQL_TEXT, SQL_TEXT, SQL_TEXT},
	 FN_HIDDEN,
	 .prepare = refuse_substring},
};

const struct fn_table fns_pattern = FN_TABLE(fns);
