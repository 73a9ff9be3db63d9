/* The usual heads. A bit for each of 64 bytes says where words end; all fields are told from the
 * bits, and none waits for the one in front of it:
 *
 *     web-1 su 4711 - - message                 behind a time stamp of RFC 5424
 *     _____1__1____1_1_                         ends: the first four blanks
 *     1_____1__1____1__                         starts
 *     ______________1__                         nil: a '-' that begins there and ends behind it
 *
 *     web-1 su[4711]: message                   behind one of RFC 3164
 *     _____1__1____11_                          bytes that no usual host or tag has
 */
#include "parsers/syslog_usual.h"

#include <immintrin.h>

#include "dataplane/base/bsd_time.h"
#include "parsers/syslog_pri.h"
#include "parsers/syslog_time.h"

#define WITH_AVX2   __attribute__((target("avx2,bmi,bmi2")))
#define WITH_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi2,bmi,bmi2")))
#define NOINLINE    __attribute__((noinline))
#define INLINE      static inline __attribute__((always_inline))

/* ---- RFC 5424 ---- */

struct names {
	uint64_t header, ends; /* up to the last end, and the ends */
};

/* From bits of bytes up to a blank and of blanks. False: the four names do not all end here, one is
 * empty, or a control character is in them.
 */
INLINE bool find_names(uint64_t low, uint64_t blank, struct names *n)
{
	uint64_t app = low & (low - 1), proc = app & (app - 1), last = proc & (proc - 1);
	n->header = last ^ (last - 1);
	n->ends = low & n->header;
	uint64_t empty = low & (low << 1 | 1);
	return last && !((empty | (low ^ blank)) & n->header);
}

#define STR_WORD  ((uint64_t)VAL_STR << VAL_TYPE_SHIFT)
#define NULL_WORD ((uint64_t)VAL_NULL << VAL_TYPE_SHIFT)
#define NIL       ('-' | ' ' << 8)

/* Where a record is built, whose fields stand at @fixed. What is stored there could have changed
 * the builder, as far as the compiler knows, so that both are held here.
 */
struct place {
	struct val *fixed;
	uint8_t *base; /* of the arena */
};

/* A text at @p. */
INLINE struct val text_at(struct place to, const uint8_t *p, size_t len)
{
	return val_of_word(STR_WORD + (uint64_t)(p - to.base) + ((uint64_t)len << 32));
}

static_assert(SYSLOG_APPNAME == SYSLOG_HOSTNAME + 1 && SYSLOG_MSGID == SYSLOG_HOSTNAME + 3,
	      "the four names are set side by side");

/* The four names at @p: fields of the record. Returns what is behind the blank that ends the last
 * of them, or NULL: they are to be read the long way.
 */
WITH_AVX512 static inline const uint8_t *names_avx512(const uint8_t *p, struct place to_rec)
{
	struct names n;
	__m512i v = _mm512_loadu_si512(p), blank = _mm512_set1_epi8(' ');
	uint64_t low = _mm512_cmple_epu8_mask(v, blank);
	if (!find_names(low, _mm512_cmpeq_epi8_mask(v, blank), &n))
		return NULL;
	uint64_t starts = (low << 1 | 1) & n.header;
	uint64_t dash = _mm512_mask_cmpeq_epi8_mask(starts, v, _mm512_set1_epi8('-'));
	__m512i places = _mm512_load_si512(text_places);
	__m128i to = _mm512_castsi512_si128(_mm512_maskz_compress_epi8(n.ends, places));
	__m128i from = _mm_add_epi32(_mm_slli_epi32(to, 8), _mm_cvtsi32_si128(0x01010100));
	__m256i off = _mm256_cvtepu8_epi64(from);
	__m256i len = _mm256_sub_epi64(_mm256_cvtepu8_epi64(to), off);
	uint64_t base = STR_WORD + (uint64_t)(p - to_rec.base);
	__m256i word = _mm256_add_epi64(off, _mm256_set1_epi64x((int64_t)base));
	word = _mm256_add_epi64(word, _mm256_slli_epi64(len, 32));
	word = _mm256_mask_mov_epi64(word, (__mmask8)_pext_u64(dash & n.ends >> 1, starts),
				     _mm256_set1_epi64x((int64_t)NULL_WORD));
	_mm256_storeu_si256((__m256i *)(to_rec.fixed + SYSLOG_HOSTNAME), word);
	return p + 64 - (unsigned)__builtin_clzll(n.ends);
}

WITH_AVX2 static inline uint64_t bits_avx2(__m256i low, __m256i high)
{
	return (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high)
							     << 32;
}

