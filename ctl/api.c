#include "ctl/api.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <unistd.h>

#include "ctl/api_answers.h"
#include "ctl/api_clients.h"
#include "ctl/api_wait.h"
#include "ctl/command.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/confine.h"
#include "dataplane/base/mem.h"
#include "dataplane/base/regular.h"
#include "dataplane/sink/secret.h"

#define PATH_PREFIX   "/v1/"
#define METRICS       "/metrics"
#define TYPE_JSON     "application/json"
#define TYPE_METRICS  "text/plain; version=0.0.4; charset=utf-8"
/* The library still takes these when all places are taken, so that who holds them can be cut off.
 */
#define API_NEWCOMERS 32
#define FILE_MAX      (1u << 20) /* of a certificate */
#define STREAM_BLOCK  (32u << 10)

struct api {
	const struct api_conf *conf;
	struct control *control;
	struct MHD_Daemon *unix_daemon, *tcp_daemon;
	struct api_clients *unix_clients, *tcp_clients;
	struct api_wait *wait;
	struct api_answers *answers;
	const char *socket; /* that is ours to remove */
	char *cert, *key;
	char token[SECRET_BYTES_MAX];
};

/* ---- answers ---- */

/* @r is moved. */
static enum MHD_Result send_response(struct MHD_Connection *conn, unsigned status,
				     struct MHD_Response *r, const char *type)
{
	MHD_add_response_header(r, "Content-Type", type);
	MHD_add_response_header(r, "Cache-Control", "no-store");
	if (status == MHD_HTTP_UNAUTHORIZED)
		MHD_add_response_header(r, "WWW-Authenticate", "Bearer");
	enum MHD_Result sent = MHD_queue_response(conn, status, r);
	MHD_destroy_response(r);
	return sent;
}

static enum MHD_Result send_text(struct MHD_Connection *conn, unsigned status, char *text,
				 size_t len, const char *type)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE);
	if (!r) {
		free(text);
		return MHD_NO;
	}
	return send_response(conn, status, r, type);
}

/* @o is moved. */
static enum MHD_Result send_json(struct MHD_Connection *conn, unsigned status, json_t *o)
{
	char *text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	if (!text)
		return MHD_NO;
	return send_text(conn, status, text, strlen(text), TYPE_JSON);
}

static enum MHD_Result send_error(struct MHD_Connection *conn, unsigned status, const char *text)
{
	json_t *o = json_object();
	json_t *s = json_string(text); /* NULL when the client's part of it is no UTF-8 */
	json_object_set_new(o, "error", s ? s : json_string("not UTF-8"));
	return send_json(conn, status, o);
}

/* ---- one request ---- */

struct values {
	const struct command *command;
	const char *of[COMMAND_ARGS_MAX];
	struct err wrong; /* text empty: nothing is */
};

static enum MHD_Result take_value(void *arg, enum MHD_ValueKind kind, const char *key,
				  const char *value)
{
	struct values *v = arg;
	unsigned n = command_n_args(v->command), i = 0;
	(void)kind;
	while (i < n && strcmp(v->command->args[i].name, key) != 0)
		i++;
	if (i == n)
		err_set(&v->wrong, 0, "%.64s: %s takes no such argument", key, v->command->path);
	else if (v->of[i])
		err_set(&v->wrong, 0, "%s: given twice", key);
	else if (!value || strlen(value) > COMMAND_VALUE_MAX)
		err_set(&v->wrong, 0, "%s: expected a value of at most %d bytes", key,
			COMMAND_VALUE_MAX);
	else
		v->of[i] = value;
	return MHD_YES;
}

/* A flag is there, or not. */
static void check_flags(struct values *v)
{
	for (unsigned i = 0; i < command_n_args(v->command); i++)
		if (v->of[i] && v->command->args[i].is_flag && strcmp(v->of[i], "yes") != 0)
			err_set(&v->wrong, 0, "%s: expected yes, or to be left out",
				v->command->args[i].name);
}

static void check_values(struct values *v)
{
	check_flags(v);
	for (unsigned i = 0; i < command_n_args(v->command); i++)
		if (!v->of[i] && !v->command->args[i].optional && !v->wrong.text[0])
			err_set(&v->wrong, 0, "%s is missing: %s", v->command->args[i].name,
				v->command->args[i].help);
}

