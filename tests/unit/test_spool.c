/* The spool, on a disk that loses power at every operation, fills up and fails; and its contents
 * damaged in every way. What was promised is given again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dataplane/base/mem.h"
#include "dataplane/sink/segment.h"
#include "dataplane/sink/spool.h"
#include "tests/support/disk.h"

#define DIR   "/spool"
#define QUEUE "shop/beer"
#define QDIR  DIR "/shop@beer"
#define S     1000000000ull
#define RECS  512
#define CAP   4096
#define TEXT  40

/* What a program that uses a spool knows of it. */
struct user {
	struct disk *disk;
	struct spool_conf conf;
	struct spool *spool;
	struct out_batch in, out;
	uint64_t now, next, ack, ack_written;
	unsigned life; /* how often it was started */
	struct {
		unsigned life;   /* that wrote this number last */
		bool held, gone; /* synced; dropped */
		bool doubtful;   /* the disk did not say that it has it */
	} recs[RECS];
};

static const struct spool_conf small = {.dir = DIR,
					.bytes_max = 64 << 10,
					.segment_bytes = 1200,
					.sync = SPOOL_SYNC_INTERVAL,
					.sync_every = S};

static void user_init(struct user *u, struct disk *d, const struct spool_conf *conf)
{
	memset(u, 0, sizeof(*u));
	u->disk = d;
	u->conf = *conf;
	u->now = 1000 * S;
	assert_int_equal(out_batch_init(&u->in, CAP), 0);
	out_batch_init_marks(&u->in);
	assert_int_equal(out_batch_init(&u->out, CAP), 0);
	out_batch_init_marks(&u->out);
}

static void user_fini(struct user *u)
{
	out_batch_fini(&u->in);
	out_batch_fini(&u->out);
}

static size_t rec_text(uint64_t seq, unsigned life, char out[TEXT])
{
	return (size_t)snprintf(out, TEXT, "record %llu of life %u%.*s\n", (unsigned long long)seq,
				life, (int)(seq % 9), "..........");
}

static void batch_make(struct out_batch *b, uint64_t seq, uint32_t n, unsigned life)
{
	b->len = b->n_recs = b->mark_len = 0;
	b->first_ns = seq;
	b->last_ns = seq + n - 1;
	for (uint32_t i = 0; i < n; i++) {
		b->len += rec_text(seq + i, life, (char *)b->buf + b->len);
		b->ends[i] = (uint32_t)b->len;
		int id = snprintf((char *)b->mark_buf + b->mark_len, 24, "id%llu",
				  (unsigned long long)(seq + i));
		b->marks[i] = (struct out_mark){b->mark_len, 0, (uint8_t)id};
		b->mark_len += (uint32_t)id;
	}
	b->n_recs = n;
}

static void check_row(const struct spool *s)
{
	uint64_t row[SPOOL_N_COLS];
	spool_row(s, row);
	assert_int_equal(ledger_imbalance(&spool_ledger, row), 0);
	assert_int_equal(row[SPOOL_held], spool_held(s));
}

static uint64_t col(const struct spool *s, unsigned c)
{
	uint64_t row[SPOOL_N_COLS];
	spool_row(s, row);
	return row[c];
}

static int user_open(struct user *u, struct err *e)
{
	u->life++;
	int rc = spool_open(&u->conf, QUEUE, disk_ops(u->disk), u->now, &u->spool, e);
	if (rc == 0) {
		u->next = spool_next_seq(u->spool);
		check_row(u->spool);
	}
	return rc;
}

static void must_open(struct user *u)
{
	struct err e = {0};
	if (user_open(u, &e) < 0)
		fail_msg("%s", e.text);
}

/* All that was written is on the disk, or perhaps not. */
static void hold(struct user *u, bool synced)
{
	for (uint64_t i = 0; i < u->next; i++) {
		if (u->recs[i].life > 0 && !u->recs[i].held)
			u->recs[i].doubtful |= !synced;
		u->recs[i].held |= synced && u->recs[i].life > 0 && !u->recs[i].doubtful;
	}
}

static int user_append(struct user *u, uint32_t n)
{
	struct err e = {0};
	assert_true(u->next + n < RECS);
	batch_make(&u->in, u->next, n, u->life);
	for (uint32_t i = 0; i < n; i++) {
		u->recs[u->next + i].life = u->life;
		u->recs[u->next + i].held = u->recs[u->next + i].doubtful = false;
	}
	int rc = spool_append(u->spool, &u->in, u->next, &e);
	if (rc >= 0)
		check_row(u->spool);
	for (uint32_t i = 0; i < n; i++)
		u->recs[u->next + i].gone = rc == 1;
	if (rc >= 0)
		u->next += n;
	if (rc == 0 && u->conf.sync == SPOOL_SYNC_BATCH)
		hold(u, e.text[0] == '\0');
	return rc;
}

