#include "ctl/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/config_diff.h"
#include "ctl/latency_row.h"
#include "ctl/quantity.h"
#include "ctl/say.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/text.h"
#include "dataplane/record_pairs.h"

#define FLOWS_SHOWN 1000 /* unless more are asked for */

static int show_status(struct control *c, const char *const *values, json_t *reply, struct err *e)
{
	(void)values;
	(void)e;
	json_t *o = control_status(c);
	json_object_update(reply, o);
	json_decref(o);
	return 0;
}

static int write_ledger(struct control *c, const char *const *values, struct text_out *o,
			struct err *e)
{
	uint64_t age_ns;
	(void)values;
	(void)e;
	struct report *r = control_report_get(c, &age_ns);
	text_out_str(o, "{");
	report_put_json(r, o);
	text_out_fmt(o, ",\"age_ms\":%" PRIu64 "}\n", age_ns / 1000000);
	control_report_put(c, r);
	return 0;
}

static void add_losses(void *arg, const struct ledger_table *t, const char *scope,
		       const uint64_t *cols)
{
	for (unsigned i = 0; i < t->n_cols; i++) {
		const struct ledger_col *col = &t->cols[i];
		if (!cols[i] || (col->kind != LEDGER_LOSS && col->kind != LEDGER_MISSED))
			continue;
		json_array_append_new(arg, json_pack("{s:s,s:s,s:s,s:I,s:s,s:s}", "stage", t->stage,
						     "scope", scope, "name", col->name, "count",
						     (json_int_t)cols[i], "unit", t->unit, "help",
						     col->help));
	}
}

static int show_losses(struct control *c, const char *const *values, json_t *reply, struct err *e)
{
	json_t *rows = json_array();
	(void)values;
	(void)e;
	struct report *r = control_report_get(c, NULL);
	report_each(r, add_losses, rows);
	control_report_put(c, r);
	json_object_set_new(reply, "rows", rows);
	return 0;
}

/* ---- what the row of one stage and scope amounts to ---- */

struct scoped {
	uint64_t in, out, lost, in_flight, held;
};

/* All of them 0 where the stage has no such row. */
static struct scoped scope_sum(const struct report *r, const char *stage, const char *scope)
{
	const struct ledger_table *t;
	const uint64_t *cols = report_find(r, stage, scope, &t);
	if (!cols)
		return (struct scoped){0};
	return (struct scoped){
		.in = ledger_sum(t, cols, LEDGER_IN),
		.out = ledger_sum(t, cols, LEDGER_OUT),
		.lost = ledger_sum(t, cols, LEDGER_LOSS) + ledger_sum(t, cols, LEDGER_MISSED),
		.in_flight = ledger_sum(t, cols, LEDGER_IN_FLIGHT),
		.held = ledger_sum(t, cols, LEDGER_HELD),
	};
}

static int show_streams(struct control *c, const char *const *values, json_t *reply, struct err *e)
{
	const struct config *conf = control_config(c);
	struct report *r = control_report_get(c, NULL);
	json_t *rows = json_array();
	(void)values;
	(void)e;
	for (size_t i = 0; i < conf->n_sources; i++) {
		const struct source_conf *s = &conf->sources[i];
		struct scoped frame = scope_sum(r, "frame", s->name);
		struct scoped extract = scope_sum(r, "extract", s->name);
		json_array_append_new(rows, json_pack("{s:s,s:s,s:I,s:I,s:I,s:I}", "stream",
						      s->name, "parser", s->parser->name, "bytes",
						      (json_int_t)frame.in, "records",
						      (json_int_t)extract.out, "bytes_lost",
						      (json_int_t)frame.lost, "records_lost",
						      (json_int_t)extract.lost));
	}
	control_report_put(c, r);
	json_object_set_new(reply, "rows", rows);
	return 0;
}

static int show_queues(struct control *c, const char *const *values, json_t *reply, struct err *e)
{
	const struct config *conf = control_config(c);
	struct report *r = control_report_get(c, NULL);
	json_t *rows = json_array();
	void *arg;
	(void)values;
	(void)e;
	const struct control_ops *parts = control_parts(c, &arg);
	for (unsigned i = 0; i < conf->n_queues; i++) {
		const struct queue_conf *q = &conf->queues[i];
		struct scoped queue = scope_sum(r, "queue", q->name);
		struct scoped lane = scope_sum(r, "courier", q->name);
		struct scoped spool = scope_sum(r, "spool", q->name);
		struct scoped sink = scope_sum(r, "sink", q->name);
		json_array_append_new(
			rows,
			json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:I}", "queue", q->name, "sink",
				  parts->queue_sink(arg, i), "format", encoders[q->format]->name,
				  "records", (json_int_t)queue.in, "written", (json_int_t)sink.out,
				  "in_flight",
				  (json_int_t)(queue.in_flight + lane.in_flight + sink.in_flight),
				  "spooled", (json_int_t)spool.held, "lost",
				  (json_int_t)(queue.lost + lane.lost + spool.lost + sink.lost)));
	}
	control_report_put(c, r);
	json_object_set_new(reply, "rows", rows);
	return 0;
}

