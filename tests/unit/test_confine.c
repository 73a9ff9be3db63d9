#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "dataplane/base/confine.h"

/* -errno of a call that is made in vain; 0 when it is not refused. */
static int refusal(long answer)
{
	return answer < 0 ? -errno : 0;
}

static int run_a_program(void *arg)
{
	(void)arg;
	char *const argv[] = {"/bin/true", NULL};
	/* An empty environment is none that a program could be run in by mistake. */
	return refusal(execve("/bin/true", argv, (char *const[]){NULL}));
}

static int look_into_a_process(void *arg)
{
	(void)arg;
	return refusal(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}

static int mount_something(void *arg)
{
	(void)arg;
	return refusal(mount("none", "/nowhere", "tmpfs", 0, NULL));
}

static int load_into_the_kernel(void *arg)
{
	(void)arg;
	return refusal(syscall(SYS_bpf, 0, NULL, 0));
}

static int become_who_it_is(void *arg)
{
	(void)arg;
	/* The thread alone: the C library would ask all threads. */
	return refusal(syscall(SYS_setresuid, -1, -1, -1));
}

static int make_a_ring(void *arg)
{
	(void)arg;
	return refusal(syscall(SYS_io_uring_setup, 0, NULL));
}

static int open_socket(void *arg)
{
	int fd = socket(*(int *)arg, SOCK_DGRAM, 0);
	int rc = refusal(fd);
	if (fd >= 0)
		close(fd);
	return rc;
}

static void *thread_of_a_thread(void *arg)
{
	*(int *)arg = become_who_it_is(NULL);
	return NULL;
}

static int start_a_thread(void *arg)
{
	pthread_t t;
	int rc = 0;
	(void)arg;
	pthread_create(&t, NULL, thread_of_a_thread, &rc);
	pthread_join(t, NULL);
	return rc;
}

static int read_a_file(void *arg)
{
	(void)arg;
	char byte;
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, &byte, 1);
	if (fd >= 0)
		close(fd);
	return n == 1 ? 0 : -EIO;
}

static int confine_once_more(void *arg)
{
	(void)arg;
	return confine_thread();
}

static void a_confined_thread_is_refused_what_an_intruder_would_want(void **state)
{
	int packet = AF_PACKET, netrom = AF_NETROM, vsock = AF_VSOCK;
	(void)state;
	if (confine_call(confine_once_more, NULL) < 0) {
		print_message("skipped: no seccomp here\n");
		skip();
	}
	assert_int_equal(confine_call(run_a_program, NULL), -EPERM);
	assert_int_equal(confine_call(look_into_a_process, NULL), -EPERM);
	assert_int_equal(confine_call(mount_something, NULL), -EPERM);
	assert_int_equal(confine_call(load_into_the_kernel, NULL), -EPERM);
	assert_int_equal(confine_call(become_who_it_is, NULL), -EPERM);
	assert_int_equal(confine_call(make_a_ring, NULL), -EPERM);
	assert_int_equal(confine_call(open_socket, &packet), -EPERM);
	assert_int_equal(confine_call(open_socket, &netrom), -EPERM);
	assert_int_equal(confine_call(open_socket, &vsock), -EPERM);
	assert_int_equal(confine_call(start_a_thread, NULL), -EPERM);
}

static void a_confined_thread_opens_files_and_the_sockets_of_stores(void **state)
{
	int unix_ = AF_UNIX, inet = AF_INET, netlink = AF_NETLINK;
	(void)state;
	assert_int_equal(confine_call(read_a_file, NULL), 0);
	assert_int_equal(confine_call(open_socket, &unix_), 0);
	assert_int_equal(confine_call(open_socket, &inet), 0);
	assert_int_equal(confine_call(open_socket, &netlink), 0);
}

static void the_thread_that_asks_for_it_stays_free(void **state)
{
	(void)state;
	confine_call(read_a_file, NULL);
	assert_int_equal(become_who_it_is(NULL), 0);
	assert_int_equal(start_a_thread(NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_confined_thread_is_refused_what_an_intruder_would_want),
		cmocka_unit_test(a_confined_thread_opens_files_and_the_sockets_of_stores),
		cmocka_unit_test(the_thread_that_asks_for_it_stays_free),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
