/* sink_peer.h - what tests of sinks share: options by name, batches of numbered records, files.
 *
 * In:     the option table of a sink; numbers of records.
 * Out:    a configuration; batches; what lies in a directory afterwards.
 * Owns:   what it returns belongs to the caller, who frees it.
 * Runs:   main, and sink threads in tests.
 * Limits: failures end the test.
 */
#ifndef SL_TESTS_SUPPORT_SINK_PEER_H
#define SL_TESTS_SUPPORT_SINK_PEER_H

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#include "dataplane/sink/shipper.h"

static inline void pause_ms(unsigned ms)
{
	nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
}

/* Looks @tries times, every @ms milliseconds, until @condition holds. */
#define WAIT_UP_TO(tries, ms, condition)                 \
	do {                                             \
		unsigned tries_ = 0;                     \
		while (!(condition)) {                   \
			assert_true(tries_++ < (tries)); \
			pause_ms(ms);                    \
		}                                        \
	} while (0)

static inline void *conf_field(const struct sink_ops *ops, void *conf, const char *name)
{
	for (const struct opt *o = ops->opts; o->name; o++)
		if (strcmp(o->name, name) == 0)
			return (char *)conf + o->off;
	fail_msg("sink %s has no option %s", ops->name, name);
	return NULL;
}

static inline void conf_text(const struct sink_ops *ops, void *conf, const char *name,
			     const char *text)
{
	*(const char **)conf_field(ops, conf, name) = text;
}

static inline void conf_number(const struct sink_ops *ops, void *conf, const char *name, uint64_t v)
{
	memcpy(conf_field(ops, conf, name), &v, sizeof(v));
}

static inline void conf_choice(const struct sink_ops *ops, void *conf, const char *name, int v)
{
	memcpy(conf_field(ops, conf, name), &v, sizeof(v));
}

/* Adds the line of record @i, of a length that depends on the number: 20 to about 500 bytes. */
static inline void batch_add(struct out_batch *b, unsigned i)
{
	int len = snprintf(
		(char *)b->buf + b->len, b->cap - b->len, "{\"record\":%u,\"fill\":\"%.*s\"}\n", i,
		(int)(i * 7919 % 480),
		"the quick brown fox jumps over the lazy dog, the quick brown fox jumps over "
		"the lazy dog, the quick brown fox jumps over the lazy dog, the quick brown "
		"fox jumps over the lazy dog, the quick brown fox jumps over the lazy dog, the "
		"quick brown fox jumps over the lazy dog, the quick brown fox jumps over the "
		"lazy dog, the quick brown fox jumps over the lazy dog, the quick brown fox "
		"jumps over the lazy dog, the quick brown fox jumps over the lazy dog, the "
		"quick brown fox jumps over");
	assert_true(b->n_recs < OUT_BATCH_RECS_MAX);
	assert_true(len > 0 && b->len + (size_t)len < b->cap);
	b->len += (size_t)len;
	b->ends[b->n_recs++] = (uint32_t)b->len;
}

/* A batch of the records @from to @to - 1. */
static inline struct out_batch *batch_of(unsigned from, unsigned to)
{
	struct out_batch *b = calloc(1, sizeof(*b));
	assert_non_null(b);
	assert_int_equal(out_batch_init(b, (size_t)(to - from) * 600 + 4096), 0);
	/* 2026-11-25T04:43:16Z */
	b->first_ns = b->last_ns = 1795581796000000000ull;
	for (unsigned i = from; i < to; i++)
		batch_add(b, i);
	return b;
}

static inline void batch_free(struct out_batch *b)
{
	out_batch_fini(b);
	free(b);
}

/* Text that grows. */
struct text {
	char *p;
	size_t len, cap;
};

static inline void text_append(struct text *t, const void *p, size_t len)
{
	if (t->len + len + 1 > t->cap) {
		t->cap = (t->len + len + 1) * 2;
		t->p = realloc(t->p, t->cap);
		assert_non_null(t->p);
	}
	memcpy(t->p + t->len, p, len);
	t->len += len;
	t->p[t->len] = '\0';
}

/* The text of the records @from to @to - 1, as a sink has to deliver it. */
static inline struct text text_of(unsigned from, unsigned to)
{
	struct text t = {0};
	for (unsigned at = from; at < to; at += 1000) {
		struct out_batch *b = batch_of(at, to - at < 1000 ? to : at + 1000);
		text_append(&t, b->buf, b->len);
		batch_free(b);
	}
	return t;
}

static inline void text_append_file(struct text *t, const char *path)
{
	char buf[65536];
	int fd = open(path, O_RDONLY);
	if (fd < 0)
		fail_msg("%s: %s", path, strerror(errno));
	ssize_t n;
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		text_append(t, buf, (size_t)n);
	close(fd);
}

/* Decodes all frames in @path; a last frame that breaks off gives what can be read of it. */
static inline void text_append_zstd(struct text *t, const char *path)
{
	struct text packed = {0};
	text_append_file(&packed, path);
	ZSTD_DCtx *z = ZSTD_createDCtx();
	char buf[65536];
	ZSTD_inBuffer in = {packed.p, packed.len, 0};
	for (bool more = true; more;) {
		ZSTD_outBuffer out = {buf, sizeof(buf), 0};
		size_t rc = ZSTD_decompressStream(z, &out, &in);
		if (ZSTD_isError(rc))
			fail_msg("%s: %s", path, ZSTD_getErrorName(rc));
		text_append(t, buf, out.pos);
		more = in.pos < in.size || out.pos == sizeof(buf);
	}
	ZSTD_freeDCtx(z);
	free(packed.p);
}

/* A new directory, "/tmp/sluice-sink-XXXXXX"; dir_remove frees the name too. */
static inline char *dir_make(void)
{
	const char *base = getenv("TMPDIR");
	char path[512];
	snprintf(path, sizeof(path), "%s/sluice-sink-XXXXXX", base ? base : "/tmp");
	assert_non_null(mkdtemp(path));
	return strdup(path);
}

static inline int dir_remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	return remove(path);
}

static inline void dir_remove(char *dir)
{
	nftw(dir, dir_remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(dir);
}

static inline int not_hidden(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

/* The names in @dir in order of their bytes, one a line. */
static inline struct text dir_list(const char *dir)
{
	struct text t = {0};
	struct dirent **names;
	int n = scandir(dir, &names, not_hidden, alphasort);
	assert_true(n >= 0);
	text_append(&t, "", 0);
	for (int i = 0; i < n; i++) {
		text_append(&t, names[i]->d_name, strlen(names[i]->d_name));
		text_append(&t, "\n", 1);
		free(names[i]);
	}
	free(names);
	return t;
}

/* What all files of @dir hold, one behind the other in the order of their names. None may be
 * unfinished.
 */
static inline struct text dir_text(const char *dir, bool zstd, unsigned *ret_n_files)
{
	struct text all = {0};
	struct dirent **names;
	int n = scandir(dir, &names, not_hidden, alphasort);
	assert_true(n >= 0);
	text_append(&all, "", 0);
	for (int i = 0; i < n; i++) {
		char path[1024];
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
		assert_null(strstr(path, ".part"));
		if (zstd)
			text_append_zstd(&all, path);
		else
			text_append_file(&all, path);
		free(names[i]);
	}
	free(names);
	*ret_n_files = (unsigned)n;
	return all;
}

#endif
