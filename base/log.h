// SPDX-License-Identifier: BSD-3-Clause
//
// log: lines for the operator, on standard error or in a file.
//
// Any thread but the workers, which count instead. Each place that logs is limited by itself: ten
// lines in five seconds, then silence, then one line that tells how many were left out.

#pragma once

#include <stdatomic.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

// Appends to the file, or writes to standard error when it is NULL. May be called again, to reopen
// the file after rotation. Before the first call, lines of level info and above go to standard
// error. => The name outlives the log. -errno when the file cannot be opened; then nothing changes.
int log_open(const char *name, enum log_level level, const char *file);

// "error", "warn", "info" or "debug"; -EINVAL otherwise.
int log_level_parse(const char *text, enum log_level *ret);

// One place in the code that logs.
struct log_site {
	_Atomic uint64_t since; // Start of the current window.
	_Atomic uint32_t count; // Lines asked for in it.
};

void log_write(struct log_site *site, enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define LOG_AT(level, ...)                                 \
	do {                                               \
		static struct log_site log_site_;          \
		log_write(&log_site_, level, __VA_ARGS__); \
	} while (0)

#define log_err(...) LOG_AT(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) LOG_AT(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) LOG_AT(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) LOG_AT(LOG_LEVEL_DEBUG, __VA_ARGS__)
