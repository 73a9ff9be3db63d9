/* The running of a topology: workers and sinks are started, watched and ended. */
#include <inttypes.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "ctl/crew.h"
#include "ctl/notify.h"
#include "ctl/say.h"
#include "ctl/topology_parts.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/confine.h"
#include "dataplane/dim/dim_watch.h"

#define PROGRESS_EVERY_MS 500

/* How often main looks after its parts: each look wakes up a core. Beside workers of ports, and of
 * a replay that is not over at once: what it takes is not to be rounded up.
 */
#define STEP_MS           4
#define SHORT_MS          100

/* A sink that takes nothing is told of after so long; once a stop was asked for it is given up
 * after the other.
 */
#define TROUBLE_AFTER_MS  1000
#define GIVE_UP_AFTER_MS  10000

#define NS_PER_MS         1000000ull
#define TIMER_SLACK_NS    1000
#define SILENCE_MAX_NS    (10000 * NS_PER_MS) /* of a worker, before it is given up */

static void tell_dimension(void *arg, const char *text)
{
	(void)arg;
	say(SAY_WARNING, "%s", text);
}

int topology_watch_dimensions(struct topology *t)
{
	struct err e;
	if (!t->ports || dim_watch_start(t->pipeline->dims, (unsigned)t->conf->n_dimensions,
					 tell_dimension, NULL, &t->watch, &e) == 0)
		return 0;
	say(SAY_ERROR, "%s", e.text);
	return -EIO;
}

void topology_stop(struct topology *t)
{
	if (atomic_exchange(&t->stop, true))
		atomic_store(&t->give_up, true);
}

static void run_worker(void *arg, unsigned i)
{
	struct topology *t = arg;
	/* The kernel would add 50 us to each rest, to spare itself. */
	if (t->ports)
		prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS, 0, 0, 0);
	confine_thread();
	worker_run(t->workers[i]);
	atomic_fetch_sub(&t->n_running, 1);
}

static bool any_sink_failed(const struct topology *t)
{
	for (const struct outlet *o = t->all; o; o = o->next)
		for (unsigned i = 0; i < o->of.n_sinks; i++)
			if (shipper_failed(o->sides[i].shipper) && !outlet_is_paired(o, i))
				return true;
	return false;
}

static void stop_waiting(struct topology *t)
{
	for (struct outlet *o = t->all; o; o = o->next)
		handoff_stop_waiting(o->handoff);
	if (t->outlets->letters)
		handoff_stop_waiting(t->outlets->letters);
}

/* A live port goes on: the sinks that failed are tried again. A replay ends; what its spool has
 * stays there. A sink that has another one in its place is waited for.
 */
static void end_replay(struct topology *t)
{
	if (t->ports || !any_sink_failed(t))
		return;
	t->sink_failed = true;
	atomic_store(&t->stop, true);
	stop_waiting(t);
}

/* One line, drawn over itself: how far, how many, how fast. */
static void draw_progress(const struct topology *t, uint64_t since_ns, FILE *out)
{
	double s = (double)(clock_mono_ns() - since_ns) / 1e9;
	const struct capture_stats *st = worker_capture_stats(t->workers[0]);
	uint64_t packets = atomic_load(&st->packets), bytes = atomic_load(&st->bytes);
	uint64_t total = atomic_load(&st->bytes_total);
	fprintf(out, "\r");
	if (total)
		fprintf(out, "%3.0f %%  ", 100.0 * (double)bytes / (double)total);
	fprintf(out, "%" PRIu64 " packets  %.1f MB  %.2f Mpps\033[K", packets, (double)bytes / 1e6,
		(double)packets / s / 1e6);
	fflush(out);
}

/* Called each step while anything runs: a sink that is busy for long is told of once, and
 * does not keep a process from stopping.
 */
static void watch_sink(struct topology *t, struct outlet *o, unsigned i)
{
	struct err e;
	struct sink_side *s = &o->sides[i];
	bool failed = shipper_failed(s->shipper);
	bool stuck = (!failed || o->courier) && shipper_trouble(s->shipper, &e) &&
		     s->n_now == s->n_settled;
	s->n_settled = s->n_now;
	unsigned was_ms = s->still_ms; /* steps are of different lengths */
	s->still_ms = stuck ? was_ms + t->step_ms : 0;
	if (was_ms < TROUBLE_AFTER_MS && s->still_ms >= TROUBLE_AFTER_MS && !failed)
		say(SAY_WARNING, "sink %s: %s; waiting for it", outlet_sink(o, i)->name, e.text);
	if (s->still_ms >= GIVE_UP_AFTER_MS && atomic_load(&t->stop))
		atomic_store(&t->give_up, true);
}

