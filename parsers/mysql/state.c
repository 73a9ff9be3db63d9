#include "parsers/mysql/state.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/base/clock.h"
#include "dataplane/base/mem.h"
#include "dataplane/base/regular.h"

/* A dump without data is a few kilobytes a table, and so is the file. */
#define TEXT_BYTES_MAX (256u << 20)
#define PATH_BYTES     4096

/* Statements are written so soon; positions alone can wait: a crash costs a doubt about names. */
#define CHANGES_NS     1000000000ull
#define POSITIONS_NS   10000000000ull

/* A statement in a ring: this, its database, its text, and zeros up to the next 8 bytes. */
struct entry {
	uint32_t bytes; /* all in all */
	uint32_t db_len, sql_len;
	uint16_t client_charset, server_charset, db_charset, error;
	uint64_t log, place, sql_mode;
};

struct mysql_feed {
	struct mysql_feed *next;
	uint8_t *ring;
	_Alignas(64) _Atomic uint64_t put;   /* worker: bytes so far */
	_Atomic uint32_t n_logs;             /* those below it do not change any more */
	_Atomic bool lost;                   /* a statement found no room */
	_Alignas(64) _Atomic uint64_t taken; /* main */
	_Alignas(64) struct mysql_schema_log logs[MYSQL_STATE_LOGS];
	_Atomic uint64_t followed[MYSQL_STATE_LOGS];
};

struct mysql_state {
	const struct mysql_conf *conf;
	struct mysql_schema *schema;
	struct mysql_feed *feeds;
	uint8_t *text; /* TEXT_BYTES_MAX; of the file until the first time it is written */
	uint8_t *one;  /* a statement, out of the ring */
	size_t text_len;
	struct mysql_schema_log logs[MYSQL_STATE_LOGS];
	size_t n_logs;
	bool changed, moved; /* since it was written: statements; positions only */
	bool told_lost;
	uint64_t written_ns; /* when it was tried last */
	int lock;            /* -1: not yet */
	struct stat read;    /* the file, before it was read; zeros: there was none */
};

/* ---- files ---- */

/* All of a file into @buf of TEXT_BYTES_MAX; -ENOENT when it is not there. */
static int read_file(const char *what, const char *path, uint8_t *buf, size_t *ret_len,
		     struct err *e)
{
	ssize_t n = regular_read(path, buf, TEXT_BYTES_MAX);
	if (n < 0)
		return err_set(e, (int)n, "cannot open %s %s: %s", what, path, regular_why((int)n));
	if (n == TEXT_BYTES_MAX)
		return err_set(e, -EFBIG, "%s %s is longer than %u MiB", what, path,
			       TEXT_BYTES_MAX >> 20);
	*ret_len = (size_t)n;
	return 0;
}

static int write_all(int fd, const uint8_t *p, size_t len)
{
	while (len) {
		ssize_t n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* A rename outlives a power cut when its directory is synced. */
static int sync_dir(const char *path)
{
	char dir[PATH_BYTES];
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) + 1 : 0;
	memcpy(dir, slash ? path : ".", slash ? len : 2);
	dir[slash ? len : 1] = 0;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd < 0 || fsync(fd) < 0 ? -errno : 0;
	if (fd >= 0)
		close(fd);
	return r;
}

static int replace(const char *path, const uint8_t *bytes, size_t len)
{
	char temp[PATH_BYTES];
	snprintf(temp, sizeof(temp), "%s.tmp", path);
	int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	if (fd < 0)
		return -errno;
	int r = write_all(fd, bytes, len);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && rename(temp, path) < 0)
		r = -errno;
	if (r == 0)
		return sync_dir(path);
	unlink(temp);
	return r;
}

static struct stat stat_of(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 ? st : (struct stat){0};
}

static bool is_as_read(const struct mysql_state *s)
{
	struct stat now = stat_of(s->conf->state);
	return now.st_ino == s->read.st_ino && now.st_size == s->read.st_size &&
	       now.st_mtim.tv_sec == s->read.st_mtim.tv_sec &&
	       now.st_mtim.tv_nsec == s->read.st_mtim.tv_nsec;
}

/* Two that write the same file would each undo what the other has learnt: also one that ends while
 * this one starts.
 */
