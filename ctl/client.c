#include "ctl/client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/base/mem.h"

#define URL_MAX   8192
#define REPLY_MAX (256u << 20)

struct client {
	CURL *curl;
	struct client_conf conf;
	struct curl_slist *headers;
	char why[CURL_ERROR_SIZE];
};

struct reply {
	char *text;
	size_t len;
};

static size_t take(char *bytes, size_t one, size_t n, void *arg)
{
	struct reply *r = arg;
	size_t len = one * n;
	char *text = len < REPLY_MAX - r->len ? realloc(r->text, r->len + len + 1) : NULL;
	if (!text)
		return 0;
	memcpy(text + r->len, bytes, len);
	r->text = text;
	r->len += len;
	text[r->len] = '\0';
	return len;
}

int client_open(const struct client_conf *conf, struct client **ret_c, struct err *e)
{
	struct client *c = mem_alloc(sizeof(*c));
	if (!c || !(c->curl = curl_easy_init())) {
		mem_free(c);
		return err_set(e, -ENOMEM, "no memory");
	}
	c->conf = *conf;
	if (conf->token) {
		char line[2048];
		snprintf(line, sizeof(line), "Authorization: Bearer %s", conf->token);
		c->headers = curl_slist_append(NULL, line);
	}
	curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, c->why);
	curl_easy_setopt(c->curl, CURLOPT_TIMEOUT, (long)CLIENT_WAIT_S);
	curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, c->headers);
	curl_easy_setopt(c->curl, CURLOPT_PROXY, "");
	if (conf->ca)
		curl_easy_setopt(c->curl, CURLOPT_CAINFO, conf->ca);
	if (!conf->url)
		curl_easy_setopt(c->curl, CURLOPT_UNIX_SOCKET_PATH, conf->socket);
	*ret_c = c;
	return 0;
}

void client_wait_for_ever(struct client *c)
{
	curl_easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT, (long)CLIENT_WAIT_S);
	curl_easy_setopt(c->curl, CURLOPT_TIMEOUT, 0L);
}

void client_close(struct client *c)
{
	if (!c)
		return;
	curl_slist_free_all(c->headers);
	curl_easy_cleanup(c->curl);
	mem_free(c);
}

/* Asks for @url. @r: where the answer goes. @ret_status: of HTTP. */
static int ask(struct client *c, const char *url, bool post, void *r, long *ret_status,
	       struct err *e)
{
	c->why[0] = '\0';
	curl_easy_setopt(c->curl, CURLOPT_URL, url);
	curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, r);
	if (post) {
		curl_easy_setopt(c->curl, CURLOPT_POST, 1L);
		curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE, 0L);
	} else {
		curl_easy_setopt(c->curl, CURLOPT_HTTPGET, 1L);
	}
	CURLcode rc = curl_easy_perform(c->curl);
	if (rc == CURLE_OK) {
		curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, ret_status);
		return 0;
	}
	const char *where = c->conf.url ? c->conf.url : c->conf.socket;
	const char *why = c->why[0] ? c->why : curl_easy_strerror(rc);
	if (rc == CURLE_COULDNT_CONNECT)
		return err_set(e, -ECONNREFUSED,
			       "%s: nobody answers: is `sluiced run` up, and is this its api.%s?",
			       where, c->conf.url ? "listen" : "socket");
	return err_set(e, -EIO, "%s: %s", where, why);
}

static void put(char *url, size_t *len, const char *text)
{
	size_t n = strlen(text);
	if (*len + n + 1 > URL_MAX)
		return;
	memcpy(url + *len, text, n + 1);
	*len += n;
}

/* The server's own words for what is not right. */
static int refused(const struct reply *r, long status, struct err *e)
{
	json_t *o = json_loads(r->text ? r->text : "", 0, NULL);
	const char *text = json_string_value(json_object_get(o, "error"));
	int rc = text ? err_set(e, -EREMOTEIO, "%s", text)
		      : err_set(e, -EREMOTEIO, "the server answers with status %ld", status);
	json_decref(o);
	return rc;
}

