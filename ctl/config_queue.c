#include "ctl/config_read.h"
#include "ctl/queue_schema.h"
#include "dataplane/sink/sinks.h"

static const char *const spool_choices[] = {"auto", "off", "overflow", "always", NULL};
static const char *const switch_choices[] = {"health", "manual", NULL};

const struct opt config_queue_opts[] = {
	{.name = "from",
	 .type = OPT_STRINGS,
	 .off = offsetof(struct queue_conf, from),
	 .required = true,
	 .live = true,
	 .help = "What goes here: a source, a node of the pipeline (NODE, or NODE.BRANCH), or a "
		 "list of them."},
	{.name = "sink",
	 .type = OPT_STRING,
	 .off = offsetof(struct queue_conf, sink_name),
	 .required = true,
	 .live = true,
	 .help = "The sink that the records go to."},
	{.name = "format",
	 .type = OPT_ENUM,
	 .off = offsetof(struct queue_conf, format),
	 .choices = encoder_names,
	 .def = "json",
	 .live = true,
	 .help = "How a record is written: json is one object a line; protobuf is one message of "
		 "the queue's schema; the others hold the changes of rows, as Debezium, canal and "
		 "Maxwell write them (docs/output.md)."},
	{.name = "fields",
	 .type = OPT_STRINGS,
	 .off = offsetof(struct queue_conf, fields),
	 .def = "[]",
	 .live = true,
	 .help = "The fields of a record that are written, beside _id, _time, _source, _stream, "
		 "_src, _dst, _error and _cut; all when none is named."},
	{.name = "compatibility",
	 .type = OPT_ENUM,
	 .off = offsetof(struct queue_conf, compatibility),
	 .choices = compatibility_names,
	 .def = "backward",
	 .live = true,
	 .help = "With schema_dir: how the schema may change. backward: who knows the new one "
		 "reads "
		 "the old records; forward: who knows the old one reads the new records; full: "
		 "both; "
		 "none: it may change in any way."},
	{.name = "ddl",
	 .type = OPT_BOOL,
	 .off = offsetof(struct queue_conf, ddl),
	 .def = "false",
	 .live = true,
	 .help = "Of a format that is for changes of rows: also statements that change tables, "
		 "which most readers of such a format take for an error. json has them always."},
	{.name = "topic",
	 .type = OPT_STRING,
	 .off = offsetof(struct queue_conf, topic),
	 .live = true,
	 .help = "Of a sink that has topics, such as kafka: the topic; of redis the stream, of "
		 "clickhouse the table (db.table). Not set: the name of the queue, with \".\" in "
		 "place of \"/\"."},
	{.name = "key",
	 .type = OPT_STRING,
	 .off = offsetof(struct queue_conf, key),
	 .live = true,
	 .help = "Of a sink that has topics: the field whose value is the key of a message, which "
		 "decides its partition. For changes of rows: a column. A record without it has no "
		 "key."},
	{.name = "partitions",
	 .type = OPT_INT,
	 .off = offsetof(struct queue_conf, partitions),
	 .max = 100000,
	 .def = "0",
	 .live = true,
	 .help = "Partitions of a topic that the sink makes. 0: as the brokers have it."},
	{.name = "pack",
	 .type = OPT_INT,
	 .off = offsetof(struct queue_conf, pack),
	 .min = 1,
	 .max = 4096,
	 .def = "1",
	 .live = true,
	 .help = "Of a sink that has topics: so many records at most in one message, one a line. "
		 "More than 1 needs a queue without key and headers."},
	{.name = "headers",
	 .type = OPT_BOOL,
	 .off = offsetof(struct queue_conf, headers),
	 .def = "false",
	 .live = true,
	 .help = "Of a sink that has topics: messages have the headers sluice-id (the record's "
		 "_id) and sluice-hop, the number of queues that it has come through by then."},
	{.name = "hops_max",
	 .type = OPT_INT,
	 .off = offsetof(struct queue_conf, hops_max),
	 .min = 1,
	 .max = 100,
	 .def = "4",
	 .live = true,
	 .help = "With headers: a record that would come to a higher number is refused and counts "
		 "as lost (too_many_hops). The number is that of the record's field _hop, and "
		 "one."},
	{.name = "properties",
	 .type = OPT_MAP,
	 .off = offsetof(struct queue_conf, properties),
	 .def = "{}",
	 .live = true,
	 .help = "Of a kafka sink: settings of this topic alone, by librdkafka's names for topics: "
		 "compression.codec, request.required.acks, partitioner."},
	{.name = "spool",
	 .type = OPT_ENUM,
	 .off = offsetof(struct queue_conf, spool),
	 .choices = spool_choices,
	 .def = "auto",
	 .live = true,
	 .help = "overflow: what the sink does not take at once goes to the spool. always: "
		 "everything does, before it is sent. off: nothing. auto: overflow where there is "
		 "a section `spool`. A replay has a time of its own, and uses only always."},
	{.name = "backup",
	 .type = OPT_STRING,
	 .off = offsetof(struct queue_conf, backup_name),
	 .live = true,
	 .help = "The sink that the records go to while the first does not take them "
		 "(docs/delivery.md)."},
	{.name = "switch",
	 .type = OPT_ENUM,
	 .off = offsetof(struct queue_conf, switched),
	 .choices = switch_choices,
	 .def = "health",
	 .live = true,
	 .help = "With backup: who decides which of the two is used. manual: only a command."},
	{.name = "switch_after",
	 .type = OPT_DURATION,
	 .off = offsetof(struct queue_conf, switch_after_ns),
	 .min = 1000000,
	 .def = "10s",
	 .live = true,
	 .help = "With switch: health, a sink that does not take records for so long is left."},
	{.name = "return_after",
	 .type = OPT_DURATION,
	 .off = offsetof(struct queue_conf, return_after_ns),
	 .def = "60s",
	 .live = true,
	 .help = "With switch: health, the first is used again when it has been well for so long. "
		 "0: by a command only."},
	OPT_END,
};

