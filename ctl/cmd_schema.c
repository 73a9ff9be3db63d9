/* `sluiced schema write` and `sluiced schema proto`: the schemas of queues as files. */
#include <string.h>

#include "ctl/cmd.h"
#include "ctl/config_read.h"
#include "ctl/queue_schema.h"

/* Builds what a run builds of a configuration, up to its schemas. NULL: what is wrong is printed.
 */
static struct queue_schemas *build(const struct config *c, struct pipeline **ret_p)
{
	struct err e;
	struct err_list errs = {0};
	struct queue_schemas *s = NULL;
	*ret_p = NULL;
	if (pipeline_build(c, ret_p, &e) < 0)
		err_list_text(&errs, e.text);
	else if (queue_schemas_create(*ret_p, &config_disk, true, &s, &errs) == -ENOMEM)
		err_list_text(&errs, "sluiced: no memory for schemas");
	err_list_sort(&errs);
	err_list_print(&errs, stderr);
	err_list_fini(&errs);
	return s;
}

static int write_all(const struct queue_schemas *s)
{
	struct err e;
	int code = 0;
	for (size_t q = 0; q < s->n; q++) {
		const struct schema_file *now = &s->items[q].now;
		if (!s->items[q].differs) {
			printf("%s: version %lld, as it was\n", now->path, (long long)now->version);
		} else if (schema_file_write(now, &e) < 0) {
			fprintf(stderr, "sluiced: %s\n", e.text);
			code = 2;
		} else {
			printf("%s: version %lld written\n", now->path, (long long)now->version);
		}
	}
	return code;
}

int cmd_schema_write(const struct config *c)
{
	struct pipeline *p;
	if (!c->schema_dir) {
		fprintf(stderr,
			"sluiced: %s: schema_dir is missing: which folder are schemas kept in? For "
			"example  schema_dir: schemas\n",
			c->path);
		return 2;
	}
	struct queue_schemas *s = build(c, &p);
	int code = s ? write_all(s) : 2;
	queue_schemas_destroy(s);
	pipeline_destroy(p);
	return code;
}

int cmd_schema_proto(const struct config *c, const char *queue)
{
	struct pipeline *p;
	size_t q = 0;
	while (q < c->n_queues && strcmp(c->queues[q].name, queue) != 0)
		q++;
	if (q == c->n_queues) {
		fprintf(stderr, "sluiced: %s: no queue is named %s\n", c->path, queue);
		return 2;
	}
	struct queue_schemas *s = build(c, &p);
	int code = s && queue_schema_proto(s, (unsigned)q, stdout) == 0 ? 0 : 2;
	queue_schemas_destroy(s);
	pipeline_destroy(p);
	return code;
}
