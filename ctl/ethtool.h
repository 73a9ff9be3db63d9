/* ethtool.h - what the kernel says of an interface: does it merge packets, and by what it shares
 * them out to its queues.
 *
 * In:     the name of an interface.
 * Out:    what it is set to.
 * Owns:   nothing. Changes nothing.
 * Runs:   sluicectl's one thread.
 * Limits: RSS_KEY_MAX bytes of key.
 */
#ifndef SL_CTL_ETHTOOL_H
#define SL_CTL_ETHTOOL_H

#include <stdbool.h>

#include "dataplane/capture/rss.h"

struct ethtool_facts {
	bool gro, lro;   /* packets of a stream are merged: by the kernel, by the card */
	unsigned queues; /* that receive; 0: not told */
	uint8_t key[RSS_KEY_MAX];
	unsigned key_len; /* 0: not told */
};

/* False: there is no such interface, or it cannot be asked. */
bool ethtool_ask(const char *iface, struct ethtool_facts *ret_f);

#endif
