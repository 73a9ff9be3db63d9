#include "ctl/dead_retry.h"

#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <xxhash.h>

#include "dataplane/base/clock.h"
#include "dataplane/base/mem.h"
#include "dataplane/base/text.h"

#define REASONS_SHOWN 32
#define REASON_BYTES  160

enum outcome { WAITS, WENT, FAILED, LOST, CANNOT, N_OUTCOMES };

struct tried {
	uint64_t seq, id; /* of the letter; a hash of its _id */
	uint64_t stem;    /* of several records: a hash of what their ids have in common; else 0 */
	uint32_t same;    /* the next with this stem, and 1 */
	uint8_t outcome;
	bool follows; /* an earlier letter is of the same record, and tried for both */
};

/* Letters that failed, by what they failed of. */
struct failure {
	char text[REASON_BYTES];
	uint64_t n, seq; /* how many; the first of them */
};

struct dead_retry {
	const struct config *conf;
	struct dead_letter_store *store;
	struct dead_choice choice;
	struct dead_retry_path path;
	struct tried *tried; /* by seq */
	size_t n_tried, cap_tried;
	uint32_t *by_id, *by_stem; /* tables of places in tried, and 1; open addressing */
	size_t slots;              /* of each */

	size_t next, now; /* in tried: to come; in the path at this moment */
	bool any;         /* `now` is */
	uint64_t lost, told_lost;
	struct err trouble; /* of reading */
	char meta_name[256], unparsed[512];

	pthread_mutex_t lock; /* of outcomes and failures */
	struct failure failures[REASONS_SHOWN];
	unsigned n_failures;
	uint64_t n_more; /* of other reasons */
};

/* ---- which ones ---- */

static bool is_text(struct slice s, const char *text)
{
	return !text || slice_eq(s, slice_str(text));
}

bool dead_choice_has(const struct dead_choice *c, uint64_t seq, enum dead_state state,
		     const struct dead_letter *l)
{
	uint64_t n;
	if (!is_text(l->text[DEAD_REASON], c->reason) || !is_text(l->text[DEAD_RULE], c->rule) ||
	    !is_text(l->text[DEAD_SOURCE], c->source))
		return false;
	for (size_t i = 0; i < c->n_ids; i++)
		if ((text_u64(slice_str(c->ids[i]), &n) && n == seq) ||
		    is_text(l->text[DEAD_ID], c->ids[i]))
			return true;
	return c->n_ids == 0 && state != DEAD_RETRIED;
}

static uint64_t id_of(const struct dead_letter *l)
{
	return XXH64(l->text[DEAD_ID].ptr, l->text[DEAD_ID].len, 0);
}

/* An id without the number of the record in its frame. */
static uint64_t stem_of(const struct dead_letter *l)
{
	struct slice id = l->text[DEAD_ID];
	while (id.len && id.ptr[id.len - 1] != '-')
		id.len--;
	return XXH64(id.ptr, id.len, 1) | 1;
}

static bool add(struct dead_retry *d, uint64_t seq, const struct dead_letter *l)
{
	if (d->n_tried == d->cap_tried) {
		size_t cap = d->cap_tried ? 2 * d->cap_tried : 256;
		struct tried *more = mem_alloc(cap * sizeof(*more));
		if (!more)
			return false;
		if (d->n_tried)
			memcpy(more, d->tried, d->n_tried * sizeof(*more));
		mem_free(d->tried);
		d->tried = more;
		d->cap_tried = cap;
	}
	d->tried[d->n_tried++] = (struct tried){
		.seq = seq, .id = id_of(l), .stem = l->text[DEAD_GROUND].len ? stem_of(l) : 0};
	return true;
}

/* The slot of @id: of the first letter that has it, or an empty one. */
static uint32_t *slot_of(const struct dead_retry *d, uint64_t id)
{
	size_t at = id & (d->slots - 1);
	while (d->by_id[at] && d->tried[d->by_id[at] - 1].id != id)
		at = (at + 1) & (d->slots - 1);
	return &d->by_id[at];
}

