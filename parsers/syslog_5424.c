/* RFC 5424: what stands behind the priority.
 *
 *     1 2026-11-25T04:43:16.123Z web-1 su 4711 ID47 [id@1 k="v"] BOM message
 *     | |                        |     |  |    |    |                |
 *     | time stamp, or "-"   host name | procid|    structured data, or "-"
 *     version                    appname       msgid
 *
 * Any version from 1 to 999 is read so when the whole header fits; lengths are not enforced, since
 * senders exceed them and nothing is lost by it. A header of version 1 that does not fit is an
 * error, one of another version is text.
 */
#include "dataplane/base/text.h"
#include "parsers/syslog.h"
#include "parsers/syslog_sd.h"
#include "parsers/syslog_time.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* A bit for each of the 64 bytes at @p that is a blank or a control character. */
static inline uint64_t blanks64(const uint8_t *p)
{
#ifdef __SSE2__
	const __m128i limit = _mm_set1_epi8(' ');
	uint64_t bits = 0;
	for (int i = 0; i < 4; i++) {
		__m128i v = _mm_loadu_si128((const __m128i *)(p + 16 * i));
		__m128i le = _mm_cmpeq_epi8(_mm_min_epu8(v, limit), v);
		bits |= (uint64_t)(uint32_t)_mm_movemask_epi8(le) << (16 * i);
	}
	return bits;
#else
	uint64_t bits = 0;
	for (int i = 0; i < 64; i++)
		bits |= (uint64_t)(p[i] <= ' ') << i;
	return bits;
#endif
}

/* Walks over the blanks of a header, 64 bytes at a time. Reads up to 63 bytes behind the end. */
struct blanks {
	const uint8_t *base, *end;
	uint64_t bits;
};

/* The end of text counts as one, so that there always is a next one. */
static inline void blanks_from(struct blanks *b, const uint8_t *p)
{
	size_t left = (size_t)(b->end - p);
	b->base = p;
	b->bits = blanks64(p) | (left < 64 ? (uint64_t)1 << left : 0);
}

/* The next one, which is then passed; at the end of text or behind it when there is none. */
static inline const uint8_t *blanks_next(struct blanks *b)
{
	while (b->bits == 0)
		blanks_from(b, b->base + 64);
	const uint8_t *p = b->base + __builtin_ctzll(b->bits);
	b->bits &= b->bits - 1;
	return p;
}

/* Reads "1 " to "999 " at @p. Returns its bytes, or 0. */
static size_t read_version(const uint8_t *p, const uint8_t *end)
{
	if (end - p > 2 && p[0] == '1' && p[1] == ' ')
		return 2;
	if (p == end || *p < '1' || *p > '9')
		return 0;
	for (size_t i = 1; i <= 3 && p + i < end; i++) {
		if (p[i] == ' ')
			return i + 1;
		if (!text_is_digit(p[i]))
			return 0;
	}
	return 0;
}

static bool looks_like_time(const uint8_t *p, const uint8_t *end)
{
	if (end - p < 2)
		return false;
	if (*p == '-' && p[1] == ' ')
		return true;
	return end - p > 5 && text_is_digit(p[0]) && text_is_digit(p[1]) && text_is_digit(p[2]) &&
	       text_is_digit(p[3]) && p[4] == '-';
}

static inline struct val nilable(const uint8_t *base, const uint8_t *p, const uint8_t *end)
{
	bool nil = end - p == 1 && *p == '-';
	return nil ? val_of(VAL_NULL, 0, 0)
		   : val_of(VAL_STR, (uint32_t)(p - base), (size_t)(end - p));
}

static const char *read_time(const struct syslog_text *t, const uint8_t **io_p,
			     struct rec_builder *rb)
{
	const uint8_t *p = *io_p;
	if (*p == '-') {
		rec_set(rb, SYSLOG_TIMESTAMP, val_of(VAL_NULL, 0, 0));
		*io_p = p + 2;
		return NULL;
	}
	int64_t ns;
	size_t n = syslog_time_iso(p, t->end, t->zone_s, t->minute, &ns);
	if (n == 0 || p + n >= t->end || p[n] != ' ')
		return syslog_time_is_far(p, t->end) ? "time stamp is not of the years 1678 to 2261"
						     : "time stamp is not one of RFC 3339";
	rec_set_time(rb, SYSLOG_TIMESTAMP, ns);
	*io_p = p + n + 1;
	return NULL;
}

