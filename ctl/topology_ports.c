/* The ports of a topology, and the rights of the process that only they need:
 *
 *     open      root, or the capabilities that it was started with
 *     become    run_as; of its capabilities those that a start needs stay, in main alone
 *     start     ... the rest of the topology is built in between, as run_as
 *     shed      no capability in any thread
 *
 * A port that loses its link keeps its socket or its device, and is read again without any of
 * these.
 */
#include <unistd.h>

#include "ctl/eal.h"
#include "ctl/privilege.h"
#include "ctl/topology_parts.h"
#include "dataplane/base/mem.h"
#include "dataplane/capture/port.h"

static int open_port(struct topology *t, unsigned i, unsigned *io_n_captures, struct err *e)
{
	const struct capture_port_conf *c = &t->conf->capture.ports[i];
	struct port_conf pc = {.device = c->device, .n_queues = (unsigned)c->queues};
	int rc = port_open(&pc, i, &t->ports[i], e);
	for (unsigned q = 0; rc == 0 && q < pc.n_queues; q++) {
		rc = port_queue(t->ports[i], q, &t->captures[*io_n_captures], e);
		*io_n_captures += rc == 0;
	}
	return rc;
}

int topology_open_ports(struct topology *t, struct err *e)
{
	unsigned n = 0;
	struct privilege_user user;
	int rc = privilege_find(t->conf->run_as, &user, e);
	if (rc < 0)
		return rc;
	t->ports = mem_alloc((t->conf->capture.n_ports + 1) * sizeof(*t->ports));
	t->captures = mem_alloc((t->n_workers + 1) * sizeof(*t->captures));
	if (!t->ports || !t->captures)
		return err_set(e, -ENOMEM, "no memory for ports");
	for (unsigned i = 0; rc == 0 && i < t->conf->capture.n_ports; i++)
		rc = open_port(t, i, &n, e);
	return rc < 0 ? rc : privilege_become(&user, e);
}

static void shed(void)
{
	struct err e;
	privilege_shed();
	if (eal_each_thread(privilege_shed) < 0)
		fprintf(stderr, "sluiced: a thread of DPDK's does not answer\n");
	if (geteuid() == 0)
		fprintf(stderr, "sluiced: runs as root; with run_as it would give that up now\n");
	else if (privilege_check(&e) < 0)
		fprintf(stderr, "sluiced: %s\n", e.text);
}

int topology_start_ports(struct topology *t, struct err *e)
{
	unsigned w = 0;
	for (unsigned i = 0; i < t->conf->capture.n_ports; i++) {
		int rc = 0;
		for (int64_t q = 0; rc == 0 && q < t->conf->capture.ports[i].queues; q++, w++) {
			struct capture *source = t->captures[w];
			t->captures[w] = NULL;
			rc = topology_build_worker(t, w, source, true, e);
		}
		if (rc == 0)
			rc = port_start(t->ports[i], e);
		if (rc < 0)
			return rc;
	}
	shed();
	return 0;
}

void topology_close_ports(struct topology *t)
{
	for (unsigned i = 0; t->captures && i < t->n_workers; i++)
		if (t->captures[i])
			capture_close(t->captures[i]);
	for (unsigned i = 0; t->ports && i < t->conf->capture.n_ports; i++)
		port_close(t->ports[i]);
	mem_free(t->captures);
	mem_free(t->ports);
}

void topology_describe(const struct topology *t, FILE *out)
{
	for (unsigned i = 0; t->ports && i < t->conf->capture.n_ports; i++) {
		char line[512];
		port_describe(t->ports[i], line, sizeof(line));
		fprintf(out, "sluiced: %s\n", line);
	}
}
