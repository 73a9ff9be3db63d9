#include "dataplane/capture/link.h"

#include <errno.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

const char *const link_state_names[] = {"up", "down", "no carrier", "gone"};

enum link_state link_of_iface(unsigned index)
{
	struct ifreq of = {.ifr_ifindex = (int)index};
	enum link_state state = LINK_UP;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return LINK_UP;
	if (ioctl(fd, SIOCGIFNAME, &of) < 0 || ioctl(fd, SIOCGIFFLAGS, &of) < 0) {
		if (errno == ENODEV)
			state = LINK_GONE;
	} else if (!(of.ifr_flags & IFF_UP)) {
		state = LINK_DOWN;
	} else if (!(of.ifr_flags & IFF_RUNNING)) {
		state = LINK_NO_CARRIER;
	}
	close(fd);
	return state;
}

void link_explain(enum link_state state, const char *iface, struct err *ret_why)
{
	ret_why->text[0] = '\0';
	if (state == LINK_GONE)
		err_set(ret_why, 0,
			"its interface was removed: start sluice again when it is back");
	else if (state == LINK_DOWN && iface)
		err_set(ret_why, 0, "its interface is down: ip link set %s up", iface);
	else if (state != LINK_UP)
		err_set(ret_why, 0, "its link is down: is the cable in, and the other end up?");
}
