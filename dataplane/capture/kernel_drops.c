#include "dataplane/capture/kernel_drops.h"

#include <dirent.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "dataplane/base/text.h"

static bool is_of(int fd, unsigned ifindex)
{
	int domain = 0;
	struct sockaddr_ll addr = {0};
	socklen_t len = sizeof(domain), addr_len = sizeof(addr);
	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_PACKET &&
	       getsockname(fd, (struct sockaddr *)&addr, &addr_len) == 0 &&
	       (unsigned)addr.sll_ifindex == ifindex;
}

void kernel_drops_find(struct kernel_drops *d, const char *iface)
{
	unsigned ifindex = if_nametoindex(iface);
	DIR *dir = opendir("/proc/self/fd");
	*d = (struct kernel_drops){0};
	for (struct dirent *e; dir && ifindex && (e = readdir(dir));) {
		uint64_t fd;
		if (text_u64(slice_str(e->d_name), &fd) && is_of((int)fd, ifindex) &&
		    d->n < KERNEL_DROPS_SOCKETS_MAX)
			d->fds[d->n++] = (int)fd;
	}
	if (dir)
		closedir(dir);
}

uint64_t kernel_drops_read(struct kernel_drops *d)
{
	for (unsigned i = 0; i < d->n; i++) {
		struct tpacket_stats st = {0};
		socklen_t len = sizeof(st);
		if (getsockopt(d->fds[i], SOL_PACKET, PACKET_STATISTICS, &st, &len) == 0)
			d->packets += st.tp_drops;
	}
	return d->packets;
}