static int take_lock(struct mysql_state *s, struct err *e)
{
	char path[PATH_BYTES];
	snprintf(path, sizeof(path), "%s.lock", s->conf->state);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0)
		return err_set(e, -errno, "state %s: cannot open %s: %s", s->conf->state, path,
			       strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int r = errno == EWOULDBLOCK
				? err_set(e, -EBUSY,
					  "state %s is in use by another source, or by another "
					  "sluiced; expected a file for each",
					  s->conf->state)
				: err_set(e, -errno, "state %s: cannot lock %s: %s", s->conf->state,
					  path, strerror(errno));
		close(fd);
		return r;
	}
	if (!is_as_read(s)) {
		close(fd);
		return err_set(
			e, -EAGAIN,
			"state %s was written by another sluiced since it was read; start again",
			s->conf->state);
	}
	s->lock = fd;
	return 0;
}

/* The file stays: another may have opened it by now. */
static void leave_lock(struct mysql_state *s)
{
	if (s->lock >= 0)
		close(s->lock);
	s->lock = -1;
}

/* ---- start ---- */

static int read_dump(const struct mysql_conf *conf, struct mysql_schema *sc, uint8_t *buf,
		     struct err *e)
{
	struct mysql_schema_loaded loaded;
	struct err cause;
	size_t len = 0;
	if (!conf->schema)
		return 0;
	int r = read_file("schema", conf->schema, buf, &len, e);
	if (r < 0)
		return r;
	r = mysql_schema_load(sc, slice_of(buf, len), &loaded, &cause);
	return r < 0 ? err_set(e, r, "schema %s: %s", conf->schema, cause.text) : 0;
}

static int load_dump(const struct mysql_conf *conf, struct mysql_schema *sc, struct err *e)
{
	if (!conf->schema)
		return 0;
	uint8_t *buf = mem_map(TEXT_BYTES_MAX);
	int r = buf ? read_dump(conf, sc, buf, e) : err_set(e, -ENOMEM, "no memory for a schema");
	mem_unmap(buf, TEXT_BYTES_MAX);
	return r;
}

static int read_state(struct mysql_state *s, struct mysql_schema *sc, struct err *e)
{
	struct err cause;
	unsigned line;
	if (s->text_len == 0)
		return 0;
	int r = mysql_schema_read(sc, slice_of(s->text, s->text_len), s->logs, &s->n_logs, &line,
				  &cause);
	return r < 0 ? err_set(e, r, "%s:%u: state: %s", s->conf->state, line, cause.text) : 0;
}

int mysql_state_create(const void *conf, void **ret_keep, struct err *e)
{
	const struct mysql_conf *c = conf;
	*ret_keep = NULL;
	if (!c->state)
		return 0;
	if (strlen(c->state) + 8 > PATH_BYTES)
		return err_set(e, -ENAMETOOLONG, "state %.64s...: a path longer than %d bytes",
			       c->state, PATH_BYTES - 8);
	struct mysql_state *s = mem_alloc(sizeof(*s));
	if (!s)
		return err_set(e, -ENOMEM, "no memory for the state of a mysql source");
	s->conf = c;
	s->lock = -1;
	s->text = mem_map(TEXT_BYTES_MAX);
	s->one = mem_map(MYSQL_FEED_BYTES);
	int r = 0;
	if (!s->text || !s->one)
		r = err_set(e, -ENOMEM, "no memory for the state of a mysql source");
	struct mysql_schema_conf sc = {.charsets = &mysql_charsets, .ignore_case = c->ignore_case};
	if (r == 0)
		r = mysql_schema_create(&sc, &s->schema, e);
	if (r == 0)
		r = load_dump(c, s->schema, e);
	if (r == 0) {
		s->read = stat_of(c->state);
		r = read_file("state", c->state, s->text, &s->text_len, e);
		r = r == -ENOENT ? 0 : r;
	}
	if (r == 0)
		r = read_state(s, s->schema, e);
	if (r < 0)
		mysql_state_destroy(s);
	else
		*ret_keep = s;
	return r;
}

void mysql_state_destroy(void *keep)
{
	struct mysql_state *s = keep;
	if (!s)
		return;
	for (struct mysql_feed *f = s->feeds, *next; f; f = next) {
		next = f->next;
		mem_unmap(f->ring, MYSQL_FEED_BYTES);
		mem_free(f);
	}
	leave_lock(s);
	mysql_schema_destroy(s->schema);
	mem_unmap(s->text, TEXT_BYTES_MAX);
	mem_unmap(s->one, MYSQL_FEED_BYTES);
	mem_free(s);
}

