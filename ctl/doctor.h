/* doctor.h - is this host fit to capture: what it finds, and the command that mends it.
 *
 * In:     /proc and /sys of the host, or of a copy for tests; the ports of a configuration.
 * Out:    rows: what was looked at, how it is, what mends it.
 * Owns:   nothing. Changes nothing.
 * Runs:   sluicectl's one thread.
 * Limits: -
 */
#ifndef SL_CTL_DOCTOR_H
#define SL_CTL_DOCTOR_H

#include <jansson.h>

#include "ctl/config.h"
#include "ctl/ethtool.h"

struct doctor_conf {
	const char *root;           /* "" is the host itself */
	const struct config *conf;  /* NULL: no ports are named */
	const char *ssh_connection; /* $SSH_CONNECTION, or NULL */
	bool (*ethtool)(const char *iface,
			struct ethtool_facts *ret_f); /* ethtool_ask, or a test */
};

/* Appends {"check":..,"state":"ok"|"note"|"bad","found":..,"mend":..} to @rows. Returns how many
 * are bad.
 */
unsigned doctor_look(const struct doctor_conf *conf, json_t *rows);

#endif
