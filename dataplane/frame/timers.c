#include "dataplane/frame/timers.h"

#include <assert.h>
#include <errno.h>

#include "dataplane/base/mem.h"

/* A clock that is this much behind has been set back for good. */
#define STEP_BACK_SLOTS 10

struct timer {
	uint32_t next, prev; /* 1-based, 0: none */
	uint32_t slot;       /* 1-based, 0: not armed */
};

int timers_init(struct timers *t, uint32_t n_max)
{
	*t = (struct timers){.n_max = n_max};
	t->of = mem_map(n_max * sizeof(*t->of));
	return t->of ? 0 : -ENOMEM;
}

void timers_fini(struct timers *t)
{
	if (t->of)
		mem_unmap(t->of, t->n_max * sizeof(*t->of));
}

static uint64_t turn_of(uint64_t ns)
{
	return ns >> TIMERS_GRAIN_SHIFT;
}

/* How many slots from the cursor a slot stands. */
static uint64_t ahead(const struct timers *t, uint64_t slot)
{
	return (slot - t->cursor) % TIMERS_SLOTS;
}

void timers_disarm(struct timers *t, uint32_t idx)
{
	struct timer *at = &t->of[idx];
	if (!at->slot)
		return;
	if (at->prev)
		t->of[at->prev - 1].next = at->next;
	else
		t->slots[at->slot - 1] = at->next;
	if (at->next)
		t->of[at->next - 1].prev = at->prev;
	*at = (struct timer){0};
	t->n_armed--;
}

void timers_arm(struct timers *t, uint32_t idx, uint64_t now_ns, uint64_t due_ns)
{
	assert(idx < t->n_max);
	uint64_t turn = turn_of(due_ns) + 1;
	if (t->n_armed == 0)
		t->cursor = turn_of(now_ns); /* it stood still while nothing was armed */
	if (turn <= t->cursor)
		turn = t->cursor + 1;
	if (turn > t->cursor + TIMERS_SLOTS - 1)
		turn = t->cursor + TIMERS_SLOTS - 1;
	struct timer *at = &t->of[idx];
	if (at->slot && ahead(t, at->slot - 1) <= turn - t->cursor)
		return;
	timers_disarm(t, idx);
	uint32_t slot = (uint32_t)(turn % TIMERS_SLOTS);
	*at = (struct timer){.slot = slot + 1, .next = t->slots[slot]};
	if (at->next)
		t->of[at->next - 1].prev = idx + 1;
	t->slots[slot] = idx + 1;
	t->n_armed++;
}

uint32_t timers_next(struct timers *t, uint64_t now_ns)
{
	uint64_t now = turn_of(now_ns);
	if (t->n_armed == 0)
		return TIMERS_NONE;
	if (now + STEP_BACK_SLOTS < t->cursor)
		t->cursor = now;
	if (now >= t->cursor + TIMERS_SLOTS)
		t->cursor = now - TIMERS_SLOTS + 1;
	if (now < t->cursor)
		return TIMERS_NONE;
	for (; t->cursor <= now; t->cursor++) {
		uint32_t first = t->slots[t->cursor % TIMERS_SLOTS];
		if (first)
			return first - 1;
	}
	t->cursor--; /* not beyond the present */
	return TIMERS_NONE;
}
