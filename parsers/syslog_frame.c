/* Where a syslog message begins and ends: RFC 6587 over TCP, RFC 5426 over UDP.
 *
 *     octet counting   MSG-LEN SP <PRI>...      MSG-LEN bytes, line feeds included
 *     lines            <PRI>... LF              CR LF, NUL, and lines without priority too
 *
 * Both may alternate on one connection, so each frame is judged by its first bytes alone. A count
 * is a claim of the sender's, and some senders cut the message but not the count: a count that
 * covers the header of the next counted frame, when that one reaches beyond the count's end, is
 * wrong. After a counted frame comes a frame; whatever else stands there is the tail of a message
 * whose count was too small, and is skipped up to the next frame's start.
 *
 * After a gap the next start is looked for, unless the gap lies in a counted frame: then its end is
 * known, since offsets of the stream go on across a gap.
 */
#include "dataplane/base/line_ends.h"
#include "dataplane/base/text.h"
#include "parsers/syslog.h"
#include "parsers/syslog_time.h"

#define COUNT_DIGITS_MAX 10
/* Lines without a priority that are skipped before we believe that the sender has none. */
#define PLAIN_LINES_MAX  8
/* Behind a gap a frame must be seen whole to be believed; longer ones are skipped. */
#define FIRST_LINE_MAX   8192
#define FIRST_COUNT_MAX  65536

static const char why_gap[] = "no frame starts here: bytes before are missing";
static const char why_short[] = "octet count is smaller than its message";
static const char why_long[] = "octet count is larger than the longest frame";

enum start { START_NO, START_MORE, START_LINE, START_COUNTED };

struct header {
	uint64_t count;
	size_t len; /* of the count and its blank */
};

/* '<' and a digit, or a byte-order mark in front of them: LINE, NO, or MORE bytes are needed. */
static enum start start_of_pri(const uint8_t *p, const uint8_t *end)
{
	static const uint8_t bom[] = {0xef, 0xbb, 0xbf};
	if (p < end && *p == bom[0]) {
		size_t n = (size_t)(end - p) < sizeof(bom) ? (size_t)(end - p) : sizeof(bom);
		if (memcmp(p, bom, n) != 0)
			return START_NO;
		p += n;
	}
	if (p == end)
		return START_MORE;
	if (*p != '<')
		return START_NO;
	if (p + 1 == end)
		return START_MORE;
	return text_is_digit(p[1]) ? START_LINE : START_NO;
}

/* What begins at @p? MORE: too few bytes to say. A line without a priority is NO, here. */
static enum start start_read(const uint8_t *p, const uint8_t *end, struct header *h)
{
	if (p == end)
		return START_MORE;
	if (*p == '<' || *p == 0xef)
		return start_of_pri(p, end);
	const uint8_t *q = p;
	h->count = 0;
	if (*p == '0')
		return START_NO;
	for (; q < end && text_is_digit(*q); q++) {
		if (q - p == COUNT_DIGITS_MAX)
			return START_NO;
		h->count = h->count * 10 + (uint64_t)(*q - '0');
	}
	if (q == p)
		return START_NO;
	if (q == end)
		return START_MORE;
	if (*q != ' ')
		return START_NO;
	h->len = (size_t)(q - p) + 1;
	if (q + 1 == end)
		return START_MORE;
	if (q[1] == '<')
		return START_COUNTED;
	enum start pri = q[1] == 0xef ? start_of_pri(q + 1, end) : START_NO;
	return pri == START_LINE ? START_COUNTED : pri;
}

/* Is the '<' at @p, or behind a byte-order mark there, a priority with a version, a month or a year
 * behind it? Text that speaks of priorities does not look so by chance.
 */
