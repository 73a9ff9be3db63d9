/* RFC 3164, and what devices send in its name. Behind the priority:
 *
 *     Oct 11 22:14:15 mymachine su[77]: message      the RFC
 *     Oct 11 22:14:15 su: message                    no host
 *     Oct 11 22:14:15 CET mymachine su: message      a zone, where a host and a tag follow it
 *     su[77]: message                                no time stamp
 *     2022-10-11T22:14:15Z mymachine su message      ISO time, tag ended by a blank
 *     123: R1: *Mar  1 18:46:11.123 UTC: %SYS-5-CONFIG_I: message              Cisco
 *     Oct 11 22:14:15 R1 123: *Mar  1 18:46:11.123: %SYS-5-CONFIG_I: message   the same, relayed
 *     any text
 *
 * The RFC has no grammar that a message could break, so nothing is malformed: what has no such
 * shape is the message. A word is taken for a tag as rsyslog and syslog-ng do: up to ':', "[pid]"
 * or, behind a time stamp and a host, a blank. Text that begins with '[' stays text. A Cisco
 * sequence number and a second time stamp become the pairs `sequence` and `device_timestamp`.
 */
#include "dataplane/base/bsd_time.h"
#include "dataplane/base/civil.h"
#include "dataplane/base/text.h"
#include "parsers/syslog.h"
#include "parsers/syslog_time.h"
#include "parsers/syslog_usual.h"

#define PID_BYTES_MAX 128

enum byte_class { IN_HOST = 1, IN_TAG = 2, IN_HEX = 4 };

#define LETTERS(c)                                                                    \
	[(c)] = IN_HOST | IN_TAG | IN_HEX, [(c) + 1] = IN_HOST | IN_TAG | IN_HEX,     \
	[(c) + 2] = IN_HOST | IN_TAG | IN_HEX, [(c) + 3] = IN_HOST | IN_TAG | IN_HEX, \
	[(c) + 4] = IN_HOST | IN_TAG | IN_HEX, [(c) + 5] = IN_HOST | IN_TAG | IN_HEX, \
	[(c) + 6 ...(c) + 25] = IN_HOST | IN_TAG

static const uint8_t classes[256] = {
	['0' ... '9'] = IN_HOST | IN_TAG | IN_HEX,
	LETTERS('A'),
	LETTERS('a'),
	['.'] = IN_HOST | IN_TAG,
	['-'] = IN_HOST | IN_TAG,
	['_'] = IN_HOST | IN_TAG,
	['/'] = IN_HOST | IN_TAG,
	['@'] = IN_HOST | IN_TAG,
	['%'] = IN_HOST | IN_TAG,
	['+'] = IN_HOST | IN_TAG,
	['~'] = IN_HOST,
	[':'] = IN_HOST,
	['('] = IN_TAG,
	[')'] = IN_TAG,
	['#'] = IN_TAG,
	[0x80 ... 0xff] = IN_HOST | IN_TAG,
};

static const uint8_t *skip_blanks(const uint8_t *p, const uint8_t *end)
{
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	return p;
}

static const uint8_t *skip_class(const uint8_t *p, const uint8_t *end, uint8_t class)
{
	while (p < end && (classes[*p] & class))
		p++;
	return p;
}

static bool at_blank(const uint8_t *p, const uint8_t *end)
{
	return p == end || *p == ' ' || *p == '\t';
}

static bool starts(const uint8_t *p, const uint8_t *end, struct slice text)
{
	return slice_starts(syslog_part(p, end), text);
}

/* --- Tags --------------------------------------------------------------------------------------
 */

static const uint8_t *skip_one_blank(const uint8_t *p, const uint8_t *end)
{
	return p < end && *p == ' ' ? p + 1 : p;
}

