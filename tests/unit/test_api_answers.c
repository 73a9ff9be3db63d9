#include "tests/unit/unit.h"

#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

#include "ctl/api_answers.h"

/* Commands as slow as the test wants them. */
static sem_t begun, may_end;
static _Atomic unsigned n_made;

static int write_slowly(struct control *c, const char *const *values, struct text_out *o,
			struct err *e)
{
	(void)c;
	(void)e;
	n_made++;
	sem_post(&begun);
	sem_wait(&may_end);
	text_out_fmt(o, "{\"of\":\"%s\"}", values[0] ? values[0] : "all");
	return 0;
}

static int run_badly(struct control *c, const char *const *values, json_t *reply, struct err *e)
{
	(void)c;
	(void)values;
	(void)reply;
	return err_set(e, COMMAND_NOT_FOUND, "there is none");
}

static int run_well(struct control *c, const char *const *values, json_t *reply, struct err *e)
{
	(void)c;
	(void)values;
	(void)e;
	json_object_set_new(reply, "rows", json_array());
	return 0;
}

static const struct command slow = {.path = "slow", .is_long = true, .write = write_slowly},
			    bad = {.path = "bad", .is_long = true, .run = run_badly},
			    good = {.path = "good", .is_long = true, .run = run_well};

struct world {
	struct control *c;
	struct api_wait *w;
	struct api_answers *a;
};

static struct world begin(void)
{
	struct world x;
	struct err e;
	n_made = 0;
	sem_init(&begun, 0, 0);
	sem_init(&may_end, 0, 0);
	x.c = control_create(NULL, NULL, NULL);
	assert_int_equal(api_wait_create(&x.w, &e), 0);
	assert_int_equal(api_answers_create(x.c, x.w, &x.a, &e), 0);
	return x;
}

static void end(struct world *x)
{
	api_answers_destroy(x->a);
	api_wait_stop(x->w);
	api_wait_destroy(x->w);
	control_destroy(x->c);
}

static struct control_job *ask(struct world *x, const struct command *c, const char *value)
{
	const char *values[COMMAND_ARGS_MAX] = {value};
	struct control_job *j;
	struct err e;
	assert_int_equal(api_answers_ask(x->a, c, values, &j, &e), 0);
	return j;
}

/* Waits for it; "" when the command failed. */
static struct slice answer(struct control_job *j, int want)
{
	int rc;
	struct err e;
	struct slice text = {0};
	while (!api_answer_is_made(j, &rc, &e, &text))
		usleep(1000);
	assert_int_equal(rc, want);
	return text;
}

static void assert_text(struct slice s, const char *want)
{
	assert_int_equal(s.len, strlen(want));
	assert_memory_equal(s.ptr, want, s.len);
}

static void a_short_question_does_not_wait_for_an_answer_that_is_being_made(void **state)
{
	struct world x = begin();
	struct control_job *j = ask(&x, &slow, "a");
	int rc;
	struct err e;
	struct slice text;
	sem_wait(&begun);
	assert_false(api_answer_is_made(j, &rc, &e, &text));
	/* Neither who changes what runs nor who looks at it waits for it. */
	control_lock(x.c);
	control_unlock(x.c);
	struct control_job *other = ask(&x, &good, NULL);
	assert_text(answer(other, 0), "{\"rows\":[]}");
	other->ops->drop(other);
	assert_false(api_answer_is_made(j, &rc, &e, &text));
	sem_post(&may_end);
	assert_text(answer(j, 0), "{\"of\":\"a\"}");
	j->ops->drop(j);
	end(&x);
}

static void who_asks_for_the_same_meanwhile_gets_the_same_text(void **state)
{
	struct world x = begin();
	struct control_job *busy[API_ANSWER_THREADS], *one, *two, *other;
	for (unsigned i = 0; i < API_ANSWER_THREADS; i++) {
		busy[i] = ask(&x, &slow, NULL);
		sem_wait(&begun);
	}
	one = ask(&x, &slow, NULL);
	two = ask(&x, &slow, NULL);
	other = ask(&x, &slow, "b");
	assert_ptr_equal(one, two);
	assert_ptr_not_equal(one, other);
	assert_ptr_not_equal(one, busy[0]); /* which tells of a moment before it was asked */
	for (unsigned i = 0; i < API_ANSWER_THREADS + 2; i++)
		sem_post(&may_end);
	one->ops->drop(one);
	assert_text(answer(two, 0), "{\"of\":\"all\"}");
	assert_text(answer(other, 0), "{\"of\":\"b\"}");
	assert_int_equal(n_made, API_ANSWER_THREADS + 2);
	two->ops->drop(two);
	other->ops->drop(other);
	for (unsigned i = 0; i < API_ANSWER_THREADS; i++)
		busy[i]->ops->drop(busy[i]);
	end(&x);
}

static void what_nobody_waits_for_any_more_is_not_made(void **state)
{
	struct world x = begin();
	struct control_job *busy[API_ANSWER_THREADS], *gone, *next;
	for (unsigned i = 0; i < API_ANSWER_THREADS; i++) {
		busy[i] = ask(&x, &slow, NULL);
		sem_wait(&begun);
	}
	gone = ask(&x, &slow, "gone");
	next = ask(&x, &slow, "next");
	gone->ops->drop(gone);
	busy[0]->ops->drop(busy[0]); /* its text is thrown away when it is made */
	for (unsigned i = 0; i < API_ANSWER_THREADS + 1; i++)
		sem_post(&may_end);
	assert_text(answer(next, 0), "{\"of\":\"next\"}");
	assert_int_equal(n_made, API_ANSWER_THREADS + 1);
	next->ops->drop(next);
	busy[1]->ops->drop(busy[1]);
	end(&x);
}

static void too_many_that_wait_are_refused(void **state)
{
	struct world x = begin();
	struct control_job *all[API_ANSWER_THREADS + API_ANSWERS_WAITING], *j;
	const char *values[COMMAND_ARGS_MAX] = {"more"};
	struct err e;
	for (unsigned i = 0; i < API_ANSWER_THREADS; i++) {
		all[i] = ask(&x, &slow, "x");
		sem_wait(&begun);
	}
	for (unsigned i = 0; i < API_ANSWERS_WAITING; i++)
		all[API_ANSWER_THREADS + i] = ask(&x, &slow, "x");
	assert_int_equal(api_answers_ask(x.a, &slow, values, &j, &e), -EBUSY);
	assert_non_null(strstr(e.text, "too many long answers wait to be made"));
	for (unsigned i = 0; i < API_ANSWER_THREADS + API_ANSWERS_WAITING; i++)
		all[i]->ops->drop(all[i]);
	for (unsigned i = 0; i < API_ANSWER_THREADS; i++)
		sem_post(&may_end);
	end(&x);
}

static void a_command_that_fails_says_why(void **state)
{
	struct world x = begin();
	struct control_job *j = ask(&x, &bad, NULL);
	int rc;
	struct err e;
	struct slice text;
	answer(j, COMMAND_NOT_FOUND);
	assert_true(api_answer_is_made(j, &rc, &e, &text));
	assert_string_equal(e.text, "there is none");
	j->ops->drop(j);
	end(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_short_question_does_not_wait_for_an_answer_that_is_being_made),
		cmocka_unit_test(who_asks_for_the_same_meanwhile_gets_the_same_text),
		cmocka_unit_test(what_nobody_waits_for_any_more_is_not_made),
		cmocka_unit_test(too_many_that_wait_are_refused),
		cmocka_unit_test(a_command_that_fails_says_why),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
