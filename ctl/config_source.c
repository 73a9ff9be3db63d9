#include <stdlib.h>

#include "ctl/config_read.h"

static const char *const shed_choices[] = {"auto", "never", "late", "normal", "early", NULL};

const struct opt config_source_opts[] = {
	{.name = "parser",
	 .type = OPT_STRING,
	 .off = offsetof(struct source_conf, parser_name),
	 .required = true,
	 .live = true,
	 .help = "What reads the bytes of this source's sessions."},
	{.name = "field",
	 .type = OPT_STRING,
	 .off = offsetof(struct source_conf, field),
	 .live = true,
	 .help = "The field of the parser that formats read. Not set: message, or the "
		 "text of the frame."},
	{.name = "formats",
	 .type = OPT_STRINGS,
	 .off = offsetof(struct source_conf, format_names),
	 .def = "[]",
	 .live = true,
	 .help = "Formats that take the text apart, in the order in which they are tried: names "
		 "from formats, or files (*.yaml) with such names in them."},
	{.name = "rules",
	 .type = OPT_MAP,
	 .off = offsetof(struct source_conf, rules),
	 .def = "{}",
	 .live = true,
	 .help = "Names and regular expressions, searched in the whole frame (a syslog line with "
		 "its "
		 "header, a body): a record carries the names of those that it contains."},
	{.name = "keep_message",
	 .type = OPT_BOOL,
	 .off = offsetof(struct source_conf, keep_message),
	 .def = "false",
	 .live = true,
	 .help = "Keep the text that a format has taken apart, beside the fields made of it."},
	{.name = "shed",
	 .type = OPT_ENUM,
	 .off = offsetof(struct source_conf, shed),
	 .choices = shed_choices,
	 .def = "auto",
	 .live = true,
	 .help = "When a queue of this source cannot keep up (no replay's ever does), its messages "
		 "are left unread, but for a sample: early, from half of the queue's batches on; "
		 "normal, from three quarters; late, when few are left; never. auto: late, and "
		 "never for changes of rows."},
	{.name = "shed_keep",
	 .type = OPT_INT,
	 .off = offsetof(struct source_conf, shed_keep),
	 .min = 2,
	 .max = 1000000,
	 .def = "10",
	 .live = true,
	 .help = "One of so many is read while they are shed."},
	OPT_END,
};

const struct opt config_match_opts[] = {
	{.name = "udp",
	 .type = OPT_PORTS,
	 .off = offsetof(struct source_conf, udp),
	 .def = "[]",
	 .live = true,
	 .help = "UDP ports of this source's servers."},
	{.name = "tcp",
	 .type = OPT_PORTS,
	 .off = offsetof(struct source_conf, tcp),
	 .def = "[]",
	 .live = true,
	 .help = "TCP ports of this source's servers."},
	{.name = "probe",
	 .type = OPT_BOOL,
	 .off = offsetof(struct source_conf, probe),
	 .def = "false",
	 .live = true,
	 .help = "Sessions on all other ports too, when their first bytes are surely of this "
		 "parser."},
	OPT_END,
};

const char *const config_match_names[] = {"host", "path", "methods", NULL};

static const char *const later_keys[] = {"stream", NULL};
static const char *const later_parsers[] = {"gelf", "forward", "lumberjack", NULL};

bool config_is_match_name(const char *name)
{
	for (const char *const *n = config_match_names; *n; n++) {
		if (strcmp(*n, name) == 0)
			return true;
	}
	return false;
}

/* ---- the parser, and its options in two parts: inside of match, and beside it ---- */