/* "[pid]" at @p and what ends the tag. Returns its end, or NULL. */
static const uint8_t *read_pid(const uint8_t *p, const uint8_t *end, struct slice *ret_pid)
{
	const uint8_t *q = p + 1;
	while (q<end && * q> ' ' && *q != ']' && *q != '[' && q - p <= PID_BYTES_MAX)
		q++;
	if (q == p + 1 || q == end || *q != ']')
		return NULL;
	*ret_pid = syslog_part(p + 1, q);
	q++;
	if (q < end && *q == ':')
		q++;
	else if (!at_blank(q, end))
		return NULL;
	return skip_one_blank(q, end);
}

/* "Microsoft Word[14463]:" whose first word ends at @q: up to three words and a number. Returns the
 * end of the words, or NULL.
 */
static const uint8_t *read_words(const uint8_t *q, const uint8_t *end)
{
	for (unsigned words = 1; words < 3 && q < end && *q == ' '; words++) {
		q = skip_class(q + 1, end, IN_TAG);
		if (q < end && *q == '[') {
			const uint8_t *r = q + 1;
			while (r < end && text_is_digit(*r))
				r++;
			bool number = r > q + 1 && end - r >= 2 && r[0] == ']' && r[1] == ':';
			return number ? q : NULL;
		}
	}
	return NULL;
}

/* Does the ':' at @q end the tag that begins at @p? Not in "12:30:45", "host:8080" and "http://".
 */
static bool ends_tag(const uint8_t *p, const uint8_t *q, const uint8_t *end)
{
	if (at_blank(q + 1, end))
		return true;
	if (text_is_digit(q[1]) || q[1] == '/' || q[1] == '\\')
		return false;
	while (p < q && !(text_lower(*p) >= 'a' && text_lower(*p) <= 'z'))
		p++;
	return p < q;
}

/* A tag at @p. @by_blank: a blank ends one too. Returns where the message begins: @p when there is
 * no tag.
 */
static const uint8_t *read_tag(const uint8_t *p, const uint8_t *end, bool by_blank,
			       struct syslog_head *h)
{
	const uint8_t *q = skip_class(p, end, IN_TAG);
	if (q == p || *p == '-' || *p == '.')
		return p;
	const uint8_t *message = NULL, *words = by_blank && *p != '%' ? read_words(q, end) : NULL;
	if (words)
		q = words;
	if (q < end && *q == ':') {
		message = ends_tag(p, q, end) ? skip_one_blank(q + 1, end) : NULL;
	} else if (q < end && *q == '[') {
		message = read_pid(q, end, &h->pid);
	} else if (by_blank && at_blank(q, end)) {
		message = q < end ? q + 1 : q;
	}
	if (!message) {
		h->pid = (struct slice){0};
		return p;
	}
	h->app = syslog_part(p, q);
	return message;
}

/* --- Hosts -------------------------------------------------------------------------------------
 */

/* An IPv6 address, which alone may contain and end with colons. */
static bool is_ipv6(const uint8_t *p, const uint8_t *end)
{
	unsigned colons = 0;
	for (const uint8_t *q = p; q < end; q++) {
		if (*q == '%' && q > p)
			break;
		if (*q != ':' && *q != '.' && !(classes[*q] & IN_HEX))
			return false;
		colons += *q == ':';
	}
	return colons >= 2 && (end[-1] != ':' || end[-2] == ':');
}

/* A host name at @p. Returns its end, or @p: a tag or text stands there. */
static const uint8_t *read_host(const uint8_t *p, const uint8_t *end, struct slice *ret_host)
{
	if (p < end && *p == '[') {
		const uint8_t *q = memchr(p, ']', (size_t)(end - p < 64 ? end - p : 64));
		if (!q || !at_blank(q + 1, end) || q - p < 3 || !is_ipv6(p + 1, q))
			return p;
		*ret_host = syslog_part(p + 1, q);
		return q + 1;
	}
	const uint8_t *q = skip_class(p, end, IN_HOST);
	if (q == p || *p == '%' || *p == '-' || !at_blank(q, end))
		return p;
	if (q[-1] == ':' && !is_ipv6(p, q))
		return p;
	*ret_host = syslog_part(p, q);
	return q;
}

/* --- Time stamps -------------------------------------------------------------------------------
 */

