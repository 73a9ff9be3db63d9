#include "ctl/pipeline.h"

#include <stdio.h>
#include <string.h>

#include "ctl/base_patterns.h"
#include "ctl/config_compare.h"
#include "dataplane/base/mem.h"
#include "dataplane/rec/json_text.h"

static unsigned count_fields(const struct field_def *fields)
{
	unsigned n = 0;
	while (fields && fields[n].name)
		n++;
	return n;
}

static int find_field(const struct parser *p, const char *name)
{
	unsigned n = count_fields(p->fields);
	for (unsigned i = 0; i < n; i++)
		if (strcmp(p->fields[i].name, name) == 0)
			return (int)i;
	return -1;
}

static int build_grok(struct pipeline *p, struct err *e)
{
	const struct config *c = p->conf;
	p->grok = grok_create();
	int rc = p->grok ? 0 : err_set(e, -ENOMEM, "no memory for grok patterns");
	if (rc == 0)
		rc = grok_add(p->grok, slice_of(base_patterns, base_patterns_len), "base.pat", e);
	for (size_t i = 0; rc == 0 && i < c->patterns.n; i++)
		rc = grok_load(p->grok, c->patterns.items[i], e);
	return rc;
}

static int build_set(struct pipeline *p, const struct source_conf *s, struct format_set **ret_set,
		     struct err *e)
{
	const struct format_def **defs = mem_alloc(s->n_formats * sizeof(*defs));
	if (!defs)
		return err_set(e, -ENOMEM, "no memory for the formats of %s", s->name);
	for (size_t i = 0; i < s->n_formats; i++)
		defs[i] = &p->conf->formats[s->formats[i]];
	int rc = format_set_create(defs, (unsigned)s->n_formats, p->grok, p->names, ret_set, e);
	mem_free(defs);
	return rc;
}

/* What a parser keeps goes on with its source. */
static int build_frame_source(struct pipeline *p, unsigned i, size_t *io_hint, struct err *e)
{
	const struct source_conf *s = &p->conf->sources[i];
	const struct source_conf *was =
		p->before ? config_source_before(p->before->conf, s, io_hint) : NULL;
	size_t k = was ? (size_t)(was - p->before->conf->sources) : 0;
	struct kept_source *kept = was ? p->before->kept_sources[k] : NULL;
	if (kept) {
		p->kept_sources[i] = kept_source_get(kept);
	} else if (kept_source_wanted(s)) {
		int rc = kept_source_create(s, &p->kept_sources[i], e);
		if (rc < 0)
			return rc;
	}
	kept = p->kept_sources[i];
	p->frame_sources[i] = (struct frame_source){
		.name = s->name,
		.parser = s->parser,
		.conf = kept ? kept->conf : s->conf,
		.keep = kept ? kept->keep : NULL,
		.goes_on = was ? (uint32_t)k + 1 : 0,
		.tcp = s->tcp,
		.udp = s->udp,
		.probe = s->probe,
		.port_decides = s->port_decides,
	};
	return 0;
}

/* Sources of one parser have one spelling of its fields between them. */
static int build_schema(struct pipeline *p, unsigned i, struct err *e)
{
	const struct parser *parser = p->conf->sources[i].parser;
	struct schema *schema = &p->extract_sources[i].schema;
	unsigned first = 0;
	while (p->conf->sources[first].parser != parser)
		first++;
	if (first < i) {
		schema_share(schema, &p->extract_sources[first].schema);
		return 0;
	}
	int rc = schema_init(schema, parser->fields, (uint16_t)count_fields(parser->fields));
	if (rc < 0)
		return err_set(e, rc, "no memory for the fields of %s", p->conf->sources[i].name);
	return 0;
}

static int build_source(struct pipeline *p, unsigned i, struct err *e)
{
	const struct source_conf *s = &p->conf->sources[i];
	struct extract_source *x = &p->extract_sources[i];
	x->parser = s->parser;
	x->parser_conf = s->conf;
	x->message_field = find_field(s->parser, "message");
	x->format_field = s->field ? find_field(s->parser, s->field) : x->message_field;
	x->keep_message = s->keep_message;
	if (s->field && x->format_field < 0)
		return err_set(e, -EINVAL, "%s:%d:%d: sources.%s.field: parser %s has no field %s",
			       s->at.file, s->at.line, s->at.col, s->name, s->parser->name,
			       s->field);
	int rc = build_schema(p, i, e);
	if (rc < 0 || s->n_formats == 0)
		return rc;
	struct format_set *set;
	rc = build_set(p, s, &set, e);
	if (rc == 0)
		x->formats = set;
	return rc;
}

/* `"_source":"x",` and, unless the record names its stream, `"_stream":"x",` behind it. */
static int spell_source(struct pipeline *p, unsigned i)
{
	struct slice name = slice_str(p->conf->sources[i].name);
	size_t cap = 2 * (JSON_TEXT_FACTOR * name.len + 16);
	uint8_t *text = mem_alloc(cap);
	if (!text)
		return -ENOMEM;
	bool invalid = false;
	size_t len = 11, only;
	memcpy(text, "\"_source\":\"", 11);
	len += json_text_put(text + len, name.ptr, name.len, &invalid);
	memcpy(text + len, "\",", 2);
	only = len += 2;
	memcpy(text + len, "\"_stream\":\"", 11);
	len += 11;
	len += json_text_put(text + len, name.ptr, name.len, &invalid);
	memcpy(text + len, "\",", 2);
	p->source_json[i] = slice_of(text, len + 2);
	p->source_only[i] = slice_of(text, only);
	return 0;
}

