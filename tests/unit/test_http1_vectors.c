/* The parser against two others: http_parser, which reads the same bytes here, and llhttp, whose
 * own tests say what it sees. And against what the senders of the lab captures know that they sent.
 */
#include <http_parser.h>
#include <jansson.h>
#include <zlib.h>

#include "http1_case.h"

#define SEEN_MAX 64

/* What a reader sees of one request. */
struct seen {
	char method[40], target[256];
	uint8_t body[4096];
	size_t body_len;
	bool whole;
};

struct seen_list {
	struct seen item[SEEN_MAX];
	size_t n;
	bool error;
};

static struct seen_list ours, theirs;

/* --- Ours ---------------------------------------------------------------------------------------
 */

/* The length of the message at @from, as its own head says. */
static size_t message_len(const struct http1_msg *m, struct slice from)
{
	if (!(m->flags & HEAD_CHUNKED))
		return m->head_len + (size_t)m->length;
	struct http1_chunks k = {0};
	struct slice rest = slice_from(from, m->head_len), data;
	size_t n, len = m->head_len;
	while ((n = http1_chunks_next(&k, rest, UINT32_MAX, &data))) {
		len += n;
		rest = slice_from(rest, n);
	}
	return len;
}

static void note_ours(struct slice from, bool whole)
{
	static uint8_t scratch[1 << 20];
	struct http1_work w = {.base = scratch, .cap = sizeof(scratch)};
	struct http1_msg m = {0};
	const char *why;
	assert_int_equal(http1_head_read(&m, from, false, 1 << 20, &why), HTTP1_DONE);
	struct seen *s = &ours.item[ours.n++];
	*s = (struct seen){.whole = whole};
	memcpy(s->method, from.ptr, m.method_len);
	memcpy(s->target, from.ptr + m.span[SPAN_TARGET].off, m.span[SPAN_TARGET].len);
	if (!whole || strcmp(s->method, "CONNECT") == 0)
		return;
	struct slice body = {0};
	/* The others take no coding off but chunked. */
	m.codings.n_transfer = m.codings.n_content = 0;
	http1_body_decode(&m, slice_of(from.ptr, message_len(&m, from)), 1 << 20, &w, &body);
	if (body.len)
		memcpy(s->body, body.ptr, body.len);
	s->body_len = body.len;
}

/* What is compressed wrongly is still framed. */
static bool is_framed(const char *unparsed)
{
	return !unparsed || strstr(unparsed, "compressed") || strstr(unparsed, "gzip");
}

static void read_ours(struct slice input)
{
	parser_run_reset(&x);
	ours.n = 0;
	parser_run_data(&x, 0, input.ptr, input.len);
	end();
	for (size_t i = 0; i < x.n_frames; i++)
		if (x.frames[i].idx == 0)
			note_ours(slice_from(input, x.frames[i].stream_off),
				  is_framed(x.frames[i].unparsed));
	ours.error = x.skipped + x.left_over > 0;
}

/* --- http_parser --------------------------------------------------------------------------------
 */

static struct seen *newest(void)
{
	return &theirs.item[theirs.n];
}

static int on_begin(http_parser *p)
{
	(void)p;
	*newest() = (struct seen){0};
	return 0;
}

static int on_url(http_parser *p, const char *at, size_t len)
{
	(void)p;
	strncat(newest()->target, at, len);
	return 0;
}

static int on_body(http_parser *p, const char *at, size_t len)
{
	(void)p;
	memcpy(newest()->body + newest()->body_len, at, len);
	newest()->body_len += len;
	return 0;
}

static int on_complete(http_parser *p)
{
	snprintf(newest()->method, sizeof(newest()->method), "%s",
		 http_method_str((enum http_method)p->method));
	newest()->whole = true;
	theirs.n++;
	return 0;
}

static void read_theirs(struct slice input)
{
	static const http_parser_settings settings = {.on_message_begin = on_begin,
						      .on_url = on_url,
						      .on_body = on_body,
						      .on_message_complete = on_complete};
	http_parser p;
	theirs.n = 0;
	http_parser_init(&p, HTTP_REQUEST);
	size_t n = http_parser_execute(&p, &settings, (const char *)input.ptr, input.len);
	theirs.error = n < input.len;
}

static bool same_seen(const struct seen *a, const struct seen *b)
{
	return strcmp(a->method, b->method) == 0 && strcmp(a->target, b->target) == 0 &&
	       a->body_len == b->body_len && memcmp(a->body, b->body, a->body_len) == 0;
}