WITH_AVX2 static inline const uint8_t *names_avx2(const uint8_t *p, struct place to_rec)
{
	const __m256i blank = _mm256_set1_epi8(' ');
	struct names n;
	__m256i v = _mm256_loadu_si256((const __m256i *)p);
	__m256i w = _mm256_loadu_si256((const __m256i *)(p + 32));
	uint64_t low = bits_avx2(_mm256_cmpeq_epi8(_mm256_min_epu8(v, blank), v),
				 _mm256_cmpeq_epi8(_mm256_min_epu8(w, blank), w));
	if (!find_names(low, bits_avx2(_mm256_cmpeq_epi8(v, blank), _mm256_cmpeq_epi8(w, blank)),
			&n))
		return NULL;
	uint64_t base = STR_WORD + (uint64_t)(p - to_rec.base), from = 0, ends = n.ends;
	for (unsigned i = SYSLOG_HOSTNAME; i <= SYSLOG_MSGID; i++, ends &= ends - 1) {
		uint64_t to = (unsigned)__builtin_ctzll(ends);
		uint64_t word = base + from + ((to - from) << 32);
		uint16_t first2;
		memcpy(&first2, p + from, sizeof(first2));
		word = first2 == NIL ? NULL_WORD : word;
		to_rec.fixed[i] = val_of_word(word);
		from = to + 1;
	}
	return p + from;
}

/* Structured data, and the message behind it. */
static NOINLINE bool read_sd(const void *conf, const uint8_t *p, const uint8_t *end,
			     struct rec_builder *rb)
{
	struct syslog_text t = {.end = end, .conf = conf};
	return !syslog_5424_rest(&t, p, rb);
}

/* What is behind the names: structured data and the message. False: it is malformed. No call in it
 * is one that anything is held in registers for.
 */
INLINE bool read_rest(const void *conf, const uint8_t *p, const uint8_t *end, struct place to,
		      struct rec_builder *rb)
{
	uint16_t first2;
	if (p >= end)
		return false;
	memcpy(&first2, p, sizeof(first2));
	const uint8_t *message = p + 2;
	/* A message that begins with a blank or a byte-order mark may be without it. */
	if (first2 != NIL || message > end || *message == ' ' || *message == 0xef)
		return read_sd(conf, p, end, rb);
	to.fixed[SYSLOG_SD] = val_of_word(NULL_WORD);
	to.fixed[SYSLOG_MESSAGE] = text_at(to, message, (size_t)(end - message));
	return true;
}

/* ---- RFC 3164 ---- */

/* Bytes that hosts and tags may both have, and digits. The first byte behind such a run is one that
 * neither a host nor a tag has, or the message is read the long way.
 */
struct words {
	uint64_t word, digit;
};

/* For each low nibble the high nibbles, as bits, with which it makes such a byte. */
static const uint8_t word_rows[16] __attribute__((aligned(16))) = {
	0xb8, 0xf8, 0xf8, 0xf8, 0xf8, 0xfc, 0xf8, 0xf8,
	0xf8, 0xf8, 0xf0, 0x54, 0x50, 0x54, 0x54, 0x74,
};
static const uint8_t high_bits[16] __attribute__((aligned(16))) = {1, 2, 4, 8, 16, 32, 64, 128};

WITH_AVX512 static inline struct words words_avx512(const uint8_t *p)
{
	__m512i rows = _mm512_broadcast_i32x4(_mm_load_si128((const __m128i *)word_rows));
	__m512i bits = _mm512_broadcast_i32x4(_mm_load_si128((const __m128i *)high_bits));
	__m512i v = _mm512_loadu_si512(p);
	__m512i high = _mm512_and_si512(_mm512_srli_epi16(v, 4), _mm512_set1_epi8(15));
	__m512i row = _mm512_shuffle_epi8(rows, v), bit = _mm512_shuffle_epi8(bits, high);
	__m512i value = _mm512_sub_epi8(v, _mm512_set1_epi8('0'));
	return (struct words){_mm512_test_epi8_mask(row, bit),
			      _mm512_cmplt_epu8_mask(value, _mm512_set1_epi8(10))};
}

WITH_AVX2 static inline __m256i no_word_avx2(__m256i v)
{
	__m256i rows = _mm256_broadcastsi128_si256(_mm_load_si128((const __m128i *)word_rows));
	__m256i bits = _mm256_broadcastsi128_si256(_mm_load_si128((const __m128i *)high_bits));
	__m256i high = _mm256_and_si256(_mm256_srli_epi16(v, 4), _mm256_set1_epi8(15));
	__m256i in =
		_mm256_and_si256(_mm256_shuffle_epi8(rows, v), _mm256_shuffle_epi8(bits, high));
	return _mm256_cmpeq_epi8(in, _mm256_setzero_si256());
}

