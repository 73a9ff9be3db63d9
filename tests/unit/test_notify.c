#include "tests/unit/unit.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctl/notify.h"

static int listen_at(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	size_t n = strlen(path);
	memcpy(at.sun_path, path, n);
	if (path[0] == '@')
		at.sun_path[0] = '\0';
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_return_code(bind(fd, (struct sockaddr *)&at,
				(socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)),
			   0);
	return fd;
}

static void a_state_reaches_the_socket_that_is_named(void **state)
{
	char paths[2][64], got[64] = "";
	(void)state;
	snprintf(paths[0], sizeof(paths[0]), "/tmp/sluice-notify-%d", (int)getpid());
	snprintf(paths[1], sizeof(paths[1]), "@sluice-notify-%d", (int)getpid());
	for (int i = 0; i < 2; i++) {
		int fd = listen_at(paths[i]);
		setenv("NOTIFY_SOCKET", paths[i], 1);
		notify("READY=1");
		assert_int_equal(recv(fd, got, sizeof(got), 0), 7);
		assert_memory_equal(got, "READY=1", 7);
		close(fd);
	}
	unlink(paths[0]);
	notify("READY=1"); /* nobody there: nothing happens */
	setenv("NOTIFY_SOCKET", "nonsense", 1);
	notify("READY=1");
	unsetenv("NOTIFY_SOCKET");
	notify("READY=1");
}

static void the_watchdog_is_fed_twice_as_often_as_is_asked(void **state)
{
	char pid[16];
	(void)state;
	unsetenv("WATCHDOG_USEC");
	assert_int_equal(notify_watchdog_ms(), 0);
	setenv("WATCHDOG_USEC", "30000000", 1);
	assert_int_equal(notify_watchdog_ms(), 15000);
	setenv("WATCHDOG_PID", "1", 1); /* meant for another process */
	assert_int_equal(notify_watchdog_ms(), 0);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	assert_int_equal(notify_watchdog_ms(), 15000);
	setenv("WATCHDOG_USEC", "soon", 1);
	assert_int_equal(notify_watchdog_ms(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_state_reaches_the_socket_that_is_named),
		cmocka_unit_test(the_watchdog_is_fed_twice_as_often_as_is_asked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