/* --- Made-up streams, read by both ---------------------------------------------------------------
 */

static uint64_t seed = 42;

static unsigned pick(unsigned n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(seed >> 33) % n;
}

static void add(char *out, const char *text)
{
	strcat(out, text);
}

static void add_name(char *out, const char *name)
{
	size_t n = strlen(out);
	for (; *name; name++)
		out[n++] = pick(2) && *name >= 'a' && *name <= 'z' ? (char)(*name - 32) : *name;
	out[n] = 0;
}

static void add_chunked(char *out, const char *body)
{
	size_t left = strlen(body);
	while (left) {
		size_t n = 1 + pick((unsigned)left);
		snprintf(out + strlen(out), 64, pick(2) ? "%zx%s\r\n" : "0%zX%s\r\n", n,
			 pick(3) ? "" : ";ext=\"a b\"");
		strncat(out, body, n);
		add(out, "\r\n");
		body += n;
		left -= n;
	}
	add(out, pick(3) ? "0\r\n\r\n" : "0\r\nX-Trailer: 1\r\n\r\n");
}

static void add_request(char *out)
{
	static const char *const methods[] = {"GET", "POST", "PUT", "DELETE", "M-SEARCH", "PATCH"};
	static const char *const targets[] = {"/", "/a?b=c&d", "*", "http://h.example:8/x?y",
					      "/%20'~"};
	static const char *const more[] = {"X-Any:value\r\n",
					   "Accept: */*\r\n",
					   "Cookie: a=b;\r\n c=d\r\n",
					   "X-Empty:\r\n",
					   "Connection: keep-alive\r\n",
					   "X-Tab:\tv\t \r\n"};
	char body[64] = "";
	for (unsigned i = pick(40); i > 0; i--)
		add(body, (const char *[]){"x", "{", "\r\n", "0",
					   "GET / HTTP/1.1\r\n"}[pick(5) % (i > 20 ? 1 : 4)]);
	add(out, methods[pick(6)]);
	add(out, " ");
	add(out, targets[pick(5)]);
	add(out, " HTTP/1.1\r\n");
	unsigned framing = pick(3), before = pick(4);
	for (unsigned i = 0; i < before; i++)
		add(out, more[pick(6)]);
	if (framing == 1) {
		add_name(out, "content-length");
		snprintf(out + strlen(out), 32, ": %s%zu\r\n", pick(4) ? "" : "00", strlen(body));
	} else if (framing == 2) {
		add_name(out, "transfer-encoding");
		add(out, pick(2) ? ":chunked\r\n" : ": identity, Chunked\r\n");
	}
	add(out, more[pick(6)]);
	add(out, "\r\n");
	if (framing == 1)
		add(out, body);
	if (framing == 2)
		add_chunked(out, body);
}

static void http_parser_sees_the_same_requests(void **state)
{
	static char stream[1 << 16];
	for (unsigned i = 0; i < 3000; i++) {
		stream[0] = 0;
		unsigned n = 1 + pick(6);
		for (unsigned k = 0; k < n; k++)
			add_request(stream);
		read_ours(slice_str(stream));
		read_theirs(slice_str(stream));
		assert_false(theirs.error);
		if (ours.n != theirs.n || ours.error)
			fail_msg("%zu requests, not %zu, in\n%s", ours.n, theirs.n, stream);
		for (size_t k = 0; k < ours.n; k++)
			if (ours.item[k].whole && !same_seen(&ours.item[k], &theirs.item[k]))
				fail_msg("request %zu differs in\n%s", k, stream);
	}
}

/* One byte is damaged: what http_parser still reads without an error, we read the same way. */
static void http_parser_agrees_on_damaged_requests_that_it_accepts(void **state)
{
	static char stream[1 << 16];
	unsigned accepted = 0;
	for (unsigned i = 0; i < 5000; i++) {
		stream[0] = 0;
		add_request(stream);
		size_t len = strlen(stream);
		size_t at = pick((unsigned)len);
		bool line_end = stream[at] == '\r' || stream[at] == '\n';
		stream[at] = (char)(pick(4) ? 32 + pick(95) : pick(256));
		struct slice s = slice_of(stream, len);
		read_theirs(s);
		/* It takes any byte for the line feed behind a carriage return, and any letters for
		 * those of HTTP.
		 */
		if (theirs.error || line_end || theirs.n != 1 || !strstr(stream, " HTTP/1.1\r\n"))
			continue;
		accepted++;
		read_ours(s);
		if (ours.n != 1 ||
		    (ours.item[0].whole && !same_seen(&ours.item[0], &theirs.item[0])))
			fail_msg("%zu requests, '%s' '%s', not '%s' '%s', in\n%s", ours.n,
				 ours.item[0].target, (char *)ours.item[0].body,
				 theirs.item[0].target, (char *)theirs.item[0].body, stream);
	}
	printf("%u damaged requests accepted by http_parser\n", accepted);
	assert_true(accepted > 1000);
}

