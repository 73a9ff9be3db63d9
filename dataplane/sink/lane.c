#include "dataplane/sink/lane.h"

#include <assert.h>

#include "dataplane/base/mem.h"

#define NS_PER_MS      1000000ull
#define ITEMS_MORE     1024 /* settled ones that wait for one in front of them */
#define ITEMS_LEFT     3
#define SPOOL_AGAIN_NS (100 * NS_PER_MS)
#define DRAIN_NS       (10000 * NS_PER_MS) /* an old sink that works ends what it has */
#define STOP_NS        (2000 * NS_PER_MS)  /* a stop waits so long for a sink that is slow */
#define RECALL_NS      (5000 * NS_PER_MS)  /* between two recalls of what does not come back */

LEDGER_DEFINE(lane, "courier", "records", LANE_COLS);

enum item_state { ITEM_WAITS, ITEM_FLIES, ITEM_DONE };

/* A batch. The list is in the order of the numbers, and the spool's unread part lies at read_seq in
 * it.
 */
struct item {
	struct item *next;
	struct out_batch *b; /* NULL: settled */
	uint64_t seq;
	uint32_t n;
	uint8_t state;
	bool in_spool;
};

struct lane {
	struct lane_conf conf;
	struct item *items, *free, *first, *last;
	unsigned n_free;
	struct item *stuck; /* the last one, which the spool does not take; NULL: none */
	unsigned n_flying, n_waiting;
	unsigned *n_taken; /* by worker: its batches that are here */
	struct out_batch **own_free;
	unsigned n_own_free;

	uint64_t next_seq;            /* of the record that comes next */
	uint64_t read_seq, spool_end; /* the spool has what is between them, unread */
	uint64_t acked;
	bool stop_reading;
	uint64_t stop_ns;          /* since when */
	uint64_t now_ns, again_ns; /* no try of the spool before the latter */
	struct err trouble;        /* of the spool; empty: none */

	bool paused;
	bool coming_back; /* something did: nothing is sent until all has */
	enum lane_sink sinks[2];
	unsigned side;
	bool by_health;                 /* until a command decides */
	uint64_t well_ns[2], ill_ns[2]; /* since when; 0: it is not */
	bool switching;
	unsigned to;
	uint64_t switch_ns, recalled_ns;
	const char *why;

	uint64_t row[LANE_N_COLS];
};

/* ---- the list ---- */

static bool has_unread(const struct lane *l)
{
	return l->read_seq < l->spool_end;
}

static bool is_own(const struct lane *l, const struct out_batch *b)
{
	return b >= l->conf.own && b < l->conf.own + l->conf.n_own;
}

/* Those that are settled stay in the list behind one that is not; some are left for what only goes
 * to the spool.
 */
static bool has_items(const struct lane *l)
{
	return l->n_free >= ITEMS_LEFT;
}

static struct item *add_item(struct lane *l, struct out_batch *b, uint64_t seq)
{
	struct item *it = l->free;
	assert(it);
	l->free = it->next;
	l->n_free--;
	*it = (struct item){.b = b, .seq = seq, .n = b->n_recs, .state = ITEM_WAITS};
	struct item **at = &l->first;
	if (l->last && l->last->seq < seq)
		at = &l->last->next;
	while (*at && (*at)->seq < seq)
		at = &(*at)->next;
	it->next = *at;
	*at = it;
	if (!it->next)
		l->last = it;
	l->n_waiting++;
	l->row[LANE_in_flight] += it->n;
	return it;
}

static void remove_item(struct lane *l, struct item *it)
{
	struct item **at = &l->first, *before = NULL;
	for (; *at != it; at = &(*at)->next)
		before = *at;
	*at = it->next;
	if (l->last == it)
		l->last = before;
	it->next = l->free;
	l->free = it;
	l->n_free++;
}

static void release_batch(struct lane *l, struct item *it)
{
	struct out_batch *b = it->b;
	it->b = NULL;
	if (is_own(l, b)) {
		/* Read from the spool now and then: it takes memory while it is on its way only. */
		mem_shrink(b->buf, b->buf + b->len);
		l->own_free[l->n_own_free++] = b;
		return;
	}
	l->n_taken[b->worker]--;
	l->conf.give_back(l->conf.ctx, b);
}

/* An item that is no longer in memory: @col says where it went. */
static void leave(struct lane *l, struct item *it, unsigned col)
{
	l->row[LANE_in_flight] -= it->b->n_recs;
	l->row[col] += it->b->n_recs;
	l->n_waiting--;
	release_batch(l, it);
	remove_item(l, it);
}

