/* err, arena, ledger and mem: small enough for one file. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dataplane/base/arena.h"
#include "dataplane/base/err.h"
#include "dataplane/base/ledger.h"
#include "dataplane/base/mem.h"

static void an_error_carries_its_code_and_may_get_a_prefix(void **st)
{
	struct err e;
	char longer[1000];
	(void)st;
	assert_int_equal(err_set(&e, -EINVAL, "line %d: %s", 3, "no"), -EINVAL);
	assert_string_equal(e.text, "line 3: no");
	assert_int_equal(err_prefix(&e, -EINVAL, "%s: ", "x.yaml"), -EINVAL);
	assert_string_equal(e.text, "x.yaml: line 3: no");
	assert_int_equal(err_set(NULL, -EIO, "nobody asks"), -EIO);
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	err_set(&e, -EIO, "%s", longer);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
}

static void an_arena_says_when_it_is_full_and_never_gives_offset_zero(void **st)
{
	struct arena a;
	(void)st;
	assert_int_equal(arena_init(&a, 100), 0);
	uint32_t one = arena_take(&a, 3), two = arena_take8(&a, 8);
	assert_true(one != 0 && two % 8 == 0 && two >= one + 3);
	assert_int_equal(arena_take(&a, 100), 0);
	assert_int_equal(arena_take8(&a, SIZE_MAX - 8), 0);
	assert_true(arena_take(&a, arena_left(&a)) != 0);
	assert_int_equal(arena_take(&a, 1), 0);
	arena_reset(&a);
	assert_memory_equal(a.base + arena_copy(&a, "abc", 3), "abc", 3);
	arena_fini(&a);
}

#define SAMPLE_COLS(X)                       \
	X(IN, came, "in")                    \
	X(OUT, went, "out")                  \
	X(LOSS, lost, "lost")                \
	X(IN_FLIGHT, in_flight, "in memory") \
	X(HELD, held, "on a disk")           \
	X(MISSED, missed, "never came")      \
	X(INFO, seen, "told")
#define SAMPLE_COL(kind, name, help) SAMPLE_##name,
enum { SAMPLE_COLS(SAMPLE_COL) SAMPLE_N_COLS };
LEDGER_DEFINE(sample, "sample", "things", SAMPLE_COLS);

static void a_row_balances_or_says_by_how_much_it_does_not(void **st)
{
	uint64_t row[SAMPLE_N_COLS] = {
		[SAMPLE_came] = 12, [SAMPLE_in_flight] = 2, [SAMPLE_went] = 6, [SAMPLE_lost] = 3,
		[SAMPLE_held] = 1,  [SAMPLE_missed] = 99,   [SAMPLE_seen] = 99};
	(void)st;
	assert_int_equal(ledger_imbalance(&sample_ledger, row), 0);
	row[SAMPLE_went]++;
	assert_int_equal(ledger_imbalance(&sample_ledger, row), -1);
	assert_int_equal(ledger_sum(&sample_ledger, row, LEDGER_LOSS), 3);
}

static void a_large_block_is_zeroed_again_when_it_was_used_before(void **st)
{
	static const size_t sizes[] = {262144, 300001, 1 << 20};
	for (int turn = 0; turn < 9; turn++) {
		size_t n = sizes[turn % 3];
		uint8_t *p = mem_alloc(n);
		assert_non_null(p);
		for (size_t i = 0; i < n + SL_PAD; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xff, n);
		mem_free(p);
	}
}

static void memory_is_zeroed_aligned_and_padded(void **st)
{
	(void)st;
	uint8_t *p = mem_alloc(3), *q = mem_map(1 << 20);
	assert_true(p && q && (uintptr_t)p % 64 == 0);
	for (int i = 0; i < 64; i++)
		assert_int_equal(p[i], 0);
	assert_int_equal(q[(1 << 20) + 63], 0);
	mem_free(p);
	mem_unmap(q, 1 << 20);
	mem_free(NULL);
}

static void a_sealed_thread_that_allocates_ends_the_process(void **st)
{
	int status = 0;
	(void)st;
	pid_t pid = fork();
	if (pid == 0) {
		fclose(stderr);
		mem_seal(true);
		mem_alloc(1);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void the_trap_catches_allocations_of_libraries_too(void **st)
{
	int status = 0;
	(void)st;
#ifndef __SANITIZE_ADDRESS__
	skip();
#endif
	pid_t pid = fork();
	if (pid == 0) {
		fclose(stderr);
		mem_seal(true);
		char *s = strdup("not ours");
		_exit(s[0] == 'n' ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_carries_its_code_and_may_get_a_prefix),
		cmocka_unit_test(an_arena_says_when_it_is_full_and_never_gives_offset_zero),
		cmocka_unit_test(a_row_balances_or_says_by_how_much_it_does_not),
		cmocka_unit_test(memory_is_zeroed_aligned_and_padded),
		cmocka_unit_test(a_large_block_is_zeroed_again_when_it_was_used_before),
		cmocka_unit_test(a_sealed_thread_that_allocates_ends_the_process),
		cmocka_unit_test(the_trap_catches_allocations_of_libraries_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
