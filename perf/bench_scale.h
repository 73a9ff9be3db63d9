/* bench_scale.h - what an event costs, for more and more of something.
 *
 * In:     for each x: a function that runs events once more, and how many.
 * Out:    a table, a line an x: x, ns an event (median, minimum, maximum of 5 rounds; the first is
 *         discarded). Where instructions are counted, a count by the name of x. perf/scale puts
 * both together, perf/plot draws them. Owns:   nothing. Runs:   main of a benchmark. Limits: -
 */
#ifndef SL_PERF_BENCH_SCALE_H
#define SL_PERF_BENCH_SCALE_H

#include "perf/bench.h"

#define SCALE_ROUNDS 5

static inline void scale_head(const char *what)
{
	if (!bench_counts())
		printf("%s\tns\tmin\tmax\n", what);
}

static inline void scale_row(uint64_t x, double *s, double events)
{
	double median = bench_median(s, SCALE_ROUNDS);
	printf("%llu\t%.1f\t%.1f\t%.1f\n", (unsigned long long)x, median * 1e9 / events,
	       s[0] * 1e9 / events, s[SCALE_ROUNDS - 1] * 1e9 / events);
	fflush(stdout);
}

/* @run: @events events of which no more is made than was at the first call. */
static inline void scale_measure(uint64_t x, double events, void (*run)(void *), void *arg)
{
	double s[SCALE_ROUNDS];
	char name[32];
	run(arg);
	if (bench_counts()) {
		snprintf(name, sizeof(name), "%llu", (unsigned long long)x);
		bench_count(name, events, run, arg);
		return;
	}
	for (unsigned i = 0; i < SCALE_ROUNDS; i++) {
		double from = bench_cpu();
		run(arg);
		s[i] = bench_cpu() - from;
	}
	scale_row(x, s, events);
}

#endif
