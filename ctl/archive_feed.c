#include "ctl/archive_feed.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/base/civil.h"
#include "dataplane/base/mem.h"
#include "dataplane/base/text.h"
#include "dataplane/frame/origin.h"
#include "dataplane/sink/seg_check.h"

#define BODY_FACTOR 4 /* extraction reads JSON of so many times frame.bytes_max */

LEDGER_DEFINE(archive, "archive", "records", ARCHIVE_COLS);

struct archive_feed {
	const char *const *paths;
	unsigned n_paths, next_path;
	const struct config *conf;
	struct seg_file *file; /* NULL: the next is to be opened */
	struct seg_frame *frames;
	uint32_t n_frames, next_frame;
	uint64_t row[ARCHIVE_N_COLS];
	struct err trouble;
};

/* ---- the front of a record ---- */

/* Takes @lit off the front of @io_s. */
static bool take(struct slice *io_s, struct slice lit)
{
	if (!slice_starts(*io_s, lit))
		return false;
	*io_s = slice_from(*io_s, lit.len);
	return true;
}

#define TAKE(io_s, lit) take(io_s, SLICE_LIT(lit))

/* The bytes of the escape at the front of @s, as sluice writes them: \n and the like, \u00xx; 0: it
 * is none.
 */
static size_t escape_len(struct slice s)
{
	if (s.len < 2)
		return 0;
	if (memchr("\"\\/bfnrt", s.ptr[1], 8))
		return 2;
	bool ok = s.len >= 6 && s.ptr[1] == 'u' && s.ptr[2] == '0' && s.ptr[3] == '0' &&
		  text_hex_digit(s.ptr[4]) >= 0 && text_hex_digit(s.ptr[5]) >= 0;
	return ok ? 6 : 0;
}

/* The inside of a JSON string, whose first quote is taken; and its last quote. It goes out as it
 * is, and so has to be right.
 */
static bool take_string(struct slice *io_s, struct slice *ret_text)
{
	size_t i = 0;
	while (i < io_s->len && io_s->ptr[i] != '"') {
		size_t n = io_s->ptr[i] < ' '     ? 0
			   : io_s->ptr[i] == '\\' ? escape_len(slice_from(*io_s, i))
						  : 1;
		if (n == 0)
			return false;
		i += n;
	}
	if (i >= io_s->len || text_utf8_valid(io_s->ptr, i) != i)
		return false;
	*ret_text = slice_of(io_s->ptr, i);
	*io_s = slice_from(*io_s, i + 1);
	return true;
}

/* "<16 hex>-<c|s>-<offset>-<index>" */
static bool read_id(struct slice s, struct archive_head *h)
{
	uint64_t idx;
	if (s.len < 21)
		return false;
	for (unsigned i = 0; i < 16; i++) {
		int d = text_hex_digit(s.ptr[i]);
		if (d < 0)
			return false;
		h->session_id = h->session_id << 4 | (unsigned)d;
	}
	h->dir = s.ptr[17] == 's';
	if (s.ptr[16] != '-' || s.ptr[18] != '-' || (s.ptr[17] != 'c' && s.ptr[17] != 's'))
		return false;
	s = slice_from(s, 19);
	const uint8_t *dash = memchr(s.ptr, '-', s.len);
	size_t n = dash ? (size_t)(dash - s.ptr) : 0;
	if (!dash || !text_u64(slice_of(s.ptr, n), &h->stream_off) ||
	    !text_u64(slice_from(s, n + 1), &idx) || idx > UINT32_MAX)
		return false;
	h->idx = (uint32_t)idx;
	return true;
}

static bool read_time(struct slice s, struct archive_head *h)
{
	int64_t ns;
	if (civil_read_rfc3339(s, &ns) != s.len || s.len == 0)
		return false;
	h->time_ns = (uint64_t)ns;
	return true;
}

