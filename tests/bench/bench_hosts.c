// SPDX-License-Identifier: BSD-3-Clause
//
// bench_hosts: what a change costs a controller of many hosts. Usage: bench_hosts [HOSTS [PORTS [CHANGES
// [mesh]]]].
//
// The hosts are fakes in this process, which speak the real channel over socket pairs and hold what they are
// told; the controller is the real one, with its store on disk. Each net has ports on four hosts. Prints one
// line of JSON a figure, and fails where the structure is wrong: a change of one port must be one transaction
// of one host, whatever the number of hosts. With a fourth argument, "mesh", hosts have addresses and nets
// span them: then a port that comes or goes is told to the hosts of its net, and to no other.

#include "controller/control.h"

#include "base/clock.h"
#include "base/limit.h"
#include "base/log.h"
#include "tests/unit/controller/fake_datapath.h"
#include "tests/unit/unit.h"

#include <event2/event.h>
#include <sys/socket.h>
#include <time.h>

enum { SPREAD = 4, PATIENCE_S = 600 };

static unsigned host_count = 1000, port_count = 100, change_count = 300;
static bool is_mesh;

struct world {
	char dir[UNIT_DIR];
	struct event_base *base;
	struct control control;
	struct fake_datapath *fakes;
	bool done;
	struct refusal refusal;
};

static void on_told(void *user, const char *host, const char *type, const char *object,
                    const char *text)
{
}

static void on_lease(void *user, const Weft__Lease *lease)
{
}

static uint8_t *on_leases(void *user, const struct host *host, size_t *ret_len)
{
	*ret_len = 0;
	return calloc(1, 1);
}

static void print(const char *figure, double value, const char *unit)
{
	printf("{\"bench\": \"hosts\", \"hosts\": %u, \"ports\": %u, \"figure\": \"%s\", "
	       "\"mesh\": %s, \"value\": %.3f, \"unit\": \"%s\"}\n",
	       host_count, host_count * port_count, figure, is_mesh ? "true" : "false", value,
	       unit);
	fflush(stdout);
}

static double ms_since(uint64_t start)
{
	return (double)(clock_now() - start) / 1e6;
}

