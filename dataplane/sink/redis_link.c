#include "dataplane/sink/redis_link.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "dataplane/base/mem.h"
#include "dataplane/base/text.h"
#include "dataplane/sink/secret.h"

#define NS_PER_MS     1000000ull
#define WAIT_NS_MIN   (100 * NS_PER_MS)
#define WAIT_NS_MAX   (5000 * NS_PER_MS)
#define CONNECT_NS    (3000 * NS_PER_MS)
#define WORD_HEAD_MAX 24 /* "$", a number, CR LF */

int redis_link_init(struct redis_link *l)
{
	l->out = mem_map(REDIS_LINK_OUT_MAX);
	return l->out ? 0 : -ENOMEM;
}

void redis_link_fini(struct redis_link *l)
{
	if (l->c)
		redisFree(l->c);
	if (l->out)
		mem_unmap(l->out, REDIS_LINK_OUT_MAX);
	l->c = NULL;
	l->out = NULL;
}

/* ---- commands ---- */

static void put_number(struct redis_link *l, char kind, uint64_t n)
{
	uint8_t *o = l->out + l->out_len;
	*o++ = (uint8_t)kind;
	o += text_put_u64((char *)o, n);
	*o++ = '\r';
	*o++ = '\n';
	l->out_len = (size_t)(o - l->out);
}

void redis_link_words(struct redis_link *l, unsigned n)
{
	assert(l->out_len + WORD_HEAD_MAX <= REDIS_LINK_OUT_MAX);
	put_number(l, '*', n);
}

void redis_link_word(struct redis_link *l, struct slice word)
{
	assert(l->out_len + word.len + 2 * WORD_HEAD_MAX <= REDIS_LINK_OUT_MAX);
	put_number(l, '$', word.len);
	if (word.len)
		memcpy(l->out + l->out_len, word.ptr, word.len);
	memcpy(l->out + l->out_len + word.len, "\r\n", 2);
	l->out_len += word.len + 2;
}

static void say(struct redis_link *l, unsigned n, const char *const *words)
{
	redis_link_words(l, n);
	for (unsigned i = 0; i < n; i++)
		redis_link_word(l, slice_str(words[i]));
}

/* ---- the connection ---- */

static const char *place(const struct redis_link *l, char *buf, size_t cap)
{
	if (l->url.port)
		snprintf(buf, cap, "%s:%d", l->url.host, l->url.port);
	else
		snprintf(buf, cap, "%s", l->url.host);
	return buf;
}

void redis_link_fail(struct redis_link *l, uint64_t now_ns, const char *why)
{
	char at[300];
	err_set(&l->why, 0, "Redis at %s: %s", place(l, at, sizeof(at)), why);
	if (l->c)
		redisFree(l->c);
	l->c = NULL;
	l->state = REDIS_LINK_DOWN;
	l->out_len = l->out_at = 0;
	uint64_t wait_ns = l->wait_ns ? l->wait_ns * 2 : WAIT_NS_MIN;
	l->wait_ns = wait_ns < WAIT_NS_MAX ? wait_ns : WAIT_NS_MAX;
	/* Clients that lost their Redis together do not come back together. */
	l->again_ns = now_ns + l->wait_ns / 2 + now_ns / 1000 % (l->wait_ns / 2);
}

static void begin(struct redis_link *l, uint64_t now_ns)
{
	l->c = l->url.port ? redisConnectNonBlock(l->url.host, l->url.port)
			   : redisConnectUnixNonBlock(l->url.host);
	l->heard_ns = now_ns;
	l->state = REDIS_LINK_CONNECTING;
	if (!l->c || l->c->err)
		redis_link_fail(l, now_ns, l->c ? l->c->errstr : "out of memory");
}

static void greet(struct redis_link *l, uint64_t now_ns)
{
	char secret[SECRET_BYTES_MAX], db[16];
	struct err e;
	l->n_greetings = 1;
	if (l->password && secret_read("password", l->password, secret, &e) < 0) {
		redis_link_fail(l, now_ns, e.text);
		return;
	}
	if (l->password) {
		const char *words[] = {"AUTH", l->url.user, secret}, *only[] = {"AUTH", secret};
		say(l, l->url.user[0] ? 3 : 2, l->url.user[0] ? words : only);
		explicit_bzero(secret, sizeof(secret));
		l->n_greetings++;
	}
	snprintf(db, sizeof(db), "%d", l->url.db);
	say(l, 2, (const char *const[]){"SELECT", db});
	l->heard_ns = now_ns;
	l->state = REDIS_LINK_GREETING;
}