static enum start strong_pri(const uint8_t *p, const uint8_t *end)
{
	unsigned pri;
	p = syslog_skip_bom(p, end);
	const uint8_t *q = p + 1;
	while (q < end && q - p <= 3 && text_is_digit(*q))
		q++;
	if (end - q < 5)
		return START_MORE;
	unsigned n = syslog_pri_read(p, end, &pri);
	if (n == 0 || n == SYSLOG_PRI_RANGE)
		return START_NO;
	q = p + n;
	if (end - q < 5)
		return START_MORE;
	if (q[0] == '1' && q[1] == ' ' && (q[2] == '-' || text_is_digit(q[2])))
		return START_LINE;
	if (q[0] == '2' && text_is_digit(q[1]) && text_is_digit(q[2]) && q[4] == '-')
		return START_LINE;
	return syslog_month(q) ? START_LINE : START_NO;
}

/* The header of a counted frame whose '<' stands at @p; the count is looked for backwards, down to
 * @begin. NULL when it is none.
 */
static const uint8_t *header_before(const uint8_t *begin, const uint8_t *p)
{
	const uint8_t *q = p;
	if (q == begin || *--q != ' ')
		return NULL;
	const uint8_t *blank = q;
	while (q > begin && text_is_digit(q[-1]) && p - q <= COUNT_DIGITS_MAX)
		q--;
	while (*q == '0')
		q++;
	return q < blank ? q : NULL;
}

static bool is_delimiter(uint8_t c)
{
	return c == '\n' || c == '\r' || c == 0;
}

/* --- Finding the next frame's start ------------------------------------------------------------
 */

enum found { FOUND, FOUND_NOT, FOUND_MAYBE };

/* Could a frame begin at @p, right behind a line feed or a gap? */
static enum found judge_line(struct syslog_state *st, const uint8_t *p, const struct parse_in *in)
{
	const uint8_t *end = in->data.ptr + in->data.len;
	struct header h;
	switch (start_read(p, end, &h)) {
	case START_COUNTED:
	case START_LINE:
		return FOUND;
	case START_MORE:
		return in->end ? FOUND_NOT : FOUND_MAYBE;
	default:
		break;
	}
	uint64_t off = in->stream_off + (uint64_t)(p - in->data.ptr);
	if (off <= st->line_refused) /* bytes from before it were kept: it is seen again */
		return FOUND_NOT;
	if ((st->plain_seen && !st->counted_seen) || st->lines_skipped >= PLAIN_LINES_MAX)
		return FOUND;
	st->line_refused = off;
	st->lines_skipped++;
	return FOUND_NOT;
}

/* What stands behind the frame that ends at @p confirms it, or not. */
static enum found judge_next(const uint8_t *p, const struct parse_in *in)
{
	const uint8_t *end = in->data.ptr + in->data.len;
	struct header h;
	while (p < end && is_delimiter(*p))
		p++;
	switch (start_read(p, end, &h)) {
	case START_MORE:
		return in->end ? FOUND : FOUND_MAYBE;
	case START_NO:
		return FOUND_NOT;
	default:
		return FOUND;
	}
}

/* Which of the digits at @longest are the count? The message in front may end in digits, and
 * nothing then stands between. FOUND: *ret_at is where it begins, with as few digits as end their
 * message where another frame begins. MAYBE: more bytes are needed to say.
 */
static enum found judge_count(const uint8_t *longest, const struct parse_in *in,
			      const uint8_t **ret_at)
{
	const uint8_t *end = in->data.ptr + in->data.len, *blank = longest;
	bool last = in->end || in->before_gap;
	*ret_at = longest;
	if (longest > in->data.ptr && is_delimiter(longest[-1]))
		return FOUND;
	while (*blank != ' ')
		blank++;
	const uint8_t *pri = blank + 1;
	uint64_t count = 0, unit = 1;
	for (const uint8_t *q = blank; q-- > longest; unit *= 10) {
		count += unit * (uint64_t)(*q - '0');
		if (*q == '0')
			continue;
		bool whole = count <= (uint64_t)(end - pri);
		if (count > FIRST_COUNT_MAX || (!whole && last))
			break;
		enum found f = whole ? judge_next(pri + count, in) : FOUND_MAYBE;
		if (f == FOUND_MAYBE && last)
			f = FOUND;
		if (f == FOUND)
			*ret_at = q;
		if (f != FOUND_NOT)
			return f;
	}
	return FOUND_NOT;
}