static int user_sync(struct user *u)
{
	struct err e = {0};
	int rc = spool_sync(u->spool, &e);
	hold(u, rc == 0);
	return rc;
}

/* Looks at what was read: the right bytes of the right record. */
static void check_batch(const struct user *u, uint64_t seq)
{
	char want[TEXT];
	const struct out_batch *b = &u->out;
	for (uint32_t i = 0; i < b->n_recs; i++) {
		uint32_t begin = i ? b->ends[i - 1] : 0;
		bool same = false;
		/* A batch that was refused may be there as it was, or as it was before. */
		for (unsigned life = u->recs[seq + i].life; life > 0 && !same; life--) {
			size_t len = rec_text(seq + i, life, want);
			same = b->ends[i] - begin == len && memcmp(b->buf + begin, want, len) == 0;
			assert_true(same || !u->recs[seq + i].held);
		}
		assert_true(same);
		int len = snprintf(want, sizeof(want), "id%llu", (unsigned long long)(seq + i));
		assert_int_equal(b->marks[i].id_len, len);
		assert_memory_equal(b->mark_buf + b->marks[i].off, want, len);
	}
}

/* Reads one batch and acknowledges it. */
static int user_deliver(struct user *u)
{
	struct err e = {0};
	uint64_t seq;
	int rc = spool_read(u->spool, &u->out, &seq, &e);
	if (rc != 1)
		return rc;
	check_batch(u, seq);
	u->ack = seq + u->out.n_recs;
	spool_ack(u->spool, u->ack);
	check_row(u->spool);
	return 1;
}

static int user_tick(struct user *u)
{
	struct err e = {0};
	u->now += S;
	int rc = spool_tick(u->spool, u->now, &e);
	if (rc == 0 && col(u->spool, SPOOL_segments))
		u->ack_written = u->ack;
	if (u->conf.sync == SPOOL_SYNC_INTERVAL)
		hold(u, rc == 0);
	check_row(u->spool);
	return rc;
}

static int user_close(struct user *u)
{
	struct err e = {0};
	int rc = spool_close(u->spool, &e);
	u->spool = NULL;
	if (rc == 0)
		u->ack_written = u->ack;
	return rc;
}

/* Reads all that is there: ascending, right, and nothing that was promised is missing. */
static void check_promise(struct user *u)
{
	uint64_t expect = u->ack_written, seq;
	struct err e = {0};
	int rc;
	spool_rewind(u->spool, 0);
	while ((rc = spool_read(u->spool, &u->out, &seq, &e)) == 1) {
		check_batch(u, seq);
		if (seq < expect)
			fail_msg("record %llu below %llu, life %u", (unsigned long long)seq,
				 (unsigned long long)expect, u->life);
		for (; expect < seq; expect++)
			if (u->recs[expect].held && !u->recs[expect].gone && expect >= u->ack)
				fail_msg("record %llu is missing, ack %llu of life %u",
					 (unsigned long long)expect, (unsigned long long)u->ack,
					 u->life);
		expect = seq + u->out.n_recs;
	}
	if (rc < 0)
		fail_msg("%s", e.text);
	for (; expect < RECS; expect++)
		if (u->recs[expect].held && !u->recs[expect].gone && expect >= u->ack)
			fail_msg("record %llu is missing, ack %llu of life %u",
				 (unsigned long long)expect, (unsigned long long)u->ack, u->life);
	spool_rewind(u->spool, 0);
}

/* A day in the life of a spool: it fills, is drained, grows over several files, is acknowledged in
 * part, gets back what was in flight in front, and is closed. Ends early when the disk does.
 */
static int workload(struct user *u)
{
	struct err e = {0};
	int rc = user_open(u, &e);
	for (unsigned i = 0; rc >= 0 && i < 14; i++) {
		rc = user_append(u, 1 + i * 5 % 11);
		if (rc >= 0 && i % 3 == 2)
			rc = user_sync(u);
		if (rc >= 0 && i % 4 == 3)
			rc = user_deliver(u);
		if (rc >= 0 && i % 6 == 5)
			rc = user_tick(u);
	}
	for (unsigned i = 0; rc >= 0 && i < 5; i++)
		rc = user_deliver(u);
	if (rc >= 0)
		rc = user_tick(u);
	if (rc >= 0)
		rc = user_append(u, 7);
	if (u->spool) {
		int close_rc = user_close(u);
		hold(u, rc >= 0 && close_rc == 0);
		rc = rc < 0 ? rc : close_rc;
	}
	return rc;
}

