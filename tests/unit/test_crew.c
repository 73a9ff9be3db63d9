#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "ctl/crew.h"

#define N 5

struct seen {
	atomic_uint times[N], together;
	pthread_t thread[N];
};

static void work(void *arg, unsigned i)
{
	struct seen *s = arg;
	s->thread[i] = pthread_self();
	atomic_fetch_add(&s->times[i], 1);
	/* Nobody gets past here but beside all others. */
	atomic_fetch_add(&s->together, 1);
	while (atomic_load(&s->together) < N)
		sched_yield();
}

static void without_eal_each_worker_has_its_turn_once_in_a_thread_beside_the_others(void **unused)
{
	(void)unused;
	struct seen s = {0};
	struct crew *crew;
	assert_int_equal(crew_start(N, work, &s, &crew), N);
	crew_wait(crew);
	for (unsigned i = 0; i < N; i++) {
		assert_int_equal(atomic_load(&s.times[i]), 1);
		assert_false(pthread_equal(s.thread[i], pthread_self()));
		for (unsigned k = 0; k < i; k++)
			assert_false(pthread_equal(s.thread[i], s.thread[k]));
	}
}

static void a_crew_of_none_ends_at_once(void **unused)
{
	(void)unused;
	struct crew *crew;
	assert_int_equal(crew_start(0, work, NULL, &crew), 0);
	crew_wait(crew);
	crew_wait(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			without_eal_each_worker_has_its_turn_once_in_a_thread_beside_the_others),
		cmocka_unit_test(a_crew_of_none_ends_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