static void look_if_connected(struct redis_link *l, uint64_t now_ns)
{
	struct pollfd p = {.fd = l->c->fd, .events = POLLOUT};
	int code = 0;
	socklen_t len = sizeof(code);
	if (poll(&p, 1, 0) == 1) {
		if (getsockopt(l->c->fd, SOL_SOCKET, SO_ERROR, &code, &len) < 0)
			code = errno;
		if (code)
			redis_link_fail(l, now_ns, strerror(code));
		else
			greet(l, now_ns);
	} else if (now_ns - l->heard_ns > CONNECT_NS) {
		redis_link_fail(l, now_ns, "no connection within 3 s");
	}
}

static void send_out(struct redis_link *l, uint64_t now_ns)
{
	while (l->out_at < l->out_len) {
		ssize_t n = send(l->c->fd, l->out + l->out_at, l->out_len - l->out_at,
				 MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
			redis_link_fail(l, now_ns, strerror(errno));
		if (n < 0)
			return;
		l->out_at += (size_t)n;
	}
	l->out_len = l->out_at = 0;
}

redisReply *redis_link_answer(struct redis_link *l, uint64_t now_ns)
{
	void *r = NULL;
	if (!l->c || l->state == REDIS_LINK_CONNECTING)
		return NULL;
	if (redisGetReplyFromReader(l->c, &r) == REDIS_OK && !r) {
		struct pollfd p = {.fd = l->c->fd, .events = POLLIN};
		if (poll(&p, 1, 0) != 1)
			return NULL;
		if (redisBufferRead(l->c) == REDIS_OK)
			redisGetReplyFromReader(l->c, &r);
	}
	if (l->c->err) {
		char why[160];
		snprintf(why, sizeof(why), "%s", l->c->errstr);
		redis_link_fail(l, now_ns, why);
		return NULL;
	}
	if (r)
		l->heard_ns = now_ns;
	return r;
}

static bool hear_greetings(struct redis_link *l, uint64_t now_ns)
{
	redisReply *r;
	while (l->n_greetings && (r = redis_link_answer(l, now_ns))) {
		char why[200] = "";
		if (r->type == REDIS_REPLY_ERROR)
			snprintf(why, sizeof(why), "%s", r->str);
		freeReplyObject(r);
		l->n_greetings--;
		if (why[0]) {
			/* LOADING passes by itself; what is said of a password does not. */
			l->refused = strncmp(why, "LOADING", 7) != 0;
			redis_link_fail(l, now_ns, why);
			return false;
		}
	}
	if (l->state != REDIS_LINK_GREETING || l->n_greetings)
		return false;
	l->state = REDIS_LINK_UP;
	l->why.text[0] = '\0';
	l->refused = false;
	return true;
}

bool redis_link_step(struct redis_link *l, uint64_t now_ns, bool waiting)
{
	if (l->state == REDIS_LINK_DOWN && now_ns >= l->again_ns)
		begin(l, now_ns);
	if (l->state == REDIS_LINK_CONNECTING)
		look_if_connected(l, now_ns);
	if (l->state >= REDIS_LINK_GREETING)
		send_out(l, now_ns);
	bool up = l->state == REDIS_LINK_GREETING && hear_greetings(l, now_ns);
	waiting |= l->state == REDIS_LINK_GREETING;
	if (l->state >= REDIS_LINK_GREETING && waiting && now_ns - l->heard_ns > l->timeout_ns) {
		char why[64];
		snprintf(why, sizeof(why), "no answer within %llu ms", l->timeout_ns / NS_PER_MS);
		redis_link_fail(l, now_ns, why);
	}
	return up;
}

void redis_link_wait(const struct redis_link *l, int ms)
{
	struct pollfd p = {.fd = -1};
	if (l->c)
		p.fd = l->c->fd;
	p.events = l->state == REDIS_LINK_CONNECTING || l->out_len ? POLLIN | POLLOUT : POLLIN;
	if (l->state == REDIS_LINK_CONNECTING)
		p.events = POLLOUT;
	poll(&p, 1, ms);
}
