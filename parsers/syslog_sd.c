#include "parsers/syslog_sd.h"

#include "dataplane/rec/json_text.h"

struct param {
	struct slice name, value;
	uint16_t elem;     /* the first element of the same id */
	uint16_t same;     /* the next parameter of the same name and element, or SD_PARAMS_MAX */
	bool escaped;      /* the value holds a backslash */
	bool follows_same; /* it is such a next one */
};

struct elem {
	struct slice id;
	uint16_t first; /* the first element of the same id: itself, mostly */
};

struct sd {
	unsigned n_elems, n_params;
	bool repeats; /* an id comes twice */
	struct elem elems[SD_ELEMS_MAX];
	struct param params[SD_PARAMS_MAX];
};

/* --- Reading -----------------------------------------------------------------------------------
 */

/* An SD-NAME: printable, without blank, '=', ']' and '"'. Returns its end. */
static const uint8_t *name_end(const uint8_t *p, const uint8_t *end)
{
	while (p<end && * p> ' ' && *p != '=' && *p != ']' && *p != '"' && *p != 0x7f)
		p++;
	return p;
}

/* The quote that ends a value which begins at @p, or NULL. */
static const uint8_t *value_end(const uint8_t *p, const uint8_t *end, bool *ret_escaped)
{
	*ret_escaped = false;
	for (; p < end && *p != '"'; p++) {
		if (*p != '\\')
			continue;
		*ret_escaped = true;
		if (++p == end)
			return NULL;
	}
	return p < end ? p : NULL;
}

static void add_param(struct sd *sd, struct slice name, struct slice value, bool escaped)
{
	uint16_t i = (uint16_t)sd->n_params++, elem = sd->elems[sd->n_elems - 1].first;
	sd->params[i] = (struct param){.name = name,
				       .value = value,
				       .elem = elem,
				       .same = SD_PARAMS_MAX,
				       .escaped = escaped};
	for (unsigned j = i; j-- > 0;) {
		struct param *q = &sd->params[j];
		if (q->elem == elem && slice_eq(q->name, name)) {
			q->same = i;
			sd->params[i].follows_same = true;
			return;
		}
	}
}

/* name="value" at @p. Some senders write a blank behind the '='. Returns its end; NULL when it is
 * none.
 */
static const uint8_t *read_param(struct sd *sd, const uint8_t *p, const uint8_t *end)
{
	const uint8_t *eq = name_end(p, end);
	if (eq == p || eq == end || *eq != '=')
		return NULL;
	const uint8_t *q = eq + 1;
	while (q < end && *q == ' ')
		q++;
	if (q == end || *q != '"')
		return NULL;
	bool escaped;
	const uint8_t *close = value_end(q + 1, end, &escaped);
	if (!close)
		return NULL;
	add_param(sd, slice_of(p, (size_t)(eq - p)), slice_of(q + 1, (size_t)(close - q - 1)),
		  escaped);
	return close + 1;
}

static void add_elem(struct sd *sd, struct slice id)
{
	uint16_t i = (uint16_t)sd->n_elems++;
	sd->elems[i] = (struct elem){.id = id, .first = i};
	for (uint16_t j = 0; j < i; j++) {
		if (slice_eq(sd->elems[j].id, id)) {
			sd->elems[i].first = j;
			sd->repeats = true;
			return;
		}
	}
}

/* One [id ...] at @p. Returns its end, or NULL and the reason. */
static const uint8_t *read_elem(struct sd *sd, const uint8_t *p, const uint8_t *end,
				const char **ret_why)
{
	*ret_why = "structured data is malformed";
	const uint8_t *q = name_end(p + 1, end);
	if (q == p + 1 || q == end)
		return NULL;
	if (sd->n_elems == SD_ELEMS_MAX) {
		*ret_why = "structured data has too many elements";
		return NULL;
	}
	add_elem(sd, slice_of(p + 1, (size_t)(q - p - 1)));
	for (;;) {
		const uint8_t *blank = q;
		while (q < end && *q == ' ')
			q++;
		if (q == end)
			return NULL;
		if (*q == ']')
			return q + 1;
		if (q == blank)
			return NULL;
		if (sd->n_params == SD_PARAMS_MAX) {
			*ret_why = "structured data has too many parameters";
			return NULL;
		}
		q = read_param(sd, q, end);
		if (!q)
			return NULL;
	}
}