bool archive_head_read(struct slice line, struct archive_head *ret_h)
{
	struct archive_head h = {0};
	struct slice s = line, id, time, address;
	if (!TAKE(&s, "{\"_id\":\"") || !take_string(&s, &id) || !read_id(id, &h) ||
	    !TAKE(&s, ",\"_time\":\"") || !take_string(&s, &time) || !read_time(time, &h) ||
	    !TAKE(&s, ",\"_source\":\"") || !take_string(&s, &h.source) ||
	    !TAKE(&s, ",\"_stream\":\"") || !take_string(&s, &h.stream))
		return false;
	struct slice from = slice_from(s, 1);
	if (TAKE(&s, ",\"_src\":\"")) {
		if (!take_string(&s, &address) || !TAKE(&s, ",\"_dst\":\"") ||
		    !take_string(&s, &address))
			return false;
		h.origin = slice_of(from.ptr, (size_t)(s.ptr - from.ptr));
		if (h.origin.len > ORIGIN_LEN_MAX)
			return false;
	}
	h.fields = (size_t)(s.ptr - line.ptr);
	if (s.len == 0 || (*s.ptr != ',' && *s.ptr != '}') || line.ptr[line.len - 1] != '}')
		return false;
	*ret_h = h;
	return true;
}

/* ---- files ---- */

