#include "ctl/crew.h"

#include <pthread.h>
#include <stdbool.h>

#include <rte_config.h>
#include <rte_launch.h>
#include <rte_lcore.h>

#include "dataplane/base/mem.h"

struct member {
	struct crew *crew;
	pthread_t thread;
};

struct crew {
	void (*fn)(void *arg, unsigned i);
	void *arg;
	bool lcores;
	unsigned n;
	struct member members[];
};

static int run_lcore(void *arg)
{
	struct crew *c = arg;
	c->fn(c->arg, (unsigned)rte_lcore_index((int)rte_lcore_id()) - 1);
	return 0;
}

static void *run_plain(void *arg)
{
	struct member *m = arg;
	m->crew->fn(m->crew->arg, (unsigned)(m - m->crew->members));
	return NULL;
}

static bool begin(struct crew *c, unsigned i)
{
	struct member *m = &c->members[i];
	m->crew = c;
	if (!c->lcores)
		return pthread_create(&m->thread, NULL, run_plain, m) == 0;
	unsigned lcore = rte_get_next_lcore(-1, 1, 0);
	for (unsigned k = 0; k < i; k++)
		lcore = rte_get_next_lcore(lcore, 1, 0);
	return rte_eal_remote_launch(run_lcore, c, lcore) == 0;
}

unsigned crew_start(unsigned n, void (*fn)(void *arg, unsigned i), void *arg,
		    struct crew **ret_crew)
{
	struct crew *c = mem_alloc(sizeof(*c) + n * sizeof(c->members[0]));
	*ret_crew = c;
	if (!c)
		return 0;
	c->fn = fn;
	c->arg = arg;
	c->lcores = rte_lcore_count() > n;
	while (c->n < n && begin(c, c->n))
		c->n++;
	return c->n;
}

void crew_wait(struct crew *c)
{
	if (c && c->lcores)
		rte_eal_mp_wait_lcore();
	for (unsigned i = 0; c && !c->lcores && i < c->n; i++)
		pthread_join(c->members[i].thread, NULL);
	mem_free(c);
}
