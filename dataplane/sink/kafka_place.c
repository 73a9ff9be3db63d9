#include "dataplane/sink/kafka_place.h"

#include <string.h>

#include "dataplane/base/mem.h"

void kafka_places_add(struct kafka_places *p, int32_t partition, int64_t offset)
{
	unsigned lo = 0, hi = p->n;
	if (!p->of && !(p->of = mem_alloc(SINK_PLACES_MAX * sizeof(*p->of))))
		return;
	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;
		if (p->of[mid].partition < partition)
			lo = mid + 1;
		else
			hi = mid;
	}
	struct sink_place *at = &p->of[lo];
	if (lo < p->n && at->partition == partition) {
		at->first = offset < at->first ? offset : at->first;
		at->last = offset > at->last ? offset : at->last;
		return;
	}
	if (p->n == SINK_PLACES_MAX)
		return;
	memmove(at + 1, at, (p->n++ - lo) * sizeof(*at));
	*at = (struct sink_place){partition, offset, offset};
}

void kafka_places_reset(struct kafka_places *p)
{
	p->n = 0;
}

unsigned kafka_places_get(const struct kafka_places *p, struct sink_place *ret, unsigned max)
{
	unsigned n = p->n < max ? p->n : max;
	if (n)
		memcpy(ret, p->of, n * sizeof(*ret));
	return n;
}

void kafka_places_fini(struct kafka_places *p)
{
	mem_free(p->of);
	*p = (struct kafka_places){0};
}