int archive_feed_probe(const char *const *paths, unsigned n_paths, struct err *e)
{
	int n = 0;
	for (unsigned i = 0; i < n_paths; i++) {
		uint8_t magic[SEG_MAGIC_BYTES];
		if (strcmp(paths[i], "-") == 0)
			continue;
		int fd = open(paths[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (fd < 0) /* whoever reads it says why not */
			continue;
		/* A pipe has its bytes once only; it is no segment. */
		if (lseek(fd, 0, SEEK_CUR) == 0 &&
		    pread(fd, magic, sizeof(magic), 0) == sizeof(magic))
			n += memcmp(magic, SEG_MAGIC, sizeof(magic)) == 0;
		close(fd);
	}
	if (n > 0 && (unsigned)n < n_paths)
		return err_set(e, -EINVAL,
			       "replay: %d of %u files are segments of records: these and captures "
			       "are replayed apart",
			       n, n_paths);
	return n;
}

static void keep_trouble(struct archive_feed *a, const struct err *e)
{
	if (a->trouble.text[0] == '\0')
		a->trouble = *e;
}

static void see_damage(void *ctx, const struct seg_damage *d)
{
	struct archive_feed *a = ctx;
	a->row[ARCHIVE_damaged] += d->torn ? 0 : d->n_recs;
}

static int open_file(struct archive_feed *a, const char *path, struct err *e)
{
	struct seg_check c = {0};
	int rc = seg_file_open(&file_ops_real, path, &a->file, e);
	if (rc < 0)
		return rc;
	if (seg_file_head(a->file)->kind == SEG_DEAD_LETTERS)
		return err_set(e, -EINVAL,
			       "%s: dead letters, not records: see `sluicectl dlq retry`", path);
	int64_t n = seg_file_indexed(a->file) ? seg_file_frames(a->file, a->frames, e)
					      : seg_check(a->file, a->frames, &c, see_damage, a, e);
	if (n < 0)
		return (int)n;
	a->n_frames = seg_file_indexed(a->file) ? (uint32_t)n : c.n_frames;
	a->next_frame = 0;
	return 0;
}

static void close_file(struct archive_feed *a)
{
	seg_file_close(a->file);
	a->file = NULL;
}

/* The next record of all files. A file that cannot be read does not keep the others from it. */
static bool next_record(struct archive_feed *a, struct seg_rec *ret_r)
{
	for (;;) {
		struct err e = {0};
		if (!a->file) {
			if (a->next_path == a->n_paths)
				return false;
			a->n_frames = a->next_frame = 0;
			if (open_file(a, a->paths[a->next_path++], &e) < 0) {
				keep_trouble(a, &e);
				close_file(a);
			}
			continue;
		}
		if (a->next_frame > 0 && seg_file_next(a->file, ret_r))
			return true;
		if (a->next_frame == a->n_frames) {
			close_file(a);
			continue;
		}
		const struct seg_frame *fr = &a->frames[a->next_frame++];
		if (seg_file_load(a->file, fr, &e) < 0) {
			keep_trouble(a, &e);
			a->row[ARCHIVE_damaged] += fr->n_recs;
		}
	}
}

/* ---- the feed ---- */

static int find_source(const struct config *c, struct slice name)
{
	for (size_t i = 0; i < c->n_sources; i++)
		if (slice_eq(slice_str(c->sources[i].name), name))
			return (int)i;
	return -1;
}

/* A copy of @s in the arena, with room behind it for vectors. 0: it does not fit. */
static uint32_t lay(struct batch *b, struct slice s)
{
	uint32_t off = arena_take(&b->arena, s.len + SL_PAD);
	if (off && s.len)
		memcpy(b->arena.base + off, s.ptr, s.len);
	return off;
}

/* The record's own fields, as an object of theirs, stand where its line ended with them. */
static unsigned make_frame(struct archive_feed *a, struct slice line, struct batch *b,
			   struct frame *ret_f)
{
	struct archive_head h;
	if (line.len && line.ptr[line.len - 1] == '\n')
		line.len--;
	if (!archive_head_read(line, &h))
		return ARCHIVE_no_form;
	if (line.len > BODY_FACTOR * a->conf->frame.bytes_max)
		return ARCHIVE_too_large;
	int source = find_source(a->conf, h.source);
	if (source < 0)
		return ARCHIVE_no_source;
	uint32_t off = lay(b, line), origin = lay(b, h.origin), stream = lay(b, h.stream);
	if (!off || !origin || !stream)
		return ARCHIVE_too_large;
	uint8_t *p = b->arena.base + off;
	size_t body = p[h.fields] == ',' ? h.fields : h.fields - 1;
	p[body] = '{';
	*ret_f = (struct frame){.time_ns = h.time_ns,
				.stream_off = h.stream_off,
				.session_id = h.session_id,
				.bytes = slice_of(p, line.len),
				.body = slice_of(p + body, line.len - body),
				.idx = h.idx,
				.origin_off = origin,
				.origin_len = (uint16_t)h.origin.len,
				.source = (uint16_t)source,
				.body_kind = BODY_RECORD,
				.dir = h.dir};
	if (!slice_eq(h.stream, h.source))
		ret_f->meta = val_of(VAL_JSTR, stream, h.stream.len);
	return ARCHIVE_frames_out;
}

bool archive_feed_next(void *arg, struct batch *b, struct frame *ret_f, struct slice *ret_ground)
{
	struct archive_feed *a = arg;
	struct seg_rec r;
	for (;;) {
		mem_seal(false); /* files are read, and unpacked, here */
		bool more = next_record(a, &r);
		mem_seal(true);
		if (!more)
			return false;
		arena_reset(&b->arena);
		unsigned col = make_frame(a, r.bytes, b, ret_f);
		a->row[ARCHIVE_records_in]++;
		a->row[col]++;
		*ret_ground = (struct slice){0};
		if (col == ARCHIVE_frames_out)
			return true;
	}
}

int archive_feed_open(const char *const *paths, unsigned n_paths, const struct config *conf,
		      struct archive_feed **ret_a, struct err *e)
{
	struct archive_feed *a = mem_alloc(sizeof(*a));
	if (!a)
		return err_set(e, -ENOMEM, "no memory for an archive");
	a->paths = paths;
	a->n_paths = n_paths;
	a->conf = conf;
	a->frames = mem_map(SEG_FRAMES_MAX * sizeof(*a->frames));
	if (!a->frames) {
		archive_feed_close(a);
		return err_set(e, -ENOMEM, "no memory for an archive");
	}
	*ret_a = a;
	return 0;
}

void archive_feed_close(struct archive_feed *a)
{
	if (!a)
		return;
	close_file(a);
	mem_unmap(a->frames, SEG_FRAMES_MAX * sizeof(*a->frames));
	mem_free(a);
}

const uint64_t *archive_feed_row(const struct archive_feed *a)
{
	return a->row;
}

const char *archive_feed_trouble(const struct archive_feed *a)
{
	return a->trouble.text;
}
