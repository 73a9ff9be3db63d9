/* A card does that where it has a queue for each worker, hashes both directions alike, and looks
 * into tunnels; and where one session does not come by two ports, as it does from a TAP. Else:
 *
 *     queue > worker 0 --+--> ring --> worker 0        each worker reads its queues, looks at the
 *                         \ /                          innermost addresses and ports, and copies
 *                          X                           packets into the rings of the others; then
 *                         / \                          it takes from its own rings what is next in
 *     queue > worker 1 --+--> ring --> worker 1        packet time
 */
#include "dataplane/capture/rehash.h"

#include <time.h>

#include "dataplane/base/mem.h"
#include "dataplane/capture/pkt_ring.h"

LEDGER_DEFINE(rehash, "rehash", "packets", REHASH_COLS);

/* A worker that also takes from others' queues looks so often whether they have something. */
#define WAIT_MAX_NS  4000000ull

/* How long it sleeps while it holds a packet back for earlier ones. */
#define HOLD_STEP_NS 50000ull

/* Two lines: its worker writes to it at each receive. */
struct source {
	_Alignas(128) struct capture *c;
	struct capture_stop stop;
	unsigned worker;
	bool dry, quiet; /* the last look found nothing */
	/* For all workers: no packet before this time comes any more. */
	_Alignas(128) _Atomic uint64_t seen_ns;
};

struct rehash_worker {
	_Alignas(128) struct capture c;
	struct rehash *r;
	unsigned index, n_own;
	bool settled;           /* its rings have memory on its node */
	unsigned n_moved;       /* packets, in the last receive */
	bool held;              /* there was a packet that waits for earlier ones */
	uint64_t held_since_ns; /* 0: none waits */
	uint64_t last_ns;       /* packet time that went out */
	uint64_t n_direct, n_copies, n_late;
	struct pkt_raw raw[PKT_BURST];
	struct pkt_raw heads[]; /* by source: the next of its ring */
};

struct rehash {
	unsigned n_workers, n_sources;
	const atomic_bool *stop;
	struct decode *decode;
	struct source *sources;
	struct pkt_ring *rings; /* source * n_workers + worker */
	struct rehash_worker **workers;
	atomic_uint n_flowing; /* sources that are not dry */
};

static struct pkt_ring *ring_of(const struct rehash *r, unsigned source, unsigned worker)
{
	return &r->rings[source * r->n_workers + worker];
}

/* ---- from the queues into the rings ---- */

static void put_all(struct rehash_worker *w, unsigned source, const struct pkt_raw *p)
{
	for (unsigned i = 0; i < w->r->n_workers; i++)
		pkt_ring_put(ring_of(w->r, source, i), p);
	w->n_copies += w->r->n_workers - 1;
}

/* The only source there is: what belongs to its own worker needs no ring. */
static int share_only(struct rehash_worker *w, unsigned n, struct pkt_raw *out)
{
	struct rehash *r = w->r;
	int n_out = 0;
	for (unsigned i = 0; i < n; i++) {
		const struct pkt_raw *p = &w->raw[i];
		unsigned owner = decode_owner(r->decode, p);
		if (owner == w->index || owner == DECODE_ALL)
			out[n_out++] = *p;
		else
			pkt_ring_put(ring_of(r, 0, owner), p);
		for (unsigned k = 0; owner == DECODE_ALL && k < r->n_workers; k++)
			if (k != w->index)
				pkt_ring_put(ring_of(r, 0, k), p);
		w->n_copies += owner == DECODE_ALL ? r->n_workers - 1 : 0;
	}
	w->n_direct += (unsigned)n_out;
	return n_out;
}

static void share(struct rehash_worker *w, unsigned source, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		unsigned owner = decode_owner(w->r->decode, &w->raw[i]);
		if (owner == DECODE_ALL)
			put_all(w, source, &w->raw[i]);
		else
			pkt_ring_put(ring_of(w->r, source, owner), &w->raw[i]);
	}
}

static void end_source(struct rehash *r, struct source *s)
{
	s->dry = true;
	atomic_store_explicit(&s->seen_ns, UINT64_MAX, memory_order_release);
	atomic_fetch_sub_explicit(&r->n_flowing, 1, memory_order_release);
}

/* One burst of source @i. Returns how many packets it put to @out, or -errno of a source that
 * broke.
 */
