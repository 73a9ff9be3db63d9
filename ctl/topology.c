#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/say.h"
#include "ctl/topology_parts.h"
#include "dataplane/base/mem.h"

int topology_build_worker(struct topology *t, unsigned i, struct capture *source, bool live,
			  struct err *e)
{
	struct worker_conf wc = generation_worker_conf(t->gen);
	wc.index = i;
	wc.n_workers = t->n_workers;
	wc.live = live;
	wc.rest_max_ns = live ? t->conf->capture.idle_max_ns : 0;
	wc.share = !live || t->rehash;
	wc.capture = source;
	wc.decode = &t->conf->decode;
	wc.flow = &t->conf->flow;
	wc.frame = &t->frame;
	if (topology_has_dead(t) || t->letters)
		wc.dead_flags = dead_letter_flags(&t->conf->dead_letters);
	wc.stop = &t->stop;
	wc.ask = &t->asks[i];
	wc.out = topology_worker_out;
	wc.out.dead = topology_has_dead(t) ? topology_bury : NULL;
	wc.out.dead_arg = t;
	wc.out.arg = t->outlets;
	if (t->letters)
		topology_feed(t, &wc);
	if (t->archive)
		wc.feed = (struct worker_feed){.next = archive_feed_next, .arg = t->archive};
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
	if (in->letters || in->archive)
		return topology_build_worker(t, 0, NULL, false, e);
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
			rc = topology_build_worker(t, i, source, false, e);
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
			say(SAY_WARNING,
			    "dimension %s: %" PRIu64
			    " values that their types do not take are null",
			    name, row[DIM_bad_values]);
		if (row[DIM_no_room])
			say(SAY_WARNING,
			    "dimension %s: %" PRIu64
			    " rows beyond keys_max or bytes_max are left out",
			    name, row[DIM_no_room]);
	}
}

int topology_list_keepers(struct topology *t, struct err *e)
{
	uint16_t *keepers = mem_alloc((t->conf->n_sources + 1) * sizeof(*keepers));
	if (!keepers)
		return err_set(e, -ENOMEM, "no memory for sources");
	mem_free(t->keepers);
	t->keepers = keepers;
	t->n_keepers = 0;
	for (size_t i = 0; i < t->conf->n_sources; i++)
		if (t->pipeline->frame_sources[i].keep)
			t->keepers[t->n_keepers++] = (uint16_t)i;
	return 0;
}

int topology_build(const struct config *conf, const struct topology_input *in,
		   struct topology **ret_t, struct err *e)
{
	struct topology *t = mem_alloc(sizeof(*t));
	if (!t)
		return err_set(e, -ENOMEM, "no memory");
	t->conf = conf;
	pthread_mutex_init(&t->shadow.lock, NULL);
	t->stdin_copy = -1;
	t->n_workers = in->n_workers;
	t->cores = in->cores;
	t->letters = in->letters;
	t->archive = in->archive;
	t->is_file = in->replay || in->memory.len || in->letters || in->archive;
	t->frame = conf->frame;
	for (size_t i = 0; !t->is_file && parsers[i]; i++)
		if (parsers[i]->state_size > t->frame.state_bytes_min)
			t->frame.state_bytes_min = parsers[i]->state_size;
	t->workers = mem_alloc(t->n_workers * sizeof(*t->workers));
	int rc = t->workers ? 0 : err_set(e, -ENOMEM, "no memory");
	/* First of all, as root may do it: what is made behind it is run_as's. */
	if (rc == 0 && !t->is_file)
		rc = topology_open_ports(t, e);
	if (rc == 0)
		rc = generation_build(conf, NULL, &t->gen, stderr, e);
	if (rc == 0)
		t->pipeline = t->gen->pipeline;
	if (rc == 0)
		t->first = generation_get(t->gen);
	if (rc == 0)
		rc = topology_list_keepers(t, e);
	if (rc == 0)
		rc = topology_reload_create(t, e);
	if (rc == 0)
		t->batch_cap = topology_batch_cap(t);
	if (rc == 0)
		tell_dimensions(t);
	if (rc == 0)
		rc = topology_build_dead(t, t->is_file, e);
	if (rc == 0)
		rc = topology_build_outlets(t, e);
	if (rc == 0)
		rc = topology_build_asks(t, e);
	if (rc == 0)
		rc = t->is_file ? build_replay(t, in, e) : topology_start_ports(t, e);
	if (rc == 0)
		rc = topology_build_snapshots(t, e);
	if (rc == 0)
		rc = topology_open_outlets(t->outlets, NULL, e);
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
	/* Candidates that nobody wants any more, which are taken apart. */
	while (atomic_load(&t->n_candidates) > 0)
		usleep(1000);
	for (unsigned i = 0; t->workers && i < t->n_workers; i++)
		worker_destroy(t->workers[i]);
	topology_close_ports(t);
	topology_destroy_outlets(t);
	topology_destroy_dead(t);
	mem_free(t->keepers);
	topology_reload_destroy(t);
	generation_put(t->gen);
	generation_put(t->first);
	if (t->stdin_copy >= 0)
		close(t->stdin_copy);
	mem_free(t->paths);
	mem_free(t->workers);
	mem_free(t->asks);
	mem_free(t->snapshots);
	json_decref(t->shadow.last);
	pthread_mutex_destroy(&t->shadow.lock);
	mem_free(t);
}
