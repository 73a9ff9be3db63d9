/* syslog.h - what the files of the syslog parser share.
 *
 * In:     -
 * Out:    state, options and fields; the readers of frames and of both message formats.
 * Owns:   nothing.
 * Runs:   worker.
 * Limits: none of its own; see syslog_frame.c, syslog_sd.h.
 */
#ifndef SL_PARSERS_SYSLOG_H
#define SL_PARSERS_SYSLOG_H

#include "dataplane/frame/parser.h"

struct syslog_conf {
	int timezone;     /* index of syslog_zones: of time stamps that name no zone */
	bool strip_blank; /* RFC 5424: one blank before the message belongs to the header */
};

/* Choices of the option `timezone`; entry 0 is "UTC". */
extern const char *const syslog_zones[];

/* Seconds east of UTC of a choice that is not 0. */
int syslog_zone_of(int timezone);

/* The same of a configuration, which may be NULL. */
static inline int syslog_zone_s(const struct syslog_conf *conf)
{
	return conf && conf->timezone ? syslog_zone_of(conf->timezone) : 0;
}

enum syslog_framing { FRAMING_UNKNOWN, FRAMING_LINES, FRAMING_COUNTED };
enum syslog_mode { MODE_START, MODE_RESYNC, MODE_SKIP };

/* All zero is the start of a session. Offsets are of the stream. */
struct syslog_state {
	uint64_t frame_end; /* announced end of the counted frame that is waited for or skipped */
	uint64_t gap_end;   /* of the last gap; a count right there may have lost digits */
	uint64_t no_end;    /* bytes before this offset that are unread hold no LF and no NUL */
	uint64_t line_refused; /* where the last line began that is no frame: bytes in front of it
				  may be seen twice */
	uint8_t mode;          /* enum syslog_mode */
	uint8_t framing;       /* enum syslog_framing: of the last frame */
	uint8_t lines_skipped; /* in this resync: after some the sender is taken to send plain text
				*/
	bool counted_seen, lines_seen;
	bool plain_seen;  /* a line without a priority */
	bool look_inside; /* the count was absurd: a frame may begin in what it covers */
	bool gap_seen;
	bool first_byte; /* resync: a frame may begin with the first byte */
};

/* Order of the fields of a record. */
enum syslog_field {
	SYSLOG_FACILITY,
	SYSLOG_SEVERITY,
	SYSLOG_HOSTNAME,
	SYSLOG_APPNAME,
	SYSLOG_PROCID,
	SYSLOG_MSGID,
	SYSLOG_TIMESTAMP,
	SYSLOG_MESSAGE,
	SYSLOG_SD,
	SYSLOG_N_FIELDS,
};

struct slice syslog_datagram(struct slice data);
struct parse_result syslog_frame_parse(void *state, const void *conf, const struct parse_in *in,
				       struct frame_out *out);

/* extract of struct parser, of messages of any kind. */
parser_extract syslog_extract_any;

/* A priority "<0>" to "<191>" at @p: its bytes, 0 when it is none, or SYSLOG_PRI_RANGE when it is a
 * number beyond 191. *ret_pri is set in the first case.
 */
#define SYSLOG_PRI_RANGE 99
unsigned syslog_pri_read(const uint8_t *p, const uint8_t *end, unsigned *ret_pri);

/* A message behind its priority, as the two formats read it. */
struct syslog_text {
	const uint8_t *p, *end; /* padded by SL_PAD: the arena of the batch */
	int64_t time_ns;        /* packet time: the year of time stamps without one */
	int zone_s;
	struct rec_minute *minute;
	const struct syslog_conf *conf;
};

/* Both set every field but facility and severity. */

enum syslog_5424 { SYSLOG_5424_READ, SYSLOG_5424_NOT, SYSLOG_5424_BAD };

/* READ; NOT: no header of RFC 5424 begins here, nothing was set; BAD: one begins, and *ret_why says
 * what is wrong with it.
 */
enum syslog_5424 syslog_5424_extract(const struct syslog_text *t, struct rec_builder *rb,
				     const char **ret_why);

/* Structured data at @p and what follows it, of a message of RFC 5424. NULL, or what is wrong. */
const char *syslog_5424_rest(const struct syslog_text *t, const uint8_t *p, struct rec_builder *rb);

/* Reads anything: what has no shape is the message. */
void syslog_3164_extract(const struct syslog_text *t, bool has_pri, struct rec_builder *rb);

/* What stands in front of the message. */
struct syslog_head {
	struct slice host, app, pid, sequence; /* ptr NULL: not there */
	int64_t time, device_time;
	bool has_time, has_device_time;
};

/* The two ways of syslog_3164_extract: each returns where the message begins, and fills @h, which
 * is zeros. The first one knows "Oct 11 22:14:15 host tag[pid]: " and "... tag: ", and returns NULL
 * of all else, when @h holds anything; the second one knows these too.
 */
const uint8_t *syslog_3164_usual(const struct syslog_text *t, struct syslog_head *h);
const uint8_t *syslog_3164_any(const struct syslog_text *t, bool has_pri, struct syslog_head *h);

/* Behind the byte-order mark that some senders write in front of the priority; @p when there is
 * none.
 */
static inline const uint8_t *syslog_skip_bom(const uint8_t *p, const uint8_t *end)
{
	return end - p >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0 ? p + 3 : p;
}

static inline struct slice syslog_part(const uint8_t *p, const uint8_t *end)
{
	return (struct slice){p, (size_t)(end - p)};
}

/* The message of RFC 5424 that begins at @p. */
static inline struct slice syslog_message_at(const struct syslog_text *t, const uint8_t *p)
{
	const uint8_t *end = t->end;
	if (t->conf && t->conf->strip_blank && p < end && *p == ' ')
		p++;
	return syslog_part(syslog_skip_bom(p, end), end);
}

/* Sets field @i to text that lies in the arena; null when @part.ptr is NULL. */
static inline void syslog_set(struct rec_builder *rb, unsigned i, struct slice part)
{
	rec_set(rb, i, part.ptr ? rec_ref(rb, VAL_STR, part) : val_of(VAL_NULL, 0, 0));
}

#endif
