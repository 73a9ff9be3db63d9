/* template: the example of STYLE 5, a parser of netstrings. Copy it, then replace what it says.
 *
 *     "5:hello,"   decimal length, ':', that many bytes, ','
 *
 * See D. J. Bernstein, "Netstrings", 1997. No leading zeros, except "0:,". A string that does not
 * end in ',' is skipped: the next one is looked for behind the next ','.
 */
#include "parsers/parsers.h"

#include "dataplane/base/text.h"

/* 1. What the user may set: one row an option. All zero must be the default in spirit. */
struct template_conf {
	int64_t bytes_max;
};

static const struct opt template_opts[] = {
	{.name = "bytes_max",
	 .type = OPT_INT,
	 .off = offsetof(struct template_conf, bytes_max),
	 .min = 1,
	 .max = 1 << 20,
	 .def = "65536",
	 .help = "A string longer than this, in bytes, is taken for a broken length."},
	OPT_END,
};

/* 2. What its records hold. */
enum { FIELD_LENGTH, FIELD_MESSAGE };

static const struct field_def template_fields[] = {
	[FIELD_LENGTH] = {"length", VAL_I64, "bytes of the string"},
	[FIELD_MESSAGE] = {"message", VAL_STR, "the string"},
	{NULL},
};

/* 3. What it must remember between two calls: plain bytes, all zero at the start of a session. What
 * can be read again from the unread bytes does not belong here.
 */
struct template_state {
	bool resync; /* looking for the next ',' */
};

/* Digits before the ':' at most: those of 1 MiB. */
#define DIGITS_MAX 7

/* Reads "123:" at the start of @s. Returns its bytes; 0 when more bytes are needed; -1 when it is
 * none.
 */
static int read_length(struct slice s, size_t *ret_len)
{
	size_t len = 0;
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == ':' && i > 0) {
			*ret_len = len;
			return (int)i + 1;
		}
		bool zero_first = i == 1 && s.ptr[0] == '0';
		if (!text_is_digit(s.ptr[i]) || i == DIGITS_MAX || zero_first)
			return -1;
		len = len * 10 + (size_t)(s.ptr[i] - '0');
	}
	return 0;
}

/* 4. Whose session is it? NO is final; MAYBE suffices on a configured port; YES claims any port. */
static enum probe template_probe(const void *conf, const struct parse_in *first)
{
	size_t len;
	if (first->dir != 0)
		return PROBE_NO;
	int n = read_length(first->data, &len);
	if (n < 0)
		return PROBE_NO;
	return n == 0 ? PROBE_MORE : PROBE_MAYBE;
}

/* One string at the start of @rest. OK: *ret_used bytes are done with, or frame_put refused (0).
 * MORE: *ret_used is what must be there in all. BAD: no string begins here.
 */
static enum parse_status read_string(const struct template_conf *conf, struct slice rest,
				     uint64_t off, struct frame_out *out, size_t *ret_used)
{
	size_t len;
	int n = read_length(rest, &len);
	*ret_used = rest.len + 1;
	if (n == 0)
		return PARSE_MORE;
	if (n < 0 || len > (size_t)conf->bytes_max)
		return PARSE_BAD;
	size_t whole = (size_t)n + len + 1;
	if (whole > rest.len) {
		*ret_used = whole;
		return PARSE_MORE;
	}
	if (rest.ptr[whole - 1] != ',')
		return PARSE_BAD;
	struct frame_desc d = {
		.bytes = slice_of(rest.ptr, whole),
		.body = slice_of(rest.ptr + n, len),
		.stream_off = off,
		.body_kind = BODY_PARSER,
	};
	*ret_used = frame_put(out, &d) ? whole : 0;
	return PARSE_OK;
}

/* 5. Bytes to frames. It reads only in->data, consumes from the front, and either gets on or says
 * how many bytes it needs. After a gap, and after an error, it looks for the next frame and counts
 * what it skips. Frames must not depend on where the slices are cut.
 */
static struct parse_result template_parse(void *state, const void *conf, const struct parse_in *in,
					  struct frame_out *out)
{
	struct template_state *st = state;
	struct parse_result r = {.status = PARSE_OK};
	if (in->dir != 0)
		return (struct parse_result){.status = PARSE_DONE, .why = PARSER_ANSWERS};
	st->resync |= in->after_gap;
	for (;;) {
		struct slice rest = slice_from(in->data, r.consumed);
		if (st->resync) {
			const uint8_t *comma = memchr(rest.ptr, ',', rest.len);
			size_t n = comma ? (size_t)(comma - rest.ptr) + 1 : rest.len;
			r.consumed += n;
			r.skipped += n;
			r.why = "not a netstring";
			st->resync = !comma;
			rest = slice_from(rest, n);
		}
		size_t used = 1;
		enum parse_status s = PARSE_MORE;
		if (!st->resync)
			s = read_string(conf, rest, in->stream_off + r.consumed, out, &used);
		if (s == PARSE_MORE) {
			r.status = PARSE_MORE;
			r.needed = used;
			return r;
		}
		if (s == PARSE_OK && used == 0)
			return r;
		if (s == PARSE_OK)
			r.consumed += used;
		else
			st->resync = true;
	}
}

/* 6. A frame to a record: fields point into the frame, which lies in the arena of the batch. */
static const char *template_extract(const void *conf, const struct frame *f, struct rec_builder *rb)
{
	rec_set_i64(rb, FIELD_LENGTH, (int64_t)f->body.len);
	rec_set(rb, FIELD_MESSAGE, rec_ref(rb, VAL_STR, f->body));
	return NULL;
}

/* 7. The table row. A real parser is named in parsers.c. */
const struct parser parser_template = {
	.name = "template",
	.summary = "netstrings: the example to copy",
	.transports = PARSER_TCP,
	.fields = template_fields,
	.opts = template_opts,
	.conf_size = sizeof(struct template_conf),
	.state_size = sizeof(struct template_state),
	.default_ports = "",
	.probe = template_probe,
	.parse = template_parse,
	.extract = template_extract,
};
