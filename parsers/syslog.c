/* syslog: RFC 5424, RFC 3164 and what is sent in their name, over UDP (RFC 5426) and TCP (RFC
 * 6587).
 *
 *     <34>1 2026-11-25T04:43:16Z web-1 su 4711 ID47 [id@1 k="v"] message     syslog_5424.c
 *     <34>Nov 25 04:43:16 web-1 su[4711]: message                            syslog_3164.c
 *
 * The priority is facility * 8 + severity, from 0 to 191. Facilities 12 to 15 have no agreed name;
 * they are called ntp, audit, alert and clock, after the words of RFC 5424. Fields that a message
 * does not have are null.
 *
 * A byte-order mark in front of the priority is no part of the message. One that begins like RFC
 * 5424 and is not goes out as text with `_error`; so does one whose priority is beyond 191. All
 * else is a message of RFC 3164, which has no wrong form.
 */
#include "parsers/syslog.h"

#include "dataplane/base/text.h"
#include "parsers/syslog_pri.h"
#include "parsers/syslog_usual.h"

#define PROBE_BYTES_MAX 64

/* Every offset that a country's clock has, except daylight saving. */
const char *const syslog_zones[] = {
	"UTC",    "-12:00", "-11:00", "-10:00", "-09:30", "-09:00", "-08:00", "-07:00", "-06:00",
	"-05:00", "-04:00", "-03:30", "-03:00", "-02:30", "-02:00", "-01:00", "+01:00", "+02:00",
	"+03:00", "+03:30", "+04:00", "+04:30", "+05:00", "+05:30", "+05:45", "+06:00", "+06:30",
	"+07:00", "+08:00", "+08:45", "+09:00", "+09:30", "+10:00", "+10:30", "+11:00", "+12:00",
	"+12:45", "+13:00", "+13:45", "+14:00", NULL,
};

static const struct opt syslog_opts[] = {
	{.name = "timezone",
	 .type = OPT_ENUM,
	 .off = offsetof(struct syslog_conf, timezone),
	 .choices = syslog_zones,
	 .def = "UTC",
	 .live = true,
	 .help = "The clock of senders whose time stamps name no zone (RFC 3164): UTC or an offset "
		 "such "
		 "as +08:00."},
	{.name = "strip_blank",
	 .type = OPT_BOOL,
	 .off = offsetof(struct syslog_conf, strip_blank),
	 .def = "false",
	 .live = true,
	 .help = "RFC 5424: drop one blank at the start of the message, which rsyslog puts there."},
	OPT_END,
};

static const struct field_def syslog_fields[] = {
	[SYSLOG_FACILITY] = {"facility", VAL_STR, "keyword, \"auth\"; null without a priority"},
	[SYSLOG_SEVERITY] = {"severity", VAL_STR, "keyword, \"crit\"; null without a priority"},
	[SYSLOG_HOSTNAME] = {"hostname", VAL_STR, "the sender's name as it writes it"},
	[SYSLOG_APPNAME] = {"appname", VAL_STR, "program: APP-NAME, or the tag"},
	[SYSLOG_PROCID] = {"procid", VAL_STR, "PROCID, or what stands in brackets behind the tag"},
	[SYSLOG_MSGID] = {"msgid", VAL_STR, "MSGID of RFC 5424"},
	[SYSLOG_TIMESTAMP] = {"timestamp", VAL_TIME, "the sender's time, in UTC"},
	[SYSLOG_MESSAGE] = {"message", VAL_STR, "the text"},
	[SYSLOG_SD] = {"structured_data", VAL_JSON, "object of objects: id, name, value"},
	[SYSLOG_N_FIELDS] = {NULL},
};

#define KEYWORD(s)                                                                       \
	{                                                                                \
		s, (uint64_t)VAL_STR << VAL_TYPE_SHIFT | (uint64_t)(sizeof(s) - 1) << 32 \
	}

const struct syslog_keyword syslog_facilities[24] = {
	KEYWORD("kern"),   KEYWORD("user"),   KEYWORD("mail"),     KEYWORD("daemon"),
	KEYWORD("auth"),   KEYWORD("syslog"), KEYWORD("lpr"),      KEYWORD("news"),
	KEYWORD("uucp"),   KEYWORD("cron"),   KEYWORD("authpriv"), KEYWORD("ftp"),
	KEYWORD("ntp"),    KEYWORD("audit"),  KEYWORD("alert"),    KEYWORD("clock"),
	KEYWORD("local0"), KEYWORD("local1"), KEYWORD("local2"),   KEYWORD("local3"),
	KEYWORD("local4"), KEYWORD("local5"), KEYWORD("local6"),   KEYWORD("local7"),
};

const struct syslog_keyword syslog_severities[8] = {
	KEYWORD("emerg"),   KEYWORD("alert"),  KEYWORD("crit"), KEYWORD("err"),
	KEYWORD("warning"), KEYWORD("notice"), KEYWORD("info"), KEYWORD("debug"),
};

int syslog_zone_of(int timezone)
{
	const char *z = syslog_zones[timezone];
	int s = ((z[1] - '0') * 10 + z[2] - '0') * 3600 + ((z[4] - '0') * 10 + z[5] - '0') * 60;
	return *z == '-' ? -s : s;
}

unsigned syslog_pri_read(const uint8_t *p, const uint8_t *end, unsigned *ret_pri)
{
	if (end - p < 3 || *p != '<')
		return 0;
	uint32_t v = p[1] | (uint32_t)p[2] << 8;
	if (end - p >= 5)
		memcpy(&v, p + 1, 4);
	else if (end - p == 4)
		v |= (uint32_t)p[3] << 16;
	return syslog_pri_of(v, ret_pri);
}

