#include "ctl/api_answers.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "ctl/metrics.h"
#include "dataplane/base/confine.h"
#include "dataplane/base/mem.h"

enum state { WAITS, IS_MADE, MADE };

struct api_answer {
	struct control_job job; /* first */
	struct api_answers *of;
	const struct command *command; /* NULL: /metrics */
	char *values[COMMAND_ARGS_MAX];
	bool has_values;
	/* Under the lock. */
	enum state state;
	unsigned n_holders;
	struct api_answer *next; /* that waits */
	/* By who makes it, until it is made. */
	int rc;
	struct err e;
	struct text_out text;
};

struct api_answers {
	struct control *control;
	struct api_wait *wait;
	pthread_t threads[API_ANSWER_THREADS];
	unsigned n_threads;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t some;
	struct api_answer *first, **end; /* that wait */
	unsigned n_waiting;
	size_t bytes; /* of texts that are made */
	bool stop;
};

static void free_answer(struct api_answer *x)
{
	for (unsigned i = 0; i < COMMAND_ARGS_MAX; i++)
		mem_free(x->values[i]);
	text_out_fini(&x->text);
	mem_free(x);
}

/* ---- the threads that make them ---- */

static int make_tree(struct control *c, const struct command *command, const char *const *values,
		     struct text_out *o, struct err *e)
{
	json_t *reply = json_object();
	control_enter(c);
	int rc = command->run(c, values, reply, e);
	control_leave(c);
	if (rc == 0) {
		o->text = json_dumps(reply, JSON_COMPACT);
		o->len = o->cap = o->text ? strlen(o->text) : 0;
		o->failed = !o->text;
	}
	json_decref(reply);
	return rc;
}

static void make(struct api_answer *x)
{
	struct control *c = x->of->control;
	const struct command *command = x->command;
	const char *const *values = (const char *const *)x->values;
	if (!command)
		metrics_write(c, &x->text);
	else if (command->write)
		x->rc = command->write(c, values, &x->text, &x->e);
	else
		x->rc = make_tree(c, command, values, &x->text, &x->e);
	if (x->text.failed)
		x->rc = err_set(&x->e, COMMAND_FAILED, "no memory for the answer");
}

/* The first that waits; under the lock. */
static struct api_answer *take_first(struct api_answers *a)
{
	struct api_answer *x = a->first;
	if (!x)
		return NULL;
	a->first = x->next;
	if (!a->first)
		a->end = &a->first;
	a->n_waiting--;
	x->state = IS_MADE;
	x->n_holders++;
	return x;
}

/* Under the lock. True: it was the last to hold it, and is to free it without. */
static bool let_go(struct api_answer *x)
{
	struct api_answers *a = x->of;
	if (--x->n_holders > 0)
		return false;
	if (x->state == WAITS) {
		struct api_answer **at = &a->first;
		while (*at != x)
			at = &(*at)->next;
		*at = x->next;
		if (!*at)
			a->end = at;
		a->n_waiting--;
	}
	a->bytes -= x->state == MADE ? x->text.cap : 0;
	return true;
}

static void *run(void *arg)
{
	struct api_answers *a = arg;
	pthread_setname_np(pthread_self(), "api-answers");
	confine_thread();
	pthread_mutex_lock(&a->lock);
	while (!a->stop) {
		struct api_answer *x = take_first(a);
		if (!x) {
			pthread_cond_wait(&a->some, &a->lock);
			continue;
		}
		pthread_mutex_unlock(&a->lock);
		make(x);
		pthread_mutex_lock(&a->lock);
		x->state = MADE;
		a->bytes += x->text.cap;
		bool was_last = let_go(x);
		pthread_mutex_unlock(&a->lock);
		if (was_last)
			free_answer(x);
		api_wait_call(a->wait);
		pthread_mutex_lock(&a->lock);
	}
	pthread_mutex_unlock(&a->lock);
	return NULL;
}

/* ---- who asks ---- */