const char *syslog_5424_rest(const struct syslog_text *t, const uint8_t *p, struct rec_builder *rb)
{
	struct val sd = val_of(VAL_NULL, 0, 0);
	const uint8_t *end = p;
	if (p < t->end && *p == '-') {
		end = p + 1;
	} else if (p < t->end && *p == '[') {
		const char *why = syslog_sd_extract(p, t->end, rb, &sd, &end);
		if (why)
			return why;
	}
	if (end == p || (end < t->end && *end != ' '))
		return "structured data is malformed";
	rec_set(rb, SYSLOG_SD, sd);
	struct slice message = syslog_message_at(t, end < t->end ? end + 1 : end);
	rec_set(rb, SYSLOG_MESSAGE, rec_ref(rb, VAL_STR, message));
	return NULL;
}

/* What stands behind the time stamp, one name after the other. */
static const char *read_far_names(const struct syslog_text *t, const uint8_t *p,
				  struct rec_builder *rb)
{
	struct blanks b = {.end = t->end};
	const uint8_t *base = rb->b->arena.base;
	blanks_from(&b, p);
	for (unsigned i = SYSLOG_HOSTNAME; i <= SYSLOG_MSGID; i++) {
		const uint8_t *q = blanks_next(&b);
		if (q >= b.end || *q != ' ' || q == p)
			return "header ends early";
		rec_set(rb, i, nilable(base, p, q));
		p = q + 1;
	}
	return syslog_5424_rest(t, p, rb);
}

/* The same where all four end in the next 64 bytes, as they do mostly: none waits for another. */
static inline const char *read_names(const struct syslog_text *t, const uint8_t *p,
				     struct rec_builder *rb)
{
	const uint8_t *base = rb->b->arena.base;
	size_t left = (size_t)(t->end - p);
	uint64_t host = blanks64(p);
	if (left < 64)
		host &= ((uint64_t)1 << left) - 1;
	uint64_t app = host & (host - 1), proc = app & (app - 1), msg = proc & (proc - 1);
	uint64_t header = msg ^ (msg - 1), empty = host & (host << 1 | 1) & header;
	if (msg == 0 || empty)
		return read_far_names(t, p, rb);
	const uint8_t *host_end = p + __builtin_ctzll(host), *app_end = p + __builtin_ctzll(app);
	const uint8_t *proc_end = p + __builtin_ctzll(proc), *msg_end = p + __builtin_ctzll(msg);
	if ((*host_end | *app_end | *proc_end | *msg_end) != ' ' ||
	    (*host_end & *app_end & *proc_end & *msg_end) != ' ')
		return read_far_names(t, p, rb);
	rec_set(rb, SYSLOG_HOSTNAME, nilable(base, p, host_end));
	rec_set(rb, SYSLOG_APPNAME, nilable(base, host_end + 1, app_end));
	rec_set(rb, SYSLOG_PROCID, nilable(base, app_end + 1, proc_end));
	rec_set(rb, SYSLOG_MSGID, nilable(base, proc_end + 1, msg_end));
	return syslog_5424_rest(t, msg_end + 1, rb);
}

static const char *read_header(const struct syslog_text *t, const uint8_t *p,
			       struct rec_builder *rb)
{
	const char *why = read_time(t, &p, rb);
	return why ? why : read_names(t, p, rb);
}

enum syslog_5424 syslog_5424_extract(const struct syslog_text *t, struct rec_builder *rb,
				     const char **ret_why)
{
	const char *why;
	size_t n = read_version(t->p, t->end);
	if (n == 0)
		return SYSLOG_5424_NOT;
	const uint8_t *p = t->p + n;
	struct syslog_time time = syslog_time_usual(p, t->minute);
	if (time.len && time.len < (size_t)(t->end - p) && p[time.len] == ' ') {
		rec_set_time(rb, SYSLOG_TIMESTAMP, time.ns);
		why = read_names(t, p + time.len + 1, rb);
	} else if (looks_like_time(p, t->end)) {
		why = read_header(t, p, rb);
	} else {
		return SYSLOG_5424_NOT;
	}
	if (!why)
		return SYSLOG_5424_READ;
	if (n != 2 || *t->p != '1')
		return SYSLOG_5424_NOT;
	*ret_why = why;
	return SYSLOG_5424_BAD;
}