int mysql_state_join(struct mysql_state *s, const struct mysql_conf *conf, struct mysql_schema *sc,
		     struct mysql_feed **ret_feed, struct err *e)
{
	int r = load_dump(conf, sc, e);
	*ret_feed = NULL;
	if (r == 0 && s)
		r = read_state(s, sc, e);
	if (r < 0 || !s)
		return r;
	struct mysql_feed *f = mem_alloc(sizeof(*f));
	if (f)
		f->ring = mem_map(MYSQL_FEED_BYTES);
	if (!f || !f->ring) {
		mem_free(f);
		return err_set(e, -ENOMEM, "no memory for the state of a mysql source");
	}
	memcpy(f->logs, s->logs, sizeof(f->logs));
	for (size_t i = 0; i < s->n_logs; i++)
		atomic_init(&f->followed[i], s->logs[i].followed);
	atomic_init(&f->n_logs, (uint32_t)s->n_logs);
	f->next = s->feeds;
	s->feeds = f;
	*ret_feed = f;
	return 0;
}

/* ---- the worker's side ---- */

static void ring_put(struct mysql_feed *f, uint64_t *io_at, const void *bytes, size_t len)
{
	size_t at = *io_at % MYSQL_FEED_BYTES, first = MYSQL_FEED_BYTES - at;
	first = first < len ? first : len;
	if (len) {
		memcpy(f->ring + at, bytes, first);
		memcpy(f->ring, (const uint8_t *)bytes + first, len - first);
	}
	*io_at += len;
}

bool mysql_feed_statement(struct mysql_feed *f, const struct mysql_ddl *q)
{
	uint64_t at = atomic_load_explicit(&f->put, memory_order_relaxed);
	uint64_t used = at - atomic_load_explicit(&f->taken, memory_order_acquire);
	uint64_t bytes = (sizeof(struct entry) + q->db.len + q->sql.len + 7) & ~(uint64_t)7;
	if (bytes > MYSQL_FEED_BYTES - used) {
		atomic_store_explicit(&f->lost, true, memory_order_relaxed);
		return false;
	}
	struct entry en = {
		.bytes = (uint32_t)bytes,
		.db_len = (uint32_t)q->db.len,
		.sql_len = (uint32_t)q->sql.len,
		.client_charset = q->client_charset,
		.server_charset = q->server_charset,
		.db_charset = q->db_charset,
		.error = q->error,
		.log = q->log,
		.place = q->place,
		.sql_mode = q->sql_mode,
	};
	uint64_t end = at + bytes;
	ring_put(f, &at, &en, sizeof(en));
	ring_put(f, &at, q->db.ptr, q->db.len);
	ring_put(f, &at, q->sql.ptr, q->sql.len);
	atomic_store_explicit(&f->put, end, memory_order_release);
	return true;
}

int mysql_feed_log(struct mysql_feed *f, const struct mysql_schema_log *l, bool *ret_known,
		   uint64_t *ret_followed)
{
	uint32_t n = atomic_load_explicit(&f->n_logs, memory_order_relaxed);
	*ret_known = false;
	for (uint32_t i = 0; i < n; i++) {
		if (f->logs[i].log != l->log)
			continue;
		*ret_known = true;
		*ret_followed = atomic_load_explicit(&f->followed[i], memory_order_relaxed);
		return (int)i;
	}
	if (n == MYSQL_STATE_LOGS)
		return -1;
	f->logs[n] = *l;
	atomic_store_explicit(&f->followed[n], l->followed, memory_order_relaxed);
	atomic_store_explicit(&f->n_logs, n + 1, memory_order_release);
	return (int)n;
}

/* Behind a statement that was lost nothing is claimed any more. */
void mysql_feed_follow(struct mysql_feed *f, int log, uint64_t place)
{
	if (place > atomic_load_explicit(&f->followed[log], memory_order_relaxed) &&
	    !atomic_load_explicit(&f->lost, memory_order_relaxed))
		atomic_store_explicit(&f->followed[log], place, memory_order_release);
}

const struct mysql_schema_log *mysql_feed_only(const struct mysql_feed *f, uint64_t server)
{
	const struct mysql_schema_log *only = NULL;
	uint32_t n = atomic_load_explicit(&f->n_logs, memory_order_relaxed);
	for (uint32_t i = 0; i < n; i++) {
		if (f->logs[i].server != server)
			continue;
		if (only)
			return NULL;
		only = &f->logs[i];
	}
	return only;
}

