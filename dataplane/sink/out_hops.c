#include "dataplane/sink/out_hops.h"

#include "dataplane/base/text.h"
#include "dataplane/sink/encode.h"

unsigned out_hops_of(const struct batch *b, const struct rec *r)
{
	const struct val *pair = r->vals + r->schema->n_fields;
	uint64_t n;
	for (const struct val *end = pair + 2 * r->n_pairs; pair < end; pair += 2) {
		const uint8_t *key = b->arena.base + pair[0].off;
		/* A sender's key with '_' in front has another one here (extract/keys.h). */
		if (pair[0].type == VAL_NAME || pair[0].len != 5 || memcmp(key, "__hop", 5) != 0)
			continue;
		struct val v = pair[1];
		bool text = v.type == VAL_NUM || v.type == VAL_STR || v.type == VAL_JSTR;
		if (text && text_u64(arena_slice(&b->arena, v.off, v.len), &n))
			return n < OUT_HOPS_MAX ? (unsigned)n : OUT_HOPS_MAX;
	}
	return 0;
}

size_t out_hops_put_id(const struct rec *r, uint8_t *out)
{
	size_t len = encode_id(r, out);
	if (r->hops == 0)
		return len;
	out[len] = ';';
	return len + 1 + text_put_u64((char *)out + len + 1, r->hops + 1u);
}

struct slice out_hops_id(const struct out_batch *b, const struct out_mark *m, struct slice *ret_hop)
{
	struct slice id = slice_of(b->mark_buf + m->off + m->key_len, m->id_len);
	const uint8_t *end = id.len ? memchr(id.ptr, ';', id.len) : NULL;
	*ret_hop = SLICE_LIT("1");
	if (end) {
		*ret_hop = slice_of(end + 1, id.len - (size_t)(end - id.ptr) - 1);
		id.len = (size_t)(end - id.ptr);
	}
	return id;
}