/* Names of RFC 822, and a few that devices write; others are not unique. */
static const struct zone {
	char name[5];
	int hours;
} zones[] = {
	{"UTC", 0},  {"GMT", 0},  {"EST", -5}, {"EDT", -4}, {"CST", -6}, {"CDT", -5}, {"MST", -7},
	{"MDT", -6}, {"PST", -8}, {"PDT", -7}, {"CET", 1},  {"CEST", 2}, {"JST", 9},
};

#define N_ZONES       (sizeof(zones) / sizeof(zones[0]))
#define N_ZONES_ALONE 2 /* no host has the name of one of these */

/* A host and a tag: what stands in front of them is neither. */
static bool at_host_and_tag(const uint8_t *p, const uint8_t *end)
{
	struct syslog_head h = {0};
	p = skip_blanks(p, end);
	p = skip_blanks(read_host(p, end, &h.host), end);
	return h.host.ptr && read_tag(p, end, false, &h) != p;
}

/* Whether the zone's name in [@p, @q) is one, and no host's. */
static bool is_zone_here(const uint8_t *p, const uint8_t *q, const uint8_t *end)
{
	for (; p < q; p++)
		if (text_lower(*p) == *p)
			return false;
	return at_host_and_tag(q, end);
}

/* " UTC" and its like at @p, before ':' or a blank; before a blank a name other than UTC and GMT
 * must be of capitals, with a host and a tag behind it. Returns its end and the offset; @p when
 * there is none.
 */
static const uint8_t *read_zone_name(const uint8_t *p, const uint8_t *end, int *io_zone_s)
{
	if (end - p < 4 || *p != ' ')
		return p;
	const uint8_t *q = p + 1;
	while (q < end && text_lower(*q) >= 'a' && text_lower(*q) <= 'z')
		q++;
	bool colon = q < end && *q == ':' && at_blank(q + 1, end);
	if (q - p < 4 || q - p > 5 || !(colon || at_blank(q, end)))
		return p;
	size_t i = 0;
	while (i < N_ZONES && !text_ieq(syslog_part(p + 1, q), slice_str(zones[i].name)))
		i++;
	if (i == N_ZONES || (!colon && i >= N_ZONES_ALONE && !is_zone_here(p + 1, q, end)))
		return p;
	*io_zone_s = zones[i].hours * 3600;
	return q;
}

struct stamp {
	int64_t ns;
	bool marked; /* '*' or '.' in front: the device's clock is not set */
};

/* A time stamp with all that belongs to it, the ':' behind it too. Returns its end, or NULL. */
static const uint8_t *read_stamp(const struct syslog_text *t, const uint8_t *p, struct stamp *s)
{
	const uint8_t *end = t->end;
	s->marked = p < end && (*p == '*' || *p == '.');
	p += s->marked;
	if (p == end)
		return NULL;
	bool zoned;
	size_t n = syslog_time_any(p, end, t->zone_s, t->time_ns, t->minute, &s->ns, &zoned);
	if (n == 0)
		return NULL;
	p += n;
	int zone_s = t->zone_s;
	if (!zoned)
		p = read_zone_name(p, end, &zone_s);
	s->ns += (t->zone_s - zone_s) * NS_PER_S;
	if (p < end && *p == ':')
		p++;
	return at_blank(p, end) ? p : NULL;
}

/* --- Devices -----------------------------------------------------------------------------------
 */

/* "123: " at @p. Returns its end, or @p. */
static const uint8_t *read_sequence(const uint8_t *p, const uint8_t *end, struct slice *ret_seq)
{
	const uint8_t *q = p;
	while (q < end && text_is_digit(*q) && q - p < 20)
		q++;
	if (q == p || q == end || *q != ':' || !at_blank(q + 1, end))
		return p;
	const uint8_t *first = p;
	while (*first == '0' && first + 1 < q)
		first++;
	*ret_seq = syslog_part(first, q);
	return skip_blanks(q + 1, end);
}

