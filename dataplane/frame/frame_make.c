/* What a frame stage is made of, and what it tells of itself. */
#include <stdio.h>

#include "dataplane/base/mem.h"
#include "dataplane/frame/frame_priv.h"

/* Beside decoded bodies: the state of a decompressor. */
#define SCRATCH_EXTRA (1u << 20)

LEDGER_DEFINE(frame, "frame", "bytes", FRAME_COLS);

const struct opt frame_opts[] = {
	{.name = "bytes_max",
	 .type = OPT_BYTES,
	 .off = offsetof(struct frame_conf, bytes_max),
	 .min = 1024,
	 .max = 64 << 20,
	 .def = "1MiB",
	 .help = "The longest frame: a longer line, message or body is the drop too_long."},
	{.name = "carry_bytes_max",
	 .type = OPT_BYTES,
	 .off = offsetof(struct frame_conf, carry_bytes_max),
	 .min = 1 << 20,
	 .max = 1ll << 40,
	 .def = "256MiB",
	 .help = "Unread bytes of all sessions of one worker: halves of frames, requests that wait "
		 "for their answers."},
	{.name = "probe_bytes_max",
	 .type = OPT_INT,
	 .off = offsetof(struct frame_conf, probe_bytes_max),
	 .min = 16,
	 .max = 65536,
	 .def = "1024",
	 .help = "Bytes looked at before a session that fits no parser is left alone."},
	OPT_END,
};

static size_t state_size_max(const struct frame_source *sources, unsigned n)
{
	size_t max = 0;
	for (unsigned i = 0; i < n; i++)
		if (sources[i].parser->state_size > max)
			max = sources[i].parser->state_size;
	return max;
}

size_t frame_limit_max(const struct frame_conf *conf, const struct frame_source *sources,
		       unsigned n_sources)
{
	size_t max = conf->bytes_max;
	for (unsigned i = 0; i < n_sources; i++)
		if (frame_limit(conf, sources[i].parser) > max)
			max = frame_limit(conf, sources[i].parser);
	return max;
}

/* ---- tables of sources ---- */

static void slot_put(struct frame_slot *s)
{
	if (!s || --s->n_tables > 0)
		return;
	if (s->pool)
		s->parser->pool_destroy(s->pool);
	mem_free(s->memo);
	mem_free(s);
}

static int slot_create(const struct frame_source *source, struct frame_slot **ret_s, struct err *e)
{
	struct frame_slot *s = mem_alloc(sizeof(*s));
	if (!s)
		return err_set(e, -ENOMEM, "no memory for the frame stage");
	s->n_tables = 1;
	s->source = source;
	s->parser = source ? source->parser : NULL;
	int r = s->parser && s->parser->pool_create
			? s->parser->pool_create(source->conf, source->keep, &s->pool, e)
			: 0;
	if (r == 0 && s->parser && s->parser->memo_size) {
		s->memo = mem_alloc(s->parser->memo_size);
		if (!s->memo)
			r = err_set(e, -ENOMEM, "no memory");
	}
	if (r < 0) {
		slot_put(s);
		return err_prefix(e, r, "source %s: ", source->name);
	}
	*ret_s = s;
	return 0;
}

/* Which slots of @before go on, and where. */
static int table_join(struct frame_table *t, const struct frame_table *before, struct err *e)
{
	t->next_of = mem_alloc((before->n_sources + 1) * sizeof(*t->next_of));
	t->moved = mem_alloc(sizeof(*t->moved));
	if (!t->next_of || !t->moved)
		return err_set(e, -ENOMEM, "no memory for the frame stage");
	for (unsigned i = 0; i < before->n_sources; i++)
		t->next_of[i] = CLAIM_GONE;
	for (unsigned i = 0; i < t->n_sources; i++) {
		uint32_t was = t->sources[i].goes_on;
		if (!was)
			continue;
		t->next_of[was - 1] = (uint16_t)i;
		t->slots[i] = before->slots[was - 1];
		t->slots[i]->n_tables++;
	}
	t->slots[t->n_sources] = before->slots[before->n_sources];
	t->slots[t->n_sources]->n_tables++;
	return 0;
}

/* @before: NULL for the first. */
static int table_create(const struct frame_source *sources, unsigned n_sources,
			const struct frame_table *before, struct frame_table **ret_t, struct err *e)
{
	struct frame_table *t = mem_alloc(sizeof(*t));
	if (!t)
		return err_set(e, -ENOMEM, "no memory for the frame stage");
	t->sources = sources;
	t->n_sources = n_sources;
	t->slots = mem_alloc((n_sources + 1) * sizeof(*t->slots));
	t->claim = claim_create(sources, n_sources);
	int r = 0;
	if (!t->slots || !t->claim)
		r = err_set(e, -ENOMEM, "no memory for the frame stage");
	if (r == 0 && before)
		r = table_join(t, before, e);
	for (unsigned i = 0; r == 0 && i <= n_sources; i++)
		if (!t->slots[i])
			r = slot_create(i < n_sources ? &sources[i] : NULL, &t->slots[i], e);
	if (r < 0) {
		frame_table_destroy(t);
		return r;
	}
	for (unsigned i = 0; !before && i <= n_sources; i++)
		t->slots[i]->idx = (uint16_t)i;
	if (before)
		t->moves = claim_compare(before->claim, t->claim, t->next_of, t->moved);
	for (unsigned i = 0; before && i < before->n_sources; i++)
		t->moves |= t->next_of[i] == CLAIM_GONE;
	*ret_t = t;
	return 0;
}

