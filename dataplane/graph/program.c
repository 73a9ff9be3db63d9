#include "dataplane/graph/program.h"

#include "dataplane/base/mem.h"

#define PROGRAM_INDEX (2 * PROGRAM_STEPS_MAX)
#define STEPS_BYTES   (PROGRAM_STEPS_MAX * sizeof(struct step))
#define INDEX_BYTES   (PROGRAM_INDEX * sizeof(uint32_t))
#define SCRATCH_BYTES (4u << 20)

int program_init(struct program *p, const char *zone, struct err *e)
{
	memset(p, 0, sizeof(*p));
	p->steps = mem_map(STEPS_BYTES);
	p->index = mem_map(INDEX_BYTES);
	p->zones = zones_create();
	p->patterns = patterns_create();
	if (!p->steps || !p->index || !p->zones || !p->patterns ||
	    arena_init(&p->a, PROGRAM_BYTES) < 0 || arena_init(&p->scratch, SCRATCH_BYTES) < 0)
		return err_set(e, -ENOMEM, "out of memory for expressions");
	/* A program is small and read while it is built, and there is one for each node of a graph.
	 */
	mem_small_pages(p->steps, STEPS_BYTES);
	mem_small_pages(p->index, INDEX_BYTES);
	mem_small_pages(p->a.base, PROGRAM_BYTES);
	mem_small_pages(p->scratch.base, SCRATCH_BYTES);
	return zone ? zones_get(p->zones, slice_str(zone), &p->zone, e) : 0;
}

void program_fini(struct program *p)
{
	patterns_destroy(p->patterns);
	zones_destroy(p->zones);
	arena_fini(&p->scratch);
	arena_fini(&p->a);
	if (p->steps)
		mem_unmap(p->steps, STEPS_BYTES);
	if (p->index)
		mem_unmap(p->index, INDEX_BYTES);
}

void *program_take(struct program *p, size_t bytes)
{
	uint32_t off = arena_take8(&p->a, bytes + 8);
	if (!off)
		return NULL;
	/* Numerics want 16 bytes. */
	uint8_t *at = p->a.base + ((off + 15) & ~15u);
	return memset(at, 0, bytes);
}

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15ull;
	return h ^ h >> 32;
}

static uint64_t hash_bytes(uint64_t h, const void *bytes, size_t len)
{
	const uint8_t *b = bytes;
	for (size_t i = 0; i < len; i++)
		h = mix(h, b[i]);
	return h;
}

static bool same_cell(enum cell_kind kind, const union cell *a, const union cell *b)
{
	switch (kind) {
	case CELL_I:
		return a->i == b->i;
	case CELL_F: /* by bits: -0 is another constant than 0 */
		return memcmp(&a->f, &b->f, sizeof(a->f)) == 0;
	case CELL_S:
		return slice_eq(a->s, b->s);
	case CELL_N:
		return a->n.coef == b->n.coef && a->n.scale == b->n.scale;
	default:
		return a->v.months == b->v.months && a->v.days == b->v.days && a->v.ns == b->v.ns;
	}
}

static uint64_t hash_cell(enum cell_kind kind, const union cell *v)
{
	switch (kind) {
	case CELL_S:
		return hash_bytes(1, v->s.ptr, v->s.len);
	case CELL_N:
		return mix((uint64_t)v->n.coef, (uint64_t)v->n.scale);
	case CELL_V:
		return mix(mix((uint64_t)v->v.ns, (uint64_t)v->v.days), (uint64_t)v->v.months);
	default:
		return mix(2, (uint64_t)v->i);
	}
}

static bool same_step(const struct step *a, const struct step *b)
{
	if (a->hash != b->hash || a->fn != b->fn || a->type != b->type || a->n_args != b->n_args ||
	    a->column != b->column || !a->constant != !b->constant)
		return false;
	if (a->constant) {
		union cell x, y;
		if (a->constant->state[0] != b->constant->state[0])
			return false;
		if (a->constant->state[0] != VEC_VALUE)
			return true;
		cell_load(a->constant, 0, &x);
		cell_load(b->constant, 0, &y);
		return same_cell(cell_kind_of((enum sql_type)a->type), &x, &y);
	}
	return a->n_args == 0 || memcmp(a->args, b->args, a->n_args * sizeof(uint32_t)) == 0;
}

/* The number of a step like @s, or the place in the index for it. */
static bool look_up(const struct program *p, const struct step *s, uint32_t *ret_step,
		    uint32_t *ret_at)
{
	uint32_t at = (uint32_t)(s->hash % PROGRAM_INDEX);
	for (; p->index[at]; at = (at + 1) % PROGRAM_INDEX)
		if (same_step(&p->steps[p->index[at] - 1], s)) {
			*ret_step = p->index[at] - 1;
			return true;
		}
	*ret_at = at;
	return false;
}

static int add_step(struct program *p, const struct step *s, uint32_t at, uint32_t *ret_step)
{
	if (p->n_steps == PROGRAM_STEPS_MAX)
		return -ENOSPC;
	p->steps[p->n_steps] = *s;
	*ret_step = p->n_steps;
	p->index[at] = ++p->n_steps;
	return 0;
}

