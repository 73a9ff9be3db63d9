#include "dataplane/graph/op_parts.h"

#include <string.h>

#include "dataplane/base/mem.h"

/* ---- ports ---- */

int op_ports_init(struct op_plan *p, unsigned n)
{
	p->ports = mem_alloc(n * sizeof(*p->ports));
	p->n_ports = p->ports ? n : 0;
	return p->ports ? 0 : -ENOMEM;
}

int op_schema_set(struct op_plan *p, unsigned port, const struct op_field *fields, unsigned n,
		  bool open)
{
	struct op_schema *s = (struct op_schema *)&p->ports[port];
	struct op_field *copy = mem_alloc((n + 1) * sizeof(*copy));
	s->fields = copy;
	s->open = open;
	if (!copy)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++) {
		copy[i] = (struct op_field){mem_strdup(fields[i].name), fields[i].type};
		if (!copy[i].name)
			return -ENOMEM;
		s->n_fields++;
	}
	return 0;
}

int op_schema_copy(struct op_plan *p, unsigned port, const struct op_schema *from)
{
	return op_schema_set(p, port, from->fields, from->n_fields, from->open);
}

void op_ports_fini(struct op_plan *p)
{
	for (unsigned i = 0; i < p->n_ports; i++) {
		for (unsigned k = 0; k < p->ports[i].n_fields; k++)
			mem_free((void *)p->ports[i].fields[k].name);
		mem_free((void *)p->ports[i].fields);
	}
	mem_free((void *)p->ports);
}

void op_plan_free(struct op_plan *p)
{
	if (!p)
		return;
	op_ports_fini(p);
	mem_free(p);
}

/* ---- records ---- */

struct rec *op_rec(struct batch *b, const struct rec *from, const struct schema *schema,
		   unsigned n_pairs)
{
	size_t vals = (schema->n_fields + 2 * (size_t)n_pairs) * sizeof(struct val);
	uint32_t off = arena_take8(&b->arena, sizeof(struct rec) + vals);
	if (!off)
		return NULL;
	struct rec *r = (struct rec *)(b->arena.base + off);
	*r = *from;
	r->schema = schema;
	r->n_pairs = (uint16_t)n_pairs;
	return r;
}
