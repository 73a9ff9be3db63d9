#include "dataplane/dim/redis_conn.h"

#include <stdio.h>
#include <string.h>

#include "dataplane/base/text.h"

#define PORT_DEFAULT 6379
#define EXPECTED     "expected redis://[USER@]HOST[:PORT][/DB] or unix://[USER@]/PATH[?db=DB]"

/* Copies what stands before @end (all of it, without one) and moves behind it. */
static bool take(struct slice *io_s, const uint8_t *end, char *out, size_t cap)
{
	size_t len = end ? (size_t)(end - io_s->ptr) : io_s->len;
	if (len == 0 || len >= cap)
		return false;
	memcpy(out, io_s->ptr, len);
	out[len] = '\0';
	*io_s = slice_from(*io_s, end ? len + 1 : len);
	return true;
}

static const uint8_t *find(struct slice s, char c)
{
	return s.len ? memchr(s.ptr, c, s.len) : NULL;
}

static bool take_number(struct slice s, uint64_t max, int *ret_n)
{
	uint64_t n;
	if (!text_u64(s, &n) || n > max)
		return false;
	*ret_n = (int)n;
	return true;
}

static bool parse_unix(struct slice s, struct redis_url *u)
{
	const uint8_t *db = find(s, '?');
	return take(&s, db, u->host, sizeof(u->host)) && u->host[0] == '/' &&
	       (!db || (s.len > 3 && memcmp(s.ptr, "db=", 3) == 0 &&
			take_number(slice_from(s, 3), 1 << 20, &u->db)));
}

static bool parse_tcp(struct slice s, struct redis_url *u)
{
	const uint8_t *slash = find(s, '/');
	struct slice at = slice_of(s.ptr, slash ? (size_t)(slash - s.ptr) : s.len);
	struct slice db = slash ? slice_from(s, at.len + 1) : (struct slice){0};
	const uint8_t *end = find(at, ':');
	if (at.len && at.ptr[0] == '[') { /* [::1]:6379 */
		at = slice_from(at, 1);
		end = find(at, ']');
		if (!end || !take(&at, end, u->host, sizeof(u->host)))
			return false;
		if (at.len && at.ptr[0] != ':')
			return false;
		end = at.len ? at.ptr : NULL;
		at = end ? slice_from(at, 1) : at;
	} else if (!take(&at, end, u->host, sizeof(u->host))) {
		return false;
	}
	u->port = PORT_DEFAULT;
	return (!end || (take_number(at, 65535, &u->port) && u->port > 0)) &&
	       (db.len == 0 || take_number(db, 1 << 20, &u->db));
}

int redis_url_parse(const char *text, struct redis_url *ret_u, struct err *e)
{
	static const char tcp[] = "redis://", local[] = "unix://", tls[] = "rediss://";
	struct redis_url u = {0};
	if (strncmp(text, tls, sizeof(tls) - 1) == 0)
		return err_set(e, -EINVAL, "url: TLS is not supported; %s", EXPECTED);
	bool is_tcp = strncmp(text, tcp, sizeof(tcp) - 1) == 0;
	if (!is_tcp && strncmp(text, local, sizeof(local) - 1) != 0)
		return err_set(e, -EINVAL, "url \"%s\": %s", text, EXPECTED);
	struct slice s = slice_from(slice_str(text), is_tcp ? sizeof(tcp) - 1 : sizeof(local) - 1);
	const uint8_t *at = find(s, '@');
	if (at && memchr(s.ptr, ':', (size_t)(at - s.ptr)))
		return err_set(e, -EINVAL,
			       "url: a password does not belong here: use the option password, "
			       "or of a dimension password_file or password_env");
	if ((at && !take(&s, at, u.user, sizeof(u.user))) ||
	    !(is_tcp ? parse_tcp(s, &u) : parse_unix(s, &u)))
		return err_set(e, -EINVAL, "url \"%s\": %s", text, EXPECTED);
	*ret_u = u;
	return 0;
}

/* ---- answers ---- */

static int broken(const redisContext *c, struct err *e)
{
	bool late = c->err == REDIS_ERR_IO && (errno == EAGAIN || errno == EWOULDBLOCK);
	return err_set(e, -EIO, "%s", late ? "no answer in time" : c->errstr);
}

int redis_answer(redisContext *c, redisReply **ret_r, struct err *e)
{
	void *r;
	if (redisGetReply(c, &r) != REDIS_OK)
		return broken(c, e);
	*ret_r = r;
	return 0;
}

int redis_ask(redisContext *c, int argc, const char **argv, redisReply **ret_r, struct err *e)
{
	redisReply *r;
	if (redisAppendCommandArgv(c, argc, argv, NULL) != REDIS_OK)
		return broken(c, e);
	int rc = redis_answer(c, &r, e);
	if (rc < 0)
		return rc;
	if (r->type == REDIS_REPLY_ERROR) {
		bool refused = strncmp(r->str, "WRONGPASS", 9) == 0 ||
			       strncmp(r->str, "NOAUTH", 6) == 0 ||
			       strncmp(r->str, "NOPERM", 6) == 0;
		rc = err_set(e, refused ? -EACCES : -EPROTO, "%s: %s", argv[0], r->str);
		freeReplyObject(r);
		return rc;
	}
	*ret_r = r;
	return 0;
}

/* ---- a connection ---- */

static int say(redisContext *c, int argc, const char **argv, struct err *e)
{
	redisReply *r;
	int rc = redis_ask(c, argc, argv, &r, e);
	if (rc == 0)
		freeReplyObject(r);
	return rc;
}

static int introduce(redisContext *c, const struct redis_url *u, const char *password,
		     struct err *e)
{
	const char *with_user[] = {"AUTH", u->user, password}, *only[] = {"AUTH", password};
	char db[16];
	const char *choose[] = {"SELECT", db};
	int rc = 0;
	if (password)
		rc = u->user[0] ? say(c, 3, with_user, e) : say(c, 2, only, e);
	snprintf(db, sizeof(db), "%d", u->db);
	return rc == 0 ? say(c, 2, choose, e) : rc;
}

int redis_open(const struct redis_url *u, const char *password, redisContext **ret_c, struct err *e)
{
	struct timeval connect = {.tv_sec = REDIS_CONNECT_S}, answer = {.tv_sec = REDIS_ANSWER_S};
	redisContext *c = u->port ? redisConnectWithTimeout(u->host, u->port, connect)
				  : redisConnectUnixWithTimeout(u->host, connect);
	int rc = 0;
	if (!c)
		return err_set(e, -ENOMEM, "out of memory");
	if (c->err)
		rc = err_set(e, -ECONNREFUSED, "%s", c->errstr);
	if (rc == 0 && redisSetTimeout(c, answer) != REDIS_OK)
		rc = broken(c, e);
	if (rc == 0 && u->port)
		redisEnableKeepAlive(c);
	if (rc == 0)
		rc = introduce(c, u, password, e);
	if (rc < 0) {
		redisFree(c);
		return u->port ? err_prefix(e, rc, "Redis at %s:%d: ", u->host, u->port)
			       : err_prefix(e, rc, "Redis at %s: ", u->host);
	}
	*ret_c = c;
	return 0;
}