/* ---- the spool ---- */

static void spool_answered(struct lane *l, int rc, const struct err *e)
{
	if (rc >= 0) {
		if (e->text[0])
			l->conf.notice(l->conf.ctx, e->text);
		l->trouble.text[0] = '\0';
		return;
	}
	l->trouble = *e;
	l->again_ns = l->now_ns + SPOOL_AGAIN_NS;
}

enum put { PUT_FAILED, PUT_KEPT, PUT_DROPPED };

static enum put append(struct lane *l, struct item *it)
{
	const struct lane_store *s = &l->conf.store;
	struct err e = {0};
	int rc = s->append(s->spool, it->b, it->seq, &e);
	spool_answered(l, rc, &e);
	if (rc != 0)
		return rc < 0 ? PUT_FAILED : PUT_DROPPED;
	it->in_spool = true;
	if (l->spool_end < it->seq + it->n) {
		if (!has_unread(l))
			l->read_seq = it->seq;
		l->spool_end = it->seq + it->n;
	}
	return PUT_KEPT;
}

/* Everything in front of the oldest that is not settled is acknowledged. */
static void acknowledge(struct lane *l)
{
	while (l->first && l->first->state == ITEM_DONE)
		remove_item(l, l->first);
	uint64_t at = has_unread(l) ? l->read_seq : l->next_seq;
	if (l->first && l->first->seq < at)
		at = l->first->seq;
	if (at == l->acked)
		return;
	l->acked = at;
	if (l->conf.mode != LANE_OFF)
		l->conf.store.ack(l->conf.store.spool, at);
}

/* One batch of the spool, as an item; NULL: there is none, or no room for it. */
static struct item *read_spool(struct lane *l)
{
	const struct lane_store *s = &l->conf.store;
	struct err e = {0};
	uint64_t seq;
	if (!has_unread(l) || l->stop_reading || l->n_own_free == 0 || !has_items(l) ||
	    l->now_ns < l->again_ns)
		return NULL;
	struct out_batch *b = l->own_free[l->n_own_free - 1];
	int rc = s->read(s->spool, b, &seq, &e);
	spool_answered(l, rc, &e);
	if (rc == 0) /* the rest was lost, by name, in the spool's row */
		l->read_seq = l->spool_end;
	if (rc <= 0)
		return NULL;
	l->n_own_free--;
	l->row[LANE_unspooled] += b->n_recs;
	struct item *it = add_item(l, b, seq);
	it->in_spool = true;
	l->read_seq = seq + b->n_recs;
	return it;
}

/* ---- sending ---- */

/* A sink that is slow gets one batch, so that it can show that it is well again. */
static bool may_send(const struct lane *l)
{
	enum lane_sink sink = l->sinks[l->side];
	return !l->paused && !l->switching && !l->coming_back &&
	       (sink == LANE_TAKES || (sink == LANE_SLOW && l->n_flying == 0));
}

static void send(struct lane *l, struct item *it)
{
	if (l->conf.mode == LANE_ALWAYS && !it->in_spool)
		l->row[LANE_unsafe] += it->b->n_recs;
	it->state = ITEM_FLIES;
	if (l->stuck == it)
		l->stuck = NULL;
	l->n_waiting--;
	l->n_flying++;
	l->row[LANE_in_flight] -= it->b->n_recs;
	l->row[LANE_sent] += it->b->n_recs;
	l->conf.send(l->conf.ctx, l->side, it->b);
}

/* The next one in order: what waits in front of the spool's unread part, that part, and then a
 * batch that the spool did not take.
 */
static struct item *next_item(struct lane *l)
{
	struct item *it = l->n_waiting ? l->first : NULL;
	while (it && it->state != ITEM_WAITS)
		it = it->next;
	if (it && (!has_unread(l) || it->seq < l->read_seq))
		return it;
	return read_spool(l);
}

bool lane_wants(const struct lane *l)
{
	return l->free && !l->stuck;
}

