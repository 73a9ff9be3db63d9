#include "ctl/config_read.h"

static const char *const rehash_choices[] = {"auto", "on", "off", NULL};

const struct opt config_capture_opts[] = {
	{.name = "eal",
	 .type = OPT_STRINGS,
	 .off = offsetof(struct capture_conf, eal),
	 .def = "[]",
	 .help = "More arguments for DPDK's EAL, such as --in-memory; rarely needed."},
	{.name = "workers",
	 .type = OPT_INT,
	 .off = offsetof(struct capture_conf, workers),
	 .min = 0,
	 .max = CONFIG_WORKERS_MAX,
	 .def = "0",
	 .help = "Workers of a run, that sessions are shared out to. 0: one for each receive "
		 "queue."},
	{.name = "rehash",
	 .type = OPT_ENUM,
	 .off = offsetof(struct capture_conf, rehash),
	 .def = "auto",
	 .choices = rehash_choices,
	 .help = "Sessions are shared out to workers in software. auto: unless there is one port, "
		 "with a queue for each worker, that keeps both directions of every session "
		 "together, in tunnels too; off: the cards do it, whatever they do."},
	{.name = "rehash_bytes",
	 .type = OPT_BYTES,
	 .off = offsetof(struct capture_conf, rehash_bytes),
	 .min = 1 << 20,
	 .max = (int64_t)1 << 33,
	 .def = "16MiB",
	 .help = "Most bytes of packets that wait for one worker, in software; in equal parts for "
		 "each queue, of 1 MiB at least. What finds no room is lost, and counted as "
		 "ring_full."},
	{.name = "cores",
	 .type = OPT_STRING,
	 .off = offsetof(struct capture_conf, cores),
	 .def = "auto",
	 .help = "Cores that the workers have to themselves: a list, such as 2-5,8, one for each, "
		 "or "
		 "off. auto: one each, on the NUMA node of the card, where two more are left for "
		 "all others."},
	{.name = "idle_max",
	 .type = OPT_DURATION,
	 .off = offsetof(struct capture_conf, idle_max_ns),
	 .min = 0,
	 .max = 100000000,
	 .def = "10ms",
	 .help = "Longest rest of a worker that finds nothing to read; also bound by what its port "
		 "can be left alone for. 0: it never rests, and always costs a core."},
	OPT_END,
};

const struct opt config_port_opts[] = {
	{.name = "device",
	 .type = OPT_STRING,
	 .off = offsetof(struct capture_port_conf, device),
	 .required = true,
	 .help = "A PCI address (0000:3b:00.0), or a virtual device of DPDK "
		 "(net_af_packet0,iface=eth1)."},
	{.name = "queues",
	 .type = OPT_INT,
	 .off = offsetof(struct capture_port_conf, queues),
	 .min = 1,
	 .max = CONFIG_WORKERS_MAX,
	 .def = "1",
	 .help = "Receive queues of the card or the interface. Each is read by one worker; see "
		 "capture.workers."},
	OPT_END,
};

static void check_device(const struct config_loader *l, const struct yaml_val *port,
			 const struct capture_port_conf *p, const struct capture_port_conf *first)
{
	for (; first < p; first++) {
		if (p->device && first->device && strcmp(p->device, first->device) == 0)
			option_err(&l->r, yaml_val_get(port, "device"),
				   "device \"%s\" is in line %d already", p->device,
				   first->at.line);
	}
}

unsigned config_run_queues(const struct config *c)
{
	unsigned n = 0;
	for (size_t i = 0; i < c->capture.n_ports; i++)
		n += (unsigned)c->capture.ports[i].queues;
	return n;
}

unsigned config_run_workers(const struct config *c)
{
	return c->capture.workers ? (unsigned)c->capture.workers : config_run_queues(c);
}

static void check_queues(const struct config_loader *l, const struct yaml_val *ports)
{
	unsigned n = config_run_queues(l->c);
	if (n > CONFIG_WORKERS_MAX)
		option_err(&l->r, ports, "%u queues in all; expected at most %d", n,
			   CONFIG_WORKERS_MAX);
}

static void check_workers(const struct config_loader *l, const struct yaml_val *capture)
{
	const struct capture_conf *c = &l->c->capture;
	unsigned n = config_run_queues(l->c);
	if (n && c->workers && c->workers != n && c->rehash == CAPTURE_REHASH_OFF)
		option_err(&l->r, yaml_val_get(capture, "workers"),
			   "%lld workers for %u queues; expected %u, as `rehash` is off, or "
			   "`rehash: auto`",
			   (long long)c->workers, n, n);
}

#define PORTS_MAX CONFIG_WORKERS_MAX

static int read_ports(struct config_loader *l, const struct yaml_val *ports)
{
	struct capture_conf *cap = &l->c->capture;
	if (ports->kind != YAML_LIST) {
		char show[YAML_SHOW_MAX];
		option_err(&l->r, ports,
			   "%s does not fit here; expected a list, such as [{ device: "
			   "\"0000:3b:00.0\", queues: 1 }]",
			   yaml_val_show(ports, show, sizeof(show)));
		return 0;
	}
	if (ports->n > PORTS_MAX) {
		option_err(&l->r, ports, "%zu ports; expected at most %d", ports->n, PORTS_MAX);
		return 0;
	}
	cap->ports = memlist_array(&l->c->mem, ports->n, sizeof(*cap->ports));
	if (!cap->ports)
		return -ENOMEM;
	for (const struct yaml_val *v = ports->first; v; v = v->next) {
		struct capture_port_conf *p = &cap->ports[cap->n_ports++];
		struct options_part part = {config_port_opts, p};
		struct options_shape shape = {.parts = &part, .n_parts = 1};
		p->at = option_place(&l->r, v);
		if (options_read(&l->r, &shape, v))
			check_device(l, v, p, cap->ports);
	}
	check_queues(l, ports);
	return 0;
}

int config_read_capture(struct config_loader *l)
{
	static const char *const others[] = {"ports", NULL};
	const struct yaml_val *capture = yaml_val_get(l->root, "capture");
	struct options_part part = {config_capture_opts, &l->c->capture};
	struct options_shape shape = {.parts = &part, .n_parts = 1, .others = others};
	options_read(&l->r, &shape, capture);
	const struct yaml_val *ports = yaml_val_get(capture, "ports");
	int rc = ports ? read_ports(l, ports) : 0;
	if (rc == 0)
		check_workers(l, capture);
	return rc;
}
