/* syslog_pri.h - the priority of a syslog message, and what it says.
 *
 * In:     bytes behind a '<'.
 * Out:    the priority; the keywords of facility and severity as fields of a record.
 * Owns:   nothing.
 * Runs:   worker.
 * Limits: -
 */
#ifndef SL_PARSERS_SYSLOG_PRI_H
#define SL_PARSERS_SYSLOG_PRI_H

#include "parsers/syslog.h"

/* A text, and its value but for where the text lies. */
struct syslog_keyword {
	char text[8];
	uint64_t word;
};

extern const struct syslog_keyword syslog_facilities[24], syslog_severities[8];

/* As syslog_pri_read, of the four bytes behind '<', the first in the lowest: looked at in one word,
 * whose last digit is its highest byte.
 */
static inline unsigned syslog_pri_of(uint32_t v, unsigned *ret_pri)
{
	uint32_t close = v ^ 0x3e3e3e3e; /* zero where '>' stands */
	close = (close - 0x01010101) & ~close & 0x80808080;
	unsigned n = close ? (unsigned)__builtin_ctz(close) / 8 : 0;
	if (n == 0)
		return 0;
	unsigned shift = 32 - 8 * n;
	uint32_t d = (v << shift) - (0x30303030u << shift);
	if (((d + 0x76767676) | d) & 0x80808080)
		return 0;
	/* The ones are the highest byte: there the others are added up, as long as no hundred is
	 * more than 1.
	 */
	unsigned pri = d * (1 + (10 << 8) + (100 << 16)) >> 24;
	if (pri > 191 || d & 0xfe00)
		return SYSLOG_PRI_RANGE;
	*ret_pri = pri;
	return n + 2;
}

#define SYSLOG_PRI_BYTES 16 /* of the arena */

/* Facility and severity of @pri, whose texts go to @off in the arena. */
static inline void syslog_pri_set(struct rec_builder *rb, unsigned pri, uint32_t off)
{
	const struct syslog_keyword *facility = &syslog_facilities[pri >> 3];
	const struct syslog_keyword *severity = &syslog_severities[pri & 7];
	uint8_t *at = rb->b->arena.base + off;
	memcpy(at, facility->text, 8);
	memcpy(at + 8, severity->text, 8);
	rec_set(rb, SYSLOG_FACILITY, val_of_word(facility->word | off));
	rec_set(rb, SYSLOG_SEVERITY, val_of_word(severity->word | (off + 8)));
}

#endif