/* --- Writing -----------------------------------------------------------------------------------
 */

/* Where the next byte goes. The room is enough for the longest way to write it all. */
struct json_out {
	uint8_t *p;
};

static void put_byte(struct json_out *o, uint8_t c)
{
	*o->p++ = c;
}

static void put_text(struct json_out *o, const uint8_t *p, const uint8_t *end)
{
	bool invalid = false;
	o->p += json_text_put_padded(o->p, p, (size_t)(end - p), &invalid);
}

static void put_name(struct json_out *o, struct slice s)
{
	put_byte(o, '"');
	put_text(o, s.ptr, s.ptr + s.len);
	put_byte(o, '"');
}

/* A backslash escapes '"', '\\' and ']'; before anything else it stands for itself. */
static void put_value(struct json_out *o, const struct param *v)
{
	const uint8_t *p = v->value.ptr, *end = p + v->value.len, *q = p;
	put_byte(o, '"');
	while (v->escaped && (q = memchr(q, '\\', (size_t)(end - q))) != NULL && q + 1 < end) {
		if (q[1] == '"' || q[1] == '\\' || q[1] == ']') {
			put_text(o, p, q);
			p = q + 1;
		}
		q += 2;
	}
	put_text(o, p, end);
	put_byte(o, '"');
}

static void put_param(struct json_out *o, const struct sd *sd, const struct param *q)
{
	put_name(o, q->name);
	put_byte(o, ':');
	if (q->same == SD_PARAMS_MAX) {
		put_value(o, q);
		return;
	}
	put_byte(o, '[');
	put_value(o, q);
	while (q->same != SD_PARAMS_MAX) {
		q = &sd->params[q->same];
		put_byte(o, ',');
		put_value(o, q);
	}
	put_byte(o, ']');
}

static void put_all(struct json_out *o, const struct sd *sd)
{
	unsigned at = 0;
	put_byte(o, '{');
	for (unsigned e = 0; e < sd->n_elems; e++) {
		if (sd->elems[e].first != e)
			continue;
		if (e > 0)
			put_byte(o, ',');
		put_name(o, sd->elems[e].id);
		put_byte(o, ':');
		put_byte(o, '{');
		bool first = true;
		for (unsigned i = sd->repeats ? 0 : at; i < sd->n_params; i++) {
			const struct param *q = &sd->params[i];
			if (q->elem != e && !sd->repeats)
				break;
			at = i + 1;
			if (q->elem != e || q->follows_same)
				continue;
			if (!first)
				put_byte(o, ',');
			first = false;
			put_param(o, sd, q);
		}
		put_byte(o, '}');
	}
	put_byte(o, '}');
}

/* --- What most senders write -------------------------------------------------------------------
 */

#define PLAIN_PARAMS_MAX 8
#define PLAIN_BYTES_MAX  512 /* of JSON, but for what is written behind its last byte */
#define PLAIN_ROOM       (PLAIN_BYTES_MAX + 64)

/* Copies a name of up to 15 bytes of ASCII that JSON takes as they are. Returns its length; 0 or
 * 16: it is none.
 */
static inline unsigned put_short_name(uint8_t *o, const uint8_t *p)
{
	const __m128i ends =
		_mm_setr_epi8(0, 0, '"', 0, 0, 0, 0, 0, 0, 0, 0, 0, '\\', '=', 0, 0x7f);
	__m128i v = _mm_loadu_si128((const __m128i *)p);
	__m128i end = _mm_or_si128(_mm_cmplt_epi8(v, _mm_set1_epi8('!')),
				   _mm_cmpeq_epi8(v, _mm_shuffle_epi8(ends, v)));
	end = _mm_or_si128(end, _mm_cmpeq_epi8(v, _mm_set1_epi8(']')));
	_mm_storeu_si128((__m128i *)o, v);
	return (unsigned)__builtin_ctz((unsigned)_mm_movemask_epi8(end) | 1u << 16);
}

/* Copies up to the quote that ends a value. Returns its length, or PLAIN_BYTES_MAX: JSON does not
 * take it as it is, or it is long.
 */