/* "R1: " at @p. Returns its end, or @p. */
static const uint8_t *read_device_name(const uint8_t *p, const uint8_t *end, struct slice *ret_name)
{
	const uint8_t *q = p;
	while (q < end && *q != ':' && (classes[*q] & IN_HOST))
		q++;
	if (q == p || *p == '%' || q == end || *q != ':' || !at_blank(q + 1, end))
		return p;
	*ret_name = syslog_part(p, q);
	return skip_blanks(q + 1, end);
}

/* "1w2d", "00:00:46": the time since start, in place of a name. */
static bool is_uptime(struct slice s)
{
	if (!text_is_digit(s.ptr[0]))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!text_is_digit(s.ptr[i]) && !memchr("ywdhms", s.ptr[i], 6))
			return false;
	return true;
}

static bool is_device_text(const uint8_t *p, const uint8_t *end)
{
	return p < end && (*p == '%' || *p == '<' || *p == '[');
}

/* What Cisco's devices put in front of their text: sequence, name, time stamp, each of them or not.
 * Returns where the text begins, or NULL when it is nothing of the kind; then @h is as before.
 */
static const uint8_t *read_device(const struct syslog_text *t, const uint8_t *p,
				  struct syslog_head *h)
{
	struct slice seq = {0}, name = {0};
	struct stamp s;
	const uint8_t *end = t->end;
	if (starts(p, end, SLICE_LIT(": ")))
		p += 2;
	const uint8_t *q = read_sequence(p, end, &seq);
	const uint8_t *stamp_end = read_stamp(t, q, &s);
	if (!stamp_end) {
		const uint8_t *after = read_device_name(q, end, &name);
		if (name.ptr)
			stamp_end = read_stamp(t, after, &s);
		if (!stamp_end && !(seq.ptr && is_device_text(after, end)))
			return NULL;
		q = after;
	}
	if (stamp_end) {
		q = skip_blanks(stamp_end, end);
		if (!seq.ptr && !s.marked && !(q < end && *q == '%'))
			return NULL;
		if (h->has_time) {
			h->has_device_time = true;
			h->device_time = s.ns;
		} else {
			h->has_time = true;
			h->time = s.ns;
		}
	}
	if (name.ptr && !h->host.ptr && !is_uptime(name))
		h->host = name;
	h->sequence = seq;
	return q;
}

/* --- Heads ---------------------------------------------------------------------------------------
 */

/* Behind a time stamp. Returns where the message begins. */
static const uint8_t *read_host_and_tag(const struct syslog_text *t, const uint8_t *p,
					struct syslog_head *h)
{
	static const struct slice repeated = SLICE_LIT("last message repeated ");
	static const struct slice forwarded = SLICE_LIT("Message forwarded from ");
	const uint8_t *end = t->end;
	if (starts(p, end, repeated))
		return p;
	if (starts(p, end, forwarded)) {
		const uint8_t *q = read_device_name(p + forwarded.len, end, &h->host);
		return h->host.ptr ? read_tag(q, end, true, h) : p;
	}
	const uint8_t *q = read_host(p, end, &h->host);
	if (q == p) {
		const uint8_t *after = read_device_name(p, end, &h->host);
		if (h->host.ptr) {
			const uint8_t *text = read_device(t, after, h);
			if (text)
				return read_tag(text, end, false, h);
			h->host = (struct slice){0};
		}
		return read_tag(p, end, *p == '%', h);
	}
	p = skip_blanks(q, end);
	if (starts(p, end, repeated))
		return p;
	if (starts(p, end, SLICE_LIT(": %")))
		p += 2;
	if (p < end && (text_is_digit(*p) || *p == '*' || *p == '.' || *p == ':')) {
		const uint8_t *text = read_device(t, p, h);
		if (text)
			return read_tag(text, end, false, h);
	}
	return read_tag(p, end, true, h);
}