static unsigned status_of(int rc)
{
	return rc == 0                      ? MHD_HTTP_OK
	       : rc == -EBUSY               ? MHD_HTTP_SERVICE_UNAVAILABLE
	       : rc == COMMAND_BAD_ARGUMENT ? MHD_HTTP_BAD_REQUEST
	       : rc == COMMAND_NOT_FOUND    ? MHD_HTTP_NOT_FOUND
					    : MHD_HTTP_INTERNAL_SERVER_ERROR;
}

static enum MHD_Result send_failure(struct MHD_Connection *conn, int rc, const struct err *e)
{
	return send_error(conn, status_of(rc), e->text);
}

/* Until there is an answer the library calls again. */
static enum MHD_Result call_again(struct api *api, struct MHD_Connection *conn)
{
	return api_wait(api->wait, conn)
		       ? MHD_YES
		       : send_error(conn, MHD_HTTP_SERVICE_UNAVAILABLE,
				    "sluiced stops, or too many wait for their answers");
}

static void drop_job(void *job)
{
	((struct control_job *)job)->ops->drop(job);
}

/* The text that @job has made is sent from where it is. */
static enum MHD_Result poll_answer(struct api *api, struct MHD_Connection *conn,
				   struct control_job *job, const char *type)
{
	int rc;
	struct err e;
	struct slice text;
	if (!api_answer_is_made(job, &rc, &e, &text))
		return call_again(api, conn);
	if (rc < 0)
		return send_failure(conn, rc, &e);
	struct MHD_Response *r = MHD_create_response_from_buffer_with_free_callback_cls(
		text.len, (void *)text.ptr, drop_job, job);
	if (!r)
		return MHD_NO;
	api_answer_hold(job);
	return send_response(conn, MHD_HTTP_OK, r, type);
}

/* The answer of @job, once it is there. */
static enum MHD_Result poll_job(struct api *api, struct MHD_Connection *conn,
				struct control_job *job, const char *type)
{
	if (job->ops == &api_answer_ops)
		return poll_answer(api, conn, job, type);
	struct err e = {0};
	json_t *reply = json_object();
	control_enter(api->control);
	int rc = job->ops->poll(job, reply, &e);
	control_leave(api->control);
	if (rc == 0)
		return send_json(conn, MHD_HTTP_OK, reply);
	json_decref(reply);
	return rc == -EAGAIN ? call_again(api, conn) : send_failure(conn, COMMAND_FAILED, &e);
}

/* ---- streams ---- */

struct stream {
	struct api *api;
	struct MHD_Connection *conn;
	struct control_job *job;
};

static ssize_t read_stream(void *arg, uint64_t pos, char *out, size_t cap)
{
	struct stream *s = arg;
	(void)pos;
	control_enter(s->api->control);
	ssize_t n = s->job->ops->read(s->job, out, cap);
	control_leave(s->api->control);
	if (n > 0)
		return n;
	return n == 0 && api_wait(s->api->wait, s->conn) ? 0 : MHD_CONTENT_READER_END_OF_STREAM;
}

static void free_stream(void *arg)
{
	struct stream *s = arg;
	s->job->ops->drop(s->job);
	mem_free(s);
}

/* @job is moved. */
static enum MHD_Result send_stream(struct api *api, struct MHD_Connection *conn,
				   struct control_job *job)
{
	struct stream *s = mem_alloc(sizeof(*s));
	struct MHD_Response *r = NULL;
	if (s) {
		*s = (struct stream){api, conn, job};
		r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, read_stream,
						      s, free_stream);
	}
	if (!r) {
		mem_free(s);
		job->ops->drop(job);
		return MHD_NO;
	}
	return send_response(conn, MHD_HTTP_OK, r, "application/x-ndjson");
}

/* @c: NULL: /metrics. */
static enum MHD_Result ask_aside(struct api *api, struct MHD_Connection *conn,
				 const struct command *c, const char *const *values,
				 struct control_job **ret_job)
{
	struct err e = {0};
	int rc = api_answers_ask(api->answers, c, values, ret_job, &e);
	return rc < 0 ? send_failure(conn, rc, &e) : call_again(api, conn);
}

