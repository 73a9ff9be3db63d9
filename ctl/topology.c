#include "ctl/topology.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_config.h>
#include <rte_launch.h>
#include <rte_lcore.h>

#include "ctl/config_read.h"
#include "ctl/pipeline.h"
#include "ctl/queue_schema.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/mem.h"
#include "dataplane/capture/port.h"
#include "dataplane/dim/dim_watch.h"
#include "dataplane/sink/handoff.h"
#include "dataplane/sink/shipper.h"
#include "dataplane/worker.h"

/* A record is at most its frame with every byte escaped, and its keys. A body that was compressed
 * may be four times frame.bytes_max (frame_scratch_max).
 */
#define BATCH_CAP(frame_bytes_max) (OUT_BATCH_BYTES + 32 * (frame_bytes_max) + (16u << 20))

#define PROGRESS_EVERY_MS          500

/* A sink that takes nothing is told of after so long; once a stop was asked for it is given up
 * after the other.
 */
#define TROUBLE_AFTER_MS           1000
#define GIVE_UP_AFTER_MS           10000

struct topology;

/* What the callbacks of one sink's thread need. */
struct sink_side {
	struct topology *t;
	unsigned index;
	struct shipper *shipper;
	uint64_t n_settled, n_now; /* records that it was done with, a millisecond ago and now */
	unsigned still_ms;         /* in trouble, and for so long that has not grown */
};

struct topology {
	const struct config *conf;
	struct pipeline *pipeline;
	struct port **ports;
	struct handoff *handoff;
	struct sink_side *sinks;
	struct sink_queue *queues;
	struct worker **workers;
	unsigned n_workers;
	struct dim_watch *watch; /* NULL: the dimensions stay as they are */
	struct queue_schemas *schemas;
	struct proto_shape **shapes; /* by queue; NULL: of another format */
	struct proto_shape **onlys;  /* by queue; NULL: all fields are written */
	struct queue_form *forms;
	int stdin_copy; /* -1: none */
	char stdin_path[32];
	const char **paths;
	atomic_bool stop, give_up; /* finish; and without waiting for the sinks */
	atomic_uint n_running;
	struct err keep_trouble; /* what a parser's keeper said last: told once */
};

/* The schemas of the queues beside their files: what may not change keeps sluice from starting. */
static int build_schemas(struct topology *t, struct err *e)
{
	struct err_list errs = {0};
	int rc = queue_schemas_create(t->pipeline, &config_disk, false, &t->schemas, &errs);
	err_list_print(&errs, stderr);
	err_list_fini(&errs);
	return rc < 0 ? err_set(e, rc, "%s: the schemas of queues: %s", t->conf->path,
				rc == -ENOMEM ? "no memory" : "see above")
		      : 0;
}

static int build_forms(struct topology *t, struct err *e)
{
	const struct config *c = t->conf;
	int rc = build_schemas(t, e);
	if (rc < 0)
		return rc;
	t->forms = mem_alloc((c->n_queues + 1) * sizeof(*t->forms));
	t->shapes = mem_alloc((c->n_queues + 1) * sizeof(*t->shapes));
	t->onlys = mem_alloc((c->n_queues + 1) * sizeof(*t->onlys));
	if (!t->forms || !t->shapes || !t->onlys)
		return err_set(e, -ENOMEM, "no memory for queues");
	for (size_t q = 0; q < c->n_queues; q++) {
		t->forms[q].encoder = encoders[c->queues[q].format];
		t->forms[q].ddl = c->queues[q].ddl;
		t->forms[q].key = c->queues[q].key;
		t->forms[q].ids = c->queues[q].headers;
		t->forms[q].marks = c->queues[q].key || c->queues[q].headers;
		if (t->forms[q].encoder == &encoder_protobuf &&
		    (rc = queue_schema_shape(t->schemas, t->pipeline, (unsigned)q, &t->shapes[q],
					     e)) < 0)
			return rc;
		t->forms[q].shape = t->shapes[q];
		rc = queue_schema_only(t->pipeline, (unsigned)q, &t->onlys[q], e);
		if (rc < 0)
			return rc;
		t->forms[q].only = t->onlys[q];
	}
	return 0;
}