const uint8_t *syslog_3164_any(const struct syslog_text *t, bool has_pri, struct syslog_head *h)
{
	const uint8_t *end = t->end, *p = skip_blanks(t->p, end);
	struct stamp s;
	if (p == end)
		return t->p;
	const uint8_t *q = read_stamp(t, p, &s);
	if (q) {
		h->has_time = true;
		h->time = s.ns;
		p = skip_blanks(q, end);
		if (p == end)
			return p;
		return s.marked ? read_tag(p, end, false, h) : read_host_and_tag(t, p, h);
	}
	if (!has_pri)
		return t->p;
	q = read_device(t, p, h);
	p = q ? q : p;
	const uint8_t *message = read_tag(p, end, false, h);
	return message == p && !q ? t->p : message;
}

/* --- The usual head ----------------------------------------------------------------------------
 */

/* Where the "pid" at @p ends, with ']' behind it; NULL: it is none. */
static inline const uint8_t *usual_pid_end(const uint8_t *p, const uint8_t *end)
{
	const uint8_t *q = p;
	while (q < end && text_is_digit(*q) && q - p < PID_BYTES_MAX)
		q++;
	return q > p && q < end && *q == ']' ? q : NULL;
}

const uint8_t *syslog_3164_usual(const struct syslog_text *t, struct syslog_head *h)
{
	const uint8_t *p = t->p, *end = t->end;
	if (end - p < BSD_TIME_LEN + 2 || p[BSD_TIME_LEN] != ' ' ||
	    !syslog_time_bsd(p, t->zone_s, t->time_ns, &h->time))
		return NULL;
	p += BSD_TIME_LEN + 1;
	const uint8_t *q = skip_class(p, end, IN_HOST);
	if (q == p || end - q < 2 || *q != ' ' || syslog_is_odd_host(p, q))
		return NULL;
	h->host = syslog_part(p, q);
	p = q + 1;
	q = skip_class(p, end, IN_TAG);
	/* Of what else may stand behind a host nothing begins with a letter and ends so. */
	if (q == p || text_lower(*p) < 'a' || text_lower(*p) > 'z')
		return NULL;
	h->app = syslog_part(p, q);
	if (q < end && *q == '[') {
		p = q + 1;
		q = usual_pid_end(p, end);
		if (!q)
			return NULL;
		h->pid = syslog_part(p, q);
		q++;
	}
	if (end - q < 2 || q[0] != ':' || q[1] != ' ')
		return NULL;
	h->has_time = true;
	return q + 2;
}

/* --- Records -----------------------------------------------------------------------------------
 */

static void set_pairs(const struct syslog_head *h, struct rec_builder *rb)
{
	if (h->sequence.ptr)
		rec_pair(rb, rec_make_text(rb, VAL_STR, SLICE_LIT("sequence")),
			 rec_ref(rb, VAL_NUM, h->sequence));
	if (h->has_device_time)
		rec_pair(rb, rec_make_text(rb, VAL_STR, SLICE_LIT("device_timestamp")),
			 rec_make8(rb, VAL_TIME, &h->device_time));
}

void syslog_3164_extract(const struct syslog_text *t, bool has_pri, struct rec_builder *rb)
{
	struct syslog_head h = {0};
	const uint8_t *message = syslog_3164_usual(t, &h);
	if (!message) {
		h = (struct syslog_head){0};
		message = syslog_3164_any(t, has_pri, &h);
	}
	syslog_set(rb, SYSLOG_HOSTNAME, h.host);
	syslog_set(rb, SYSLOG_APPNAME, h.app);
	syslog_set(rb, SYSLOG_PROCID, h.pid);
	rec_set(rb, SYSLOG_MSGID, val_of(VAL_NULL, 0, 0));
	rec_set(rb, SYSLOG_SD, val_of(VAL_NULL, 0, 0));
	rec_set(rb, SYSLOG_MESSAGE, rec_ref(rb, VAL_STR, syslog_part(message, t->end)));
	if (h.has_time)
		rec_set_time(rb, SYSLOG_TIMESTAMP, h.time);
	else
		rec_set(rb, SYSLOG_TIMESTAMP, val_of(VAL_NULL, 0, 0));
	if (h.sequence.ptr || h.has_device_time)
		set_pairs(&h, rb);
}
