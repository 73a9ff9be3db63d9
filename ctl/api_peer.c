#include <grp.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctl/api.h"

#define GROUPS_MAX 1024

static bool in_group(const char *name, gid_t main_group, const gid_t *groups, size_t n)
{
	struct group room, *g = NULL;
	char buf[16384];
	if (!name || getgrnam_r(name, &room, buf, sizeof(buf), &g) != 0 || !g)
		return false;
	for (size_t i = 0; i < n; i++)
		if (groups[i] == g->gr_gid)
			return true;
	return main_group == g->gr_gid;
}

enum api_access api_peer_access(int fd, const struct api_conf *conf)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	gid_t groups[GROUPS_MAX];
	socklen_t groups_len = sizeof(groups);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return API_NOTHING;
	if (peer.uid == 0 || peer.uid == geteuid())
		return API_CHANGE;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &groups_len) < 0)
		groups_len = 0;
	size_t n = groups_len / sizeof(gid_t);
	if (in_group(conf->admin_group, peer.gid, groups, n))
		return API_CHANGE;
	return in_group(conf->group, peer.gid, groups, n) ? API_LOOK : API_NOTHING;
}

bool api_token_is(const char *header, const char *token)
{
	static const char scheme[] = "Bearer ";
	if (!header || !token || strncmp(header, scheme, sizeof(scheme) - 1) != 0)
		return false;
	header += sizeof(scheme) - 1;
	size_t n = strlen(token);
	if (strlen(header) != n)
		return false;
	volatile unsigned char differs = 0;
	for (size_t i = 0; i < n; i++)
		differs |= (unsigned char)header[i] ^ (unsigned char)token[i];
	return differs == 0;
}

/* The folder of /run is gone after a boot. Who installs the package has it made by tmpfiles. */
static void make_folder(const char *path)
{
	char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;
	if (n == 0 || n >= sizeof(folder))
		return;
	memcpy(folder, path, n);
	folder[n] = '\0';
	mkdir(folder, 0755);
}

static bool is_served(const struct sockaddr_un *at)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool served = fd >= 0 && connect(fd, (const struct sockaddr *)at, sizeof(*at)) == 0;
	if (fd >= 0)
		close(fd);
	return served;
}

int api_listen_unix(const char *path, struct err *e)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	struct stat st;
	if (strlen(path) >= sizeof(at.sun_path))
		return err_set(e, -ENAMETOOLONG,
			       "api.socket: %s: longer than the %zu bytes of a socket's path", path,
			       sizeof(at.sun_path) - 1);
	memcpy(at.sun_path, path, strlen(path) + 1);
	make_folder(path);
	if (lstat(path, &st) == 0) {
		if (!S_ISSOCK(st.st_mode))
			return err_set(e, -EEXIST, "api.socket: %s: is there, and no socket", path);
		if (is_served(&at))
			return err_set(e, -EADDRINUSE, "api.socket: %s: another sluiced serves it",
				       path);
		unlink(path);
	}
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* Anybody may connect, and is told by name what is not for him: see api_peer_access. */
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || chmod(path, 0666) < 0 ||
	    listen(fd, SOMAXCONN) < 0) {
		int rc = err_set(e, -errno, "api.socket: %s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return rc;
	}
	return fd;
}

static int listen_at(const struct addrinfo *a)
{
	int on = 1;
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, SOMAXCONN) < 0) {
		int rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

int api_listen_tcp(const char *address, struct err *e)
{
	char host[256];
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV};
	struct addrinfo *list = NULL;
	const char *colon = strrchr(address, ':');
	size_t n = colon ? (size_t)(colon - address) : 0;
	bool bracket = n > 2 && address[0] == '[' && address[n - 1] == ']';
	if (n == 0 || n >= sizeof(host))
		return err_set(e, -EINVAL, "api.listen: %s: expected ADDRESS:PORT", address);
	snprintf(host, sizeof(host), "%.*s", (int)(n - 2 * bracket), address + bracket);
	if (getaddrinfo(host, colon + 1, &hints, &list) != 0)
		return err_set(e, -EINVAL,
			       "api.listen: %s: expected an address and a port, such as "
			       "127.0.0.1:8686 or [::1]:8686",
			       address);
	int fd = listen_at(list);
	freeaddrinfo(list);
	return fd < 0 ? err_set(e, fd, "api.listen: %s: %s", address, strerror(-fd)) : fd;
}