static int build_handoff(struct topology *t, bool wait, struct err *e)
{
	const struct config *c = t->conf;
	uint16_t *sink_of = mem_alloc((c->n_queues + 1) * sizeof(*sink_of));
	if (!sink_of)
		return err_set(e, -ENOMEM, "no memory for queues");
	for (size_t q = 0; q < c->n_queues; q++)
		sink_of[q] = (uint16_t)c->queues[q].sink;
	size_t frame_max =
		frame_limit_max(&c->frame, t->pipeline->frame_sources, (unsigned)c->n_sources);
	int rc = handoff_create(t->n_workers, (unsigned)c->n_queues, sink_of, (unsigned)c->n_sinks,
				BATCH_CAP(frame_max), wait, &t->handoff, e);
	mem_free(sink_of);
	for (size_t q = 0; rc == 0 && q < c->n_queues; q++)
		if (t->forms[q].marks)
			rc = handoff_mark_queue(t->handoff, (unsigned)q, e);
	return rc;
}

static int build_queues(struct topology *t, struct err *e)
{
	const struct config *c = t->conf;
	t->queues = mem_alloc((c->n_queues + 1) * sizeof(*t->queues));
	if (!t->queues)
		return err_set(e, -ENOMEM, "no memory for queues");
	for (size_t q = 0; q < c->n_queues; q++) {
		const struct queue_conf *qc = &c->queues[q];
		t->queues[q] = (struct sink_queue){.name = qc->name,
						   .sink = qc->sink,
						   .topic = qc->topic,
						   .partitions = (unsigned)qc->partitions,
						   .pack = (unsigned)qc->pack,
						   .headers = qc->headers,
						   .binary = encoders[qc->format]->binary};
	}
	return 0;
}

static struct out_batch *take_batch(void *arg)
{
	struct sink_side *s = arg;
	return handoff_take(s->t->handoff, s->index);
}

static void give_batch_back(void *arg, struct out_batch *b)
{
	struct sink_side *s = arg;
	handoff_give_back(s->t->handoff, b);
}

static int build_sinks(struct topology *t, struct err *e)
{
	const struct config *c = t->conf;
	t->sinks = mem_alloc((c->n_sinks + 1) * sizeof(*t->sinks));
	if (!t->sinks)
		return err_set(e, -ENOMEM, "no memory for sinks");
	int rc = build_queues(t, e);
	for (unsigned i = 0; rc == 0 && i < c->n_sinks; i++) {
		struct sink_side *s = &t->sinks[i];
		s->t = t;
		s->index = i;
		struct shipper_spec spec = {.name = c->sinks[i].name,
					    .ops = c->sinks[i].ops,
					    .conf = c->sinks[i].conf,
					    .n_queues = (unsigned)c->n_queues,
					    .queues = t->queues,
					    .index = i,
					    .reopen = t->ports != NULL,
					    .take = take_batch,
					    .give_back = give_batch_back,
					    .ctx = s};
		rc = shipper_create(&spec, &s->shipper, e);
		if (rc == 0 && e->text[0])
			fprintf(stderr, "sluiced: %s\n", e->text);
	}
	return rc;
}

/* ---- a worker's way out: its queues in the hand-off ---- */

static uint8_t *out_room(void *arg, unsigned worker, unsigned queue, size_t len)
{
	return handoff_room(arg, worker, queue, len);
}

static void out_commit(void *arg, unsigned worker, unsigned queue, size_t len, uint64_t time_ns)
{
	handoff_commit(arg, worker, queue, len, time_ns);
}

static void out_mark(void *arg, unsigned worker, unsigned queue, struct slice key, struct slice id)
{
	handoff_mark(arg, worker, queue, key, id);
}

static void out_flush(void *arg, unsigned worker, bool last)
{
	handoff_flush(arg, worker, last);
}

static void out_leave_out(void *arg, unsigned worker, unsigned queue, enum encode_fit why)
{
	static const unsigned cols[] = {[ENCODE_DDL] = HANDOFF_ddl,
					[ENCODE_END] = HANDOFF_ends,
					[ENCODE_NO_FORM] = HANDOFF_no_form};
	handoff_leave_out(arg, worker, queue, cols[why]);
}

static void out_narrowed(void *arg, unsigned worker, unsigned queue, bool more, bool misfit)
{
	handoff_narrowed(arg, worker, queue, more, misfit);
}

