#include "dataplane/capture/replay.h"

#include <math.h>

#include "dataplane/base/clock.h"
#include "dataplane/base/mem.h"
#include "dataplane/capture/file.h"

#define WAIT_MAX_NS 1000000ull
#define NONE        UINT32_MAX

/* Packets of one file of several, read ahead to know its next time. */
struct queue {
	unsigned at, n;
	struct pkt_raw pkts[PKT_BURST];
};

/* Files that have a packet, the one with the oldest first: a binary heap by (time, file). */
struct heap_node {
	uint64_t time_ns;
	uint32_t file;
};

struct replay {
	struct capture c;
	struct file *files;
	unsigned n_files;
	uint64_t n_packets;

	/* merge: n_files > 1 */
	struct queue *queues;
	struct heap_node *heap;
	unsigned n_heap;
	unsigned n_primed; /* files whose first packets of this pass were asked for */
	uint32_t dry;      /* the file whose queue ran empty in the burst before, or NONE */

	/* ends and passes */
	int *failed;        /* per file: its error, until it is told */
	unsigned n_failed;  /* files whose error was not told yet */
	unsigned pass_left; /* passes after this one */
	bool first_pass;    /* its times are looked at */
	uint64_t oldest_ns, newest_ns;
	bool over;

	/* pace: speed > 0 */
	double speed;
	bool started;
	uint64_t start_ns, first_ns; /* clock and packet time of the first packet */
	unsigned held_at, held_n;    /* read, and not due yet */
	struct pkt_raw *held;
};

static void add_relaxed(_Atomic uint64_t *v, uint64_t n)
{
	uint64_t sum = atomic_load_explicit(v, memory_order_relaxed);
	atomic_store_explicit(v, sum + n, memory_order_relaxed);
}

/* --- ends ------------------------------------------------------------------------------------ */

static void set_failed(struct replay *r, unsigned file, int code)
{
	r->failed[file] = code;
	r->n_failed++;
}

/* Times of the next pass begin behind those of this one, so far that no session reaches from the
 * one into the other: the same SYN again would be taken for a copy. At a pace nobody wants to wait
 * for that.
 */
static int begin_pass(struct replay *r)
{
	uint64_t gap = r->speed > 0 ? REPLAY_GAP_PACED_NS : REPLAY_GAP_NS;
	uint64_t step = file_add_ns(r->newest_ns - r->oldest_ns, gap);
	r->pass_left--;
	r->first_pass = false;
	r->n_primed = 0;
	for (unsigned i = 0; i < r->n_files; i++) {
		struct file *f = &r->files[i];
		f->shift_ns = file_add_ns(f->shift_ns, step);
		int rc = file_rewind(f);
		if (rc)
			set_failed(r, i, rc);
	}
	return r->n_failed ? -EIO : 0;
}

/* All files are at their end. 0 when another pass has begun, else what receive returns. */
static int end_pass(struct replay *r)
{
	if (r->pass_left && !r->n_failed && r->n_packets && !r->over && begin_pass(r) == 0)
		return 0;
	r->over = true;
	if (!r->n_failed)
		return -ENODATA;
	unsigned i = 0;
	while (!r->failed[i])
		i++;
	int code = r->failed[i];
	r->failed[i] = 0;
	r->n_failed--;
	return err_set(&r->c.err, code, "%s", r->files[i].block.err.text);
}

/* --- one file -------------------------------------------------------------------------------- */

static int next_of_one(struct replay *r, struct pkt_raw *out)
{
	struct file *f = &r->files[0];
	while (!r->over) {
		int n = file_burst(f, out, PKT_BURST, true);
		if (n >= 0)
			return n;
		if (n == -EAGAIN)
			return 0;
		if (n != -ENODATA)
			set_failed(r, 0, n);
		int rc = end_pass(r);
		if (rc)
			return rc;
	}
	return end_pass(r);
}

/* --- merge ----------------------------------------------------------------------------------- */

static bool is_before(struct heap_node a, struct heap_node b)
{
	return a.time_ns != b.time_ns ? a.time_ns < b.time_ns : a.file < b.file;
}

static void heap_down(struct replay *r, struct heap_node node)
{
	unsigned at = 0;
	for (unsigned kid; (kid = 2 * at + 1) < r->n_heap; at = kid) {
		if (kid + 1 < r->n_heap && is_before(r->heap[kid + 1], r->heap[kid]))
			kid++;
		if (!is_before(r->heap[kid], node))
			break;
		r->heap[at] = r->heap[kid];
	}
	r->heap[at] = node;
}

static void heap_put(struct replay *r, struct heap_node node)
{
	unsigned at = r->n_heap++;
	for (; at && is_before(node, r->heap[(at - 1) / 2]); at = (at - 1) / 2)
		r->heap[at] = r->heap[(at - 1) / 2];
	r->heap[at] = node;
}

/* Takes the oldest file out. */
static void heap_pop(struct replay *r)
{
	r->n_heap--;
	if (r->n_heap)
		heap_down(r, r->heap[r->n_heap]);
}