// Of this process, in MiB.
static double resident(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long size = 0, pages = 0;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%lu %lu", &size, &pages), 2);
	fclose(file);
	return (double)pages * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

static void run_until(struct world *world, bool (*holds)(const struct world *))
{
	uint64_t until = clock_now() + PATIENCE_S * NSEC_PER_SEC;

	while (!holds(world) && clock_now() < until)
		event_base_loop(world->base, EVLOOP_ONCE);
	assert_true(holds(world));
}

static bool is_done(const struct world *world)
{
	return world->done;
}

static bool all_ready(const struct world *world)
{
	const struct host *host;
	size_t cursor = 0;

	while ((host = hosts_next(&world->control.hosts, &cursor)))
		if (host_state(host) != HOST_READY)
			return false;
	return true;
}

static int put(struct control *control, const char *name, Weft__Intent *intent,
               struct refusal *refusal)
{
	intent->name = (char *)name;
	return model_put(&control->model, intent, refusal);
}

static int put_host(struct control *control, unsigned host, struct refusal *refusal)
{
	Weft__Intent intent = WEFT__INTENT__INIT;
	Weft__Host body = WEFT__HOST__INIT;
	char name[32], ip[48];
	int err;

	body.has_kind = true;
	body.kind = WEFT__HOST_KIND__HOST_REMOTE;
	snprintf(ip, sizeof(ip), "10.%u.%u.1", host / 256, host % 256);
	// What the model completes it frees as its own.
	body.ip = is_mesh ? strdup(ip) : NULL;
	intent.body_case = WEFT__INTENT__BODY_HOST;
	intent.host = &body;
	snprintf(name, sizeof(name), "h%u", host);
	err = put(control, name, &intent, refusal);
	free(body.ip);
	return err;
}

static int put_net(struct control *control, unsigned net, struct refusal *refusal)
{
	Weft__Intent intent = WEFT__INTENT__INIT;
	Weft__Net body = WEFT__NET__INIT;
	char name[32];

	intent.body_case = WEFT__INTENT__BODY_NET;
	intent.net = &body;
	snprintf(name, sizeof(name), "n%u", net);
	return put(control, name, &intent, refusal);
}

// Ports of a host are dealt to the nets around it.
static int put_port(struct control *control, unsigned host, unsigned port, uint32_t mtu,
                    struct refusal *refusal)
{
	Weft__Intent intent = WEFT__INTENT__INIT;
	Weft__PortIntent body = WEFT__PORT_INTENT__INIT;
	char name[32], on[32], net[32], ifname[16], mac[64];

	snprintf(name, sizeof(name), "p%u.%u", host, port);
	snprintf(on, sizeof(on), "h%u", host);
	snprintf(net, sizeof(net), "n%u", (host + port % SPREAD) % host_count);
	snprintf(ifname, sizeof(ifname), "e%u", port);
	snprintf(mac, sizeof(mac), "02:%02x:%02x:00:%02x:%02x", host / 256, host % 256, port / 256,
	         port % 256);
	body.host = strdup(on);
	body.mac = is_mesh ? strdup(mac) : NULL;
	body.net = net;
	body.ifname = ifname;
	body.has_attach = true;
	body.attach = WEFT__ATTACH_KIND__ATTACH_NETDEV;
	body.has_mtu = mtu != 0;
	body.mtu = mtu;
	intent.body_case = WEFT__INTENT__BODY_PORT;
	intent.port = &body;

	int err = put(control, name, &intent, refusal);

	free(body.host);
	free(body.mac);
	return err;
}

static int edit_hosts(struct control *control, struct change *change, struct refusal *refusal)
{
	int err = 0;

	for (unsigned i = 0; i < host_count && err == 0; i++)
		err = put_host(control, i, refusal);
	return err;
}

static int edit_all(struct control *control, struct change *change, struct refusal *refusal)
{
	int err = 0;

	for (unsigned i = 0; i < host_count && err == 0; i++)
		err = put_net(control, i, refusal);
	for (unsigned i = 0; i < host_count && err == 0; i++)
		for (unsigned j = 0; j < port_count && err == 0; j++)
			err = put_port(control, i, j, 0, refusal);
	return err;
}

// Every other change is of a port that is there, every other brings one or takes it away.
static int edit_one(struct control *control, struct change *change, struct refusal *refusal)
{
	unsigned number = *(const unsigned *)change->edit_data, host = number * 7919 % host_count;
	char name[32];

	if (number % 2 == 0)
		return put_port(control, host, number % port_count, 1000 + number % 400, refusal);
	snprintf(name, sizeof(name), "p%u.%u", host, port_count);
	if (model_get(&control->model, NOUN_PORT, name))
		return model_remove(&control->model, NOUN_PORT, name, false, refusal);
	return put_port(control, host, port_count, 0, refusal);
}

static void on_done(void *user, const struct change_result *result)
{
	struct world *world = user;

	world->done = true;
	if (result->refusal)
		world->refusal = *result->refusal;
}

static double change(struct world *world, change_edit_fn edit, void *data)
{
	struct change *made = control_new_change(edit, data, NULL);
	uint64_t start = clock_now();

	world->done = false;
	made->done = on_done;
	made->done_user = world;
	control_submit(&world->control, made);
	run_until(world, is_done);
	if (world->refusal.fail.code)
		fail_msg("%s", world->refusal.fail.what);
	return ms_since(start);
}

static void attach(struct world *world, struct fake_datapath *fake, struct host *host, pid_t pid)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
	                 0);
	fake->base = world->base;
	fake_connect(fake, pair[0]);
	host_attach(host, pair[1], pid);
}

static void attach_all(struct world *world)
{
	char name[32];

	for (unsigned i = 0; i < host_count; i++) {
		snprintf(name, sizeof(name), "h%u", i);
		attach(world, &world->fakes[i], hosts_get(&world->control.hosts, name),
		       1000000 + (pid_t)i);
	}
	run_until(world, all_ready);
}

static void hang_up_all(struct world *world)
{
	for (unsigned i = 0; i <= host_count; i++)
		fake_hang_up(&world->fakes[i]);
}

static void open_control(struct world *world)
{
	struct fail fail = {0};

	world->control = (struct control){
		.base = world->base,
		.listener = world,
		.told = on_told,
		.on_lease = on_lease,
		.leases = on_leases,
	};
	if (store_open(world->dir, false, &world->control.store, &fail) < 0 ||
	    control_open(&world->control, world->dir, &fail) < 0)
		fail_msg("%s", fail.what);
}