/* A line right behind a gap, on a connection that may as well be octet-counted: then the gap has
 * taken the count, and another message begins inside the line, or the line is one of many in the
 * message.
 */
static enum found judge_first_line(const uint8_t *p, const struct parse_in *in)
{
	const uint8_t *end = in->data.ptr + in->data.len;
	for (const uint8_t *q = p + 1; q < end; q++) {
		if (is_delimiter(*q))
			return judge_next(q + 1, in);
		if (q - p == FIRST_LINE_MAX)
			return FOUND_NOT;
		enum start s = *q == '<' ? strong_pri(q, end) : START_NO;
		if (s == START_LINE)
			return FOUND_NOT;
		if (s == START_MORE && !in->end)
			return FOUND_MAYBE;
	}
	return in->end ? FOUND : FOUND_MAYBE;
}

/* Right behind a gap any text could stand, so a start must be a strong one there; and the first
 * digits of a count may be missing, so its end must fit.
 */
static enum found judge_first(const struct syslog_state *st, const uint8_t *p,
			      const struct parse_in *in)
{
	const uint8_t *end = in->data.ptr + in->data.len;
	struct header h;
	enum start is = start_read(p, end, &h), strong = is;
	if (is == START_COUNTED)
		strong = strong_pri(p + h.len, end);
	else if (is == START_LINE)
		strong = strong_pri(p, end);
	if (strong == START_MORE)
		return in->end ? FOUND_NOT : FOUND_MAYBE;
	if (strong == START_NO)
		return FOUND_NOT;
	if (is == START_LINE && st->lines_seen && !st->counted_seen)
		return FOUND;
	if (is == START_LINE)
		return st->counted_seen ? FOUND_NOT : judge_first_line(p, in);
	if (h.count > FIRST_COUNT_MAX)
		return FOUND_NOT;
	if (h.len + h.count > (uint64_t)(end - p))
		return in->end ? FOUND_NOT : FOUND_MAYBE;
	return judge_next(p + h.len + h.count, in);
}

/* A delimiter in front of digits says that all of them are the count: it must not be let go before
 * they are judged.
 */
static const uint8_t *with_delimiter(const uint8_t *begin, const uint8_t *p)
{
	return p > begin && is_delimiter(p[-1]) ? p - 1 : p;
}

/* The run of digits and a blank at the end could become a count with what follows. */
static const uint8_t *keep_tail(const uint8_t *begin, const uint8_t *end)
{
	const uint8_t *q = end;
	if (q > begin && q[-1] == ' ')
		q--;
	while (q > begin && text_is_digit(q[-1]) && end - q <= COUNT_DIGITS_MAX)
		q--;
	return with_delimiter(begin, q);
}

/* Looks for a start in [@p, @end). FOUND: it is *ret_at. FOUND_MAYBE: the bytes from *ret_at on are
 * needed to go on. @lines: a line feed may precede it; else only the header of a counted frame will
 * do.
 */
static enum found find_start(struct syslog_state *st, const uint8_t *p, const uint8_t *end,
			     const struct parse_in *in, bool lines, const uint8_t **ret_at)
{
	if (st->first_byte && p < end) {
		enum found f = judge_first(st, p, in);
		*ret_at = p;
		if (f != FOUND_NOT)
			return f;
		st->first_byte = false;
	}
	for (const uint8_t *q = p; q < end; q++) {
		enum found f = FOUND_NOT;
		*ret_at = q;
		if ((*q == '\n' || *q == 0) && lines) {
			f = judge_line(st, q + 1, in);
			if (f == FOUND)
				*ret_at = q + 1;
		} else if (*q == '<') {
			const uint8_t *h = header_before(p, q);
			bool whole =
				h && in->stream_off + (uint64_t)(h - in->data.ptr) != st->gap_end;
			enum start s = whole ? strong_pri(q, end) : START_NO;
			if (h)
				*ret_at = h;
			if (s == START_LINE)
				f = judge_count(h, in, ret_at);
			else if (s == START_MORE && !in->end)
				f = FOUND_MAYBE;
			if (f == FOUND_MAYBE && h)
				*ret_at = with_delimiter(p, h);
		}
		if (f != FOUND_NOT)
			return f;
	}
	*ret_at = in->end ? end : keep_tail(p, end);
	return FOUND_MAYBE;
}

