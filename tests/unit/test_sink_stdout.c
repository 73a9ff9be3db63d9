#include "tests/unit/unit.h"

#include <signal.h>

#include "dataplane/base/mem.h"
#include "dataplane/sink/sinks.h"
#include "tests/support/sink_peer.h"

static int saved = -1;
static void *state;

/* Standard output is @fd until the test ends. */
static void use(int fd)
{
	fflush(stdout);
	assert_int_equal(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
	assert_int_equal(sink_stdout.open(state, NULL, NULL), 0);
}

static int set_up(void **unused)
{
	signal(SIGPIPE, SIG_IGN);
	fflush(stdout);
	saved = dup(STDOUT_FILENO);
	state = mem_alloc(sink_stdout.state_size);
	return 0;
}

static int tear_down(void **unused)
{
	sink_stdout.close(state, NULL);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	mem_free(state);
	return 0;
}

/* Reads what is in the pipe. */
static void drain(int fd, struct text *t, size_t max)
{
	char buf[65536];
	ssize_t n = read(fd, buf, max < sizeof(buf) ? max : sizeof(buf));
	assert_true(n > 0);
	text_append(t, buf, (size_t)n);
}

static void check_text(struct text *t, unsigned n)
{
	struct text want = text_of(0, n);
	assert_int_equal(t->len, want.len);
	assert_memory_equal(t->p, want.p, want.len);
	free(want.p);
	free(t->p);
}

static void a_batch_goes_to_a_file_in_one_piece(void **unused)
{
	char *dir = dir_make(), path[600];
	snprintf(path, sizeof(path), "%s/out", dir);
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	use(fd);
	struct out_batch *b = batch_of(0, 1000);
	assert_int_equal(sink_stdout.write(state, b, NULL), SINK_DONE);
	batch_free(b);
	struct text t = {0};
	text_append_file(&t, path);
	check_text(&t, 1000);
	close(fd);
	dir_remove(dir);
}

/* Offers the batch until it is done; the reader takes @step bytes after each BUSY. */
static void write_to_slow_pipe(int flags, size_t step)
{
	int fds[2];
	assert_int_equal(pipe2(fds, flags), 0);
	fcntl(fds[1], F_SETPIPE_SZ, 4096);
	use(fds[1]);
	struct out_batch *b = batch_of(0, 200);
	struct text t = {0};
	struct err e = {0};
	enum sink_answer answer;
	unsigned n_busy = 0;
	while ((answer = sink_stdout.write(state, b, &e)) == SINK_BUSY) {
		assert_string_equal(e.text, "the reader of standard output does not read");
		drain(fds[0], &t, step);
		n_busy++;
	}
	assert_int_equal(answer, SINK_DONE);
	assert_true(n_busy > 0);
	dup2(saved, STDOUT_FILENO);
	close(fds[1]);
	while (t.len < b->len)
		drain(fds[0], &t, 65536);
	close(fds[0]);
	batch_free(b);
	check_text(&t, 200);
}

static void a_reader_that_does_not_read_makes_it_busy_and_loses_nothing(void **unused)
{
	write_to_slow_pipe(0, 4096);
}

static void a_full_pipe_that_does_not_block_makes_it_busy_and_loses_nothing(void **unused)
{
	write_to_slow_pipe(O_NONBLOCK, 3000);
}

static void a_reader_that_went_away_is_fatal_with_a_text(void **unused)
{
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	use(fds[1]);
	close(fds[0]);
	struct err e = {0};
	struct out_batch *b = batch_of(0, 5);
	assert_int_equal(sink_stdout.write(state, b, &e), SINK_FATAL);
	assert_string_equal(e.text, "the reader of standard output went away");
	batch_free(b);
	close(fds[1]);
}

static void a_full_device_is_busy(void **unused)
{
	int fd = open("/dev/full", O_WRONLY);
	if (fd < 0)
		skip();
	use(fd);
	struct err e = {0};
	struct out_batch *b = batch_of(0, 5);
	assert_int_equal(sink_stdout.write(state, b, &e), SINK_BUSY);
	assert_string_equal(e.text, "standard output: No space left on device");
	batch_free(b);
	close(fd);
}

static void a_closed_standard_output_is_an_error_at_the_start(void **unused)
{
	struct err e = {0};
	close(STDOUT_FILENO);
	assert_int_equal(sink_stdout.open(state, NULL, &e), -EBADF);
	assert_string_equal(e.text, "standard output: Bad file descriptor");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_batch_goes_to_a_file_in_one_piece),
		TEST(a_reader_that_does_not_read_makes_it_busy_and_loses_nothing),
		TEST(a_full_pipe_that_does_not_block_makes_it_busy_and_loses_nothing),
		TEST(a_reader_that_went_away_is_fatal_with_a_text),
		TEST(a_full_device_is_busy),
		TEST(a_closed_standard_output_is_an_error_at_the_start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
