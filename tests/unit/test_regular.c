#include "tests/unit/unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/base/regular.h"
#include "tests/support/sink_peer.h"

static void a_file_is_read_to_its_end_or_as_far_as_there_is_room(void **state)
{
	char *dir = dir_make(), path[600], got[16];
	snprintf(path, sizeof(path), "%s/file", dir);
	FILE *f = fopen(path, "w");
	fputs("0123456789", f);
	fclose(f);
	assert_int_equal(regular_read(path, got, sizeof(got)), 10);
	assert_memory_equal(got, "0123456789", 10);
	assert_int_equal(regular_read(path, got, 4), 4);
	assert_false(regular_may_block(path));
	int fd = regular_open(path);
	assert_true(fd >= 0);
	close(fd);
	dir_remove(dir);
}

static void what_is_no_file_is_refused_at_once(void **state)
{
	char *dir = dir_make(), path[600], got[16];
	snprintf(path, sizeof(path), "%s/pipe", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(regular_read(path, got, sizeof(got)), -ENOTSUP);
	assert_true(regular_may_block(path));
	assert_int_equal(regular_open("/dev/null"), -ENOTSUP);
	assert_int_equal(regular_open(dir), -EISDIR);
	assert_false(regular_may_block(dir));
	assert_int_equal(regular_open("/no/such/file"), -ENOENT);
	assert_false(regular_may_block("/no/such/file"));
	assert_string_equal(regular_why(-ENOENT), "No such file or directory");
	assert_string_equal(regular_why(-ENOTSUP),
			    "no regular file; expected one, no pipe, socket or device");
	dir_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_read_to_its_end_or_as_far_as_there_is_room),
		cmocka_unit_test(what_is_no_file_is_refused_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
