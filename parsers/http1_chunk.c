#include "dataplane/base/text.h"
#include "parsers/http1.h"

/* A size with its extensions. */
#define CHUNK_LINE_MAX 1024

/* The length of the line at the front with its LF; 0 when it is not whole; -1 when it is too long.
 */
static int64_t line_len(struct slice in, size_t max)
{
	size_t n = in.len < max ? in.len : max;
	const uint8_t *lf = memchr(in.ptr, '\n', n);
	if (lf)
		return lf - in.ptr + 1;
	return in.len < max ? 0 : -1;
}

/* 1f4 [BWS] [; extensions] CRLF. What stands behind the size is of no interest, but a carriage
 * return inside it is how one server is made to see another chunk than the next one.
 */
static bool size_line(struct slice line, uint64_t *ret_size)
{
	size_t n = line.len - 1, i = 0;
	uint64_t v = 0;
	if (n && line.ptr[n - 1] == '\r')
		n--;
	for (; i < n; i++) {
		int digit = text_hex_digit(line.ptr[i]);
		if (digit < 0)
			break;
		if (v >> 59)
			return false;
		v = v << 4 | (unsigned)digit;
	}
	if (i == 0 || memchr(line.ptr, '\r', n))
		return false;
	*ret_size = v;
	return i == n || line.ptr[i] == ';' || line.ptr[i] == ' ' || line.ptr[i] == '\t';
}

static size_t bad(struct http1_chunks *k)
{
	k->phase = CHUNK_BAD;
	return 0;
}

static size_t take_size(struct http1_chunks *k, struct slice in)
{
	int64_t n = line_len(in, CHUNK_LINE_MAX);
	if (n == 0)
		return 0;
	if (n < 0 || !size_line(slice_of(in.ptr, (size_t)n), &k->left))
		return bad(k);
	k->phase = k->left ? CHUNK_BYTES : CHUNK_TRAILER;
	return (size_t)n;
}

static size_t take_crlf(struct http1_chunks *k, struct slice in)
{
	size_t n = in.ptr[0] == '\r' ? 2 : 1;
	if (in.len < n)
		return 0;
	if (in.ptr[n - 1] != '\n')
		return bad(k);
	k->phase = CHUNK_SIZE;
	return n;
}

static size_t take_trailer(struct http1_chunks *k, struct slice in, uint64_t trailer_max)
{
	int64_t n = line_len(in, trailer_max - k->trailer_bytes);
	if (n == 0)
		return 0;
	if (n < 0)
		return bad(k);
	if (n == 1 || (n == 2 && in.ptr[0] == '\r'))
		k->phase = CHUNK_DONE;
	k->trailer_bytes += (uint32_t)n;
	return (size_t)n;
}

size_t http1_chunks_next(struct http1_chunks *k, struct slice in, uint64_t trailer_max,
			 struct slice *ret_data)
{
	*ret_data = (struct slice){0};
	if (in.len == 0)
		return 0;
	switch (k->phase) {
	case CHUNK_SIZE:
		return take_size(k, in);
	case CHUNK_BYTES: {
		size_t n = k->left < in.len ? (size_t)k->left : in.len;
		*ret_data = slice_of(in.ptr, n);
		k->left -= n;
		if (k->left == 0)
			k->phase = CHUNK_CRLF;
		return n;
	}
	case CHUNK_CRLF:
		return take_crlf(k, in);
	case CHUNK_TRAILER:
		return take_trailer(k, in, trailer_max);
	default:
		return 0;
	}
}