/* ---- what the topology's parts answer ---- */

static int show_part(struct control *c, void (*part)(void *arg, json_t *rows), json_t *reply)
{
	void *arg;
	json_t *rows = json_array();
	control_parts(c, &arg);
	part(arg, rows);
	json_object_set_new(reply, "rows", rows);
	return 0;
}

#define SHOW_PART(name)                                                                     \
	static int show_##name(struct control *c, const char *const *values, json_t *reply, \
			       struct err *e)                                               \
	{                                                                                   \
		void *arg;                                                                  \
		(void)values;                                                               \
		(void)e;                                                                    \
		return show_part(c, control_parts(c, &arg)->name, reply);                   \
	}

SHOW_PART(workers)
SHOW_PART(ports)
SHOW_PART(sinks)
SHOW_PART(dims)

static void add_latency(void *rows, const char *stage, const char *scope,
			const struct latency_sum *s)
{
	json_array_append_new(rows, latency_row(stage, scope, s));
}

static int show_latency(struct control *c, const char *const *values, json_t *reply, struct err *e)
{
	void *arg;
	json_t *rows = json_array();
	(void)values;
	(void)e;
	control_parts(c, &arg)->latency(arg, add_latency, rows);
	json_object_set_new(reply, "rows", rows);
	return 0;
}

/* What an order that was not heeded amounts to. */
static int heeded(int rc)
{
	if (rc == 0)
		return 0;
	return rc == -ENOENT   ? COMMAND_NOT_FOUND
	       : rc == -EINVAL ? COMMAND_BAD_ARGUMENT
			       : COMMAND_FAILED;
}

static bool take_count(const char *name, const char *text, uint64_t max, uint64_t *ret,
		       struct err *e)
{
	if (!text || (text_u64(slice_str(text), ret) && *ret >= 1 && *ret <= max))
		return true;
	err_set(e, 0, "%s: expected 1 to %" PRIu64, name, max);
	return false;
}

static int begin_flows(struct control *c, const char *const *values, struct control_job **ret_j,
		       struct err *e)
{
	const struct config *conf = control_config(c);
	struct flow_query q = {.source = -1};
	uint64_t limit = FLOWS_SHOWN;
	void *arg;
	if (values[0] && !(q.state = flow_state_bit(values[0])))
		return err_set(e, COMMAND_BAD_ARGUMENT, "state: expected one of %s",
			       flow_state_names());
	for (size_t i = 0; values[1] && i < conf->n_sources; i++)
		if (strcmp(conf->sources[i].name, values[1]) == 0)
			q.source = (int)i;
	if (values[1] && q.source < 0)
		return err_set(e, COMMAND_NOT_FOUND, "source: no source is named %.64s", values[1]);
	if (!take_count("limit", values[2], FLOW_TABLE_ROWS_MAX, &limit, e))
		return COMMAND_BAD_ARGUMENT;
	q.limit = (unsigned)limit;
	const struct control_ops *parts = control_parts(c, &arg);
	return parts->flows(arg, &q, ret_j, e) < 0 ? COMMAND_FAILED : 0;
}

static int begin_tap(struct control *c, const char *const *values, struct control_job **ret_j,
		     struct err *e)
{
	struct tap_query q = {.node = values[0], .where = values[3]};
	uint64_t rate = TAP_RATE;
	void *arg;
	q.which = (values[1] ? TAP_BEFORE : 0u) | (values[2] ? TAP_AFTER : 0u);
	if (!q.which)
		q.which = TAP_BEFORE | TAP_AFTER;
	if (!take_count("rate", values[4], TAP_RATE_MAX, &rate, e) ||
	    !take_count("count", values[5], TAP_COUNT_MAX, &q.count, e))
		return COMMAND_BAD_ARGUMENT;
	q.rate = (unsigned)rate;
	const struct control_ops *parts = control_parts(c, &arg);
	return heeded(parts->tap(arg, &q, ret_j, e));
}

#define SHADOW_FOR_NS  (60 * NS_PER_S)
#define SHADOW_SAMPLES 5