static int build_rules(struct pipeline *p, struct err *e)
{
	const struct config *c = p->conf;
	unsigned n = 0;
	for (size_t i = 0; i < c->n_sources; i++)
		n += (unsigned)c->sources[i].rules.n;
	if (n == 0)
		return 0;
	struct rule_def *defs = mem_alloc(n * sizeof(*defs));
	if (!defs)
		return err_set(e, -ENOMEM, "no memory for %u rules", n);
	unsigned at = 0;
	for (size_t i = 0; i < c->n_sources; i++)
		for (size_t k = 0; k < c->sources[i].rules.n; k++) {
			const struct opt_pair *r = &c->sources[i].rules.items[k];
			defs[at++] = (struct rule_def){.name = r->key,
						       .pattern = r->value,
						       .source = (uint16_t)i,
						       .file = c->sources[i].at.file,
						       .line = r->line,
						       .col = r->col};
		}
	p->rule_defs = defs;
	return rules_create(defs, n, &p->rules, e);
}

/* The dimension of the pipeline before that says the same; NULL: there is none. */
static struct kept_dim *find_lent(const struct pipeline *before, const struct dimension_conf *d)
{
	for (size_t i = 0; before && i < before->conf->n_dimensions; i++)
		if (config_dimension_equal(&before->conf->dimensions[i], d))
			return before->kept_dims[i];
	return NULL;
}

static int build_dims(struct pipeline *p, struct err *e)
{
	const struct config *c = p->conf;
	p->kept_dims = mem_alloc((c->n_dimensions + 1) * sizeof(struct kept_dim *));
	p->dims = mem_alloc((c->n_dimensions + 1) * sizeof(*p->dims));
	p->dims_lent = mem_alloc((c->n_dimensions + 1) * sizeof(*p->dims_lent));
	if (!p->kept_dims || !p->dims || !p->dims_lent)
		return err_set(e, -ENOMEM, "no memory for dimensions");
	for (size_t i = 0; i < c->n_dimensions; i++) {
		struct kept_dim *lent = find_lent(p->before, &c->dimensions[i]);
		int rc = lent ? 0 : kept_dim_create(&c->dimensions[i], &p->kept_dims[i], e);
		if (rc < 0)
			return rc;
		if (lent)
			p->kept_dims[i] = kept_dim_get(lent);
		p->dims_lent[i] = lent;
		p->dims[i] = p->kept_dims[i]->dim;
	}
	return 0;
}

int pipeline_build(const struct config *conf, struct pipeline **ret_p, struct err *e)
{
	return pipeline_rebuild(conf, NULL, ret_p, e);
}

int pipeline_rebuild(const struct config *conf, const struct pipeline *before,
		     struct pipeline **ret_p, struct err *e)
{
	struct pipeline *p = mem_alloc(sizeof(*p));
	if (!p)
		return err_set(e, -ENOMEM, "no memory");
	size_t n = conf->n_sources + 1;
	p->conf = conf;
	p->before = before;
	p->names = names_create();
	p->kept_sources = mem_alloc(n * sizeof(struct kept_source *));
	p->frame_sources = mem_alloc(n * sizeof(*p->frame_sources));
	p->extract_sources = mem_alloc(n * sizeof(*p->extract_sources));
	p->source_json = mem_alloc(n * sizeof(*p->source_json));
	p->source_only = mem_alloc(n * sizeof(*p->source_only));
	int rc = 0;
	if (!p->names || !p->kept_sources || !p->frame_sources || !p->extract_sources ||
	    !p->source_json || !p->source_only)
		rc = err_set(e, -ENOMEM, "no memory for %zu sources", conf->n_sources);
	if (rc == 0)
		rc = build_grok(p, e);
	size_t hint = 0;
	for (unsigned i = 0; rc == 0 && i < conf->n_sources; i++) {
		rc = build_frame_source(p, i, &hint, e);
		if (rc == 0)
			rc = build_source(p, i, e);
		if (rc == 0 && (rc = spell_source(p, i)) < 0)
			err_set(e, rc, "no memory for %s", conf->sources[i].name);
	}
	if (rc == 0)
		rc = build_rules(p, e);
	if (rc == 0)
		rc = build_dims(p, e);
	if (rc == 0)
		rc = pipeline_graph_build(p, e);
	if (rc < 0) {
		pipeline_destroy(p);
		return rc;
	}
	p->encode = (struct encode_ctx){
		.names = p->names, .source_json = p->source_json, .source_only = p->source_only};
	p->before = NULL;
	*ret_p = p;
	return 0;
}

void pipeline_destroy(struct pipeline *p)
{
	if (!p)
		return;
	pipeline_graph_destroy(p);
	err_list_fini(&p->notes);
	for (size_t i = 0; p->kept_dims && i < p->conf->n_dimensions; i++)
		kept_dim_put(p->kept_dims[i]);
	mem_free(p->kept_dims);
	mem_free(p->dims);
	mem_free(p->dims_lent);
	rules_destroy(p->rules);
	mem_free(p->rule_defs);
	for (size_t i = 0; i < p->conf->n_sources; i++) {
		if (p->extract_sources) {
			format_set_destroy((struct format_set *)p->extract_sources[i].formats);
			schema_fini(&p->extract_sources[i].schema);
		}
		if (p->source_json)
			mem_free((void *)p->source_json[i].ptr);
		if (p->kept_sources)
			kept_source_put(p->kept_sources[i]);
	}
	grok_destroy(p->grok);
	mem_free(p->extract_sources);
	mem_free(p->kept_sources);
	mem_free(p->frame_sources);
	mem_free(p->source_json);
	mem_free(p->source_only);
	names_destroy(p->names);
	mem_free(p);
}
