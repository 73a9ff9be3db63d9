#include "ctl/show_tap.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/signal_stop.h"

/* The last line that was no record. */
struct told {
	json_t *counts;
};

/* False: it is a record. @o is moved. */
static bool take_other(struct told *t, json_t *o)
{
	const json_t *reloaded = json_object_get(o, "reloaded");
	bool is_counts = json_object_get(o, "counts") != NULL;
	if (is_counts) {
		json_decref(t->counts);
		t->counts = o;
		return true;
	}
	if (reloaded)
		fprintf(stderr,
			"sluicectl: tap %s: reloaded: generation %" JSON_INTEGER_FORMAT "\n",
			json_string_value(json_object_get(o, "tap")),
			json_integer_value(json_object_get(reloaded, "generation")));
	json_decref(o);
	return reloaded;
}

static bool take_line(void *arg, const char *text, size_t len)
{
	/* A record is passed on as it is; the other lines are short. */
	if (len < 1024 && take_other(arg, json_loadb(text, len, 0, NULL)))
		return true;
	fwrite(text, 1, len, stdout);
	fputc('\n', stdout);
	return fflush(stdout) == 0;
}

static void tell(const struct told *t)
{
	static const char *const left_out[][2] = {
		{"filtered", "for which the condition does not hold"},
		{"failed", "on which the condition failed"},
		{"over_rate", "more than the rate"},
		{"no_room", "that found no room"},
	};
	const json_t *counts = json_object_get(t->counts, "counts");
	const char *before = "; left out: ";
	const char *end = json_string_value(json_object_get(t->counts, "end"));
	fprintf(stderr,
		"sluicectl: tap %s: %" JSON_INTEGER_FORMAT " seen, %" JSON_INTEGER_FORMAT " shown",
		json_string_value(json_object_get(t->counts, "tap")),
		json_integer_value(json_object_get(counts, "seen")),
		json_integer_value(json_object_get(counts, "shown")));
	for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++) {
		json_int_t n = json_integer_value(json_object_get(counts, left_out[i][0]));
		if (n)
			fprintf(stderr, "%s%" JSON_INTEGER_FORMAT " %s", before, n, left_out[i][1]);
		before = n ? ", " : before;
	}
	fprintf(stderr, "%s%s\n", end ? "; the end: " : "", end ? end : "");
}

int show_tap(struct client *c, const char *command, const char *const *pairs, unsigned n,
	     struct err *e)
{
	struct told t = {0};
	int rc = client_stream(c, command, false, pairs, n, take_line, &t, signal_stop(), e);
	if (t.counts)
		tell(&t);
	json_decref(t.counts);
	return rc;
}
