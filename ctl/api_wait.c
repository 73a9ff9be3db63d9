#include "ctl/api_wait.h"

#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "dataplane/base/confine.h"
#include "dataplane/base/mem.h"

struct api_wait {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t some;
	struct MHD_Connection *conns[API_WAITING_MAX];
	unsigned n;
	bool stop;
};

static void call_all(struct api_wait *w)
{
	for (unsigned i = 0; i < w->n; i++)
		MHD_resume_connection(w->conns[i]);
	w->n = 0;
}

static void *run(void *arg)
{
	struct api_wait *w = arg;
	confine_thread();
	pthread_mutex_lock(&w->lock);
	while (!w->stop) {
		if (w->n == 0) {
			pthread_cond_wait(&w->some, &w->lock);
			continue;
		}
		pthread_mutex_unlock(&w->lock);
		usleep(API_WAIT_MS * 1000);
		pthread_mutex_lock(&w->lock);
		call_all(w);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

int api_wait_create(struct api_wait **ret_w, struct err *e)
{
	sigset_t all, before;
	struct api_wait *w = mem_alloc(sizeof(*w));
	if (!w)
		return err_set(e, -ENOMEM, "no memory");
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->some, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc) {
		w->stop = true;
		api_wait_destroy(w);
		return err_set(e, -rc, "no thread for the API");
	}
	*ret_w = w;
	return 0;
}

bool api_wait(struct api_wait *w, struct MHD_Connection *conn)
{
	pthread_mutex_lock(&w->lock);
	bool waits = !w->stop && w->n < API_WAITING_MAX;
	if (waits) {
		MHD_suspend_connection(conn);
		w->conns[w->n++] = conn;
		pthread_cond_signal(&w->some);
	}
	pthread_mutex_unlock(&w->lock);
	return waits;
}

void api_wait_call(struct api_wait *w)
{
	pthread_mutex_lock(&w->lock);
	call_all(w);
	pthread_mutex_unlock(&w->lock);
}

void api_wait_stop(struct api_wait *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	call_all(w);
	pthread_cond_signal(&w->some);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
}

void api_wait_destroy(struct api_wait *w)
{
	if (!w)
		return;
	pthread_cond_destroy(&w->some);
	pthread_mutex_destroy(&w->lock);
	mem_free(w);
}
