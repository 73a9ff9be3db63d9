/* privilege.h - what the process may do: who it runs as, and its capabilities.
 *
 * In:     run_as of the configuration.
 * Out:    fence, before EAL starts threads; become, when ports are open; shed, in each thread, when
 *         they are started. Behind it there is no way back to more.
 * Owns:   nothing.
 * Runs:   main, while no worker runs; privilege_shed: each thread of itself.
 * Limits: -
 */
#ifndef SL_CTL_PRIVILEGE_H
#define SL_CTL_PRIVILEGE_H

#include <stdbool.h>
#include <sys/types.h>

#include "dataplane/base/err.h"

struct privilege_user {
	bool change; /* false: the process stays who it is */
	uid_t uid;
	gid_t gid;
	char name[64];
};

/* Whom "USER" or "USER:GROUP" names; NULL: nobody. -ENOENT: the system does not know them. -EPERM:
 * that is someone else, and only root could become him.
 */
int privilege_find(const char *run_as, struct privilege_user *ret_u, struct err *e);

/* No program that it runs, and it runs none, has more than it has. */
void privilege_fence(void);

/* All threads are @u from now on. The calling one keeps what starting a port takes. */
int privilege_become(const struct privilege_user *u, struct err *e);

/* The calling thread has no capability any more. Of root only after privilege_become. */
void privilege_shed(void);

/* 0; -EPERM with the name of a thread that still has any. */
int privilege_check(struct err *e);

#endif
