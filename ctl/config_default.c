#include "ctl/config_read.h"
#include "dataplane/base/text.h"

/* ---- "udp:514 tcp:514,601": the default ports of a parser ---- */

/* Reads one port or range at *io_s, and the comma behind it. */
static bool read_range(const char **io_s, struct opt_port_range *ret_p)
{
	uint64_t port[2];
	const char *s = *io_s;
	for (int i = 0; i < 2; i++) {
		size_t n = strspn(s, "0123456789");
		if (!text_u64(slice_of(s, n), &port[i]) || port[i] < 1 || port[i] > UINT16_MAX)
			return false;
		s += n;
		if (i == 0 && *s != '-') {
			port[1] = port[0];
			break;
		}
		s += i == 0;
	}
	*io_s = s + (*s == ',');
	*ret_p = (struct opt_port_range){(uint16_t)port[0], (uint16_t)port[1]};
	return true;
}

static int add_ranges(struct memlist *mem, const char *s, size_t len, struct opt_ports *ret_p)
{
	const char *end = s + len;
	ret_p->items = memlist_array(mem, len / 2 + 1, sizeof(*ret_p->items));
	if (!ret_p->items)
		return -ENOMEM;
	while (s < end) {
		if (!read_range(&s, &ret_p->items[ret_p->n]))
			return -EINVAL;
		ret_p->n++;
	}
	return 0;
}

int config_default_ports(struct memlist *mem, const char *text, struct opt_ports *ret_udp,
			 struct opt_ports *ret_tcp)
{
	*ret_udp = *ret_tcp = (struct opt_ports){0};
	while (text && *text) {
		size_t len = strcspn(text, " ");
		bool udp = strncmp(text, "udp:", 4) == 0;
		if (!udp && strncmp(text, "tcp:", 4) != 0)
			return -EINVAL;
		int r = add_ranges(mem, text + 4, len - 4, udp ? ret_udp : ret_tcp);
		if (r < 0)
			return r;
		text += len;
		text += strspn(text, " ");
	}
	return 0;
}

/* ---- the configuration that a replay without a file uses ---- */

static int add_source(const struct option_reader *r, struct config *c, const struct parser *p)
{
	struct source_conf *s = &c->sources[c->n_sources++];
	if (!options_default(r, config_source_opts, s) || !options_default(r, config_match_opts, s))
		return -EINVAL;
	s->name = s->parser_name = p->name;
	s->parser = p;
	s->at = (struct err_place){.file = c->path};
	s->probe = true;
	s->port_decides = false;
	s->conf = memlist_alloc(&c->mem, p->conf_size);
	if (!s->conf)
		return -ENOMEM;
	if (!options_default(r, p->opts, s->conf))
		return -EINVAL;
	int ret = config_default_ports(&c->mem, p->default_ports, &s->udp, &s->tcp);
	if (ret == -EINVAL)
		err_list_add(r->errs, s->at, "parser %s: bad default ports \"%s\"", p->name,
			     p->default_ports);
	return ret;
}

static int fill(const struct option_reader *r, struct config *c)
{
	size_t n = 0;
	while (parsers[n])
		n++;
	c->sources = memlist_array(&c->mem, n, sizeof(*c->sources));
	if (!c->sources)
		return -ENOMEM;
	if (!options_default(r, config_top_opts, c) ||
	    !options_default(r, config_api_opts, &c->api) ||
	    !options_default(r, config_log_opts, &c->log) ||
	    !options_default(r, config_capture_opts, &c->capture) ||
	    !options_default(r, decode_opts, &c->decode) ||
	    !options_default(r, flow_opts, &c->flow) ||
	    !options_default(r, frame_opts, &c->frame) ||
	    !options_default(r, flush_opts, &c->flush) ||
	    !options_default(r, spool_opts, &c->spool))
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		int ret = add_source(r, c, parsers[i]);
		if (ret < 0)
			return ret;
	}
	int ret = config_source_origins(c, 0);
	if (ret == 0)
		ret = config_imply_queue(c);
	if (ret < 0)
		return ret;
	const struct sink_conf *s = &c->sinks[0];
	return s->ops && !options_default(r, s->ops->opts, s->conf) ? -EINVAL : 0;
}

int config_default(struct config **ret_c, struct err_list *errs)
{
	struct config *c = config_new("default");
	if (!c)
		return -ENOMEM;
	struct option_reader r = {.mem = &c->mem, .errs = errs, .file = c->path, .dir = c->dir};
	int ret = fill(&r, c);
	if (ret < 0) {
		config_free(c);
		return ret;
	}
	*ret_c = c;
	return 0;
}
