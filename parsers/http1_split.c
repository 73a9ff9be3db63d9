#include <emmintrin.h>

#include "dataplane/base/text.h"
#include "parsers/http1.h"

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static size_t skip_space(struct slice s, size_t at)
{
	while (at < s.len && is_space(s.ptr[at]))
		at++;
	return at;
}

/* --- What is it? ------------------------------------------------------------------------------ */

/* The media type alone: up to ';' or a blank. */
static struct slice bare_type(struct slice type)
{
	size_t n = 0;
	while (n < type.len && type.ptr[n] != ';' && type.ptr[n] != ',' && !is_space(type.ptr[n]))
		n++;
	return slice_of(type.ptr, n);
}

static bool has_prefix(struct slice s, const char *lower)
{
	size_t n = strlen(lower);
	return s.len >= n && text_ieq(slice_of(s.ptr, n), slice_str(lower));
}

static bool has_suffix(struct slice s, const char *lower)
{
	size_t n = strlen(lower);
	return s.len >= n && text_ieq(slice_of(s.ptr + s.len - n, n), slice_str(lower));
}

static bool is_lines_type(struct slice type)
{
	return has_suffix(type, "/x-ndjson") || has_suffix(type, "/ndjson") ||
	       has_suffix(type, "/jsonl") || has_suffix(type, "/x-jsonlines") ||
	       has_suffix(type, "/jsonlines") || has_suffix(type, "/x-json-stream");
}

enum http1_type http1_type_of(struct slice content_type)
{
	if (slice_eq(content_type, SLICE_LIT("application/json"))) /* most of them */
		return HTTP1_TYPE_JSON;
	struct slice type = bare_type(content_type);
	if (type.len == 0)
		return HTTP1_TYPE_MISSING;
	if (is_lines_type(type))
		return HTTP1_TYPE_LINES;
	if (has_suffix(type, "json") || has_suffix(type, "/csp-report"))
		return HTTP1_TYPE_JSON;
	if (has_prefix(type, "application/x-www-form-urlencoded"))
		return HTTP1_TYPE_FORM;
	if (has_prefix(type, "text/") || has_suffix(type, "/xml") || has_suffix(type, "+xml") ||
	    has_suffix(type, "/javascript"))
		return HTTP1_TYPE_TEXT;
	return HTTP1_TYPE_OPAQUE;
}

/* Several lines, each of which begins with '{'. A JSON value laid out over lines never looks so: it
 * ends with a line that begins with '}' or ']'.
 */
static bool is_object_lines(struct slice body)
{
	if (!memchr(body.ptr, '\n', body.len)) /* most */
		return false;
	size_t off = 0;
	unsigned n = 0;
	struct slice line;
	while (http1_line_next(body, &off, &line)) {
		if (line.ptr[0] != '{')
			return false;
		n++;
	}
	return n > 1;
}

/* Browsers' beacons come as text/plain, curl -d as a form, and some senders name no type at all:
 * what begins like JSON is read as JSON under all of these.
 */
enum http1_shape http1_shape_of(enum http1_type type, struct slice body, bool text_lines)
{
	size_t at = skip_space(body, 0);
	if (at == body.len || type == HTTP1_TYPE_OPAQUE)
		return SHAPE_NONE;
	if (type == HTTP1_TYPE_LINES)
		return SHAPE_LINES;
	if (body.ptr[at] == '[')
		return SHAPE_ARRAY;
	if (body.ptr[at] == '{')
		return is_object_lines(body) ? SHAPE_LINES : SHAPE_ONE;
	if (type == HTTP1_TYPE_JSON)
		return SHAPE_ONE;
	if (type == HTTP1_TYPE_FORM)
		return SHAPE_FORM;
	if (type == HTTP1_TYPE_TEXT)
		return text_lines ? SHAPE_TEXT_LINES : SHAPE_TEXT;
	return SHAPE_NONE;
}

/* --- Lines ------------------------------------------------------------------------------------ */

bool http1_line_next(struct slice body, size_t *io_off, struct slice *ret_line)
{
	size_t at = skip_space(body, *io_off);
	if (at == body.len)
		return false;
	const uint8_t *lf = memchr(body.ptr + at, '\n', body.len - at);
	size_t end = lf ? (size_t)(lf - body.ptr) : body.len;
	*io_off = end;
	while (is_space(body.ptr[end - 1]))
		end--;
	*ret_line = slice_of(body.ptr + at, end - at);
	return true;
}

/* --- Elements of an array --------------------------------------------------------------------- */

/* The end of the string whose inside begins at @at: behind its closing quote. */
static size_t string_end(const uint8_t *p, size_t at, size_t len)
{
	while (at < len) {
		if (len - at >= 16) {
			__m128i v = _mm_loadu_si128((const __m128i *)(p + at));
			__m128i hit = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
						   _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
			unsigned mask = (unsigned)_mm_movemask_epi8(hit);
			if (!mask) {
				at += 16;
				continue;
			}
			at += (unsigned)__builtin_ctz(mask);
		}
		if (p[at] == '"')
			return at + 1;
		at += p[at] == '\\' ? 2 : 1;
	}
	return len;
}

/* Quotes, commas, brackets and braces: one bit a byte. '[' and '{', ']' and '}' differ by 0x20. */
static unsigned structure(const uint8_t *p)
{
	__m128i v = _mm_loadu_si128((const __m128i *)p);
	__m128i low = _mm_or_si128(v, _mm_set1_epi8(0x20));
	__m128i hit = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(low, _mm_set1_epi8('{')),
						_mm_cmpeq_epi8(low, _mm_set1_epi8('}'))),
				   _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
						_mm_cmpeq_epi8(v, _mm_set1_epi8(','))));
	return (unsigned)_mm_movemask_epi8(hit);
}

/* Where the value that begins at @at ends: at a comma or a closing bracket of the array itself, or
 * at the end of the body. What is between is looked at by the JSON reader, not here.
 */
static size_t element_end(const uint8_t *p, size_t at, size_t len)
{
	size_t depth = 0;
	while (at < len) {
		if (len - at >= 16) {
			unsigned mask = structure(p + at);
			if (!mask) {
				at += 16;
				continue;
			}
			at += (unsigned)__builtin_ctz(mask);
		}
		switch (p[at]) {
		case '"':
			at = string_end(p, at + 1, len);
			continue;
		case '{':
		case '[':
			depth++;
			break;
		case '}':
		case ']':
			if (depth == 0)
				return at;
			depth--;
			break;
		case ',':
			if (depth == 0)
				return at;
			break;
		}
		at++;
	}
	return len;
}

bool http1_array_next(struct slice body, size_t *io_off, struct slice *ret_element)
{
	const uint8_t *p = body.ptr;
	size_t at = *io_off;
	if (at == 0) {
		const uint8_t *open = memchr(p, '[', body.len);
		at = open ? (size_t)(open - p) + 1 : body.len;
	} else if (at < body.len && p[at] == ',') {
		at++;
	} else if (at < body.len && p[at] == ']' && skip_space(body, at + 1) == body.len) {
		at = body.len;
	}
	at = skip_space(body, at);
	if (at >= body.len || (p[at] == ']' && skip_space(body, at + 1) == body.len))
		return false;
	size_t end = element_end(p, at, body.len);
	if (end == at) /* a stray bracket or comma: it and the rest are one broken element */
		end = body.len;
	*io_off = end;
	while (end > at && is_space(p[end - 1]))
		end--;
	*ret_element = slice_of(p + at, end - at);
	return true;
}