/* *ret_job: what goes on behind the call; NULL: nothing, it has been answered. */
static enum MHD_Result run_command(struct api *api, struct MHD_Connection *conn,
				   const struct command *c, struct control_job **ret_job)
{
	struct values v = {.command = c};
	struct err e = {0};
	MHD_get_connection_values(conn, MHD_GET_ARGUMENT_KIND, take_value, &v);
	check_values(&v);
	if (v.wrong.text[0])
		return send_error(conn, MHD_HTTP_BAD_REQUEST, v.wrong.text);
	if (c->is_long)
		return ask_aside(api, conn, c, v.of, ret_job);
	json_t *reply = c->run ? json_object() : NULL;
	control_enter(api->control);
	int rc = c->run ? c->run(api->control, v.of, reply, &e)
			: c->begin(api->control, v.of, ret_job, &e);
	control_leave(api->control);
	if (rc == 0 && c->streams) {
		struct control_job *job = *ret_job;
		*ret_job = NULL;
		return send_stream(api, conn, job);
	}
	if (rc == 0 && *ret_job)
		return poll_job(api, conn, *ret_job, TYPE_JSON);
	if (rc == 0)
		return send_json(conn, MHD_HTTP_OK, reply);
	json_decref(reply);
	return send_failure(conn, rc, &e);
}

static enum api_access access_of(const struct api *api, struct MHD_Connection *conn, bool is_tcp)
{
	if (is_tcp) {
		const char *header = MHD_lookup_connection_value(conn, MHD_HEADER_KIND,
								 MHD_HTTP_HEADER_AUTHORIZATION);
		return api_token_is(header, api->token) ? API_CHANGE : API_NOTHING;
	}
	const union MHD_ConnectionInfo *fd =
		MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CONNECTION_FD);
	return fd ? api_peer_access(fd->connect_fd, api->conf) : API_NOTHING;
}

static enum MHD_Result refuse(const struct api *api, struct MHD_Connection *conn, bool is_tcp,
			      bool changes)
{
	struct err e;
	if (is_tcp)
		return send_error(conn, MHD_HTTP_UNAUTHORIZED,
				  "expected the header `Authorization: Bearer TOKEN` with the "
				  "token of api.token");
	err_set(&e, 0,
		changes ? "this changes something: for root, sluiced's user and members of group %s"
			: "for root, sluiced's user and members of the groups %s and %s",
		changes ? api->conf->admin_group : api->conf->group, api->conf->admin_group);
	return send_error(conn, MHD_HTTP_FORBIDDEN, e.text);
}

static enum MHD_Result answer(struct api *api, struct MHD_Connection *conn, const char *url,
			      const char *method, bool is_tcp, struct control_job **ret_job)
{
	enum api_access access = access_of(api, conn, is_tcp);
	bool is_get = strcmp(method, MHD_HTTP_METHOD_GET) == 0;
	if (access == API_NOTHING)
		return refuse(api, conn, is_tcp, false);
	if (strcmp(url, METRICS) == 0 && is_get)
		return ask_aside(api, conn, NULL, NULL, ret_job);
	if (strcmp(url, PATH_PREFIX "openapi.json") == 0 && is_get)
		return send_json(conn, MHD_HTTP_OK, command_openapi());
	const struct command *c = strncmp(url, PATH_PREFIX, strlen(PATH_PREFIX)) == 0
					  ? command_find(url + strlen(PATH_PREFIX))
					  : NULL;
	if (!c)
		return send_error(conn, MHD_HTTP_NOT_FOUND,
				  "no such command; see /v1/openapi.json, or `sluicectl help`");
	if (is_get == c->changes || (!is_get && strcmp(method, MHD_HTTP_METHOD_POST) != 0))
		return send_error(conn, MHD_HTTP_METHOD_NOT_ALLOWED,
				  c->changes ? "expected POST: it changes something"
					     : "expected GET");
	if (c->changes && access != API_CHANGE)
		return refuse(api, conn, is_tcp, true);
	return run_command(api, conn, c, ret_job);
}

