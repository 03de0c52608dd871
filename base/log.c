// SPDX-License-Identifier: BSD-3-Clause
//
// log: formats a line on the stack and writes it with one write(), so lines of several threads
// never mix and nothing is lost in a buffer when the process dies.
//
// Under systemd (JOURNAL_STREAM is set) a line begins with <N>, from which the journal takes its
// priority, and has no time of its own; elsewhere it begins with the time. The descriptor of a
// reopened file takes the number of the old one by dup2(), so a writer never sees a closed one.

#include "base/log.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 2048, BURST = 10 };

#define WINDOW (5 * NSEC_PER_SEC)

static const char *const names[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARN] = "warn",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};

// Priorities of syslog(3), as the journal reads them.
static const char priorities[] = {
	[LOG_LEVEL_ERROR] = '3',
	[LOG_LEVEL_WARN] = '4',
	[LOG_LEVEL_INFO] = '6',
	[LOG_LEVEL_DEBUG] = '7',
};

static struct {
	_Atomic(const char *) name;
	_Atomic int level;
	_Atomic int fd;       // Where lines go.
	int file;             // Our own descriptor when a file was opened, else 0.
	_Atomic bool journal; // Standard error leads to the journal.
} output = {.name = "weft", .level = LOG_LEVEL_INFO, .fd = STDERR_FILENO};

int log_level_parse(const char *text, enum log_level *ret)
{
	for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
		if (strcmp(text, names[level]) == 0) {
			*ret = (enum log_level)level;
			return 0;
		}
	}
	return -EINVAL;
}

static int open_file(const char *file)
{
	int fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);

	if (fd < 0)
		return -errno;
	if (output.file) {
		if (dup3(fd, output.file, O_CLOEXEC) < 0) {
			int code = -errno;
			close(fd);
			return code;
		}
		close(fd);
	} else {
		output.file = fd;
	}
	return output.file;
}

int log_open(const char *name, enum log_level level, const char *file)
{
	int fd = file ? open_file(file) : STDERR_FILENO;

	if (fd < 0)
		return fd;
	output.name = name;
	output.level = (int)level;
	output.journal = !file && getenv("JOURNAL_STREAM");
	output.fd = fd;
	return 0;
}

// Whether the site may write now; sets *missed to the lines its last window left out.
static bool admit(struct log_site *site, uint32_t *missed)
{
	uint64_t now = clock_now();
	uint64_t since = atomic_load(&site->since);

	if (since == 0 || now - since > WINDOW) {
		if (atomic_compare_exchange_strong(&site->since, &since, now)) {
			uint32_t count = atomic_exchange(&site->count, 0);
			*missed = count > BURST ? count - BURST : 0;
		}
	}
	return atomic_fetch_add(&site->count, 1) < BURST;
}

static size_t print_head(char *line, size_t size, enum log_level level)
{
	const char *name = output.name;
	int used;

	if (output.journal) {
		used = snprintf(line, size, "<%c>%s: ", priorities[level], name);
	} else {
		uint64_t wall = clock_wall();
		time_t seconds = (time_t)(wall / NSEC_PER_SEC);
		char when[32];
		struct tm tm;

		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &tm));
		used = snprintf(line, size, "%s.%03uZ %s %s: ", when,
		                (unsigned)(wall % NSEC_PER_SEC / NSEC_PER_MSEC), names[level],
		                name);
	}
	return used < 0 ? 0 : used >= (int)size ? size - 1 : (size_t)used;
}

static void emit(enum log_level level, const char *fmt, va_list args)
{
	char line[LINE_MAX_BYTES];
	size_t used = print_head(line, sizeof(line) - 1, level);
	size_t head = used;
	int wanted = vsnprintf(line + used, sizeof(line) - 1 - used, fmt, args);

	if (wanted > 0)
		used += (size_t)wanted < sizeof(line) - 1 - used ? (size_t)wanted
		                                                 : sizeof(line) - 2 - used;

	// A newline inside would let whoever chose the text forge a line of ours.
	for (size_t i = head; i < used; i++)
		if (line[i] == '\n' || line[i] == '\r')
			line[i] = ' ';
	line[used++] = '\n';

	// Nobody is left to tell when the log itself cannot be written.
	if (write(output.fd, line, used) < 0)
		return;
}

static void emit_missed(enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void emit_missed(enum log_level level, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	emit(level, fmt, args);
	va_end(args);
}

void log_write(struct log_site *site, enum log_level level, const char *fmt, ...)
{
	int saved = errno;
	uint32_t missed = 0;
	va_list args;

	if ((int)level > output.level)
		return;
	if (admit(site, &missed)) {
		if (missed)
			emit_missed(level, "(%u lines like the next were left out)", missed);
		va_start(args, fmt);
		emit(level, fmt, args);
		va_end(args);
	}
	errno = saved;
}
