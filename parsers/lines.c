/* lines: text or JSON objects, one a line, over TCP and UDP.
 *
 *     [BOM] line LF          LF or CR LF; a line that holds nothing is a delimiter
 *     [BOM] line <end>       the last one needs no line feed; it is cut where nobody closed
 *
 * A datagram may hold several lines, and no line goes on in the next datagram. A byte-order mark in
 * front of a line is no part of it, nor are blanks in front of a JSON object. After a gap the line
 * that was cut is skipped to its line feed.
 */
#include "parsers/parsers.h"

#include "dataplane/base/text.h"

#define PROBE_BYTES_MAX 64

struct lines_state {
	uint64_t no_lf; /* unread bytes before this offset of the stream hold no LF */
	bool resync;    /* inside a line whose beginning is lost */
};

static const struct field_def lines_fields[] = {
	{"message", VAL_STR, "the line, when it is no JSON object and no format fits it"},
	{NULL},
};

static struct slice skip_bom(struct slice s)
{
	return slice_starts(s, SLICE_LIT("\xef\xbb\xbf")) ? slice_from(s, 3) : s;
}

static size_t count_blanks(struct slice s)
{
	size_t i = 0;
	while (i < s.len && (s.ptr[i] == ' ' || (s.ptr[i] >= '\t' && s.ptr[i] <= '\r')))
		i++;
	return i;
}

/* A '{' and what may follow it in JSON. */
static enum probe probe_object(struct slice s)
{
	s = slice_from(s, 1);
	s = slice_from(s, count_blanks(s));
	if (s.len == 0)
		return PROBE_MORE;
	return s.ptr[0] == '"' || s.ptr[0] == '}' ? PROBE_YES : PROBE_MAYBE;
}

static enum probe lines_probe(const void *conf, const struct parse_in *first)
{
	struct slice s = first->data;
	if (first->dir != 0)
		return PROBE_NO;
	for (size_t i = 0; i < s.len && i < PROBE_BYTES_MAX; i++) {
		uint8_t c = s.ptr[i];
		if (c == 0x7f || (c < ' ' && !(c >= '\t' && c <= '\r') && c != 0x1b))
			return PROBE_NO;
	}
	s = skip_bom(s);
	s = slice_from(s, count_blanks(s));
	enum probe answer = s.len == 0        ? PROBE_MORE
			    : s.ptr[0] == '{' ? probe_object(s)
					      : PROBE_MAYBE;
	return answer == PROBE_MORE && (first->datagram || first->end) ? PROBE_MAYBE : answer;
}

/* False when the burst is full. */
static bool put_line(struct slice line, uint64_t off, bool cut, struct frame_out *out)
{
	while (line.len && line.ptr[line.len - 1] == '\r')
		line.len--;
	struct slice text = skip_bom(line);
	size_t blanks = count_blanks(text);
	if (blanks == text.len)
		return true;
	struct frame_desc d = {
		.bytes = line,
		.body = text.ptr[blanks] == '{' ? slice_from(text, blanks) : text,
		.stream_off = off,
		.body_kind = BODY_AUTO,
		.cut = cut,
	};
	return frame_put(out, &d);
}

/* Lines one behind the other, of those laid down: nearly all that there are. One that begins with
 * something that must be looked at (a blank, a byte-order mark, TLS) ends them. Returns the bytes
 * behind @from that were read; *ret_full: the burst is.
 */
static size_t read_plain(const struct parse_in *in, size_t from, struct frame_out *out,
			 bool *ret_full)
{
	struct line_ends *e = in->ends;
	const uint8_t *begin = in->data.ptr, *p = begin + from;
	struct frame_run frames = frame_lines_begin(out);
	*ret_full = false;
	line_ends_next(e, p, begin + in->data.len); /* now some are known, if there are */
	for (; e->next < e->n; e->next++) {
		const uint8_t *stop = e->begin + e->at[e->next];
		if (*stop != '\n') /* a NUL is a part of its line */
			continue;
		if (*p <= ' ' || *p == 0xef)
			break;
		struct slice line = slice_of(p, (size_t)(stop - p));
		while (line.ptr[line.len - 1] == '\r')
			line.len--;
		*ret_full = !frame_line_put(&frames, line, in->stream_off + (uint64_t)(p - begin));
		if (*ret_full)
			break;
		p = stop + 1;
	}
	frame_run_end(out, frames.next, *ret_full);
	return (size_t)(p - begin) - from;
}

static struct parse_result lines_parse(void *state, const void *conf, const struct parse_in *in,
				       struct frame_out *out)
{
	struct lines_state *st = state;
	struct parse_result r = {.status = PARSE_OK};
	if (in->dir != 0)
		return (struct parse_result){.status = PARSE_DONE, .why = PARSER_ANSWERS};
	st->resync |= in->after_gap;
	while (r.consumed < in->data.len) {
		bool full = false;
		if (in->ends && !st->resync)
			r.consumed += read_plain(in, r.consumed, out, &full);
		if (full)
			return r;
		if (r.consumed == in->data.len)
			break;
		struct slice rest = slice_from(in->data, r.consumed);
		uint64_t off = in->stream_off + r.consumed;
		size_t seen = !in->datagram && st->no_lf > off ? (size_t)(st->no_lf - off) : 0;
		struct slice fresh = slice_from(rest, seen);
		const uint8_t *lf = memchr(fresh.ptr, '\n', fresh.len);
		size_t len = lf ? (size_t)(lf - rest.ptr) : rest.len;
		size_t whole = lf ? len + 1 : len;
		st->no_lf = off + len;
		if (st->resync) {
			r.skipped += whole;
			r.why = "the beginning of the line is missing";
			st->resync = !lf;
		} else if (!in->datagram && parser_sees_tls(rest)) {
			r.status = PARSE_DONE;
			r.why = PARSER_TLS;
			return r;
		} else if (!lf && !in->datagram && !in->end) {
			break;
		} else if (!put_line(slice_of(rest.ptr, len), off,
				     !lf && !in->datagram && !in->closed, out)) {
			return r;
		}
		r.consumed += whole;
	}
	r.status = PARSE_MORE;
	r.needed = in->data.len - r.consumed + 1;
	return r;
}

const struct parser parser_lines = {
	.name = "lines",
	.summary = "NDJSON and plain text, one record a line, over TCP and UDP",
	.transports = PARSER_TCP | PARSER_UDP,
	.fields = lines_fields,
	.state_size = sizeof(struct lines_state),
	.lays_down = BODY_AUTO,
	.default_ports = "tcp:5170,5171 udp:5170,5171",
	.probe = lines_probe,
	.parse = lines_parse,
};
