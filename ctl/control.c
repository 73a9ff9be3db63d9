#include "ctl/control.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/base/clock.h"
#include "dataplane/base/mem.h"

#define TOTALS_MAX  120 /* a minute, at two reports a second */
#define STALE_AFTER (5 * NS_PER_S)

/* What `status` compares over time. */
struct totals {
	uint64_t at_ns;
	uint64_t packets, records, written;
	struct report_lost lost;
	uint64_t off; /* rows that do not balance */
};

/* A report, and how many read it. */
struct shown {
	struct report *r;
	uint64_t at_ns;
	unsigned n_readers;
	struct shown *next; /* older */
};

struct control {
	const struct config *conf;
	const struct control_ops *ops;
	void *arg;
	uint64_t started_ns;
	pthread_rwlock_t runs; /* of conf, and of what ops work on */
	pthread_mutex_t lock;
	struct shown *shown; /* the last, then older ones that somebody still reads */
	struct totals totals[TOTALS_MAX];
	unsigned n_totals; /* ever */
};

/* Older reports that nobody reads any more: out of the list, to be freed without the lock. */
static struct shown *take_old(struct control *c)
{
	struct shown *old = NULL;
	for (struct shown **at = &c->shown->next; *at;) {
		struct shown *s = *at;
		if (s->n_readers) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		s->next = old;
		old = s;
	}
	return old;
}

static void free_all(struct shown *s)
{
	for (struct shown *next; s; s = next) {
		next = s->next;
		report_destroy(s->r);
		mem_free(s);
	}
}

struct control *control_create(const struct config *conf, const struct control_ops *parts,
			       void *arg)
{
	struct control *c = mem_alloc(sizeof(*c));
	struct report *none = report_create();
	if (!c || !none) {
		mem_free(c);
		report_destroy(none);
		return NULL;
	}
	c->conf = conf;
	c->ops = parts;
	c->arg = arg;
	c->started_ns = clock_mono_ns();
	/* Who exchanges what runs waits for those inside, and not for all that come after them. */
	pthread_rwlockattr_t fair;
	pthread_rwlockattr_init(&fair);
	pthread_rwlockattr_setkind_np(&fair, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&c->runs, &fair);
	pthread_rwlockattr_destroy(&fair);
	pthread_mutex_init(&c->lock, NULL);
	control_publish(c, none);
	if (c->shown)
		return c;
	control_destroy(c);
	return NULL;
}

void control_destroy(struct control *c)
{
	if (!c)
		return;
	free_all(c->shown);
	pthread_mutex_destroy(&c->lock);
	pthread_rwlock_destroy(&c->runs);
	mem_free(c);
}

static void add_row(void *arg, const struct ledger_table *t, const char *scope,
		    const uint64_t *cols)
{
	struct totals *sum = arg;
	(void)scope;
	if (strcmp(t->stage, "port") == 0)
		sum->packets += ledger_sum(t, cols, LEDGER_IN);
	else if (strcmp(t->stage, "queue") == 0)
		sum->records += ledger_sum(t, cols, LEDGER_IN);
	else if (strcmp(t->stage, "sink") == 0)
		sum->written += ledger_sum(t, cols, LEDGER_OUT);
}

void control_publish(struct control *c, struct report *r)
{
	struct totals sum = {.at_ns = clock_mono_ns(), .off = report_imbalances(r)};
	struct shown *s = mem_alloc(sizeof(*s));
	if (!s) {
		report_destroy(r);
		return;
	}
	report_each(r, add_row, &sum);
	report_losses_by_unit(r, &sum.lost);
	*s = (struct shown){.r = r, .at_ns = sum.at_ns};
	pthread_mutex_lock(&c->lock);
	s->next = c->shown;
	c->shown = s;
	c->totals[c->n_totals++ % TOTALS_MAX] = sum;
	struct shown *old = take_old(c);
	pthread_mutex_unlock(&c->lock);
	free_all(old);
}

void control_lock(struct control *c)
{
	pthread_rwlock_wrlock(&c->runs);
}

void control_unlock(struct control *c)
{
	pthread_rwlock_unlock(&c->runs);
}

void control_set_config(struct control *c, const struct config *conf)
{
	c->conf = conf;
}

void control_enter(struct control *c)
{
	pthread_rwlock_rdlock(&c->runs);
}

void control_leave(struct control *c)
{
	pthread_rwlock_unlock(&c->runs);
}

const struct config *control_config(const struct control *c)
{
	return c->conf;
}

const struct control_ops *control_parts(const struct control *c, void **ret_arg)
{
	*ret_arg = c->arg;
	return c->ops;
}

struct report *control_report_get(struct control *c, uint64_t *ret_age_ns)
{
	pthread_mutex_lock(&c->lock);
	struct shown *s = c->shown;
	s->n_readers++;
	if (ret_age_ns)
		*ret_age_ns = clock_mono_ns() - s->at_ns;
	pthread_mutex_unlock(&c->lock);
	return s->r;
}