static const char *const later_queue_keys[] = {"schema", "owner", NULL};

/* ---- sinks ---- */

static const struct sink_ops *find_sink(const struct config_loader *l, const struct yaml_val *v)
{
	const char *meant = NULL;
	char list[512];
	size_t n = 0;
	for (size_t i = 0; sinks[i]; i++) {
		if (strcmp(sinks[i]->name, v->key) == 0)
			return sinks[i];
		lookup_offer(v->key, sinks[i]->name, &meant);
		if (n < sizeof(list))
			n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", i ? ", " : "",
					      sinks[i]->name);
	}
	option_key_err(&l->r, v, "no such kind of sink; expected one of %s%s%s%s", n ? list : "",
		       meant ? "; did you mean \"" : "", meant ? meant : "", meant ? "\"?" : "");
	return NULL;
}

static int read_sink(const struct config_loader *l, const struct yaml_val *v, struct sink_conf *s)
{
	s->name = memlist_text(&l->c->mem, v->key, strlen(v->key));
	s->at = (struct err_place){l->r.file, v->key_line, v->key_col};
	if (!s->name)
		return -ENOMEM;
	config_check_name(&l->r, v, s->name);
	if (!options_is_map(&l->r, v))
		return 0;
	if (v->n != 1) {
		option_key_err(
			&l->r, v,
			"%zu kinds; expected one, such as { stdout: {} } or { file: { ... } }",
			v->n);
		return 0;
	}
	s->ops = find_sink(l, v->first);
	if (!s->ops)
		return 0;
	s->conf = memlist_alloc(&l->c->mem, s->ops->conf_size);
	if (!s->conf)
		return -ENOMEM;
	struct options_part part = {s->ops->opts, s->conf};
	struct options_shape shape = {.parts = &part, .n_parts = 1};
	options_read(&l->r, &shape, v->first);
	return 0;
}

/* Each sink has a thread of its own: two would write into each other's lines. */
static void check_one_stdout(const struct config_loader *l, const struct yaml_val *v)
{
	const struct sink_conf *s = l->c->sinks, *last = s + l->c->n_sinks - 1;
	if (!last->ops || strcmp(last->ops->name, "stdout") != 0)
		return;
	for (; s < last; s++)
		if (s->ops == last->ops)
			option_key_err(&l->r, v,
				       "standard output is the sink %s already; expected one such "
				       "sink, to which several queues may lead",
				       s->name);
}

int config_read_sinks(struct config_loader *l)
{
	struct config *c = l->c;
	const struct yaml_val *map = yaml_val_get(l->root, "sinks");
	if (options_is_map(&l->r, map)) {
		if (map->n > CONFIG_SOURCES_MAX) {
			option_err(&l->r, map, "%zu sinks; expected at most %d", map->n,
				   CONFIG_SOURCES_MAX);
			return 0;
		}
		/* One more than there are: for stdout, when no queue is configured. */
		c->sinks = memlist_array(&c->mem, map->n + 1, sizeof(*c->sinks));
		if (!c->sinks)
			return -ENOMEM;
		for (const struct yaml_val *v = map->first; v; v = v->next) {
			int r = read_sink(l, v, &c->sinks[c->n_sinks++]);
			if (r < 0)
				return r;
			check_one_stdout(l, v);
		}
	}
	return lookup_init(&l->sinks, &c->mem, c->sinks ? &c->sinks[0].name : NULL, c->n_sinks,
			   sizeof(*c->sinks));
}

