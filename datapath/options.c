// SPDX-License-Identifier: BSD-3-Clause
//
// options: argp, and the limits within which numbers make sense.

#include "datapath/options.h"

#include "base/path.h"

#include <argp.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_LONG = 256, WORKERS_MOST = 64 };

enum key {
	KEY_RUN_DIR = 'r',
	KEY_WORKERS = 'w',
	KEY_SOCKET = FIRST_LONG,
	KEY_CONTROLLER,
	KEY_BUNDLE,
	KEY_CONNECTIONS,
	KEY_MACS,
	KEY_NEIGHBOURS,
	KEY_LEASES,
	KEY_FLOWS,
	KEY_MISSES,
	KEY_SPIN,
	KEY_NO_SANDBOX,
	KEY_SANDBOX_KILL,
	KEY_LOG_LEVEL,
	KEY_LOG_FILE,
};

static const struct argp_option known[] = {
	{"run-dir", KEY_RUN_DIR, "DIR", 0, "Where the sockets are (WEFT_RUN_DIR, /run/weft)", 0},
	{"controller-socket", KEY_SOCKET, "PATH", 0,
         "Where the controller listens (DIR/datapath.sock)", 0},
	{"controller", KEY_CONTROLLER, "PLACE", 0,
         "unix:PATH, or tcp://ADDRESS:PORT, over TLS by the bundle (as the bundle says)", 0},
	{"bundle", KEY_BUNDLE, "PATH", 0, "What 'weft host enrol' wrote for this host", 0},
	{"workers", KEY_WORKERS, "N", 0, "Threads that move packets (1)", 1},
	{"connections", KEY_CONNECTIONS, "N", 0, "Most tracked connections (1048576)", 2},
	{"macs", KEY_MACS, "N", 0, "Most MAC addresses known (131072)", 2},
	{"neighbours", KEY_NEIGHBOURS, "N", 0, "Most neighbours known (65536)", 2},
	{"leases", KEY_LEASES, "N", 0, "Most DHCP leases (65536)", 2},
	{"flows", KEY_FLOWS, "N", 0, "Flows cached by each worker (65536)", 2},
	{"new-flows", KEY_MISSES, "N", 0, "New flows per port and second, 0: any number (0)", 2},
	{"spin", KEY_SPIN, "MICROSECONDS", 0, "How long a worker polls before it sleeps (50)", 3},
	{"no-sandbox", KEY_NO_SANDBOX, NULL, 0, "Keep all privileges and system calls", 4},
	{"sandbox-kill", KEY_SANDBOX_KILL, NULL, 0, "End at the first forbidden system call", 4},
	{"log-level", KEY_LOG_LEVEL, "LEVEL", 0, "error, warn, info or debug (info)", 5},
	{"log-file", KEY_LOG_FILE, "PATH", 0, "Append there, not to standard error", 5},
	{0},
};

struct parse {
	struct options *options;
	const char *run_dir, *socket;
};

// unix:PATH or tcp://ADDRESS:PORT.
static void read_place(struct argp_state *state, struct parse *parse, const char *text)
{
	if (strncmp(text, "unix:", 5) == 0 && text[5])
		parse->socket = text + 5;
	else if (strncmp(text, "tcp://", 6) == 0 && text[6])
		parse->options->address = text + 6;
	else
		argp_error(state, "--controller: '%s' is not unix:PATH or tcp://ADDRESS:PORT",
		           text);
}

static uint32_t number(struct argp_state *state, const char *what, const char *text, uint32_t first,
                       uint32_t last)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || !isdigit((unsigned char)text[0]) || *end || value < first || value > last)
		argp_error(state, "%s: '%s' is not a number from %u to %u", what, text, first,
		           last);
	return (uint32_t)value;
}

// Tables are sized by powers of two; what lies between is rounded up.
static uint32_t power(struct argp_state *state, const char *what, const char *text)
{
	uint32_t value = number(state, what, text, 16, 1 << 24), rounded = 16;

	while (rounded < value)
		rounded *= 2;
	return rounded;
}

static error_t parse_key(int key, char *text, struct argp_state *state)
{
	struct parse *parse = state->input;
	struct options *options = parse->options;

	switch (key) {
	case KEY_RUN_DIR:
		parse->run_dir = text;
		break;
	case KEY_SOCKET:
		parse->socket = text;
		break;
	case KEY_CONTROLLER:
		read_place(state, parse, text);
		break;
	case KEY_BUNDLE:
		options->bundle = text;
		break;
	case KEY_WORKERS:
		options->workers = number(state, "--workers", text, 1, WORKERS_MOST);
		break;
	case KEY_CONNECTIONS:
		options->connections = power(state, "--connections", text);
		break;
	case KEY_MACS:
		options->macs = power(state, "--macs", text);
		break;
	case KEY_NEIGHBOURS:
		options->neighbours = power(state, "--neighbours", text);
		break;
	case KEY_LEASES:
		options->leases = power(state, "--leases", text);
		break;
	case KEY_FLOWS:
		options->flows = power(state, "--flows", text);
		break;
	case KEY_MISSES:
		options->miss_per_second = number(state, "--new-flows", text, 0, UINT32_MAX);
		break;
	case KEY_SPIN:
		options->spin_us = number(state, "--spin", text, 0, 1000000);
		break;
	case KEY_NO_SANDBOX:
		options->sandbox = false;
		break;
	case KEY_SANDBOX_KILL:
		options->sandbox_kill = true;
		break;
	case KEY_LOG_LEVEL:
		if (log_level_parse(text, &options->log_level) < 0)
			argp_error(state, "--log-level: '%s' is not error, warn, info or debug",
			           text);
		break;
	case KEY_LOG_FILE:
		options->log_file = text;
		break;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s' is not an option", text);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static void print_version(FILE *stream, struct argp_state *state)
{
	fprintf(stream, "weft-datapath 0.1.0\n");
}

void options_parse(int argc, char **argv, struct options *ret)
{
	static const struct argp argp = {
		.options = known,
		.parser = parse_key,
		.doc = "Moves the packets of a Weft network, as its controller says.\v"
		       "The controller starts this program; it carries on when the controller dies.",
	};
	struct parse parse = {.options = ret};

	*ret = (struct options){
		.workers = 1,
		.connections = 1 << 20,
		.macs = 1 << 17,
		.neighbours = 1 << 16,
		.leases = 1 << 16,
		.flows = 1 << 16,
		.spin_us = 50,
		.sandbox = true,
		.log_level = LOG_LEVEL_INFO,
	};
	argp_program_version_hook = print_version;
	argp_parse(&argp, argc, argv, 0, NULL, &parse);
	if (parse.socket && (ret->address || ret->bundle)) {
		fprintf(stderr, "weft-datapath: a controller at a socket of this machine needs no "
		                "address and no bundle\n");
		exit(2);
	}
	if (ret->address || ret->bundle)
		return;
	if (parse.socket)
		snprintf(ret->socket, sizeof(ret->socket), "%s", parse.socket);
	else if (path_join(ret->socket, sizeof(ret->socket), path_run_dir(parse.run_dir),
	                   "datapath.sock") < 0) {
		fprintf(stderr, "weft-datapath: the run directory's path is too long\n");
		exit(2);
	}
}
