#include "tests/unit/unit.h"

#include <sys/stat.h>

#include "dataplane/sink/secret.h"
#include "tests/support/sink_peer.h"

static char got[SECRET_BYTES_MAX];
static struct err error;

static void a_secret_is_itself_or_of_the_environment_or_the_first_line_of_a_file(void **unused)
{
	char *dir = dir_make(), value[600];
	snprintf(value, sizeof(value), "file:%s/secret", dir);
	FILE *f = fopen(value + 5, "w");
	fputs("of the file\r\nsecond line\n", f);
	fclose(f);
	setenv("SL_TEST_SECRET_VALUE", "of the environment", 1);
	assert_int_equal(secret_read("password", "itself", got, &error), 0);
	assert_string_equal(got, "itself");
	assert_int_equal(secret_read("password", "env:SL_TEST_SECRET_VALUE", got, &error), 0);
	assert_string_equal(got, "of the environment");
	assert_int_equal(secret_read("password", value, got, &error), 0);
	assert_string_equal(got, "of the file");
	dir_remove(dir);
}

static void a_secret_that_is_not_there_is_told_without_it(void **unused)
{
	char *text = calloc(1, SECRET_BYTES_MAX + 1);
	assert_int_equal(secret_read("password", "env:SL_NO_SUCH", got, &error), -ENOENT);
	assert_string_equal(error.text, "password: the environment has no SL_NO_SUCH");
	assert_int_equal(secret_read("password", "file:/nonexistent", got, &error), -ENOENT);
	assert_string_equal(error.text, "password: /nonexistent: No such file or directory");
	memset(text, 'x', SECRET_BYTES_MAX);
	assert_int_equal(secret_read("key", text, got, &error), -EINVAL);
	assert_string_equal(error.text, "key: expected fewer than 4096 bytes");
	free(text);
}

static void a_secret_in_a_pipe_that_nobody_writes_to_keeps_nobody(void **unused)
{
	char *dir = dir_make(), value[600], want[700];
	snprintf(value, sizeof(value), "file:%s/pipe", dir);
	snprintf(want, sizeof(want),
		 "password: %s: no regular file; expected one, no pipe, socket or device",
		 value + 5);
	assert_int_equal(mkfifo(value + 5, 0600), 0);
	assert_int_equal(secret_read("password", value, got, &error), -ENOTSUP);
	assert_string_equal(error.text, want);
	dir_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_secret_is_itself_or_of_the_environment_or_the_first_line_of_a_file),
		cmocka_unit_test(a_secret_that_is_not_there_is_told_without_it),
		cmocka_unit_test(a_secret_in_a_pipe_that_nobody_writes_to_keeps_nobody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
