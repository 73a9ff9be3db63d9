/* `sluicectl check`: a configuration is built beside the one that runs, as a reload would, and
 * dropped.
 */
#include "ctl/candidate.h"
#include "ctl/topology_parts.h"
#include "dataplane/base/mem.h"

struct checking {
	struct control_job job; /* first */
	struct topology *t;
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

static void end_check(void *t)
{
	atomic_store(&((struct topology *)t)->checks, false);
}

static void drop_check(struct control_job *job)
{
	struct checking *j = (struct checking *)job;
	struct candidate *c = j->candidate;
	/* The next one may begin when this one is not built any more. */
	if (candidate_is_built(c)) {
		atomic_store(&j->t->checks, false);
		candidate_drop(c, NULL, NULL);
	} else {
		candidate_drop(c, end_check, j->t);
	}
	mem_free(j);
}

static const struct control_job_ops check_ops = {.poll = poll_check, .drop = drop_check};

int topology_check(void *arg, const char *config, struct control_job **ret_j, struct err *e)
{
	struct topology *t = arg;
	if (atomic_exchange(&t->checks, true))
		return err_set(e, -EBUSY, "busy: another check is under way, one at a time");
	struct checking *j = mem_alloc(sizeof(*j));
	int rc = j ? 0 : err_set(e, -ENOMEM, "no memory");
	if (rc == 0)
		rc = candidate_begin(config, t->gen, &t->n_candidates, NULL, NULL, &j->candidate,
				     e);
	if (rc < 0) {
		mem_free(j);
		atomic_store(&t->checks, false);
		return rc;
	}
	j->job.ops = &check_ops;
	j->t = t;
	*ret_j = &j->job;
	return 0;
}
