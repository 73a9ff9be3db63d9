/* flow_stand.h - stands in for flow, under a stage behind it.
 *
 * In:     sessions that the test fills in; those of protocol 0 are none.
 * Out:    the same.
 * Owns:   -
 * Runs:   tests that link no flow.
 * Limits: FLOW_STANDS sessions.
 */
#ifndef SL_TESTS_FLOW_STAND_H
#define SL_TESTS_FLOW_STAND_H

#include "dataplane/flow/flow.h"

#define FLOW_STANDS 8

static struct flow_session sessions[FLOW_STANDS];

const struct flow_session *flow_session(const struct flow *f, uint32_t session)
{
	(void)f;
	return &sessions[session];
}

uint32_t flow_sessions_max(const struct flow *f)
{
	(void)f;
	return FLOW_STANDS;
}

uint32_t flow_sessions_end(const struct flow *f)
{
	(void)f;
	return FLOW_STANDS;
}

bool flow_look(const struct flow *f, uint32_t session, struct flow_look *ret_l)
{
	(void)f;
	*ret_l = (struct flow_look){.session = &sessions[session]};
	return sessions[session].proto != 0;
}

#endif