static int fetch(struct client *c, const char *url, bool post, char **ret_text, struct err *e)
{
	struct reply r = {0};
	long status = 0;
	int rc = ask(c, url, post, &r, &status, e);
	if (rc == 0 && status != 200)
		rc = refused(&r, status, e);
	if (rc < 0) {
		free(r.text);
		return rc;
	}
	*ret_text = r.text ? r.text : strdup("");
	return 0;
}

int client_get(struct client *c, const char *path, char **ret_text, struct err *e)
{
	char url[URL_MAX] = "";
	size_t len = 0;
	put(url, &len, c->conf.url ? c->conf.url : "http://localhost");
	put(url, &len, path);
	return fetch(c, url, false, ret_text, e);
}

/* Where a command with its arguments is asked for. */
static void command_url(struct client *c, const char *command, const char *const *pairs, unsigned n,
			char url[URL_MAX])
{
	size_t len = 0;
	url[0] = '\0';
	put(url, &len, c->conf.url ? c->conf.url : "http://localhost");
	put(url, &len, "/v1/");
	put(url, &len, command);
	for (size_t i = 0; url[i]; i++)
		if (url[i] == ' ')
			url[i] = '/';
	for (unsigned i = 0; i < n; i++) {
		char *value = curl_easy_escape(c->curl, pairs[2 * i + 1], 0);
		put(url, &len, i ? "&" : "?");
		put(url, &len, pairs[2 * i]);
		put(url, &len, "=");
		put(url, &len, value ? value : "");
		curl_free(value);
	}
}

int client_run(struct client *c, const char *command, bool changes, const char *const *pairs,
	       unsigned n, json_t **ret_reply, struct err *e)
{
	char url[URL_MAX], *text;
	command_url(c, command, pairs, n, url);
	int rc = fetch(c, url, changes, &text, e);
	if (rc < 0)
		return rc;
	*ret_reply = json_loads(text, 0, NULL);
	free(text);
	return *ret_reply ? 0 : err_set(e, -EIO, "the answer is not JSON");
}

/* ---- streams ---- */

struct lines {
	struct client *client;
	struct reply rest; /* of a line whose end has not come, or of a refusal */
	bool (*line)(void *arg, const char *text, size_t len);
	void *arg;
	const volatile bool *stop;
	bool enough;
};

/* Gives the whole lines out, and keeps the rest. */
static void give_lines(struct lines *l)
{
	char *at = l->rest.text, *end = at + l->rest.len, *nl;
	while (!l->enough && (nl = memchr(at, '\n', (size_t)(end - at)))) {
		l->enough = !l->line(l->arg, at, (size_t)(nl - at));
		at = nl + 1;
	}
	l->rest.len = (size_t)(end - at);
	memmove(l->rest.text, at, l->rest.len);
	l->rest.text[l->rest.len] = '\0';
}

static size_t take_lines(char *bytes, size_t one, size_t n, void *arg)
{
	struct lines *l = arg;
	long status = 0;
	size_t len = take(bytes, one, n, &l->rest);
	curl_easy_getinfo(l->client->curl, CURLINFO_RESPONSE_CODE, &status);
	if (len && status == 200)
		give_lines(l);
	return l->enough ? 0 : len;
}

static int look_at_stop(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const struct lines *l = arg;
	return *l->stop;
}

int client_stream(struct client *c, const char *command, bool changes, const char *const *pairs,
		  unsigned n, bool (*line)(void *arg, const char *text, size_t len), void *arg,
		  const volatile bool *stop, struct err *e)
{
	struct lines l = {.client = c, .line = line, .arg = arg, .stop = stop};
	char url[URL_MAX];
	long status = 0;
	command_url(c, command, pairs, n, url);
	client_wait_for_ever(c);
	curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, take_lines);
	curl_easy_setopt(c->curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(c->curl, CURLOPT_XFERINFOFUNCTION, look_at_stop);
	curl_easy_setopt(c->curl, CURLOPT_XFERINFODATA, &l);
	int rc = ask(c, url, changes, &l, &status, e);
	if (l.enough || *stop)
		rc = 0;
	else if (rc == 0 && status != 200)
		rc = refused(&l.rest, status, e);
	free(l.rest.text);
	curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(c->curl, CURLOPT_NOPROGRESS, 1L);
	curl_easy_setopt(c->curl, CURLOPT_TIMEOUT, (long)CLIENT_WAIT_S);
	return rc;
}
