#include <emmintrin.h>

#include "dataplane/base/text.h"
#include "parsers/http1.h"
#include "parsers/http1_feeds.h"

/* --- Small words ------------------------------------------------------------------------------ */

/* Blanks at both ends off: a folded value begins and ends with CRLF and blanks. */
static inline struct slice trim(struct slice s)
{
	const uint8_t *from = s.ptr, *to = s.ptr + s.len;
	while (from < to && http1_is_blank(*from))
		from++;
	while (from < to && http1_is_blank(to[-1]))
		to--;
	return slice_of(from, (size_t)(to - from));
}

/* Where @c stands first in p[from .. to-1], or @to. Lines are short: a call of memchr costs more
 * than the search.
 */
static inline size_t find_byte(const uint8_t *p, size_t from, size_t to, uint8_t c)
{
	while (to - from >= 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(p + from));
		unsigned hit =
			(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8((char)c)));
		if (hit)
			return from + (unsigned)__builtin_ctz(hit);
		from += 16;
	}
	while (from < to && p[from] != c)
		from++;
	return from;
}

/* token, RFC 9110 section 5.6.2 */
static bool is_token(uint8_t c)
{
	static const uint8_t bits[16] = {0,    0,    0,    0,    0xfa, 0x6c, 0xff, 0x03,
					 0xfe, 0xff, 0xff, 0xc7, 0xff, 0xff, 0xff, 0x57};
	return c < 128 && (bits[c >> 3] >> (c & 7) & 1);
}

bool http1_method_known(struct slice method)
{
	static const char *const known[] = {
		"GET",       "POST",    "PUT",        "HEAD",   "DELETE",    "OPTIONS",
		"PATCH",     "CONNECT", "TRACE",      "QUERY",  "PROPFIND",  "PROPPATCH",
		"MKCOL",     "COPY",    "MOVE",       "LOCK",   "UNLOCK",    "SEARCH",
		"ACL",       "BIND",    "REBIND",     "UNBIND", "REPORT",    "MKACTIVITY",
		"CHECKOUT",  "CHECKIN", "MERGE",      "NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE",
		"M-SEARCH",  "PURGE",   "MKCALENDAR", "LINK",   "UNLINK",    "SOURCE",
		"UNCHECKOUT"};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (slice_eq(method, slice_str(known[i])))
			return true;
	return false;
}

enum http1_step http1_request_begins(struct slice bytes)
{
	if (slice_starts(bytes, SLICE_LIT("POST ")) || slice_starts(bytes, SLICE_LIT("GET ")))
		return HTTP1_DONE; /* most of them */
	size_t n = bytes.len < HTTP1_METHOD_MAX + 1 ? bytes.len : HTTP1_METHOD_MAX + 1;
	for (size_t i = 0; i < n; i++) {
		if (bytes.ptr[i] == ' ')
			return i ? HTTP1_DONE : HTTP1_BROKEN;
		if (!is_token(bytes.ptr[i]))
			return HTTP1_BROKEN;
	}
	return n > HTTP1_METHOD_MAX ? HTTP1_BROKEN : HTTP1_MORE;
}

enum http1_step http1_answer_begins(struct slice bytes)
{
	static const uint8_t version[] = "HTTP/";
	if (bytes.len >= 5)
		return memcmp(bytes.ptr, version, 5) == 0 ? HTTP1_DONE : HTTP1_BROKEN;
	return memcmp(bytes.ptr, version, bytes.len) == 0 ? HTTP1_MORE : HTTP1_BROKEN;
}

/* "HTTP/1.1", any two digits: what a server answers to an odd version is its own affair. */
static bool is_version(const uint8_t *p)
{
	return memcmp(p, "HTTP/", 5) == 0 && text_is_digit(p[5]) && p[6] == '.' &&
	       text_is_digit(p[7]);
}

/* --- The start line --------------------------------------------------------------------------- */

/* Control characters nowhere, blanks only if @blanks. @room bytes may be read, those of the version
 * behind it, too: most targets are looked at 16 bytes at a time up to their end.
 */