/* Likewise, of the last letter that has it. */
static uint32_t *stem_slot_of(const struct dead_retry *d, uint64_t stem)
{
	size_t at = stem & (d->slots - 1);
	while (d->by_stem[at] && d->tried[d->by_stem[at] - 1].stem != stem)
		at = (at + 1) & (d->slots - 1);
	return &d->by_stem[at];
}

static bool index_ids(struct dead_retry *d)
{
	for (d->slots = 64; d->slots < 2 * d->n_tried;)
		d->slots *= 2;
	d->by_id = mem_alloc(d->slots * sizeof(*d->by_id));
	d->by_stem = mem_alloc(d->slots * sizeof(*d->by_stem));
	if (!d->by_id || !d->by_stem)
		return false;
	for (size_t i = 0; i < d->n_tried; i++) {
		struct tried *t = &d->tried[i];
		uint32_t *slot = slot_of(d, t->id), self = (uint32_t)i + 1;
		t->follows = *slot != 0;
		if (!*slot)
			*slot = self;
		if (!t->stem || t->follows)
			continue;
		slot = stem_slot_of(d, t->stem);
		t->same = *slot;
		*slot = self;
	}
	return true;
}

static int choose(struct dead_retry *d, struct err *e)
{
	struct dead_letter l;
	uint64_t seq;
	int rc;
	while ((rc = dead_letter_store_next(d->store, &seq, &l, e)) > 0)
		if (dead_choice_has(&d->choice, seq, dead_letter_store_state(d->store, seq), &l) &&
		    !add(d, seq, &l))
			return err_set(e, -ENOMEM, "no memory for the letters");
	dead_letter_store_rewind(d->store);
	if (rc == 0 && !index_ids(d))
		rc = err_set(e, -ENOMEM, "no memory for the letters");
	return rc;
}

int dead_retry_open(const char *dir, const struct dead_choice *choice, const struct config *conf,
		    struct dead_retry **ret_d, struct err *e)
{
	struct dead_retry *d = mem_alloc(sizeof(*d));
	if (!d)
		return err_set(e, -ENOMEM, "no memory for the letters");
	pthread_mutex_init(&d->lock, NULL);
	d->conf = conf;
	d->choice = *choice;
	int rc = dead_letter_store_open(&file_ops_real, dir, &d->store, e);
	if (rc == 0)
		rc = dead_letter_store_lock(d->store, e);
	if (rc == 0)
		rc = choose(d, e);
	if (rc < 0) {
		dead_retry_close(d);
		return rc;
	}
	*ret_d = d;
	return 0;
}

void dead_retry_close(struct dead_retry *d)
{
	if (!d)
		return;
	dead_letter_store_close(d->store);
	pthread_mutex_destroy(&d->lock);
	mem_free(d->tried);
	mem_free(d->by_id);
	mem_free(d->by_stem);
	mem_free(d);
}

size_t dead_retry_n(const struct dead_retry *d)
{
	return d->n_tried;
}

void dead_retry_path(struct dead_retry *d, const struct dead_retry_path *path)
{
	d->path = *path;
}

/* ---- what became of them ---- */

/* With the lock. */
static void note_failure(struct dead_retry *d, uint64_t seq, const char *text)
{
	unsigned i = 0;
	while (i < d->n_failures && strcmp(d->failures[i].text, text) != 0)
		i++;
	if (i == REASONS_SHOWN) {
		d->n_more++;
		return;
	}
	struct failure *f = &d->failures[i];
	if (i == d->n_failures) {
		d->n_failures++;
		snprintf(f->text, sizeof(f->text), "%s", text);
		f->seq = seq;
	}
	f->n++;
}

/* The first failure counts. */
static void set_outcome(struct dead_retry *d, size_t i, enum outcome o, const char *text)
{
	char cut[REASON_BYTES];
	snprintf(cut, sizeof(cut), "%s", text);
	pthread_mutex_lock(&d->lock);
	if (d->tried[i].outcome <= WENT) {
		d->tried[i].outcome = (uint8_t)o;
		note_failure(d, d->tried[i].seq, cut);
	}
	pthread_mutex_unlock(&d->lock);
}

