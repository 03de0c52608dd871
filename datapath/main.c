// SPDX-License-Identifier: BSD-3-Clause
//
// main: the order in which weft-datapath starts and ends, nothing else.
//
// Privileges go before any thread or connection exists. A signal ends the loop; what the keeper holds
// stays with it, so the guests' interfaces outlive us.

#include "base/clock.h"
#include "base/fail.h"
#include "base/limit.h"
#include "base/log.h"
#include "datapath/agent.h"
#include "datapath/options.h"
#include "datapath/sandbox.h"
#include "datapath/vm_group.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIGNALS = 2, EXIT_USAGE = 2 };

static void on_signal(evutil_socket_t number, short what, void *user)
{
	log_info("ending on signal %d", (int)number);
	event_base_loopbreak(user);
}

static bool is_place(const struct agent_place *place)
{
	struct fail fail = {0};
	char text[FAIL_TEXT];

	if (agent_place_check(place, &fail) == 0)
		return true;
	fprintf(stderr, "weft-datapath: %s\n", fail_text(&fail, text));
	return false;
}

static int enter_sandbox(const struct options *options)
{
	struct fail fail = {0};

	if (!options->sandbox)
		return 0;
	if (sandbox_enter(options->sandbox_kill ? SANDBOX_KILL : 0, &fail) < 0) {
		log_err("%s", fail.what);
		return -1;
	}
	return 0;
}

static struct agent *start_agent(struct event_base *base, const struct options *options,
                                 const struct agent_place *place, gid_t vm_group)
{
	const struct agent_config config = {
		.base = base,
		.place = *place,
		.sizes =
			{
				.fdb_entries = options->macs,
				.neighbour_entries = options->neighbours,
				.connections = options->connections,
				.leases = options->leases,
				.workers = options->workers,
			},
		.flow_entries = options->flows,
		.miss_per_second = options->miss_per_second,
		.spin_ns = options->spin_us * NSEC_PER_USEC,
		.vm_group = vm_group,
	};

	return agent_new(&config);
}

static int serve(struct event_base *base, const struct options *options,
                 const struct agent_place *place, gid_t vm_group)
{
	static const int numbers[SIGNALS] = {SIGTERM, SIGINT};
	struct event *signals[SIGNALS] = {0};
	struct agent *agent = start_agent(base, options, place, vm_group);
	int status = EXIT_FAILURE;

	for (int i = 0; i < SIGNALS; i++) {
		signals[i] = evsignal_new(base, numbers[i], on_signal, base);
		if (signals[i])
			event_add(signals[i], NULL);
	}
	if (agent)
		status = event_base_dispatch(base) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	else
		log_err("out of memory");
	agent_free(agent);
	for (int i = 0; i < SIGNALS; i++)
		if (signals[i])
			event_free(signals[i]);
	return status;
}

int main(int argc, char **argv)
{
	struct options options;
	struct agent_place place;
	struct event_base *base;
	gid_t vm_group;
	int status;

	options_parse(argc, argv, &options);
	place = (struct agent_place){
		.socket = options.socket[0] ? options.socket : NULL,
		.address = options.address,
		.bundle = options.bundle,
	};
	if (!is_place(&place))
		return EXIT_USAGE;
	if (log_open("weft-datapath", options.log_level, options.log_file) < 0) {
		fprintf(stderr, "weft-datapath: cannot open the log '%s'\n", options.log_file);
		return EXIT_FAILURE;
	}
	signal(SIGPIPE, SIG_IGN);
	limit_raise_descriptors();
	vm_group = vm_group_join();
	if (enter_sandbox(&options) < 0)
		return EXIT_FAILURE;
	base = event_base_new();
	if (!base) {
		log_err("cannot make an event loop");
		return EXIT_FAILURE;
	}
	status = serve(base, &options, &place, vm_group);
	event_base_free(base);
	return status;
}