static inline size_t put_short_value(uint8_t *o, const uint8_t *p, size_t max)
{
	for (size_t n = 0; n < max; n += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(p + n));
		unsigned odd = json_text_odd(v);
		_mm_storeu_si128((__m128i *)(o + n), v);
		if (odd) {
			n += (unsigned)__builtin_ctz(odd);
			return p[n] == '"' ? n : PLAIN_BYTES_MAX;
		}
	}
	return PLAIN_BYTES_MAX;
}

/* Names that are the same are so in this, too. */
static inline uint64_t first8(const uint8_t *p, unsigned n)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return n < 8 ? v & (((uint64_t)1 << 8 * n) - 1) : v;
}

/* name="value" at *io_p, which is then passed. Returns the end of what was written, or NULL. */
static inline uint8_t *put_plain_param(uint8_t *o, const uint8_t **io_p, const uint8_t *end,
				       uint64_t *ret_name)
{
	const uint8_t *p = *io_p;
	unsigned n = put_short_name(o, p);
	*ret_name = first8(p, n);
	if (n == 0 || p[n] != '=' || p[n + 1] != '"')
		return NULL;
	memcpy(o + n, "\":\"", 3);
	o += n + 3;
	p += n + 2;
	size_t left = p < end ? (size_t)(end - p) : 0;
	size_t len = put_short_value(o, p, left < PLAIN_BYTES_MAX / 4 ? left : PLAIN_BYTES_MAX / 4);
	if (len == PLAIN_BYTES_MAX)
		return NULL;
	o[len] = '"';
	*io_p = p + len + 1;
	return o + len + 1;
}

/* One element of a few short names and values, each name once, written to @out as it is read.
 * Returns the bytes written, and *ret_end behind the ']'; 0: it is to be read the long way.
 */
static size_t put_plain(uint8_t *out, const uint8_t *p, const uint8_t *end, const uint8_t **ret_end)
{
	uint64_t names[PLAIN_PARAMS_MAX];
	unsigned n_names = 0, n = put_short_name(out + 2, p + 1);
	uint8_t *o = out + 2 + n;
	if (n == 0 || n == 16)
		return 0;
	memcpy(out, "{\"", 2);
	memcpy(o, "\":{", 3);
	o += 3;
	for (p += n + 1; p < end && *p == ' ' && n_names < PLAIN_PARAMS_MAX; n_names++) {
		*o = ',';
		o += n_names > 0;
		*o++ = '"';
		p++;
		o = put_plain_param(o, &p, end, &names[n_names]);
		if (!o || o - out > PLAIN_BYTES_MAX / 2)
			return 0;
		for (unsigned i = 0; i < n_names; i++)
			if (names[i] == names[n_names])
				return 0;
	}
	if (p >= end || *p != ']' || (p + 1 < end && p[1] == '['))
		return 0;
	memcpy(o, "}}", 2);
	*ret_end = p + 1;
	return (size_t)(o + 2 - out);
}

const char *syslog_sd_extract(const uint8_t *p, const uint8_t *end, struct rec_builder *rb,
			      struct val *ret_json, const uint8_t **ret_end)
{
	struct arena *a = &rb->b->arena;
	if (arena_left(a) >= PLAIN_ROOM) {
		size_t n = put_plain(a->base + a->used, p, end, ret_end);
		if (n) {
			*ret_json = val_of(VAL_JSON, arena_take(a, n), n);
			return NULL;
		}
	}
	struct sd sd;
	sd.n_elems = sd.n_params = 0;
	sd.repeats = false;
	const uint8_t *q = p;
	while (q < end && *q == '[') {
		const char *why;
		q = read_elem(&sd, q, end, &why);
		if (!q)
			return why;
	}
	*ret_end = q;
	size_t len = (size_t)(q - p);
	if (len > SD_BYTES_MAX)
		return "structured data is too long";
	uint32_t off = arena_take(a, len * JSON_TEXT_FACTOR + JSON_TEXT_SLACK);
	if (!off) {
		rb->full = true;
		*ret_json = (struct val){0};
		return NULL;
	}
	struct json_out o = {a->base + off};
	put_all(&o, &sd);
	size_t written = (size_t)(o.p - (a->base + off));
	a->used = off + written;
	*ret_json = val_of(VAL_JSON, off, written);
	return NULL;
}