static int pump(struct rehash_worker *w, unsigned i, struct pkt_raw *out)
{
	struct rehash *r = w->r;
	struct source *s = &r->sources[i];
	int n_out = 0;
	bool stop = atomic_load_explicit(r->stop, memory_order_relaxed);
	uint64_t seen_ns = s->quiet || r->n_sources > 1
				   ? clock_wall_ns() - s->c->late_ns
				   : atomic_load_explicit(&s->seen_ns, memory_order_relaxed);
	int n = capture_receive(s->c, w->raw);
	s->quiet = n == 0;
	if (n > 0) {
		w->n_moved += (unsigned)n;
		w->c.behind |= n == PKT_BURST;
		seen_ns = w->raw[n - 1].time_ns;
		if (r->n_sources == 1)
			n_out = share_only(w, (unsigned)n, out);
		else
			share(w, i, (unsigned)n);
		for (unsigned k = 0; k < r->n_workers; k++)
			pkt_ring_publish(ring_of(r, i, k));
	}
	if (n > 0 || !s->c->pending)
		atomic_store_explicit(&s->seen_ns, seen_ns, memory_order_release);
	if (n == -ENODATA || (stop && capture_is_dry(&s->stop, s->c, n)))
		end_source(r, s);
	if (n < 0 && n != -ENODATA) {
		w->c.err = s->c->err;
		return n;
	}
	return n_out;
}

/* ---- from the rings, in packet time ---- */

static int take_all(struct rehash_worker *w, struct pkt_ring *ring, struct pkt_raw *out)
{
	int n = 0;
	w->c.come_ns = atomic_load_explicit(&w->r->sources[0].seen_ns, memory_order_acquire);
	for (; n < PKT_BURST && pkt_ring_peek(ring, &out[n]); n++)
		pkt_ring_next(ring, &out[n]);
	return n;
}

/* Is the wait for earlier packets over? */
static bool let_go(struct rehash_worker *w)
{
	uint64_t now_ns = clock_mono_ns();
	for (unsigned s = 0; s < w->r->n_sources; s++)
		if (pkt_ring_is_filling(ring_of(w->r, s, w->index)))
			return true;
	if (w->held_since_ns == 0)
		w->held_since_ns = now_ns;
	return now_ns - w->held_since_ns > REHASH_HOLD_NS;
}

/* Looks at the rings. Returns the time up to which all has come: earlier ones of a source whose
 * ring is empty may still come after what it has seen.
 */
static uint64_t look(struct rehash_worker *w)
{
	const struct rehash *r = w->r;
	uint64_t until_ns = UINT64_MAX;
	for (unsigned s = 0; s < r->n_sources; s++) {
		/* Before the ring: what is then not in it came later than this. */
		uint64_t seen_ns =
			atomic_load_explicit(&r->sources[s].seen_ns, memory_order_acquire);
		if (pkt_ring_peek(ring_of(r, s, w->index), &w->heads[s]))
			continue;
		w->heads[s].ptr = NULL;
		if (seen_ns < until_ns)
			until_ns = seen_ns;
	}
	return until_ns;
}

static unsigned earliest(const struct rehash_worker *w)
{
	unsigned best = UINT_MAX;
	for (unsigned s = 0; s < w->r->n_sources; s++)
		if (w->heads[s].ptr &&
		    (best == UINT_MAX || w->heads[s].time_ns < w->heads[best].time_ns))
			best = s;
	return best;
}

static int merge(struct rehash_worker *w, struct pkt_raw *out)
{
	uint64_t until_ns = w->c.come_ns = look(w);
	bool forced = false;
	unsigned s;
	int n = 0;
	w->held = false;
	while (n < PKT_BURST && (s = earliest(w)) != UINT_MAX) {
		struct pkt_ring *ring = ring_of(w->r, s, w->index);
		bool waits = w->heads[s].time_ns > until_ns && !forced;
		if (waits && n > 0)
			break;
		w->held = waits && !let_go(w);
		if (w->held)
			return 0;
		/* Once it is over, it stays so until the late one has come. */
		forced |= waits;
		if (!forced)
			w->held_since_ns = 0;
		out[n] = w->heads[s];
		w->n_late += out[n].time_ns < w->last_ns;
		w->last_ns = out[n].time_ns;
		pkt_ring_next(ring, &out[n]);
		if (!pkt_ring_peek(ring, &w->heads[s])) {
			w->heads[s].ptr = NULL;
			if (out[n].time_ns < until_ns)
				until_ns = out[n].time_ns;
		}
		n++;
	}
	return n;
}

