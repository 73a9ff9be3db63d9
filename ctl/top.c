#include "ctl/top.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/latency_row.h"
#include "ctl/render.h"
#include "dataplane/base/clock.h"

/* A table, the columns that become rates, and how it is shown. */
struct pane {
	const char *command, *key;
	const char *rates[4];
	const char *columns;
};

static const struct pane panes[] = {
	{"streams",
	 "stream",
	 {"bytes", "records"},
	 "stream parser bytes/s records/s bytes_lost records_lost"},
	{"queues",
	 "queue",
	 {"records", "written"},
	 "queue sink records/s written/s in_flight lost"},
	{"sinks",
	 "sink",
	 {"records", "written"},
	 "sink type records/s written/s in_flight lost trouble"},
	{"workers",
	 "worker",
	 {"packets", "bytes", "missed"},
	 "worker core node reads packets/s bytes/s busy% missed/s missed"},
};

#define N_PANES (sizeof(panes) / sizeof(panes[0]))

struct top {
	struct client *client;
	json_t *before[N_PANES]; /* NULL at the first screen */
	json_t *latency;         /* of the screen before */
	json_t *losses;          /* of the first */
	uint64_t at_ns;
};

static int ask(struct top *t, const char *command, json_t **ret_reply, struct err *e)
{
	return client_run(t->client, command, false, NULL, 0, ret_reply, e);
}

static const json_t *row_of(const json_t *rows, const char *key, const json_t *value)
{
	json_t *row;
	size_t i;
	json_array_foreach((json_t *)rows, i,
			   row) if (json_equal(json_object_get(row, key), value)) return row;
	return NULL;
}

static void set_rate(json_t *row, const json_t *before, const char *column, double s)
{
	char name[64];
	json_int_t now = json_integer_value(json_object_get(row, column));
	json_int_t then = json_integer_value(json_object_get(before, column));
	snprintf(name, sizeof(name), "%s/s", column);
	json_object_set_new(row, name,
			    before ? json_integer((json_int_t)((double)(now - then) / s))
				   : json_null());
}

/* Percentiles of the time between two screens. */
static void since_before(json_t *rows, const json_t *before)
{
	json_t *row, *old;
	size_t i;
	json_array_foreach(rows, i, row)
	{
		old = json_array_get(json_object_get(before, "rows"), i);
		if (json_equal(json_object_get(row, "scope"), json_object_get(old, "scope")))
			latency_row_since(row, old);
	}
}

static int show_latency(struct top *t, struct err *e)
{
	json_t *reply;
	int rc = ask(t, "latency", &reply, e);
	if (rc < 0)
		return rc;
	json_t *kept = json_deep_copy(reply);
	since_before(json_object_get(reply, "rows"), t->latency);
	putchar('\n');
	render_reply(reply, "stage scope p50_us p90_us p99_us max_us", isatty(STDOUT_FILENO),
		     stdout);
	json_decref(t->latency);
	json_decref(reply);
	t->latency = kept;
	return 0;
}

/* Of a worker: which part of its looks found something, in percent. */
static void set_busy(json_t *row, const json_t *before)
{
	static const char *const keys[] = {"polls", "empty_polls"};
	json_int_t d[2];
	for (unsigned i = 0; i < 2; i++)
		d[i] = json_integer_value(json_object_get(row, keys[i])) -
		       json_integer_value(json_object_get(before, keys[i]));
	json_object_set_new(row, "busy%",
			    before && d[0] > 0 ? json_integer(100 * (d[0] - d[1]) / d[0])
					       : json_null());
}

static int show_pane(struct top *t, unsigned i, double s, struct err *e)
{
	const struct pane *p = &panes[i];
	json_t *reply, *row;
	size_t k;
	int rc = ask(t, p->command, &reply, e);
	if (rc < 0)
		return rc;
	json_t *rows = json_object_get(reply, "rows");
	json_array_foreach(rows, k, row)
	{
		const json_t *before = t->before[i] ? row_of(json_object_get(t->before[i], "rows"),
							     p->key, json_object_get(row, p->key))
						    : NULL;
		for (unsigned c = 0; c < 4 && p->rates[c]; c++)
			set_rate(row, before, p->rates[c], s);
		if (json_object_get(row, "polls"))
			set_busy(row, before);
	}
	putchar('\n');
	render_reply(reply, p->columns, isatty(STDOUT_FILENO), stdout);
	json_decref(t->before[i]);
	t->before[i] = reply;
	return 0;
}

/* What was lost since the first screen. */
static int show_losses(struct top *t, struct err *e)
{
	json_t *reply, *row;
	size_t i, n = 0;
	int rc = ask(t, "losses", &reply, e);
	if (rc < 0)
		return rc;
	if (!t->losses)
		t->losses = json_incref(reply);
	json_array_foreach(json_object_get(reply, "rows"), i, row)
	{
		json_int_t then = 0, now = json_integer_value(json_object_get(row, "count"));
		json_t *old;
		size_t k;
		json_array_foreach(json_object_get(t->losses, "rows"), k,
				   old) if (json_equal(json_object_get(old, "stage"),
						       json_object_get(row, "stage")) &&
					    json_equal(json_object_get(old, "scope"),
						       json_object_get(row, "scope")) &&
					    json_equal(json_object_get(old, "unit"),
						       json_object_get(row, "unit")) &&
					    json_equal(json_object_get(old, "name"),
						       json_object_get(row, "name"))) then =
			json_integer_value(json_object_get(old, "count"));
		if (now <= then)
			continue;
		printf("%s%s %s: %" JSON_INTEGER_FORMAT " %s %s: %s\n",
		       n++ ? "" : "\nlost since this screen was opened:\n",
		       json_string_value(json_object_get(row, "stage")),
		       json_string_value(json_object_get(row, "scope")), now - then,
		       json_string_value(json_object_get(row, "unit")),
		       json_string_value(json_object_get(row, "name")),
		       json_string_value(json_object_get(row, "help")));
	}
	if (n == 0)
		puts("\nnothing lost since this screen was opened");
	json_decref(reply);
	return 0;
}

static int show_screen(struct top *t, bool screen, struct err *e)
{
	json_t *status;
	int rc = ask(t, "status", &status, e);
	if (rc < 0)
		return rc;
	uint64_t now_ns = clock_mono_ns();
	double s = (double)(now_ns - t->at_ns) / 1e9;
	t->at_ns = now_ns;
	fputs(screen ? "\033[H\033[2J" : "", stdout);
	render_reply(status, NULL, screen, stdout);
	json_decref(status);
	for (unsigned i = 0; rc == 0 && i < N_PANES; i++)
		rc = show_pane(t, i, s, e);
	rc = rc == 0 ? show_latency(t, e) : rc;
	return rc == 0 ? show_losses(t, e) : rc;
}

int top_run(struct client *c, unsigned every_s, unsigned n, bool screen, struct err *e)
{
	struct top t = {.client = c, .at_ns = clock_mono_ns()};
	int rc = 0;
	for (unsigned i = 0; rc == 0 && (n == 0 || i < n); i++) {
		if (i > 0)
			sleep(every_s);
		rc = show_screen(&t, screen, e);
		fflush(stdout);
	}
	for (unsigned i = 0; i < N_PANES; i++)
		json_decref(t.before[i]);
	json_decref(t.latency);
	json_decref(t.losses);
	return rc;
}
