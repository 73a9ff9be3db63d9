/* confine.h - a thread gives up the system calls that nothing of ours makes.
 *
 * In:     -
 * Out:    the calling thread, and every thread it starts from then on, gets EPERM for them.
 * Owns:   nothing; there is no way back.
 * Runs:   any thread, of itself; before the memory of a worker is sealed.
 * Limits: Linux with seccomp. Not a sandbox of files or of the network: see docs/SECURITY.md.
 *
 * What is refused is a list of what an intruder would want next: to run a program, to look into
 * other processes, to mount, to load code into the kernel, to become someone else, to read the
 * network past its own sockets. All else passes. A list of what may be called would be stricter,
 * and would break with the next libc, resolver or client library: the sinks would stop in the
 * middle of the night by an upgrade, which is a loss of data. For the same reason a call is refused
 * and not answered by the death of the process; the kernel's audit log has it.
 */
#ifndef SL_BASE_CONFINE_H
#define SL_BASE_CONFINE_H

/* 0, or -errno: this kernel has no seccomp, or does not let us. Nothing is changed then. */
int confine_thread(void);

/* Runs @fn in a confined thread and waits for it; so that what a library starts in it is confined,
 * too. Returns what @fn does. Signals are blocked in it.
 */
int confine_call(int (*fn)(void *arg), void *arg);

#endif
