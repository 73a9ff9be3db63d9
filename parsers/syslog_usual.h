/* syslog_usual.h - messages as most senders write them, their heads looked at all at once.
 *
 * In:     a frame that is a message from its '<' on.
 * Out:    all fields of its record, as the long way would set them.
 * Owns:   nothing.
 * Runs:   worker.
 * Limits: messages of 40 bytes or more. RFC 5424: the names behind the time stamp end within 64
 * bytes; RFC 3164: the tag and its number end within 64 bytes of where the host begins.
 */
#ifndef SL_PARSERS_SYSLOG_USUAL_H
#define SL_PARSERS_SYSLOG_USUAL_H

#include "dataplane/base/cpu.h"
#include "dataplane/base/text.h"
#include "parsers/syslog.h"

/* Usual messages. False: the message is to be read the long way, which sets every field anew. Both
 * do the same, each with what its processor has: AVX2 and BMI2; AVX-512 with VBMI2.
 */
bool syslog_usual_avx2(const void *conf, const struct frame *f, struct rec_builder *rb);
bool syslog_usual_avx512(const void *conf, const struct frame *f, struct rec_builder *rb);

/* Messages of any kind, the usual ones so. */
parser_extract syslog_extract_avx2, syslog_extract_avx512;

/* Whether the word in [@p, @q) behind a time stamp of RFC 3164 may be more than a host: a year or a
 * number, a zone, or the beginning of a sentence that has no host in front.
 */
static inline bool syslog_is_odd_host(const uint8_t *p, const uint8_t *q)
{
	uint32_t first4;
	memcpy(&first4, p, sizeof(first4));
	bool zone =
		(q - p == 3 || q - p == 4) && text_lower(q[-1]) >= 'a' && text_lower(q[-1]) <= 'z';
	bool year = text_is_digit(*p) && (q - p == 4 || p[4] == ':');
	return zone || year || *p == '%' || *p == '-' || q[-1] == ':' ||
	       first4 == ('l' | 'a' << 8 | 's' << 16 | 't' << 24) ||
	       first4 == ('M' | 'e' << 8 | 's' << 16 | 's' << 24);
}

#endif
