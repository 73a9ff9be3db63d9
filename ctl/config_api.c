
#include "ctl/config_read.h"

const struct opt config_api_opts[] = {
	{.name = "socket",
	 .type = OPT_STRING,
	 .off = offsetof(struct api_conf, socket),
	 .def = "/run/sluice/control.sock",
	 .help = "The Unix socket that sluicectl asks `sluiced run` by; `none` for none."},
	{.name = "group",
	 .type = OPT_STRING,
	 .off = offsetof(struct api_conf, group),
	 .def = "sluice",
	 .help = "Members of this group may look. Root and sluiced's own user may do everything."},
	{.name = "admin_group",
	 .type = OPT_STRING,
	 .off = offsetof(struct api_conf, admin_group),
	 .def = "sluice-admin",
	 .help = "Members of this group may also change things."},
	{.name = "listen",
	 .type = OPT_STRING,
	 .off = offsetof(struct api_conf, listen),
	 .help = "An address and port for TCP, such as 127.0.0.1:8686; with a token, and with cert "
		 "and key anywhere but on loopback. Not set: none."},
	{.name = "token",
	 .type = OPT_SECRET,
	 .off = offsetof(struct api_conf, token),
	 .help = "What clients over TCP send as `Authorization: Bearer TOKEN`, of 16 characters or "
		 "more; it may do everything. env:NAME and file:PATH name where it stands."},
	{.name = "cert",
	 .type = OPT_PATH,
	 .off = offsetof(struct api_conf, cert),
	 .help = "The certificate chain of TCP's TLS, in PEM."},
	{.name = "key",
	 .type = OPT_PATH,
	 .off = offsetof(struct api_conf, key),
	 .help = "Its private key, in PEM."},
	{.name = "metrics_scopes",
	 .type = OPT_INT,
	 .off = offsetof(struct api_conf, metrics_scopes),
	 .min = 1,
	 .max = 100000,
	 .def = "1000",
	 .live = true,
	 .help = "So many sources, nodes or queues have series of their own in /metrics. Where a "
		 "metric would have more, it has one of all of them together, scope=\"(all)\"."},
	OPT_END,
};

static bool is_loopback(const char *listen)
{
	return strncmp(listen, "127.", 4) == 0 || strncmp(listen, "[::1]:", 6) == 0;
}

int config_read_api(struct config_loader *l)
{
	struct api_conf *a = &l->c->api;
	const struct yaml_val *v = yaml_val_get(l->root, "api");
	struct options_part part = {config_api_opts, a};
	struct options_shape shape = {.parts = &part, .n_parts = 1};
	options_read(&l->r, &shape, v);
	if (!a->listen)
		return 0;
	const struct yaml_val *at = yaml_val_get(v, "listen");
	if (!a->token)
		option_err(&l->r, at, "without a token anybody could ask; expected `token` too");
	if (!a->cert != !a->key)
		option_err(&l->r, at, "`cert` and `key` go together");
	else if (!a->cert && !is_loopback(a->listen))
		option_err(&l->r, at,
			   "the token would cross the network in the clear; expected `cert` and "
			   "`key`, or an address of loopback");
	return 0;
}
