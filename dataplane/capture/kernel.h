/* kernel.h - an interface of the kernel as a packet source: the ring of an af_packet socket.
 *
 * In:     the name of an interface; CAP_NET_RAW, and CAP_NET_ADMIN for promiscuous mode.
 * Out:    struct capture: bursts that point into the ring, stamped by the kernel. VLAN tags, which
 *         the kernel takes off, are back in their place.
 * Owns:   the socket and its ring; a burst until the next receive.
 * Runs:   open, start: main. receive, wait, close: one worker. A wait ends when something comes.
 * Limits: KERNEL_RING_BYTES of packets that were not read yet; what came beyond is counted as
 *         missed. Packets lie in the ring one behind the other, whatever their length, so that
 *         small ones take little of it.
 */
#ifndef SL_CAPTURE_KERNEL_H
#define SL_CAPTURE_KERNEL_H

#include "dataplane/capture/capture.h"

#define KERNEL_RING_BYTES (64u << 20)

/* -ENODEV: no such interface. -ENOTSUP: neither of Ethernet nor of IP alone. -EPERM: not for this
 * user. @index: pkt_raw.port.
 */
int kernel_open(const char *iface, unsigned index, struct capture **ret_c, struct err *e);

/* From now on packets come: to @n queues of one interface, both directions of a session to the same
 * one.
 */
int kernel_start(struct capture *const *queues, unsigned n, struct err *e);

#endif