static bool take_duration(const char *name, const char *text, uint64_t *io_ns, struct err *e)
{
	char meant[QUANTITY_TEXT_MAX];
	const char *wrong = NULL;
	if (text)
		wrong = quantity_read(QUANTITY_DURATION, slice_str(text), io_ns, meant);
	if (!wrong && *io_ns)
		return true;
	err_set(e, 0, "%s: %.64s%s; expected a duration, such as 60s", name, text,
		wrong ? wrong : " is no time");
	return false;
}

static int begin_shadow(struct control *c, const char *const *values, struct control_job **ret_j,
			struct err *e)
{
	struct shadow_query q = {.config = values[0], .for_ns = SHADOW_FOR_NS};
	uint64_t samples = SHADOW_SAMPLES;
	void *arg;
	if (!take_duration("for", values[1], &q.for_ns, e) ||
	    !take_count("sample", values[2], PAIRS_SAMPLES_MAX, &samples, e))
		return COMMAND_BAD_ARGUMENT;
	q.samples = (unsigned)samples;
	const struct control_ops *parts = control_parts(c, &arg);
	return parts->shadow(arg, &q, ret_j, e) < 0 ? COMMAND_FAILED : 0;
}

static int begin_check(struct control *c, const char *const *values, struct control_job **ret_j,
		       struct err *e)
{
	void *arg;
	const struct control_ops *parts = control_parts(c, &arg);
	return parts->check(arg, values[0], ret_j, e) < 0 ? COMMAND_FAILED : 0;
}

static int show_diff(struct control *c, const char *const *values, json_t *reply, struct err *e)
{
	struct config *file = NULL;
	struct err_list errs = {0};
	/* Whoever exchanges what runs does not wait for a file to be read. */
	control_leave(c);
	int rc = config_load_beside(values[0], &file, &errs);
	control_enter(c);
	if (rc < 0) {
		size_t i = 0;
		while (i < errs.n && errs.entries[i].warning)
			i++;
		err_set(e, 0, "%s", i < errs.n ? errs.entries[i].text : "no memory");
		err_list_fini(&errs);
		return COMMAND_BAD_ARGUMENT;
	}
	json_t *rows = json_array();
	const char *needs = config_diff(control_config(c), file, rows);
	json_object_set_new(reply, "needs", json_string(needs ? needs : "no memory"));
	json_object_set_new(reply, "rows", rows);
	err_list_fini(&errs);
	config_free(file);
	return 0;
}

static int show_shadow(struct control *c, const char *const *values, json_t *reply, struct err *e)
{
	void *arg;
	(void)values;
	(void)e;
	control_parts(c, &arg)->shadow_state(arg, reply);
	return 0;
}

static int stop_shadow(struct control *c, const char *const *values, json_t *reply, struct err *e)
{
	void *arg;
	(void)values;
	(void)reply;
	const struct control_ops *parts = control_parts(c, &arg);
	return parts->shadow_stop(arg, e) < 0 ? COMMAND_NOT_FOUND : 0;
}

static int begin_explain(struct control *c, const char *const *values, struct control_job **ret_j,
			 struct err *e)
{
	void *arg;
	const struct control_ops *parts = control_parts(c, &arg);
	int rc = parts->explain(arg, values[0], ret_j, e);
	return rc == -EINVAL ? COMMAND_BAD_ARGUMENT : rc < 0 ? COMMAND_FAILED : 0;
}

static int show_config(struct control *c, const char *const *values, json_t *reply, struct err *e)
{
	char *text = NULL;
	size_t len;
	(void)values;
	FILE *f = open_memstream(&text, &len);
	if (!f)
		return err_set(e, COMMAND_FAILED, "no memory");
	config_print_effective(control_config(c), f);
	fclose(f);
	json_object_set_new(reply, "config", json_stringn(text, len));
	free(text);
	return 0;
}

/* ---- what changes something ---- */

static int pause_queue(struct control *c, const char *const *values, json_t *reply, struct err *e)
{
	void *arg;
	(void)reply;
	const struct control_ops *parts = control_parts(c, &arg);
	return heeded(parts->queue_pause(arg, values[0], e));
}

static int resume_queue(struct control *c, const char *const *values, json_t *reply, struct err *e)
{
	void *arg;
	(void)reply;
	const struct control_ops *parts = control_parts(c, &arg);
	return heeded(parts->queue_resume(arg, values[0], e));
}

static int switch_queue(struct control *c, const char *const *values, json_t *reply, struct err *e)
{
	void *arg;
	(void)reply;
	const struct control_ops *parts = control_parts(c, &arg);
	return heeded(parts->queue_switch(arg, values[0], values[1], e));
}

