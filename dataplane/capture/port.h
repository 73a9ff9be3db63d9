/* port.h - ports as a packet source: any PMD of DPDK, and interfaces of the kernel.
 *
 * In:     a PCI address or a vdev string ("net_af_packet0,iface=eth1"); EAL is up.
 * Out:    struct capture, one per queue: bursts of struct pkt_raw that point into mbufs.
 * Owns:   the port, its mempool; mbufs of a burst until the next receive.
 *         An interface of the kernel, and nothing said about how, is read by kernel.c.
 * Runs:   open, start, close: main. receive (rx.c): the worker of the queue.
 * Limits: 65,407 bytes a packet (an mbuf less its headroom); what a driver cuts is counted by
 * decode.
 */
#ifndef SL_CAPTURE_PORT_H
#define SL_CAPTURE_PORT_H

#include "dataplane/capture/capture.h"
#include "dataplane/capture/kernel_drops.h"
#include "dataplane/capture/link.h"
#include "dataplane/capture/stamp.h"

struct port_conf {
	const char *device;
	unsigned n_queues;
};

struct port;

/* Attaches and configures the device, promiscuous. -ENODEV, -ENOMEM, -ENOTSUP, ... with a text that
 * says what is missing and what to do. @index: pkt_raw.port.
 */
int port_open(const struct port_conf *conf, unsigned index, struct port **ret_p, struct err *e);

/* A source for queue @q; closed by its worker, before port_close. */
int port_queue(struct port *p, unsigned q, struct capture **ret_c, struct err *e);

int port_start(struct port *p, struct err *e);
void port_close(struct port *p);

/* NULL: its queues have whole sessions, also (@tunnels) those in tunnels. Else why they do not. */
const char *port_splits(const struct port *p, bool tunnels);

/* As it is now. Main, while the port is started. */
enum link_state port_link(const struct port *p);

/* Calls @tell with each count of the driver's own that names losses, and is not 0. */
void port_causes(const struct port *p, void (*tell)(void *arg, const char *name, uint64_t n),
		 void *arg);

/* One line for people: driver, link, queues, what it can and cannot do (time stamps, large
 * packets). */
void port_describe(const struct port *p, char *out, size_t cap);

/* rx.c */
struct rx_queue_conf {
	uint16_t port_id, queue_id;
	uint16_t index;            /* pkt_raw.port */
	bool account;              /* this queue reports the port's own losses */
	const bool *interrupts;    /* borrowed: the driver wakes up who waits for its queues */
	bool buffered;             /* behind it are the buffers of the kernel */
	int stamp_offset;          /* of the mbuf's dynamic field, or -1: the card stamps nothing */
	uint64_t stamp_flag;       /* of ol_flags: the field is filled in */
	const struct stamp *stamp; /* borrowed: as it is when the queue is first read */
	struct kernel_drops *drops; /* borrowed: beside what the driver tells; only with account */
};
int rx_open(const struct rx_queue_conf *conf, struct capture **ret_c, struct err *e);

#endif
