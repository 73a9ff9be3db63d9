/* `sluicectl check`: a configuration is built beside the one that runs, as a reload would, and
 * dropped.
 */
#include "ctl/candidate.h"
#include "ctl/topology_parts.h"
#include "dataplane/base/mem.h"

struct checking {
	struct control_job job; /* first */
	struct candidate *candidate;
};

static int poll_check(struct control_job *job, json_t *reply, struct err *e)
{
	const struct candidate *c = ((struct checking *)job)->candidate;
	(void)e;
	if (!candidate_is_built(c))
		return -EAGAIN;
	const char *state = !candidate_generation(c) ? "bad"
			    : candidate_restarts(c)  ? "restart"
						     : "good";
	json_t *why = json_string(candidate_text(c));
	json_object_set_new(reply, "state", json_string(state));
	json_object_set_new(reply, "why", why ? why : json_string("not UTF-8"));
	return 0;
}

static void drop_check(struct control_job *job)
{
	struct checking *j = (struct checking *)job;
	candidate_drop(j->candidate);
	mem_free(j);
}

static const struct control_job_ops check_ops = {.poll = poll_check, .drop = drop_check};

int topology_check(void *arg, const char *config, struct control_job **ret_j, struct err *e)
{
	struct topology *t = arg;
	struct checking *j = mem_alloc(sizeof(*j));
	if (!j)
		return err_set(e, -ENOMEM, "no memory");
	j->job.ops = &check_ops;
	int rc = candidate_begin(config, t->gen, &j->candidate, e);
	if (rc < 0)
		mem_free(j);
	else
		*ret_j = &j->job;
	return rc;
}
