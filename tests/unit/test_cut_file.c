#include "tests/unit/unit.h"

#include <unistd.h>

#include "dataplane/sink/cut_file.h"

static char dir[64], path[128];
static struct cut_file *f;
static struct err e;

static int set_up(void **unused)
{
	snprintf(dir, sizeof(dir), "/tmp/test_cut_file_XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(dir + strlen(dir), sizeof(dir) - strlen(dir), "/spool");
	snprintf(path, sizeof(path), "%s/cuts.ndjson", dir);
	f = NULL;
	return 0;
}

static int tear_down(void **unused)
{
	cut_file_close(f);
	unlink(path);
	rmdir(dir);
	*strrchr(dir, '/') = '\0';
	rmdir(dir);
	return 0;
}

static void cuts_are_lines_behind_those_of_earlier_runs(void **unused)
{
	char text[1024] = "";
	assert_int_equal(cut_file_open(dir, &file_ops_real, &f, &e), 0);
	const struct sink_place places[] = {{0, 17, 940}, {31, 0, 811}};
	const struct cut_line cut = {"lab/a", "one", "two", 7, "a command", places, 2};
	const struct cut_line begin = {"lab/a", NULL, "two", 7, NULL, NULL, 0};
	assert_int_equal(cut_file_add(f, &cut, &e), 0);
	cut_file_close(f);
	assert_int_equal(cut_file_open(dir, &file_ops_real, &f, &e), 0);
	assert_int_equal(cut_file_add(f, &begin, &e), 0);
	FILE *in = fopen(path, "r");
	assert_non_null(fgets(text, sizeof(text), in));
	assert_non_null(strstr(text, "{\"time\":\"20"));
	assert_non_null(strstr(text,
			       "Z\",\"queue\":\"lab/a\",\"from\":\"one\",\"to\":\"two\","
			       "\"acked\":7,\"why\":\"a command\",\"written\":{\"0\":[17,940],"
			       "\"31\":[0,811]}}\n"));
	assert_non_null(fgets(text, sizeof(text), in));
	assert_non_null(strstr(text, ",\"sink\":\"two\",\"since\":7,\"written\":{}}\n"));
	assert_null(fgets(text, sizeof(text), in));
	fclose(in);
}

/* As many partitions as are told, each number as long as it can be. */
static void the_longest_line_fits(void **unused)
{
	static struct sink_place places[SINK_PLACES_MAX];
	static char text[65536];
	for (unsigned i = 0; i < SINK_PLACES_MAX; i++)
		places[i] = (struct sink_place){INT32_MIN, INT64_MIN, INT64_MIN};
	char name[129];
	memset(name, 'n', 128);
	name[128] = '\0';
	const struct cut_line cut = {name, name, name, UINT64_MAX, name, places, SINK_PLACES_MAX};
	assert_int_equal(cut_file_open(dir, &file_ops_real, &f, &e), 0);
	assert_int_equal(cut_file_add(f, &cut, &e), 0);
	FILE *in = fopen(path, "r");
	size_t n = fread(text, 1, sizeof(text), in);
	fclose(in);
	assert_memory_equal(text + n - 4, "]}}\n", 4);
}

static int64_t no_size(void *ctx, int fd)
{
	return -EIO;
}

static void a_disk_that_fails_is_told_with_the_path(void **unused)
{
	struct file_ops io = file_ops_real;
	io.size = no_size;
	assert_int_equal(cut_file_open(dir, &io, &f, &e), 0);
	assert_int_equal(cut_file_add(f, &(struct cut_line){"lab/a", NULL, "two"}, &e), -EIO);
	assert_non_null(strstr(e.text, path));
	cut_file_close(f);
	f = NULL;
	assert_int_equal(cut_file_open("/proc/nosuch", &file_ops_real, &f, &e), -ENOENT);
	assert_null(f);
	assert_non_null(strstr(e.text, "/proc/nosuch"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(cuts_are_lines_behind_those_of_earlier_runs),
		TEST(the_longest_line_fits),
		TEST(a_disk_that_fails_is_told_with_the_path),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
