#include "dataplane/sink/queued.h"

#include <string.h>

void queued_init(struct queued_lists *l, void *first, size_t n, size_t size)
{
	*l = (struct queued_lists){.settled_end = &l->settled};
	while (n-- > 0) {
		struct queued *q = (void *)((uint8_t *)first + n * size);
		q->next = l->free;
		l->free = q;
	}
}

struct queued *queued_begin(struct queued_lists *l, const struct out_batch *b)
{
	struct queued *q = l->free;
	if (!q)
		return NULL;
	l->free = q->next;
	q->next = NULL;
	q->n_left = b->n_recs;
	/* It is given back by its report, so it is not only looked at. */
	q->report = (struct sink_report){.b = (struct out_batch *)(uintptr_t)b, .fates = q->fates};
	l->n_flying++;
	return q;
}

void queued_end(struct queued_lists *l, struct queued *q)
{
	q->next = NULL;
	*l->settled_end = q;
	l->settled_end = &q->next;
	l->n_flying--;
}

void queued_tell(struct queued_lists *l, const char *text)
{
	if (l->n_notices < QUEUED_NOTICES_MAX)
		err_set(&l->notices[l->n_notices++], 0, "%s", text);
}

bool queued_report(struct queued_lists *l, struct sink_report *ret)
{
	if (l->n_notices) {
		*ret = (struct sink_report){.why = l->notices[0]};
		memmove(l->notices, l->notices + 1, --l->n_notices * sizeof(*l->notices));
		return true;
	}
	struct queued *q = l->settled;
	if (!q)
		return false;
	l->settled = q->next;
	if (!l->settled)
		l->settled_end = &l->settled;
	*ret = q->report;
	q->next = l->free;
	l->free = q;
	return true;
}
