/* clickhouse_fake.h - as much of ClickHouse's HTTP as the sink needs, in a thread of a test, that
 * can be told to misbehave.
 *
 * In:     queries on 127.0.0.1, of up to FAKE_CONNS connections.
 * Out:    the lines that were inserted, in their order.
 * Owns:   its thread and what it keeps.
 * Runs:   start, stop: main of a test.
 * Limits: one table; bodies that are not compressed.
 */
#ifndef SL_TESTS_SUPPORT_CLICKHOUSE_FAKE_H
#define SL_TESTS_SUPPORT_CLICKHOUSE_FAKE_H

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "tests/support/sink_peer.h"

#define FAKE_CONNS 8

enum ch_fault {
	CHF_GOOD,
	CHF_CUT,    /* does the insert, and is gone without an answer; once */
	CHF_SILENT, /* reads and says nothing; until it is told to be good */
	CHF_ERROR,  /* answers `status` and `error` to inserts, likewise */
};

struct ch_fake {
	int listener;
	uint16_t port;
	pthread_t thread;
	atomic_bool stop;
	atomic_int fault;
	atomic_uint n_inserts, n_asked; /* inserts that it took or refused; DESCRIBE */
	int status;
	const char *error;
	const char *failing;   /* of this table only; NULL: of all */
	const char *described; /* the answer to DESCRIBE; NULL: there is no such table */
	const char *settings;  /* that it has, one a line; NULL: it does not say */
	const char *password;
	const char *bad;   /* an insert that has this text is refused, */
	bool names_row;    /* saying in which row it is */
	size_t body_max;   /* larger: 413; 0: no limit */
	bool keeps_tokens; /* takes the insert of a token once */
	struct text got;   /* of the thread, until it is stopped */
	char tokens[64][40];
	unsigned n_tokens;
	char last_query[4096];
	struct {
		int fd;
		struct text in;
	} conns[FAKE_CONNS];
};

static inline void ch_fake_answer(int fd, int status, const char *text)
{
	char head[4096];
	int n = snprintf(
		head, sizeof(head),
		"HTTP/1.1 %d X\r\nContent-Length: %zu\r\nContent-Type: text/plain\r\n\r\n%s",
		status, strlen(text), text);
	for (int at = 0; at < n;) {
		ssize_t w = send(fd, head + at, (size_t)(n - at), MSG_NOSIGNAL);
		if (w <= 0)
			return;
		at += (int)w;
	}
}

/* The row, from 1, in which @bad stands. */
static inline unsigned ch_fake_row_of(const struct text *body, const char *bad)
{
	unsigned row = 1;
	const char *at = memmem(body->p, body->len, bad, strlen(bad));
	for (const char *p = body->p; p < at; p++)
		row += *p == '\n';
	return row;
}

static inline bool ch_fake_has_token(struct ch_fake *f, const char *head)
{
	const char *at = strstr(head, "insert_deduplication_token=");
	if (!at || !f->keeps_tokens)
		return false;
	at += strlen("insert_deduplication_token=");
	for (unsigned i = 0; i < f->n_tokens; i++)
		if (strncmp(f->tokens[i], at, 32) == 0)
			return true;
	assert_true(f->n_tokens < 64);
	snprintf(f->tokens[f->n_tokens++], sizeof(f->tokens[0]), "%.32s", at);
	return false;
}

/* False: the connection is cut. */
static inline bool ch_fake_insert(struct ch_fake *f, int fd, const char *head,
				  const struct text *body)
{
	char text[300];
	int fault = atomic_load(&f->fault);
	atomic_fetch_add(&f->n_inserts, 1);
	if (fault == CHF_ERROR && (!f->failing || strstr(head, f->failing))) {
		ch_fake_answer(fd, f->status, f->error);
	} else if (f->body_max && body->len > f->body_max) {
		ch_fake_answer(fd, 413, "");
	} else if (f->bad && memmem(body->p, body->len, f->bad, strlen(f->bad))) {
		snprintf(text, sizeof(text),
			 "Code: 27, e.displayText() = DB::Exception: Cannot parse");
		if (f->names_row)
			snprintf(text + strlen(text), 60, ": (at row %u)\n",
				 ch_fake_row_of(body, f->bad));
		ch_fake_answer(fd, 500, text);
	} else {
		if (!ch_fake_has_token(f, head))
			text_append(&f->got, body->p, body->len);
		if (fault == CHF_CUT) {
			atomic_store(&f->fault, CHF_GOOD);
			return false;
		}
		ch_fake_answer(fd, 200, "");
	}
	return true;
}

