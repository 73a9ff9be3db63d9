/* json_quick_run_way.h - the body of json_quick_run.c, once for each processor it is made for.
 *
 * In:     WAY, appended to names; WAY_TARGET, what its processor has; WAY_BYTES that are looked at
 *         at once, WAY_BITS, a word with a bit each; is_expected() and look() of this way.
 * Out:    json_quick_run_<WAY>.
 * Owns:   nothing.
 * Runs:   worker.
 * Limits: -
 */

/* The closing quote of the text from @p on; NULL: it has escapes, or what may be in none. */
WAY_INLINE const uint8_t *WAY_NAME(text_end)(const uint8_t *p, const uint8_t *end, bool *io_wide)
{
	for (; p < end; p += WAY_BYTES) {
		struct WAY_NAME(marks) m = WAY_NAME(look)(p);
		WAY_BITS text = m.quotes ^ (m.quotes - 1); /* up to the first quote, or all */
		if (__builtin_expect((m.odd & text) != 0, 0)) {
			if (m.odd & text & ~WAY_NAME(wide)(p))
				return NULL;
			*io_wide = true;
		}
		if (m.quotes)
			return p + WAY_NAME(first)(m.quotes);
	}
	return NULL;
}

/* The value at @p: its type, its first byte, the one behind its last, and what follows it. NULL: it
 * is none of the plain ones.
 */
WAY_INLINE const uint8_t *WAY_NAME(plain)(const uint8_t *p, const uint8_t *end, bool *io_wide,
					  enum val_type *ret_type, const uint8_t **ret_to)
{
	uint8_t c = *p;
	if (c == '"') {
		const uint8_t *to = WAY_NAME(text_end)(p + 1, end, io_wide);
		*ret_type = VAL_JSTR;
		*ret_to = to;
		return to ? to + 1 : NULL;
	}
	unsigned n = c <= '9' ? json_short_number(p) : word(p, ret_type);
	if (c <= '9')
		*ret_type = VAL_NUM;
	*ret_to = p + n;
	return n ? p + n : NULL;
}

WAY_FUNCTION void WAY_NAME(json_quick_run)(const struct json_quick *q, const uint8_t *end,
					   struct rec_builder *rb, struct quick_place *io)
{
	const uint8_t *base = rb->b->arena.base, *p = io->p;
	unsigned i = io->i, from = i, room = REC_PAIRS_MAX - rb->n_pairs;
	unsigned stop = QUICK_KEYS_MAX - i < room ? QUICK_KEYS_MAX : i + room;
	struct val *to = rb->pairs + 2 * (size_t)rb->n_pairs;
	for (; i < stop && p < end; i++, to += 2) {
		const struct quick_key *k = &q->keys[i];
		if (!k->word || !WAY_NAME(is_expected)(k, p))
			break;
		const uint8_t *v = p + k->len, *v_end;
		enum val_type type;
		if (v >= end)
			break;
		const uint8_t *next = WAY_NAME(plain)(v, end, &io->wide, &type, &v_end);
		if (!next || next >= end || (*next != ',' && *next != '}'))
			break;
		v += type == VAL_JSTR;
		to[0] = val_of_word(k->word + (uint32_t)(p + 1 - base));
		to[1] = val_of_word((uint64_t)type << VAL_TYPE_SHIFT | (uint64_t)(v_end - v) << 32 |
				    (uint32_t)(v - base));
		p = next + 1;
		if (*next == '}') {
			io->closed = true;
			i++;
			break;
		}
	}
	rb->n_pairs += i - from;
	io->p = p;
	io->i = i;
}
