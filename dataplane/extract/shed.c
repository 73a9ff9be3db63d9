#include "dataplane/extract/shed.h"

#include "dataplane/base/mem.h"

#define LOOK_TURNS_MIN 16 /* some thousand records: less than a batch or two */
#define LOOKS_A_TURN   4  /* on the average, so that they cost nothing beside the turn */

struct state {
	bool on;
	uint32_t n; /* frames since one was kept */
};

struct shed {
	const struct shed_source *sources;
	unsigned n_sources, n_on, look_turns;
	struct state *states; /* by source */
};

int shed_create(const struct shed_source *sources, unsigned n_sources, struct shed **ret_s,
		struct err *e)
{
	bool any = false;
	for (unsigned i = 0; i < n_sources; i++)
		any |= sources[i].at > 0;
	*ret_s = NULL;
	if (!any)
		return 0;
	struct shed *s = mem_alloc(sizeof(*s));
	if (!s)
		return err_set(e, -ENOMEM, "no memory for a worker");
	s->sources = sources;
	s->n_sources = n_sources;
	unsigned looks = n_sources;
	for (unsigned i = 0; i < n_sources; i++)
		looks += sources[i].at ? sources[i].n_queues : 0;
	s->look_turns = LOOK_TURNS_MIN + looks / LOOKS_A_TURN;
	s->states = mem_alloc(n_sources * sizeof(*s->states));
	if (!s->states) {
		mem_free(s);
		return err_set(e, -ENOMEM, "no memory for a worker");
	}
	*ret_s = s;
	return 0;
}

void shed_destroy(struct shed *s)
{
	if (!s)
		return;
	mem_free(s->states);
	mem_free(s);
}

unsigned shed_look_turns(const struct shed *s)
{
	return s->look_turns;
}

void shed_look(struct shed *s, unsigned (*level)(void *arg, unsigned worker, unsigned queue),
	       void *arg, unsigned worker)
{
	s->n_on = 0;
	for (unsigned i = 0; i < s->n_sources; i++) {
		const struct shed_source *source = &s->sources[i];
		bool on = false;
		for (unsigned k = 0; source->at && !on && k < source->n_queues; k++)
			on = level(arg, worker, source->queues[k]) >= source->at;
		s->states[i].on = on;
		s->n_on += on;
	}
}

bool shed_active(const struct shed *s)
{
	return s && s->n_on > 0;
}

unsigned shed_frames(struct shed *s, struct extract *x, struct frame *frames, unsigned n)
{
	unsigned left = 0;
	for (unsigned i = 0; i < n; i++) {
		unsigned source = frames[i].source;
		struct state *st = &s->states[source];
		if (st->on && ++st->n % s->sources[source].keep != 0) {
			extract_shed(x, source);
			continue;
		}
		if (left != i)
			frames[left] = frames[i];
		left++;
	}
	return left;
}
