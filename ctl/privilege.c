#include "ctl/privilege.h"

#include <dirent.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NAMES_BYTES 16384 /* of one entry of passwd or group */

/* What is needed to start a port that is open: an interface becomes promiscuous. */
static const uint32_t start_caps = 1u << CAP_NET_RAW | 1u << CAP_NET_ADMIN;

static int find_group(const char *name, gid_t *ret_gid, struct err *e)
{
	struct group room, *g = NULL;
	char buf[NAMES_BYTES];
	getgrnam_r(name, &room, buf, sizeof(buf), &g);
	if (!g)
		return err_set(e, -ENOENT, "run_as: the system has no group %s", name);
	*ret_gid = g->gr_gid;
	return 0;
}

int privilege_find(const char *run_as, struct privilege_user *ret_u, struct err *e)
{
	struct privilege_user u = {0};
	struct passwd room, *p = NULL;
	char buf[NAMES_BYTES];
	if (!run_as) {
		*ret_u = u;
		return 0;
	}
	snprintf(u.name, sizeof(u.name), "%.*s", (int)strcspn(run_as, ":"), run_as);
	getpwnam_r(u.name, &room, buf, sizeof(buf), &p);
	if (!p)
		return err_set(e, -ENOENT, "run_as: the system has no user %s", u.name);
	u.uid = p->pw_uid;
	u.gid = p->pw_gid;
	const char *colon = strchr(run_as, ':');
	int rc = colon ? find_group(colon + 1, &u.gid, e) : 0;
	if (rc < 0)
		return rc;
	u.change = geteuid() != u.uid || getegid() != u.gid;
	if (u.change && geteuid() != 0)
		return err_set(e, -EPERM, "run_as: %s: only root can become someone else", run_as);
	*ret_u = u;
	return 0;
}

void privilege_fence(void)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	if (geteuid() == 0) {
		/* Memory that a card writes to stays locked; the user may have no such right. */
		struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
		setrlimit(RLIMIT_MEMLOCK, &all);
	}
}

/* The calling thread keeps of what it has only @caps. */
static int keep_caps(uint32_t caps)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2]; /* of 32 each */
	if (syscall(SYS_capget, &head, data) < 0)
		return -errno;
	data[0].permitted &= caps;
	data[0].effective = data[0].permitted;
	data[0].inheritable = 0;
	data[1] = (struct __user_cap_data_struct){0};
	return syscall(SYS_capset, &head, data) < 0 ? -errno : 0;
}

/* The C library makes these calls for all threads; the kernel takes the capabilities of those that
 * do not ask to keep them.
 */
int privilege_become(const struct privilege_user *u, struct err *e)
{
	if (!u->change)
		return 0;
	int rc = 0;
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || initgroups(u->name, u->gid) < 0 ||
	    setresgid(u->gid, u->gid, u->gid) < 0 || setresuid(u->uid, u->uid, u->uid) < 0)
		rc = -errno;
	if (rc == 0)
		rc = keep_caps(start_caps);
	prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
	return rc < 0 ? err_set(e, rc, "run_as: cannot become %s: %s", u->name, strerror(-rc)) : 0;
}

void privilege_shed(void)
{
	if (geteuid() != 0)
		keep_caps(0);
}

/* Any of the four sets of a thread's status that would let it do something. */
static bool has_caps(const char *status)
{
	static const char *const sets[] = {"\nCapInh:\t", "\nCapPrm:\t", "\nCapEff:\t",
					   "\nCapAmb:\t"};
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		const char *at = strstr(status, sets[i]);
		if (at && strspn(at + strlen(sets[i]), "0") != 16)
			return true;
	}
	return false;
}

int privilege_check(struct err *e)
{
	DIR *d = opendir("/proc/self/task");
	int rc = 0;
	for (struct dirent *t; d && rc == 0 && (t = readdir(d));) {
		char path[64], status[8192];
		snprintf(path, sizeof(path), "/proc/self/task/%.20s/status", t->d_name);
		FILE *f = t->d_name[0] != '.' ? fopen(path, "re") : NULL;
		size_t n = f ? fread(status, 1, sizeof(status) - 1, f) : 0;
		status[n] = '\0';
		if (f)
			fclose(f);
		if (has_caps(status))
			rc = err_set(e, -EPERM, "thread %.*s keeps its capabilities",
				     (int)strcspn(status + strlen("Name:\t"), "\n"),
				     status + strlen("Name:\t"));
	}
	if (d)
		closedir(d);
	return rc;
}
