#include "tests/support/dim_make.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/base/mem.h"

static const struct dim_field fields[] = {{"name", {.kind = TYPE_STRING}},
					  {"n", {.kind = TYPE_INT}}};

struct dim_spec dim_make(const char *kind)
{
	struct dim_spec s = {.name = "d",
			     .key = "k",
			     .fields = fields,
			     .n_fields = 2,
			     .keys_max = 1000,
			     .bytes_max = 1 << 20,
			     .every_ns = 10000000};
	for (unsigned i = 0; dim_kinds[i] && !s.kind; i++)
		if (strcmp(dim_kinds[i]->name, kind) == 0)
			s.kind = dim_kinds[i];
	if (!s.kind)
		abort();
	s.conf = mem_alloc(s.kind->conf_size);
	return s;
}

void dim_make_free(struct dim_spec *s)
{
	mem_free((void *)s->conf);
}

static const struct opt *find(const struct dim_spec *s, const char *name)
{
	for (const struct opt *o = s->kind->opts; o->name; o++)
		if (strcmp(o->name, name) == 0)
			return o;
	abort();
}

void dim_make_set(struct dim_spec *s, const char *name, const char *value)
{
	const struct opt *o = find(s, name);
	uint8_t *at = (uint8_t *)s->conf + o->off;
	if (o->type != OPT_ENUM) {
		memcpy(at, &value, sizeof(value));
		return;
	}
	int i = 0;
	while (o->choices[i] && strcmp(o->choices[i], value) != 0)
		i++;
	memcpy(at, &i, sizeof(i));
}

void dim_make_set_number(struct dim_spec *s, const char *name, uint64_t value)
{
	memcpy((uint8_t *)s->conf + find(s, name)->off, &value, sizeof(value));
}