/* --- Frames ------------------------------------------------------------------------------------
 */

/* One call of parse. */
struct run {
	struct syslog_state *st;
	const struct parse_in *in;
	struct frame_out *out;
	const uint8_t *p, *end;
	struct parse_result r;
	struct line_ends *ends;
};

static uint64_t offset_of(const struct run *run, const uint8_t *p)
{
	return run->in->stream_off + (uint64_t)(p - run->in->data.ptr);
}

static void skip_to(struct run *run, const uint8_t *p, const char *why)
{
	run->r.skipped += (size_t)(p - run->p);
	run->r.why = why;
	run->p = p;
}

static void begin_resync(struct syslog_state *st, bool first_byte)
{
	st->mode = MODE_RESYNC;
	st->first_byte = first_byte;
	st->lines_skipped = 0;
}

static struct slice trim_end(const uint8_t *p, const uint8_t *end)
{
	while (end > p && is_delimiter(end[-1]))
		end--;
	return syslog_part(p, end);
}

/* False when the burst is full. Nothing but delimiters is no frame. */
static bool put(struct run *run, const uint8_t *begin, struct slice message, bool cut)
{
	if (message.len == 0)
		return true;
	return frame_put_whole(run->out, message, offset_of(run, begin), cut);
}

enum step { STEP_ON, STEP_MORE, STEP_FULL, STEP_DONE };

static enum step need(struct run *run, size_t total)
{
	size_t have = (size_t)(run->end - run->p);
	run->r.needed = total > have ? total : have + 1;
	return STEP_MORE;
}

/* Follows the counted frames from the header at @p on, whose '<' stands at @pri. Returns where they
 * end: behind @end when the last one does not fit.
 */
static const uint8_t *chain_end(const uint8_t *p, const uint8_t *pri, const uint8_t *end)
{
	struct header h;
	while (start_read(p, end, &h) == START_COUNTED && strong_pri(pri, end) == START_LINE) {
		if (h.count > (uint64_t)(end - pri))
			return end + 1;
		p = pri + h.count;
		while (p < end && is_delimiter(*p))
			p++;
		if (start_read(p, end, &h) != START_COUNTED)
			break;
		pri = p + h.len;
	}
	return p;
}

/* The end of the message in [@p, @end): the header of a counted frame in it, when that one or one
 * that follows it does not fit, so that the count of the message is wrong. NULL when there is none.
 */
static const uint8_t *overrun(const uint8_t *p, const uint8_t *end)
{
	const uint8_t *q = p + 1;
	while (q < end && (q = memchr(q, '<', (size_t)(end - q))) != NULL) {
		const uint8_t *at = header_before(p, q);
		const uint8_t *stop = at ? chain_end(at, q, end) : q;
		if (stop > end)
			return at;
		/* What fails from here fails from inside of it too. */
		q = stop > q ? stop : q + 1;
	}
	return NULL;
}

static enum step read_counted(struct run *run, const struct header *h)
{
	struct syslog_state *st = run->st;
	const uint8_t *body = run->p + h->len;
	if (h->len + h->count > frame_bytes_max(run->out)) {
		st->mode = MODE_SKIP;
		st->look_inside = true;
		st->frame_end = offset_of(run, body) + h->count;
		skip_to(run, body, why_long);
		return STEP_ON;
	}
	if (h->count > (uint64_t)(run->end - body)) {
		st->frame_end = offset_of(run, body) + h->count;
		return need(run, h->len + h->count);
	}
	const uint8_t *end = body + h->count, *next = overrun(body, end);
	if (next && judge_count(next, run->in, &next) == FOUND_MAYBE &&
	    (size_t)(run->end - run->p) < frame_bytes_max(run->out)) {
		st->frame_end = offset_of(run, end);
		return need(run, 0);
	}
	if (!put(run, run->p, trim_end(body, next ? next : end), next != NULL))
		return STEP_FULL;
	st->frame_end = 0;
	st->framing = FRAMING_COUNTED;
	st->counted_seen = true;
	run->p = next ? next : end;
	return STEP_ON;
}

