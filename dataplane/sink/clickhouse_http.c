#include "dataplane/sink/clickhouse_http.h"

#include <stdio.h>
#include <string.h>

#include "dataplane/base/regular.h"
#include "dataplane/base/text.h"
#include "dataplane/sink/secret.h"

#define NS_PER_MS   1000000ull
#define CONNECT_MS  3000l
#define CONNECTIONS 8l

int ch_http_init(struct ch_http *h, const struct ch_http_conf *conf, struct err *e)
{
	bool plain = strncmp(conf->url, "http://", 7) == 0;
	if (!plain && strncmp(conf->url, "https://", 8) != 0)
		return err_set(e, -EINVAL,
			       "url \"%s\": expected http://HOST:PORT or https://HOST:PORT",
			       conf->url);
	if (strpbrk(conf->url, "@?#"))
		return err_set(e, -EINVAL,
			       "url: expected no user, password and query in it: there are user, "
			       "password and settings");
	if (conf->ca && regular_may_block(conf->ca))
		return err_set(e, -ENOTSUP, "ca: %s: %s", conf->ca, regular_why(-ENOTSUP));
	h->conf = conf;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(e, -ENOMEM, "libcurl cannot be used");
	h->multi = curl_multi_init();
	if (!h->multi)
		return err_set(e, -ENOMEM, "out of memory");
	curl_multi_setopt(h->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, CONNECTIONS);
	return 0;
}

void ch_http_fini(struct ch_http *h)
{
	if (h->multi)
		curl_multi_cleanup(h->multi);
	h->multi = NULL;
}

int ch_call_init(struct ch_call *c, char *text, size_t cap)
{
	c->text = text;
	c->text_cap = cap;
	c->easy = curl_easy_init();
	return c->easy ? 0 : -ENOMEM;
}

void ch_call_fini(struct ch_http *h, struct ch_call *c)
{
	ch_http_end(h, c);
	if (c->easy)
		curl_easy_cleanup(c->easy);
	c->easy = NULL;
}

/* What does not fit is left out: the connection stays usable. */
static size_t take_text(char *p, size_t size, size_t n, void *arg)
{
	struct ch_call *c = arg;
	size_t len = size * n, room = c->text_cap - 1 - c->text_len;
	size_t some = len < room ? len : room;
	memcpy(c->text + c->text_len, p, some);
	c->text_len += some;
	c->text[c->text_len] = '\0';
	return len;
}

static bool add_header(struct ch_call *c, const char *name, const char *value)
{
	char line[SECRET_BYTES_MAX + 64];
	snprintf(line, sizeof(line), "%s: %s", name, value);
	struct curl_slist *longer = curl_slist_append(c->headers, line);
	explicit_bzero(line, sizeof(line));
	if (longer)
		c->headers = longer;
	return longer;
}

static int set_headers(const struct ch_http *h, struct ch_call *c, const char *encoding,
		       struct err *e)
{
	char secret[SECRET_BYTES_MAX];
	bool ok = add_header(c, "Content-Type", "application/octet-stream");
	/* Else libcurl asks before it sends a large body. */
	struct curl_slist *longer = curl_slist_append(c->headers, "Expect:");
	c->headers = longer ? longer : c->headers;
	ok = ok && longer && (!encoding || add_header(c, "Content-Encoding", encoding));
	const char *user = h->conf->user ? h->conf->user : h->conf->password ? "default" : NULL;
	ok = ok && (!user || add_header(c, "X-ClickHouse-User", user));
	if (ok && h->conf->password) {
		int rc = secret_read("password", h->conf->password, secret, e);
		if (rc < 0)
			return rc;
		ok = add_header(c, "X-ClickHouse-Key", secret);
		explicit_bzero(secret, sizeof(secret));
	}
	return ok ? 0 : err_set(e, -ENOMEM, "out of memory");
}

static int set_url(const struct ch_http *h, struct ch_call *c, const char *query,
		   const char *params, struct err *e)
{
	char url[8192];
	const char *slash = strchr(strchr(h->conf->url, ':') + 3, '/');
	char *escaped = curl_easy_escape(c->easy, query, 0);
	int len = escaped ? snprintf(url, sizeof(url), "%s%s?query=%s%s", h->conf->url,
				     slash ? "" : "/", escaped, params)
			  : -1;
	curl_free(escaped);
	if (len < 0 || len >= (int)sizeof(url))
		return err_set(
			e, -EINVAL,
			"the query is too long: a table of fewer columns, or fewer settings");
	curl_easy_setopt(c->easy, CURLOPT_URL, url);
	return 0;
}

int ch_http_begin(struct ch_http *h, struct ch_call *c, const char *query, const char *params,
		  const void *body, size_t len, const char *encoding, struct err *e)
{
	CURL *easy = c->easy;
	curl_easy_reset(easy);
	c->text_len = 0;
	c->text[0] = '\0';
	int rc = set_headers(h, c, encoding, e);
	if (rc == 0)
		rc = set_url(h, c, query, params, e);
	if (rc < 0) {
		ch_http_end(h, c);
		return rc;
	}
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, c->headers);
	curl_easy_setopt(easy, CURLOPT_POST, 1l);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body ? body : "");
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_text);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, c);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, c);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1l);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(h->conf->timeout_ns / NS_PER_MS));
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	if (h->conf->ca)
		curl_easy_setopt(easy, CURLOPT_CAINFO, h->conf->ca);
	if (curl_multi_add_handle(h->multi, easy) != CURLM_OK) {
		ch_http_end(h, c);
		return err_set(e, -ENOMEM, "libcurl does not take the call");
	}
	c->out = true;
	return 0;
}

