#include "ctl/signal_stop.h"

#include <signal.h>

static volatile bool stopped;

static void on_signal(int sig)
{
	(void)sig;
	stopped = true;
}

const volatile bool *signal_stop(void)
{
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	return &stopped;
}