static bool is_target(const uint8_t *p, size_t len, size_t room, bool blanks)
{
	size_t i = 0;
	for (; i < len && room - i >= 16; i += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(p + i));
		__m128i low = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(' ')), v);
		low = _mm_or_si128(low, _mm_cmpeq_epi8(v, _mm_set1_epi8(0x7f)));
		unsigned bad = (unsigned)_mm_movemask_epi8(low);
		if (len - i < 16)
			bad &= (1u << (len - i)) - 1;
		if (bad)
			break;
	}
	for (; i < len; i++)
		if (p[i] < ' ' || p[i] == 0x7f || (p[i] == ' ' && !blanks))
			return false;
	return len > 0;
}

/* Where the target ends at the latest: in front of the version, which should be exact. Behind a
 * known method and a slash it may be broken ("HTTP/1.") or missing (as in HTTP/0.9).
 */
static uint32_t target_end(const uint8_t *p, uint32_t at, uint32_t len, bool *ret_exact)
{
	*ret_exact = len >= at + 10u && p[len - 9] == ' ' && is_version(p + len - 8);
	if (*ret_exact)
		return len - 9;
	if (len < at + 2u || p[at + 1] != '/' || !http1_method_known(slice_of(p, at)))
		return 0;
	const uint8_t *last = memrchr(p + at + 1, ' ', len - at - 1);
	if (last && len - (last - p) > 5 && memcmp(last + 1, "HTTP/", 5) == 0)
		return (uint32_t)(last - p);
	return len;
}

/* METHOD SP target SP HTTP/1.1. Blanks inside the target are taken as they are where the method is
 * a known one: some clients send them, some servers answer.
 */
static bool request_line(struct http1_msg *m, const uint8_t *p, uint32_t len)
{
	while (len && http1_is_blank(p[len - 1]))
		len--;
	size_t stop = len < HTTP1_METHOD_MAX + 1 ? len : HTTP1_METHOD_MAX + 1;
	m->method_len = (uint8_t)find_byte(p, 0, stop, ' ');
	if (m->method_len == 0 || m->method_len == stop)
		return false;
	bool exact;
	uint32_t at = m->method_len, end = target_end(p, at, len, &exact);
	while (at < end && p[at] == ' ')
		at++;
	while (end > at && p[end - 1] == ' ')
		end--;
	if (end <= at)
		return false;
	m->span[SPAN_TARGET] = (struct http1_part){at, end - at};
	return is_target(p + at, end - at, len - at, false) ||
	       (exact && is_target(p + at, end - at, len - at, true) &&
		http1_method_known(slice_of(p, m->method_len)));
}

