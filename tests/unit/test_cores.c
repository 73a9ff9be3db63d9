#include "tests/unit/unit.h"

#include "ctl/cores.h"

static char root[] = "/tmp/sluice-cores-XXXXXX";
static const int anywhere[CONFIG_WORKERS_MAX] = {[0 ... CONFIG_WORKERS_MAX - 1] = -1};

/* Two nodes of four cores; 0 and 4, 1 and 5, ... are threads of one core; a card on each node. */
static int make_host(void **state)
{
	char line[2048];
	if (!mkdtemp(root))
		return -1;
	snprintf(line, sizeof(line),
		 "cd %s && S=sys/devices/system && for c in 0 1 2 3 4 5 6 7; do "
		 "mkdir -p $S/node/node$((c %% 2))/cpu$c $S/cpu/cpu$c/topology && "
		 "echo $((c %% 4)),$((c %% 4 + 4)) > $S/cpu/cpu$c/topology/thread_siblings_list; "
		 "done "
		 "&& mkdir -p sys/bus/pci/devices/0000:3b:00.0 sys/class/net/eth9/device && "
		 "echo 1 > sys/bus/pci/devices/0000:3b:00.0/numa_node && "
		 "echo 0 > sys/class/net/eth9/device/numa_node",
		 root);
	return system(line);
}

static int remove_host(void **state)
{
	char line[64];
	snprintf(line, sizeof(line), "rm -r %s", root);
	return system(line);
}

static cpu_set_t first(int n)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	for (int i = 0; i < n; i++)
		CPU_SET(i, &set);
	return set;
}

static struct cores choose(const char *want, int n_cores, unsigned n_workers, const int *near)
{
	struct cores c;
	struct err e;
	cpu_set_t may = first(n_cores);
	if (cores_choose(want, &may, n_workers, near, root, &c, &e) < 0)
		fail_msg("%s", e.text);
	return c;
}

static void workers_run_on_the_node_of_what_they_read(void **state)
{
	int near[CONFIG_WORKERS_MAX];
	near[0] = cores_device_node("0000:3b:00.0", root);
	near[1] = cores_device_node("net_af_packet0,iface=eth9", root);
	near[2] = cores_device_node("3b:00.0,arg=1", root);
	assert_int_equal(near[0], 1);
	assert_int_equal(near[1], 0);
	assert_int_equal(near[2], 1);
	struct cores c = choose("auto", 8, 3, near);
	assert_true(c.pinned);
	assert_int_equal(c.of_worker[0], 1);
	assert_int_equal(c.of_worker[1], 2); /* core 0 is left to the kernel */
	assert_int_equal(c.of_worker[2], 3);
	assert_int_equal(c.node_of_worker[0], 1);
	assert_int_equal(c.node_of_worker[1], 0);
	assert_int_equal(CPU_COUNT(&c.rest), 5);
	assert_false(CPU_ISSET(1, &c.rest));
}

static void of_two_threads_of_a_core_one_is_taken_first(void **state)
{
	struct cores c = choose("auto", 8, 5, anywhere);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(c.of_worker[i], i + 1);
	assert_int_equal(c.of_worker[3], 0);
	assert_true(c.of_worker[4] >= 4);
}

static void without_two_cores_for_the_others_nobody_is_pinned(void **state)
{
	struct cores c = choose("auto", 4, 3, anywhere);
	assert_false(c.pinned);
	assert_int_equal(c.of_worker[0], -1);
	assert_int_equal(CPU_COUNT(&c.rest), 4);
	assert_true(choose("auto", 4, 2, anywhere).pinned);
	assert_false(choose("off", 8, 2, anywhere).pinned);
}

static void a_list_is_taken_as_it_is(void **state)
{
	struct cores c = choose("6,2-3", 8, 3, anywhere);
	assert_true(c.pinned);
	assert_int_equal(c.of_worker[0], 6);
	assert_int_equal(c.of_worker[1], 2);
	assert_int_equal(c.of_worker[2], 3);
	char text[128];
	cores_describe(&c, 3, text, sizeof(text));
	assert_string_equal(text, "worker 0 on core 6, 1 on core 2, 2 on core 3");
	/* With all of them taken, the others have to share. */
	c = choose("0-1", 2, 2, anywhere);
	assert_int_equal(CPU_COUNT(&c.rest), 2);
}

static void a_list_that_cannot_be_is_told(void **state)
{
	static const struct {
		const char *want, *text;
	} bad[] = {
		{"2-", "capture.cores: \"2-\" does not fit here; expected auto, off, or cores such "
		       "as 2-5,8"},
		{"5-2", "\"5-2\" does not fit"},
		{"all", "\"all\" does not fit"},
		{"1,,2", "does not fit"},
		{"99999", "does not fit"},
		{"1", "capture.cores: 1 core; expected 2, one a worker"},
		{"1-3", "3 cores; expected 2"},
		{"1,9", "core 9 is not there, or not for this process"},
		{"1,1", "core 1 is there twice"},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct cores c;
		struct err e;
		cpu_set_t may = first(8);
		assert_int_equal(cores_choose(bad[i].want, &may, 2, anywhere, root, &c, &e),
				 -EINVAL);
		assert_non_null(strstr(e.text, bad[i].text));
	}
}

static void on_a_machine_of_one_node_there_is_no_choice_of_memory(void **state)
{
	assert_int_equal(cores_node(3, "/nonexistent"), -1);
	assert_int_equal(cores_device_node("net_null0", root), -1);
	assert_int_equal(cores_device_node("0000:ff:00.0", root), -1);
	cores_memory_near(0); /* and what is taken near node 0, and from anywhere, is there */
	char *p = calloc(1, 1 << 20);
	assert_non_null(p);
	cores_memory_near(-1);
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(workers_run_on_the_node_of_what_they_read),
		cmocka_unit_test(of_two_threads_of_a_core_one_is_taken_first),
		cmocka_unit_test(without_two_cores_for_the_others_nobody_is_pinned),
		cmocka_unit_test(a_list_is_taken_as_it_is),
		cmocka_unit_test(a_list_that_cannot_be_is_told),
		cmocka_unit_test(on_a_machine_of_one_node_there_is_no_choice_of_memory),
	};
	return cmocka_run_group_tests(tests, make_host, remove_host);
}