/* @arg: bool, is there a header that says that a body follows? */
static enum MHD_Result look_for_body(void *arg, enum MHD_ValueKind kind, const char *key,
				     const char *value)
{
	(void)kind;
	if ((strcasecmp(key, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0 && strcmp(value, "0") != 0) ||
	    strcasecmp(key, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0)
		*(bool *)arg = true;
	return MHD_YES;
}

/* A body that nobody reads is refused before it is sent. */
static bool has_body(struct MHD_Connection *conn)
{
	bool found = false;
	MHD_get_connection_values(conn, MHD_HEADER_KIND, look_for_body, &found);
	return found;
}

/* Where a request's job will stand, before it has one. */
static int head_seen;

static struct api_client *client_of(struct MHD_Connection *conn)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(conn, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	return info ? info->socket_context : NULL;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *conn, const char *url,
				  const char *method, const char *version, const char *body,
				  size_t *body_len, void **io_seen, bool is_tcp)
{
	struct control_job *job = NULL;
	(void)version;
	(void)body;
	/* The first call is for the head alone. */
	if (!*io_seen) {
		*io_seen = &head_seen;
		api_client_asked(client_of(conn));
		return has_body(conn) ? send_error(conn, MHD_HTTP_CONTENT_TOO_LARGE,
						   "no command has a body: arguments stand behind "
						   "the ? of the address")
				      : MHD_YES;
	}
	if (*body_len)
		return MHD_NO;
	if (*io_seen != &head_seen)
		return poll_job(arg, conn, *io_seen,
				strcmp(url, METRICS) == 0 ? TYPE_METRICS : TYPE_JSON);
	enum MHD_Result done = answer(arg, conn, url, method, is_tcp, &job);
	if (job)
		*io_seen = job;
	return done;
}

/* @io_one: the library keeps it beside the connection. */
static void on_connection(struct api *api, struct MHD_Connection *conn, void **io_one, bool begins,
			  bool is_tcp)
{
	struct api_clients *clients = is_tcp ? api->tcp_clients : api->unix_clients;
	if (!begins) {
		api_clients_end(clients, *io_one);
		return;
	}
	int fd = MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	bool is_stranger = !is_tcp && api_peer_access(fd, api->conf) == API_NOTHING;
	*io_one = api_clients_begin(clients, fd, is_stranger, clock_mono_ns());
}

static void on_unix_connection(void *arg, struct MHD_Connection *conn, void **io_one,
			       enum MHD_ConnectionNotificationCode code)
{
	on_connection(arg, conn, io_one, code == MHD_CONNECTION_NOTIFY_STARTED, false);
}

static void on_tcp_connection(void *arg, struct MHD_Connection *conn, void **io_one,
			      enum MHD_ConnectionNotificationCode code)
{
	on_connection(arg, conn, io_one, code == MHD_CONNECTION_NOTIFY_STARTED, true);
}

/* Also when the client has gone before its answer. */
static void on_completed(void *arg, struct MHD_Connection *conn, void **io_seen,
			 enum MHD_RequestTerminationCode code)
{
	struct control_job *job = *io_seen != &head_seen ? *io_seen : NULL;
	(void)arg;
	(void)code;
	api_client_answered(client_of(conn), clock_mono_ns());
	if (job)
		job->ops->drop(job);
	*io_seen = NULL;
}

static enum MHD_Result on_unix(void *arg, struct MHD_Connection *conn, const char *url,
			       const char *method, const char *version, const char *body,
			       size_t *body_len, void **io_seen)
{
	return on_request(arg, conn, url, method, version, body, body_len, io_seen, false);
}

static enum MHD_Result on_tcp(void *arg, struct MHD_Connection *conn, const char *url,
			      const char *method, const char *version, const char *body,
			      size_t *body_len, void **io_seen)
{
	return on_request(arg, conn, url, method, version, body, body_len, io_seen, true);
}

/* ---- start and stop ---- */

static void raise_files_limit(void)
{
	struct rlimit l;
	if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < 2 * API_CLIENTS_MAX) {
		l.rlim_cur = l.rlim_max < 2 * API_CLIENTS_MAX ? l.rlim_max : 2 * API_CLIENTS_MAX;
		setrlimit(RLIMIT_NOFILE, &l);
	}
}

/* The library's own lines about clients that break off are of no use. */
static void say_nothing(void *arg, const char *fmt, va_list ap)
{
	(void)arg;
	(void)fmt;
	(void)ap;
}

struct service {
	struct api *api;
	int fd;
	bool is_tcp;
	struct MHD_Daemon *daemon;
};

static int start_daemon(void *arg)
{
	struct service *s = arg;
	struct api *api = s->api;
	unsigned flags =
		MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG | MHD_ALLOW_SUSPEND_RESUME;
	struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_CERT, 0, api->cert},
				       {MHD_OPTION_HTTPS_MEM_KEY, 0, api->key},
				       {MHD_OPTION_END, 0, NULL}};
	bool is_tls = s->is_tcp && api->cert;
	if (is_tls)
		flags |= MHD_USE_TLS;
	s->daemon = MHD_start_daemon(
		flags, 0, NULL, NULL, s->is_tcp ? on_tcp : on_unix, api, MHD_OPTION_EXTERNAL_LOGGER,
		say_nothing, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
		MHD_OPTION_NOTIFY_CONNECTION, s->is_tcp ? on_tcp_connection : on_unix_connection,
		api, MHD_OPTION_LISTEN_SOCKET, s->fd, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)API_CLIENTS_MAX + API_NEWCOMERS, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)API_IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)API_REQUEST_MAX,
		MHD_OPTION_ARRAY, is_tls ? tls : &tls[2], MHD_OPTION_END);
	return 0;
}

