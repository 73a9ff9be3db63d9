/* `sluiced replay --diff OLD.yaml`: what two configurations make of the same files.
 *
 * The old one runs first; its lines go to a file without a name, and a table says where each stands
 * by its queue and _id. Then the new one runs, and each of its lines looks for its own.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "ctl/cmd.h"
#include "ctl/lone.h"
#include "ctl/record_diff.h"
#include "dataplane/base/mem.h"
#include "dataplane/record_pairs.h"

#define TABLE_MIN (1u << 16)

/* A line of the old configuration. */
struct seen {
	uint64_t key;  /* of queue, _id, and how often these came before; 0: free */
	uint64_t hash; /* of the line */
	uint64_t off;  /* in the file */
	uint32_t len;
	uint16_t queue;
	bool matched;
};

struct tally {
	uint64_t equal, changed, added, removed;
};

struct diff {
	const struct config *was, *is;
	FILE *lines; /* of the old one */
	uint64_t end;
	struct seen *table;
	size_t n, cap;
	struct tally *tallies; /* by queue of the new one, then of the old one */
	bool broken;           /* a file, or standard output, takes no more */
};

static struct seen *place_of(const struct diff *d, uint64_t key)
{
	size_t i = key & (d->cap - 1);
	while (d->table[i].key && d->table[i].key != key)
		i = (i + 1) & (d->cap - 1);
	return &d->table[i];
}

static bool grow(struct diff *d)
{
	struct diff larger = *d;
	larger.cap = d->cap ? 2 * d->cap : TABLE_MIN;
	larger.table = mem_alloc(larger.cap * sizeof(*larger.table));
	if (!larger.table)
		return false;
	for (size_t i = 0; i < d->cap; i++)
		if (d->table[i].key)
			*place_of(&larger, d->table[i].key) = d->table[i];
	mem_free(d->table);
	*d = larger;
	return true;
}

/* Of the @nth line with this queue and _id. */
static uint64_t key_of(const char *queue, struct slice line, uint64_t nth)
{
	uint64_t key = record_pairs_key(line, XXH3_64bits_withSeed(queue, strlen(queue), nth));
	return key ? key : 1;
}

static bool keep_line(void *arg, unsigned queue, struct slice line)
{
	struct diff *d = arg;
	uint64_t key, nth = 0;
	if (2 * d->n >= d->cap && !grow(d))
		return false;
	do
		key = key_of(d->was->queues[queue].name, line, nth++);
	while (place_of(d, key)->key);
	*place_of(d, key) = (struct seen){.key = key,
					  .hash = XXH3_64bits(line.ptr, line.len),
					  .off = d->end,
					  .len = (uint32_t)line.len,
					  .queue = (uint16_t)queue};
	d->n++;
	d->end += line.len;
	d->broken = fwrite(line.ptr, 1, line.len, d->lines) != line.len;
	return !d->broken;
}

/* Freed by the caller; NULL: it cannot be read. */
static char *read_line(struct diff *d, const struct seen *s)
{
	char *text = malloc(s->len + 1);
	if (text && pread(fileno(d->lines), text, s->len, (off_t)s->off) == (ssize_t)s->len) {
		text[s->len] = '\0';
		return text;
	}
	free(text);
	d->broken = true;
	return NULL;
}

static void print_changed(struct diff *d, const struct seen *s, const char *queue,
			  struct slice line)
{
	char *was = read_line(d, s);
	if (!was)
		return;
	record_diff_write(stdout, "changed", queue, slice_of(was, s->len), line);
	free(was);
}

static bool compare_line(void *arg, unsigned queue, struct slice line)
{
	struct diff *d = arg;
	const char *name = d->is->queues[queue].name;
	struct tally *t = &d->tallies[queue];
	struct seen *s;
	uint64_t nth = 0;
	do
		s = place_of(d, key_of(name, line, nth++));
	while (s->key && s->matched);
	if (!s->key) {
		t->added++;
		record_diff_write(stdout, "added", name, (struct slice){0}, line);
	} else if (s->matched = true, s->hash == XXH3_64bits(line.ptr, line.len)) {
		t->equal++;
	} else {
		t->changed++;
		print_changed(d, s, name, line);
	}
	return !d->broken && !ferror(stdout);
}