/* ---- main's side ---- */

static void followed_to(struct mysql_state *s, const struct mysql_schema_log *l, uint64_t place)
{
	size_t i = 0;
	while (i < s->n_logs && s->logs[i].log != l->log)
		i++;
	if (i == MYSQL_STATE_LOGS)
		return;
	if (i == s->n_logs) {
		s->logs[s->n_logs++] = *l;
		s->logs[i].followed = 0;
	}
	if (place > s->logs[i].followed) {
		s->logs[i].followed = place;
		s->moved = true;
	}
}

/* Applies the statements that wait in a ring. */
static void drain(struct mysql_state *s, struct mysql_feed *f)
{
	uint64_t at = atomic_load_explicit(&f->taken, memory_order_relaxed);
	uint64_t end = atomic_load_explicit(&f->put, memory_order_acquire);
	while (at < end) {
		struct entry en;
		uint8_t *out = s->one;
		size_t from = at % MYSQL_FEED_BYTES, first = MYSQL_FEED_BYTES - from;
		uint32_t bytes;
		memcpy(&bytes, f->ring + from, sizeof(bytes)); /* entries begin at 8 bytes */
		first = first < bytes ? first : bytes;
		memcpy(out, f->ring + from, first);
		memcpy(out + first, f->ring, bytes - first);
		memcpy(&en, out, sizeof(en));
		struct mysql_ddl q = {
			.log = en.log,
			.place = en.place,
			.db = slice_of(out + sizeof(en), en.db_len),
			.sql = slice_of(out + sizeof(en) + en.db_len, en.sql_len),
			.sql_mode = en.sql_mode,
			.client_charset = en.client_charset,
			.server_charset = en.server_charset,
			.db_charset = en.db_charset,
			.error = en.error,
		};
		mysql_ddl_apply(s->schema, &q, NULL);
		s->changed = true;
		at += bytes;
		atomic_store_explicit(&f->taken, at, memory_order_release);
	}
}

static void collect(struct mysql_state *s)
{
	for (struct mysql_feed *f = s->feeds; f; f = f->next) {
		uint64_t followed[MYSQL_STATE_LOGS];
		uint32_t n = atomic_load_explicit(&f->n_logs, memory_order_acquire);
		for (uint32_t i = 0; i < n; i++)
			followed[i] = atomic_load_explicit(&f->followed[i], memory_order_acquire);
		drain(s, f);
		for (uint32_t i = 0; i < n; i++)
			followed_to(s, &f->logs[i], followed[i]);
	}
}

static int save(struct mysql_state *s, struct err *e)
{
	struct mysql_schema_text t = {.buf = s->text, .cap = TEXT_BYTES_MAX};
	const char *path = s->conf->state;
	if (mysql_schema_write(s->schema, s->logs, s->n_logs, &t) < 0)
		return err_set(e, -ENOMEM, "state %s: no memory to write it", path);
	if (t.full)
		return err_set(e, -EFBIG, "state %s: longer than %u MiB: not written", path,
			       TEXT_BYTES_MAX >> 20);
	int r = replace(path, t.buf, t.len);
	if (r < 0)
		return err_set(e, r, "state %s: cannot write it: %s", path, strerror(-r));
	s->changed = s->moved = false;
	return 0;
}

static int tell_lost(struct mysql_state *s, struct err *e)
{
	bool lost = false;
	for (struct mysql_feed *f = s->feeds; f; f = f->next)
		lost = lost || atomic_load_explicit(&f->lost, memory_order_relaxed);
	if (!lost || s->told_lost)
		return 0;
	s->told_lost = true;
	return err_set(e, -ENOBUFS,
		       "state %s: statements came faster than they could be kept: after a restart "
		       "names of columns are marked unsure",
		       s->conf->state);
}

int mysql_state_run(void *keep, bool last, struct err *e)
{
	struct mysql_state *s = keep;
	int r = s->lock < 0 ? take_lock(s, e) : 0;
	if (r < 0)
		return r;
	collect(s);
	uint64_t now = clock_mono_ns(), since = now - s->written_ns;
	bool due = (s->changed && (last || since >= CHANGES_NS)) ||
		   (s->moved && (last || since >= POSITIONS_NS));
	if (due) {
		s->written_ns = now;
		r = save(s, e);
	}
	if (last) /* a source that comes later may have the file */
		leave_lock(s);
	return r < 0 ? r : tell_lost(s, e);
}