/* ---- queues ---- */

#define NAME_BYTES_MAX 128

/* project/name, both of letters, digits, "_", "-" and ".". */
static void check_queue_name(const struct config_loader *l, const struct yaml_val *v)
{
	const char *slash = strchr(v->key, '/');
	bool good = slash && slash > v->key && slash[1] && strlen(v->key) <= NAME_BYTES_MAX;
	for (const char *c = v->key; good && *c; c++) {
		bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
			      (*c >= '0' && *c <= '9') || strchr("_-.", *c);
		good = letter || c == slash;
	}
	if (!good)
		option_key_err(&l->r, v,
			       "not a good name of a queue; expected project/name, of letters, "
			       "digits, \"_\", \"-\" and \".\", at most %d",
			       NAME_BYTES_MAX);
}

/* A format for changes of rows has no form of other records. */
static void check_format(const struct config_loader *l, const struct yaml_val *item,
			 const struct queue_conf *q, const struct source_conf *s)
{
	if (encoders[q->format]->changes_only && s->parser && !s->parser->changes)
		option_err(&l->r, item,
			   "format %s is for changes of rows, and source \"%s\" (%s) has none; "
			   "expected a source of parser mysql, or another format",
			   encoders[q->format]->name, s->name, s->parser->name);
}

#define TOPIC_BYTES_MAX 249

/* @also: what the sink's topics may have beside letters, digits and "._-"; or NULL. */
static void check_topic(const struct config_loader *l, const struct yaml_val *v, const char *name,
			const char *also)
{
	char set[128];
	snprintf(set, sizeof(set),
		 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-%s",
		 also ? also : "");
	size_t len = strspn(name, set);
	if (name[len] || len == 0 || len > TOPIC_BYTES_MAX || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0)
		option_err(&l->r, v,
			   "\"%s\" is no name of a topic; expected letters, digits, \".\", \"_\" "
			   "and \"-\"%s%s, at most %d",
			   name, also ? ", and " : "", also ? also : "", TOPIC_BYTES_MAX);
}

/* The keys that only some sinks understand. */
static void check_taken(const struct config_loader *l, const struct yaml_val *v,
			const struct queue_conf *q, const char *sink_name,
			const struct sink_ops *sink)
{
	const struct {
		const char *key;
		bool is_set;
		unsigned needs;
	} keys[] = {{"topic", yaml_val_get(v, "topic") != NULL, 0},
		    {"key", q->key, SINK_TAKES_KEY},
		    {"partitions", q->partitions != 0, SINK_TAKES_PARTITIONS},
		    {"pack", q->pack != 1, SINK_TAKES_PACK},
		    {"headers", q->headers, SINK_TAKES_HEADERS},
		    {"properties", q->properties.n > 0, SINK_TAKES_PROPERTIES}};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const struct yaml_val *at = yaml_val_get(v, keys[i].key);
		if (!keys[i].is_set)
			continue;
		if (!sink->queue)
			option_key_err(&l->r, at,
				       "sink %s (%s) has no topics; expected a sink such as kafka, "
				       "or no such key",
				       sink_name, sink->name);
		else if (keys[i].needs & ~sink->takes)
			option_key_err(&l->r, at,
				       "sink %s (%s) has no use for it; expected no such key",
				       sink_name, sink->name);
	}
	if (sink->queue && encoders[q->format]->binary && !(sink->takes & SINK_TAKES_BINARY))
		option_err(&l->r, yaml_val_get(v, "format"),
			   "sink %s (%s) takes lines of JSON, and those of format %s are none",
			   sink_name, sink->name, encoders[q->format]->name);
}

/* Sets the topic that the name stands for. */
static int check_topics(const struct config_loader *l, const struct yaml_val *v,
			struct queue_conf *q, const char *sink_name, const struct sink_ops *sink)
{
	check_taken(l, v, q, sink_name, sink);
	if (!sink->queue)
		return 0;
	if (q->pack > 1 && (q->key || q->headers))
		option_err(
			&l->r, yaml_val_get(v, "pack"),
			"%lld records in a message do not go with a key or headers of one record; "
			"expected 1",
			(long long)q->pack);
	if (q->pack > 1 && encoders[q->format]->binary)
		option_err(&l->r, yaml_val_get(v, "pack"),
			   "%lld records in a message: those of format %s are no lines; expected 1",
			   (long long)q->pack, encoders[q->format]->name);
	if (q->topic) {
		check_topic(l, yaml_val_get(v, "topic"), q->topic, sink->topic_also);
		return 0;
	}
	char *topic = memlist_text(&l->c->mem, q->name, strlen(q->name));
	if (!topic)
		return -ENOMEM;
	for (char *c = topic; *c; c++)
		if (*c == '/')
			*c = '.';
	q->topic = topic;
	return 0;
}