static bool in_trouble(const struct outlet *o)
{
	bool any = false;
	for (unsigned i = 0; i < o->of.n_sinks; i++)
		any |= shipper_trouble(o->sides[i].shipper, NULL);
	return any;
}

static void watch_sinks(struct topology *t)
{
	for (struct outlet *o = t->all; o; o = o->next) {
		if (o->has_thread) /* it looks after its sinks by itself */
			continue;
		if (in_trouble(o)) /* thousands of queues are not summed up each time for nothing */
			outlet_settled(o);
		outlet_tell(o);
		for (unsigned i = 0; i < o->of.n_sinks; i++)
			watch_sink(t, o, i);
	}
	topology_step_outlets(t);
	if (atomic_load(&t->give_up))
		stop_waiting(t);
}

/* What parsers keep across restarts; struct parser's keep_run. */
static int run_keepers(struct topology *t, bool last)
{
	int rc = 0;
	for (unsigned i = 0; i < t->n_keepers; i++) {
		const struct frame_source *s = &t->pipeline->frame_sources[t->keepers[i]];
		struct err e;
		if (s->parser->keep_run(s->keep, last, &e) == 0)
			continue;
		rc = -EIO;
		if (last || strcmp(e.text, t->keep_trouble.text) != 0)
			say(SAY_WARNING, "source %s: %s", s->name, e.text);
		t->keep_trouble = e;
	}
	return rc;
}

/* The service manager hears of us for as long as the workers answer. */
static void feed_watchdog(struct topology *t)
{
	if (!t->watchdog_ms)
		return;
	uint64_t now_ns = clock_mono_ns();
	if (topology_answered(t))
		t->answered_ns = now_ns;
	if (now_ns - t->fed_ns < t->watchdog_ms * NS_PER_MS ||
	    now_ns - t->answered_ns > SILENCE_MAX_NS)
		return;
	t->fed_ns = now_ns;
	notify("WATCHDOG=1");
}

static void wait_for_workers(struct topology *t, struct crew *crew, bool progress, FILE *out)
{
	uint64_t since_ns = clock_mono_ns();
	bool drawn = false;
	for (unsigned ms = 0; atomic_load(&t->n_running) > 0; ms += t->step_ms) {
		t->step_ms = t->ports || ms >= SHORT_MS ? STEP_MS : 1;
		end_replay(t);
		if (!topology_watch_dead(t) && !t->ports) {
			atomic_store(&t->stop, true);
			stop_waiting(t);
		}
		watch_sinks(t);
		topology_watch_links(t);
		run_keepers(t, false);
		if (!topology_reload_step(t))
			topology_publish(t);
		feed_watchdog(t);
		say_tick(false);
		if (progress && ms % PROGRESS_EVERY_MS == PROGRESS_EVERY_MS - t->step_ms) {
			draw_progress(t, since_ns, out);
			drawn = true;
		}
		usleep(1000 * t->step_ms);
	}
	t->step_ms = 1;
	if (drawn)
		fprintf(out, "\r\033[K");
	crew_wait(crew);
	topology_reload_finish(t);
	for (unsigned i = 0; i < t->n_workers; i++)
		topology_answer_for(t, i);
}

/* Of a run, and of a replay that is stopped, what is in a spool stays there. */
static bool is_busy(struct topology *t, uint64_t *io_moved)
{
	bool busy = t->n_moving > 0;
	for (struct outlet *o = t->all; o; o = o->next) {
		if (o->courier && (t->ports || atomic_load(&t->stop)))
			courier_stop_reading(o->courier);
		if (o->has_thread)
			continue;
		busy |= !outlet_is_done(o);
		for (unsigned i = 0; i < o->of.n_sinks; i++)
			*io_moved += o->sides[i].n_now;
	}
	return busy;
}

