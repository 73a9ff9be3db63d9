/* Dead letters: from workers and sinks' threads to the thread that writes them.
 *
 *     workers        > a hand-off of their own, one queue >
 *     sinks' threads > the same; each sink has a place    > shipper > segments
 */
#include <inttypes.h>
#include <string.h>

#include "ctl/say.h"
#include "ctl/topology_parts.h"
#include "dataplane/base/mem.h"

#define DRAIN_NS_MAX      10000000000ull
#define TROUBLE_MS        1000
/* A letter of a sink: an encoded record and some text. */
#define REFUSED_BYTES     (OUT_BATCH_BYTES + (1u << 16))

/* Sinks of a reload have places beside those that they are in place of. */
#define N_PLACES(n_sinks) (2 * (n_sinks) + 16)

struct topology_dead {
	struct handoff *letters; /* of the workers */
	struct handoff *refused; /* its workers are places of sinks */
	unsigned n_places;
	atomic_bool *taken; /* by place */
	struct shipper *shipper;
	unsigned trouble_ms;
};

/* False: there was no room, which the hand-off counts. */
static void put(struct handoff *h, unsigned worker, unsigned queue, const struct dead_letter *l)
{
	size_t len = dead_letter_bytes(l);
	uint8_t *room = handoff_room(h, worker, queue, len);
	if (!room)
		return;
	dead_letter_put(l, room);
	handoff_commit(h, worker, queue, len, l->time_ns);
}

void topology_bury(void *arg, unsigned worker, const struct dead_letter *l)
{
	struct topology *t = arg;
	put(t->dead->letters, worker, 0, l);
}

/* encode_json's records begin with it. */
static struct slice id_in_json(struct slice raw)
{
	struct slice head = SLICE_LIT("{\"_id\":\"");
	if (!slice_starts(raw, head))
		return (struct slice){0};
	struct slice id = slice_from(raw, head.len);
	const uint8_t *end = memchr(id.ptr, '"', id.len);
	return slice_of(id.ptr, end ? (size_t)(end - id.ptr) : 0);
}

void topology_letter_of(const struct outlet *o, const struct out_batch *b, uint32_t rec,
			enum sink_fate why, const char *text, struct dead_letter *ret_l)
{
	uint32_t begin = rec ? b->ends[rec - 1] : 0;
	*ret_l = (struct dead_letter){
		.kind = DEAD_RECORD, .stage = DEAD_SINK, .time_ns = b->first_ns};
	ret_l->text[DEAD_REASON] =
		why == SINK_TOO_LARGE ? SLICE_LIT("too_large") : SLICE_LIT("rejected");
	ret_l->text[DEAD_RULE] = slice_str(outlet_queue(o, b->queue)->name);
	ret_l->text[DEAD_DETAIL] = slice_str(text);
	ret_l->text[DEAD_RAW] = slice_of(b->buf + begin, b->ends[rec] - begin);
	if (b->marks) {
		const struct out_mark *m = &b->marks[rec];
		ret_l->text[DEAD_KEY] = slice_of(b->mark_buf + m->off, m->key_len);
		ret_l->text[DEAD_ID] = slice_of(b->mark_buf + m->off + m->key_len, m->id_len);
	}
	if (ret_l->text[DEAD_ID].len == 0)
		ret_l->text[DEAD_ID] = id_in_json(ret_l->text[DEAD_RAW]);
}

bool topology_bury_refused(void *arg, const struct out_batch *b, uint32_t rec, enum sink_fate why,
			   const char *text)
{
	struct sink_side *s = arg;
	struct dead_letter l;
	struct handoff *refused = s->o->t->dead->refused;
	topology_letter_of(s->o, b, rec, why, text, &l);
	put(refused, s->letters, 0, &l);
	handoff_flush(refused, s->letters, true);
	return true;
}

static struct out_batch *take(void *arg)
{
	struct topology_dead *d = arg;
	struct out_batch *b = handoff_take(d->letters, 0);
	return b ? b : handoff_take(d->refused, 0);
}