static int build_worker(struct topology *t, unsigned i, struct capture *source, bool live,
			struct err *e)
{
	const struct pipeline *p = t->pipeline;
	struct worker_conf wc = {
		.index = i,
		.n_workers = t->n_workers,
		.live = live,
		.share = !live,
		.capture = source,
		.decode = &t->conf->decode,
		.flow = &t->conf->flow,
		.frame = &t->conf->frame,
		.frame_sources = p->frame_sources,
		.extract_sources = p->extract_sources,
		.rules = p->rules,
		.graph = &p->graph,
		.forms = t->forms,
		.n_queues = (unsigned)t->conf->n_queues,
		.source_names = p->source_names,
		.n_sources = (unsigned)t->conf->n_sources,
		.names = p->names,
		.encode = p->encode,
		.out = {out_room, out_mark, out_commit, out_flush, out_leave_out, out_narrowed,
			t->handoff},
		.stop = &t->stop,
	};
	return worker_create(&wc, &t->workers[i], e);
}

/* A pipe can be read once only: for several workers it is kept in a file without a name first, and
 * each reads that. Returns 0 or -errno with a text.
 */
static int keep_stdin(struct topology *t, const struct replay_conf *rc, struct err *e)
{
	char name[] = "/tmp/sluice-stdin-XXXXXX";
	static uint8_t block[1 << 16];
	t->stdin_copy = mkostemp(name, O_CLOEXEC);
	if (t->stdin_copy < 0)
		return err_set(e, -errno, "standard input, for %u workers: %s: %s", t->n_workers,
			       name, strerror(errno));
	unlink(name);
	for (ssize_t n; (n = read(STDIN_FILENO, block, sizeof(block))) != 0;) {
		errno = ENOSPC; /* what a short write means */
		if (n < 0 || write(t->stdin_copy, block, (size_t)n) != n)
			return err_set(e, -errno,
				       "standard input, for %u workers: cannot keep it in %s: %s",
				       t->n_workers, name, strerror(errno));
	}
	snprintf(t->stdin_path, sizeof(t->stdin_path), "/proc/self/fd/%d", t->stdin_copy);
	t->paths = mem_alloc(rc->n_paths * sizeof(*t->paths));
	if (!t->paths)
		return err_set(e, -ENOMEM, "no memory");
	for (unsigned i = 0; i < rc->n_paths; i++)
		t->paths[i] = strcmp(rc->paths[i], "-") == 0 ? t->stdin_path : rc->paths[i];
	return 0;
}

static bool reads_stdin(const struct replay_conf *rc)
{
	for (unsigned i = 0; i < rc->n_paths; i++)
		if (strcmp(rc->paths[i], "-") == 0)
			return true;
	return false;
}

/* Each worker opens the files for itself; of a pipe each would get a part. */
static int refuse_pipes(const struct topology *t, const struct replay_conf *rc, struct err *e)
{
	for (unsigned i = 0; i < rc->n_paths; i++) {
		struct stat st;
		if (strcmp(rc->paths[i], "-") != 0 && stat(rc->paths[i], &st) == 0 &&
		    S_ISFIFO(st.st_mode))
			return err_set(e, -EINVAL,
				       "%s: a pipe is read by one worker, not by %u: set workers "
				       "to 1, or give it as standard input",
				       rc->paths[i], t->n_workers);
	}
	return 0;
}

/* Every worker reads the files itself and keeps its share of the sessions: nothing passes between
 * workers, and all see the same packets in the same order.
 */
