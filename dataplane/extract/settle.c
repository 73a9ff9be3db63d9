#include "dataplane/extract/settle.h"

#include <stdio.h>

#include "dataplane/base/bsd_time.h"
#include "dataplane/extract/dfa.h"

/* Where the stamps lead that have been looked at so far. */
struct states {
	unsigned n;
	uint16_t s[DFA_STATES_MAX];
};

struct look {
	const struct dfa *d;
	uint8_t behind;
	struct states at, next;
	bool failed;
};

/* @text as the next part of all stamps. */
static void take(struct look *l, const char *text)
{
	for (unsigned i = 0; i < l->at.n && !l->failed; i++) {
		uint16_t s = l->at.s[i];
		for (const char *c = text; *c; c++) {
			if (dfa_accepts(l->d, s) && (uint8_t)*c == l->behind)
				l->failed = true; /* a shorter text */
			s = dfa_step(l->d, s, (uint8_t)*c);
		}
		unsigned k = 0;
		while (k < l->next.n && l->next.s[k] != s)
			k++;
		if (k == l->next.n)
			l->next.s[l->next.n++] = s;
		l->failed = l->failed || s == DFA_DEAD;
	}
}

static void take_numbers(struct look *l, const char *format, int lo, int hi)
{
	char text[16];
	for (int i = lo; i <= hi; i++) {
		snprintf(text, sizeof(text), i < 10 ? format : "%d", i);
		take(l, text);
	}
}

/* What was taken last were all ways to write one part. */
static void part_ends(struct look *l)
{
	l->at = l->next;
	l->next.n = 0;
}

static void take_stamps(struct look *l)
{
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	static const char *const clock[] = {" ", ":", ":"};
	for (unsigned i = 0; i < 12; i++)
		take(l, months[i]);
	part_ends(l);
	take(l, " ");
	part_ends(l);
	take_numbers(l, " %d", 1, 31);
	take_numbers(l, "0%d", 1, 9);
	part_ends(l);
	for (unsigned i = 0; i < 3; i++) {
		take(l, clock[i]);
		part_ends(l);
		take_numbers(l, "0%d", 0, i == 0 ? 23 : 59);
		part_ends(l);
	}
}

bool settle_by_bsd_time(const struct node *n, uint8_t behind)
{
	if (n->len_min > BSD_TIME_LEN || n->len_max < BSD_TIME_LEN)
		return false;
	struct dfa *d = dfa_create(n);
	if (!d)
		return false;
	struct look l = {.d = d, .behind = behind};
	l.at.s[l.at.n++] = dfa_start(d);
	take_stamps(&l);
	for (unsigned i = 0; i < l.at.n; i++) {
		bool longer = dfa_step(d, l.at.s[i], behind) != DFA_DEAD;
		l.failed = l.failed || longer || !dfa_accepts(d, l.at.s[i]);
	}
	dfa_destroy(d);
	return !l.failed;
}

bool settle_by_text(const struct node *n, const uint8_t *text, size_t len)
{
	struct dfa *d = dfa_create(n);
	if (!d)
		return false;
	uint16_t s = dfa_start(d);
	bool fits = dfa_accepts(d, s);
	for (size_t i = 0; i < len && !fits && s != DFA_DEAD; i++) {
		s = dfa_step(d, s, text[i]);
		fits = dfa_accepts(d, s);
	}
	dfa_destroy(d);
	return !fits && s == DFA_DEAD;
}