static int by_place(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;
	return (x->off > y->off) - (x->off < y->off);
}

/* What the new configuration did not make, in the order of the old one. */
static void print_removed(struct diff *d)
{
	size_t n = 0;
	for (size_t i = 0; i < d->cap; i++)
		if (d->table[i].key && !d->table[i].matched)
			d->table[n++] = d->table[i];
	if (n)
		qsort(d->table, n, sizeof(*d->table), by_place);
	for (size_t i = 0; i < n && !d->broken; i++) {
		const struct seen *s = &d->table[i];
		char *text = read_line(d, s);
		d->tallies[d->is->n_queues + s->queue].removed++;
		if (text)
			record_diff_write(stdout, "removed", d->was->queues[s->queue].name,
					  slice_of(text, s->len), (struct slice){0});
		free(text);
	}
}

/* True: they made the same. */
static bool tell(const struct diff *d)
{
	bool same = true;
	for (size_t q = 0; q < d->is->n_queues + d->was->n_queues; q++) {
		struct tally t = d->tallies[q];
		bool is_new = q < d->is->n_queues;
		const char *name =
			is_new ? d->is->queues[q].name : d->was->queues[q - d->is->n_queues].name;
		same = same && !t.changed && !t.added && !t.removed;
		for (size_t k = 0; is_new && k < d->was->n_queues; k++)
			if (strcmp(d->was->queues[k].name, name) == 0)
				t.removed += d->tallies[d->is->n_queues + k].removed;
		for (size_t k = 0; !is_new && k < d->is->n_queues; k++)
			if (strcmp(d->is->queues[k].name, name) == 0)
				name = NULL, k = d->is->n_queues;
		if (name)
			fprintf(stderr,
				"sluiced: diff: %s: %" PRIu64 " the same, %" PRIu64
				" changed, %" PRIu64 " added, %" PRIu64 " removed\n",
				name, t.equal, t.changed, t.added, t.removed);
	}
	return same;
}

/* Runs @c over the files. False, with the reason told: it did not come to the end. */
static bool run(struct diff *d, const struct config *c, const struct replay_conf *rc,
		lone_line *line)
{
	struct pipeline *p = NULL;
	struct lone *l = NULL;
	struct err e;
	bool whole = false;
	if (pipeline_build(c, &p, &e) < 0 ||
	    lone_create(p, &p->graph, (unsigned)c->n_queues, rc, line, d, &l, &e) < 0)
		fprintf(stderr, "sluiced: %s\n", e.text);
	else
		whole = lone_run(l, stderr);
	lone_destroy(l);
	pipeline_destroy(p);
	return whole;
}

int cmd_diff(const struct config *was, const struct config *is, const struct replay_conf *rc)
{
	struct diff d = {.was = was, .is = is, .lines = tmpfile()};
	int code = 2;
	d.tallies = mem_alloc((was->n_queues + is->n_queues + 1) * sizeof(*d.tallies));
	if (!d.lines || !d.tallies || !grow(&d)) {
		fprintf(stderr, "sluiced: --diff: no file, or no memory, to keep records in: %s\n",
			strerror(errno));
	} else if (run(&d, was, rc, keep_line) && fflush(d.lines) == 0 &&
		   run(&d, is, rc, compare_line)) {
		print_removed(&d);
		code = tell(&d) ? 0 : 1;
		if (d.broken || fflush(stdout) != 0) {
			fprintf(stderr, "sluiced: --diff: not all could be kept or written\n");
			code = 2;
		}
	}
	if (d.lines)
		fclose(d.lines);
	mem_free(d.table);
	mem_free(d.tallies);
	return code;
}
