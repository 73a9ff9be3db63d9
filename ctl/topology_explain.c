/* What a running topology knows of one record: its session, when that lives, and where it is, when
 * it was among the last that were acknowledged. `sluiced explain` tells the rest, of a capture.
 */
#include <stdio.h>
#include <string.h>

#include "ctl/record_id.h"
#include "ctl/topology_parts.h"
#include "dataplane/base/mem.h"
#include "dataplane/sink/recent.h"

struct explaining {
	struct control_job job; /* first */
	struct topology *t;
	struct control_job *flows; /* of the one session */
	struct record_id id;
	char text[RECORD_ID_MAX + 1];
};

static void tell_session(const struct explaining *j, const json_t *rows, json_t *reply)
{
	json_t *row = json_array_get(rows, 0);
	if (!row) {
		json_object_set_new(reply, "session", json_string("none that lives has this id"));
		return;
	}
	const char *of_dir = j->id.dir ? "bytes_back" : "bytes_out";
	uint64_t come = (uint64_t)json_integer_value(json_object_get(row, of_dir));
	json_object_update(reply, row);
	json_object_set_new(reply, "offset", json_integer((json_int_t)j->id.off));
	json_object_set_new(reply, "bytes_there",
			    json_string(come > j->id.off ? "have come" : "have not come yet"));
}

static void tell_places(const struct explaining *j, json_t *reply)
{
	const struct topology *t = j->t;
	json_t *rows = json_array();
	for (unsigned q = 0; q < t->conf->n_queues; q++) {
		const struct way *y = &t->outlets->queues[q];
		const struct recent *recent = y->o->queues ? y->o->queues[y->index].recent : NULL;
		int32_t partition;
		int64_t offset;
		if (recent && recent_find(recent, slice_str(j->text), &partition, &offset))
			json_array_append_new(rows, json_pack("{s:s,s:s,s:i,s:I}", "queue",
							      t->conf->queues[q].name, "topic",
							      t->conf->queues[q].topic, "partition",
							      (int)partition, "offset",
							      (json_int_t)offset));
	}
	json_object_set_new(reply, "rows", rows);
}

static int poll_record(struct control_job *job, json_t *reply, struct err *e)
{
	struct explaining *j = (struct explaining *)job;
	json_t *sessions = json_object();
	int rc = j->flows->ops->poll(j->flows, sessions, e);
	if (rc == 0) {
		json_object_set_new(reply, "record", json_string(j->text));
		tell_session(j, json_object_get(sessions, "rows"), reply);
		tell_places(j, reply);
	}
	json_decref(sessions);
	return rc;
}

static void drop_record(struct control_job *job)
{
	struct explaining *j = (struct explaining *)job;
	if (j->flows)
		j->flows->ops->drop(j->flows);
	mem_free(j);
}

static const struct control_job_ops explain_ops = {.poll = poll_record, .drop = drop_record};

int topology_explain(void *arg, const char *id, struct control_job **ret_j, struct err *e)
{
	struct flow_query q = {.source = -1, .limit = 1, .by_id = true};
	struct explaining *j = mem_alloc(sizeof(*j));
	if (!j)
		return err_set(e, -ENOMEM, "no memory");
	j->job.ops = &explain_ops;
	j->t = arg;
	int rc = 0;
	if (!record_id_read(id, &j->id))
		rc = err_set(e, -EINVAL, RECORD_ID_WRONG, id);
	snprintf(j->text, sizeof(j->text), "%s", id);
	q.id = j->id.session;
	if (rc == 0)
		rc = topology_flows(arg, &q, &j->flows, e);
	if (rc < 0) {
		drop_record(&j->job);
		return rc;
	}
	*ret_j = &j->job;
	return 0;
}
