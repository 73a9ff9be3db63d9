#include "tests/unit/unit.h"

#include "dataplane/base/mem.h"
#include "dataplane/sink/lane.h"

#define N_WORKERS 2
#define N_BATCHES 12 /* of each worker */
#define WINDOW    4
#define N_OWN     3
#define S         1000000000ull
#define SEQS_MAX  200000

/* A record is its number, so that a reader of a sink can tell what it got. The fake spool keeps
 * the batches in the order of their numbers.
 */
struct kept {
	uint64_t seq;
	uint32_t n;
	uint32_t first; /* the record that was put first */
};

static struct kept spool[SEQS_MAX];
static unsigned n_spool;
static uint64_t spool_at, spool_acked;
static int append_rc, read_rc;

static struct out_batch batches[N_WORKERS][N_BATCHES], own[N_OWN];
static bool out[N_WORKERS][N_BATCHES]; /* with the lane */
static uint8_t own_text[N_OWN][64];
static uint32_t firsts[N_WORKERS][N_BATCHES];

/* What flies, by side, in order. */
static struct out_batch *flying[2][64];
static unsigned n_flying[2];
static unsigned n_recalls[2];
static struct lane_cut cuts[8];
static unsigned n_cuts;
static char noticed[512];

static uint32_t next_record;        /* to be offered */
static uint8_t delivered[SEQS_MAX]; /* how often */
static uint32_t last_new;           /* the last that was delivered for the first time */
static struct lane *lane;
static uint64_t now_ns;
static enum lane_sink sinks_are[2];

static uint32_t *first_of(struct out_batch *b)
{
	if (b >= own && b < own + N_OWN)
		return (uint32_t *)(void *)own_text[b - own];
	return &firsts[b->worker][b - batches[b->worker]];
}

static int fake_append(void *ctx, const struct out_batch *b, uint64_t seq, struct err *e)
{
	if (append_rc < 0)
		return err_set(e, append_rc, "the disk is full");
	if (append_rc > 0)
		return append_rc;
	unsigned at = n_spool;
	while (at > 0 && spool[at - 1].seq > seq)
		at--;
	memmove(spool + at + 1, spool + at, (n_spool - at) * sizeof(*spool));
	spool[at] = (struct kept){seq, b->n_recs, *first_of((struct out_batch *)(uintptr_t)b)};
	n_spool++;
	return 0;
}

static int fake_read(void *ctx, struct out_batch *into, uint64_t *ret_seq, struct err *e)
{
	if (read_rc < 0)
		return err_set(e, read_rc, "cannot read");
	for (unsigned i = 0; i < n_spool; i++) {
		if (spool[i].seq < spool_at)
			continue;
		into->n_recs = spool[i].n;
		*first_of(into) = spool[i].first;
		*ret_seq = spool[i].seq;
		spool_at = spool[i].seq + spool[i].n;
		return 1;
	}
	return 0;
}

static void fake_rewind(void *ctx, uint64_t seq)
{
	spool_at = seq;
}

static void fake_ack(void *ctx, uint64_t seq)
{
	unsigned n = 0;
	assert_true(seq >= spool_acked);
	spool_acked = seq;
	while (n < n_spool && spool[n].seq + spool[n].n <= seq)
		n++;
	n_spool -= n;
	memmove(spool, spool + n, n_spool * sizeof(*spool));
}

static void send_to(void *ctx, unsigned side, struct out_batch *b)
{
	assert_int_equal(n_flying[1 - side], 0);
	flying[side][n_flying[side]++] = b;
}

static void recall(void *ctx, unsigned side)
{
	n_recalls[side]++;
}

static void give_back(void *ctx, struct out_batch *b)
{
	assert_true(out[b->worker][b - batches[b->worker]]);
	out[b->worker][b - batches[b->worker]] = false;
}

static void on_cut(void *ctx, const struct lane_cut *c)
{
	cuts[n_cuts++ % 8] = *c;
}

static void on_notice(void *ctx, const char *text)
{
	snprintf(noticed, sizeof(noticed), "%s", text);
}

static struct lane_conf conf_of(enum lane_mode mode)
{
	return (struct lane_conf){.mode = mode,
				  .n_workers = N_WORKERS,
				  .window = mode == LANE_OFF ? N_BATCHES : WINDOW,
				  .store = {NULL, fake_append, fake_read, fake_rewind, fake_ack},
				  .own = own,
				  .n_own = mode == LANE_OFF ? 0 : N_OWN,
				  .send = send_to,
				  .recall = recall,
				  .give_back = give_back,
				  .cut = on_cut,
				  .notice = on_notice};
}