static const struct parser *find_parser(const struct config_loader *l, const struct yaml_val *v)
{
	const char *meant = NULL;
	if (!v || v->kind != YAML_TEXT || yaml_val_is_null(v))
		return NULL; /* the table says what is wrong */
	for (size_t i = 0; parsers[i]; i++) {
		if (strcmp(parsers[i]->name, v->text) == 0)
			return parsers[i];
		lookup_offer(v->text, parsers[i]->name, &meant);
	}
	for (size_t i = 0; later_parsers[i]; i++) {
		if (strcmp(later_parsers[i], v->text) == 0) {
			option_err(&l->r, v, "parser %s is not in this version of sluice", v->text);
			return NULL;
		}
	}
	char list[512], show[YAML_SHOW_MAX];
	size_t n = 0;
	list[0] = '\0';
	for (size_t i = 0; parsers[i] && n < sizeof(list); i++)
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", i ? ", " : "",
				      parsers[i]->name);
	option_err(&l->r, v, "no parser is named %s; expected one of %s%s%s%s",
		   yaml_val_show(v, show, sizeof(show)), list, meant ? "; did you mean \"" : "",
		   meant ? meant : "", meant ? "\"?" : "");
	return NULL;
}

/* The options of @p that are inside of match (or those that are not), closed by OPT_END. */
static struct opt *parser_opts(const struct config_loader *l, const struct parser *p, bool inside)
{
	size_t n = 0;
	for (const struct opt *o = p->opts; o && o->name; o++)
		n++;
	struct opt *opts = memlist_array(&l->c->mem, n + 1, sizeof(*opts));
	if (!opts)
		return NULL;
	n = 0;
	for (const struct opt *o = p->opts; o && o->name; o++) {
		if (config_is_match_name(o->name) == inside)
			opts[n++] = *o;
	}
	return opts;
}

/* ---- one source ---- */

static void check_field(const struct config_loader *l, const struct yaml_val *v,
			struct source_conf *s)
{
	const char *meant = NULL;
	for (const struct field_def *f = s->parser->fields; f && f->name; f++) {
		if (strcmp(f->name, s->field) == 0)
			return;
		lookup_offer(s->field, f->name, &meant);
	}
	if (strcmp(s->field, "message") == 0) {
		s->field = NULL; /* text without fields of a protocol: it becomes `message` */
		return;
	}
	option_err(&l->r, v, "parser %s has no field \"%s\"; expected one of its fields%s%s%s",
		   s->parser->name, s->field, meant ? "; did you mean \"" : "", meant ? meant : "",
		   meant ? "\"?" : "");
}

static void check_match(const struct config_loader *l, const struct yaml_val *match,
			const struct source_conf *s)
{
	const char *name = s->parser->name;
	const struct yaml_val *tcp = yaml_val_get(match, "tcp"), *udp = yaml_val_get(match, "udp");
	if (s->tcp.n && !(s->parser->transports & PARSER_TCP))
		option_err(&l->r, tcp, "parser %s does not read TCP", name);
	if (s->udp.n && !(s->parser->transports & PARSER_UDP))
		option_err(&l->r, udp, "parser %s does not read UDP", name);
	if (!s->tcp.n && !s->udp.n && !s->probe)
		option_key_err(&l->r, match,
			       "matches nothing; expected ports (udp, tcp), or probe: true");
}

static int read_match(const struct config_loader *l, const struct yaml_val *v,
		      struct source_conf *s)
{
	struct opt *inside = parser_opts(l, s->parser, true);
	if (!inside)
		return -ENOMEM;
	struct options_part parts[] = {{config_match_opts, s}, {inside, s->conf}};
	struct options_shape shape = {.parts = parts, .n_parts = 2};
	const struct yaml_val *match = yaml_val_get(v, "match");
	if (!match)
		option_key_err(&l->r, v,
			       "match is missing; expected ports, such as match: { udp: 514 }");
	if (options_read(&l->r, &shape, match) && match)
		check_match(l, match, s);
	return 0;
}

/* What the parser itself has to say of its options; of a list, about the item. */
static void check_parser(const struct config_loader *l, const struct yaml_val *v,
			 const struct source_conf *s)
{
	struct err e;
	const char *opt = NULL;
	size_t item = 0;
	if (!s->parser->check || s->parser->check(s->conf, &opt, &item, &e) == 0)
		return;
	const struct yaml_val *at = yaml_val_get(v, opt);
	if (!at)
		at = yaml_val_get(yaml_val_get(v, "match"), opt);
	at = at ? config_first(at) : v;
	for (size_t i = 0; i < item && at->next; i++)
		at = at->next;
	option_err(&l->r, at, "%s", e.text);
}