/* Until the sinks are done with all that was handed over, or are given up. */
static void wait_for_sinks(struct topology *t)
{
	uint64_t moved = 0, now = 0;
	unsigned still_ms = 0;
	while (is_busy(t, &now) && !atomic_load(&t->give_up)) {
		end_replay(t);
		watch_sinks(t);
		topology_watch_dead(t);
		feed_watchdog(t);
		still_ms = now == moved ? still_ms + 1 : 0;
		moved = now;
		now = 0;
		if (still_ms >= GIVE_UP_AFTER_MS && atomic_load(&t->stop))
			atomic_store(&t->give_up, true);
		usleep(1000);
	}
}

/* Those that are left come to their end by themselves, soon, and those after them start in their
 * turn. Then none has a thread: one that gets none for long is stopped with the others.
 */
static void join_left(struct topology *t)
{
	bool any = true;
	for (unsigned ms = 0; any; ms++) {
		topology_step_outlets(t);
		any = false;
		for (struct outlet *o = t->all; o; o = o->next)
			any |= o->has_thread ||
			       (o->has_left && o->started && ms < GIVE_UP_AFTER_MS);
		if (any)
			usleep(1000);
	}
}

static int tell_errors(const struct topology *t)
{
	int rc = 0;
	/* All workers of a replay read the same files and meet the same faults. */
	unsigned n = t->ports ? t->n_workers : 1;
	for (unsigned w = 0; w < n; w++) {
		const char *text;
		for (unsigned i = 0; (text = worker_error(t->workers[w], i)); i++) {
			say(SAY_ERROR, "%s", text);
			rc = -EIO;
		}
	}
	bool unread = false;
	for (unsigned w = 0; w < t->n_workers; w++)
		unread |= worker_unread(t->workers[w]);
	if (unread) {
		say(SAY_ERROR, "stopped before the end of the input");
		rc = -EIO;
	}
	if (t->archive && archive_feed_trouble(t->archive)[0]) {
		say(SAY_ERROR, "%s", archive_feed_trouble(t->archive));
		rc = -EIO;
	}
	return rc;
}

static int stop_sinks(struct topology *t)
{
	bool drain = !atomic_load(&t->give_up);
	int rc = 0;
	join_left(t);
	for (struct outlet *o = t->all; o; o = o->next)
		if (o->started && outlet_stop(o, drain) < 0)
			rc = -EIO;
	return rc;
}

static int start_sinks(struct topology *t, struct err *e)
{
	int rc = topology_start_dead(t, e);
	for (struct outlet *o = t->all; o && rc == 0; o = o->next)
		rc = outlet_start(o, e);
	return rc;
}

/* Without all of them the others end at once: whose sessions nobody reads would be missing. */
static int start_workers(struct topology *t, struct crew **ret_crew)
{
	atomic_store(&t->n_running, t->n_workers);
	unsigned n = crew_start(t->n_workers, run_worker, t, ret_crew);
	if (n == t->n_workers)
		return 0;
	say(SAY_ERROR, "%u of %u workers have started: no threads for more", n, t->n_workers);
	atomic_fetch_sub(&t->n_running, t->n_workers - n);
	topology_stop(t);
	return -EAGAIN;
}

static int confine_itself(void *arg)
{
	(void)arg;
	return confine_thread();
}

int topology_run(struct topology *t, bool progress, FILE *out)
{
	int rc = 0;
	struct crew *crew;
	struct err e;
	if (run_keepers(t, false) < 0)
		return -EIO;
	if (t->ports && confine_call(confine_itself, NULL) < 0)
		say(SAY_WARNING, "this kernel has no seccomp, or lets nobody use it: threads keep "
				 "all system calls");
	if (start_sinks(t, &e) < 0) {
		say(SAY_ERROR, "%s", e.text);
		return -EIO;
	}
	if (topology_watch_dimensions(t) < 0)
		return -EIO;
	t->watchdog_ms = notify_watchdog_ms();
	if (start_workers(t, &crew) < 0)
		rc = -EIO;
	else
		notify("READY=1");
	wait_for_workers(t, crew, progress, out);
	notify("STOPPING=1");
	dim_watch_stop(t->watch);
	t->watch = NULL;
	if (run_keepers(t, true) < 0)
		rc = -EIO;
	wait_for_sinks(t);
	if (stop_sinks(t) < 0 || t->sink_failed)
		rc = -EIO;
	if (topology_stop_dead(t) < 0)
		rc = -EIO;
	if (tell_errors(t) < 0)
		rc = -EIO;
	say_tick(true);
	return rc;
}