static int set_up(void **unused)
{
	n_spool = n_cuts = next_record = last_new = 0;
	spool_at = spool_acked = 0;
	append_rc = read_rc = 0;
	memset(out, 0, sizeof(out));
	memset(delivered, 0, sizeof(delivered));
	memset(n_flying, 0, sizeof(n_flying));
	memset(n_recalls, 0, sizeof(n_recalls));
	noticed[0] = '\0';
	for (unsigned w = 0; w < N_WORKERS; w++)
		for (unsigned i = 0; i < N_BATCHES; i++)
			batches[w][i].worker = (uint16_t)w;
	lane = NULL;
	now_ns = S;
	sinks_are[0] = sinks_are[1] = LANE_TAKES;
	return 0;
}

static int tear_down(void **unused)
{
	lane_destroy(lane);
	lane = NULL;
	return 0;
}

static void create(struct lane_conf conf)
{
	struct err e;
	lane_destroy(lane);
	assert_int_equal(lane_create(&conf, &lane, &e), 0);
}

/* A worker has a batch of @n records. False: no batch, or not wanted. */
static bool offer(unsigned w, uint32_t n)
{
	if (!lane_wants(lane))
		return false;
	for (unsigned i = 0; i < N_BATCHES; i++) {
		if (out[w][i])
			continue;
		batches[w][i].n_recs = n;
		firsts[w][i] = next_record;
		next_record += n;
		out[w][i] = true;
		lane_offer(lane, &batches[w][i]);
		return true;
	}
	return false;
}

/* The oldest batch of @side comes back: its first @n_written are written, the rest returned. */
static void settle(unsigned side, uint32_t n_written)
{
	assert_true(n_flying[side] > 0);
	struct out_batch *b = flying[side][0];
	memmove(flying[side], flying[side] + 1, --n_flying[side] * sizeof(b));
	if (n_written > b->n_recs)
		n_written = b->n_recs;
	for (uint32_t i = *first_of(b); i < *first_of(b) + n_written; i++) {
		if (!delivered[i]++) {
			assert_true(i == 0 || i > last_new);
			last_new = i;
		}
	}
	const struct shipper_outcome o = {n_written, b->n_recs - n_written};
	lane_settled(lane, b, &o);
}

#define ALL UINT32_MAX

static bool turn(void)
{
	bool done = lane_turn(lane, now_ns, sinks_are);
	assert_int_equal(ledger_imbalance(&lane_ledger, lane_row(lane)), 0);
	return done;
}

static uint64_t count(unsigned col)
{
	return lane_row(lane)[col];
}

/* Until nothing is left: the sink takes all. */
static void drain(void)
{
	for (unsigned i = 0; i < 100000 && !lane_idle(lane); i++) {
		now_ns += S / 5;
		turn();
		while (n_flying[lane_side(lane)])
			settle(lane_side(lane), ALL);
	}
	turn();
	assert_true(lane_idle(lane));
}

static void expect_all_delivered(uint8_t times_max)
{
	for (uint32_t i = 0; i < next_record; i++) {
		assert_true(delivered[i] >= 1);
		assert_true(delivered[i] <= times_max);
	}
}

static unsigned n_out(void)
{
	unsigned n = 0;
	for (unsigned w = 0; w < N_WORKERS; w++)
		for (unsigned i = 0; i < N_BATCHES; i++)
			n += out[w][i];
	return n;
}

static void what_the_sink_takes_never_sees_the_spool(void **unused)
{
	create(conf_of(LANE_OVERFLOW));
	for (unsigned i = 0; i < 100; i++) {
		assert_true(offer(i % N_WORKERS, 10));
		turn();
		settle(0, ALL);
	}
	assert_int_equal(n_spool, 0);
	assert_int_equal(count(LANE_sent), 1000);
	assert_int_equal(count(LANE_spooled), 0);
	assert_int_equal(n_out(), 0);
	expect_all_delivered(1);
}

/* fluent/fluent-bit#3766, confluentinc/librdkafka#1018: a local queue that fills and never drains.
 */
