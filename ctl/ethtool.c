#include "ctl/ethtool.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static bool ask(int fd, const char *iface, void *what)
{
	struct ifreq req = {.ifr_data = what};
	strncpy(req.ifr_name, iface, sizeof(req.ifr_name) - 1);
	return ioctl(fd, SIOCETHTOOL, &req) == 0;
}

static bool is_on(int fd, const char *iface, unsigned cmd, unsigned flag)
{
	struct ethtool_value v = {.cmd = cmd};
	return ask(fd, iface, &v) && v.data & flag;
}

/* The first question tells how long the key is, the second has room for it. */
static void ask_key(int fd, const char *iface, struct ethtool_facts *f)
{
	union {
		struct ethtool_rxfh h;
		uint8_t room[sizeof(struct ethtool_rxfh) + RSS_KEY_MAX];
	} q = {.h = {.cmd = ETHTOOL_GRSSH}};
	if (!ask(fd, iface, &q.h) || q.h.key_size == 0 || q.h.key_size > RSS_KEY_MAX)
		return;
	unsigned len = q.h.key_size;
	q.h = (struct ethtool_rxfh){.cmd = ETHTOOL_GRSSH, .key_size = len};
	if (!ask(fd, iface, &q.h))
		return;
	memcpy(f->key, q.room + sizeof(q.h), len);
	f->key_len = len;
}

bool ethtool_ask(const char *iface, struct ethtool_facts *ret_f)
{
	struct ethtool_facts f = {0};
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
	struct ethtool_value link = {.cmd = ETHTOOL_GGRO};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool known = fd >= 0 && ask(fd, iface, &link);
	if (known) {
		f.gro = link.data;
		f.lro = is_on(fd, iface, ETHTOOL_GFLAGS, ETH_FLAG_LRO);
		if (ask(fd, iface, &channels))
			f.queues = channels.rx_count + channels.combined_count;
		ask_key(fd, iface, &f);
		*ret_f = f;
	}
	if (fd >= 0)
		close(fd);
	return known;
}