/* HTTP/1.1 SP 204 [SP reason] */
static bool status_line(struct http1_msg *m, const uint8_t *p, uint32_t len)
{
	if (len < 12 || !is_version(p) || p[8] != ' ')
		return false;
	if (!text_is_digit(p[9]) || !text_is_digit(p[10]) || !text_is_digit(p[11]))
		return false;
	m->status = (uint16_t)((p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0'));
	return m->status >= 100;
}

bool http1_start_line(struct http1_msg *m, const uint8_t *p, uint32_t len, bool answer)
{
	return answer ? status_line(m, p, len) : request_line(m, p, len);
}

/* --- Header lines ----------------------------------------------------------------------------- */

/* Where eight bytes differ from @lower but for ASCII case. In @lower a letter is what has the bit
 * 0x40: only there the bit that makes the case does not count.
 */
static inline uint64_t differ8(const uint8_t *p, const char *lower)
{
	uint64_t v, w;
	memcpy(&v, p, 8);
	memcpy(&w, lower, 8);
	return (v | (w & 0x4040404040404040) >> 1) ^ w;
}

static inline uint32_t differ4(const uint8_t *p, const char *lower)
{
	uint32_t v, w;
	memcpy(&v, p, 4);
	memcpy(&w, lower, 4);
	return (v | (w & 0x40404040) >> 1) ^ w;
}

/* Equal but for ASCII case; @lower is in lower case: letters, digits, '-'. Known at compile time,
 * as @len is, it becomes a few words; the last one overlaps the one before.
 */
static inline __attribute__((always_inline)) bool is_name(const uint8_t *p, const char *lower,
							  size_t len)
{
	uint64_t differs = 0;
	if (len >= 8) {
		for (size_t i = 0; i + 8 < len; i += 8)
			differs |= differ8(p + i, lower + i);
		differs |= differ8(p + len - 8, lower + len - 8);
	} else if (len >= 4) {
		differs = differ4(p, lower) | differ4(p + len - 4, lower + len - 4);
	} else {
		for (size_t i = 0; i < len; i++)
			differs |= (uint64_t)(text_lower(p[i]) ^ (uint8_t)lower[i]);
	}
	return differs == 0;
}

static inline __attribute__((always_inline)) bool is_word(struct slice s, const char *lower)
{
	return s.len == strlen(lower) && is_name(s.ptr, lower, strlen(lower));
}

/* The next element of a comma list, without parameters. */
static bool list_next(struct slice *io_list, struct slice *ret_word)
{
	if (io_list->len == 0)
		return false;
	const uint8_t *comma = memchr(io_list->ptr, ',', io_list->len);
	size_t n = comma ? (size_t)(comma - io_list->ptr) : io_list->len;
	struct slice word = slice_of(io_list->ptr, n);
	*io_list = slice_from(*io_list, n + (comma ? 1 : 0));
	const uint8_t *semi = memchr(word.ptr, ';', word.len);
	if (semi)
		word.len = (size_t)(semi - word.ptr);
	*ret_word = trim(word);
	return true;
}

/* Up to nine digits and nothing else; else *io_v stays. */
static bool short_number(struct slice s, uint64_t *io_v)
{
	uint32_t v = 0;
	for (size_t i = 0; i < s.len; i++) {
		uint32_t digit = s.ptr[i] - (uint32_t)'0';
		if (digit > 9 || i == 9)
			return false;
		v = v * 10 + digit;
	}
	*io_v = s.len ? v : *io_v;
	return s.len;
}

/* The same number twice is as good as once (RFC 9110 section 8.6); two that differ are an attack on
 * one of two servers, and nobody can say where the body ends.
 */
static void read_length(struct http1_msg *m, struct slice value)
{
	struct slice word;
	bool any = false;
	uint64_t v;
	if (!(m->flags & HEAD_LENGTH) && short_number(value, &m->length)) {
		m->flags |= HEAD_LENGTH;
		return;
	}
	while (list_next(&value, &word)) {
		if (!text_u64(word, &v) || v > INT64_MAX ||
		    ((m->flags & HEAD_LENGTH) && v != m->length)) {
			m->flags |= HEAD_BAD_LENGTH;
			return;
		}
		m->flags |= HEAD_LENGTH;
		m->length = v;
		any = true;
	}
	if (!any)
		m->flags |= HEAD_BAD_LENGTH;
}

static int coding_of(struct slice word)
{
	if (is_word(word, "gzip") || is_word(word, "x-gzip"))
		return CODING_GZIP;
	if (is_word(word, "deflate"))
		return CODING_DEFLATE;
	if (is_word(word, "zstd"))
		return CODING_ZSTD;
	if (is_word(word, "br"))
		return CODING_BROTLI;
	return CODING_OTHER;
}

/* Chunked must come last and once; after it nothing says where the body ends. */
static void read_transfer(struct http1_msg *m, struct slice value)
{
	struct slice word;
	while (list_next(&value, &word)) {
		if (word.len == 0 || is_word(word, "identity"))
			continue;
		int coding = coding_of(word);
		if (m->flags & HEAD_CHUNKED) {
			m->flags |= HEAD_BAD_TRANSFER;
		} else if (is_word(word, "chunked")) {
			m->flags |= HEAD_CHUNKED;
		} else if (coding == CODING_OTHER || m->codings.n_transfer == HTTP1_CODINGS_MAX) {
			m->flags |= HEAD_BAD_TRANSFER;
		} else {
			m->codings.transfer[m->codings.n_transfer++] = (uint8_t)coding;
		}
	}
}

/* "utf-8" is no coding, but it is written there often enough. */
static void read_content_coding(struct http1_msg *m, struct slice value)
{
	struct slice word;
	while (list_next(&value, &word)) {
		if (word.len == 0 || is_word(word, "identity") || is_word(word, "none") ||
		    is_word(word, "utf-8"))
			continue;
		if (m->codings.n_content == HTTP1_CODINGS_MAX)
			m->flags |= HEAD_MANY_CODINGS;
		else
			m->codings.content[m->codings.n_content++] = (uint8_t)coding_of(word);
	}
}

static void read_connection(struct http1_msg *m, struct slice value)
{
	struct slice word;
	if (value.len == 10 && is_name(value.ptr, "keep-alive", 10))
		return;
	while (list_next(&value, &word))
		if (is_word(word, "upgrade"))
			m->flags |= HEAD_UPGRADE_CONN;
}

/* The first one counts, as with most servers. */
static void note_span(struct http1_msg *m, enum http1_span i, const uint8_t *p, struct slice value)
{
	if (m->span[i].off == 0)
		m->span[i] = (struct http1_part){(uint32_t)(value.ptr - p), (uint32_t)value.len};
}

/* A colon stands near the beginning of its line. */
#define COLON_MAX 24

/* The line p[0..len-1] is the header @lower of @n letters: its value without blanks around it.
 * Lines without a colon, or with a name that is none, say nothing that we need. A blank in front of
 * the colon is let pass: servers that do so exist, and then so do their clients.
 */
static inline __attribute__((always_inline)) bool
is_header(const uint8_t *p, size_t len, const char *lower, size_t n, struct slice *ret_value)
{
	size_t at = n;
	if (len <= n || !is_name(p, lower, n))
		return false;
	while (at < len && at < COLON_MAX && http1_is_blank(p[at]))
		at++;
	if (at == len || at == COLON_MAX || p[at] != ':')
		return false;
	/* ": value CR", mostly. */
	if (len - at > 3 && p[at + 1] == ' ' && p[at + 2] > ' ' && p[len - 2] > ' ' &&
	    p[len - 1] == '\r')
		*ret_value = slice_of(p + at + 2, len - at - 3);
	else
		*ret_value = trim(slice_of(p + at + 1, len - at - 1));
	return true;
}

#define IS_HEADER(lower) is_header(p, len, lower, sizeof(lower) - 1, &value)

/* Those that begin with c; the ninth letter tells them apart. */
static inline void read_c_header(struct http1_msg *m, const uint8_t *p, size_t len)
{
	struct slice value;
	if (len < 9)
		return;
	switch (p[8] | 0x20) {
	case 'o':
		if (IS_HEADER("connection"))
			read_connection(m, value);
		break;
	case 't':
		if (IS_HEADER("content-type") && m->type == HTTP1_TYPE_MISSING)
			m->type = (uint8_t)http1_type_of(value);
		break;
	case 'l':
		if (IS_HEADER("content-length"))
			read_length(m, value);
		break;
	case 'e':
		if (IS_HEADER("content-encoding"))
			read_content_coding(m, value);
		break;
	}
}

/* The header line of @len bytes at @p, in the bytes from @base on. */
static inline void read_header(struct http1_msg *m, const uint8_t *base, const uint8_t *p,
			       size_t len)
{
	struct slice value;
	switch (p[0] | 0x20) {
	case 'c':
		read_c_header(m, p, len);
		break;
	case 'e':
		if (IS_HEADER("expect") && is_word(value, "100-continue"))
			m->flags |= HEAD_EXPECT;
		break;
	case 'h':
		if (IS_HEADER("host"))
			note_span(m, SPAN_HOST, base, value);
		break;
	case 'r':
		if (IS_HEADER("referer"))
			note_span(m, SPAN_REFERER, base, value);
		break;
	case 't':
		if (IS_HEADER("transfer-encoding"))
			read_transfer(m, value);
		break;
	case 'u':
		if (IS_HEADER("user-agent"))
			note_span(m, SPAN_AGENT, base, value);
		else if (IS_HEADER("upgrade"))
			m->flags |= HEAD_UPGRADE;
		break;
	case 'x':
		if (IS_HEADER("x-forwarded-for"))
			note_span(m, SPAN_FORWARDED, base, value);
		break;
	}
}

#undef IS_HEADER

enum line_end {
	LINE_HEADER,
	LINE_TAKEN,  /* it was the start line */
	LINE_FOLDED, /* it goes on behind the line feed */
	LINE_UNSURE, /* the byte behind it tells */
	LINE_EMPTY,
	LINE_BAD,
};

/* What is the line from @from to the line feed @at, of which @end bytes are there? */
static __attribute__((noinline)) enum line_end look_at_line(struct http1_msg *m, const uint8_t *p,
							    uint32_t from, uint32_t at, size_t end,
							    bool answer)
{
	if (from == 0)
		return http1_start_line(m, p, at, answer) ? LINE_TAKEN : LINE_BAD;
	if (at == from || (at == from + 1 && p[from] == '\r'))
		return LINE_EMPTY;
	if (at + 1 == end)
		return LINE_UNSURE;
	if (p[at + 1] != ' ' && p[at + 1] != '\t')
		return LINE_HEADER;
	m->flags |= HEAD_FOLDED;
	return LINE_FOLDED;
}

/* No empty line so far. */
static enum http1_step at_limit(struct slice bytes, uint64_t bytes_max, const char **ret_why)
{
	if (bytes.len < bytes_max)
		return HTTP1_MORE;
	*ret_why = "head is longer than header_bytes_max";
	return HTTP1_BROKEN;
}

/* Reads the lines that end in the 64 bytes from @base on, in which @bits are line feeds.
 * LINE_TAKEN: all of them.
 */
static inline __attribute__((always_inline)) enum line_end take_lines(struct http1_msg *m,
								      const uint8_t *p, size_t base,
								      uint64_t bits, size_t end,
								      bool answer, uint32_t *ret_at)
{
	uint32_t line = m->line;
	enum line_end how = LINE_TAKEN;
	for (; bits; bits &= bits - 1) {
		uint32_t at = (uint32_t)(base + (unsigned)__builtin_ctzll(bits));
		/* When another one follows it is neither an end, nor a fold. */
		bool plain = line && at + 1 < end && p[line] > ' ' && p[at + 1] > ' ';
		how = plain ? LINE_HEADER : look_at_line(m, p, line, at, end, answer);
		if (how == LINE_FOLDED)
			continue;
		*ret_at = at;
		if (how > LINE_FOLDED)
			break;
		if (how == LINE_HEADER)
			read_header(m, p, p + line, at - line);
		line = at + 1;
	}
	m->line = line;
	return how > LINE_FOLDED ? how : LINE_TAKEN;
}

/* So many words of line feeds are made before the lines in them are read: most heads are shorter.
 */
#define FEEDS_WORDS 8

/* Line feeds are looked for in many bytes at once: where a line begins is then known without
 * waiting for the one in front of it to be read.
 */
enum http1_step http1_head_read(struct http1_msg *m, struct slice bytes, bool answer,
				uint64_t bytes_max, const char **ret_why)
{
	const uint8_t *p = bytes.ptr;
	size_t end = bytes.len < bytes_max ? bytes.len : bytes_max;
	uint64_t bits[FEEDS_WORDS];
	uint32_t at;
	for (size_t base = m->scan, i = FEEDS_WORDS; base < end; base += 64, i++) {
		if (i == FEEDS_WORDS) {
			size_t n = end - base < 64 * FEEDS_WORDS ? end - base : 64 * FEEDS_WORDS;
			http1_feeds(p + base, n, bits);
			i = 0;
		}
		switch (take_lines(m, p, base, bits[i], end, answer, &at)) {
		default:
			continue;
		case LINE_UNSURE:
			m->scan = at;
			return at_limit(bytes, bytes_max, ret_why);
		case LINE_EMPTY:
			m->head_len = at + 1;
			return HTTP1_DONE;
		case LINE_BAD:
			*ret_why = answer ? "not a status line" : "not a request line";
			m->scan = 0;
			return HTTP1_BROKEN;
		}
	}
	m->scan = (uint32_t)end;
	return at_limit(bytes, bytes_max, ret_why);
}

/* --- Finding the next message ----------------------------------------------------------------- */

/* " HTTP/1.1" begins at @sp: walks back over the target and the method. False when there is none.
 */
static bool line_before(struct slice bytes, size_t sp, bool behind_hole, size_t *ret_at)
{
	const uint8_t *p = bytes.ptr;
	size_t at = sp;
	while (at > 0 && p[at - 1] > ' ' && p[at - 1] != 0x7f)
		at--;
	if (at == sp || at == 0 || p[at - 1] != ' ' ||
	    (p[at] != '/' && p[at] != '*' && p[at] != 'h'))
		return false;
	size_t end = at - 1, begin = end;
	while (begin > 0 && end - begin < HTTP1_METHOD_MAX &&
	       ((p[begin - 1] >= 'A' && p[begin - 1] <= 'Z') || p[begin - 1] == '-' ||
		p[begin - 1] == '_'))
		begin--;
	/* Behind a body without a line break the method follows at once: ...xyzPOST /a HTTP/1.1 */
	for (size_t i = begin; i < end; i++) {
		if (http1_method_known(slice_of(p + i, end - i))) {
			*ret_at = i;
			return true;
		}
	}
	/* A word that is no known method, right behind a hole, may be the end of one. */
	*ret_at = begin;
	return end > begin && !(behind_hole && begin == 0);
}

/* The longest request line that a search still finds across two calls. */
#define FIND_LINE_MAX 8192

bool http1_request_find(struct slice bytes, size_t from, bool behind_hole, size_t *ret_at,
			size_t *ret_scan)
{
	size_t end = bytes.len;
	while (from < bytes.len) {
		const uint8_t *hit = memmem(bytes.ptr + from, bytes.len - from, " HTTP/", 6);
		if (!hit)
			break;
		size_t sp = (size_t)(hit - bytes.ptr);
		if (bytes.len - sp < 11) { /* " HTTP/1.1" CR LF */
			end = sp;
			break;
		}
		bool ends = hit[9] == '\n' || (hit[9] == '\r' && hit[10] == '\n');
		if (is_version(hit + 1) && ends && line_before(bytes, sp, behind_hole, ret_at))
			return true;
		from = sp + 6;
	}
	/* A request line holds no line break: it may have begun behind the last one. */
	size_t tail = end > FIND_LINE_MAX ? end - FIND_LINE_MAX : 0;
	const uint8_t *lf = memrchr(bytes.ptr + tail, '\n', end - tail);
	*ret_at = lf ? (size_t)(lf - bytes.ptr) + 1 : tail;
	*ret_scan = bytes.len > 10 ? bytes.len - 10 : 0;
	if (*ret_scan < *ret_at)
		*ret_scan = *ret_at;
	return false;
}

bool http1_answer_find(struct slice bytes, size_t *ret_at)
{
	size_t from = 0;
	while (from < bytes.len) {
		const uint8_t *hit = memmem(bytes.ptr + from, bytes.len - from, "HTTP/", 5);
		if (!hit)
			break;
		size_t at = (size_t)(hit - bytes.ptr);
		struct http1_msg m = {0};
		if (bytes.len - at < 12) {
			*ret_at = at;
			return false;
		}
		if (status_line(&m, hit, 12)) {
			*ret_at = at;
			return true;
		}
		from = at + 5;
	}
	*ret_at = bytes.len > 4 ? bytes.len - 4 : 0;
	return false;
}
