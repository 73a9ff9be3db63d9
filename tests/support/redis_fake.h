/* redis_fake.h - a Redis of a few commands in a thread of a test, that can be told to misbehave.
 *
 * In:     commands, on a socket in the file system.
 * Out:    the entries of its streams, in their order.
 * Owns:   its thread and what it keeps.
 * Runs:   start, stop, text: main of a test. The thread serves one connection at a time.
 * Limits: FAKE_STREAMS streams; a client that comes while another is served waits.
 */
#ifndef SL_TESTS_SUPPORT_REDIS_FAKE_H
#define SL_TESTS_SUPPORT_REDIS_FAKE_H

#include <hiredis/hiredis.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/support/sink_peer.h"

#define FAKE_STREAMS 4
#define FAKE_QUEUED  8192

/* What goes wrong; each once, unless said otherwise. */
enum fake_fault {
	FAKE_GOOD,
	FAKE_CUT_AFTER_EXEC,  /* does it, and is gone without an answer */
	FAKE_CUT_BEFORE_EXEC, /* is gone, and has done nothing */
	FAKE_SILENT,          /* reads and says nothing; until it is told to be good */
	FAKE_REFUSES,         /* answers `refusal` to `refused_verb`; until it is told to be good */
	FAKE_REFUSES_IN_EXEC, /* answers `refusal` in EXEC for the stream `refused`, likewise */
};

struct fake_redis {
	char path[200];
	int listener;
	pthread_t thread;
	atomic_bool stop;
	atomic_int fault;
	atomic_uint n_connections;
	const char *refusal, *refused_verb, *refused, *password;
	/* Of the thread, until it is stopped. */
	struct {
		char name[64];
		struct text text; /* the entries' fields: one a line, `name: value` but for data */
		unsigned n;
	} streams[FAKE_STREAMS];
	char mark[64];
	redisReply *queued[FAKE_QUEUED];
	unsigned n_queued;
	bool multi, dirty, welcome;
};

static inline bool fake_is(const redisReply *c, unsigned i, const char *word)
{
	return i < c->elements && strcmp(c->element[i]->str, word) == 0;
}

static inline void fake_add(struct fake_redis *f, const redisReply *c)
{
	unsigned s = 0;
	while (f->streams[s].name[0] && strcmp(f->streams[s].name, c->element[1]->str) != 0)
		s++;
	assert_true(s < FAKE_STREAMS);
	snprintf(f->streams[s].name, sizeof(f->streams[s].name), "%s", c->element[1]->str);
	unsigned i = 2;
	while (!fake_is(c, i, "*"))
		i++;
	for (i++; i + 1 < c->elements; i += 2) {
		if (!fake_is(c, i, "data")) {
			text_append(&f->streams[s].text, c->element[i]->str, c->element[i]->len);
			text_append(&f->streams[s].text, ": ", 2);
		}
		text_append(&f->streams[s].text, c->element[i + 1]->str, c->element[i + 1]->len);
		text_append(&f->streams[s].text, "\n", 1);
	}
	f->streams[s].n++;
}

static inline void fake_exec(struct fake_redis *f, struct text *out)
{
	char head[32];
	int fault = atomic_load(&f->fault);
	text_append(out, head, (size_t)snprintf(head, sizeof(head), "*%u\r\n", f->n_queued));
	for (unsigned i = 0; i < f->n_queued; i++) {
		const redisReply *c = f->queued[i];
		if (fault == FAKE_REFUSES_IN_EXEC && fake_is(c, 0, "XADD") &&
		    fake_is(c, 1, f->refused)) {
			text_append(out, "-", 1);
			text_append(out, f->refusal, strlen(f->refusal));
			text_append(out, "\r\n", 2);
		} else if (fake_is(c, 0, "XADD")) {
			fake_add(f, c);
			text_append(out, "$3\r\n1-0\r\n", 9);
		} else {
			assert_true(fake_is(c, 0, "SET"));
			snprintf(f->mark, sizeof(f->mark), "%s", c->element[2]->str);
			text_append(out, "+OK\r\n", 5);
		}
	}
}

static inline void fake_forget(struct fake_redis *f)
{
	while (f->n_queued)
		freeReplyObject(f->queued[--f->n_queued]);
	f->multi = f->dirty = false;
}

static inline void fake_say(struct text *out, const char *word)
{
	text_append(out, word, strlen(word));
	text_append(out, "\r\n", 2);
}