void control_report_put(struct control *c, struct report *r)
{
	pthread_mutex_lock(&c->lock);
	for (struct shown *s = c->shown; s; s = s->next)
		if (s->r == r)
			s->n_readers--;
	struct shown *old = take_old(c);
	pthread_mutex_unlock(&c->lock);
	free_all(old);
}

/* ---- status ---- */

/* The last totals, and those of about @ns before. */
static struct totals totals_now(struct control *c, uint64_t ns, struct totals *ret_before)
{
	pthread_mutex_lock(&c->lock);
	unsigned n = c->n_totals < TOTALS_MAX ? c->n_totals : TOTALS_MAX;
	struct totals now = c->totals[(c->n_totals - 1) % TOTALS_MAX];
	*ret_before = now;
	for (unsigned i = 1; i < n && now.at_ns - ret_before->at_ns < ns; i++)
		*ret_before = c->totals[(c->n_totals - 1 - i) % TOTALS_MAX];
	pthread_mutex_unlock(&c->lock);
	return now;
}

static uint64_t per_s(uint64_t now, uint64_t before, uint64_t ns)
{
	return ns && now > before ? (uint64_t)((double)(now - before) * 1e9 / (double)ns) : 0;
}

static void set_u64(json_t *o, const char *key, uint64_t v)
{
	json_object_set_new(o, key, json_integer((json_int_t)v));
}

static void add_text(json_t *list, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add_text(json_t *list, const char *fmt, ...)
{
	char text[600];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_array_append_new(list, json_string(text));
}

/* Of what @list gives: sinks that take nothing, or do not now, and ports without a link. */
static bool add_trouble(struct control *c, void (*list)(void *arg, json_t *rows), const char *kind,
			const char *name, json_t *why)
{
	json_t *rows = json_array(), *row;
	size_t i;
	bool any = false;
	list(c->arg, rows);
	json_array_foreach(rows, i, row)
	{
		const char *text = json_string_value(json_object_get(row, "trouble"));
		if (!text || !*text)
			continue;
		any = true;
		add_text(why, "%s %s: %s", kind, json_string_value(json_object_get(row, name)),
			 text);
	}
	json_decref(rows);
	return any;
}

/* What was lost between @before and @now, each in its own unit. */
static bool add_losses(const struct report_lost *now, const struct report_lost *before, json_t *why)
{
	char text[200];
	size_t n = 0;
#define ADD(unit)                                                                     \
	if (now->unit > before->unit)                                                 \
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%" PRIu64 " %s", \
				      n ? ", " : "", now->unit - before->unit, #unit);
	REPORT_UNITS(ADD)
#undef ADD
	if (n)
		add_text(why, "%s lost or missed in the last minute: `sluicectl losses`", text);
	return n > 0;
}

/* The worst that is true; every reason is named. */
static const char *judge(struct control *c, const struct totals *now, const struct totals *before,
			 json_t *why)
{
	uint64_t age_ns = clock_mono_ns() - now->at_ns;
	const char *state = "ok";
	if (add_trouble(c, c->ops->sinks, "sink", "sink", why))
		state = "trouble";
	if (add_trouble(c, c->ops->ports, "port", "device", why))
		state = "trouble";
	if (add_losses(&now->lost, &before->lost, why))
		state = "losing";
	if (age_ns > STALE_AFTER) {
		state = "stuck";
		add_text(why, "a worker has told nothing for %" PRIu64 " s",
			 (uint64_t)(age_ns / NS_PER_S));
	}
	if (now->off) {
		state = "unbalanced";
		add_text(why, "%" PRIu64 " rows of the ledger do not balance: a bug of sluice",
			 now->off);
	}
	return state;
}

json_t *control_status(struct control *c)
{
	json_t *o = json_object(), *why = json_array(), *rates = json_object();
	json_t *lost = json_object();
	struct totals minute_ago, before, now = totals_now(c, 60 * NS_PER_S, &minute_ago);
	totals_now(c, 5 * NS_PER_S, &before);
	uint64_t ns = now.at_ns - before.at_ns;
	json_object_set_new(o, "state", json_string(judge(c, &now, &minute_ago, why)));
	json_object_set_new(o, "why", why);
	json_object_set_new(o, "version", json_string(SL_VERSION));
	json_object_set_new(o, "config", json_string(c->conf->path));
	json_object_set_new(o, "pid", json_integer(getpid()));
	set_u64(o, "uptime_s", (clock_mono_ns() - c->started_ns) / NS_PER_S);
	set_u64(o, "packets", now.packets);
	set_u64(o, "records", now.records);
	set_u64(o, "written", now.written);
#define SET(unit) set_u64(lost, #unit, now.lost.unit);
	REPORT_UNITS(SET)
#undef SET
	json_object_set_new(o, "lost", lost);
	set_u64(rates, "packets_per_s", per_s(now.packets, before.packets, ns));
	set_u64(rates, "records_per_s", per_s(now.records, before.records, ns));
	set_u64(rates, "written_per_s", per_s(now.written, before.written, ns));
	json_object_set_new(o, "rates", rates);
	return o;
}