static void a_queue_that_filled_while_the_sink_was_slow_drains_in_order(void **unused)
{
	create(conf_of(LANE_OVERFLOW));
	for (unsigned i = 0; i < 500; i++)
		assert_true(offer(i % N_WORKERS, 10)); /* no worker is ever without a batch */
	assert_int_equal(n_flying[0], N_WORKERS * WINDOW);
	assert_int_equal(n_out(), N_WORKERS * WINDOW);
	assert_int_equal(count(LANE_spooled), 5000 - 10 * N_WORKERS * WINDOW);
	drain();
	expect_all_delivered(1);
	assert_int_equal(n_spool, 0);
	assert_int_equal(spool_acked, 5000);
	assert_true(offer(0, 1)); /* and then straight through again */
	assert_int_equal(n_flying[0], 1);
}

/* A long outage once, and memory that stays for ever: what is read from the spool is not kept. */
static void what_was_read_from_the_spool_gives_its_memory_back(void **unused)
{
	const size_t bytes = 64u << 10;
	for (unsigned i = 0; i < N_OWN; i++) {
		own[i].buf = mem_map(bytes);
		own[i].len = bytes;
		memset(own[i].buf, 'x', bytes);
	}
	create(conf_of(LANE_OVERFLOW));
	for (unsigned i = 0; i < 500; i++)
		assert_true(offer(i % N_WORKERS, 10));
	drain();
	unsigned n_kept = 0;
	for (unsigned i = 0; i < N_OWN; i++) {
		n_kept += own[i].buf[0] == 'x';
		mem_unmap(own[i].buf, bytes);
		own[i].buf = NULL;
		own[i].len = 0;
	}
	assert_true(n_kept < N_OWN); /* those that were not needed were not touched */
}

static void what_is_new_goes_behind_what_the_spool_has(void **unused)
{
	create(conf_of(LANE_OVERFLOW));
	sinks_are[0] = LANE_GONE;
	turn();
	assert_true(offer(0, 5));
	assert_int_equal(n_flying[0], 0);
	sinks_are[0] = LANE_TAKES;
	assert_true(offer(0, 5));
	assert_int_equal(n_flying[0], 0); /* although the sink takes records */
	drain();
	expect_all_delivered(1);
}

/* A partition without a leader: what is not acknowledged holds up neither what is acknowledged, nor
 * the workers.
 */
static void a_batch_that_is_not_acknowledged_does_not_hold_up_the_others(void **unused)
{
	create(conf_of(LANE_OVERFLOW));
	assert_true(offer(0, 1));
	struct out_batch *late = flying[0][0];
	n_flying[0] = 0;
	for (unsigned i = 0; i < 3000; i++) {
		assert_true(offer(i % N_WORKERS, 1));
		turn();
		if (n_flying[0])
			settle(0, ALL);
	}
	assert_true(n_spool > 1000); /* the rest of them: the list of what was settled is full */
	assert_int_equal(spool_acked, 0);
	lane_settled(lane, late, &(struct shipper_outcome){0, 1}); /* even if it has to go again */
	turn();
	assert_ptr_equal(flying[0][0], late);
	last_new = 0;
	delivered[0] = 1;
	flying[0][0] = NULL;
	memmove(flying[0], flying[0] + 1, --n_flying[0] * sizeof(late));
	lane_settled(lane, late, &(struct shipper_outcome){1, 0});
	for (uint32_t i = 0; i < next_record; i++)
		last_new = delivered[i] ? i : last_new;
	drain();
	expect_all_delivered(1);
}

static void nothing_is_sent_until_all_that_flies_is_back_and_then_in_order(void **unused)
{
	create(conf_of(LANE_OVERFLOW));
	for (unsigned i = 0; i < 4; i++)
		assert_true(offer(0, 10));
	settle(0, ALL);
	settle(0, 3);
	turn();
	assert_int_equal(n_flying[0], 2);
	assert_true(offer(1, 10));
	turn();
	assert_int_equal(n_flying[0], 2);
	settle(0, 0);
	settle(0, 0);
	turn();
	assert_int_equal(*first_of(flying[0][0]), 10);
	assert_int_equal(count(LANE_returned), 27);
	assert_int_equal(count(LANE_again), 3);
	drain();
	expect_all_delivered(2);
}

