#include "ctl/api_clients.h"

#include <stddef.h>
#include <sys/socket.h>

#include "dataplane/base/mem.h"

#define HEAD_NS (API_HEAD_S * 1000000000ull)

struct api_client {
	uint64_t since_ns; /* it has not said what it wants */
	int fd;
	bool used, waited_for, is_stranger;
};

struct api_clients {
	unsigned n_max, n_strangers;
	struct api_client of[];
};

struct api_clients *api_clients_create(unsigned n_max)
{
	struct api_clients *c = mem_alloc(sizeof(*c) + n_max * sizeof(c->of[0]));
	if (c)
		c->n_max = n_max;
	return c;
}

void api_clients_destroy(struct api_clients *c)
{
	mem_free(c);
}

struct api_client *api_clients_begin(struct api_clients *c, int fd, bool is_stranger,
				     uint64_t now_ns)
{
	struct api_client *free_one = NULL;
	for (unsigned i = 0; i < c->n_max; i++) {
		struct api_client *one = &c->of[i];
		if (!one->used)
			free_one = one;
		else if (one->waited_for && now_ns - one->since_ns > HEAD_NS)
			shutdown(one->fd, SHUT_RDWR);
	}
	if (!free_one || (is_stranger && c->n_strangers >= API_STRANGERS_MAX)) {
		shutdown(fd, SHUT_RDWR);
		return NULL;
	}
	c->n_strangers += is_stranger;
	*free_one = (struct api_client){.since_ns = now_ns,
					.fd = fd,
					.used = true,
					.waited_for = true,
					.is_stranger = is_stranger};
	return free_one;
}

void api_client_asked(struct api_client *one)
{
	if (one)
		one->waited_for = false;
}

void api_client_answered(struct api_client *one, uint64_t now_ns)
{
	if (!one)
		return;
	one->waited_for = true;
	one->since_ns = now_ns;
}

void api_clients_end(struct api_clients *c, struct api_client *one)
{
	if (!one)
		return;
	c->n_strangers -= one->is_stranger;
	one->used = false;
}
