#include "dataplane/errand.h"

#include <stddef.h>
#include <unistd.h>

static void end(struct errand *er, enum errand_state state)
{
	atomic_store_explicit(&er->state, state, memory_order_release);
}

/* Those that nobody will see to. */
static void lose(struct errand *er)
{
	for (struct errand *next; er; er = next) {
		next = er->next;
		end(er, ERRAND_LOST);
	}
}

void errands_open(struct errands *es)
{
	atomic_store(&es->open, true);
}

/* Whoever gives one from now on either finds it closed, or has it taken here. */
void errands_close(struct errands *es)
{
	atomic_store(&es->open, false);
	lose(atomic_exchange(&es->given, NULL));
	lose(es->mine);
	es->mine = NULL;
}

void errands_run(struct errands *es, struct worker *w)
{
	if (!es->mine)
		es->mine = atomic_exchange(&es->given, NULL);
	struct errand *er = es->mine;
	if (!er || !er->piece(er->arg, w))
		return;
	es->mine = er->next;
	end(er, ERRAND_DONE);
}

void errands_give(struct errands *es, struct errand *er)
{
	atomic_store(&er->state, ERRAND_WAITS);
	er->next = atomic_load(&es->given);
	while (!atomic_compare_exchange_weak(&es->given, &er->next, er))
		;
	if (!atomic_load(&es->open))
		lose(atomic_exchange(&es->given, NULL));
}

void errand_wait(const struct errand *er)
{
	while (errand_state(er) == ERRAND_WAITS)
		usleep(100);
}