static void close_control(struct world *world)
{
	control_close(&world->control);
	store_close(world->control.store);
}

static unsigned transactions(const struct world *world)
{
	unsigned sum = 0;

	for (unsigned i = 0; i <= host_count; i++)
		sum += world->fakes[i].transactions;
	return sum;
}

static unsigned operations(const struct world *world)
{
	unsigned sum = 0;

	for (unsigned i = 0; i <= host_count; i++)
		sum += world->fakes[i].all_operations;
	return sum;
}

static int compare(const void *a, const void *b)
{
	double one = *(const double *)a, other = *(const double *)b;

	return one < other ? -1 : one > other;
}

static void measure_changes(struct world *world)
{
	double *taken = calloc(change_count, sizeof(*taken));

	assert_non_null(taken);
	for (unsigned i = 0; i < change_count; i++) {
		unsigned before = transactions(world), sent = operations(world);

		taken[i] = change(world, edit_one, &i);
		// One host, one transaction: of a port alone, or of a port and its member. And where it is, at
		// the other hosts of its net.
		assert_in_range(transactions(world) - before, 1, is_mesh ? SPREAD : 1);
		assert_in_range(operations(world) - sent, 1, is_mesh ? SPREAD + 1 : 2);
	}
	qsort(taken, change_count, sizeof(*taken), compare);
	print("one port change to the last ack, median", taken[change_count / 2], "ms");
	print("one port change to the last ack, 99 %", taken[change_count * 99 / 100], "ms");
	print("one port change to the last ack, most", taken[change_count - 1], "ms");
	free(taken);
}

static void measure_compile(struct world *world)
{
	struct layout fresh = {0};
	struct refusal refusal = {0};
	uint64_t start = clock_now();
	clock_t cpu = clock();

	assert_int_equal(derive_all(&world->control.model, &fresh, &refusal), 0);
	print("full compile", ms_since(start), "ms");
	print("full compile, time of the processor", (double)(clock() - cpu) * 1e3 / CLOCKS_PER_SEC,
	      "ms");
	assert_int_equal(layout_objects(&fresh), layout_objects(&world->control.layout));
	layout_fini(&fresh);
}

// Nothing is sent when every host holds what it must.
static void measure_restart(struct world *world)
{
	unsigned before = transactions(world);
	uint64_t start;

	hang_up_all(world);
	close_control(world);
	start = clock_now();
	open_control(world);
	print("controller started anew, from the store to the last object", ms_since(start), "ms");
	print("memory of the controller and the fakes", resident(), "MiB");
	start = clock_now();
	attach(world, &world->fakes[host_count], world->control.hosts.local, 999999);
	attach_all(world);
	print("all hosts compared by digest and ready", ms_since(start), "ms");
	assert_int_equal(transactions(world), before);
}

static void test_many_hosts(void **state)
{
	struct world world = {0};
	double before, fakes;

	log_open("bench", LOG_LEVEL_ERROR, NULL);
	limit_raise_descriptors();
	unit_make_dir(world.dir);
	world.base = event_base_new();
	world.fakes = calloc(host_count + 1, sizeof(*world.fakes));
	open_control(&world);
	attach(&world, &world.fakes[host_count], world.control.hosts.local, 999999);
	run_until(&world, all_ready);
	change(&world, edit_hosts, NULL);
	before = resident();
	attach_all(&world);
	print("everything in one change, prepared and committed on all",
	      change(&world, edit_all, NULL), "ms");
	fakes = resident();
	print("memory for it in the controller and the fakes", fakes - before, "MiB");
	measure_compile(&world);
	measure_changes(&world);
	measure_restart(&world);
	hang_up_all(&world);
	for (unsigned i = 0; i <= host_count; i++)
		fake_fini(&world.fakes[i]);
	free(world.fakes);
	close_control(&world);
	event_base_free(world.base);
	unit_remove_dir(world.dir);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_many_hosts)};

	if (argc > 1)
		host_count = (unsigned)atoi(argv[1]);
	if (argc > 2)
		port_count = (unsigned)atoi(argv[2]);
	if (argc > 3)
		change_count = (unsigned)atoi(argv[3]);
	is_mesh = argc > 4 && strcmp(argv[4], "mesh") == 0;
	return cmocka_run_group_tests_name("many hosts", tests, NULL, NULL);
}