static void what_is_put_in_comes_out_in_order(void **state)
{
	struct user u;
	user_init(&u, disk_create(), &small);
	assert_int_equal(workload(&u), 0);
	must_open(&u);
	assert_int_equal(spool_found(u.spool)->corrupt_recs, 0);
	assert_int_equal(spool_found(u.spool)->torn_bytes, 0);
	assert_string_equal(spool_found(u.spool)->notice.text, "");
	check_promise(&u);
	while (user_deliver(&u) == 1)
		;
	assert_int_equal(u.ack, u.next);
	assert_int_equal(spool_held(u.spool), 0);
	assert_int_equal(user_close(&u), 0);
	/* Nothing is left but the number. */
	for (unsigned i = 0; disk_path(u.disk, i); i++)
		assert_null(strstr(disk_path(u.disk, i), ".seg"));
	must_open(&u);
	assert_int_equal(spool_next_seq(u.spool), u.ack);
	user_close(&u);
	user_fini(&u);
	disk_destroy(u.disk);
}

/* Power is lost at operation @k of the workload, comes back, and is lost again at each operation of
 * the recovery.
 */
static bool crash_at(unsigned k, enum disk_reboot how, const struct spool_conf *conf)
{
	struct user u;
	user_init(&u, disk_create(), conf);
	disk_fail(u.disk, k, EIO, true);
	int rc = workload(&u);
	if (rc >= 0) {
		user_fini(&u);
		disk_destroy(u.disk);
		return false;
	}
	disk_reboot(u.disk, how, k * 7 + how);
	struct disk *first = u.disk;
	struct user before = u;
	for (unsigned k2 = 1; k2 < 100; k2++) {
		struct err e = {0};
		u = before;
		u.disk = disk_copy(first);
		disk_fail(u.disk, k2, EIO, true);
		bool whole = user_open(&u, &e) == 0;
		if (!whole) {
			disk_reboot(u.disk, how, k * 100 + k2);
			must_open(&u);
		}
		check_promise(&u);
		disk_fail(u.disk, 0, 0, false);
		user_close(&u);
		disk_destroy(u.disk);
		if (whole)
			break;
	}
	disk_destroy(first);
	user_fini(&u);
	return true;
}

/* vector#25639: writes that were acknowledged did not outlast a crash. */
static void a_crash_at_any_operation_loses_nothing_that_was_held(void **state)
{
	for (unsigned how = 0; how < DISK_N_REBOOTS; how++) {
		unsigned k = 1;
		while (crash_at(k, how, &small))
			k++;
		assert_true(k > 60);
	}
}

static void a_crash_loses_nothing_when_every_batch_is_synced(void **state)
{
	struct spool_conf conf = small;
	conf.sync = SPOOL_SYNC_BATCH;
	conf.level = 1;
	for (unsigned how = 0; how < DISK_N_REBOOTS; how++)
		for (unsigned k = 1; crash_at(k, how, &conf); k++)
			;
}

static void fill(struct user *u, const struct spool_conf *conf, unsigned batches)
{
	user_init(u, disk_create(), conf);
	must_open(u);
	for (unsigned i = 0; i < batches; i++)
		assert_int_equal(user_append(u, 10), 0);
	assert_int_equal(user_sync(u), 0);
}

static void done(struct user *u)
{
	if (u->spool)
		assert_int_equal(user_close(u), 0);
	user_fini(u);
	disk_destroy(u->disk);
}

/* What comes back after any damage: no record is wrong, none comes twice, and the row says how many
 * are lost. Returns how many came.
 */
static uint64_t read_damaged(struct user *u)
{
	struct err e = {0};
	uint64_t seq, n = 0, expect = 0;
	int rc;
	while ((rc = spool_read(u->spool, &u->out, &seq, &e)) == 1) {
		if (seq < expect)
			fail_msg("record %llu below %llu, life %u", (unsigned long long)seq,
				 (unsigned long long)expect, u->life);
		check_batch(u, seq);
		n += u->out.n_recs;
		expect = seq + u->out.n_recs;
		spool_ack(u->spool, expect);
		check_row(u->spool);
	}
	assert_int_equal(rc, 0);
	spool_ack(u->spool, spool_next_seq(u->spool));
	check_row(u->spool);
	assert_int_equal(spool_held(u->spool), 0);
	assert_int_equal(col(u->spool, SPOOL_acked), n);
	return n;
}

