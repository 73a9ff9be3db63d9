/* ENUM and SET: labels where they are known, else numbers. Contracts: value.h. */
#include "dataplane/base/text.h"
#include "parsers/mysql/value.h"
#include "parsers/mysql/wire.h"

static enum mysql_fault put_number(uint64_t v, struct mysql_out *out)
{
	char *o = (char *)out_room(out, 24);
	if (!o)
		return MYSQL_F_NO_ROOM;
	out_end(out, o + text_put_u64(o, v));
	return MYSQL_F_OK;
}

static enum mysql_fault put_set(const struct mysql_column *c, uint64_t bits, struct mysql_out *out)
{
	enum mysql_fault fault = OUT_LIT(out, "\"");
	for (bool first = true; bits && !fault; bits &= bits - 1, first = false) {
		struct slice label = c->labels[__builtin_ctzll(bits)];
		if (!first)
			fault = OUT_LIT(out, ",");
		if (!fault)
			fault = out_lit(out, (const char *)label.ptr, label.len);
	}
	return fault ? fault : OUT_LIT(out, "\"");
}

enum mysql_fault value_put_labels(const struct mysql_column *c, struct slice s,
				  struct mysql_out *out)
{
	uint64_t v = wire_le(s.ptr, (unsigned)s.len);
	if (c->type == MYSQL_T_SET) {
		bool known = c->n_labels && (c->n_labels >= 64 || v >> c->n_labels == 0);
		return known ? put_set(c, v, out) : put_number(v, out);
	}
	if (v == 0) /* what the server stores for a value that is none of the labels */
		return c->n_labels ? OUT_LIT(out, "\"\"") : put_number(0, out);
	if (v > c->n_labels)
		return put_number(v, out);
	struct slice label = c->labels[v - 1];
	enum mysql_fault fault = OUT_LIT(out, "\"");
	if (!fault)
		fault = out_lit(out, (const char *)label.ptr, label.len);
	return fault ? fault : OUT_LIT(out, "\"");
}