static inline bool ch_fake_request(struct ch_fake *f, int fd, const char *head,
				   const struct text *body)
{
	char key[200];
	snprintf(key, sizeof(key), "X-ClickHouse-Key: %s\r\n", f->password ? f->password : "");
	if (f->password && !strstr(head, key)) {
		ch_fake_answer(fd, 401,
			       "Code: 193, e.displayText() = DB::Exception: Wrong password");
	} else if (strstr(head, "INSERT%20INTO")) {
		snprintf(f->last_query, sizeof(f->last_query), "%.*s", (int)strcspn(head, "\r\n"),
			 head);
		return ch_fake_insert(f, fd, head, body);
	} else if (strstr(head, "DESCRIBE%20TABLE")) {
		atomic_fetch_add(&f->n_asked, 1);
		if (f->described)
			ch_fake_answer(fd, 200, f->described);
		else
			ch_fake_answer(fd, 404,
				       "Code: 60, e.displayText() = DB::Exception: Table default.t "
				       "doesn't exist., e.what() = DB::Exception\n");
	} else {
		assert_non_null(strstr(head, "system.settings"));
		if (f->settings)
			ch_fake_answer(fd, 200, f->settings);
		else
			ch_fake_answer(fd, 403,
				       "Code: 497. DB::Exception: no right to SELECT "
				       "'insert_deduplication_token'");
	}
	return true;
}

/* What has come on a connection. False: it is to be closed. */
static inline bool ch_fake_read(struct ch_fake *f, unsigned i)
{
	char buf[65536];
	struct text *in = &f->conns[i].in;
	ssize_t n = read(f->conns[i].fd, buf, sizeof(buf));
	if (n <= 0)
		return false;
	text_append(in, buf, (size_t)n);
	for (;;) {
		char *end = memmem(in->p, in->len, "\r\n\r\n", 4);
		if (!end)
			return true;
		end[2] = '\0';
		const char *length = strstr(in->p, "Content-Length: ");
		struct text body = {.p = end + 4,
				    .len = length ? strtoull(length + 16, NULL, 10) : 0};
		size_t all = (size_t)(body.p - in->p) + body.len;
		if (in->len < all) {
			end[2] = '\r';
			return true;
		}
		if (!ch_fake_request(f, f->conns[i].fd, in->p, &body))
			return false;
		memmove(in->p, in->p + all, in->len - all);
		in->len -= all;
	}
}

static inline void *ch_fake_run(void *arg)
{
	struct ch_fake *f = arg;
	while (!atomic_load(&f->stop)) {
		struct pollfd p[FAKE_CONNS + 1];
		for (unsigned i = 0; i < FAKE_CONNS; i++)
			p[i] = (struct pollfd){.fd = f->conns[i].fd, .events = POLLIN};
		p[FAKE_CONNS] = (struct pollfd){.fd = f->listener, .events = POLLIN};
		if (poll(p, FAKE_CONNS + 1, 20) <= 0 || atomic_load(&f->fault) == CHF_SILENT)
			continue;
		for (unsigned i = 0; i < FAKE_CONNS; i++) {
			if (f->conns[i].fd < 0 && p[FAKE_CONNS].revents) {
				f->conns[i].fd = accept(f->listener, NULL, NULL);
				f->conns[i].in.len = 0;
				p[FAKE_CONNS].revents = 0;
			} else if (f->conns[i].fd >= 0 && p[i].revents && !ch_fake_read(f, i)) {
				close(f->conns[i].fd);
				f->conns[i].fd = -1;
			}
		}
	}
	for (unsigned i = 0; i < FAKE_CONNS; i++) {
		if (f->conns[i].fd >= 0)
			close(f->conns[i].fd);
		free(f->conns[i].in.p);
		f->conns[i].in = (struct text){0};
	}
	close(f->listener);
	return NULL;
}

/* @port 0: any. What else it is to be is set before. */
static inline void ch_fake_start(struct ch_fake *f, uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int on = 1;
	f->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(f->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(bind(f->listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(f->listener, 16), 0);
	getsockname(f->listener, (struct sockaddr *)&at, &len);
	f->port = ntohs(at.sin_port);
	for (unsigned i = 0; i < FAKE_CONNS; i++)
		f->conns[i].fd = -1;
	atomic_store(&f->stop, false);
	assert_int_equal(pthread_create(&f->thread, NULL, ch_fake_run, f), 0);
}

/* It keeps what it has. */
static inline void ch_fake_stop(struct ch_fake *f)
{
	atomic_store(&f->stop, true);
	pthread_join(f->thread, NULL);
}

#endif