/* The end of the line at run->p, or NULL. */
static const uint8_t *find_end(struct run *run)
{
	struct syslog_state *st = run->st;
	const uint8_t *from = run->p;
	uint64_t off = offset_of(run, from);
	if (st->no_end > off)
		from = st->no_end - off < (uint64_t)(run->end - from) ? from + (st->no_end - off)
								      : run->end;
	const uint8_t *at = line_ends_next(run->ends, from, run->end);
	st->no_end = offset_of(run, at ? at : run->end);
	return at;
}

static bool begins_pri(struct slice line)
{
	const uint8_t *end = line.ptr + line.len, *p = syslog_skip_bom(line.ptr, end);
	return p < end && *p == '<';
}

static enum step read_line(struct run *run)
{
	struct syslog_state *st = run->st;
	const uint8_t *stop = find_end(run);
	if (!stop && !run->in->end)
		return need(run, 0);
	struct slice line = trim_end(run->p, stop ? stop : run->end);
	if (!put(run, run->p, line, !stop && !run->in->closed))
		return STEP_FULL;
	st->framing = FRAMING_LINES;
	st->lines_seen = true;
	st->plain_seen |= line.len && !begins_pri(line);
	run->p = stop ? stop + 1 : run->end;
	return STEP_ON;
}

/* Lines that begin with a priority, one behind the other, as long as their ends are known: nearly
 * all that there are. What else stands there is read_frame's. False when the burst is full.
 */
static bool read_lines(struct run *run)
{
	struct frame_run frames = frame_lines_begin(run->out);
	const uint8_t *p = run->p, *begin = run->ends->begin;
	uint64_t off = offset_of(run, begin);
	unsigned i = run->ends->next, n = run->ends->n;
	bool room = true;
	for (; i < n; i++) {
		const uint8_t *stop = begin + run->ends->at[i];
		if (stop - p < 2 || p[0] != '<' || !text_is_digit(p[1]))
			break;
		room = frame_line_put(&frames, trim_end(p, stop), off + (uint64_t)(p - begin));
		if (!room)
			break;
		p = stop + 1;
	}
	run->ends->next = i;
	frame_run_end(run->out, frames.next, !room);
	if (p > run->p) {
		run->st->framing = FRAMING_LINES;
		run->st->lines_seen = true;
		run->st->no_end = offset_of(run, p);
		run->p = p;
	}
	return room;
}

/* At the first byte of a frame. */
static enum step read_frame(struct run *run)
{
	struct syslog_state *st = run->st;
	while (run->p < run->end && is_delimiter(*run->p))
		run->p++;
	if (run->p == run->end)
		return need(run, 0);
	if (parser_sees_tls(syslog_part(run->p, run->end))) {
		run->r.why = PARSER_TLS;
		return STEP_DONE;
	}
	if (*run->p == 0x16 && run->end - run->p < 3 && !run->in->end)
		return need(run, 0);
	struct header h;
	enum start s = start_read(run->p, run->end, &h);
	if (s == START_COUNTED)
		return read_counted(run, &h);
	if (s == START_MORE && (!run->in->end || st->framing == FRAMING_COUNTED))
		return need(run, 0);
	if (s == START_NO && st->framing == FRAMING_COUNTED) {
		begin_resync(st, false);
		return STEP_ON;
	}
	return read_line(run);
}