/* --- Probe -------------------------------------------------------------------------------------
 */

/* Could this be text? NULs only where a datagram ends, other control characters nowhere. */
static bool is_text(struct slice s, bool datagram)
{
	size_t len = s.len < PROBE_BYTES_MAX ? s.len : PROBE_BYTES_MAX;
	for (size_t i = 0; i < len; i++) {
		uint8_t c = s.ptr[i];
		if (c == 0 && datagram && i > 0) {
			while (i < s.len && s.ptr[i] == 0)
				i++;
			return i == s.len;
		}
		if (c == 0x7f || (c < ' ' && !(c >= '\t' && c <= '\r') && c != 0x1b))
			return false;
	}
	return true;
}

/* "<34>" at @p, or the beginning of one. */
static enum probe probe_pri(const uint8_t *p, const uint8_t *end)
{
	unsigned pri, n = 1;
	while (n < 4 && p + n < end && text_is_digit(p[n]))
		n++;
	if (p + n == end)
		return PROBE_MORE;
	n = syslog_pri_read(p, end, &pri);
	return n > 0 && n != SYSLOG_PRI_RANGE ? PROBE_YES : PROBE_MAYBE;
}

/* How the first bytes look; text is the caller's to tell. */
static enum probe probe_start(const struct parse_in *first)
{
	const uint8_t *p = first->data.ptr, *end = p + first->data.len;
	while (p < end && (*p == '\n' || *p == '\r' || *p == ' '))
		p++;
	p = syslog_skip_bom(p, end);
	if (p == end)
		return PROBE_MORE;
	enum probe answer = PROBE_MAYBE;
	if (*p == '<') {
		answer = probe_pri(p, end);
	} else if (text_is_digit(*p)) {
		while (p < end && text_is_digit(*p))
			p++;
		if (p == end || (p + 1 == end && *p == ' '))
			answer = PROBE_MORE;
		else if (*p == ' ' && p[1] == '<')
			answer = probe_pri(p + 1, end);
	}
	return answer == PROBE_MORE && first->datagram ? PROBE_MAYBE : answer;
}

/* A priority is proof enough: what the message holds, or what ends it, need not be text. */
static enum probe syslog_probe(const void *conf, const struct parse_in *first)
{
	if (first->dir != 0 && !first->datagram)
		return PROBE_NO;
	enum probe answer = probe_start(first);
	return answer == PROBE_YES || is_text(first->data, first->datagram) ? answer : PROBE_NO;
}

/* --- Records -----------------------------------------------------------------------------------
 */

static void set_pri(struct rec_builder *rb, bool has_pri, unsigned pri)
{
	if (!has_pri) {
		rec_set(rb, SYSLOG_FACILITY, val_of(VAL_NULL, 0, 0));
		rec_set(rb, SYSLOG_SEVERITY, val_of(VAL_NULL, 0, 0));
		return;
	}
	uint32_t off = arena_take(&rb->b->arena, SYSLOG_PRI_BYTES);
	if (off)
		syslog_pri_set(rb, pri, off);
	else
		rb->full = true;
}

/* As syslog_pri_read; without a priority the mark stays where it is, in a text. */
static unsigned pri_behind_bom(struct syslog_text *t, unsigned *ret_pri)
{
	const uint8_t *p = syslog_skip_bom(t->p, t->end);
	unsigned n = syslog_pri_read(p, t->end, ret_pri);
	if (n > 0)
		t->p = p;
	return n;
}

const char *syslog_extract_any(const void *conf, const struct frame *f, struct rec_builder *rb)
{
	struct syslog_text t = {
		.p = f->body.ptr,
		.end = f->body.ptr + f->body.len,
		.time_ns = (int64_t)f->time_ns,
		.zone_s = syslog_zone_s(conf),
		.minute = &rb->minute,
		.conf = conf,
	};
	unsigned pri = 0, n = syslog_pri_read(t.p, t.end, &pri);
	if (n == 0 && t.p < t.end && *t.p == 0xef)
		n = pri_behind_bom(&t, &pri);
	if (n == SYSLOG_PRI_RANGE)
		return "priority is beyond 191";
	set_pri(rb, n > 0, pri);
	t.p += n;
	const char *why = NULL;
	bool versioned = n > 0 && t.p < t.end && text_is_digit(*t.p);
	enum syslog_5424 is = versioned ? syslog_5424_extract(&t, rb, &why) : SYSLOG_5424_NOT;
	if (is == SYSLOG_5424_NOT)
		syslog_3164_extract(&t, n > 0, rb);
	return why;
}

static parser_extract *syslog_extract_here(void)
{
	if (cpu_has_avx512())
		return syslog_extract_avx512;
	return cpu_has_avx2() ? syslog_extract_avx2 : syslog_extract_any;
}

static const char *syslog_extract(const void *conf, const struct frame *f, struct rec_builder *rb)
{
	return syslog_extract_here()(conf, f, rb);
}

const struct parser parser_syslog = {
	.name = "syslog",
	.summary = "RFC 5424 and RFC 3164, over UDP and TCP, octet-counted or in lines",
	.transports = PARSER_TCP | PARSER_UDP,
	.fields = syslog_fields,
	.opts = syslog_opts,
	.conf_size = sizeof(struct syslog_conf),
	.state_size = sizeof(struct syslog_state),
	.lays_down = BODY_PARSER,
	.default_ports = "udp:514 tcp:514,601",
	.probe = syslog_probe,
	.parse = syslog_frame_parse,
	.datagram = syslog_datagram,
	.extract = syslog_extract,
	.extract_here = syslog_extract_here,
	.sets_all = true,
};
