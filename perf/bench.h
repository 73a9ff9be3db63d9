/* bench.h - time, medians and counts for the benchmarks.
 *
 * In:     seconds of rounds; SL_BENCH_COUNT in the environment, where perf/guard counts
 * instructions. Out:    a line: nanoseconds an item, median with minimum and maximum, and items a
 * second. Owns:   nothing. Runs:   main of a benchmark. Limits: BENCH_ROUNDS_MAX rounds.
 */
#ifndef SL_PERF_BENCH_H
#define SL_PERF_BENCH_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/base/clock.h"

#define BENCH_ROUNDS_MAX 64

/* A bench that does not measure what it means to measure ends here. */
static inline void bench_must(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "bench: %s\n", what);
		exit(1);
	}
}

/* Answers --help, and arguments that are not expected, with what the bench is for. */
static inline void bench_about(int argc, char **argv, int n_args_max, const char *about)
{
	bool help = argc > 1 && argv[1][0] == '-';
	if (help || argc - 1 > n_args_max) {
		fprintf(help ? stdout : stderr, "%s\n", about);
		exit(help ? 0 : 2);
	}
}

static inline double bench_now(void)
{
	return (double)clock_mono_ns() / 1e9;
}

/* Of all threads of the process: what others do on the machine does not count, except in the
 * caches. */
static inline double bench_cpu(void)
{
	return (double)clock_read_ns(CLOCK_PROCESS_CPUTIME_ID) / 1e9;
}

static inline int bench_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Sorts @s. */
static inline double bench_median(double *s, unsigned n)
{
	qsort(s, n, sizeof(*s), bench_compare);
	return n % 2 ? s[n / 2] : (s[n / 2 - 1] + s[n / 2]) / 2;
}

/* @items: events, lines, bytes of one round. */
static inline void bench_print(const char *what, double *s, unsigned n, double items)
{
	double median = bench_median(s, n);
	printf("%-44s %8.1f ns (%.1f-%.1f)  %8.2f M/s\n", what, median * 1e9 / items,
	       s[0] * 1e9 / items, s[n - 1] * 1e9 / items, items / median / 1e6);
}

/* True: run each case once, by bench_count(), in place of rounds. */
static inline bool bench_counts(void)
{
	return getenv("SL_BENCH_COUNT") != NULL;
}

/* callgrind counts inside of this function alone, and writes a dump each time it is left. */
__attribute__((noinline, noclone, unused)) static void bench_counted(void (*run)(void *), void *arg)
{
	run(arg);
	__asm__ volatile(""
			 :
			 :
			 : "memory"); /* else the call is a jump, and this is left before it */
}

/* @run was run before, so that what is made once is not counted. */
static inline void bench_count(const char *what, double items, void (*run)(void *), void *arg)
{
	bench_counted(run, arg);
	printf("count\t%s\t%.0f\n", what, items);
}

/* A record of a nanosecond pcap with an Ethernet, IPv4 and UDP header around @msg. Returns its
 * bytes. */
static inline size_t bench_put_udp(uint8_t *p, uint32_t n, uint32_t src, uint16_t dport,
				   const void *msg, size_t len)
{
	uint32_t frame = (uint32_t)(14 + 20 + 8 + len);
	uint32_t head[4] = {1764045796 + n / 1000000, n % 1000000 * 1000, frame, frame};
	uint8_t eth[42] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45};
	uint32_t total = frame - 14, udp = total - 20;
	eth[16] = (uint8_t)(total >> 8);
	eth[17] = (uint8_t)total;
	eth[18] = (uint8_t)(n >> 8);
	eth[19] = (uint8_t)n;
	eth[22] = 64;
	eth[23] = 17;
	for (int i = 0; i < 4; i++)
		eth[26 + i] = (uint8_t)(src >> (24 - 8 * i));
	memcpy(eth + 30, "\x0a\0\0\x09\x9c\x40", 6);
	eth[36] = (uint8_t)(dport >> 8);
	eth[37] = (uint8_t)dport;
	eth[38] = (uint8_t)(udp >> 8);
	eth[39] = (uint8_t)udp;
	uint32_t sum = 0;
	for (int i = 14; i < 34; i += 2)
		sum += (uint32_t)(eth[i] << 8 | eth[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	eth[24] = (uint8_t)(sum >> 8);
	eth[25] = (uint8_t)sum;
	memcpy(p, head, 16);
	memcpy(p + 16, eth, 42);
	memcpy(p + 58, msg, len);
	return 16 + frame;
}

#endif