/* A spool that fails does not keep a batch from a sink that takes it. */
void lane_offer(struct lane *l, struct out_batch *b)
{
	bool behind = l->n_waiting > 0 || has_unread(l);
	struct item *it = add_item(l, b, l->next_seq);
	l->row[LANE_records_in] += it->n;
	l->next_seq += it->n;
	l->n_taken[b->worker]++;
	enum put put = l->conf.mode == LANE_ALWAYS ? append(l, it) : PUT_FAILED;
	bool room = has_items(l) &&
		    (l->conf.mode == LANE_OFF || l->n_taken[b->worker] <= l->conf.window);
	if (put != PUT_DROPPED && !behind && room && may_send(l)) {
		if (put == PUT_KEPT) { /* it is not to be read again */
			l->row[LANE_copied] += it->n;
			l->read_seq = l->spool_end;
			l->conf.store.rewind(l->conf.store.spool, l->read_seq);
		}
		send(l, it);
		return;
	}
	if (l->conf.mode == LANE_OVERFLOW)
		put = append(l, it);
	if (put != PUT_FAILED)
		leave(l, it, LANE_spooled);
	else if (l->conf.mode != LANE_OFF)
		l->stuck = it;
}

void lane_settled(struct lane *l, struct out_batch *b, const struct shipper_outcome *o)
{
	struct item *it = l->first;
	while (it->b != b)
		it = it->next;
	l->n_flying--;
	if (o->n_returned) {
		l->row[LANE_returned] += o->n_returned;
		l->row[LANE_again] += b->n_recs - o->n_returned;
		l->row[LANE_in_flight] += b->n_recs;
		l->n_waiting++;
		it->state = ITEM_WAITS;
		l->coming_back = true;
	} else {
		it->state = ITEM_DONE;
		release_batch(l, it);
	}
	if (l->n_flying == 0)
		l->coming_back = false;
	acknowledge(l);
}

/* It may have room by now. */
static bool append_again(struct lane *l)
{
	struct item *it = l->stuck;
	if (!it || l->now_ns < l->again_ns || append(l, it) == PUT_FAILED)
		return false;
	l->stuck = NULL;
	leave(l, it, LANE_spooled);
	return true;
}

/* ---- primary and backup ---- */

static void begin_switch(struct lane *l, unsigned to, const char *why)
{
	l->switching = true;
	l->to = to;
	l->why = why;
	l->switch_ns = l->now_ns;
	l->recalled_ns = 0;
}

/* Nothing is sent to the new one while the old one has something: so the order of keys holds. */
static bool go_on_switching(struct lane *l)
{
	if (l->n_flying > 0) {
		bool due = l->sinks[l->side] != LANE_TAKES || l->now_ns - l->switch_ns > DRAIN_NS;
		if (due && (l->recalled_ns == 0 || l->now_ns - l->recalled_ns > RECALL_NS)) {
			l->recalled_ns = l->now_ns;
			l->row[LANE_recalls]++;
			l->conf.recall(l->conf.ctx, l->side);
		}
		return false;
	}
	const struct lane_cut cut = {
		.from = l->side, .to = l->to, .acked = l->acked, .why = l->why};
	l->switching = false;
	l->side = l->to;
	l->row[LANE_switches]++;
	l->conf.cut(l->conf.ctx, &cut);
	return true;
}

/* At a stop what a slow sink has is better in the spool. */
static void hurry_stop(struct lane *l)
{
	bool slow = l->sinks[l->side] != LANE_TAKES && l->n_flying > 0;
	if (!l->stop_reading || l->conf.mode == LANE_OFF || l->paused || !slow ||
	    l->now_ns - l->stop_ns < STOP_NS)
		return;
	l->paused = true;
	l->row[LANE_recalls]++;
	l->conf.recall(l->conf.ctx, l->side);
}

static void watch_health(struct lane *l)
{
	for (unsigned i = 0; i < 2; i++) {
		bool well = l->sinks[i] == LANE_TAKES;
		uint64_t *since = well ? &l->well_ns[i] : &l->ill_ns[i];
		if (*since == 0)
			*since = l->now_ns;
		*(well ? &l->ill_ns[i] : &l->well_ns[i]) = 0;
	}
	if (!l->by_health || l->switching)
		return;
	unsigned other = 1 - l->side;
	bool ill = l->ill_ns[l->side] && l->now_ns - l->ill_ns[l->side] >= l->conf.switch_after_ns;
	if (ill && l->sinks[other] == LANE_TAKES)
		begin_switch(l, other,
			     l->side == 0 ? "the primary does not take records"
					  : "the backup does not take records");
	else if (l->side == 1 && l->well_ns[0] && l->conf.return_after_ns &&
		 l->now_ns - l->well_ns[0] >= l->conf.return_after_ns)
		begin_switch(l, 0, "the primary takes records again");
}