static void give_back(void *arg, struct out_batch *b, const struct shipper_outcome *o)
{
	struct topology_dead *d = arg;
	handoff_give_back(handoff_has(d->letters, b) ? d->letters : d->refused, b);
}

struct handoff *topology_letters(const struct topology *t)
{
	return t->dead ? t->dead->letters : NULL;
}

int topology_take_letters_place(struct topology *t, unsigned *ret_place, struct err *e)
{
	struct topology_dead *d = t->dead;
	*ret_place = TOPOLOGY_NO_PLACE;
	for (unsigned i = 0; d && i < d->n_places; i++)
		if (!atomic_exchange(&d->taken[i], true)) {
			*ret_place = i;
			return 0;
		}
	return d ? err_set(e, -ENOSPC,
			   "no room for the dead letters of so many more sinks: only a restart "
			   "makes it")
		 : 0;
}

void topology_give_letters_place(struct topology *t, unsigned place)
{
	if (place != TOPOLOGY_NO_PLACE)
		atomic_store(&t->dead->taken[place], false);
}

int topology_build_dead(struct topology *t, bool wait, struct err *e)
{
	static const uint16_t to_us[1] = {0};
	const struct config *c = t->conf;
	if (!topology_has_dead(t))
		return 0;
	struct topology_dead *d = t->dead = mem_alloc(sizeof(*t->dead));
	if (!d)
		return err_set(e, -ENOMEM, "no memory for dead letters");
	d->n_places = N_PLACES((unsigned)c->n_sinks);
	d->taken = mem_alloc(d->n_places * sizeof(*d->taken));
	if (!d->taken)
		return err_set(e, -ENOMEM, "no memory for dead letters");
	struct handoff_spec to = {.n_workers = t->n_workers,
				  .n_queues = 1,
				  .n_sinks = 1,
				  .sink_of_queue = to_us,
				  .batch_cap = t->batch_cap,
				  .wait = wait};
	int rc = handoff_create(&to, &d->letters, e);
	to.n_workers = d->n_places;
	to.batch_cap += REFUSED_BYTES;
	if (rc == 0)
		rc = handoff_create(&to, &d->refused, e);
	struct shipper_spec spec = {.name = "dead_letters",
				    .ops = &sink_dead_letter,
				    .conf = &c->dead_letters,
				    .n_queues = 1,
				    .reopen = !t->is_file,
				    .take = take,
				    .give_back = give_back,
				    .drain_ns_max = DRAIN_NS_MAX,
				    .ctx = d};
	if (rc == 0)
		rc = shipper_create(&spec, &d->shipper, e);
	if (rc == 0 && e->text[0])
		say(SAY_WARNING, "%s", e->text);
	return rc;
}

void topology_destroy_dead(struct topology *t)
{
	if (!t->dead)
		return;
	shipper_destroy(t->dead->shipper);
	handoff_destroy(t->dead->letters);
	handoff_destroy(t->dead->refused);
	mem_free(t->dead->taken);
	mem_free(t->dead);
}

int topology_start_dead(struct topology *t, struct err *e)
{
	return t->dead ? shipper_start(t->dead->shipper, e) : 0;
}

static void tell_notices(struct topology *t)
{
	struct err e;
	while (shipper_notice(t->dead->shipper, &e))
		say(SAY_WARNING, "%s", e.text);
}

bool topology_watch_dead(struct topology *t)
{
	struct err e;
	if (!t->dead)
		return true;
	tell_notices(t);
	bool stuck = shipper_trouble(t->dead->shipper, &e);
	unsigned was_ms = t->dead->trouble_ms;
	t->dead->trouble_ms = stuck ? was_ms + t->step_ms : 0;
	if (was_ms < TROUBLE_MS && t->dead->trouble_ms >= TROUBLE_MS)
		say(SAY_WARNING, "dead_letters: %s; waiting for it", e.text);
	if (atomic_load(&t->give_up))
		handoff_stop_waiting(t->dead->refused);
	return !shipper_failed(t->dead->shipper);
}