/* Reads packets of @file into its empty queue. 1: there are some; 0: not now; < 0: it has ended,
 * which is noted when it is an error.
 */
static int queue_fill(struct replay *r, unsigned file, bool may_fill)
{
	struct queue *q = &r->queues[file];
	q->at = q->n = 0;
	int n = file_burst(&r->files[file], q->pkts, PKT_BURST, may_fill);
	if (n > 0) {
		q->n = (unsigned)n;
		return 1;
	}
	if (n == 0 || n == -EAGAIN)
		return 0;
	if (n != -ENODATA)
		set_failed(r, file, n);
	return n;
}

static struct heap_node node_of(const struct replay *r, unsigned file)
{
	const struct queue *q = &r->queues[file];
	return (struct heap_node){.time_ns = q->pkts[q->at].time_ns, .file = file};
}

/* Brings every file that has not ended into the heap: the first packets of a pass, and those of
 * the file that ran dry. False when one of them has none just now: who is next is not known then.
 */
static bool heap_complete(struct replay *r)
{
	while (r->dry != NONE || r->n_primed < r->n_files) {
		unsigned file = r->dry != NONE ? r->dry : r->n_primed;
		int rc = queue_fill(r, file, true);
		if (rc == 0)
			return false;
		if (rc > 0)
			heap_put(r, node_of(r, file));
		if (r->dry != NONE)
			r->dry = NONE;
		else
			r->n_primed++;
	}
	return true;
}

/* The burst ends early where a file must read on: that would take away what it has in the burst. */
static unsigned merge(struct replay *r, struct pkt_raw *out)
{
	unsigned n = 0;
	while (n < PKT_BURST && r->n_heap) {
		unsigned file = r->heap[0].file;
		struct queue *q = &r->queues[file];
		out[n] = q->pkts[q->at++];
		out[n++].port = (uint16_t)file;
		int rc = q->at < q->n ? 1 : queue_fill(r, file, false);
		if (rc > 0) {
			heap_down(r, node_of(r, file));
			continue;
		}
		heap_pop(r);
		if (rc == 0) {
			r->dry = file;
			break;
		}
	}
	return n;
}

static int next_of_many(struct replay *r, struct pkt_raw *out)
{
	for (;;) {
		if (!r->over && !heap_complete(r))
			return 0;
		unsigned n = merge(r, out);
		if (n)
			return (int)n;
		int rc = end_pass(r);
		if (rc)
			return rc;
	}
}

/* --- receive --------------------------------------------------------------------------------- */

static void see_times(struct replay *r, const struct pkt_raw *pkts, int n)
{
	for (int i = 0; i < n; i++) {
		uint64_t t = pkts[i].time_ns;
		if (!t) /* a packet without one, not one of 1970 */
			continue;
		r->oldest_ns = t < r->oldest_ns ? t : r->oldest_ns;
		r->newest_ns = t > r->newest_ns ? t : r->newest_ns;
	}
}

static int next_burst(struct replay *r, struct pkt_raw *out)
{
	int n = r->n_files == 1 ? next_of_one(r, out) : next_of_many(r, out);
	uint64_t number = r->n_packets;
	for (int i = 0; i < n; i++)
		out[i].number = ++number;
	r->n_packets = number;
	if (r->first_pass && r->pass_left && n > 0)
		see_times(r, out, n);
	return n;
}

static int replay_receive(struct capture *c, struct pkt_raw *out)
{
	int n = next_burst((struct replay *)c, out);
	if (n > 0)
		add_relaxed(&c->stats.packets, (uint64_t)n);
	return n;
}

/* How long until a packet of this time is due. Packets without a time and those that are older than
 * the first one are due at once.
 */
static uint64_t wait_ns(const struct replay *r, uint64_t time_ns, uint64_t now)
{
	if (time_ns <= r->first_ns)
		return 0;
	double after = (double)(time_ns - r->first_ns) / r->speed;
	double since = (double)(now - r->start_ns);
	return after <= since ? 0 : (uint64_t)fmin(after - since, (double)WAIT_MAX_NS);
}

static int receive_paced(struct capture *c, struct pkt_raw *out)
{
	struct replay *r = (struct replay *)c;
	if (r->held_at == r->held_n) {
		int rc = next_burst(r, r->held);
		if (rc <= 0)
			return rc;
		r->held_at = 0;
		r->held_n = (unsigned)rc;
	}
	int n = 0;
	uint64_t now = clock_mono_ns();
	uint64_t wait = 0;
	for (; r->held_at < r->held_n; r->held_at++) {
		const struct pkt_raw *p = &r->held[r->held_at];
		if (!r->started && p->time_ns) {
			r->started = true;
			r->start_ns = now;
			r->first_ns = p->time_ns;
		}
		wait = wait_ns(r, p->time_ns, now);
		if (wait)
			break;
		out[n++] = *p;
	}
	if (n == 0)
		nanosleep(&(struct timespec){.tv_nsec = (long)wait}, NULL);
	add_relaxed(&c->stats.packets, (uint64_t)n);
	return n;
}