/* vector#17644, #8671, #18336, #16231, #25570: a torn buffer blocked until it was deleted by hand.
 */
static void a_file_cut_anywhere_blocks_nothing_and_gives_what_was_whole(void **state)
{
	struct user u;
	fill(&u, &small, 12);
	struct disk *whole = u.disk;
	for (unsigned f = 0; disk_path(whole, f); f++) {
		char path[192];
		size_t len;
		snprintf(path, sizeof(path), "%s", disk_path(whole, f));
		disk_bytes(whole, path, &len);
		if (!strstr(path, ".seg"))
			continue;
		for (size_t cut = 0; cut < len; cut += cut < 200 ? 1 : 7) {
			struct disk *d = disk_copy(whole);
			uint8_t *bytes = disk_bytes(d, path, &len);
			uint8_t *copy = malloc(cut + 1);
			memcpy(copy, bytes, cut);
			disk_put(d, path, copy, cut);
			free(copy);
			struct user v = u;
			v.disk = d;
			v.spool = NULL;
			for (unsigned i = 0; i < RECS; i++)
				v.recs[i].held = false;
			must_open(&v);
			read_damaged(&v);
			assert_int_equal(user_append(&v, 3), 0);
			assert_int_equal(user_deliver(&v), 1);
			assert_int_equal(user_close(&v), 0);
			disk_destroy(d);
		}
	}
	done(&u);
}

static void any_byte_that_is_wrong_costs_at_most_its_frame(void **state)
{
	struct user u;
	fill(&u, &small, 12);
	struct disk *whole = u.disk;
	uint64_t held = spool_held(u.spool);
	for (unsigned f = 0; disk_path(whole, f); f++) {
		const char *path = disk_path(whole, f);
		size_t len;
		disk_bytes(whole, path, &len);
		for (size_t at = 0; strstr(path, ".seg") && at < len; at += at < 300 ? 1 : 5) {
			struct disk *d = disk_copy(whole);
			disk_bytes(d, path, &len)[at] ^= 0x41;
			struct user v = u;
			v.disk = d;
			v.spool = NULL;
			must_open(&v);
			uint64_t n = read_damaged(&v);
			assert_true(n + 10 >= held);
			/* A torn end was never promised by its bytes: it is told apart. */
			uint64_t torn = spool_found(v.spool)->torn_recs;
			uint64_t lost = col(v.spool, SPOOL_corrupt);
			if (!strstr(path, ".open"))
				assert_int_equal(n + lost, held);
			else
				assert_true(n + lost + torn == held ||
					    spool_found(v.spool)->torn_bytes > 0);
			assert_int_equal(user_close(&v), 0);
			disk_destroy(d);
		}
	}
	done(&u);
}

static void damage_while_it_runs_is_counted_and_passed_over(void **state)
{
	struct user u;
	struct err e = {0};
	uint64_t seq;
	fill(&u, &small, 6);
	size_t len;
	uint8_t *bytes = disk_bytes(u.disk, QDIR "/0000000000000000.seg", &len);
	bytes[200] ^= 1; /* in the first frame */
	assert_int_equal(spool_read(u.spool, &u.out, &seq, &e), 1);
	assert_int_equal(seq, 10);
	assert_non_null(strstr(e.text, "10 records are lost"));
	assert_int_equal(col(u.spool, SPOOL_corrupt), 10);
	spool_rewind(u.spool, 0);
	assert_int_equal(spool_read(u.spool, &u.out, &seq, &e), 1);
	assert_int_equal(seq, 10);
	assert_int_equal(col(u.spool, SPOOL_corrupt), 10);
	spool_ack(u.spool, 20);
	assert_int_equal(col(u.spool, SPOOL_acked), 10);
	check_row(u.spool);
	/* A file that somebody removed. */
	disk_remove(u.disk, QDIR "/0000000000000028.seg");
	while (user_deliver(&u) == 1)
		;
	assert_int_equal(spool_held(u.spool), 0);
	check_row(u.spool);
	done(&u);
}