/* Takes @c over. False: the connection is cut. */
static inline bool fake_command(struct fake_redis *f, redisReply *c, struct text *out)
{
	int fault = atomic_load(&f->fault);
	bool keep = false, go_on = true;
	char bulk[100];
	if (fake_is(c, 0, "AUTH")) {
		f->welcome = fake_is(c, c->elements - 1, f->password ? f->password : "");
		fake_say(out, f->welcome ? "+OK" : "-WRONGPASS invalid username-password pair");
	} else if (f->password && !f->welcome) {
		fake_say(out, "-NOAUTH Authentication required.");
	} else if (fault == FAKE_REFUSES && fake_is(c, 0, f->refused_verb)) {
		text_append(out, "-", 1);
		fake_say(out, f->refusal);
		f->dirty = true;
	} else if (fake_is(c, 0, "MULTI")) {
		f->multi = true;
		fake_say(out, "+OK");
	} else if (fake_is(c, 0, "EXEC")) {
		if (fault == FAKE_CUT_BEFORE_EXEC || fault == FAKE_CUT_AFTER_EXEC)
			go_on = false;
		if (f->dirty)
			fake_say(out,
				 "-EXECABORT Transaction discarded because of previous errors.");
		else if (fault != FAKE_CUT_BEFORE_EXEC)
			fake_exec(f, out);
		if (!go_on)
			atomic_store(&f->fault, FAKE_GOOD);
		fake_forget(f);
	} else if (f->multi) {
		assert_true(f->n_queued < FAKE_QUEUED);
		f->queued[f->n_queued++] = c;
		keep = true;
		fake_say(out, "+QUEUED");
	} else if (fake_is(c, 0, "GET")) {
		snprintf(bulk, sizeof(bulk), "$%zu\r\n%s", strlen(f->mark), f->mark);
		fake_say(out, f->mark[0] ? bulk : "$-1");
	} else if (fake_is(c, 0, "TYPE")) {
		fake_say(out, "+none");
	} else {
		assert_true(fake_is(c, 0, "SELECT"));
		fake_say(out, "+OK");
	}
	if (!keep)
		freeReplyObject(c);
	return go_on;
}

static inline void fake_serve(struct fake_redis *f, int fd)
{
	redisReader *reader = redisReaderCreate();
	struct text out = {0};
	char buf[65536];
	bool open = true;
	f->welcome = false;
	while (open && !atomic_load(&f->stop)) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		if (poll(&p, 1, 20) != 1 || atomic_load(&f->fault) == FAKE_SILENT)
			continue;
		ssize_t n = read(fd, buf, sizeof(buf));
		if (n <= 0)
			break;
		redisReaderFeed(reader, buf, (size_t)n);
		void *c = NULL;
		out.len = 0;
		while (open && redisReaderGetReply(reader, &c) == REDIS_OK && c)
			open = fake_command(f, c, &out);
		for (size_t at = 0; open && at < out.len; at += (size_t)n)
			if ((n = send(fd, out.p + at, out.len - at, MSG_NOSIGNAL)) <= 0)
				break;
	}
	fake_forget(f);
	free(out.p);
	redisReaderFree(reader);
	close(fd);
}

static inline void *fake_run(void *arg)
{
	struct fake_redis *f = arg;
	while (!atomic_load(&f->stop)) {
		struct pollfd p = {.fd = f->listener, .events = POLLIN};
		if (poll(&p, 1, 20) != 1)
			continue;
		int fd = accept(f->listener, NULL, NULL);
		if (fd < 0)
			continue;
		atomic_fetch_add(&f->n_connections, 1);
		fake_serve(f, fd);
	}
	close(f->listener);
	return NULL;
}

/* What else it is to be is set before. */
static inline void fake_start(struct fake_redis *f, const char *dir)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	snprintf(f->path, sizeof(f->path), "%s/redis.sock", dir);
	snprintf(at.sun_path, sizeof(at.sun_path), "%.100s", f->path);
	unlink(f->path);
	f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(f->listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(f->listener, 16), 0);
	atomic_store(&f->stop, false);
	assert_int_equal(pthread_create(&f->thread, NULL, fake_run, f), 0);
}

/* It keeps what it has. */
static inline void fake_stop(struct fake_redis *f)
{
	atomic_store(&f->stop, true);
	pthread_join(f->thread, NULL);
	unlink(f->path);
}

static inline void fake_fini(struct fake_redis *f)
{
	for (unsigned i = 0; i < FAKE_STREAMS; i++)
		free(f->streams[i].text.p);
}

/* Of a stream that is stopped; n 0: there is none. */
static inline struct text fake_text(const struct fake_redis *f, const char *stream, unsigned *ret_n)
{
	for (unsigned i = 0; i < FAKE_STREAMS; i++) {
		if (strcmp(f->streams[i].name, stream) != 0)
			continue;
		*ret_n = f->streams[i].n;
		return f->streams[i].text;
	}
	*ret_n = 0;
	return (struct text){0};
}

#endif