static int reload(struct control *c, const char *const *values, json_t *reply, struct err *e)
{
	void *arg;
	(void)values;
	const struct control_ops *parts = control_parts(c, &arg);
	return parts->reload(arg, reply, e) < 0 ? COMMAND_FAILED : 0;
}

static int show_reload(struct control *c, const char *const *values, json_t *reply, struct err *e)
{
	void *arg;
	(void)values;
	(void)e;
	control_parts(c, &arg)->reload_state(arg, reply);
	return 0;
}

static int set_log(struct control *c, const char *const *values, json_t *reply, struct err *e)
{
	(void)c;
	for (int i = 0; say_levels[i]; i++) {
		if (values[0] && strcmp(values[0], say_levels[i]) != 0)
			continue;
		if (values[0])
			say_set_level((enum say_level)(SAY_ERROR + i));
		json_object_set_new(reply, "level",
				    json_string(say_levels[say_level() - SAY_ERROR]));
		return 0;
	}
	return err_set(e, COMMAND_BAD_ARGUMENT, "level: expected error, warning, notice or info");
}

const struct command commands[] = {
	{.path = "status",
	 .help = "is all well, and if not, what is wrong; totals and rates",
	 .run = show_status},
	{.path = "ledger",
	 .help = "every row: what came in, and what became of it",
	 .is_long = true,
	 .write = write_ledger},
	{.path = "losses",
	 .help = "what was lost or missed, a line each",
	 .columns = "stage scope name count unit help",
	 .is_long = true,
	 .run = show_losses},
	{.path = "streams",
	 .help = "the sources: bytes in, records out, losses",
	 .columns = "stream parser bytes records bytes_lost records_lost",
	 .is_long = true,
	 .run = show_streams},
	{.path = "queues",
	 .help = "the queues: where they go now; records in, written, in flight, spooled and lost",
	 .columns = "queue sink format records written in_flight spooled lost",
	 .is_long = true,
	 .run = show_queues},
	{.path = "sinks",
	 .help = "the sinks: records taken, written, in flight and lost; what troubles them",
	 .columns = "sink type records written in_flight lost trouble",
	 .is_long = true,
	 .run = show_sinks},
	{.path = "workers",
	 .help = "the workers: what they read (port.queue), packets, looks in vain, what the card "
		 "lost",
	 .columns = "worker core node reads packets bytes polls empty_polls waits missed",
	 .run = show_workers},
	{.path = "ports",
	 .help = "the ports that are read",
	 .columns = "port device queues link packets missed no_buffer bad_frames",
	 .run = show_ports},
	{.path = "dims",
	 .help = "the dimensions: keys, loads, how old the rows are",
	 .columns = "dimension from keys bytes loads loads_failed version age_s",
	 .is_long = true,
	 .run = show_dims},
	{.path = "flows",
	 .help = "the sessions that live, largest first: what they are, packets and bytes of each "
		 "way, gaps",
	 .columns = "protocol client server source state notes packets_out bytes_out packets_back "
		    "bytes_back gaps gap_bytes last why",
	 .args = {{"state",
		   "only these: plain, tls, compressed, left, bad, unknown, undecided, "
		   "late, one-sided or gaps",
		   true},
		  {"source", "only those of this source", true},
		  {"limit", "rows at most; 1,000 without it", true}},
	 .begin = begin_flows},
	{.path = "latency",
	 .help = "how long from a packet to its records, and to their acknowledgement, since the "
		 "start",
	 .columns = "stage scope records mean_us p50_us p90_us p99_us p999_us max_us",
	 .is_long = true,
	 .run = show_latency},
	{.path = "explain",
	 .help = "of a record that passed lately: its session, its queues, partition and offset "
		 "(sluiced explain tells all, of a capture)",
	 .columns = "queue topic partition offset",
	 .args = {{"id", "its _id"}},
	 .begin = begin_explain},
	{.path = "tap",
	 .help = "records before and after a node, as they pass: a sample, as lines of JSON",
	 .streams = true,
	 .args = {{"node", "its name, or that of a source"},
		  {"before", "only what it takes", true, true},
		  {"after", "only what it gives", true, true},
		  {"where", "only records of which this expression is true", true},
		  {"rate", "records a second at most; 10 without it", true},
		  {"count", "so many, and then the end", true}},
	 .begin = begin_tap},
	{.path = "config",
	 .help = "the configuration that runs, every option, secrets left out",
	 .is_long = true,
	 .run = show_config},
	{.path = "queue pause",
	 .help = "nothing leaves the queue for its sink: what comes goes into its spool",
	 .changes = true,
	 .args = {{"queue", "its name, project/name"}},
	 .run = pause_queue},
	{.path = "queue resume",
	 .help = "it goes on, with what is in its spool first",
	 .changes = true,
	 .args = {{"queue", "its name, project/name"}},
	 .run = resume_queue},
	{.path = "queue switch",
	 .help = "its records go to its sink or its backup from now on; without SINK, as their "
		 "health says",
	 .changes = true,
	 .args = {{"queue", "its name, project/name"},
		  {"sink", "the name of its sink or of its backup", true}},
	 .run = switch_queue},
	{.path = "log",
	 .help = "what is told on standard error: from this level on; without LEVEL, which it is",
	 .changes = true,
	 .args = {{"level", "error, warning, notice or info", true}},
	 .run = set_log},
	{.path = "reload",
	 .help = "read the configuration again, and go over to it when all of it is well",
	 .changes = true,
	 .run = reload},
	{.path = "check",
	 .help = "build another configuration beside this one, as a reload would, and change "
		 "nothing",
	 .changes = true,
	 .args = {{"config", "its file, as sluiced finds it"}},
	 .begin = begin_check},
	{.path = "diff",
	 .help = "the options that a file has otherwise, and whether a reload or a restart makes "
		 "them so",
	 .changes = true,
	 .args = {{"config", "the file, as sluiced finds it"}},
	 .columns = "option runs file needs",
	 .is_long = true,
	 .run = show_diff},
	{.path = "shadow",
	 .help = "run another configuration beside this one on what comes, send nothing, and tell "
		 "which records differ",
	 .changes = true,
	 .streams = true,
	 .args = {{"config", "the file of the other one, as sluiced finds it"},
		  {"for", "for so long: 60s", true},
		  {"sample", "records shown of each queue and kind of difference: 5", true}},
	 .begin = begin_shadow},
	{.path = "shadow status",
	 .help = "what the shadow has counted, or the last one",
	 .columns = "queue same changed removed added",
	 .run = show_shadow},
	{.path = "shadow stop",
	 .help = "it ends, and tells its counts",
	 .changes = true,
	 .run = stop_shadow},
	{.path = "reload status", .help = "how the last reload ended", .run = show_reload},
	{0},
};