static void a_disk_that_does_not_read_is_tried_three_times(void **state)
{
	struct user u;
	struct err e = {0};
	uint64_t seq;
	fill(&u, &small, 2);
	disk_read_fails(u.disk, EIO);
	assert_int_equal(spool_read(u.spool, &u.out, &seq, &e), -EIO);
	disk_read_fails(u.disk, 0);
	assert_int_equal(user_deliver(&u), 1);
	assert_int_equal(u.ack, 10);
	disk_read_fails(u.disk, EIO);
	assert_int_equal(spool_read(u.spool, &u.out, &seq, &e), -EIO);
	assert_int_equal(spool_read(u.spool, &u.out, &seq, &e), -EIO);
	assert_int_equal(spool_read(u.spool, &u.out, &seq, &e), 0);
	assert_int_equal(col(u.spool, SPOOL_corrupt), 10);
	check_row(u.spool);
	disk_read_fails(u.disk, 0);
	done(&u);
}

/* Every operation fails once, and the program goes on: whatever was said to be appended is there.
 */
static void a_disk_that_fails_once_loses_nothing_that_was_taken(void **state)
{
	static const int codes[] = {ENOSPC, EIO};
	for (unsigned c = 0; c < 2; c++) {
		bool more = true;
		for (unsigned k = 1; more && k < 400; k++) {
			struct user u;
			user_init(&u, disk_create(), &small);
			must_open(&u);
			disk_fail(u.disk, k, codes[c], false);
			for (unsigned i = 0; i < 20; i++) {
				int rc = user_append(&u, 1 + i % 7);
				if (rc == 0)
					continue;
				assert_int_equal(rc, -codes[c]);
				assert_int_equal(user_append(&u, 1 + i % 7), 0);
			}
			user_sync(&u);
			user_tick(&u);
			more = disk_ops_done(u.disk) >= k;
			for (unsigned i = 0; i < u.next; i++)
				u.recs[i].held = true;
			check_promise(&u);
			while (user_deliver(&u) == 1)
				user_tick(&u);
			assert_int_equal(spool_held(u.spool), 0);
			assert_int_equal(col(u.spool, SPOOL_corrupt), 0);
			user_close(&u);
			user_fini(&u);
			disk_destroy(u.disk);
		}
		assert_false(more);
	}
}

static void a_full_disk_takes_nothing_and_then_goes_on(void **state)
{
	struct user u;
	fill(&u, &small, 4);
	disk_room(u.disk, disk_used(u.disk) + 300);
	int rc;
	while ((rc = user_append(&u, 3)) == 0)
		;
	assert_int_equal(rc, -ENOSPC);
	assert_int_equal(user_append(&u, 3), -ENOSPC);
	for (unsigned i = 0; i < u.next; i++)
		u.recs[i].held = true;
	check_promise(&u);
	disk_room(u.disk, UINT64_MAX);
	assert_int_equal(user_append(&u, 3), 0);
	for (unsigned i = 0; i < u.next; i++)
		u.recs[i].held = true;
	check_promise(&u);
	done(&u);
}

/* The number that frees the disk needs room on it, too. */
static void a_full_disk_is_drained_without_room_for_the_number(void **state)
{
	struct user u;
	fill(&u, &small, 30);
	disk_room(u.disk, disk_used(u.disk));
	assert_int_equal(user_append(&u, 10), -ENOSPC);
	while (user_deliver(&u) == 1)
		;
	assert_int_equal(user_tick(&u), 0);
	assert_int_equal(col(u.spool, SPOOL_segments), 0);
	assert_int_equal(user_append(&u, 10), 0);
	assert_int_equal(user_close(&u), 0);
	must_open(&u);
	assert_int_equal(spool_held(u.spool), 10);
	done(&u);
}

static void a_batch_taken_in_parts_may_be_acknowledged_between_them(void **state)
{
	struct user u;
	struct err e = {0};
	uint64_t seq;
	fill(&u, &small, 2);
	out_batch_fini(&u.out);
	assert_int_equal(out_batch_init(&u.out, 3 * TEXT), 0);
	out_batch_init_marks(&u.out);
	assert_int_equal(spool_read(u.spool, &u.out, &seq, &e), 1);
	assert_true(u.out.n_recs < 7);
	spool_ack(u.spool, 8);
	assert_int_equal(spool_read(u.spool, &u.out, &seq, &e), 1);
	assert_int_equal(seq, 8);
	check_batch(&u, seq);
	done(&u);
}