static enum step resync(struct run *run)
{
	struct syslog_state *st = run->st;
	const uint8_t *at;
	const char *why = st->framing == FRAMING_COUNTED ? why_short : why_gap;
	enum found f = find_start(st, run->p, run->end, run->in, true, &at);
	skip_to(run, at, why);
	if (f != FOUND)
		return need(run, 0);
	st->mode = MODE_START;
	st->first_byte = false;
	st->framing = FRAMING_UNKNOWN;
	return STEP_ON;
}

/* Inside a counted frame that is lost. */
static enum step skip(struct run *run)
{
	struct syslog_state *st = run->st;
	uint64_t left = st->frame_end - offset_of(run, run->p);
	bool here = left <= (uint64_t)(run->end - run->p);
	const uint8_t *stop = here ? run->p + left : run->end, *at = stop;
	const char *why = st->look_inside ? why_long : why_gap;
	bool found = false;
	if (st->look_inside) {
		/* Not its own '<', which would be taken for that of the count before it. */
		found = find_start(st, run->p, stop, run->in, false, &at) == FOUND;
		if (!found && here)
			at = stop;
	}
	skip_to(run, at, why);
	if (!found && !here)
		return need(run, 0);
	st->mode = MODE_START;
	st->frame_end = 0;
	st->look_inside = false;
	st->framing = FRAMING_COUNTED;
	return STEP_ON;
}

static void after_gap(struct syslog_state *st, uint64_t off)
{
	if (st->gap_seen && st->gap_end == off) /* told again, since nothing was consumed */
		return;
	st->gap_seen = true;
	st->gap_end = off;
	if (st->frame_end >= off && st->frame_end > 0) {
		st->mode = MODE_SKIP;
		return;
	}
	st->frame_end = 0;
	st->look_inside = false;
	st->framing = FRAMING_UNKNOWN;
	begin_resync(st, true);
}

/* A syslog relay may answer from port 514 to port 514, so both directions count. */
struct slice syslog_datagram(struct slice data)
{
	return trim_end(data.ptr, data.ptr + data.len);
}

static struct parse_result read_datagram(const struct parse_in *in, struct frame_out *out)
{
	struct slice message = syslog_datagram(in->data);
	struct frame_desc d = {
		.bytes = message,
		.body = message,
		.stream_off = in->stream_off,
		.body_kind = BODY_PARSER,
	};
	struct parse_result r = {.status = PARSE_OK};
	if (message.len == 0 || frame_put(out, &d))
		r.consumed = in->data.len;
	return r;
}

struct parse_result syslog_frame_parse(void *state, const void *conf, const struct parse_in *in,
				       struct frame_out *out)
{
	if (in->datagram)
		return read_datagram(in, out);
	struct line_ends ends; /* its places need not be cleared */
	struct run run = {
		.st = state,
		.in = in,
		.out = out,
		.p = in->data.ptr,
		.end = in->data.ptr + in->data.len,
		.ends = in->ends ? in->ends : &ends,
	};
	line_ends_begin(&ends, NULL);
	if (in->dir != 0) /* a syslog server says nothing that we would read */
		return (struct parse_result){.status = PARSE_DONE, .why = PARSER_ANSWERS};
	if (in->after_gap)
		after_gap(run.st, in->stream_off);
	enum step step = STEP_ON;
	while (step == STEP_ON) {
		if (run.st->mode == MODE_RESYNC)
			step = resync(&run);
		else if (run.st->mode == MODE_SKIP)
			step = skip(&run);
		else if (in->ends && run.p < run.end && *run.p == '<' && !read_lines(&run))
			step = STEP_FULL;
		else
			step = read_frame(&run);
	}
	/* Member by member: as a whole it would be read where its halves were just stored, and wait
	 * for all stores before them, which are the frames'.
	 */
	struct parse_result r;
	r.status = step == STEP_MORE ? PARSE_MORE : step == STEP_DONE ? PARSE_DONE : PARSE_OK;
	r.consumed = (size_t)(run.p - in->data.ptr);
	r.needed = run.r.needed;
	r.skipped = run.r.skipped;
	r.passed_over = 0;
	r.why = run.r.why;
	r.due_ns = 0;
	r.wake = false;
	return r;
}