int frame_table_create(const struct frame_stage *f, const struct frame_source *sources,
		       unsigned n_sources, struct frame_table **ret_t, struct err *e)
{
	return table_create(sources, n_sources, f->table, ret_t, e);
}

void frame_table_destroy(struct frame_table *t)
{
	if (!t)
		return;
	for (unsigned i = 0; t->slots && i <= t->n_sources; i++)
		slot_put(t->slots[i]);
	mem_free(t->slots);
	claim_destroy(t->claim);
	mem_free(t->next_of);
	mem_free(t->moved);
	mem_free(t);
}

/* Those that went on are of two tables. */
bool frame_table_left(const struct frame_table *t, unsigned source, struct frame_left *ret_l)
{
	const struct frame_slot *s = t->slots[source];
	*ret_l = (struct frame_left){.row = s->row, .reasons = &s->reasons, .pool = s->pool};
	return s->n_tables == 1;
}

/* ---- the stage ---- */

static int create_parts(struct frame_stage *f, const struct frame_source *sources,
			unsigned n_sources, struct err *e)
{
	unsigned n = flow_sessions_max(f->flow);
	size_t state = state_size_max(sources, n_sources);
	if (state < f->conf.state_bytes_min)
		state = f->conf.state_bytes_min;
	f->stride = (sizeof(struct frame_session) + 63) & ~(size_t)63;
	f->map_bytes = f->stride * n + SL_PAD; /* bytes are read in place: carry.h */
	f->sessions = mem_map(f->map_bytes);
	f->state_stride = (state + 63) & ~(size_t)63;
	f->states_bytes = f->state_stride * n + 1;
	f->states = mem_map(f->states_bytes);
	size_t bytes_max = frame_limit_max(&f->conf, sources, n_sources);
	if (!f->sessions || !f->states || timers_init(&f->timers, n) < 0 ||
	    frame_out_init(&f->out, 4 * bytes_max + SCRATCH_EXTRA) < 0 ||
	    carry_create(f->conf.carry_bytes_max, 4 * bytes_max, &f->pool) < 0)
		return err_set(e, -ENOMEM, "no memory for %u sessions of %zu bytes", n,
			       f->stride + f->state_stride);
	return 0;
}

int frame_create(const struct frame_conf *conf, const struct frame_source *sources,
		 unsigned n_sources, const struct flow *flow, struct frame_stage **ret_f,
		 struct err *e)
{
	struct frame_stage *f = mem_alloc(sizeof(*f));
	if (!f)
		return err_set(e, -ENOMEM, "no memory for the frame stage");
	f->conf = *conf;
	f->flow = flow;
	f->epoch = 1;
	int r = create_parts(f, sources, n_sources, e);
	if (r == 0)
		r = table_create(sources, n_sources, NULL, &f->table, e);
	if (r < 0) {
		frame_destroy(f);
		return r;
	}
	f->nobody = f->table->slots[n_sources];
	*ret_f = f;
	return 0;
}

void frame_destroy(struct frame_stage *f)
{
	if (!f)
		return;
	frame_table_destroy(f->table);
	carry_destroy(f->pool);
	frame_out_fini(&f->out);
	timers_fini(&f->timers);
	mem_unmap(f->sessions, f->map_bytes);
	mem_unmap(f->states, f->states_bytes);
	mem_free(f);
}

/* ---- what it tells ---- */

const uint64_t *frame_row(const struct frame_stage *f, unsigned source)
{
	return f->table->slots[source]->row;
}

const struct reasons *frame_reasons(const struct frame_stage *f, unsigned source)
{
	return &f->table->slots[source]->reasons;
}

const void *frame_pool(const struct frame_stage *f, unsigned source)
{
	return f->table->slots[source]->pool;
}

/* Why direction @d is not read on; a protocol that is one-way says so, and is well. */
static void look_at_left(const struct frame_session *fs, unsigned d, struct frame_look *l)
{
	const struct reason *r = &fs->slot->reasons.of[fs->dirs[d].reason];
	if (!fs->dirs[d].left || l->claim == FRAME_BROKEN || strcmp(r->text, PARSER_ANSWERS) == 0)
		return;
	l->claim = r->col == FRAME_bad ? FRAME_BROKEN : FRAME_LEFT;
	l->why = r->text;
}

void frame_look(const struct frame_stage *f, uint32_t session, struct frame_look *ret_l)
{
	const struct frame_session *fs = frame_session(f, session);
	*ret_l = (struct frame_look){.gaps = fs->gaps, .gap_bytes = fs->gap_bytes};
	if (fs->claim == CLAIM_NONE) {
		ret_l->claim = FRAME_NOBODYS;
		ret_l->why = f->nobody->reasons.of[fs->reason].text;
	} else if (fs->claim == CLAIM_TAKEN && frame_number(f->table, fs->slot) != CLAIM_GONE) {
		ret_l->claim = FRAME_READ;
		ret_l->source = fs->slot->idx;
		for (unsigned d = 0; d < 2; d++)
			look_at_left(fs, d, ret_l);
	}
}
