#include "ctl/show_shadow.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/signal_stop.h"

#define END_TRIES   100
#define END_WAIT_US 30000

struct told {
	bool json, drawn;
	json_t *counts; /* the last ones */
};

static json_int_t number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static void draw(struct told *t)
{
	json_int_t sum[4] = {0};
	static const char *const names[] = {"same", "changed", "removed", "added"};
	const json_t *rows = json_object_get(t->counts, "rows");
	for (size_t i = 0; i < json_array_size(rows); i++)
		for (unsigned k = 0; k < 4; k++)
			sum[k] += number(json_array_get(rows, i), names[k]);
	fprintf(stderr, "\r%" JSON_INTEGER_FORMAT " s", number(t->counts, "seconds"));
	for (unsigned k = 0; k < 4; k++)
		fprintf(stderr, "  %" JSON_INTEGER_FORMAT " %s", sum[k], names[k]);
	fputs("\033[K", stderr);
	t->drawn = true;
}

static bool take_line(void *arg, const char *text, size_t len)
{
	struct told *t = arg;
	bool is_count = len > 10 && memcmp(text, "{\"shadow\":", 10) == 0;
	if (is_count) {
		json_decref(t->counts);
		t->counts = json_loadb(text, len, 0, NULL);
	}
	if (is_count && !t->json) {
		if (isatty(STDERR_FILENO))
			draw(t);
		return true;
	}
	if (t->drawn)
		fputs("\r\033[K", stderr);
	fwrite(text, 1, len, stdout);
	fputc('\n', stdout);
	return fflush(stdout) == 0;
}

static bool is_under_way(const json_t *counts)
{
	const char *state = json_string_value(json_object_get(counts, "shadow"));
	return state && strcmp(state, "runs") == 0;
}

/* True: all was the same. */
static bool tell(const struct told *t)
{
	const json_t *o = t->counts, *rows = json_object_get(o, "rows");
	const char *state = json_string_value(json_object_get(o, "shadow"));
	const char *why = json_string_value(json_object_get(o, "why"));
	json_int_t frames = number(o, "frames"), compared = number(o, "compared");
	bool same = state && strcmp(state, "ended") == 0;
	if (t->drawn)
		fputs("\r\033[K", stderr);
	if (!rows) {
		fprintf(stderr, "sluicectl: shadow: %s\n", why ? why : "it broke off");
		return false;
	}
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *r = json_array_get(rows, i);
		same &= !number(r, "changed") && !number(r, "removed") && !number(r, "added");
		fprintf(stderr,
			"sluicectl: shadow: %s: %" JSON_INTEGER_FORMAT
			" the same, %" JSON_INTEGER_FORMAT " changed, %" JSON_INTEGER_FORMAT
			" added, %" JSON_INTEGER_FORMAT " removed\n",
			json_string_value(json_object_get(r, "queue")), number(r, "same"),
			number(r, "changed"), number(r, "added"), number(r, "removed"));
	}
	fprintf(stderr,
		"sluicectl: shadow: %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT
		" frames in %" JSON_INTEGER_FORMAT " s were looked at (%.1f %%)%s%s\n",
		compared, frames, number(o, "seconds"),
		frames ? 100.0 * (double)compared / (double)frames : 100.0, why && *why ? "; " : "",
		why ? why : "");
	return same;
}

/* Broken off here: sluiced ends it when it finds that nobody reads any more, and only its last
 * counts have the records that wait for their like.
 */
static int take_end(struct client *c, struct told *t, struct err *e)
{
	json_t *reply = NULL;
	int rc = 0;
	for (unsigned tries = 0; rc == 0 && tries < END_TRIES; tries++) {
		usleep(END_WAIT_US);
		rc = client_run(c, "shadow status", false, NULL, 0, &reply, e);
		const char *state =
			rc == 0 ? json_string_value(json_object_get(reply, "shadow")) : NULL;
		if (state && strcmp(state, "ended") == 0)
			break;
		json_decref(reply);
		reply = NULL;
	}
	if (!reply)
		return rc;
	json_decref(t->counts);
	t->counts = reply;
	if (t->json) {
		json_dumpf(reply, stdout, JSON_COMPACT);
		putchar('\n');
	}
	return 0;
}

int show_shadow(struct client *c, const char *command, const char *const *pairs, unsigned n,
		bool json, bool *ret_same, struct err *e)
{
	struct told t = {.json = json};
	int rc = client_stream(c, command, true, pairs, n, take_line, &t, signal_stop(), e);
	if (rc == 0 && t.counts && *signal_stop() && is_under_way(t.counts))
		rc = take_end(c, &t, e);
	*ret_same = rc == 0 && t.counts && tell(&t);
	json_decref(t.counts);
	return rc;
}