WITH_AVX2 static inline __m256i digits_avx2(__m256i v)
{
	__m256i value = _mm256_sub_epi8(v, _mm256_set1_epi8('0'));
	return _mm256_cmpeq_epi8(_mm256_min_epu8(value, _mm256_set1_epi8(9)), value);
}

WITH_AVX2 static inline struct words words_avx2(const uint8_t *p)
{
	__m256i v = _mm256_loadu_si256((const __m256i *)p);
	__m256i w = _mm256_loadu_si256((const __m256i *)(p + 32));
	return (struct words){~bits_avx2(no_word_avx2(v), no_word_avx2(w)),
			      bits_avx2(digits_avx2(v), digits_avx2(w))};
}

/* Where the parts of "host tag[pid]: " and "host tag: " end; pid is 0 when there is none. */
struct head {
	unsigned host, tag, pid;
};

/* The head at @p. Returns where the message begins, or NULL: it is to be read the long way. */
INLINE const uint8_t *find_head(const uint8_t *p, struct words w, struct head *h)
{
	uint64_t host = ~w.word, tag = host & (host - 1), pid = tag & (tag - 1);
	h->host = (unsigned)__builtin_ctzll(host | (uint64_t)1 << 63);
	h->tag = (unsigned)__builtin_ctzll(tag | (uint64_t)1 << 63);
	h->pid = 0;
	uint8_t first = text_lower(p[h->host + 1]);
	if (h->host == 0 || p[h->host] != ' ' || syslog_is_odd_host(p, p + h->host) ||
	    h->tag <= h->host + 1 || first < 'a' || first > 'z')
		return NULL;
	unsigned behind = h->tag;
	if (p[behind] == '[') {
		/* Only digits are between the two marks. */
		uint64_t between = (pid ^ (pid - 1)) & ~(tag ^ (tag - 1)) & ~pid;
		if (!pid || !between || (between & ~w.digit))
			return NULL;
		h->pid = (unsigned)__builtin_ctzll(pid);
		if (p[h->pid] != ']')
			return NULL;
		behind = h->pid + 1;
	}
	return p[behind] == ':' && p[behind + 1] == ' ' ? p + behind + 2 : NULL;
}

/* What stands behind the time stamp, where the host begins. */
INLINE bool read_3164(const uint8_t *host, struct words w, const uint8_t *end, struct place to)
{
	struct head h;
	const uint8_t *message = find_head(host, w, &h), *tag = host + h.host + 1;
	if (!message || message > end)
		return false;
	const uint8_t *pid = host + h.tag + 1, *pid_end = host + h.pid;
	struct val none = val_of_word(NULL_WORD);
	to.fixed[SYSLOG_HOSTNAME] = text_at(to, host, h.host);
	to.fixed[SYSLOG_APPNAME] = text_at(to, tag, (size_t)(host + h.tag - tag));
	to.fixed[SYSLOG_PROCID] = h.pid ? text_at(to, pid, (size_t)(pid_end - pid)) : none;
	to.fixed[SYSLOG_MSGID] = none;
	to.fixed[SYSLOG_SD] = none;
	to.fixed[SYSLOG_MESSAGE] = text_at(to, message, (size_t)(end - message));
	return true;
}

/* ---- messages ---- */

/* Of the arena: what values are made of, a time, its text, and a priority. */
#define TEXT_BYTES 32
#define MADE_PRI   (VAL_TIME_BYTES + TEXT_BYTES)
#define MADE_BYTES (MADE_PRI + SYSLOG_PRI_BYTES)

INLINE void set_time(struct place to, uint32_t off, int64_t ns)
{
	memcpy(to.base + off, &ns, VAL_TIME_BYTES);
	to.fixed[SYSLOG_TIMESTAMP] = val_of(VAL_TIME, off, VAL_TIME_BYTES);
}

/* The same with its text @p, which most senders write as we do: whoever writes it copies it. */
INLINE void set_time_text(struct place to, uint32_t off, int64_t ns, const uint8_t *p,
			  const struct syslog_time_form *form)
{
	uint8_t *made = to.base + off, *text = made + VAL_TIME_BYTES;
	memcpy(made, &ns, VAL_TIME_BYTES);
	memcpy(text, p, TEXT_BYTES);
	text[form->n_text] = 'Z';
	to.fixed[SYSLOG_TIMESTAMP] = val_of_word(form->word + off);
	if (__builtin_expect(p[form->no_zero] == '0' || p[10] != 'T', 0))
		to.fixed[SYSLOG_TIMESTAMP] = val_of(VAL_TIME, off, VAL_TIME_BYTES);
}