static void a_sink_that_is_gone_is_sent_nothing_and_a_slow_one_one_batch_at_a_time(void **unused)
{
	create(conf_of(LANE_OVERFLOW));
	sinks_are[0] = LANE_GONE;
	turn();
	for (unsigned i = 0; i < 5; i++)
		assert_true(offer(0, 10));
	turn();
	assert_int_equal(n_flying[0], 0);
	sinks_are[0] = LANE_SLOW;
	turn();
	assert_int_equal(n_flying[0], 1);
	turn();
	assert_int_equal(n_flying[0], 1);
	settle(0, ALL);
	turn();
	assert_int_equal(n_flying[0], 1);
}

static void always_means_that_a_record_is_in_the_spool_before_it_is_sent(void **unused)
{
	create(conf_of(LANE_ALWAYS));
	assert_true(offer(0, 10));
	assert_int_equal(n_spool, 1);
	assert_int_equal(n_flying[0], 1);
	settle(0, ALL);
	turn();
	assert_int_equal(n_spool, 0);
	assert_int_equal(count(LANE_copied), 10);
	drain();
	expect_all_delivered(1);
}

static void always_keeps_no_worker_waiting_for_a_slow_sink(void **unused)
{
	create(conf_of(LANE_ALWAYS));
	for (unsigned i = 0; i < 300; i++)
		assert_true(offer(0, 10));
	assert_int_equal(n_flying[0], WINDOW);
	assert_int_equal(n_spool, 300);
	drain();
	expect_all_delivered(1);
	assert_int_equal(n_spool, 0);
}

static void a_spool_that_is_full_stops_the_lane_and_loses_nothing(void **unused)
{
	create(conf_of(LANE_OVERFLOW));
	append_rc = -ENOSPC;
	unsigned n = 0;
	while (offer(0, 10))
		n++;
	assert_int_equal(n, WINDOW + 1);
	struct err e;
	assert_true(lane_trouble(lane, &e));
	assert_string_equal(e.text, "the disk is full");
	assert_true(offer(1, 1) == false);
	settle(0, ALL); /* the sink takes one: what the spool refused goes there */
	turn();
	assert_true(offer(0, 10));
	append_rc = 0;
	drain();
	assert_true(offer(0, 10));
	drain();
	expect_all_delivered(1);
	assert_int_equal(count(LANE_spooled), count(LANE_unspooled));
}

static void a_batch_that_the_spool_refused_goes_there_when_it_has_room(void **unused)
{
	create(conf_of(LANE_OVERFLOW));
	sinks_are[0] = LANE_GONE;
	turn();
	append_rc = -ENOSPC;
	assert_true(offer(0, 10));
	assert_false(lane_wants(lane));
	append_rc = 0;
	turn();
	assert_false(lane_wants(lane)); /* not tried at every turn */
	now_ns += S;
	turn();
	assert_true(lane_wants(lane));
	assert_false(lane_trouble(lane, NULL));
	assert_int_equal(n_spool, 1);
	assert_int_equal(n_out(), 0);
}

static void always_sends_also_what_a_broken_spool_cannot_take_and_counts_it(void **unused)
{
	create(conf_of(LANE_ALWAYS));
	append_rc = -EIO;
	assert_true(offer(0, 10));
	assert_int_equal(n_flying[0], 1);
	assert_int_equal(count(LANE_unsafe), 10);
	drain();
	expect_all_delivered(1);
}

static void what_the_spool_drops_by_its_policy_is_not_sent(void **unused)
{
	create(conf_of(LANE_OVERFLOW));
	sinks_are[0] = LANE_GONE;
	turn();
	append_rc = 1;
	assert_true(offer(0, 10));
	append_rc = 0;
	assert_true(offer(0, 10));
	sinks_are[0] = LANE_TAKES;
	drain();
	for (uint32_t i = 0; i < 20; i++)
		assert_int_equal(delivered[i], i >= 10);
}

static void a_spool_that_cannot_be_read_is_tried_again_and_told_of(void **unused)
{
	create(conf_of(LANE_OVERFLOW));
	sinks_are[0] = LANE_GONE;
	turn();
	assert_true(offer(0, 10));
	sinks_are[0] = LANE_TAKES;
	read_rc = -EIO;
	turn();
	assert_true(lane_trouble(lane, NULL));
	assert_false(turn());
	read_rc = 0;
	drain();
	assert_false(lane_trouble(lane, NULL));
	expect_all_delivered(1);
}