/* @fd is moved. NULL: it could not be started. The thread that answers is confined as the one that
 * starts it is.
 */
static struct MHD_Daemon *serve(struct api *api, int fd, bool is_tcp)
{
	struct service s = {.api = api, .fd = fd, .is_tcp = is_tcp};
	confine_call(start_daemon, &s);
	if (!s.daemon)
		close(fd);
	return s.daemon;
}

static int read_pem(const char *path, const char *key, char **ret_text, struct err *e)
{
	char *text = mem_alloc(FILE_MAX);
	ssize_t n = text ? regular_read(path, text, FILE_MAX - 1) : -ENOMEM;
	*ret_text = text;
	if (n < 0)
		return err_set(e, (int)n, "api.%s: %s: %s", key, path, regular_why((int)n));
	return n > 0 ? 0 : err_set(e, -EIO, "api.%s: %s: is empty", key, path);
}

static int start_tcp(struct api *api, struct err *e)
{
	const struct api_conf *conf = api->conf;
	int rc = secret_read("api.token", conf->token, api->token, e);
	if (rc == 0 && strlen(api->token) < API_TOKEN_MIN)
		rc = err_set(e, -EINVAL,
			     "api.token: too short to be safe; expected at least %d "
			     "characters",
			     API_TOKEN_MIN);
	if (rc == 0 && conf->cert) {
		rc = read_pem(conf->cert, "cert", &api->cert, e);
		if (rc == 0)
			rc = read_pem(conf->key, "key", &api->key, e);
	}
	int fd = rc < 0 ? rc : api_listen_tcp(conf->listen, e);
	if (fd < 0)
		return fd;
	api->tcp_daemon = serve(api, fd, true);
	return api->tcp_daemon
		       ? 0
		       : err_set(e, -EIO, "api.listen: %s: cannot be served%s", conf->listen,
				 conf->cert ? ": are cert and key good?" : "");
}

static int start_unix(struct api *api, struct err *e)
{
	const char *path = api->conf->socket;
	int fd = api_listen_unix(path, e);
	if (fd < 0)
		return fd;
	api->socket = path;
	api->unix_daemon = serve(api, fd, false);
	return api->unix_daemon ? 0 : err_set(e, -EIO, "api.socket: %s: cannot be served", path);
}

static bool has_socket(const struct api_conf *conf)
{
	return conf->socket && strcmp(conf->socket, "none") != 0;
}

bool api_is_wanted(const struct api_conf *conf)
{
	return has_socket(conf) || conf->listen;
}

int api_start(const struct api_conf *conf, struct control *c, struct api **ret_api, struct err *e)
{
	struct api *api = mem_alloc(sizeof(*api));
	int rc = 0;
	if (!api)
		return err_set(e, -ENOMEM, "no memory");
	api->conf = conf;
	api->control = c;
	api->unix_clients = api_clients_create(API_CLIENTS_MAX);
	api->tcp_clients = api_clients_create(API_CLIENTS_MAX);
	if (!api->unix_clients || !api->tcp_clients)
		rc = err_set(e, -ENOMEM, "no memory");
	raise_files_limit();
	if (rc == 0)
		rc = api_wait_create(&api->wait, e);
	if (rc == 0)
		rc = api_answers_create(c, api->wait, &api->answers, e);
	if (rc == 0 && has_socket(conf))
		rc = start_unix(api, e);
	if (rc == 0 && conf->listen)
		rc = start_tcp(api, e);
	if (rc < 0) {
		api_stop(api);
		return rc;
	}
	*ret_api = api;
	return 0;
}

void api_stop(struct api *api)
{
	if (!api)
		return;
	api_wait_stop(api->wait);
	if (api->unix_daemon)
		MHD_stop_daemon(api->unix_daemon);
	if (api->tcp_daemon)
		MHD_stop_daemon(api->tcp_daemon);
	api_answers_destroy(api->answers);
	api_wait_destroy(api->wait);
	if (api->socket)
		unlink(api->socket);
	api_clients_destroy(api->unix_clients);
	api_clients_destroy(api->tcp_clients);
	mem_free(api->cert);
	mem_free(api->key);
	explicit_bzero(api->token, sizeof(api->token));
	mem_free(api);
}