/* Sets the priority at @p, whose values are made at @off. Returns what is behind it, or NULL. */
INLINE const uint8_t *read_pri(const uint8_t *p, struct place to, uint32_t off)
{
	uint32_t digits;
	unsigned pri;
	memcpy(&digits, p + 1, sizeof(digits));
	unsigned n = *p == '<' ? syslog_pri_of(digits, &pri) : 0;
	if (n == 0 || n == SYSLOG_PRI_RANGE)
		return NULL;
	syslog_pri_put(to.fixed, to.base, pri, off + MADE_PRI);
	return p + n;
}

/* What both ways do, with NAMES and WORDS of their own. A message is so long that the 64 bytes
 * which are looked at last reach no further behind it than it is padded: whatever is found behind
 * it is found too far.
 */
#define LEN_MIN (sizeof("<191>1 2026-11-25T04:43:16.123456+00:00 ") - 1)

#define USUAL_BY(NAMES, OTHER)                                           \
	const uint8_t *p = f->body.ptr;                                  \
	struct place to = {rb->fixed, rb->b->arena.base};                \
	uint16_t version;                                                \
	if (f->body.len < LEN_MIN)                                       \
		return false;                                            \
	uint32_t made = arena_take8(&rb->b->arena, MADE_BYTES);          \
	if (!made)                                                       \
		return rb->full = true;                                  \
	p = read_pri(p, to, made);                                       \
	if (!p)                                                          \
		return false;                                            \
	memcpy(&version, p, sizeof(version));                            \
	if (version != ('1' | ' ' << 8))                                 \
		return OTHER(conf, f, p, made, rb);                      \
	struct syslog_time time = syslog_time_usual(p + 2, &rb->minute); \
	if (time.len == 0 || p[2 + time.len] != ' ')                     \
		return false;                                            \
	set_time_text(to, made, time.ns, p + 2, rb->minute.form);        \
	p = NAMES(p + time.len + 3, to);                                 \
	return p && read_rest(conf, p, f->body.ptr + f->body.len, to, rb)

/* A message of RFC 3164 whose time stamp begins at @p. Apart, for what it holds in registers. */
#define USUAL_3164_BY(WORDS)                                                                       \
	const uint8_t *host = p + BSD_TIME_LEN + 1;                                                \
	struct place to = {rb->fixed, rb->b->arena.base};                                          \
	int64_t ns;                                                                                \
	if (host[-1] != ' ' || !syslog_time_bsd(p, syslog_zone_s(conf), (int64_t)f->time_ns, &ns)) \
		return false;                                                                      \
	set_time(to, made, ns);                                                                    \
	return read_3164(host, WORDS(host), f->body.ptr + f->body.len, to)

WITH_AVX512 static NOINLINE bool usual_3164_avx512(const void *conf, const struct frame *f,
						   const uint8_t *p, uint32_t made,
						   struct rec_builder *rb)
{
	USUAL_3164_BY(words_avx512);
}

WITH_AVX512 INLINE bool usual_avx512(const void *conf, const struct frame *f,
				     struct rec_builder *rb)
{
	USUAL_BY(names_avx512, usual_3164_avx512);
}

WITH_AVX512 bool syslog_usual_avx512(const void *conf, const struct frame *f,
				     struct rec_builder *rb)
{
	return usual_avx512(conf, f, rb);
}

WITH_AVX512 const char *syslog_extract_avx512(const void *conf, const struct frame *f,
					      struct rec_builder *rb)
{
	return usual_avx512(conf, f, rb) ? NULL : syslog_extract_any(conf, f, rb);
}

WITH_AVX2 static NOINLINE bool usual_3164_avx2(const void *conf, const struct frame *f,
					       const uint8_t *p, uint32_t made,
					       struct rec_builder *rb)
{
	USUAL_3164_BY(words_avx2);
}

WITH_AVX2 INLINE bool usual_avx2(const void *conf, const struct frame *f, struct rec_builder *rb)
{
	USUAL_BY(names_avx2, usual_3164_avx2);
}

WITH_AVX2 bool syslog_usual_avx2(const void *conf, const struct frame *f, struct rec_builder *rb)
{
	return usual_avx2(conf, f, rb);
}

WITH_AVX2 const char *syslog_extract_avx2(const void *conf, const struct frame *f,
					  struct rec_builder *rb)
{
	return usual_avx2(conf, f, rb) ? NULL : syslog_extract_any(conf, f, rb);
}