static void without_a_spool_what_comes_back_is_kept_and_sent_again(void **unused)
{
	create(conf_of(LANE_OFF));
	for (unsigned i = 0; i < 5; i++)
		assert_true(offer(0, 10));
	for (unsigned i = 0; i < 5; i++)
		settle(0, 0);
	sinks_are[0] = LANE_GONE;
	turn();
	assert_int_equal(n_flying[0], 0);
	while (offer(0, 10))
		;
	assert_int_equal(n_out(), N_BATCHES);
	sinks_are[0] = LANE_TAKES;
	drain();
	expect_all_delivered(1);
}

/* fluent/fluent-bit#3926: pausing loses lines. */
static void a_pause_loses_nothing(void **unused)
{
	struct err e;
	create(conf_of(LANE_OVERFLOW));
	assert_int_equal(lane_command(lane, LANE_PAUSE, 0, &e), 0);
	for (unsigned i = 0; i < 50; i++)
		assert_true(offer(i % N_WORKERS, 10));
	turn();
	assert_int_equal(n_flying[0], 0);
	assert_int_equal(lane_command(lane, LANE_RESUME, 0, &e), 0);
	drain();
	expect_all_delivered(1);
}

/* strimzi/strimzi-kafka-operator#10942: a failover that loses or repeats data, silently. */
static void a_switch_by_command_waits_for_the_old_sink_and_repeats_nothing(void **unused)
{
	struct err e;
	struct lane_conf conf = conf_of(LANE_OVERFLOW);
	conf.has_backup = true;
	create(conf);
	assert_true(offer(0, 10));
	assert_true(offer(0, 10));
	turn();
	assert_int_equal(lane_command(lane, LANE_SWITCH, 1, &e), 0);
	assert_true(offer(0, 10));
	turn();
	assert_int_equal(n_flying[1], 0);
	settle(0, ALL);
	settle(0, ALL);
	turn();
	assert_int_equal(n_cuts, 1);
	assert_int_equal(cuts[0].to, 1);
	assert_int_equal(cuts[0].acked, 20);
	assert_int_equal(n_flying[1], 1);
	assert_int_equal(n_recalls[0], 0);
	settle(1, ALL);
	assert_int_equal(lane_command(lane, LANE_SWITCH, 0, &e), 0);
	drain();
	assert_int_equal(lane_side(lane), 0);
	assert_int_equal(cuts[1].acked, 30);
	expect_all_delivered(1);
	assert_int_equal(count(LANE_switches), 2);
}

static void an_old_sink_that_does_not_end_what_it_has_is_made_to_give_it_back(void **unused)
{
	struct err e;
	struct lane_conf conf = conf_of(LANE_OVERFLOW);
	conf.has_backup = true;
	create(conf);
	assert_true(offer(0, 10));
	turn();
	lane_command(lane, LANE_SWITCH, 1, &e);
	turn();
	now_ns += 11 * S;
	turn();
	turn();
	assert_int_equal(n_recalls[0], 1);
	settle(0, 4);
	drain();
	assert_int_equal(lane_side(lane), 1);
	expect_all_delivered(2);
	assert_int_equal(delivered[3], 2);
	assert_int_equal(delivered[4], 1);
	assert_int_equal(cuts[0].acked, 0);
}

static void health_switches_after_its_time_and_returns_after_its_time(void **unused)
{
	struct lane_conf conf = conf_of(LANE_OVERFLOW);
	conf.has_backup = conf.by_health = true;
	conf.switch_after_ns = 10 * S;
	conf.return_after_ns = 60 * S;
	create(conf);
	turn();
	assert_true(offer(0, 10));
	sinks_are[0] = LANE_SLOW;
	for (unsigned i = 0; i < 9; i++) {
		now_ns += S;
		turn();
	}
	sinks_are[0] = LANE_TAKES; /* a short one is none */
	now_ns += S;
	turn();
	sinks_are[0] = LANE_SLOW;
	for (unsigned i = 0; i < 10; i++) {
		now_ns += S;
		turn();
	}
	assert_int_equal(n_recalls[0], 0);
	now_ns += S;
	turn();
	turn();
	assert_int_equal(n_recalls[0], 1);
	settle(0, 0);
	turn();
	assert_int_equal(lane_side(lane), 1);
	assert_string_equal(cuts[0].why, "the primary does not take records");
	assert_int_equal(n_flying[1], 1);
	settle(1, ALL);
	sinks_are[0] = LANE_TAKES;
	turn();
	now_ns += 59 * S;
	turn();
	assert_int_equal(lane_side(lane), 1);
	now_ns += 2 * S;
	turn();
	turn();
	assert_int_equal(lane_side(lane), 0);
	expect_all_delivered(1);
}