int program_column(struct program *p, enum sql_type t, uint32_t column, uint32_t *ret_step)
{
	struct step s = {.type = (uint8_t)t, .column = column, .hash = mix(3, column)};
	uint32_t at;
	return look_up(p, &s, ret_step, &at) ? 0 : add_step(p, &s, at, ret_step);
}

/* A vector of one row. */
static struct vec *one_row(struct program *p, enum sql_type t)
{
	struct vec *v = program_take(p, sizeof(*v));
	uint8_t *state = program_take(p, 1);
	void *cells = program_take(p, sizeof(union cell));
	if (!v || !state || !cells)
		return NULL;
	*v = (struct vec){.type = t, .state = state, .i = cells};
	return v;
}

int program_constant(struct program *p, enum sql_type t, uint8_t state, const union cell *v,
		     uint32_t *ret_step)
{
	union cell x = *v;
	enum cell_kind kind = cell_kind_of(t);
	if (state == VEC_VALUE && kind == CELL_S) {
		uint8_t *copy = program_take(p, x.s.len + SL_PAD);
		if (!copy)
			return -ENOSPC;
		if (x.s.len)
			memcpy(copy, x.s.ptr, x.s.len);
		x.s.ptr = copy;
	}
	struct vec *one = one_row(p, t);
	if (!one)
		return -ENOSPC;
	one->state[0] = state;
	uint64_t h = mix(4, (uint64_t)t << 8 | state);
	if (state == VEC_VALUE) {
		cell_store(one, 0, &x);
		h = mix(h, hash_cell(kind, &x));
	}
	struct step s = {.type = (uint8_t)t, .constant = one, .hash = h};
	uint32_t at;
	return look_up(p, &s, ret_step, &at) ? 0 : add_step(p, &s, at, ret_step);
}

static bool all_constant(const struct program *p, const uint32_t *args, uint32_t n_args)
{
	for (uint32_t i = 0; i < n_args; i++)
		if (!p->steps[args[i]].constant)
			return false;
	return true;
}

/* Runs @s, whose arguments are constants, and makes a constant of it. A result that has no room
 * stays a call.
 */
static int fold(struct program *p, const struct step *s, uint32_t *ret_step)
{
	struct vec *in[FN_CALL_ARGS_MAX], out = {.type = (enum sql_type)s->type};
	uint8_t state = VEC_VALUE;
	union cell cell;
	memset(&cell, 0, sizeof(cell));
	for (uint32_t i = 0; i < s->n_args; i++)
		in[i] = p->steps[s->args[i]].constant;
	out.state = &state;
	out.i = (int64_t *)&cell;
	struct call c = {.fn = s->fn,
			 .aux = s->aux,
			 .out = &out,
			 .in = in,
			 .n_in = s->n_args,
			 .a = &p->scratch,
			 .zone = p->zone};
	arena_reset(&p->scratch);
	fn_run(&c, 1);
	if (state == VEC_NO_ROOM)
		return -ENOSPC;
	return program_constant(p, out.type, state, &cell, ret_step);
}

static int prepare(struct program *p, struct step *s, struct err *e)
{
	const struct vec **constants = program_take(p, (s->n_args + 1) * sizeof(*constants));
	if (!constants)
		return err_set(e, -ENOSPC, "the expressions are too large");
	for (uint32_t i = 0; i < s->n_args; i++)
		constants[i] = p->steps[s->args[i]].constant;
	struct fn_prep prep = {.fn = s->fn,
			       .constants = constants,
			       .n_args = s->n_args,
			       .subject = s->n_args ? s->args[0] : 0,
			       .a = &p->a,
			       .zones = p->zones,
			       .patterns = p->patterns,
			       .e = e};
	return s->fn->prepare(&prep, &s->aux);
}

int program_call(struct program *p, const struct fn *fn, enum sql_type t, const uint32_t *args,
		 uint32_t n_args, uint32_t *ret_step, struct err *e)
{
	struct step s = {.fn = fn, .type = (uint8_t)t, .n_args = n_args};
	s.hash = mix(mix(5, (uintptr_t)fn), t);
	for (uint32_t i = 0; i < n_args; i++)
		s.hash = mix(s.hash, args[i]);
	s.args = args;
	uint32_t at;
	if (look_up(p, &s, ret_step, &at))
		return 0;
	uint32_t *kept = program_take(p, n_args * sizeof(*kept));
	if (!kept)
		return err_set(e, -ENOSPC, "the expressions are too large");
	if (n_args)
		memcpy(kept, args, n_args * sizeof(*kept));
	s.args = kept;
	int ret = fn->prepare ? prepare(p, &s, e) : 0;
	if (ret < 0)
		return ret;
	if (!(fn->flags & FN_NO_FOLD) && n_args <= FN_CALL_ARGS_MAX &&
	    all_constant(p, args, n_args) && fold(p, &s, ret_step) == 0)
		return 0;
	/* Folding may have added a step where this one was to go. */
	if (look_up(p, &s, ret_step, &at))
		return 0;
	ret = add_step(p, &s, at, ret_step);
	return ret < 0 ? err_set(e, ret, "more than %d steps", PROGRAM_STEPS_MAX) : 0;
}
