#include "parsers/http1_state.h"

#include "dataplane/base/text.h"

static const char *const text_choices[] = {"body", "lines", NULL};

static const struct opt http1_opts[] = {
	{.name = "host",
	 .type = OPT_STRINGS,
	 .off = offsetof(struct http1_conf, host),
	 .live = true,
	 .help = "Hosts whose requests are wanted, without port; \"*.example.com\" holds for all "
		 "below it, too. Not set: all."},
	{.name = "path",
	 .type = OPT_STRINGS,
	 .off = offsetof(struct http1_conf, path),
	 .live = true,
	 .help = "Paths that are wanted, with * and ?: \"/v5/*\". Not set: all."},
	{.name = "methods",
	 .type = OPT_STRINGS,
	 .off = offsetof(struct http1_conf, methods),
	 .live = true,
	 .help = "Methods that are wanted. Not set: all."},
	{.name = "answer_wait",
	 .type = OPT_DURATION,
	 .off = offsetof(struct http1_conf, answer_wait_ns),
	 .max = 3600ll * 1000000000,
	 .def = "10s",
	 .live = true,
	 .help = "How long a request waits for its answer's status, in packet time; then its "
		 "status is null, and its event goes out up to 3 s later. 0s: not at all, the "
		 "status is always null."},
	{.name = "body_bytes_max",
	 .type = OPT_BYTES,
	 .off = offsetof(struct http1_conf, body_bytes_max),
	 .min = 1024,
	 .max = 64 << 20,
	 .def = "1MiB",
	 .live = true,
	 .help = "The longest body, before and after decompression. A request with a longer one is "
		 "an event without its fields."},
	{.name = "header_bytes_max",
	 .type = OPT_BYTES,
	 .off = offsetof(struct http1_conf, header_bytes_max),
	 .min = 512,
	 .max = 1 << 20,
	 .def = "64KiB",
	 .live = true,
	 .help = "The longest head of a request or an answer."},
	{.name = "events_max",
	 .type = OPT_INT,
	 .off = offsetof(struct http1_conf, events_max),
	 .min = 1,
	 .max = 1000000,
	 .def = "10000",
	 .live = true,
	 .help = "The most events of one body (elements of an array, lines)."},
	{.name = "bare",
	 .type = OPT_BOOL,
	 .off = offsetof(struct http1_conf, bare),
	 .def = "true",
	 .live = true,
	 .help = "Requests with neither body nor query are events, too."},
	{.name = "trust_forwarded",
	 .type = OPT_BOOL,
	 .off = offsetof(struct http1_conf, trust_forwarded),
	 .def = "false",
	 .live = true,
	 .help = "Take the client's address from X-Forwarded-For, where it is there."},
	{.name = "text",
	 .type = OPT_ENUM,
	 .off = offsetof(struct http1_conf, text),
	 .choices = text_choices,
	 .def = "body",
	 .live = true,
	 .help = "Bodies of type text: one event with the body as message, or one for each line."},
	OPT_END,
};

/* --- Probe ------------------------------------------------------------------------------------ */

/* METHOD SP and the first byte of a target. For a method that is not known the whole line is asked
 * for, since many protocols begin with a word and a blank.
 */
static enum probe probe_request(struct slice s)
{
	const uint8_t *sp = memchr(s.ptr, ' ', s.len);
	struct slice method = slice_of(s.ptr, sp ? (size_t)(sp - s.ptr) : s.len);
	if (!sp)
		return PROBE_MORE;
	for (size_t i = 0; i < method.len; i++)
		if (method.ptr[i] >= 'a' && method.ptr[i] <= 'z')
			return PROBE_NO;
	struct slice target = slice_from(s, method.len + 1);
	if (target.len == 0)
		return PROBE_MORE;
	if (slice_starts(s, SLICE_LIT("PRI * HTTP/2")))
		return PROBE_NO;
	bool plausible = target.ptr[0] == '/' || target.ptr[0] == '*' || target.ptr[0] == 'h' ||
			 slice_eq(method, SLICE_LIT("CONNECT"));
	if (plausible && http1_method_known(method))
		return PROBE_YES;
	const uint8_t *lf = memchr(s.ptr, '\n', s.len);
	if (!lf)
		return plausible ? PROBE_MORE : PROBE_NO;
	struct http1_msg m = {0};
	const char *why;
	struct slice line = slice_of(s.ptr, (size_t)(lf - s.ptr) + 1);
	http1_head_read(&m, line, false, line.len + 1, &why);
	return m.line ? PROBE_YES : PROBE_NO;
}

