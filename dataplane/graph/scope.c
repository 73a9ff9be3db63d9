#include "dataplane/graph/scope.h"

#include "dataplane/base/mem.h"
#include "dataplane/base/text.h"
#include "dataplane/graph/resolve.h"

#define NAME_MAX_BYTES 512

int scope_init(struct scope *s, const struct expr_scope *from)
{
	s->columns = mem_alloc((from->n_columns + 1) * sizeof(*s->columns));
	s->inputs = mem_alloc(SCOPE_INPUTS_MAX * sizeof(*s->inputs));
	if (!s->columns || !s->inputs)
		return -ENOMEM;
	s->open = from->open;
	for (; s->n_columns < from->n_columns; s->n_columns++) {
		struct expr_column *c = &s->columns[s->n_columns];
		c->type = from->columns[s->n_columns].type;
		c->name = mem_strdup(from->columns[s->n_columns].name);
		if (!c->name)
			return -ENOMEM;
	}
	return 0;
}

void scope_fini(struct scope *s)
{
	for (unsigned i = 0; s->columns && i < s->n_columns; i++)
		mem_free((char *)s->columns[i].name);
	for (unsigned i = 0; s->inputs && i < s->n_inputs; i++)
		mem_free((char *)s->inputs[i].name);
	mem_free(s->columns);
	mem_free(s->inputs);
}

static int add_input(struct scope *s, const char *name, enum sql_type t, unsigned *ret_input,
		     struct err *e)
{
	for (unsigned i = 0; i < s->n_inputs; i++)
		if (strcmp(s->inputs[i].name, name) == 0) {
			*ret_input = i;
			return 0;
		}
	if (s->n_inputs == SCOPE_INPUTS_MAX)
		return err_set(e, -ENOSPC, "more than %d columns", SCOPE_INPUTS_MAX);
	char *copy = mem_strdup(name);
	if (!copy)
		return err_set(e, -ENOMEM, "out of memory for a column");
	s->inputs[s->n_inputs] = (struct expr_column){.name = copy, .type = t};
	*ret_input = s->n_inputs++;
	return 0;
}

static const struct expr_column *column_named(const struct scope *s, const char *name)
{
	for (unsigned i = 0; i < s->n_columns; i++)
		if (strcmp(s->columns[i].name, name) == 0)
			return &s->columns[i];
	return NULL;
}

static int unknown_column(const struct scope *s, const char *name, struct err *e)
{
	const char *best = NULL;
	unsigned d = RESOLVE_FAR(name);
	for (unsigned i = 0; i < s->n_columns; i++)
		if (resolve_nearer(name, s->columns[i].name, &d))
			best = s->columns[i].name;
	if (best)
		return err_set(e, -EINVAL, "no column %s; did you mean %s?", name, best);
	char list[256] = "";
	size_t at = 0;
	for (unsigned i = 0; i < s->n_columns && at + strlen(s->columns[i].name) + 6 < sizeof(list);
	     i++) {
		const char *c = s->columns[i].name;
		memcpy(list + at, i ? ", " : "", i ? 2 : 0);
		at += i ? 2 : 0;
		memcpy(list + at, c, strlen(c) + 1);
		at += strlen(c);
	}
	return err_set(e, -EINVAL, "no column %s; there are: %s", name, list);
}

int scope_find(struct scope *s, struct slice name, bool quoted, unsigned n_parts,
	       unsigned *ret_input, struct err *e)
{
	char text[NAME_MAX_BYTES], lower[NAME_MAX_BYTES];
	if (name.len >= sizeof(text))
		return err_set(e, -EINVAL, "a name of more than %d bytes", NAME_MAX_BYTES - 1);
	memcpy(text, name.ptr, name.len);
	text[name.len] = '\0';
	for (size_t i = 0; i <= name.len; i++)
		lower[i] = (char)text_lower((uint8_t)text[i]);
	const struct expr_column *c = column_named(s, text);
	if (!c && !quoted)
		c = column_named(s, lower);
	if (c)
		return add_input(s, c->name, c->type, ret_input, e);
	if (n_parts > 1)
		return err_set(
			e, -EINVAL,
			"no column %s; a part of JSON is %.*s->>'...', a name with a dot in it "
			"stands in double quotes",
			text, (int)strcspn(text, "."), text);
	if (s->open)
		return add_input(s, text, SQL_TEXT, ret_input, e);
	return unknown_column(s, text, e);
}