static void a_file_that_is_none_is_set_aside_as_often_as_it_comes(void **state)
{
	struct user u;
	size_t len;
	fill(&u, &small, 12);
	for (unsigned i = 0; i < 3; i++) {
		user_close(&u);
		disk_put(u.disk, QDIR "/0000000000000000.seg", "rubbish", 7);
		must_open(&u);
		assert_int_equal(spool_found(u.spool)->corrupt_recs, 20);
	}
	assert_non_null(disk_bytes(u.disk, QDIR "/0000000000000000.seg.bad", &len));
	assert_non_null(disk_bytes(u.disk, QDIR "/0000000000000000.seg.bad2", &len));
	done(&u);
}

static void a_full_spool_that_blocks_makes_room_as_it_is_drained(void **state)
{
	struct spool_conf conf = small;
	struct user u;
	conf.bytes_max = 8000;
	fill(&u, &conf, 4);
	while (user_append(&u, 10) == 0)
		;
	assert_int_equal(user_append(&u, 10), -ENOSPC);
	assert_true(col(u.spool, SPOOL_bytes) <= conf.bytes_max);
	assert_int_equal(col(u.spool, SPOOL_dropped_full), 0);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(user_deliver(&u), 1);
	assert_int_equal(user_append(&u, 10), 0);
	check_promise(&u);
	done(&u);
}

static void a_full_spool_drops_the_oldest_segments_when_told_to(void **state)
{
	struct spool_conf conf = small;
	struct user u;
	conf.bytes_max = 8000;
	conf.full = SPOOL_DROP_OLDEST;
	fill(&u, &conf, 4);
	assert_int_equal(user_deliver(&u), 1); /* the first file is begun, and stays */
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(user_append(&u, 10), 0);
	uint64_t dropped = col(u.spool, SPOOL_dropped_full);
	assert_true(dropped >= 200);
	assert_true(col(u.spool, SPOOL_bytes) <= conf.bytes_max);
	assert_int_equal(spool_held(u.spool) + dropped + 10, 440);
	uint64_t n = 0, seq, newest = 0;
	struct err e = {0};
	while (spool_read(u.spool, &u.out, &seq, &e) == 1) {
		check_batch(&u, seq);
		n += u.out.n_recs;
		newest = seq + u.out.n_recs;
	}
	assert_int_equal(n, spool_held(u.spool));
	assert_int_equal(newest, 440);
	done(&u);
}

static void a_full_spool_drops_what_comes_when_told_to(void **state)
{
	struct spool_conf conf = small;
	struct user u;
	conf.bytes_max = 8000;
	conf.full = SPOOL_DROP_NEWEST;
	fill(&u, &conf, 4);
	int rc;
	while ((rc = user_append(&u, 10)) == 0)
		;
	assert_int_equal(rc, 1);
	assert_int_equal(col(u.spool, SPOOL_dropped_full), 10);
	check_promise(&u);
	done(&u);
}

static void records_that_waited_too_long_are_dropped_and_told(void **state)
{
	struct spool_conf conf = small;
	struct user u;
	struct err e = {0};
	conf.age_max = 100 * S;
	fill(&u, &conf, 12);
	u.now += 20 * S;
	assert_int_equal(spool_tick(u.spool, u.now, &e), 0);
	assert_string_equal(e.text, "");
	assert_int_equal(user_append(&u, 10), 0);
	u.now += 90 * S;
	assert_int_equal(spool_tick(u.spool, u.now, &e), 0);
	assert_non_null(strstr(e.text, "waited in the spool for too long"));
	check_row(u.spool);
	uint64_t n = spool_held(u.spool);
	assert_true(n >= 10 && n < 130);
	assert_int_equal(col(u.spool, SPOOL_dropped_age), 130 - n);
	u.now += 200 * S;
	spool_tick(u.spool, u.now, &e);
	assert_int_equal(spool_held(u.spool), 0);
	done(&u);
}