/* Each once, none of a format whose shape is its own, and none of those of every record. */
static void check_fields(const struct config_loader *l, const struct yaml_val *v,
			 const struct queue_conf *q)
{
	const struct yaml_val *at = yaml_val_get(v, "fields");
	if (q->fields.n && encoders[q->format]->changes_only)
		option_err(&l->r, at,
			   "format %s has all columns of a row; expected format json or protobuf, "
			   "or no fields",
			   encoders[q->format]->name);
	for (size_t i = 0; i < q->fields.n; i++) {
		for (size_t k = 0; k < i; k++)
			if (strcmp(q->fields.items[i], q->fields.items[k]) == 0)
				option_err(&l->r, at, "%s twice", q->fields.items[i]);
		for (unsigned k = PROTO_ID; k < PROTO_FORMAT; k++)
			if (strcmp(q->fields.items[i], proto_meta[k].name) == 0)
				option_err(&l->r, at, "%s is written always; expected other fields",
					   q->fields.items[i]);
	}
}

/* What goes into an archive is an event again when it is replayed. */
static void check_archive(const struct config_loader *l, const struct yaml_val *v,
			  const struct queue_conf *q, unsigned sink)
{
	if (l->c->sinks[sink].ops == &sink_archive && encoders[q->format]->changes_only)
		option_err(&l->r, yaml_val_get(v, "format"),
			   "sink %s (archive) keeps what can be replayed, and records of format %s "
			   "do not come back; expected json, or a sink of kind file",
			   l->c->sinks[sink].name, encoders[q->format]->name);
}

/* Where two sinks take a queue's records, both understand its keys, or neither has to. */
static int check_backup(const struct config_loader *l, const struct yaml_val *v,
			struct queue_conf *q, bool *sink_used)
{
	q->backup = CONFIG_NO_SINK;
	if (!q->backup_name && q->switched == QUEUE_SWITCH_MANUAL)
		option_err(&l->r, yaml_val_get(v, "switch"),
			   "there is nothing to switch to; expected `backup` too");
	if (!q->backup_name)
		return 0;
	const struct yaml_val *at = yaml_val_get(v, "backup");
	long s = lookup_find(&l->sinks, q->backup_name);
	if (s < 0) {
		config_unknown_name(l, at, "sink", &l->sinks);
		return 0;
	}
	if (q->sink_name && strcmp(q->sink_name, q->backup_name) == 0)
		option_err(&l->r, at, "%s is its sink already; expected another one",
			   q->backup_name);
	q->backup = (unsigned)s;
	sink_used[s] = true;
	check_archive(l, v, q, q->backup);
	/* One without topics has no use for the keys of the first, and does no harm. */
	const struct sink_ops *sink = l->c->sinks[s].ops;
	return sink && sink->queue ? check_topics(l, v, q, q->backup_name, sink) : 0;
}

static void check_spool(const struct config_loader *l, const struct yaml_val *v,
			const struct queue_conf *q)
{
	if (q->spool >= QUEUE_SPOOL_OVERFLOW && !l->c->has_spool)
		option_err(&l->r, yaml_val_get(v, "spool"),
			   "there is no section spool; expected one, such as spool: { dir: "
			   "/var/lib/sluice/spool }");
}

static int read_queue(const struct config_loader *l, const struct yaml_val *v, struct queue_conf *q,
		      bool *sink_used)
{
	q->name = memlist_text(&l->c->mem, v->key, strlen(v->key));
	q->at = (struct err_place){l->r.file, v->key_line, v->key_col};
	if (!q->name)
		return -ENOMEM;
	check_queue_name(l, v);
	struct options_part part = {config_queue_opts, q};
	struct options_shape shape = {.parts = &part, .n_parts = 1, .later = later_queue_keys};
	options_read(&l->r, &shape, v);
	check_fields(l, v, q);
	if (q->sink_name) {
		long s = lookup_find(&l->sinks, q->sink_name);
		if (s < 0) {
			config_unknown_name(l, yaml_val_get(v, "sink"), "sink", &l->sinks);
		} else {
			q->sink = (unsigned)s;
			sink_used[s] = true;
			check_archive(l, v, q, q->sink);
			if (l->c->sinks[s].ops &&
			    check_topics(l, v, q, q->sink_name, l->c->sinks[s].ops) < 0)
				return -ENOMEM;
		}
	}
	check_spool(l, v, q);
	if (check_backup(l, v, q, sink_used) < 0)
		return -ENOMEM;
	int rc = config_resolve_from(l, yaml_val_get(v, "from"), &q->from, &q->origins,
				     &q->n_origins);
	for (size_t i = 0; rc == 0 && i < q->n_origins; i++)
		if (l->c->origins[q->origins[i]].node < 0)
			check_format(l, yaml_val_get(v, "from"), q, &l->c->sources[q->origins[i]]);
	return rc;
}