/* --- llhttp's own tests
 * --------------------------------------------------------------------------- */

static FILE *open_shared(const char *name)
{
	char path[1024];
	const char *root = getenv("SL_SHARED"), *source = getenv("SL_SOURCE_ROOT");
	if (root)
		snprintf(path, sizeof(path), "%s/data/%s", root, name);
	else
		snprintf(path, sizeof(path), "%s/../shared/data/%s", source ? source : ".", name);
	FILE *f = fopen(path, "r");
	if (!f && getenv("CI"))
		fail_msg("%s is missing", path);
	if (!f)
		printf("skipped: %s is missing\n", path);
	return f;
}

static size_t latin1(const char *utf8, uint8_t *out)
{
	size_t n = 0;
	for (const uint8_t *p = (const uint8_t *)utf8; *p; p++) {
		uint8_t c = *p;
		if (c >= 0x80)
			c = (uint8_t)(c << 6 | (*++p & 0x3f));
		out[n++] = c;
	}
	return n;
}

/* Messages and body bytes that llhttp's events tell of. */
static void read_events(const json_t *events, struct seen_list *l)
{
	size_t i;
	json_t *e;
	l->n = 0;
	l->error = false;
	l->item[0].body_len = 0;
	json_array_foreach(events, i, e)
	{
		const char *event = json_string_value(json_object_get(e, "event"));
		const char *span = json_string_value(json_object_get(e, "span"));
		if (span && strcmp(span, "body") == 0)
			l->item[l->n].body_len +=
				(size_t)json_integer_value(json_object_get(e, "len"));
		if (event && strcmp(event, "message complete") == 0)
			l->item[++l->n].body_len = 0;
		if (event && strncmp(event, "error", 5) == 0 && !strstr(event, "Pause on"))
			l->error = true;
	}
}

static bool agrees(const struct seen_list *l)
{
	size_t whole = 0;
	for (size_t i = 0; i < ours.n; i++) {
		if (!ours.item[i].whole)
			continue;
		if (whole < l->n && ours.item[i].body_len != l->item[whole].body_len)
			return false;
		whole++;
	}
	return whole == l->n;
}

static void llhttp_sees_the_same_requests(void **state)
{
	FILE *f = open_shared("vectors/http_request_llhttp.jsonl");
	static char line[1 << 16];
	static uint8_t input[1 << 16];
	unsigned n = 0, same = 0;
	if (!f)
		skip();
	while (fgets(line, sizeof(line), f)) {
		json_t *v = json_loads(line, 0, NULL);
		assert_non_null(v);
		size_t len = latin1(json_string_value(json_object_get(v, "input_latin1")), input);
		static struct seen_list wanted;
		read_events(json_object_get(v, "events"), &wanted);
		read_ours(slice_of(input, len));
		n++;
		if (agrees(&wanted))
			same++;
		else if (getenv("VERBOSE"))
			printf("%u %s (%s): llhttp %zu messages%s, ours %zu\n", n - 1,
			       json_string_value(json_object_get(v, "case")),
			       json_string_value(json_object_get(v, "type")), wanted.n,
			       wanted.error ? " and an error" : "", ours.n);
		json_decref(v);
	}
	fclose(f);
	printf("llhttp: %u of %u agree; the others are in docs/vectors-http.md\n", same, n);
	assert_int_equal(n, 81);
	assert_int_equal(same, 68);
}

/* --- What the senders of the lab captures sent
 * ---------------------------------------------------- */

static const char *text_of(const json_t *m, const char *key)
{
	const char *s = json_string_value(json_object_get(m, key));
	return s ? s : "";
}

static bool has_coding(const json_t *m, const char *name)
{
	size_t i;
	json_t *e;
	json_array_foreach(json_object_get(m, "body_encoding"), i, e)
	{
		if (strcmp(json_string_value(e), name) == 0)
			return true;
	}
	return false;
}

