#include <jansson.h>
#include <stdlib.h>

#include "ctl/config_read.h"
#include "dataplane/base/civil.h"
#include "dataplane/base/text.h"

static const char *const transports[] = {
	[TEST_AUTO] = "auto", [TEST_UDP] = "udp", [TEST_TCP] = "tcp", NULL};

const struct opt config_test_opts[] = {
	{.name = "source",
	 .type = OPT_STRING,
	 .off = offsetof(struct test_conf, source_name),
	 .required = true,
	 .help = "The source that the input is given to."},
	{.name = "node",
	 .type = OPT_STRING,
	 .off = offsetof(struct test_conf, node),
	 .help = "The node, or NODE.BRANCH, whose records are expected. Not set: those of the "
		 "source, before any node."},
	{.name = "input",
	 .type = OPT_STRING,
	 .off = offsetof(struct test_conf, input),
	 .required = true,
	 .help = "What the client sends: one UDP datagram, or the bytes of one TCP stream."},
	{.name = "transport",
	 .type = OPT_ENUM,
	 .off = offsetof(struct test_conf, transport),
	 .choices = transports,
	 .def = "auto",
	 .help = "How it comes. auto: UDP when the source has UDP ports, else TCP."},
	{.name = "time",
	 .type = OPT_STRING,
	 .off = offsetof(struct test_conf, time),
	 .def = "\"2026-01-01T00:00:00Z\"",
	 .help = "Packet time (RFC 3339), which completes time stamps without a year."},
	OPT_END,
};

/* ---- expected records: YAML to JSON ---- */

/* A number by RFC 8259: YAML's other spellings (0x1f, 1_000, .5) stay text. */
static bool is_json_number(const char *s)
{
	s += *s == '-';
	if (*s == '0')
		s++;
	else if (text_is_digit((uint8_t)*s))
		s += strspn(s, "0123456789");
	else
		return false;
	if (*s == '.') {
		size_t n = strspn(s + 1, "0123456789");
		if (n == 0)
			return false;
		s += 1 + n;
	}
	if (*s == 'e' || *s == 'E') {
		s += 1 + (s[1] == '+' || s[1] == '-');
		size_t n = strspn(s, "0123456789");
		if (n == 0)
			return false;
		s += n;
	}
	return *s == '\0';
}

static json_t *to_json(const struct yaml_val *v)
{
	if (v->kind == YAML_MAP) {
		json_t *map = json_object();
		for (const struct yaml_val *m = v->first; m; m = m->next)
			json_object_set_new(map, m->key, to_json(m));
		return map;
	}
	if (v->kind == YAML_LIST) {
		json_t *list = json_array();
		for (const struct yaml_val *m = v->first; m; m = m->next)
			json_array_append_new(list, to_json(m));
		return list;
	}
	if (yaml_val_is_null(v))
		return json_null();
	if (v->plain && (strcmp(v->text, "true") == 0 || strcmp(v->text, "false") == 0))
		return json_boolean(v->text[0] == 't');
	if (v->plain && is_json_number(v->text)) {
		json_t *n = json_loads(v->text, JSON_DECODE_ANY, NULL);
		if (n)
			return n;
	}
	return json_stringn(v->text, v->len);
}

static int read_expect(const struct config_loader *l, const struct yaml_val *v, struct test_conf *t)
{
	const struct yaml_val *list = yaml_val_get(v, "expect");
	char show[YAML_SHOW_MAX];
	if (!list) {
		option_key_err(&l->r, v,
			       "expect is missing; expected a list of records, [] for none");
		return 0;
	}
	if (list->kind != YAML_LIST) {
		option_err(&l->r, list, "%s does not fit here; expected a list of records",
			   yaml_val_show(list, show, sizeof(show)));
		return 0;
	}
	t->expect = memlist_array(&l->c->mem, list->n, sizeof(*t->expect));
	if (!t->expect)
		return -ENOMEM;
	for (const struct yaml_val *m = list->first; m; m = m->next) {
		if (!options_is_map(&l->r, m))
			continue;
		json_t *json = to_json(m);
		char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
		const char *kept = text ? memlist_text(&l->c->mem, text, strlen(text)) : NULL;
		free(text);
		json_decref(json);
		if (!kept)
			return -ENOMEM;
		t->expect[t->n_expect++] = (struct test_expect){kept, option_place(&l->r, m)};
	}
	return 0;
}

/* ---- one test ---- */

static void resolve_source(const struct config_loader *l, const struct yaml_val *v,
			   struct test_conf *t)
{
	long i = lookup_find(&l->sources, t->source_name);
	if (i < 0) {
		config_unknown_name(l, yaml_val_get(v, "source"), "source", &l->sources);
		return;
	}
	t->source = (unsigned)i;
	const struct source_conf *s = &l->c->sources[i];
	if (!s->parser)
		return;
	unsigned can = s->parser->transports;
	if (t->transport == TEST_AUTO) {
		bool udp = s->udp.n || (!s->tcp.n && (can & PARSER_UDP));
		t->transport = udp ? TEST_UDP : TEST_TCP;
	} else if (!(can & (t->transport == TEST_UDP ? PARSER_UDP : PARSER_TCP))) {
		option_err(&l->r, yaml_val_get(v, "transport"), "parser %s does not read %s",
			   s->parser->name, t->transport == TEST_UDP ? "UDP" : "TCP");
	}
}

static void resolve_node(const struct config_loader *l, const struct yaml_val *v,
			 struct test_conf *t)
{
	long i = lookup_find(&l->origins, t->node);
	if (i < 0)
		config_unknown_name(l, yaml_val_get(v, "node"), "node", &l->origins);
	t->origin = (int)i;
}

static int read_test(const struct config_loader *l, const struct yaml_val *v, struct test_conf *t)
{
	static const char *const others[] = {"expect", NULL};
	struct options_part part = {config_test_opts, t};
	struct options_shape shape = {.parts = &part, .n_parts = 1, .others = others};
	t->at = option_place(&l->r, v);
	t->origin = -1;
	options_read(&l->r, &shape, v);
	if (v->kind != YAML_MAP)
		return 0;
	if (t->source_name)
		resolve_source(l, v, t);
	if (t->node)
		resolve_node(l, v, t);
	size_t len = strlen(t->time);
	if (civil_read_rfc3339(slice_of(t->time, len), &t->time_ns) != len || t->time_ns < 0)
		option_err(&l->r, yaml_val_get(v, "time"),
			   "\"%s\" is no time; expected such as \"2026-01-01T00:00:00Z\"", t->time);
	return read_expect(l, v, t);
}

int config_read_tests(struct config_loader *l)
{
	struct config *c = l->c;
	const struct yaml_val *list = yaml_val_get(l->root, "tests");
	if (!list)
		return 0;
	if (list->kind != YAML_LIST) {
		char show[YAML_SHOW_MAX];
		option_err(&l->r, list,
			   "%s does not fit here; expected a list of tests, such as [{ source: "
			   "syslog, input: '...', expect: [{ severity: err }] }]",
			   yaml_val_show(list, show, sizeof(show)));
		return 0;
	}
	c->tests = memlist_array(&c->mem, list->n, sizeof(*c->tests));
	if (!c->tests)
		return -ENOMEM;
	for (const struct yaml_val *v = list->first; v; v = v->next) {
		int r = read_test(l, v, &c->tests[c->n_tests++]);
		if (r < 0)
			return r;
	}
	return 0;
}
