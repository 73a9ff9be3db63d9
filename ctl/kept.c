#include "ctl/kept.h"
#include "ctl/options.h"
#include "dataplane/base/mem.h"

/* ---- dimensions ---- */

static int copy_spec(struct memlist *mem, const struct dim_spec *from, struct dim_spec *to)
{
	struct dim_field *fields = memlist_array(mem, from->n_fields, sizeof(*fields));
	*to = *from;
	to->fields = fields;
	to->conf = options_copy(mem, from->kind->opts, from->conf, from->kind->conf_size);
	bool good = fields && to->conf && memlist_own(mem, &to->name) && memlist_own(mem, &to->key);
	for (unsigned i = 0; good && i < from->n_fields; i++) {
		fields[i] = from->fields[i];
		good = memlist_own(mem, &fields[i].name);
	}
	return good ? 0 : -ENOMEM;
}

int kept_dim_create(const struct dimension_conf *d, struct kept_dim **ret_k, struct err *e)
{
	struct kept_dim *k = mem_alloc(sizeof(*k));
	if (!k)
		return err_set(e, -ENOMEM, "no memory for dimension %s", d->spec.name);
	k->n_refs = 1;
	int rc = copy_spec(&k->mem, &d->spec, &k->spec);
	if (rc < 0)
		err_set(e, rc, "no memory for dimension %s", d->spec.name);
	else
		rc = dim_create(&k->spec, &k->dim, e);
	if (rc < 0) {
		kept_dim_put(k);
		return err_prefix(e, rc, "%s:%d:%d: ", d->at.file, d->at.line, d->at.col);
	}
	*ret_k = k;
	return 0;
}

struct kept_dim *kept_dim_get(struct kept_dim *k)
{
	k->n_refs++;
	return k;
}

void kept_dim_put(struct kept_dim *k)
{
	if (!k || atomic_fetch_sub(&k->n_refs, 1) > 1)
		return;
	dim_destroy(k->dim);
	memlist_fini(&k->mem);
	mem_free(k);
}

/* ---- sources ---- */

bool kept_source_wanted(const struct source_conf *s)
{
	return s->parser->pool_create || s->parser->keep_create;
}

int kept_source_create(const struct source_conf *s, struct kept_source **ret_k, struct err *e)
{
	struct kept_source *k = mem_alloc(sizeof(*k));
	if (!k)
		return err_set(e, -ENOMEM, "no memory for source %s", s->name);
	k->n_refs = 1;
	k->parser = s->parser;
	k->conf = options_copy(&k->mem, s->parser->opts, s->conf, s->parser->conf_size);
	int rc = k->conf ? 0 : err_set(e, -ENOMEM, "no memory");
	if (rc == 0 && s->parser->keep_create)
		rc = s->parser->keep_create(k->conf, &k->keep, e);
	if (rc < 0) {
		kept_source_put(k);
		return err_prefix(e, rc, "%s:%d:%d: source %s: ", s->at.file, s->at.line, s->at.col,
				  s->name);
	}
	*ret_k = k;
	return 0;
}

struct kept_source *kept_source_get(struct kept_source *k)
{
	k->n_refs++;
	return k;
}

void kept_source_put(struct kept_source *k)
{
	if (!k || atomic_fetch_sub(&k->n_refs, 1) > 1)
		return;
	if (k->keep)
		k->parser->keep_destroy(k->keep);
	memlist_fini(&k->mem);
	mem_free(k);
}
