#include "dataplane/capture/stamp.h"

/* Of a clock of 100 GHz and of 1 kHz. */
#define NS_PER_TICK_MIN 0.01
#define NS_PER_TICK_MAX 1e6

/* No faster or slower than this to catch up with the host: 1 ms each second. */
#define SLEW_MAX        1e-3

/* A new rate counts so much against what was measured before: a reading is late by some
 * microseconds at times.
 */
#define RATE_WEIGHT     0.25

static uint64_t apart(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

static bool is_rate(double ns_per_tick)
{
	return ns_per_tick >= NS_PER_TICK_MIN && ns_per_tick <= NS_PER_TICK_MAX;
}

/* The line of the picture at @ticks. The counter may have wrapped. */
static uint64_t on_line(const struct stamp *s, uint64_t ticks)
{
	int64_t off = (int64_t)(ticks - s->ticks);
	double ns = (double)off * (off < 0 ? s->ns_per_tick_before : s->ns_per_tick);
	return s->ns + (uint64_t)(int64_t)(ns < 0 ? ns - 0.5 : ns + 0.5);
}

static void begin(struct stamp *s, uint64_t ticks, uint64_t ns)
{
	s->ticks = s->read_ticks = ticks;
	s->ns = s->read_ns = ns;
	s->ns_per_tick = s->ns_per_tick_before = s->measured;
	s->settled = false;
}

struct stamp stamp_of_readings(uint64_t ticks0, uint64_t ns0, uint64_t ticks1, uint64_t ns1)
{
	struct stamp s = {.kind = STAMP_NONE};
	int64_t n_ticks = (int64_t)(ticks1 - ticks0), n_ns = (int64_t)(ns1 - ns0);
	if (n_ticks <= 0 || n_ns <= 0)
		return s;
	if (apart(ticks0, ns0) < STAMP_APART_NS_MAX && apart(ticks1, ns1) < STAMP_APART_NS_MAX) {
		s.kind = STAMP_NS;
		return s;
	}
	s.measured = (double)n_ns / (double)n_ticks;
	if (is_rate(s.measured)) {
		s.kind = STAMP_TICKS;
		begin(&s, ticks1, ns1);
	}
	return s;
}

static double clamp(double x, double max)
{
	return x > max ? max : x < -max ? -max : x;
}

bool stamp_read(struct stamp *s, uint64_t ticks, uint64_t ns)
{
	if (s->kind != STAMP_TICKS)
		return true;
	int64_t n_ticks = (int64_t)(ticks - s->read_ticks), n_ns = (int64_t)(ns - s->read_ns);
	uint64_t line_ns = on_line(s, ticks);
	if (n_ticks <= 0 || n_ns <= 0 || apart(line_ns, ns) >= STAMP_APART_NS_MAX) {
		begin(s, ticks, ns);
		return false;
	}
	double rate = (double)n_ns / (double)n_ticks;
	/* The first two readings lay close together. */
	if (is_rate(rate))
		s->measured += (s->settled ? RATE_WEIGHT : 1) * (rate - s->measured);
	s->settled = true;
	/* Half of what it is behind is to be made up for until the next reading. */
	double behind = (double)(int64_t)(ns - line_ns) / 2 / (double)STAMP_READ_EVERY_NS;
	s->ns_per_tick_before = s->ns_per_tick;
	s->ns_per_tick = s->measured * (1 + clamp(behind, SLEW_MAX));
	s->ticks = ticks;
	s->ns = line_ns;
	s->read_ticks = ticks;
	s->read_ns = ns;
	return true;
}

bool stamp_ns(const struct stamp *s, uint64_t stamp, uint64_t host_ns, uint64_t *ret_ns)
{
	if (s->kind == STAMP_NONE)
		return false;
	uint64_t ns = s->kind == STAMP_NS ? stamp : on_line(s, stamp);
	if (apart(ns, host_ns) >= STAMP_APART_NS_MAX)
		return false;
	*ret_ns = ns;
	return true;
}