static struct api_answer *new_answer(struct api_answers *a, const struct command *command,
				     const char *const *values)
{
	struct api_answer *x = mem_alloc(sizeof(*x));
	bool whole = x != NULL;
	if (!x)
		return NULL;
	x->job.ops = &api_answer_ops;
	x->of = a;
	x->command = command;
	for (unsigned i = 0; whole && command && i < COMMAND_ARGS_MAX; i++) {
		if (!values[i])
			continue;
		x->has_values = true;
		x->values[i] = mem_strdup(values[i]);
		whole = x->values[i] != NULL;
	}
	if (whole)
		return x;
	free_answer(x);
	return NULL;
}

/* One that is the same and not begun yet. */
static struct api_answer *find_waiting(const struct api_answers *a, const struct api_answer *like)
{
	struct api_answer *x = a->first;
	while (x && (x->command != like->command || x->has_values || like->has_values))
		x = x->next;
	return x;
}

int api_answers_ask(struct api_answers *a, const struct command *command, const char *const *values,
		    struct control_job **ret_j, struct err *e)
{
	struct api_answer *mine = new_answer(a, command, values);
	int rc = 0;
	if (!mine)
		return err_set(e, -ENOMEM, "no memory for an answer");
	pthread_mutex_lock(&a->lock);
	struct api_answer *x = find_waiting(a, mine);
	if (!x && (a->n_waiting >= API_ANSWERS_WAITING || a->bytes > API_ANSWERS_BYTES)) {
		rc = err_set(e, -EBUSY, "too many long answers %s: try again",
			     a->bytes > API_ANSWERS_BYTES ? "are not read yet" : "wait to be made");
	} else if (!x) {
		x = mine;
		mine = NULL;
		*a->end = x;
		a->end = &x->next;
		a->n_waiting++;
		pthread_cond_signal(&a->some);
	}
	if (rc == 0) {
		x->n_holders++;
		*ret_j = &x->job;
	}
	pthread_mutex_unlock(&a->lock);
	if (mine)
		free_answer(mine);
	return rc;
}

bool api_answer_is_made(struct control_job *j, int *ret_rc, struct err *ret_e,
			struct slice *ret_text)
{
	struct api_answer *x = (struct api_answer *)j;
	pthread_mutex_lock(&x->of->lock);
	bool made = x->state == MADE;
	pthread_mutex_unlock(&x->of->lock);
	if (!made)
		return false;
	*ret_rc = x->rc;
	*ret_e = x->e;
	*ret_text = slice_of(x->text.text, x->text.len);
	return true;
}

void api_answer_hold(struct control_job *j)
{
	struct api_answer *x = (struct api_answer *)j;
	pthread_mutex_lock(&x->of->lock);
	x->n_holders++;
	pthread_mutex_unlock(&x->of->lock);
}

static void drop(struct control_job *j)
{
	struct api_answer *x = (struct api_answer *)j;
	struct api_answers *a = x->of;
	pthread_mutex_lock(&a->lock);
	bool was_last = let_go(x);
	pthread_mutex_unlock(&a->lock);
	if (was_last)
		free_answer(x);
}

const struct control_job_ops api_answer_ops = {.drop = drop};

/* ---- life ---- */

int api_answers_create(struct control *c, struct api_wait *w, struct api_answers **ret_a,
		       struct err *e)
{
	sigset_t all, before;
	struct api_answers *a = mem_alloc(sizeof(*a));
	int rc = 0;
	if (!a)
		return err_set(e, -ENOMEM, "no memory");
	a->control = c;
	a->wait = w;
	a->end = &a->first;
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->some, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (; rc == 0 && a->n_threads < API_ANSWER_THREADS; a->n_threads += rc == 0)
		rc = pthread_create(&a->threads[a->n_threads], NULL, run, a);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc) {
		api_answers_destroy(a);
		return err_set(e, -rc, "no thread for the API");
	}
	*ret_a = a;
	return 0;
}

void api_answers_destroy(struct api_answers *a)
{
	if (!a)
		return;
	pthread_mutex_lock(&a->lock);
	a->stop = true;
	pthread_cond_broadcast(&a->some);
	pthread_mutex_unlock(&a->lock);
	for (unsigned i = 0; i < a->n_threads; i++)
		pthread_join(a->threads[i], NULL);
	pthread_cond_destroy(&a->some);
	pthread_mutex_destroy(&a->lock);
	mem_free(a);
}