/* What a receiver brings that gets no core for long is not waited for. */
static void look_in_vain(struct rehash_worker *w)
{
	uint64_t least_ns = clock_wall_ns() - w->c.late_ns - REHASH_HOLD_NS;
	if (w->c.come_ns < least_ns)
		w->c.come_ns = least_ns;
	capture_count(&w->c.stats.empty_polls, 1);
}

static int rehash_receive(struct capture *c, struct pkt_raw *out)
{
	struct rehash_worker *w = (struct rehash_worker *)c;
	struct rehash *r = w->r;
	/* Before the rings: what a source put there until it was dry is seen. */
	bool flowing = atomic_load_explicit(&r->n_flowing, memory_order_acquire) > 0;
	int n = 0;
	for (unsigned s = 0; s < r->n_sources; s++) {
		if (!w->settled)
			pkt_ring_settle_here(ring_of(r, s, w->index));
		pkt_ring_give_back(ring_of(r, s, w->index));
	}
	w->settled = true;
	w->n_moved = 0;
	c->behind = false;
	for (unsigned s = 0; w->n_own && s < r->n_sources && n >= 0; s++)
		if (r->sources[s].worker == w->index && !r->sources[s].dry)
			n = pump(w, s, out);
	if (n < 0)
		return n;
	if (n == 0)
		n = r->n_sources == 1 ? take_all(w, ring_of(r, 0, w->index), out) : merge(w, out);
	capture_count(&c->stats.polls, 1);
	capture_count(&c->stats.packets, (unsigned)n);
	if (n == 0)
		look_in_vain(w);
	return n == 0 && !flowing && !w->held ? -ENODATA : n;
}

static void sleep_ns(uint64_t ns)
{
	nanosleep(&(struct timespec){.tv_nsec = (long)ns}, NULL);
}

static void rehash_wait(struct capture *c, uint64_t ns)
{
	struct rehash_worker *w = (struct rehash_worker *)c;
	if (w->n_moved)
		return;
	if (w->held) {
		sleep_ns(HOLD_STEP_NS);
		return;
	}
	capture_count(&c->stats.waits, 1);
	for (unsigned s = 0; w->n_own == 1 && s < w->r->n_sources; s++) {
		struct source *own = &w->r->sources[s];
		if (own->worker == w->index && !own->dry && own->c->ops->wait) {
			own->c->ops->wait(own->c, ns);
			return;
		}
	}
	sleep_ns(ns);
}

/* By the queues that it reads, and on the way to it. */
static uint64_t rehash_missed(const struct capture *c)
{
	const struct rehash_worker *w = (const struct rehash_worker *)c;
	const struct rehash *r = w->r;
	uint64_t n = 0;
	for (unsigned s = 0; s < r->n_sources; s++) {
		n += atomic_load_explicit(&ring_of(r, s, w->index)->told_full,
					  memory_order_relaxed);
		if (r->sources[s].worker == w->index)
			n += capture_missed(r->sources[s].c);
	}
	return n;
}

static void rehash_settle(struct capture *c)
{
	const struct rehash_worker *w = (struct rehash_worker *)c;
	for (unsigned s = 0; s < w->r->n_sources; s++)
		if (w->r->sources[s].worker == w->index)
			capture_settle(w->r->sources[s].c);
}

static void rehash_close(struct capture *c)
{
	(void)c;
}

static const struct capture_ops rehash_ops = {.name = "rehash",
					      .receive = rehash_receive,
					      .missed = rehash_missed,
					      .settle = rehash_settle,
					      .wait = rehash_wait,
					      .close = rehash_close};

/* ---- building ---- */

static int make_decode(struct rehash *r, const struct rehash_conf *conf, struct err *e)
{
	struct decode_conf light = *conf->decode;
	light.dedup = DEDUP_OFF;
	light.checksum = CHECKSUM_IGNORE;
	light.fragments_max = 1;
	light.fragment_bytes_max = 1 << 20;
	int rc = decode_create(&light, &r->decode, e);
	if (rc < 0)
		return rc;
	decode_share(r->decode, 0, conf->n_workers);
	for (unsigned i = 0; i < conf->n_together; i++)
		decode_share_together(r->decode, conf->together[i]);
	return 0;
}