static enum probe http1_probe(const void *conf, const struct parse_in *first)
{
	(void)conf;
	struct slice s = first->data;
	while (s.len && (s.ptr[0] == '\r' || s.ptr[0] == '\n'))
		s = slice_from(s, 1);
	enum http1_step answer = http1_answer_begins(s), request = http1_request_begins(s);
	if (answer == HTTP1_DONE)
		return PROBE_YES;
	if (answer == HTTP1_MORE)
		return PROBE_MORE;
	/* Joined in mid-stream this may be the inside of a body; TLS would show in every record. */
	enum probe none = PROBE_NO;
	if (first->after_gap && s.len && (s.ptr[0] < 0x14 || s.ptr[0] > 0x17))
		none = PROBE_MAYBE;
	if (request == HTTP1_BROKEN)
		return none;
	enum probe p = probe_request(s);
	return p == PROBE_NO ? none : p;
}

/* --- Both directions -------------------------------------------------------------------------- */

bool http1_body_read(struct http1_call *c, struct http1_msg *m)
{
	struct slice rest = call_from(c, m->at), data;
	size_t taken = 0;
	bool over = false;
	if (m->phase == PHASE_LENGTH) {
		taken = m->body_left < rest.len ? (size_t)m->body_left : rest.len;
		m->body_left -= taken;
		over = m->body_left == 0;
	} else {
		size_t n;
		while ((n = http1_chunks_next(&m->chunks, rest, c->conf->header_bytes_max,
					      &data))) {
			rest = slice_from(rest, n);
			taken += n;
		}
		over = m->chunks.phase == CHUNK_DONE;
	}
	m->at += taken;
	if (m->skipping && m->passed_over) {
		c->tally.passed_over += taken;
	} else if (m->skipping && m->wanted) {
		c->tally.lost += taken;
		c->tally.why = "rest of a body of no use";
	}
	return over;
}

bool http1_gap(struct http1_call *c, struct http1_msg *m, unsigned role)
{
	struct http1_state *st = c->st;
	uint64_t off = c->in->stream_off;
	if (st->gap_seen[role] && st->gap_at[role] == off)
		return false;
	st->gap_seen[role] = true;
	st->gap_at[role] = off;
	uint64_t hole = off - m->at;
	if (m->phase == PHASE_LENGTH && off >= m->at && hole <= m->body_left) {
		m->body_left -= hole;
	} else if (m->phase == PHASE_CHUNKS && m->chunks.phase == CHUNK_BYTES && off >= m->at &&
		   hole < m->chunks.left) {
		m->chunks.left -= hole;
	} else if (m->phase != PHASE_CLOSE) {
		m->phase = PHASE_SEARCH;
		m->start = off;
	}
	m->at = off;
	return true;
}

/* Joined in mid-stream, flow can only guess who is the client: the first bytes know better. */
static void learn_roles(struct http1_state *st, const struct parse_in *in)
{
	bool answers = http1_answer_begins(in->data) == HTTP1_DONE;
	const uint8_t *sp = memchr(in->data.ptr, ' ', in->data.len < 33 ? in->data.len : 33);
	bool asks = !answers && sp &&
		    http1_method_known(slice_of(in->data.ptr, (size_t)(sp - in->data.ptr)));
	if (!answers && !asks)
		return;
	bool swapped = in->dir == (answers ? 0 : 1);
	if (swapped)
		*st = (struct http1_state){.swapped = true};
	st->roles_known = true;
}

static struct parse_result http1_parse(void *state, const void *conf, const struct parse_in *in,
				       struct frame_out *out)
{
	struct http1_state *st = state;
	struct http1_call c;
	c.st = st;
	c.conf = conf;
	c.in = in;
	c.out = out;
	c.work = (struct http1_work){0};
	c.tally = (struct http1_tally){0};
	c.wake = false;
	if (!st->roles_known && in->stream_off == 0 && in->data.len)
		learn_roles(st, in);
	if (in->time_ns > st->now_ns)
		st->now_ns = in->time_ns;
	return (in->dir == 1) == st->swapped ? http1_requests(&c) : http1_answers(&c);
}

static const struct field_def http1_fields[] = {{.name = NULL}};

const struct parser parser_http1 = {
	.name = "http1",
	.summary = "HTTP/1.x requests, with the status of their answers",
	.transports = PARSER_TCP,
	.fields = http1_fields,
	.opts = http1_opts,
	.conf_size = sizeof(struct http1_conf),
	.state_size = sizeof(struct http1_state),
	.memo_size = sizeof(struct http1_known),
	.default_ports = "tcp:80,8080",
	.probe = http1_probe,
	.parse = http1_parse,
};