bool lane_turn(struct lane *l, uint64_t now_ns, const enum lane_sink states[2])
{
	bool done = false;
	l->now_ns = now_ns;
	l->sinks[0] = states[0];
	l->sinks[1] = states[1];
	if (l->conf.has_backup)
		watch_health(l);
	if (l->switching)
		done = go_on_switching(l);
	hurry_stop(l);
	for (struct item *it; may_send(l) && (it = next_item(l)) != NULL; done = true)
		send(l, it);
	done |= append_again(l);
	acknowledge(l);
	return done;
}

int lane_command(struct lane *l, enum lane_command command, unsigned side, struct err *e)
{
	switch (command) {
	case LANE_PAUSE:
	case LANE_RESUME:
		l->paused = command == LANE_PAUSE;
		return 0;
	case LANE_AUTO:
		if (!l->conf.has_backup || !l->conf.by_health)
			return err_set(e, -EINVAL, "expected a queue with switch: health");
		l->by_health = true;
		return 0;
	case LANE_SWITCH:
		break;
	}
	if (!l->conf.has_backup)
		return err_set(e, -EINVAL, "it has no backup");
	l->by_health = false;
	if (side != l->side || l->switching)
		begin_switch(l, side, "a command");
	return 0;
}

bool lane_paused(const struct lane *l)
{
	return l->paused;
}

/* ---- life ---- */

void lane_stop_reading(struct lane *l)
{
	if (!l->stop_reading)
		l->stop_ns = l->now_ns;
	l->stop_reading = true;
}

bool lane_idle(const struct lane *l)
{
	/* What waits for a sink that is away goes into the spool. */
	if (l->stop_reading && l->conf.mode != LANE_OFF && !may_send(l))
		return l->n_flying == 0;
	return l->n_flying == 0 && l->n_waiting == 0 && (l->stop_reading || !has_unread(l));
}

int lane_close(struct lane *l, struct err *e)
{
	int rc = 0;
	assert(l->n_flying == 0);
	for (struct item *it; (it = l->first) != NULL;) {
		if (it->state == ITEM_DONE) {
			remove_item(l, it);
			continue;
		}
		bool kept =
			it->in_spool || (l->conf.mode != LANE_OFF && append(l, it) != PUT_FAILED);
		if (!kept && l->conf.mode != LANE_OFF && rc == 0)
			rc = err_set(e, -EIO, "%s", l->trouble.text);
		leave(l, it, kept ? LANE_spooled : LANE_given_up);
	}
	l->stuck = NULL;
	return rc; /* the spool syncs when it is closed */
}

int lane_create(const struct lane_conf *conf, struct lane **ret_l, struct err *e)
{
	size_t n_items = (size_t)conf->n_workers * (conf->window + 1) + conf->n_own + ITEMS_MORE;
	struct lane *l = mem_alloc(sizeof(*l));
	if (!l)
		return err_set(e, -ENOMEM, "no memory");
	l->conf = *conf;
	l->items = mem_alloc(n_items * sizeof(*l->items));
	l->n_taken = mem_alloc(conf->n_workers * sizeof(*l->n_taken));
	l->own_free = mem_alloc((conf->n_own + 1) * sizeof(*l->own_free));
	if (!l->items || !l->n_taken || !l->own_free) {
		lane_destroy(l);
		return err_set(e, -ENOMEM, "no memory");
	}
	for (size_t i = 0; i < n_items; i++) {
		l->items[i].next = l->free;
		l->free = &l->items[i];
	}
	l->n_free = (unsigned)n_items;
	for (unsigned i = 0; i < conf->n_own; i++)
		l->own_free[l->n_own_free++] = &conf->own[i];
	l->spool_end = l->next_seq = l->acked = conf->next_seq;
	l->read_seq = conf->unread ? 0 : conf->next_seq;
	if (conf->unread)
		l->acked = 0;
	l->by_health = conf->by_health;
	*ret_l = l;
	return 0;
}

void lane_destroy(struct lane *l)
{
	if (!l)
		return;
	mem_free(l->items);
	mem_free(l->n_taken);
	mem_free(l->own_free);
	mem_free(l);
}

unsigned lane_side(const struct lane *l)
{
	return l->side;
}

unsigned lane_flying(const struct lane *l)
{
	return l->n_flying;
}

bool lane_trouble(const struct lane *l, struct err *e)
{
	if (l->trouble.text[0] && e)
		*e = l->trouble;
	return l->trouble.text[0] != '\0';
}

const uint64_t *lane_row(const struct lane *l)
{
	return l->row;
}