#define OTHERS_MAX 64

/* The keys beside those of every source: match, and when it is not known which parser reads, the
 * options of all parsers. What is none of these is a mistake in either case.
 */
static void other_keys(const struct parser *p, const char *ret_names[OTHERS_MAX])
{
	size_t n = 0;
	ret_names[n++] = "match";
	for (size_t i = 0; !p && parsers[i]; i++)
		for (const struct opt *o = parsers[i]->opts; o && o->name; o++)
			if (n < OTHERS_MAX - 1)
				ret_names[n++] = o->name;
	ret_names[n] = NULL;
}

static int read_keys(const struct config_loader *l, const struct yaml_val *v, struct source_conf *s)
{
	const char *others[OTHERS_MAX];
	other_keys(s->parser, others);
	struct opt *beside = s->parser ? parser_opts(l, s->parser, false) : NULL;
	if (s->parser && !beside)
		return -ENOMEM;
	struct options_part parts[] = {{config_source_opts, s}, {beside, s->conf}};
	struct options_shape shape = {
		.parts = parts,
		.n_parts = 2,
		.others = others,
		.later = later_keys,
		.elsewhere = config_match_names,
		.elsewhere_where = "inside of match",
	};
	options_read(&l->r, &shape, v);
	if (s->parser && s->field)
		check_field(l, yaml_val_get(v, "field"), s);
	return 0;
}

static int read_source(const struct config_loader *l, const struct yaml_val *v,
		       struct source_conf *s)
{
	s->name = memlist_text(&l->c->mem, v->key, strlen(v->key));
	s->at = (struct err_place){l->r.file, v->key_line, v->key_col};
	s->port_decides = true;
	if (!s->name)
		return -ENOMEM;
	config_check_name(&l->r, v, s->name);
	if (!options_is_map(&l->r, v))
		return 0;
	s->parser = find_parser(l, yaml_val_get(v, "parser"));
	if (s->parser) {
		s->conf = memlist_alloc(&l->c->mem, s->parser->conf_size);
		if (!s->conf)
			return -ENOMEM;
	}
	int r = read_keys(l, v, s);
	if (r == 0 && s->parser && s->parser->changes && s->shed > SOURCE_SHED_NEVER)
		option_err(&l->r, yaml_val_get(v, "shed"),
			   "changes of rows are not left unread (%s): what is missing would be "
			   "wrong for ever; expected auto or never",
			   s->parser->name);
	if (r == 0 && s->parser)
		r = read_match(l, v, s);
	if (r == 0 && s->parser)
		check_parser(l, v, s);
	return r;
}

/* ---- formats of a source ---- */

static bool is_file_name(const char *name)
{
	size_t len = strlen(name);
	return strchr(name, '/') || (len > 5 && strcmp(name + len - 5, ".yaml") == 0) ||
	       (len > 4 && strcmp(name + len - 4, ".yml") == 0);
}

/* Indexes of the formats that @name stands for: one of the file's own, or all of a format file. */
static size_t formats_named(struct config_loader *l, const struct yaml_val *at, const char *name,
			    size_t *ret_first)
{
	if (is_file_name(name)) {
		const struct format_file *f = config_format_file(l, at, name);
		*ret_first = f ? f->first : 0;
		return f ? f->n : 0;
	}
	long idx = lookup_find(&l->formats, name);
	if (idx < 0) {
		config_unknown_name(l, at, "format", &l->formats);
		return 0;
	}
	*ret_first = (size_t)idx;
	return 1;
}

