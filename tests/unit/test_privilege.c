#include "tests/unit/unit.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/privilege.h"

/* In a process of its own: there is no way back. Status 0: it did. */
static void in_a_child(int (*fn)(void))
{
	int status;
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		_exit(fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void only_root_tries(void)
{
	if (geteuid() != 0) {
		print_message("skipped: only root can become someone else\n");
		skip();
	}
}

static int become_nobody(void)
{
	struct privilege_user u;
	struct err e;
	if (privilege_find("nobody", &u, &e) < 0 || !u.change)
		return 1;
	privilege_fence();
	if (privilege_become(&u, &e) < 0)
		return 2;
	if (geteuid() != u.uid || getegid() != u.gid)
		return 3;
	if (setuid(0) == 0 || seteuid(0) == 0 || setgid(0) == 0)
		return 4;
	/* What a start needs is still there, where this process had it; and goes. */
	privilege_shed();
	return privilege_check(&e) == 0 ? 0 : 5;
}

static void root_becomes_a_user_and_finds_no_way_back(void **state)
{
	(void)state;
	only_root_tries();
	in_a_child(become_nobody);
}

static int root_is_told_of(void)
{
	struct err e;
	privilege_shed();
	return privilege_check(&e) == -EPERM && strstr(e.text, "test_privilege") ? 0 : 1;
}

static void a_thread_with_capabilities_is_named(void **state)
{
	(void)state;
	only_root_tries();
	in_a_child(root_is_told_of);
}

static void a_name_that_the_system_does_not_have_is_told(void **state)
{
	struct privilege_user u;
	struct err e;
	(void)state;
	assert_int_equal(privilege_find("no-such-user", &u, &e), -ENOENT);
	assert_string_equal(e.text, "run_as: the system has no user no-such-user");
	assert_int_equal(privilege_find("nobody:no-such-group", &u, &e), -ENOENT);
	assert_string_equal(e.text, "run_as: the system has no group no-such-group");
	assert_int_equal(privilege_find(NULL, &u, &e), 0);
	assert_false(u.change);
}

static int ask_for_root_as_nobody(void)
{
	struct privilege_user u;
	struct err e;
	if (privilege_find("nobody", &u, &e) < 0 || privilege_become(&u, &e) < 0)
		return 1;
	if (privilege_find("root", &u, &e) != -EPERM)
		return 2;
	/* Himself he may be. */
	return privilege_find("nobody", &u, &e) == 0 && !u.change ? 0 : 3;
}

static void only_root_becomes_someone_else(void **state)
{
	(void)state;
	only_root_tries();
	in_a_child(ask_for_root_as_nobody);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(root_becomes_a_user_and_finds_no_way_back),
		cmocka_unit_test(a_thread_with_capabilities_is_named),
		cmocka_unit_test(a_name_that_the_system_does_not_have_is_told),
		cmocka_unit_test(only_root_becomes_someone_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