int topology_stop_dead(struct topology *t)
{
	struct err e;
	if (!t->dead)
		return 0;
	int rc = shipper_stop(t->dead->shipper, !atomic_load(&t->give_up), &e);
	tell_notices(t);
	if (rc < 0)
		say(SAY_ERROR, "%s", e.text);
	uint64_t n = topology_n_dead(t);
	if (n)
		say(SAY_NOTICE, "%" PRIu64 " dead letter%s more in %s: see `sluicectl dlq ls %s`",
		    n, n == 1 ? "" : "s", t->conf->dead_letters.dir, t->conf->dead_letters.dir);
	return rc;
}

/* ---- letters that are tried again ---- */

static bool put_again(void *arg, unsigned queue, const struct dead_letter *l)
{
	struct topology *t = arg;
	struct slice raw = l->text[DEAD_RAW];
	const struct way *y = &t->outlets->queues[queue];
	uint8_t *room = handoff_room(y->handoff, 0, y->index, raw.len);
	if (!room)
		return false;
	memcpy(room, raw.ptr, raw.len);
	if (t->gen->forms[queue].marks)
		handoff_mark(y->handoff, 0, y->index, l->text[DEAD_KEY], l->text[DEAD_ID]);
	handoff_commit(y->handoff, 0, y->index, raw.len, l->time_ns);
	return true;
}

static uint64_t lost_of(const struct ledger_table *l, const uint64_t *row)
{
	return ledger_sum(l, row, LEDGER_LOSS) + ledger_sum(l, row, LEDGER_MISSED);
}

/* By the worker, between two turns. */
static uint64_t lost(void *arg)
{
	const struct topology *t = arg;
	const struct worker *w = t->workers[0];
	const struct graph_plan *plan = &t->pipeline->graph;
	uint64_t n = 0;
	for (unsigned s = 0; s < t->conf->n_sources; s++)
		n += lost_of(&extract_ledger, extract_row(worker_extract(w), s));
	for (unsigned i = 0; i < plan->n_nodes; i++)
		n += lost_of(plan->nodes[i].op->ledger, graph_node_row(worker_graph(w), i));
	for (unsigned q = 0; q < t->conf->n_queues; q++)
		n += lost_of(&handoff_ledger, handoff_row(t->outlets->queues[q].handoff, 0,
							  t->outlets->queues[q].index));
	return n;
}

static void failed_again(void *arg, unsigned worker, const struct dead_letter *l)
{
	dead_retry_failed(arg, l);
}

bool topology_refused_again(void *arg, const struct out_batch *b, uint32_t rec, enum sink_fate why,
			    const char *text)
{
	const struct sink_side *s = arg;
	struct dead_letter l;
	topology_letter_of(s->o, b, rec, why, text, &l);
	dead_retry_failed(s->o->t->letters, &l);
	return true;
}

void topology_feed(struct topology *t, struct worker_conf *wc)
{
	const struct dead_retry_path path = {.put = put_again, .lost = lost, .arg = t};
	dead_retry_path(t->letters, &path);
	wc->feed = (struct worker_feed){.next = dead_retry_next, .arg = t->letters};
	wc->out.dead = failed_again;
	wc->out.dead_arg = t->letters;
}

/* ---- the ledger ---- */

void topology_report_dead(const struct topology *t, struct report *r)
{
	uint64_t row[SHIPPER_N_COLS];
	if (!t->dead)
		return;
	for (unsigned i = 0; i < t->dead->n_places; i++)
		report_add(r, &handoff_ledger, TOPOLOGY_LETTERS,
			   handoff_row(t->dead->refused, i, 0));
	shipper_row(t->dead->shipper, 0, row);
	report_add(r, &shipper_ledger, TOPOLOGY_LETTERS, row);
}

uint64_t topology_n_dead(const struct topology *t)
{
	uint64_t row[SHIPPER_N_COLS];
	if (!t->dead)
		return 0;
	shipper_row(t->dead->shipper, 0, row);
	return row[SHIPPER_written];
}
