#include "dataplane/base/latency.h"

uint64_t latency_bound_ns(unsigned i)
{
	uint64_t us = i < 3 ? i + 1 : (uint64_t)(4 + (i + 1) % 4) << ((i + 1) / 4 - 1);
	return us * 1000;
}

void latency_read(const struct latency *l, struct latency_sum *io_sum)
{
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
		uint64_t n = atomic_load_explicit(&l->n[i], memory_order_relaxed);
		io_sum->n[i] += n;
		io_sum->total += n;
	}
	io_sum->sum_ns += atomic_load_explicit(&l->sum_ns, memory_order_relaxed);
}

uint64_t latency_quantile_ns(const struct latency_sum *s, unsigned permille)
{
	uint64_t rest = s->total / 1000 * permille + s->total % 1000 * permille / 1000;
	if (s->total == 0)
		return 0;
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
		if (s->n[i] && s->n[i] >= rest)
			return latency_bound_ns(i);
		rest -= s->n[i];
	}
	return latency_bound_ns(LATENCY_BUCKETS - 1);
}
