#include "ctl/lookup.h"

#include <errno.h>
#include <stdlib.h>

#include "ctl/memlist.h"
#include "dataplane/base/text.h"

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;
	return m < c ? m : c;
}

size_t lookup_distance(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b);
	if (na > LOOKUP_NEAR_MAX || nb > LOOKUP_NEAR_MAX)
		return SIZE_MAX;

	/* Three rows of the usual matrix: the swap of two neighbours looks two rows back. */
	size_t rows[3][LOOKUP_NEAR_MAX + 1];
	size_t *back2 = rows[0], *back = rows[1], *row = rows[2];
	for (size_t j = 0; j <= nb; j++)
		back[j] = j;
	for (size_t i = 1; i <= na; i++) {
		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			uint8_t x = text_lower((uint8_t)a[i - 1]);
			uint8_t y = text_lower((uint8_t)b[j - 1]);
			row[j] = min3(back[j] + 1, row[j - 1] + 1, back[j - 1] + (x != y));
			if (i > 1 && j > 1 && x == text_lower((uint8_t)b[j - 2]) &&
			    y == text_lower((uint8_t)a[i - 2]) && back2[j - 2] + 1 < row[j])
				row[j] = back2[j - 2] + 1;
		}
		size_t *spare = back2;
		back2 = back;
		back = row;
		row = spare;
	}
	return back[nb];
}

void lookup_offer(const char *name, const char *candidate, const char **io_best)
{
	size_t len = strlen(name), n_other = strlen(candidate);
	size_t bound = len < 6 ? 1 + (len > 3) : len / 3;
	if (n_other > len + bound || len > n_other + bound)
		return;
	size_t d = lookup_distance(name, candidate);
	bool nothing_alike = d >= len && d >= n_other;
	if (d > bound || nothing_alike)
		return;
	if (!*io_best || d < lookup_distance(name, *io_best))
		*io_best = candidate;
}

static int compare(const void *pa, const void *pb)
{
	const struct lookup_name *a = pa, *b = pb;
	int d = strcmp(a->name, b->name);
	return d ? d : a->idx < b->idx ? -1 : a->idx > b->idx;
}

int lookup_init(struct lookup *l, struct memlist *m, const void *first_name, size_t n,
		size_t stride)
{
	l->n = n;
	l->names = memlist_array(m, n, sizeof(*l->names));
	if (!l->names)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const char *const *name = (const void *)((const uint8_t *)first_name + i * stride);
		l->names[i] = (struct lookup_name){*name, i};
	}
	if (n > 1)
		qsort(l->names, n, sizeof(*l->names), compare);
	return 0;
}

long lookup_find(const struct lookup *l, const char *name)
{
	size_t lo = 0, hi = l->n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (strcmp(l->names[mid].name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == l->n || strcmp(l->names[lo].name, name) != 0)
		return -1;
	return (long)l->names[lo].idx;
}

const char *lookup_nearest(const struct lookup *l, const char *name)
{
	const char *best = NULL;
	for (size_t i = 0; i < l->n; i++)
		lookup_offer(name, l->names[i].name, &best);
	return best;
}