unsigned command_n_args(const struct command *c)
{
	unsigned n = 0;
	while (n < COMMAND_ARGS_MAX && c->args[n].name)
		n++;
	return n;
}

static bool same_path(const char *words, const char *path)
{
	for (; *words && *path; words++, path++)
		if (*words != *path && !(*words == ' ' && *path == '/'))
			return false;
	return *words == *path;
}

const struct command *command_find(const char *path)
{
	for (const struct command *c = commands; c->path; c++)
		if (same_path(c->path, path))
			return c;
	return NULL;
}

/* ---- OpenAPI ---- */

static json_t *parameters(const struct command *c)
{
	json_t *list = json_array();
	for (unsigned i = 0; i < command_n_args(c); i++) {
		const struct command_arg *a = &c->args[i];
		json_array_append_new(list,
				      json_pack("{s:s,s:s,s:b,s:s,s:{s:s}}", "name", a->name, "in",
						"query", "required", !a->optional, "description",
						a->help, "schema", "type", "string"));
	}
	return list;
}

static json_t *answer_of(const char *text, bool streams)
{
	return json_pack("{s:s,s:{s:{s:{s:s}}}}", "description", text, "content",
			 streams ? "application/x-ndjson" : "application/json", "schema", "type",
			 "object");
}

json_t *command_openapi(void)
{
	json_t *paths = json_object();
	for (const struct command *c = commands; c->path; c++) {
		char path[64] = "/v1/";
		snprintf(path + 4, sizeof(path) - 4, "%s", c->path);
		for (char *p = path; *p; p++)
			if (*p == ' ')
				*p = '/';
		json_t *op = json_pack(
			"{s:s,s:s,s:o,s:{s:o,s:o,s:o}}", "operationId", c->path, "summary", c->help,
			"parameters", parameters(c), "responses", "200",
			answer_of(c->streams ? "an object a line" : "the reply", c->streams), "400",
			answer_of("an argument is wrong: `error` says which", false), "403",
			answer_of("not allowed to this user, or with this token", false));
		json_object_set_new(paths, path,
				    json_pack("{s:o}", c->changes ? "post" : "get", op));
	}
	return json_pack("{s:s,s:{s:s,s:s},s:o}", "openapi", "3.0.3", "info", "title", "sluice",
			 "version", SL_VERSION, "paths", paths);
}