static void send_body(const uint8_t *body, size_t len, bool chunked)
{
	char size[32];
	for (size_t at = 0; chunked && at < len; at += 1000) {
		size_t n = len - at < 1000 ? len - at : 1000;
		snprintf(size, sizeof(size), "%zx;n=1\r\n", n);
		client(size);
		parser_run_data(&x, 0, body + at, n);
		client("\r\n");
	}
	if (chunked)
		client("0\r\nX-Sum: 1\r\n\r\n");
	else
		parser_run_data(&x, 0, body, len);
}

static void send_message(const json_t *m)
{
	static uint8_t packed[1 << 20];
	const uint8_t *body = (const uint8_t *)text_of(m, "body");
	size_t len = json_string_length(json_object_get(m, "body"));
	bool chunked = has_coding(m, "chunked"), gzip = has_coding(m, "gzip");
	char head[1024];
	if (gzip) {
		z_stream z = {.next_in = (uint8_t *)body, .avail_in = (unsigned)len};
		z.next_out = packed;
		z.avail_out = sizeof(packed);
		assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
		assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
		deflateEnd(&z);
		body = packed;
		len = sizeof(packed) - z.avail_out;
	}
	const char *type = text_of(m, "content_type");
	snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: h\r\n%s%s%s", text_of(m, "method"),
		 text_of(m, "path"), *type ? "Content-Type: " : "", type, *type ? "\r\n" : "");
	client(head);
	if (gzip)
		client("Content-Encoding: gzip\r\n");
	snprintf(head, sizeof(head), "Content-Length: %zu\r\n\r\n", len);
	client(chunked ? "Transfer-Encoding: chunked\r\n\r\n" : head);
	send_body(body, len, chunked);
	snprintf(head, sizeof(head), "HTTP/1.1 %d x\r\nContent-Length: 0\r\n\r\n",
		 (int)json_integer_value(json_object_get(m, "response_status")));
	server(head);
}

/* Element @i of what was sent is frame @frame. */
static void check_value(size_t frame, const json_t *want)
{
	const struct run_frame *f = &x.frames[frame];
	assert_true(frame < x.n_frames);
	assert_int_equal(f->body_kind, BODY_JSON);
	json_t *got =
		json_loadb((char *)f->bytes + f->body_off, f->body_len, JSON_DECODE_ANY, NULL);
	assert_non_null(got);
	assert_true(json_equal(got, want));
	json_decref(got);
}

static void check_message(const json_t *m)
{
	const char *body = text_of(m, "body");
	char status[64];
	size_t n = 0;
	json_t *value = json_loads(body, 0, NULL);
	snprintf(status, sizeof(status), "\"status\":%d,",
		 (int)json_integer_value(json_object_get(m, "response_status")));
	check_meta(0, status);
	if (json_is_array(value)) {
		for (; n < json_array_size(value); n++)
			check_value(n, json_array_get(value, n));
	} else if (value) {
		check_value(n++, value);
	} else if (strstr(text_of(m, "content_type"), "ndjson")) {
		while (*body) {
			json_t *line = json_loads(body, JSON_DISABLE_EOF_CHECK, NULL);
			check_value(n++, line);
			json_decref(line);
			body += strcspn(body, "\n");
			body += *body == '\n';
		}
	} else {
		n = 1; /* a query, nothing, or broken JSON: handed on as it is */
	}
	check_frames(n);
	json_decref(value);
}

static unsigned check_messages(const char *name)
{
	FILE *f = open_shared(name);
	static char line[1 << 20];
	unsigned n = 0;
	while (f && fgets(line, sizeof(line), f)) {
		json_t *m = json_loads(line, 0, NULL);
		assert_non_null(m);
		parser_run_reset(&x);
		both_seen();
		send_message(m);
		check_message(m);
		assert_int_equal(x.skipped, 0);
		json_decref(m);
		n++;
	}
	if (f)
		fclose(f);
	return n;
}

static void what_the_lab_sent_comes_out(void **state)
{
	unsigned beacons = check_messages("oracle/logs/http-beacons.messages.jsonl");
	if (beacons == 0)
		skip();
	assert_int_equal(beacons, 26);
	assert_int_equal(check_messages("oracle/logs/http-pipelined.messages.jsonl"), 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(http_parser_sees_the_same_requests),
		T(http_parser_agrees_on_damaged_requests_that_it_accepts),
		T(llhttp_sees_the_same_requests),
		T(what_the_lab_sent_comes_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
