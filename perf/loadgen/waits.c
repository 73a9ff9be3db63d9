#include "perf/loadgen/waits.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of /proc/self/task/@tid/schedstat: "RAN WAITED TIMES". */
static uint64_t waited(const char *tid)
{
	char path[64];
	uint64_t ns = 0;
	snprintf(path, sizeof(path), "/proc/self/task/%s/schedstat", tid);
	FILE *f = fopen(path, "r");
	if (f && fscanf(f, "%*u %" SCNu64, &ns) != 1)
		ns = 0;
	if (f)
		fclose(f);
	return ns;
}

static void name_of(const char *tid, char name[32])
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/task/%s/comm", tid);
	FILE *f = fopen(path, "r");
	name[0] = '\0';
	if (f && !fgets(name, 32, f))
		name[0] = '\0';
	if (f)
		fclose(f);
}

/* "cpu USER NICE SYSTEM IDLE IOWAIT IRQ SOFTIRQ STEAL", in ticks. */
static uint64_t stolen(void)
{
	uint64_t ticks = 0;
	FILE *f = fopen("/proc/stat", "r");
	if (f && fscanf(f, "cpu %*u %*u %*u %*u %*u %*u %*u %" SCNu64, &ticks) != 1)
		ticks = 0;
	if (f)
		fclose(f);
	return ticks * (1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK));
}

void waits_read(struct waits *ret)
{
	struct waits w = {.stolen_ns = stolen()};
	DIR *d = opendir("/proc/self/task");
	for (struct dirent *t; d && (t = readdir(d)) != NULL;) {
		char name[32];
		name_of(t->d_name, name);
		if (strtol(t->d_name, NULL, 10) == gettid())
			w.generator_ns += waited(t->d_name);
		else if (strncmp(name, "rte-worker", 10) == 0)
			w.worker_ns += waited(t->d_name);
		else if (strncmp(name, "sink-", 5) == 0)
			w.sink_ns += waited(t->d_name);
	}
	if (d)
		closedir(d);
	*ret = w;
}

struct waits waits_since(const struct waits *from)
{
	struct waits now;
	waits_read(&now);
	now.worker_ns -= from->worker_ns;
	now.sink_ns -= from->sink_ns;
	now.generator_ns -= from->generator_ns;
	now.stolen_ns -= from->stolen_ns;
	return now;
}