static void a_backup_that_is_ill_too_is_not_switched_to(void **unused)
{
	struct lane_conf conf = conf_of(LANE_OVERFLOW);
	conf.has_backup = conf.by_health = true;
	conf.switch_after_ns = S;
	create(conf);
	sinks_are[0] = LANE_GONE;
	sinks_are[1] = LANE_GONE;
	for (unsigned i = 0; i < 10; i++) {
		now_ns += S;
		turn();
	}
	assert_int_equal(lane_side(lane), 0);
	sinks_are[1] = LANE_TAKES;
	turn();
	turn();
	assert_int_equal(lane_side(lane), 1);
}

static void a_command_decides_until_health_may_again(void **unused)
{
	struct err e;
	struct lane_conf conf = conf_of(LANE_OVERFLOW);
	create(conf);
	assert_int_equal(lane_command(lane, LANE_SWITCH, 1, &e), -EINVAL);
	assert_string_equal(e.text, "it has no backup");
	conf.has_backup = conf.by_health = true;
	conf.switch_after_ns = conf.return_after_ns = S;
	create(conf);
	assert_int_equal(lane_command(lane, LANE_SWITCH, 1, &e), 0);
	for (unsigned i = 0; i < 10; i++) {
		now_ns += S;
		turn();
	}
	assert_int_equal(lane_side(lane), 1);
	assert_int_equal(lane_command(lane, LANE_AUTO, 0, &e), 0);
	turn();
	turn();
	assert_int_equal(lane_side(lane), 0);
}

/* vectordotdev/vector#24125: what waits for ever on a sink that fails. */
static void a_stop_while_the_sink_is_gone_puts_everything_into_the_spool_in_order(void **unused)
{
	struct err e = {0};
	create(conf_of(LANE_OVERFLOW));
	for (unsigned i = 0; i < 20; i++)
		assert_true(offer(i % N_WORKERS, 10));
	turn();
	lane_stop_reading(lane);
	settle(0, ALL);
	while (n_flying[0])
		settle(0, 0);
	sinks_are[0] = LANE_GONE;
	turn();
	assert_int_equal(lane_close(lane, &e), 0);
	assert_int_equal(n_out(), 0);
	assert_int_equal(count(LANE_in_flight), 0);
	assert_int_equal(count(LANE_given_up), 0);
	assert_int_equal(ledger_imbalance(&lane_ledger, lane_row(lane)), 0);
	/* The next start sends them before what is new. */
	struct lane_conf conf = conf_of(LANE_OVERFLOW);
	conf.unread = true;
	conf.next_seq = 200;
	spool_at = 0;
	sinks_are[0] = LANE_TAKES;
	create(conf);
	assert_true(offer(0, 10));
	drain();
	expect_all_delivered(1);
	assert_int_equal(n_spool, 0);
}

static void a_stop_without_a_spool_counts_what_it_gives_up(void **unused)
{
	struct err e = {0};
	create(conf_of(LANE_OFF));
	assert_true(offer(0, 10));
	settle(0, 0);
	assert_int_equal(lane_close(lane, &e), 0);
	assert_int_equal(count(LANE_given_up), 10);
	create(conf_of(LANE_OVERFLOW));
	assert_true(offer(0, 10));
	settle(0, 0);
	append_rc = -EIO;
	assert_int_equal(lane_close(lane, &e), -EIO);
	assert_string_equal(e.text, "the disk is full");
	assert_int_equal(count(LANE_given_up), 10);
}