void ch_http_end(struct ch_http *h, struct ch_call *c)
{
	if (c->out)
		curl_multi_remove_handle(h->multi, c->easy);
	curl_slist_free_all(c->headers);
	c->headers = NULL;
	c->out = false;
}

/* ---- answers ---- */

static const struct {
	unsigned code;
	enum ch_verdict verdict;
} codes[] = {
	/* Of the data: parsing, types, ranges, NULL, constraints. 49 is what an unknown name of an
	 * Enum was before 19.
	 */
	{6, CH_RECORD},
	{26, CH_RECORD},
	{27, CH_RECORD},
	{33, CH_RECORD},
	{38, CH_RECORD},
	{41, CH_RECORD},
	{49, CH_RECORD},
	{53, CH_RECORD},
	{69, CH_RECORD},
	{70, CH_RECORD},
	{72, CH_RECORD},
	{117, CH_RECORD},
	{130, CH_RECORD},
	{131, CH_RECORD},
	{321, CH_RECORD},
	{349, CH_RECORD},
	{376, CH_RECORD},
	{407, CH_RECORD},
	{441, CH_RECORD},
	{467, CH_RECORD},
	{469, CH_RECORD},
	{675, CH_RECORD},
	{676, CH_RECORD},
	/* Of the table: not there, the database neither, read only, not allowed. */
	{60, CH_TABLE},
	{81, CH_TABLE},
	{164, CH_TABLE},
	{497, CH_TABLE},
	/* Of the user. */
	{192, CH_REFUSED},
	{193, CH_REFUSED},
	{194, CH_REFUSED},
	{195, CH_REFUSED},
	{516, CH_REFUSED},
	/* Time, memory, disks, too many queries or parts, other servers, the keeper. */
	{74, CH_AGAIN},
	{75, CH_AGAIN},
	{76, CH_AGAIN},
	{159, CH_AGAIN},
	{160, CH_AGAIN},
	{173, CH_AGAIN},
	{201, CH_AGAIN},
	{202, CH_AGAIN},
	{203, CH_AGAIN},
	{209, CH_AGAIN},
	{210, CH_AGAIN},
	{225, CH_AGAIN},
	{236, CH_AGAIN},
	{241, CH_AGAIN},
	{242, CH_AGAIN},
	{243, CH_AGAIN},
	{252, CH_AGAIN},
	{285, CH_AGAIN},
	{286, CH_AGAIN},
	{287, CH_AGAIN},
	{289, CH_AGAIN},
	{319, CH_AGAIN},
	{394, CH_AGAIN},
	{425, CH_AGAIN},
	{439, CH_AGAIN},
	{473, CH_AGAIN},
	{999, CH_AGAIN},
};

/* The number behind @word. */
static uint32_t number_behind(const char *text, const char *word)
{
	const char *at = strstr(text, word);
	uint64_t n;
	if (!at)
		return 0;
	at += strlen(word);
	return text_u64(slice_of(at, strspn(at, "0123456789")), &n) && n <= UINT32_MAX ? (uint32_t)n
										       : 0;
}

enum ch_verdict ch_http_judge(long status, const char *text, unsigned *ret_code, uint32_t *ret_row)
{
	*ret_code = strncmp(text, "Code: ", 6) == 0 ? number_behind(text, "Code: ") : 0;
	*ret_row = number_behind(text, "(at row ");
	if (status == 200 && !*ret_code)
		return CH_GOOD;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (*ret_code && codes[i].code == *ret_code)
			return codes[i].verdict;
	if (*ret_code)
		return CH_UNKNOWN;
	switch (status) { /* of something in front of it */
	case 413:
		return CH_TOO_LARGE;
	case 401:
	case 403:
		return CH_REFUSED;
	case 408:
	case 429:
	case 500:
	case 502:
	case 503:
	case 504:
		return CH_AGAIN;
	default:
		return CH_UNKNOWN;
	}
}

/* The first line, without ClickHouse's own name for what it is. */
static void first_line(const struct ch_call *c, long status, struct err *e)
{
	size_t len = strcspn(c->text, "\r\n");
	const char *tail = strstr(c->text, ", e.what() =");
	if (tail && (size_t)(tail - c->text) < len)
		len = (size_t)(tail - c->text);
	if (len)
		err_set(e, 0, "%.*s", len < 300 ? (int)len : 300, c->text);
	else
		err_set(e, 0, "HTTP status %ld", status);
}

static void done(const struct ch_http *h, struct ch_call *c, CURLcode rc)
{
	long status = 0;
	c->code = 0;
	c->row = 0;
	if (rc != CURLE_OK) {
		c->verdict = CH_AGAIN;
		err_set(&c->why, 0, "ClickHouse at %s: %s", h->conf->url, curl_easy_strerror(rc));
		return;
	}
	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	c->verdict = ch_http_judge(status, c->text, &c->code, &c->row);
	if (c->verdict == CH_GOOD)
		c->why.text[0] = '\0';
	else
		first_line(c, status, &c->why);
}

void ch_http_turn(struct ch_http *h)
{
	int n;
	CURLMsg *m;
	curl_multi_perform(h->multi, &n);
	while ((m = curl_multi_info_read(h->multi, &n))) {
		struct ch_call *c;
		CURLcode rc = m->data.result;
		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &c);
		done(h, c, rc);
		ch_http_end(h, c);
	}
}

void ch_http_wait(struct ch_http *h, int ms)
{
	curl_multi_poll(h->multi, NULL, 0, ms, NULL);
}