static void batches_that_a_sink_gave_back_go_in_front(void **state)
{
	struct user u;
	struct err e = {0};
	uint64_t seq;
	user_init(&u, disk_create(), &small);
	must_open(&u);
	u.next = 100;
	assert_int_equal(user_append(&u, 10), 0);
	u.next = 40;
	assert_int_equal(user_append(&u, 5), 0);
	u.next = 50;
	assert_int_equal(user_append(&u, 2), 0);
	u.next = 60;
	assert_int_equal(user_append(&u, 5), 0);
	u.next = 62;
	assert_int_equal(user_append(&u, 2), -EINVAL);
	u.next = 98;
	assert_int_equal(user_append(&u, 3), -EINVAL);
	u.next = 110;
	assert_int_equal(user_append(&u, 1), 0);
	assert_int_equal(spool_held(u.spool), 23);
	for (unsigned round = 0; round < 2; round++) {
		static const uint64_t seqs[] = {40, 50, 60, 100, 110};
		spool_rewind(u.spool, 0);
		for (unsigned i = 0; i < 5; i++) {
			assert_int_equal(spool_read(u.spool, &u.out, &seq, &e), 1);
			assert_int_equal(seq, seqs[i]);
			check_batch(&u, seq);
		}
		assert_int_equal(spool_read(u.spool, &u.out, &seq, &e), 0);
		assert_int_equal(user_close(&u), 0);
		must_open(&u);
		assert_int_equal(spool_found(u.spool)->recs, 23);
		assert_int_equal(spool_found(u.spool)->corrupt_recs, 0);
	}
	spool_ack(u.spool, 45);
	assert_int_equal(spool_held(u.spool), 18);
	spool_ack(u.spool, 61);
	assert_int_equal(spool_held(u.spool), 15);
	check_row(u.spool);
	u.ack = u.ack_written = 61;
	assert_int_equal(spool_read(u.spool, &u.out, &seq, &e), 1);
	assert_int_equal(seq, 61);
	assert_int_equal(u.out.n_recs, 4);
	check_batch(&u, seq);
	done(&u);
}

/* syslog-ng#4069, #5714: a buffer of another size was not read, or read wrongly. */
static void other_sizes_in_the_configuration_read_what_is_there(void **state)
{
	static const struct spool_conf confs[] = {
		{.dir = DIR, .bytes_max = 1 << 20, .segment_bytes = 1 << 18, .level = 3},
		{.dir = DIR, .bytes_max = 2000, .segment_bytes = 500, .sync = SPOOL_SYNC_OFF},
		{.dir = DIR, .bytes_max = 1 << 20, .segment_bytes = 300, .full = SPOOL_DROP_NEWEST},
	};
	struct user u;
	fill(&u, &small, 12);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(user_close(&u), 0);
		u.conf = confs[i];
		must_open(&u);
		check_promise(&u);
		assert_int_equal(spool_held(u.spool), 120);
	}
	/* Even batches that are smaller than what was written. */
	out_batch_fini(&u.out);
	assert_int_equal(out_batch_init(&u.out, 64), 0);
	out_batch_init_marks(&u.out);
	assert_true(spool_found(u.spool)->batch_bytes > 64);
	check_promise(&u);
	done(&u);
}

static void a_record_larger_than_the_batch_is_said_to_be(void **state)
{
	struct user u;
	struct err e = {0};
	uint64_t seq;
	fill(&u, &small, 1);
	out_batch_fini(&u.out);
	assert_int_equal(out_batch_init(&u.out, 16), 0);
	assert_int_equal(spool_read(u.spool, &u.out, &seq, &e), -EMSGSIZE);
	assert_non_null(strstr(e.text, "record 0 is larger than a batch"));
	done(&u);
}

static void a_spool_belongs_to_one_process(void **state)
{
	struct user u;
	struct spool *other;
	struct err e = {0};
	fill(&u, &small, 1);
	assert_int_equal(spool_open(&u.conf, QUEUE, disk_ops(u.disk), u.now, &other, &e), -EBUSY);
	assert_non_null(strstr(e.text, "is in use by process 4711"));
	done(&u);
}

static void records_acknowledged_without_being_read_are_not_read(void **state)
{
	struct user u;
	struct err e = {0};
	uint64_t seq;
	fill(&u, &small, 12);
	spool_ack(u.spool, 95);
	assert_int_equal(spool_held(u.spool), 25);
	assert_int_equal(col(u.spool, SPOOL_acked), 95);
	u.ack = u.ack_written = 95;
	assert_int_equal(spool_read(u.spool, &u.out, &seq, &e), 1);
	assert_int_equal(seq, 95);
	assert_int_equal(user_tick(&u), 0);
	check_promise(&u);
	spool_ack(u.spool, 500);
	assert_int_equal(spool_next_seq(u.spool), 500);
	assert_int_equal(spool_held(u.spool), 0);
	done(&u);
}

