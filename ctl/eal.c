#include "ctl/eal.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scripts_dir.h"
#include <rte_alarm.h>
#include <rte_config.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_log.h>

#define ARGS_MAX      256 /* two for each of CONFIG_WORKERS_MAX ports, and our own */

/* Memory of EAL without hugepages, in MiB, packet buffers of 64 KiB included. */
#define MEMORY_MIB    "1024"

#define ANSWER_MAX_MS 1000

#define PLAIN_MEMORY  ": running on plain memory, which costs a third to a half of the speed"

struct args {
	char *v[ARGS_MAX];
	int n;
	char cores[8192]; /* a list of all CPUs, and the workers' */
};

static void add(struct args *a, const char *arg)
{
	if (a->n < ARGS_MAX - 1)
		a->v[a->n++] = (char *)arg;
}

/* Free hugepages of 2 MiB or 1 GiB, in MiB. */
static unsigned long hugepages_free_mib(void)
{
	static const struct {
		const char *path;
		unsigned long mib;
	} sizes[] = {
		{"/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", 2},
		{"/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages", 1024},
	};
	unsigned long mib = 0;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		FILE *f = fopen(sizes[i].path, "r");
		unsigned long n = 0;
		if (f && fscanf(f, "%lu", &n) == 1)
			mib += n * sizes[i].mib;
		if (f)
			fclose(f);
	}
	return mib;
}

static size_t add_set(char *out, size_t cap, const cpu_set_t *set)
{
	const char *comma = "";
	size_t len = 0;
	for (int cpu = 0; cpu < CPU_SETSIZE && len < cap; cpu++) {
		if (!CPU_ISSET(cpu, set))
			continue;
		len += (size_t)snprintf(out + len, cap - len, "%s%d", comma, cpu);
		comma = ",";
	}
	return len;
}

/* "0@(0,1),1@2,2@3": main, and with it all threads but the workers', floats over the rest. Without
 * cores of their own all do: "(0-3)@(0,1)".
 */
static void describe_cores(struct args *a, unsigned n_workers, const struct cores *cores)
{
	size_t cap = sizeof(a->cores), len;
	cpu_set_t set;
	CPU_ZERO(&set);
	sched_getaffinity(0, sizeof(set), &set);
	bool pinned = cores && cores->pinned;
	len = pinned ? (size_t)snprintf(a->cores, cap, "0@(")
		     : (size_t)snprintf(a->cores, cap, "(0-%u)@(", n_workers);
	len += add_set(a->cores + len, cap - len, pinned ? &cores->rest : &set);
	if (len < cap)
		len += (size_t)snprintf(a->cores + len, cap - len, ")");
	for (unsigned i = 0; pinned && i < n_workers && len < cap; i++)
		len += (size_t)snprintf(a->cores + len, cap - len, ",%u@%d", i + 1,
					cores->of_worker[i]);
}

/* EAL would take every card that is bound to its drivers: only those that are asked for are
 * allowed. */
static void add_devices(struct args *a, const struct eal_conf *conf)
{
	bool any = false;
	for (size_t i = 0; i < conf->n_devices; i++) {
		/* "net_x0", or a mistake that port_open tells of. */
		if (!strchr(conf->devices[i], ':'))
			continue;
		add(a, "-a");
		add(a, conf->devices[i]);
		any = true;
	}
	if (!any)
		add(a, "--no-pci");
}

/* Its thread is DPDK's own and keeps the rights that we start with: for those who ask for it. */
static bool wants_telemetry(const struct eal_conf *conf)
{
	for (size_t i = 0; i < conf->n_extra; i++)
		if (strcmp(conf->extra[i], "--telemetry") == 0)
			return true;
	return false;
}

int eal_start(const struct eal_conf *conf, const char **ret_note, struct err *e)
{
	struct args a = {0};
	*ret_note = NULL;
	describe_cores(&a, conf->n_workers, conf->cores);
	add(&a, "sluiced");
	if (!wants_telemetry(conf))
		add(&a, "--no-telemetry");
	add(&a, "--log-level=lib.eal:error");
	add(&a, "--lcores");
	add(&a, a.cores);
	bool huge = geteuid() == 0 && hugepages_free_mib() >= 256;
	if (huge) {
		add(&a, "--in-memory");
	} else {
		add(&a, "--no-huge");
		add(&a, "--no-shconf");
		add(&a, "-m");
		add(&a, MEMORY_MIB);
		*ret_note = geteuid() ? "not root, so without hugepages" PLAIN_MEMORY
				      : "no free hugepages" PLAIN_MEMORY ". " SL_SCRIPTS
					"/hugepages.sh reserves them";
	}
	add_devices(&a, conf);
	for (size_t i = 0; i < conf->n_extra; i++)
		add(&a, conf->extra[i]);
	/* EAL moves pointers about in the array it is given, and keeps getopt's state. */
	if (rte_eal_init(a.n, a.v) < 0)
		return err_set(e, -EINVAL,
			       "DPDK's environment did not start: %s (the lines above "
			       "say what it lacked)",
			       rte_strerror(rte_errno));
	return 0;
}

struct each_thread {
	void (*fn)(void);
	atomic_bool done;
};

static int run_in_lcore(void *arg)
{
	((struct each_thread *)arg)->fn();
	return 0;
}

/* Alarms ring in the thread of interrupts. */
static void run_in_alarm(void *arg)
{
	struct each_thread *each = arg;
	each->fn();
	atomic_store(&each->done, true);
}

int eal_each_thread(void (*fn)(void))
{
	struct each_thread each = {.fn = fn};
	rte_eal_mp_remote_launch(run_in_lcore, &each, SKIP_MAIN);
	rte_eal_mp_wait_lcore();
	if (rte_eal_alarm_set(1, run_in_alarm, &each) < 0)
		return -ETIMEDOUT;
	for (unsigned ms = 0; ms < ANSWER_MAX_MS && !atomic_load(&each.done); ms++)
		usleep(1000);
	/* Waits for one that is ringing: behind it @each is ours alone. */
	rte_eal_alarm_cancel(run_in_alarm, &each);
	return atomic_load(&each.done) ? 0 : -ETIMEDOUT;
}

void eal_stop(void)
{
	rte_eal_cleanup();
}
