/* syslog_time.h - the time stamps that syslog senders write.
 *
 * In:     text in a padded buffer (slice.h); the offset of the sender's clock, packet time.
 * Out:    nanoseconds since 1970 UTC.
 * Owns:   nothing.
 * Runs:   worker.
 * Limits: years 1678 to 2261; fractions beyond nine digits are cut.
 */
#ifndef SL_PARSERS_SYSLOG_TIME_H
#define SL_PARSERS_SYSLOG_TIME_H

#include <smmintrin.h>

#include "dataplane/base/civil.h"
#include "dataplane/base/text.h"
#include "dataplane/rec/rec.h"

/* yyyy-mm-ddThh:mm:ss[.f][zone], with 'T', 't' or a blank, a dot or a comma before the fraction,
 * and as zone Z, +hh:mm, +hhmm, +hh or nothing: then @zone_s seconds east of UTC. Returns the bytes
 * read, or 0.
 */
size_t syslog_time_iso(const uint8_t *p, const uint8_t *end, int zone_s, struct rec_minute *m,
		       int64_t *ret_ns);

/* Whether such a time stands at @p, but of a year that 64 bits of nanoseconds do not hold. */
bool syslog_time_is_far(const uint8_t *p, const uint8_t *end);

/* The minute of such a time becomes @m. False: it has another shape, or is a leap second. Reads 19
 * bytes.
 */
bool syslog_time_minute(const uint8_t *p, struct rec_minute *m);

/* What stands behind the minute in the forms that most senders write, looked at at once:
 *
 *     :16Z    :16.123Z    :16.123456Z    :16+00:00    :16.123+00:00    :16.123456+00:00
 */
struct syslog_time_form {
	uint8_t least[16], span[16]; /* of each byte: the least, and how much more it may be */
	uint8_t digits[8];           /* where those of SSffffff stand; 0x80: a zero */
	uint32_t len;                /* of the whole time */
	/* How much of it stands in front of the zone; which of that must not be '0', so that a
	 * fraction ends as civil_put_rfc3339 ends it; and the value with that text, but for where
	 * it lies.
	 */
	uint8_t n_text, no_zero;
	uint64_t word;
};

#define SSE41 __attribute__((target("sse4.1")))

/* Whether the time at @p is of the minute @text and goes on in @form. *ret_rest: what each byte
 * behind the minute is beyond the least. Reads 32 bytes.
 */
static inline SSE41 bool syslog_time_fits(const uint8_t *p, const struct syslog_time_form *form,
					  const uint8_t *text, __m128i *ret_rest)
{
	__m128i minute = _mm_loadu_si128((const __m128i *)text);
	__m128i least = _mm_loadu_si128((const __m128i *)form->least);
	__m128i span = _mm_loadu_si128((const __m128i *)form->span);
	__m128i rest = _mm_sub_epi8(_mm_loadu_si128((const __m128i *)(p + 16)), least);
	__m128i ok = _mm_and_si128(_mm_cmpeq_epi8(_mm_min_epu8(rest, span), rest),
				   _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)p), minute));
	*ret_rest = rest;
	return _mm_movemask_epi8(ok) == 0xffff;
}

struct syslog_time {
	int64_t ns;
	size_t len; /* the bytes read, which may reach behind the end of text; 0: it is no such time
		     */
};

/* As syslog_time_usual, of any minute and form, which become those of @m. */
struct syslog_time syslog_time_anew(const uint8_t *p, struct rec_minute *m);

/* Of the times of syslog_time_iso those that most senders write: in whole seconds, milli- or
 * microseconds, of UTC. Most have the minute and the form of the one before, which are those of @m.
 * Reads 32 bytes.
 *
 *     0         1         2         3
 *     01234567890123456789012345678901
 *     2026-11-25T04:43:16.123456+00:00
 */
static inline SSE41 struct syslog_time syslog_time_usual(const uint8_t *p, struct rec_minute *m)
{
	const struct syslog_time_form *form = m->form;
	__m128i rest;
	if (!form || !syslog_time_fits(p, form, m->text, &rest))
		return syslog_time_anew(p, m);
	/* Pairs of digits, pairs of those, and the eight as one number: microseconds. */
	__m128i n = _mm_loadl_epi64((const __m128i *)form->digits);
	n = _mm_maddubs_epi16(_mm_shuffle_epi8(rest, n), _mm_set1_epi16(1 << 8 | 10));
	n = _mm_madd_epi16(n, _mm_set1_epi32(1 << 16 | 100));
	n = _mm_madd_epi16(_mm_packus_epi32(n, n), _mm_set1_epi32(1 << 16 | 10000));
	int64_t us = (uint32_t)_mm_cvtsi128_si32(n);
	return (struct syslog_time){m->s * NS_PER_S + us * 1000, form->len};
}

#undef SSE41

/* The time of RFC 3164 and what devices make of it, or one of syslog_time_iso, each with or without
 * a weekday in front:
 *
 *     Oct 11 22:14:15[.f]      Oct 11 22:14:15 2022     2022 Oct 11 22:14:15
 *     Oct  1 22:14:15          Oct 11 2022 22:14:15     Tue Oct 11 22:14:15
 *
 * Without a year it is the one that brings the time nearest to @now_ns. *ret_zoned: the text named
 * its zone. Returns the bytes read, or 0.
 */
size_t syslog_time_any(const uint8_t *p, const uint8_t *end, int zone_s, int64_t now_ns,
		       struct rec_minute *m, int64_t *ret_ns, bool *ret_zoned);

/* Of these "Oct 11 22:14:15" alone, of a year that is plainly the nearest one. False: it is another
 * time stamp, if any. Reads 16 bytes.
 */
bool syslog_time_bsd(const uint8_t *p, int zone_s, int64_t now_ns, int64_t *ret_ns);

/* Three letters that name a month, and a blank: 1 to 12, else 0. Reads four bytes. */
int syslog_month(const uint8_t *p);

#endif