static void a_damaged_number_sends_all_again(void **state)
{
	struct user u;
	fill(&u, &small, 3);
	assert_int_equal(user_deliver(&u), 1);
	assert_int_equal(user_tick(&u), 0);
	assert_int_equal(user_close(&u), 0);
	disk_put(u.disk, QDIR "/ack", "rubbish", 7);
	u.ack_written = 0;
	must_open(&u);
	assert_int_equal(spool_held(u.spool), 30);
	assert_non_null(strstr(spool_found(u.spool)->notice.text, "ack is damaged"));
	done(&u);
}

/* syslog-ng#4402, #3299: another name in the configuration, and a full buffer was forgotten. */
static int add_queue(void *arg, const char *queue)
{
	char *all = arg;
	size_t n = strlen(all);
	snprintf(all + n, 200 - n, "%s ", queue);
	return 0;
}

static void queues_that_left_records_are_found(void **state)
{
	struct user u;
	char all[200] = "";
	fill(&u, &small, 2);
	disk_put(u.disk, DIR "/a@b/lock", "1", 1);
	disk_put(u.disk, DIR "/no queue/0000000000000000.seg", "1", 1);
	disk_put(u.disk, DIR "/c@d/0000000000000000.seg.open", "1", 1);
	assert_int_equal(spool_queues(disk_ops(u.disk), DIR, add_queue, all), 0);
	assert_non_null(strstr(all, "shop/beer "));
	assert_non_null(strstr(all, "c/d "));
	assert_null(strstr(all, "a/b "));
	assert_int_equal(strlen(all), strlen("shop/beer c/d "));
	done(&u);
}

static void names_of_queues_are_names_of_directories(void **state)
{
	static const char *const pairs[][2] = {
		{"shop/beer", "shop@beer"},
		{"a@b/c d", "a%40b@c%20d"},
		{"../etc", "%2e.@etc"},
		{"x\xc3\xbc/%", "x%c3%bc@%25"},
	};
	char name[3 * SPOOL_QUEUE_MAX + 1], queue[SPOOL_QUEUE_MAX + 1];
	for (unsigned i = 0; i < 4; i++) {
		spool_dir_name(pairs[i][0], name);
		assert_string_equal(name, pairs[i][1]);
		assert_true(spool_queue_name(name, queue));
		assert_string_equal(queue, pairs[i][0]);
	}
	assert_false(spool_queue_name("", queue));
	assert_false(spool_queue_name("a%4", queue));
	assert_false(spool_queue_name("a%zz", queue));
	assert_false(spool_queue_name("lost+found", queue));
	assert_false(spool_queue_name(".hidden", queue));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_in_comes_out_in_order),
		cmocka_unit_test(a_crash_at_any_operation_loses_nothing_that_was_held),
		cmocka_unit_test(a_crash_loses_nothing_when_every_batch_is_synced),
		cmocka_unit_test(a_file_cut_anywhere_blocks_nothing_and_gives_what_was_whole),
		cmocka_unit_test(any_byte_that_is_wrong_costs_at_most_its_frame),
		cmocka_unit_test(damage_while_it_runs_is_counted_and_passed_over),
		cmocka_unit_test(a_disk_that_does_not_read_is_tried_three_times),
		cmocka_unit_test(a_disk_that_fails_once_loses_nothing_that_was_taken),
		cmocka_unit_test(a_full_disk_takes_nothing_and_then_goes_on),
		cmocka_unit_test(a_full_disk_is_drained_without_room_for_the_number),
		cmocka_unit_test(a_batch_taken_in_parts_may_be_acknowledged_between_them),
		cmocka_unit_test(a_file_that_is_none_is_set_aside_as_often_as_it_comes),
		cmocka_unit_test(a_full_spool_that_blocks_makes_room_as_it_is_drained),
		cmocka_unit_test(a_full_spool_drops_the_oldest_segments_when_told_to),
		cmocka_unit_test(a_full_spool_drops_what_comes_when_told_to),
		cmocka_unit_test(records_that_waited_too_long_are_dropped_and_told),
		cmocka_unit_test(batches_that_a_sink_gave_back_go_in_front),
		cmocka_unit_test(other_sizes_in_the_configuration_read_what_is_there),
		cmocka_unit_test(a_record_larger_than_the_batch_is_said_to_be),
		cmocka_unit_test(a_spool_belongs_to_one_process),
		cmocka_unit_test(records_acknowledged_without_being_read_are_not_read),
		cmocka_unit_test(a_damaged_number_sends_all_again),
		cmocka_unit_test(queues_that_left_records_are_found),
		cmocka_unit_test(names_of_queues_are_names_of_directories),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