void dead_retry_failed(struct dead_retry *d, const struct dead_letter *l)
{
	char text[REASON_BYTES];
	struct slice rule = l->text[DEAD_RULE], reason = l->text[DEAD_REASON];
	uint32_t place = *slot_of(d, id_of(l));
	snprintf(text, sizeof(text), "%s %.*s: %.*s", dead_stage_names[l->stage], (int)rule.len,
		 (const char *)rule.ptr, (int)reason.len, (const char *)reason.ptr);
	if (place) {
		set_outcome(d, place - 1, FAILED, text);
		return;
	}
	/* One of several records of a letter, and it may be one of each that has this stem. */
	for (place = *stem_slot_of(d, stem_of(l)); place; place = d->tried[place - 1].same)
		set_outcome(d, place - 1, FAILED, text);
}

/* The letter that was in the path is through, but for what waits in it. */
static void settle(struct dead_retry *d)
{
	uint64_t lost = d->path.lost(d->path.arg);
	if (!d->any)
		return;
	d->any = false;
	if (lost > d->lost) {
		set_outcome(d, d->now, LOST, "lost in the pipeline: see its ledger");
		d->told_lost += lost - d->lost;
	}
	pthread_mutex_lock(&d->lock);
	if (d->tried[d->now].outcome == WAITS)
		d->tried[d->now].outcome = WENT;
	pthread_mutex_unlock(&d->lock);
}

/* ---- the feed ---- */

static int find_source(const struct config *c, struct slice name)
{
	for (size_t i = 0; i < c->n_sources; i++)
		if (is_text(name, c->sources[i].name))
			return (int)i;
	return -1;
}

static const char *copy_text(char *out, size_t cap, struct slice s)
{
	size_t len = s.len < cap ? s.len : cap - 1;
	memcpy(out, s.ptr, len);
	out[len] = '\0';
	return out;
}

/* An offset in the arena; *io_ok: it held all so far. */
static uint32_t lay(struct batch *b, struct slice s, bool *io_ok)
{
	uint32_t off = arena_copy(&b->arena, s.ptr, s.len);
	*io_ok = *io_ok && off;
	return off;
}

/* NULL, or why it cannot be tried. */
static const char *make_frame(struct dead_retry *d, const struct dead_letter *l, struct batch *b,
			      struct frame *f, struct slice *ret_ground)
{
	int source = find_source(d->conf, l->text[DEAD_SOURCE]);
	struct slice raw = l->text[DEAD_RAW], meta = l->text[DEAD_META];
	struct slice origin = l->text[DEAD_ORIGIN], ground = l->text[DEAD_GROUND];
	bool ok = true, bare = l->flags & DEAD_BARE;
	if (source < 0)
		return "the configuration has no source of its name any more";
	const struct parser *p = d->conf->sources[source].parser;
	if (p->again && ground.len == 0)
		return "its letter does not say enough to read it again: replay the capture, or "
		       "the server's log";
	if (raw.len == 0 && l->text[DEAD_DETAIL].len)
		return "it was made of several records, and has no frame";
	uint32_t off = lay(b, raw, &ok);
	*f = (struct frame){.time_ns = l->time_ns,
			    .stream_off = l->stream_off,
			    .session_id = l->session_id,
			    .bytes = arena_slice(&b->arena, off, raw.len),
			    .idx = l->idx,
			    .source = (uint16_t)source,
			    .dir = l->dir,
			    .cut = l->flags & DEAD_CUT,
			    .body_kind =
				    bare ? p->extract ? BODY_PARSER : BODY_AUTO : l->body_kind};
	f->body = bare ? f->bytes : slice_of(f->bytes.ptr + l->body_off, l->body_len);
	f->origin_off = lay(b, origin, &ok);
	f->origin_len = (uint16_t)origin.len;
	if (meta.len) {
		f->meta = val_of(VAL_JSON, lay(b, meta, &ok), meta.len);
		f->meta_name =
			copy_text(d->meta_name, sizeof(d->meta_name), l->text[DEAD_META_NAME]);
	}
	if (l->flags & DEAD_UNPARSED)
		f->unparsed = copy_text(d->unparsed, sizeof(d->unparsed), l->text[DEAD_REASON]);
	off = lay(b, ground, &ok);
	*ret_ground = p->again && ok ? arena_slice(&b->arena, off, ground.len) : (struct slice){0};
	return ok ? NULL : "it is larger than a batch can be";
}