static void warn_unused(const struct config_loader *l, const bool *sink_used)
{
	const struct config *c = l->c;
	if (l->r.errs->n_errors)
		return;                  /* what looks unused may only be misspelt */
	bool implied = c->n_queues == 0; /* then standard output takes from every source */
	for (size_t i = 0; i < c->n_origins && !implied; i++) {
		const struct origin_conf *o = &c->origins[i];
		if (o->taker)
			continue;
		if (o->node < 0)
			err_list_warn(l->r.errs, c->sources[i].at,
				      "sources.%s: no queue takes from this source: its records go "
				      "nowhere",
				      o->name);
		else
			err_list_warn(l->r.errs, c->nodes[o->node].at,
				      "pipeline.%s: no queue and no node takes from here: its "
				      "records go nowhere",
				      o->name);
	}
	for (size_t i = 0; i < c->n_sinks; i++) {
		if (!sink_used[i])
			err_list_warn(l->r.errs, c->sinks[i].at,
				      "sinks.%s: no queue leads to this sink%s", c->sinks[i].name,
				      implied ? "; without queues all goes to standard output"
					      : "");
	}
}

/* DESIGN 5: records go to stdout when no queue is configured. */
int config_imply_queue(struct config *c)
{
	const struct sink_ops *out = NULL;
	for (size_t i = 0; sinks[i]; i++) {
		if (strcmp(sinks[i]->name, "stdout") == 0)
			out = sinks[i];
	}
	if (!c->sinks)
		c->sinks = memlist_alloc(&c->mem, sizeof(*c->sinks));
	c->queues = memlist_alloc(&c->mem, sizeof(*c->queues));
	unsigned *from = memlist_array(&c->mem, c->n_origins, sizeof(*from));
	size_t n = 0;
	void *conf = memlist_alloc(&c->mem, out ? out->conf_size : 0);
	if (!c->sinks || !c->queues || !from || !conf)
		return -ENOMEM;
	for (size_t i = 0; i < c->n_origins; i++)
		if (!c->origins[i].taker)
			from[n++] = (unsigned)i;
	struct err_place at = {.file = c->path};
	c->sinks[c->n_sinks] = (struct sink_conf){"stdout", out, conf, at};
	c->queues[0] = (struct queue_conf){.name = "stdout/all",
					   .origins = from,
					   .n_origins = n,
					   .sink = (unsigned)c->n_sinks++,
					   .backup = CONFIG_NO_SINK,
					   .at = at,
					   .sink_name = "stdout"};
	c->n_queues = 1;
	c->queues_implied = true;
	return 0;
}

int config_read_queues(struct config_loader *l)
{
	struct config *c = l->c;
	const struct yaml_val *map = yaml_val_get(l->root, "queues");
	if (map && !options_is_map(&l->r, map))
		return 0;
	bool *sink_used = memlist_array(&c->mem, c->n_sinks, sizeof(*sink_used));
	if (!sink_used)
		return -ENOMEM;
	if (!map || map->n == 0) {
		if (c->n_sinks)
			warn_unused(l, sink_used);
		int r = config_imply_queue(c);
		const struct sink_conf *s = &c->sinks[c->n_sinks - 1];
		if (r == 0 && s->ops && !options_default(&l->r, s->ops->opts, s->conf))
			return 0;
		return r;
	}
	if (map->n > CONFIG_QUEUES_MAX) {
		option_err(&l->r, map, "%zu queues; expected at most %d", map->n,
			   CONFIG_QUEUES_MAX);
		return 0;
	}
	c->queues = memlist_array(&c->mem, map->n, sizeof(*c->queues));
	if (!c->queues)
		return -ENOMEM;
	for (const struct yaml_val *v = map->first; v; v = v->next) {
		int r = read_queue(l, v, &c->queues[c->n_queues++], sink_used);
		if (r < 0)
			return r;
	}
	warn_unused(l, sink_used);
	return 0;
}