/* Whatever happens: everything is delivered, first times in order, and rows balance. */
static void walk(enum lane_mode mode, bool backup, uint64_t seed)
{
	struct err e;
	struct lane_conf conf = conf_of(mode);
	conf.has_backup = conf.by_health = backup;
	conf.switch_after_ns = 3 * S;
	conf.return_after_ns = 5 * S;
	set_up(NULL);
	create(conf);
	unsigned n_recalled[2] = {0};
	for (unsigned step = 0; step < 4000; step++) {
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		unsigned r = (unsigned)(seed >> 33), what = r % 16;
		unsigned side = r / 16 % 2;
		if (what < 6) {
			offer(r / 32 % N_WORKERS, 1 + r / 64 % 9);
		} else if (what < 11) {
			if (n_flying[side] && sinks_are[side] != LANE_GONE)
				settle(side, ALL);
		} else if (what == 11 && r / 32 % 8 == 0) {
			sinks_are[side] = LANE_GONE;
			for (bool some = true; n_flying[side]; some = false)
				settle(side, some ? r / 64 % 4 : 0);
		} else if (what == 12) {
			sinks_are[side] = r / 32 % 3 ? LANE_TAKES : LANE_SLOW;
		} else if (what == 13) {
			append_rc = r / 32 % 4 ? 0 : -ENOSPC;
			read_rc = r / 128 % 4 ? 0 : -EIO;
		} else if (what == 14 && r / 32 % 16 == 0) {
			lane_command(lane, r / 512 % 3 ? LANE_RESUME : LANE_PAUSE, 0, &e);
			if (backup)
				lane_command(lane, r / 2048 % 2 ? LANE_AUTO : LANE_SWITCH, side,
					     &e);
		}
		for (unsigned i = 0; i < 2; i++)
			if (n_recalled[i] != n_recalls[i]) {
				n_recalled[i] = n_recalls[i];
				while (n_flying[i])
					settle(i, 0);
			}
		now_ns += S / 10;
		turn();
	}
	append_rc = read_rc = 0;
	sinks_are[0] = sinks_are[1] = LANE_TAKES;
	lane_command(lane, LANE_RESUME, 0, &e);
	for (unsigned i = 0; i < 2; i++)
		while (n_flying[i])
			settle(i, ALL);
	drain();
	assert_true(next_record > 100);
	expect_all_delivered(UINT8_MAX);
	assert_int_equal(n_out(), 0);
	assert_int_equal(n_spool, 0);
	assert_int_equal(count(LANE_records_in), next_record);
	tear_down(NULL);
}

static void whatever_sinks_and_disks_do_all_is_delivered_in_order(void **unused)
{
	for (uint64_t seed = 1; seed <= 40; seed++)
		for (int mode = LANE_OFF; mode <= LANE_ALWAYS; mode++) {
			walk((enum lane_mode)mode, false, seed);
			walk((enum lane_mode)mode, true, seed);
		}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_the_sink_takes_never_sees_the_spool),
		TEST(a_queue_that_filled_while_the_sink_was_slow_drains_in_order),
		TEST(what_was_read_from_the_spool_gives_its_memory_back),
		TEST(what_is_new_goes_behind_what_the_spool_has),
		TEST(a_batch_that_is_not_acknowledged_does_not_hold_up_the_others),
		TEST(nothing_is_sent_until_all_that_flies_is_back_and_then_in_order),
		TEST(a_sink_that_is_gone_is_sent_nothing_and_a_slow_one_one_batch_at_a_time),
		TEST(always_means_that_a_record_is_in_the_spool_before_it_is_sent),
		TEST(always_keeps_no_worker_waiting_for_a_slow_sink),
		TEST(a_spool_that_is_full_stops_the_lane_and_loses_nothing),
		TEST(a_batch_that_the_spool_refused_goes_there_when_it_has_room),
		TEST(always_sends_also_what_a_broken_spool_cannot_take_and_counts_it),
		TEST(what_the_spool_drops_by_its_policy_is_not_sent),
		TEST(a_spool_that_cannot_be_read_is_tried_again_and_told_of),
		TEST(without_a_spool_what_comes_back_is_kept_and_sent_again),
		TEST(a_pause_loses_nothing),
		TEST(a_switch_by_command_waits_for_the_old_sink_and_repeats_nothing),
		TEST(an_old_sink_that_does_not_end_what_it_has_is_made_to_give_it_back),
		TEST(health_switches_after_its_time_and_returns_after_its_time),
		TEST(a_backup_that_is_ill_too_is_not_switched_to),
		TEST(a_command_decides_until_health_may_again),
		TEST(a_stop_while_the_sink_is_gone_puts_everything_into_the_spool_in_order),
		TEST(a_stop_without_a_spool_counts_what_it_gives_up),
		TEST(whatever_sinks_and_disks_do_all_is_delivered_in_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