static const char *put_record(struct dead_retry *d, const struct dead_letter *l)
{
	for (unsigned q = 0; q < d->conf->n_queues; q++)
		if (is_text(l->text[DEAD_RULE], d->conf->queues[q].name))
			return d->path.put(d->path.arg, q, l) ? NULL : "no room in its queue";
	return "the configuration has no queue of its name any more";
}

/* The next letter that was chosen, or an end. */
static bool read_next(struct dead_retry *d, struct dead_letter *ret_l)
{
	uint64_t seq = 0;
	int rc;
	mem_seal(false); /* files are read, and unpacked, here */
	do
		rc = dead_letter_store_next(d->store, &seq, ret_l, &d->trouble);
	while (rc > 0 && seq < d->tried[d->next].seq);
	mem_seal(true);
	return rc > 0 && seq == d->tried[d->next].seq;
}

bool dead_retry_next(void *arg, struct batch *b, struct frame *ret_f, struct slice *ret_ground)
{
	struct dead_retry *d = arg;
	struct dead_letter l;
	settle(d);
	while (d->next < d->n_tried && read_next(d, &l)) {
		size_t i = d->next++;
		if (d->tried[i].follows)
			continue;
		d->lost = d->path.lost(d->path.arg);
		d->now = i;
		d->any = true;
		arena_reset(&b->arena);
		const char *why = l.kind == DEAD_RECORD ? put_record(d, &l)
							: make_frame(d, &l, b, ret_f, ret_ground);
		if (!why && l.kind == DEAD_FRAME)
			return true;
		if (why)
			set_outcome(d, i, CANNOT, why);
		settle(d);
	}
	return false;
}

/* ---- the end ---- */

static int mark_all(struct dead_retry *d, bool whole, uint64_t n[N_OUTCOMES], struct err *e)
{
	uint64_t now_ns = clock_wall_ns();
	for (size_t i = 0; i < d->n_tried; i++) {
		struct tried *t = &d->tried[i];
		if (t->follows)
			t->outcome = d->tried[*slot_of(d, t->id) - 1].outcome;
		n[t->outcome]++;
		enum dead_state to = t->outcome == WENT ? DEAD_RETRIED : DEAD_FAILED;
		if (t->outcome == WAITS || t->outcome == CANNOT || (to == DEAD_RETRIED && !whole))
			continue;
		int rc = dead_letter_store_mark(d->store, t->seq, to, now_ns, e);
		if (rc < 0)
			return rc;
	}
	return dead_letter_store_sync(d->store, e);
}

static void tell(const struct dead_retry *d, const uint64_t n[N_OUTCOMES], bool whole, FILE *out)
{
	fprintf(out,
		"sluiced: %zu dead letters: %" PRIu64 " went through, %" PRIu64
		" failed again, %" PRIu64 " cannot be tried, %" PRIu64 " were not tried\n",
		d->n_tried, n[WENT], n[FAILED] + n[LOST], n[CANNOT], n[WAITS]);
	for (unsigned i = 0; i < d->n_failures; i++)
		fprintf(out, "    %" PRIu64 ": %s (letter %" PRIu64 "%s)\n", d->failures[i].n,
			d->failures[i].text, d->failures[i].seq,
			d->failures[i].n > 1 ? " and others" : "");
	if (d->n_more)
		fprintf(out, "    %" PRIu64 ": other reasons\n", d->n_more);
	if (!whole && n[WENT])
		fprintf(out, "sluiced: not all was written, and which letters it was of is not "
			     "known: none is marked as retried; what was written comes again with "
			     "the next retry, with the same _id\n");
}

int64_t dead_retry_finish(struct dead_retry *d, bool whole, uint64_t lost, FILE *out, struct err *e)
{
	uint64_t n[N_OUTCOMES] = {0};
	whole = whole && lost <= d->told_lost;
	int rc = mark_all(d, whole, n, e);
	if (rc < 0)
		return rc;
	tell(d, n, whole, out);
	if (d->trouble.text[0])
		return err_set(e, -EIO, "%s", d->trouble.text);
	return (int64_t)(whole ? d->n_tried - n[WENT] : d->n_tried);
}