/* --- open and close -------------------------------------------------------------------------- */

static void replay_close(struct capture *c)
{
	struct replay *r = (struct replay *)c;
	if (!r)
		return;
	for (unsigned i = 0; r->files && i < r->n_files; i++)
		file_fini(&r->files[i]);
	mem_free(r->held);
	mem_free(r->failed);
	mem_free(r->heap);
	mem_free(r->queues);
	mem_free(r->files);
	mem_free(r);
}

static const struct capture_ops replay_ops = {
	.name = "replay",
	.receive = replay_receive,
	.close = replay_close,
};

static const struct capture_ops paced_ops = {
	.name = "replay",
	.receive = receive_paced,
	.close = replay_close,
};

static int replay_create(unsigned n_files, unsigned loop, double speed, struct replay **ret_r,
			 struct err *e)
{
	struct replay *r = mem_alloc(sizeof(*r));
	if (!r)
		return err_set(e, -ENOMEM, "no memory for a replay");
	r->c.ops = speed > 0 ? &paced_ops : &replay_ops;
	r->n_files = n_files;
	r->dry = NONE;
	r->pass_left = loop > 1 ? loop - 1 : 0;
	r->first_pass = true;
	r->oldest_ns = UINT64_MAX;
	r->speed = speed;
	r->files = mem_alloc(n_files * sizeof(*r->files));
	r->failed = mem_alloc(n_files * sizeof(*r->failed));
	if (n_files > 1) {
		r->queues = mem_alloc(n_files * sizeof(*r->queues));
		r->heap = mem_alloc(n_files * sizeof(*r->heap));
	}
	if (speed > 0)
		r->held = mem_alloc(PKT_BURST * sizeof(*r->held));
	if (!r->files || !r->failed || (n_files > 1 && (!r->queues || !r->heap)) ||
	    (speed > 0 && !r->held)) {
		replay_close(&r->c);
		return err_set(e, -ENOMEM, "no memory for a replay of %u files", n_files);
	}
	*ret_r = r;
	return 0;
}

static int check_conf(const struct replay_conf *conf, struct err *e)
{
	if (!conf->n_paths || conf->n_paths > REPLAY_FILES_MAX)
		return err_set(e, -EINVAL, "replay: expected 1 to %d files, got %u",
			       REPLAY_FILES_MAX, conf->n_paths);
	if (conf->read_bytes &&
	    (conf->read_bytes < REPLAY_READ_MIN || conf->read_bytes > REPLAY_READ_MAX))
		return err_set(e, -EINVAL, "replay: expected reads of %d to %u bytes, got %zu",
			       REPLAY_READ_MIN, REPLAY_READ_MAX, conf->read_bytes);
	if (!(conf->speed >= 0) || isinf(conf->speed))
		return err_set(e, -EINVAL, "replay: the speed is not a number of 0 or more");
	unsigned n_stdin = 0;
	for (unsigned i = 0; i < conf->n_paths; i++)
		n_stdin += strcmp(conf->paths[i], "-") == 0;
	if (n_stdin > 1)
		return err_set(e, -EINVAL, "replay: standard input was named %u times", n_stdin);
	return 0;
}

static int open_files(struct replay *r, const struct replay_conf *conf, struct err *e)
{
	size_t read_bytes = conf->read_bytes ? conf->read_bytes : REPLAY_READ_DEFAULT;
	uint64_t total = 0;
	bool known = true;
	for (unsigned i = 0; i < r->n_files; i++) {
		struct block *b = &r->files[i].block;
		int rc = file_init(&r->files[i], conf->paths[i], read_bytes, &r->c.stats, e);
		if (rc)
			return rc;
		if (b->pipe && r->pass_left)
			return err_set(e, -EINVAL, "%s: a pipe cannot be read %u times", b->name,
				       conf->loop);
		known &= b->source_bytes != 0;
		total += b->source_bytes;
	}
	if (known)
		atomic_store(&r->c.stats.bytes_total, total * (r->pass_left + 1));
	return 0;
}

int replay_open(const struct replay_conf *conf, struct capture **ret_c, struct err *e)
{
	struct replay *r = NULL;
	int rc = check_conf(conf, e);
	if (rc == 0)
		rc = replay_create(conf->n_paths, conf->loop, conf->speed, &r, e);
	if (rc)
		return rc;
	rc = open_files(r, conf, e);
	if (rc) {
		replay_close(&r->c);
		return rc;
	}
	*ret_c = &r->c;
	return 0;
}

int replay_open_memory(const void *bytes, size_t len, unsigned loop, struct capture **ret_c,
		       struct err *e)
{
	struct replay *r = NULL;
	int rc = replay_create(1, loop, 0, &r, e);
	if (rc)
		return rc;
	rc = file_init_memory(&r->files[0], slice_of(bytes, len), &r->c.stats, e);
	if (rc) {
		replay_close(&r->c);
		return rc;
	}
	atomic_store(&r->c.stats.bytes_total, (uint64_t)len * (r->pass_left + 1));
	*ret_c = &r->c;
	return 0;
}
