#include "tests/unit/unit.h"

#include <pthread.h>

#include "dataplane/errand.h"

struct count {
	unsigned left, done;
};

static bool count_down(void *arg, struct worker *w)
{
	struct count *c = arg;
	c->done++;
	return --c->left == 0;
}

static struct errand errand_of(struct count *c)
{
	return (struct errand){.piece = count_down, .arg = c};
}

static void an_errand_is_done_piece_by_piece_a_turn_each(void **state)
{
	struct errands es = {0};
	struct count c = {.left = 3};
	struct errand er = errand_of(&c);
	errands_open(&es);
	errands_give(&es, &er);
	for (unsigned turn = 0; turn < 3; turn++) {
		assert_int_equal(errand_state(&er), ERRAND_WAITS);
		assert_int_equal(c.done, turn);
		errands_step(&es, NULL);
	}
	assert_int_equal(errand_state(&er), ERRAND_DONE);
	errands_step(&es, NULL);
	assert_int_equal(c.done, 3);
}

static void errands_of_several_are_all_done(void **state)
{
	struct errands es = {0};
	struct count c[5] = {{2}, {1}, {4}, {1}, {3}};
	struct errand er[5];
	errands_open(&es);
	for (unsigned i = 0; i < 5; i++) {
		er[i] = errand_of(&c[i]);
		errands_give(&es, &er[i]);
		errands_step(&es, NULL); /* others come while one is at work */
	}
	for (unsigned turn = 0; turn < 11 - 5; turn++)
		errands_step(&es, NULL);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(errand_state(&er[i]), ERRAND_DONE);
}

static void what_is_given_to_a_worker_that_does_not_run_is_lost_and_nobody_waits(void **state)
{
	struct errands es = {0};
	struct count c[3] = {{9}, {9}, {9}};
	struct errand er[3] = {errand_of(&c[0]), errand_of(&c[1]), errand_of(&c[2])};
	errands_give(&es, &er[0]);
	assert_int_equal(errand_state(&er[0]), ERRAND_LOST);
	errands_open(&es);
	errands_give(&es, &er[0]);
	errands_step(&es, NULL);
	errands_give(&es, &er[1]);
	errands_close(&es); /* one is at work, one waits */
	errands_give(&es, &er[2]);
	for (unsigned i = 0; i < 3; i++) {
		errand_wait(&er[i]);
		assert_int_equal(errand_state(&er[i]), ERRAND_LOST);
	}
}

#define GIVERS 4
#define EACH   2000

static struct errands shared;

static void *give_many(void *arg)
{
	struct count *c = arg;
	for (unsigned i = 0; i < EACH; i++) {
		struct count one = {.left = 1};
		struct errand er = errand_of(&one);
		errands_give(&shared, &er);
		while (errand_state(&er) == ERRAND_WAITS)
			sched_yield();
		c->done += errand_state(&er) == ERRAND_DONE && one.done == 1;
		c->left += errand_state(&er) == ERRAND_LOST && one.done == 0;
	}
	return NULL;
}

static void every_errand_ends_whoever_gives_it_and_whenever_the_worker_ends(void **state)
{
	pthread_t threads[GIVERS];
	struct count c[GIVERS] = {{0}};
	unsigned n = 0;
	errands_open(&shared);
	for (unsigned i = 0; i < GIVERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, give_many, &c[i]), 0);
	for (unsigned turn = 0; turn < 200000; turn++) {
		errands_step(&shared, NULL);
		if (turn % 1000 == 0)
			sched_yield();
	}
	errands_close(&shared);
	for (unsigned i = 0; i < GIVERS; i++) {
		pthread_join(threads[i], NULL);
		n += c[i].done + c[i].left;
	}
	assert_int_equal(n, GIVERS * EACH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_errand_is_done_piece_by_piece_a_turn_each),
		cmocka_unit_test(errands_of_several_are_all_done),
		cmocka_unit_test(
			what_is_given_to_a_worker_that_does_not_run_is_lost_and_nobody_waits),
		cmocka_unit_test(every_errand_ends_whoever_gives_it_and_whenever_the_worker_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