static int make_parts(struct rehash *r, const struct rehash_conf *conf, struct err *e)
{
	size_t n_rings = (size_t)r->n_sources * r->n_workers;
	r->sources = mem_map(r->n_sources * sizeof(*r->sources));
	r->rings = mem_map(n_rings * sizeof(*r->rings));
	r->workers = mem_alloc(r->n_workers * sizeof(*r->workers));
	if (!r->sources || !r->rings || !r->workers)
		return err_set(e, -ENOMEM, "no memory for the rings between workers");
	for (unsigned i = 0; i < n_rings; i++) {
		int rc = pkt_ring_init(&r->rings[i], conf->bytes_max / r->n_sources, e);
		if (rc < 0)
			return rc;
	}
	for (unsigned i = 0; i < r->n_workers; i++) {
		size_t bytes = sizeof(**r->workers) + r->n_sources * sizeof(struct pkt_raw);
		struct rehash_worker *w = mem_map(bytes);
		if (!w)
			return err_set(e, -ENOMEM, "no memory for the rings between workers");
		r->workers[i] = w;
		w->c.ops = &rehash_ops;
		w->c.ends = true;
		w->c.wait_max_ns = WAIT_MAX_NS;
		w->r = r;
		w->index = i;
	}
	return make_decode(r, conf, e);
}

int rehash_create(const struct rehash_conf *conf, struct rehash **ret_r, struct err *e)
{
	struct rehash *r = mem_alloc(sizeof(*r));
	if (!r)
		return err_set(e, -ENOMEM, "no memory for the rings between workers");
	r->n_workers = conf->n_workers;
	r->n_sources = conf->n_sources;
	r->stop = conf->stop;
	int rc = make_parts(r, conf, e);
	if (rc < 0) {
		rehash_destroy(r);
		return rc;
	}
	*ret_r = r;
	return 0;
}

void rehash_destroy(struct rehash *r)
{
	if (!r)
		return;
	for (unsigned i = 0; r->sources && i < r->n_sources; i++)
		capture_close(r->sources[i].c);
	for (unsigned i = 0; r->rings && i < r->n_sources * r->n_workers; i++)
		pkt_ring_fini(&r->rings[i]);
	for (unsigned i = 0; r->workers && i < r->n_workers; i++)
		mem_unmap(r->workers[i],
			  sizeof(**r->workers) + r->n_sources * sizeof(struct pkt_raw));
	decode_destroy(r->decode);
	mem_unmap(r->sources, r->n_sources * sizeof(*r->sources));
	mem_unmap(r->rings, (size_t)r->n_sources * r->n_workers * sizeof(*r->rings));
	mem_free(r->workers);
	mem_free(r);
}

void rehash_add(struct rehash *r, unsigned i, struct capture *source, unsigned worker)
{
	struct rehash_worker *w = r->workers[worker];
	r->sources[i].c = source;
	r->sources[i].worker = worker;
	atomic_fetch_add(&r->n_flowing, 1);
	w->n_own++;
	for (unsigned k = 0; k < r->n_workers; k++)
		if (r->workers[k]->c.late_ns < source->late_ns)
			r->workers[k]->c.late_ns = source->late_ns;
	if (r->n_sources == 1 || source->wait_max_ns < w->c.wait_max_ns)
		w->c.wait_max_ns = source->wait_max_ns;
}

struct capture *rehash_capture(struct rehash *r, unsigned worker)
{
	return &r->workers[worker]->c;
}

void rehash_row(const struct rehash *r, unsigned worker, uint64_t row[REHASH_N_COLS])
{
	const struct rehash_worker *w = r->workers[worker];
	uint64_t put = w->n_direct, full = 0, taken = w->n_direct;
	for (unsigned s = 0; s < r->n_sources; s++) {
		const struct pkt_ring *ring = ring_of(r, s, worker);
		put += atomic_load_explicit(&ring->told_put, memory_order_relaxed);
		full += atomic_load_explicit(&ring->told_full, memory_order_relaxed);
		taken += ring->n_taken;
	}
	row[REHASH_packets_in] = put + full;
	row[REHASH_packets_out] = taken;
	row[REHASH_ring_full] = full;
	row[REHASH_in_flight] = put - taken;
	row[REHASH_copies] = w->n_copies;
	row[REHASH_out_of_order] = w->n_late;
}
