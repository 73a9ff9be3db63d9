#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/support/dim_make.h"
#include "tests/unit/unit.h"

#include "dataplane/dim/dim_watch.h"

static char folder[] = "/tmp/sluice-watch-XXXXXX";
static char path[64], beside[64];

static void rename_into_place(const char *text)
{
	FILE *f = fopen(beside, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(rename(beside, path), 0);
}

/* A thousand keys, all with the number of the file. */
static void rename_numbered(int number)
{
	FILE *f = fopen(beside, "w");
	assert_non_null(f);
	fputs("k,name,n\n", f);
	for (int i = 0; i < 1000; i++)
		fprintf(f, "%d,file-%d,%d\n", i, number, number);
	fclose(f);
	assert_int_equal(rename(beside, path), 0);
}

struct told {
	pthread_mutex_t lock;
	unsigned n;
	char last[600];
};

static void keep_told(void *arg, const char *text)
{
	struct told *t = arg;
	pthread_mutex_lock(&t->lock);
	t->n++;
	snprintf(t->last, sizeof(t->last), "%s", text);
	pthread_mutex_unlock(&t->lock);
}

static void wait_for(struct dim *d, unsigned col, uint64_t at_least)
{
	uint64_t row[DIM_N_COLS];
	for (int i = 0; i < 1000; i++) {
		dim_row(d, row);
		if (row[col] >= at_least)
			return;
		usleep(10000);
	}
	fail_msg("column %u is %llu after 10 s", col, (unsigned long long)row[col]);
}

struct race {
	struct dim *d;
	int reader;
	atomic_bool stop;
	uint64_t n_wrong, n_seen;
};

/* All rows of a burst are of one file, and whole. */
static void *read_rows(void *arg)
{
	struct race *race = arg;
	char keys[64][8];
	struct slice slices[64];
	const struct dim_row *rows[64];
	for (int i = 0; i < 64; i++) {
		snprintf(keys[i], sizeof(keys[i]), "%d", i * 15);
		slices[i] = slice_str(keys[i]);
	}
	while (!atomic_load(&race->stop)) {
		int64_t first = -1, n;
		dim_table_find(dim_enter(race->d, race->reader), slices, 64, rows);
		for (int i = 0; i < 64; i++) {
			char want[32];
			race->n_seen++;
			if (!rows[i]) {
				race->n_wrong++;
				continue;
			}
			memcpy(&n, (const uint8_t *)rows[i] + rows[i]->vals[1].off, sizeof(n));
			first = first < 0 ? n : first;
			int len = snprintf(want, sizeof(want), "file-%d", (int)n);
			race->n_wrong += n != first || rows[i]->vals[0].len != (unsigned)len ||
					 memcmp((const uint8_t *)rows[i] + rows[i]->vals[0].off,
						want, (size_t)len) != 0;
		}
		dim_leave(race->d, race->reader);
	}
	return NULL;
}

static void files_renamed_into_place_under_readers_are_seen_whole(void **state)
{
	struct dim_spec s = dim_make("file");
	struct dim *d;
	struct err e;
	struct told told = {.lock = PTHREAD_MUTEX_INITIALIZER};
	struct dim_watch *w;
	pthread_t thread;
	dim_make_set(&s, "path", path);
	dim_make_set(&s, "separator", ",");
	rename_numbered(0);
	assert_int_equal(dim_create(&s, &d, &e), 0);
	struct race race = {.d = d, .reader = dim_join(d)};
	assert_int_equal(dim_watch_start(&d, 1, keep_told, &told, &w, &e), 0);
	assert_int_equal(pthread_create(&thread, NULL, read_rows, &race), 0);
	for (int i = 1; i <= 20; i++) {
		rename_numbered(i);
		wait_for(d, DIM_loads, (uint64_t)i + 1);
	}
	atomic_store(&race.stop, true);
	pthread_join(thread, NULL);
	dim_watch_stop(w);
	assert_int_equal(race.n_wrong, 0);
	assert_int_not_equal(race.n_seen, 0);
	assert_int_equal(told.n, 0);
	dim_destroy(d);
	dim_make_free(&s);
}

static void a_failure_is_told_once_and_so_is_its_end(void **state)
{
	struct dim_spec s = dim_make("file");
	struct dim *d;
	struct err e;
	struct told told = {.lock = PTHREAD_MUTEX_INITIALIZER};
	struct dim_watch *w;
	dim_make_set(&s, "path", path);
	dim_make_set(&s, "separator", ",");
	rename_into_place("k,name,n\na,x,1\n");
	assert_int_equal(dim_create(&s, &d, &e), 0);
	assert_int_equal(dim_watch_start(&d, 1, keep_told, &told, &w, &e), 0);
	unlink(path);
	wait_for(d, DIM_loads_failed, 3);
	rename_into_place("k,name,n\nb,x,2\n");
	wait_for(d, DIM_loads, 2);
	dim_watch_stop(w);
	assert_int_equal(told.n, 2);
	assert_string_equal(told.last, "dimension d: read again");
	dim_destroy(d);
	dim_make_free(&s);
}

int main(void)
{
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/rows.csv", folder);
	snprintf(beside, sizeof(beside), "%s/new.csv", folder);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_renamed_into_place_under_readers_are_seen_whole),
		cmocka_unit_test(a_failure_is_told_once_and_so_is_its_end),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	rmdir(folder);
	return rc;
}
