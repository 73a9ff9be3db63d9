/* http1_known_way.h - the body of http1_known_read.c, once for each processor it is made for.
 *
 * In:     WAY, appended to names; WAY_TARGET, what its processor has; same(), feeds() and blanks()
 *         of this way, which look at 64 bytes.
 * Out:    http1_known_<WAY>.
 * Owns:   nothing.
 * Runs:   worker.
 * Limits: -
 */

/* The next line feed, or NO_LINE. */
WAY_INLINE uint32_t WAY_NAME(next_feed)(struct reader *r)
{
	while (!r->feeds) {
		r->base += 64;
		if (r->base >= r->end)
			return NO_LINE;
		size_t left = r->end - r->base;
		const uint8_t *p = r->p + r->base;
		r->feeds = left >= 64 ? WAY_NAME(feeds)(p) : last_feeds(p, left);
	}
	uint32_t at = (uint32_t)r->base + (unsigned)__builtin_ctzll(r->feeds);
	r->feeds &= r->feeds - 1;
	return at;
}

/* METHOD SP target SP HTTP/1.1 CR, the usual way, in the 64 bytes at @p, before the line feed @at;
 * false: it is to be looked at more closely. The only blanks and control characters in it are these
 * three.
 */
WAY_INLINE bool WAY_NAME(request_line)(struct http1_msg *m, const uint8_t *p, uint32_t at)
{
	if (at >= 64 || at < sizeof("A / HTTP/1.1"))
		return false;
	uint64_t blanks = WAY_NAME(blanks)(p), rest = blanks & (blanks - 1);
	uint32_t target = (uint32_t)__builtin_ctzll(blanks) + 1;
	if ((rest & (((uint64_t)2 << at) - 1)) != (uint64_t)0x601 << (at - 10) || target < 2 ||
	    target > HTTP1_METHOD_MAX || at - 10 <= target || !is_usual_version(p + at - 10))
		return false;
	m->method_len = (uint8_t)(target - 1);
	m->span[SPAN_TARGET] = (struct http1_part){target, at - 10 - target};
	return p[target - 1] == ' ';
}

WAY_FUNCTION bool WAY_NAME(http1_known)(const struct http1_known_head *h, struct http1_msg *m,
					struct slice bytes, bool answer)
{
	struct reader r = {.p = bytes.ptr, .end = bytes.len};
	bool wide = r.end >= 64;
	r.feeds = wide ? WAY_NAME(feeds)(r.p) : last_feeds(r.p, r.end);
	uint32_t at = WAY_NAME(next_feed)(&r);
	if (at == NO_LINE)
		return false;
	if ((answer || !wide || !WAY_NAME(request_line)(m, r.p, at)) &&
	    !http1_start_line(m, r.p, at, answer))
		return false;
	uint32_t from = at + 1;
	const struct http1_known_line *l = h->lines, *end = l + h->n_lines;
	for (; l < end; l++) {
		at = WAY_NAME(next_feed)(&r);
		if (at == NO_LINE)
			return false;
		bool so = from + HTTP1_LINE_BYTES <= r.end ? WAY_NAME(same)(l, r.p + from)
							   : ends_so(l, r.p + from, r.end - from);
		if (!so || (l->kind != LINE_NAME && !take_value(m, l, r.p, from, at)))
			return false;
		from = at + 1;
	}
	at = WAY_NAME(next_feed)(&r);
	return at != NO_LINE && take_end(h, m, r.p, from, at);
}
