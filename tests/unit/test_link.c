#include "tests/unit/unit.h"

#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dataplane/capture/link.h"

static void set_up(bool up)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = up ? IFF_UP : 0};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	ioctl(fd, SIOCSIFFLAGS, &lo);
	close(fd);
}

/* In a network of its own, whose lo is down at first. */
static int follow_lo(void)
{
	if (unshare(CLONE_NEWNET) < 0)
		return 2;
	unsigned lo = if_nametoindex("lo");
	bool ok = link_of_iface(lo) == LINK_DOWN;
	set_up(true);
	ok &= link_of_iface(lo) == LINK_UP;
	set_up(false);
	ok &= link_of_iface(lo) == LINK_DOWN;
	return ok ? 0 : 1;
}

static void an_interface_is_down_and_up_again(void **state)
{
	int status;
	(void)state;
	pid_t pid = fork();
	if (pid == 0)
		_exit(follow_lo());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 2) {
		print_message("skipped: only root makes a network\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void an_interface_that_was_removed_is_gone(void **state)
{
	(void)state;
	assert_int_equal(link_of_iface(0x7ffffff0), LINK_GONE);
}

static void each_state_but_up_says_what_to_do(void **state)
{
	struct err e;
	(void)state;
	link_explain(LINK_UP, "eth1", &e);
	assert_string_equal(e.text, "");
	link_explain(LINK_DOWN, "eth1", &e);
	assert_string_equal(e.text, "its interface is down: ip link set eth1 up");
	link_explain(LINK_NO_CARRIER, "eth1", &e);
	assert_string_equal(e.text, "its link is down: is the cable in, and the other end up?");
	link_explain(LINK_GONE, "eth1", &e);
	assert_string_equal(e.text,
			    "its interface was removed: start sluice again when it is back");
	link_explain(LINK_DOWN, NULL, &e);
	assert_string_equal(e.text, "its link is down: is the cable in, and the other end up?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_interface_is_down_and_up_again),
		cmocka_unit_test(an_interface_that_was_removed_is_gone),
		cmocka_unit_test(each_state_but_up_says_what_to_do),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
