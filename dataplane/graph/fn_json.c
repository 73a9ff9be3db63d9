#include "dataplane/base/text.h"
#include "dataplane/extract/json.h"
#include "dataplane/graph/fn.h"
#include "dataplane/graph/json_path.h"
#include "dataplane/graph/literal.h"

/* A value as ->> gives it: strings without quotes and escapes, null as NULL. */
static uint8_t as_text(struct call *c, struct slice json, union cell *ret)
{
	ret->s = json;
	if (json.ptr[0] == 'n')
		return VEC_NULL;
	if (json.ptr[0] != '"')
		return VEC_VALUE;
	struct slice inside = slice_of(json.ptr + 1, json.len - 2);
	ret->s = inside;
	if (inside.len == 0 || !memchr(inside.ptr, '\\', inside.len))
		return VEC_VALUE;
	uint8_t *p = call_room(c, inside.len);
	if (!p)
		return VEC_NO_ROOM;
	ret->s = slice_of(p, json_unescape(p, inside));
	return VEC_VALUE;
}

/* param: as text. */
static uint8_t part(struct call *c, bool found, struct slice json, union cell *ret)
{
	if (!found)
		return VEC_NULL;
	if (c->fn->param)
		return as_text(c, json, ret);
	ret->s = json;
	return VEC_VALUE;
}

static uint8_t at_key(struct call *c, const union cell *in, union cell *ret)
{
	struct slice v;
	return part(c, json_at_key(in[0].s, in[1].s, &v), v, ret);
}

static uint8_t at_index(struct call *c, const union cell *in, union cell *ret)
{
	struct slice v;
	return part(c, json_at_index(in[0].s, in[1].i, &v), v, ret);
}

/* ---- paths ---- */

struct path {
	unsigned n;
	bool null; /* one of the keys is NULL: so is the result */
	struct slice keys[];
};

/* One element of '{a, "b c"}' at *io_i, into @out. False at a fault. */
static bool read_key(struct slice s, size_t *io_i, uint8_t *out, size_t *ret_len, bool *ret_quoted)
{
	size_t i = *io_i, n = 0;
	while (i < s.len && s.ptr[i] == ' ')
		i++;
	*ret_quoted = i < s.len && s.ptr[i] == '"';
	i += *ret_quoted;
	for (; i < s.len; i++) {
		if (*ret_quoted ? s.ptr[i] == '"' : s.ptr[i] == ',' || s.ptr[i] == '}')
			break;
		if (!*ret_quoted && strchr("{\"", s.ptr[i]) && s.ptr[i])
			return false;
		if (s.ptr[i] == '\\' && ++i == s.len)
			return false;
		out[n++] = s.ptr[i];
	}
	while (!*ret_quoted && n > 0 && out[n - 1] == ' ')
		n--;
	if (*ret_quoted && i++ >= s.len)
		return false;
	while (i < s.len && s.ptr[i] == ' ')
		i++;
	*io_i = i;
	*ret_len = n;
	return n > 0 || *ret_quoted;
}

static bool read_path(struct slice s, uint8_t *out, struct path *path)
{
	size_t i = 1, len;
	bool quoted;
	s = literal_trim(s);
	if (s.len < 2 || s.ptr[0] != '{' || s.ptr[s.len - 1] != '}')
		return false;
	if (literal_trim(slice_of(s.ptr + 1, s.len - 2)).len == 0)
		return true;
	do {
		if (!read_key(s, &i, out, &len, &quoted) || i >= s.len)
			return false;
		path->null |= !quoted && text_ieq(slice_of(out, len), SLICE_LIT("null"));
		path->keys[path->n++] = slice_of(out, len);
		out += len;
	} while (s.ptr[i++] == ',');
	return s.ptr[i - 1] == '}' && i == s.len;
}

static int prepare_path(struct fn_prep *p, const void **ret_aux)
{
	const struct vec *v = p->constants[1];
	if (!v)
		return err_set(p->e, -EINVAL, "the path of %s must be a constant, as in '{a,0,b}'",
			       p->fn->name);
	if (v->state[0] != VEC_VALUE)
		return err_set(p->e, -EINVAL, "the path of %s must not be NULL", p->fn->name);
	struct slice s = v->s[0];
	uint32_t at = arena_take8(p->a, sizeof(struct path) + (s.len + 1) * sizeof(struct slice));
	uint32_t text = arena_take(p->a, s.len + SL_PAD);
	if (!at || !text)
		return err_set(p->e, -ENOSPC, "the expressions are too large");
	struct path *path = (struct path *)(p->a->base + at);
	*path = (struct path){0};
	*ret_aux = path;
	if (!read_path(s, p->a->base + text, path))
		return err_set(p->e, -EINVAL, "'%.*s' is no path; one is written as in '{a,0,b}'",
			       (int)(s.len < 80 ? s.len : 80), (const char *)s.ptr);
	return 0;
}

static uint8_t at_path(struct call *c, const union cell *in, union cell *ret)
{
	const struct path *path = c->aux;
	struct slice v = literal_trim(in[0].s);
	if (path->null)
		return VEC_NULL;
	for (unsigned i = 0; i < path->n; i++) {
		union cell index;
		bool found;
		if (v.ptr[0] == '[')
			found = literal_read(SQL_INT4, path->keys[i], NULL, &index) == VEC_VALUE &&
				json_at_index(v, index.i, &v);
		else
			found = json_at_key(v, path->keys[i], &v);
		if (!found)
			return VEC_NULL;
	}
	return part(c, true, v, ret);
}

static uint8_t type_of(struct call *c, const union cell *in, union cell *ret)
{
	ret->s = slice_str(json_type(in[0].s));
	return VEC_VALUE;
}

static uint8_t array_length(struct call *c, const union cell *in, union cell *ret)
{
	return json_length(in[0].s, &ret->i) ? VEC_VALUE : VEC_BAD_INPUT;
}

bool fn_takes_member(const struct fn *f)
{
	return f->row == at_key;
}

#define PART(name, ret, as_text)                                                      \
	{name, ret, 2, {SQL_JSON, SQL_TEXT}, .param = as_text, .row = at_key},        \
	{                                                                             \
		name, ret, 2, {SQL_JSON, SQL_INT4}, .param = as_text, .row = at_index \
	}
#define PATH(name, ret, as_text)                                                                  \
	{                                                                                         \
		name, ret, 2, {SQL_JSON, SQL_TEXT}, .n_run = 1, .param = as_text, .row = at_path, \
						    .prepare = prepare_path                       \
	}

static const struct fn fns[] = {
	PART("->", SQL_JSON, 0),
	PART("->>", SQL_TEXT, 1),
	PATH("#>", SQL_JSON, 0),
	PATH("#>>", SQL_TEXT, 1),
	{"json_typeof", SQL_TEXT, 1, {SQL_JSON}, .row = type_of},
	{"jsonb_typeof", SQL_TEXT, 1, {SQL_JSON}, .row = type_of},
	{"json_array_length", SQL_INT4, 1, {SQL_JSON}, .row = array_length},
	{"jsonb_array_length", SQL_INT4, 1, {SQL_JSON}, .row = array_length},
};

const struct fn_table fns_json = FN_TABLE(fns);