static int read_format_names(struct config_loader *l, const struct yaml_val *v,
			     struct source_conf *s)
{
	const struct yaml_val *item = yaml_val_get(v, "formats");
	if (!item || s->format_names.n == 0)
		return 0;
	unsigned found[FORMATS_MAX];
	size_t n = 0;
	item = config_first(item);
	for (size_t i = 0; i < s->format_names.n; i++, item = item->next) {
		size_t first, n_more = formats_named(l, item, s->format_names.items[i], &first);
		if (n_more > FORMATS_MAX - n) {
			option_err(&l->r, item, "too many formats; expected at most %d of a source",
				   FORMATS_MAX);
			return 0;
		}
		for (size_t k = 0; k < n_more; k++) {
			for (size_t j = 0; j < n; j++) {
				if (found[j] == first + k)
					option_err(&l->r, item,
						   "format \"%s\" is in this list twice",
						   l->defs[first + k].name);
			}
			found[n++] = (unsigned)(first + k);
		}
	}
	s->formats = memlist_array(&l->c->mem, n, sizeof(*s->formats));
	if (!s->formats)
		return -ENOMEM;
	memcpy(s->formats, found, n * sizeof(*found));
	s->n_formats = n;
	return 0;
}

/* ---- ports: each belongs to one source ---- */

struct claim {
	const struct source_conf *source;
	int line;
};

static void claim_ports(const struct config_loader *l, const struct yaml_val *match,
			const char *transport, const struct opt_ports *ports,
			const struct source_conf *s, struct claim *claims)
{
	const struct yaml_val *item = yaml_val_get(match, transport);
	if (!item)
		return;
	item = config_first(item);
	for (size_t i = 0; i < ports->n; i++, item = item->next) {
		/* Ends at the first port that is taken: all claims together cost 65,536 steps. */
		for (unsigned p = ports->items[i].lo; p <= ports->items[i].hi; p++) {
			const struct claim *taken = &claims[p];
			if (taken->source && taken->source != s) {
				option_err(&l->r, item,
					   "port %u is taken by source \"%s\" in line %d; expected "
					   "one source for each port",
					   p, taken->source->name, taken->line);
				break;
			}
			claims[p] = (struct claim){s, item->line};
		}
	}
}

static int check_ports(const struct config_loader *l, const struct yaml_val *sources)
{
	struct claim *claims = calloc(2 * 65536, sizeof(*claims));
	if (!claims)
		return -ENOMEM;
	const struct source_conf *s = l->c->sources;
	for (const struct yaml_val *v = sources->first; v; v = v->next, s++) {
		const struct yaml_val *match = yaml_val_get(v, "match");
		claim_ports(l, match, "udp", &s->udp, s, claims);
		claim_ports(l, match, "tcp", &s->tcp, s, claims + 65536);
	}
	free(claims);
	return 0;
}

/* A key of @map was probably meant to be @name, and has been told of. */
static bool is_misspelt(const struct yaml_val *map, const char *name)
{
	const char *meant = NULL;
	for (const struct yaml_val *v = map->first; v && !meant; v = v->next)
		lookup_offer(v->key, name, &meant);
	return meant != NULL;
}

int config_read_sources(struct config_loader *l)
{
	struct config *c = l->c;
	const struct yaml_val *sources = yaml_val_get(l->root, "sources");
	if (!sources && !is_misspelt(l->root, "sources"))
		option_err(&l->r, l->root,
			   "sources is missing; expected at least one, such as sources: { syslog: "
			   "{ match: { udp: 514 }, parser: syslog } }");
	if (!options_is_map(&l->r, sources))
		return 0;
	if (sources->n == 0 || sources->n > CONFIG_SOURCES_MAX) {
		option_err(&l->r, sources, "%zu sources; expected 1 to %d", sources->n,
			   CONFIG_SOURCES_MAX);
		return 0;
	}
	c->sources = memlist_array(&c->mem, sources->n, sizeof(*c->sources));
	if (!c->sources)
		return -ENOMEM;
	for (const struct yaml_val *v = sources->first; v; v = v->next) {
		int r = read_source(l, v, &c->sources[c->n_sources++]);
		if (r == 0)
			r = read_format_names(l, v, &c->sources[c->n_sources - 1]);
		if (r < 0)
			return r;
	}
	int r = check_ports(l, sources);
	if (r < 0)
		return r;
	return lookup_init(&l->sources, &c->mem, &c->sources[0].name, c->n_sources,
			   sizeof(*c->sources));
}