static int build_replay(struct topology *t, const struct topology_input *in, struct err *e)
{
	struct replay_conf rc_ = in->replay ? *in->replay : (struct replay_conf){0};
	if (in->replay && t->n_workers > 1) {
		int rc = refuse_pipes(t, in->replay, e);
		if (rc == 0 && reads_stdin(in->replay))
			rc = keep_stdin(t, in->replay, e);
		if (rc < 0)
			return rc;
		if (t->paths)
			rc_.paths = t->paths;
	}
	for (unsigned i = 0; i < t->n_workers; i++) {
		struct capture *source;
		int rc = in->replay ? replay_open(&rc_, &source, e)
				    : replay_open_memory(in->memory.ptr, in->memory.len, 1, &source,
							 e);
		if (rc == 0)
			rc = build_worker(t, i, source, false, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int build_ports(struct topology *t, struct err *e)
{
	const struct capture_conf *c = &t->conf->capture;
	unsigned w = 0;
	t->ports = mem_alloc((c->n_ports + 1) * sizeof(*t->ports));
	if (!t->ports)
		return err_set(e, -ENOMEM, "no memory for ports");
	for (unsigned i = 0; i < c->n_ports; i++) {
		struct port_conf pc = {.device = c->ports[i].device,
				       .n_queues = (unsigned)c->ports[i].queues};
		int rc = port_open(&pc, i, &t->ports[i], e);
		for (unsigned q = 0; rc == 0 && q < pc.n_queues; q++) {
			struct capture *source;
			rc = port_queue(t->ports[i], q, &source, e);
			if (rc == 0)
				rc = build_worker(t, w++, source, true, e);
		}
		if (rc == 0)
			rc = port_start(t->ports[i], e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* ---- dimensions ---- */

/* What a dimension could not take from its rows. */
static void tell_dimensions(const struct topology *t)
{
	for (size_t i = 0; i < t->conf->n_dimensions; i++) {
		uint64_t row[DIM_N_COLS];
		const char *name = t->conf->dimensions[i].spec.name;
		dim_row(t->pipeline->dims[i], row);
		if (row[DIM_bad_values])
			fprintf(stderr,
				"sluiced: dimension %s: %" PRIu64
				" values that their types do not take are null\n",
				name, row[DIM_bad_values]);
		if (row[DIM_no_room])
			fprintf(stderr,
				"sluiced: dimension %s: %" PRIu64
				" rows beyond keys_max or bytes_max are left out\n",
				name, row[DIM_no_room]);
	}
}

static void tell_dimension(void *arg, const char *text)
{
	fprintf(arg, "sluiced: %s\n", text);
}

/* A replay's dimensions stay as they were loaded. */
static int watch_dimensions(struct topology *t, FILE *out)
{
	struct err e;
	if (!t->ports || dim_watch_start(t->pipeline->dims, (unsigned)t->conf->n_dimensions,
					 tell_dimension, out, &t->watch, &e) == 0)
		return 0;
	fprintf(out, "sluiced: %s\n", e.text);
	return -EIO;
}

static void report_dimensions(const struct topology *t, struct report *r)
{
	for (size_t i = 0; i < t->conf->n_dimensions; i++) {
		uint64_t row[DIM_N_COLS];
		dim_row(t->pipeline->dims[i], row);
		report_add(r, &dim_ledger, t->conf->dimensions[i].spec.name, row);
	}
}

int topology_build(const struct config *conf, const struct topology_input *in,
		   struct topology **ret_t, struct err *e)
{
	struct topology *t = mem_alloc(sizeof(*t));
	if (!t)
		return err_set(e, -ENOMEM, "no memory");
	t->conf = conf;
	t->stdin_copy = -1;
	t->n_workers = in->n_workers;
	bool is_file = in->replay || in->memory.len;
	t->workers = mem_alloc(t->n_workers * sizeof(*t->workers));
	int rc = t->workers ? 0 : err_set(e, -ENOMEM, "no memory");
	if (rc == 0)
		rc = pipeline_build(conf, &t->pipeline, e);
	if (rc == 0)
		tell_dimensions(t);
	if (rc == 0)
		rc = build_forms(t, e);
	if (rc == 0)
		rc = build_handoff(t, is_file, e);
	if (rc == 0)
		rc = is_file ? build_replay(t, in, e) : build_ports(t, e);
	if (rc == 0)
		rc = build_sinks(t, e);
	if (rc < 0) {
		topology_destroy(t);
		return rc;
	}
	*ret_t = t;
	return 0;
}

void topology_destroy(struct topology *t)
{
	if (!t)
		return;
	for (unsigned i = 0; t->sinks && i < t->conf->n_sinks; i++)
		shipper_destroy(t->sinks[i].shipper);
	for (unsigned i = 0; t->workers && i < t->n_workers; i++)
		worker_destroy(t->workers[i]);
	for (unsigned i = 0; t->ports && i < t->conf->capture.n_ports; i++)
		port_close(t->ports[i]);
	handoff_destroy(t->handoff);
	for (size_t q = 0; q < t->conf->n_queues; q++) {
		if (t->shapes)
			proto_shape_destroy(t->shapes[q]);
		if (t->onlys)
			proto_shape_destroy(t->onlys[q]);
	}
	mem_free(t->shapes);
	mem_free(t->onlys);
	queue_schemas_destroy(t->schemas);
	pipeline_destroy(t->pipeline);
	if (t->stdin_copy >= 0)
		close(t->stdin_copy);
	mem_free(t->paths);
	mem_free(t->ports);
	mem_free(t->sinks);
	mem_free(t->queues);
	mem_free(t->workers);
	mem_free(t->forms);
	mem_free(t);
}

void topology_describe(const struct topology *t, FILE *out)
{
	for (unsigned i = 0; t->ports && i < t->conf->capture.n_ports; i++) {
		char line[512];
		port_describe(t->ports[i], line, sizeof(line));
		fprintf(out, "sluiced: %s\n", line);
	}
}

void topology_stop(struct topology *t)
{
	if (atomic_exchange(&t->stop, true))
		atomic_store(&t->give_up, true);
}

static int run_worker(void *arg)
{
	struct topology *t = arg;
	unsigned i = rte_lcore_index((int)rte_lcore_id()) - 1;
	int rc = worker_run(t->workers[i]);
	atomic_fetch_sub(&t->n_running, 1);
	return rc;
}

static bool any_sink_failed(const struct topology *t)
{
	for (unsigned i = 0; i < t->conf->n_sinks; i++)
		if (shipper_failed(t->sinks[i].shipper))
			return true;
	return false;
}

/* One line, drawn over itself: how far, how many, how fast. */
static void draw_progress(const struct topology *t, uint64_t since_ns, FILE *out)
{
	double s = (double)(clock_mono_ns() - since_ns) / 1e9;
	const struct capture_stats *st = worker_capture_stats(t->workers[0]);
	uint64_t packets = atomic_load(&st->packets), bytes = atomic_load(&st->bytes);
	uint64_t total = atomic_load(&st->bytes_total);
	fprintf(out, "\r");
	if (total)
		fprintf(out, "%3.0f %%  ", 100.0 * (double)bytes / (double)total);
	fprintf(out, "%" PRIu64 " packets  %.1f MB  %.2f Mpps\033[K", packets, (double)bytes / 1e6,
		(double)packets / s / 1e6);
	fflush(out);
}

/* What the sinks have written or lost; and what the workers have handed over, once they are done.
 */
static uint64_t count_settled(struct topology *t)
{
	uint64_t n = 0;
	for (unsigned i = 0; i < t->conf->n_sinks; i++)
		t->sinks[i].n_now = 0;
	for (unsigned q = 0; q < t->conf->n_queues; q++) {
		uint64_t row[SHIPPER_N_COLS];
		struct sink_side *s = &t->sinks[t->conf->queues[q].sink];
		shipper_row(s->shipper, q, row);
		s->n_now += row[SHIPPER_records_in] - row[SHIPPER_held];
		n += row[SHIPPER_records_in] - row[SHIPPER_held];
	}
	return n;
}

static uint64_t count_handed_over(const struct topology *t)
{
	uint64_t n = 0;
	for (unsigned q = 0; q < t->conf->n_queues; q++)
		for (unsigned i = 0; i < t->n_workers; i++)
			n += handoff_row(t->handoff, i, q)[HANDOFF_records_out];
	return n;
}

/* Called each millisecond while anything runs: a sink that is busy for long is told of once, and
 * does not keep a process from stopping.
 */
static void watch_sinks(struct topology *t, FILE *out)
{
	struct err e;
	count_settled(t);
	for (unsigned i = 0; i < t->conf->n_sinks; i++) {
		struct sink_side *s = &t->sinks[i];
		while (shipper_notice(s->shipper, &e))
			fprintf(out, "sluiced: %s\n", e.text);
		bool stuck = !shipper_failed(s->shipper) && shipper_trouble(s->shipper, &e) &&
			     s->n_now == s->n_settled;
		s->n_settled = s->n_now;
		s->still_ms = stuck ? s->still_ms + 1 : 0;
		if (s->still_ms == TROUBLE_AFTER_MS)
			fprintf(out, "sluiced: sink %s: %s; waiting for it\n",
				t->conf->sinks[i].name, e.text);
		if (s->still_ms >= GIVE_UP_AFTER_MS && atomic_load(&t->stop))
			atomic_store(&t->give_up, true);
	}
	if (atomic_load(&t->give_up))
		handoff_stop_waiting(t->handoff);
}

/* What parsers keep across restarts; struct parser's keep_run. */
static int run_keepers(struct topology *t, bool last, FILE *out)
{
	int rc = 0;
	for (size_t i = 0; i < t->conf->n_sources; i++) {
		const struct frame_source *s = &t->pipeline->frame_sources[i];
		struct err e;
		if (!s->keep || s->parser->keep_run(s->keep, last, &e) == 0)
			continue;
		rc = -EIO;
		if (last || strcmp(e.text, t->keep_trouble.text) != 0)
			fprintf(out, "sluiced: source %s: %s\n", s->name, e.text);
		t->keep_trouble = e;
	}
	return rc;
}

static void wait_for_workers(struct topology *t, bool progress, FILE *out)
{
	uint64_t since_ns = clock_mono_ns();
	bool drawn = false;
	for (unsigned ms = 0; atomic_load(&t->n_running) > 0; ms++) {
		/* A live port goes on: the sinks that failed are tried again. */
		if (!t->ports && any_sink_failed(t)) {
			atomic_store(&t->stop, true);
			handoff_stop_waiting(t->handoff);
		}
		watch_sinks(t, out);
		run_keepers(t, false, out);
		if (progress && ms % PROGRESS_EVERY_MS == PROGRESS_EVERY_MS - 1) {
			draw_progress(t, since_ns, out);
			drawn = true;
		}
		usleep(1000);
	}
	if (drawn)
		fprintf(out, "\r\033[K");
	rte_eal_mp_wait_lcore();
}

/* Until the sinks are done with all that was handed over, or are given up. */
static void wait_for_sinks(struct topology *t, FILE *out)
{
	uint64_t n = count_handed_over(t);
	while (count_settled(t) < n && !atomic_load(&t->give_up)) {
		watch_sinks(t, out);
		usleep(1000);
	}
}

static int tell_errors(const struct topology *t, FILE *out)
{
	int rc = 0;
	/* All workers of a replay read the same files and meet the same faults. */
	unsigned n = t->ports ? t->n_workers : 1;
	for (unsigned w = 0; w < n; w++) {
		const char *text;
		for (unsigned i = 0; (text = worker_error(t->workers[w], i)); i++) {
			fprintf(out, "sluiced: %s\n", text);
			rc = -EIO;
		}
	}
	return rc;
}

int topology_run(struct topology *t, bool progress, FILE *out)
{
	int rc = 0;
	unsigned lcore, n = 0;
	struct err e;
	if (run_keepers(t, false, out) < 0)
		return -EIO;
	for (unsigned i = 0; i < t->conf->n_sinks; i++)
		if (shipper_start(t->sinks[i].shipper, &e) < 0) {
			fprintf(out, "sluiced: %s\n", e.text);
			return -EIO;
		}
	if (watch_dimensions(t, out) < 0)
		return -EIO;
	atomic_store(&t->n_running, t->n_workers);
	RTE_LCORE_FOREACH_WORKER(lcore)
	{
		if (n++ < t->n_workers)
			rte_eal_remote_launch(run_worker, t, lcore);
	}
	wait_for_workers(t, progress, out);
	dim_watch_stop(t->watch);
	t->watch = NULL;
	if (run_keepers(t, true, out) < 0)
		rc = -EIO;
	wait_for_sinks(t, out);
	bool drain = !atomic_load(&t->give_up);
	for (unsigned i = 0; i < t->conf->n_sinks; i++) {
		int failed = shipper_stop(t->sinks[i].shipper, drain, &e);
		struct err notice;
		while (shipper_notice(t->sinks[i].shipper, &notice))
			fprintf(out, "sluiced: %s\n", notice.text);
		if (failed < 0) {
			fprintf(out, "sluiced: %s\n", e.text);
			rc = -EIO;
		}
	}
	return tell_errors(t, out) < 0 ? -EIO : rc;
}

/* The row of source @s; the last one is nobody's. */
static void report_frame(const struct topology *t, const struct worker *w, unsigned s,
			 struct report *r)
{
	const char *name = s < t->conf->n_sources ? t->conf->sources[s].name : "(none)";
	const struct reasons *why = frame_reasons(worker_frame(w), s);
	report_add(r, &frame_ledger, name, frame_row(worker_frame(w), s));
	for (unsigned i = 0; i < REASONS_MAX; i++)
		if (why->of[i].text)
			report_add_reason(r, &frame_ledger, name, why->of[i].col, why->of[i].text,
					  why->of[i].bytes, why->of[i].times);
}

static void report_sources(const struct topology *t, const struct worker *w, struct report *r)
{
	for (unsigned s = 0; s < t->conf->n_sources; s++) {
		const char *name = t->conf->sources[s].name;
		report_frame(t, w, s, r);
		report_add(r, &extract_ledger, name, extract_row(worker_extract(w), s));
		report_add(r, &graph_ledger, name, graph_row(worker_graph(w), s));
	}
	report_frame(t, w, (unsigned)t->conf->n_sources, r);
}

#define PORT_COLS(X)                                                                        \
	X(IN, received, "packets from the card or the kernel")                              \
	X(OUT, taken, "handed to capture")                                                  \
	X(MISSED, missed, "lost before us, by the card's or the kernel's own count")        \
	X(INFO, unstamped, "the card's stamp was missing, or no time: the host's is taken") \
	X(INFO, clock_steps, "the card's clock, or the host's, was set")                    \
	X(INFO, link_downs, "times that a queue saw the interface go down, or away")
#define PORT_COL(kind, name, help) PORT_##name,
enum { PORT_COLS(PORT_COL) PORT_N_COLS };
LEDGER_DEFINE(port, "port", "packets", PORT_COLS);

static void report_port(const struct worker *w, struct report *r)
{
	const struct capture_stats *st = worker_capture_stats(w);
	uint64_t n = atomic_load(&st->packets);
	uint64_t row[PORT_N_COLS] = {
		[PORT_received] = n,
		[PORT_taken] = n,
		[PORT_missed] = atomic_load(&st->missed),
		[PORT_unstamped] = atomic_load(&st->unstamped),
		[PORT_clock_steps] = atomic_load(&st->clock_steps),
		[PORT_link_downs] = atomic_load(&st->link_downs),
	};
	report_add(r, &port_ledger, "", row);
}

static void report_nodes(const struct topology *t, const struct graph *g, struct report *r)
{
	const struct graph_plan *plan = &t->pipeline->graph;
	for (unsigned i = 0; i < plan->n_nodes; i++)
		report_add(r, plan->nodes[i].op->ledger, plan->nodes[i].name, graph_node_row(g, i));
	for (unsigned o = plan->n_sources; o < plan->n_origins; o++)
		report_add(r, &graph_ledger, t->conf->origins[o].name, graph_row(g, o));
}

/* Rows appear in the order of the path: stage by stage. */
/* What the parser of source @s has seen, in all workers together. */
static void report_told(const struct topology *t, unsigned s, struct report *r)
{
	const struct parser *p = t->pipeline->frame_sources[s].parser;
	const void *pools[TOPOLOGY_WORKERS_MAX];
	char *text;
	if (!p->pool_tell)
		return;
	for (unsigned i = 0; i < t->n_workers; i++) {
		pools[i] = frame_pool(worker_frame(t->workers[i]), s);
		report_add(r, p->ledger, t->conf->sources[s].name, p->pool_row(pools[i]));
	}
	if (!(text = mem_alloc(REPORT_TOLD_MAX)))
		return;
	size_t len = p->pool_tell(pools, t->n_workers, text, REPORT_TOLD_MAX);
	report_tell(r, t->conf->sources[s].name, text, len);
	mem_free(text);
}

void topology_report(const struct topology *t, struct report *r)
{
	for (unsigned i = 0; t->ports && i < t->n_workers; i++)
		report_port(t->workers[i], r);
	for (unsigned i = 0; i < t->n_workers; i++)
		report_add(r, &decode_ledger, "", decode_row(worker_decode(t->workers[i])));
	for (unsigned i = 0; i < t->n_workers; i++) {
		const struct flow *f = worker_flow(t->workers[i]);
		report_add(r, &flow_packet_ledger, "", flow_packet_row(f));
		report_add(r, &flow_byte_ledger, "", flow_byte_row(f));
	}
	for (unsigned i = 0; i < t->n_workers; i++)
		report_sources(t, t->workers[i], r);
	for (unsigned s = 0; s < t->conf->n_sources; s++)
		report_told(t, s, r);
	report_dimensions(t, r);
	for (unsigned i = 0; i < t->n_workers; i++)
		report_nodes(t, worker_graph(t->workers[i]), r);
	for (unsigned q = 0; q < t->conf->n_queues; q++) {
		const struct queue_conf *qc = &t->conf->queues[q];
		for (unsigned i = 0; i < t->n_workers; i++)
			report_add(r, &handoff_ledger, qc->name, handoff_row(t->handoff, i, q));
		uint64_t row[SHIPPER_N_COLS];
		shipper_row(t->sinks[qc->sink].shipper, q, row);
		report_add(r, &shipper_ledger, qc->name, row);
	}
}
