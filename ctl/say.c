#include "ctl/say.h"

#include <jansson.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/base/civil.h"
#include "dataplane/base/clock.h"

#define KINDS      64
#define HEAD_BYTES 32 /* of a text, by which two of one format differ in kind */
#define TEXT_MAX   2048
#define WINDOW_NS  (SAY_WINDOW_S * 1000000000ull)

const char *const say_levels[] = {"error", "warning", "notice", "info", NULL};

static const char *const priorities[] = {
	[SAY_ERROR] = "<3>", [SAY_WARNING] = "<4>", [SAY_NOTICE] = "<5>", [SAY_INFO] = "<6>"};

struct kind {
	const char *fmt; /* NULL: free */
	char head[HEAD_BYTES];
	enum say_level level;
	uint64_t since_ns;
	unsigned n, n_more; /* said, and held back, since then */
};

static struct {
	pthread_mutex_t lock;
	enum say_level least;
	enum say_form form;
	FILE *out;
	bool journal;
	struct kind kinds[KINDS];
} s = {.lock = PTHREAD_MUTEX_INITIALIZER, .least = SAY_INFO};

/* systemd.exec(5): the journal's stream has the device and inode of this variable. */
static bool is_journal(FILE *out)
{
	struct stat st;
	const char *stream = getenv("JOURNAL_STREAM");
	char *end;
	if (!stream || fstat(fileno(out), &st) < 0)
		return false;
	return strtoull(stream, &end, 10) == st.st_dev && *end == ':' &&
	       strtoull(end + 1, NULL, 10) == st.st_ino;
}

const char *say_priority(enum say_level level, FILE *out)
{
	return is_journal(out) ? priorities[level] : "";
}

void say_begin(enum say_level least, enum say_form form, FILE *out)
{
	pthread_mutex_lock(&s.lock);
	s.least = least;
	s.form = form;
	s.out = out;
	s.journal = is_journal(out ? out : stderr);
	memset(s.kinds, 0, sizeof(s.kinds));
	pthread_mutex_unlock(&s.lock);
}

void say_set_level(enum say_level least)
{
	pthread_mutex_lock(&s.lock);
	s.least = least;
	pthread_mutex_unlock(&s.lock);
}

enum say_level say_level(void)
{
	pthread_mutex_lock(&s.lock);
	enum say_level l = s.least;
	pthread_mutex_unlock(&s.lock);
	return l;
}

/* What it is about: "sink kafka" of "sink kafka: no broker answers"; at most two words. */
static size_t part_len(const char *text)
{
	size_t n = strcspn(text, ":");
	const char *space = memchr(text, ' ', n);
	if (text[n] != ':' || text[n + 1] != ' ')
		return 0;
	return space && memchr(space + 1, ' ', n - (size_t)(space + 1 - text)) ? 0 : n;
}

static void write_json(FILE *out, enum say_level level, const char *text)
{
	char time[32];
	size_t part = part_len(text);
	time[civil_put_rfc3339_9(time, (int64_t)clock_wall_ns())] = '\0';
	json_t *o = json_pack("{s:s,s:s}", "time", time, "level", say_levels[level - SAY_ERROR]);
	if (part)
		json_object_set_new(o, "part", json_stringn(text, part));
	json_t *rest = json_string(part ? text + part + 2 : text);
	json_object_set_new(o, "text", rest ? rest : json_string("(not UTF-8)"));
	json_dumpf(o, out, JSON_COMPACT);
	json_decref(o);
	fputc('\n', out);
}

static void put(enum say_level level, const char *text)
{
	FILE *out = s.out ? s.out : stderr;
	const char *before = s.journal ? priorities[level] : "";
	if (s.form == SAY_JSON) {
		fputs(before, out);
		write_json(out, level, text);
	} else {
		fprintf(out, "%ssluiced: ", before);
		for (const char *end; (end = strchr(text, '\n')); text = end + 1)
			fprintf(out, "%.*s\n%s", (int)(end - text), text, before);
		fprintf(out, "%s\n", text);
	}
	fflush(out);
}

static void close_window(struct kind *k)
{
	char text[TEXT_MAX];
	if (k->n_more) {
		snprintf(text, sizeof(text), "%.*s...: %u more like this in %d s", HEAD_BYTES,
			 k->head, k->n_more, SAY_WINDOW_S);
		put(k->level, text);
	}
	*k = (struct kind){0};
}

/* The kind that this message is of; the one that was begun first gives way to a new one. */
static struct kind *kind_of(enum say_level level, const char *fmt, const char *text,
			    uint64_t now_ns)
{
	struct kind *oldest = &s.kinds[0];
	for (unsigned i = 0; i < KINDS; i++) {
		struct kind *k = &s.kinds[i];
		if (k->fmt == fmt && strncmp(k->head, text, HEAD_BYTES - 1) == 0)
			return k;
		if (!k->fmt || (oldest->fmt && k->since_ns < oldest->since_ns))
			oldest = k;
	}
	close_window(oldest);
	*oldest = (struct kind){.fmt = fmt, .level = level, .since_ns = now_ns};
	snprintf(oldest->head, HEAD_BYTES, "%s", text);
	return oldest;
}

static void tick(uint64_t now_ns, bool all)
{
	for (unsigned i = 0; i < KINDS; i++)
		if (s.kinds[i].fmt && (all || now_ns - s.kinds[i].since_ns >= WINDOW_NS))
			close_window(&s.kinds[i]);
}

void say(enum say_level level, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	pthread_mutex_lock(&s.lock);
	if (level <= s.least) {
		uint64_t now_ns = clock_mono_ns();
		tick(now_ns, false);
		struct kind *k = kind_of(level, fmt, text, now_ns);
		if (k->n < SAY_BURST) {
			k->n++;
			put(level, text);
		} else {
			k->n_more++;
		}
	}
	pthread_mutex_unlock(&s.lock);
}

void say_tick(bool all)
{
	pthread_mutex_lock(&s.lock);
	tick(clock_mono_ns(), all);
	pthread_mutex_unlock(&s.lock);
}
