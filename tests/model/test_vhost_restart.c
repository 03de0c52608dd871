// SPDX-License-Identifier: BSD-3-Clause
//
// A switch of one wire is killed at random moments while two drivers send numbered frames to each other as fast as
// they can. The test keeps what the switch lends, and starts the next one with it. The drivers must notice nothing:
// the connection stays, no frame comes twice, changed or out of turn, every buffer comes back, and a frame is missing
// only if a switch had it in its hands, which its successor counts, or refused it, which is counted as well.
//
// Three processes: the test (keeper and killer), the load (both drivers), the switch (both devices).

#include "base/bytes.h"
#include "base/clock.h"
#include "base/sock.h"
#include "tests/guest/vguest_load.h"
#include "tests/model/model.h"
#include "vnic/vhost/vhost_port.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_config.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { PORTS = 2, KEPT = 256, NAME = 48, LOAD_MS = 700, LIFE_US = 4000, MARGIN_MS = 30000 };

// Between the processes.
struct shared {
	_Atomic uint32_t enabled; // Ports whose driver has said all.
	_Atomic uint32_t started; // Switches.
	_Atomic uint32_t rounds;  // How often a switch has seen to its messages.
	_Atomic uint32_t loading, ended;
	_Atomic uint64_t in_flight, refused;
	struct vguest_result result;
	char words[600];
};

struct kept {
	char name[NAME];
	int fd;
};

struct trial {
	struct vguest_nic_setup setup;
	struct shared *shared;
	struct kept kept[KEPT];
	char dir[32];
	char paths[PORTS][48];
	int ours, theirs; // Of the channel by which things are lent.
};

// The switch.

struct wire {
	struct trial *trial;
	struct port *ports[PORTS];
	struct lender {
		struct trial *trial;
		unsigned port;
	} lenders[PORTS];
	struct packet_pool *pool;
};

// 'l' lends, 'd' drops; the name says which port's.
static int say(const struct lender *lender, char verb, const char *what, int fd)
{
	char text[NAME];
	int len = snprintf(text, sizeof(text), "%c%u/%s", verb, lender->port, what);
	const struct iovec iov = {text, (size_t)len + 1};

	return sock_send_fds(lender->trial->theirs, &iov, 1, &fd, fd >= 0) < 0 ? -EPIPE : 0;
}

static int lend(void *user, const char *what, int fd)
{
	return say(user, 'l', what, fd);
}

static void drop(void *user, const char *what)
{
	say(user, 'd', what, -1);
}

static struct kept *find(struct trial *trial, const char *name)
{
	for (unsigned i = 0; i < KEPT; i++)
		if (strcmp(trial->kept[i].name, name) == 0)
			return &trial->kept[i];
	return NULL;
}

static int claim(void *user, const char *what)
{
	const struct lender *lender = user;
	struct kept *kept;
	char name[NAME];

	snprintf(name, sizeof(name), "%u/%s", lender->port, what);
	kept = find(lender->trial, name);
	return kept ? fcntl(kept->fd, F_DUPFD_CLOEXEC, 0) : -1;
}

static void settle(void *user)
{
}

static void carry(struct wire *wire, unsigned from)
{
	struct port *in = wire->ports[from], *out = wire->ports[!from];
	struct batch batch = {0};
	unsigned got = port_rx(in, 0, wire->pool, &batch);

	if (!got)
		return;

	unsigned sent = port_tx(out, 0, wire->pool, batch.packets, got);

	atomic_fetch_add(&wire->trial->shared->refused, got - sent);
	in->ops->finish(in, 0);
	for (unsigned i = 0; i < got; i++)
		packet_give(wire->pool, batch.packets[i]);
	packet_arena_reset(wire->pool);
}

static void open_port(struct wire *wire, struct event_base *base, unsigned i)
{
	struct trial *trial = wire->trial;
	const struct vhost_keeper keeper = {lend, drop, claim, &wire->lenders[i]};
	const struct vhost_port_config config = {
		.name = i ? "b" : "a",
		.path = trial->paths[i],
		.pairs = 1,
		.mtu = 1500,
		.base = base,
		.settle = settle,
		.keeper = &keeper,
	};
	struct fail fail = {0};

	wire->lenders[i] = (struct lender){trial, i};
	if (vhost_port_open(&config, &wire->ports[i], &fail) < 0 ||
	    vhost_port_arrive(wire->ports[i], &fail) < 0) {
		snprintf(trial->shared->words, sizeof(trial->shared->words), "%s", fail.what);
		_exit(1);
	}
	atomic_fetch_add(&trial->shared->in_flight, wire->ports[i]->door_drops[DROP_IN_FLIGHT]);
}

static uint32_t enabled_ports(const struct wire *wire)
{
	uint32_t enabled = 0;

	for (unsigned i = 0; i < PORTS; i++) {
		struct vhost_info info;

		vhost_port_info(wire->ports[i], &info);
		enabled += info.pairs;
	}
	return enabled;
}

static void be_switch(struct trial *trial)
{
	struct wire wire = {.trial = trial, .pool = packet_pool_new(4 * BATCH_SIZE, 1 << 20)};
	struct event_base *base = event_base_new();

	for (unsigned i = 0; i < PORTS; i++)
		open_port(&wire, base, i);
	atomic_fetch_add(&trial->shared->started, 1);
	while (true) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		atomic_store(&trial->shared->enabled, enabled_ports(&wire));
		atomic_fetch_add(&trial->shared->rounds, 1);
		for (unsigned turns = 0; turns < 100; turns++)
			for (unsigned i = 0; i < PORTS; i++)
				carry(&wire, i);
	}
}

// The load.

// A frame is with its receiver before its buffer is back with its sender, and a switch may be killed in between: then
// it is the next one that returns it.
static bool gets_all_back(struct vguest_nic *nic, uint32_t not_posted)
{
	uint64_t end = clock_now() + MARGIN_MS / 3 * NSEC_PER_MSEC;
	struct vguest_net *tx = vguest_nic_tx(nic, 0);

	while (tx->free_count < tx->setup.buffers && clock_now() < end)
		if (vguest_net_reclaim(tx) <= 0)
			usleep(100);
	return tx->free_count == tx->setup.buffers &&
	       vguest_nic_rx(nic, 0)->free_count == not_posted;
}

// A switch that is killed in the middle of a message gives the connection up, and is so until it has found that none
// follows: an answer comes before that.
static void wait_for_quiet(const struct shared *shared)
{
	uint32_t before;

	while (atomic_load(&shared->enabled) < PORTS)
		usleep(100);
	before = atomic_load(&shared->rounds);
	while (atomic_load(&shared->rounds) < before + 2)
		usleep(100);
}

static void be_load(struct trial *trial)
{
	const struct vguest_load load = {
		.len = VGUEST_FRAME_MIN,
		.len_to = 1514,
		.seconds = LOAD_MS / 1000.0,
		.window = trial->setup.options.size / 2,
		.burst = 32,
		.flows = 1,
		.numbers = true,
		.verify = true,
		.quiet_ms = 1000,
	};
	struct shared *shared = trial->shared;
	struct vguest_nic nics[PORTS];
	uint32_t not_posted[PORTS]; // The ring has no room for them.
	struct fail fail = {0};

	for (unsigned i = 0; i < PORTS; i++) {
		struct vguest_nic_setup setup = trial->setup;

		setup.options.path = trial->paths[i];
		if (vguest_nic_open(&nics[i], &setup, &fail) < 0)
			goto failed;
		not_posted[i] = vguest_nic_rx(&nics[i], 0)->free_count;
	}
	wait_for_quiet(shared);
	atomic_store(&shared->loading, 1);
	if (vguest_load_run(nics, PORTS, &load, &shared->result, &fail) < 0)
		goto failed;
	for (unsigned i = 0; i < PORTS; i++)
		if (!gets_all_back(&nics[i], not_posted[i]))
			snprintf(shared->words, sizeof(shared->words),
			         "guest %u lacks buffers: %u of %u are free to send, %u are not "
			         "posted",
			         i, vguest_nic_tx(&nics[i], 0)->free_count,
			         trial->setup.options.size, vguest_nic_rx(&nics[i], 0)->free_count);
	atomic_store(&shared->ended, 1);
	_exit(0);
failed:
	snprintf(shared->words, sizeof(shared->words), "the load: %s", fail.what);
	_exit(1);
}

// The keeper and killer.

static pid_t start(void (*be)(struct trial *trial), struct trial *trial)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); // A test that fails leaves nobody behind.
		be(trial);
		_exit(0);
	}
	return pid;
}

static void forget(struct kept *kept)
{
	if (!kept)
		return;
	close(kept->fd);
	*kept = (struct kept){.fd = -1};
}

static void keep(struct trial *trial, const char *name, int fd)
{
	struct kept *kept = find(trial, "");

	if (!kept)
		fail_msg("more than %d descriptors were lent", KEPT);
	else
		*kept = (struct kept){.fd = fd};
	memcpy(kept->name, name, strnlen(name, NAME - 1));
}

// Takes what was lent and gives up what was dropped.
static void listen_to_switch(struct trial *trial)
{
	char text[NAME];
	struct iovec iov = {text, sizeof(text)};
	unsigned count;
	int fd = -1;

	while (sock_recv_fds(trial->ours, &iov, 1, &fd, 1, &count) > 0) {
		struct kept *kept = find(trial, text + 1);

		forget(kept);
		if (text[0] == 'd')
			continue;
		assert_int_equal(count, 1);
		keep(trial, text + 1, fd);
	}
}

static void wait_until(struct trial *trial, const _Atomic uint32_t *number, uint32_t value)
{
	uint64_t end = clock_now() + MARGIN_MS * NSEC_PER_MSEC;

	while (atomic_load(number) < value) {
		listen_to_switch(trial);
		if (clock_now() > end || trial->shared->words[0])
			fail_msg("nothing happens: %s", trial->shared->words);
		usleep(100);
	}
}

static pid_t kill_and_replace(struct trial *trial, pid_t pid)
{
	uint32_t started = atomic_load(&trial->shared->started);

	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	listen_to_switch(trial);
	pid = start(be_switch, trial);
	wait_until(trial, &trial->shared->started, started + 1);
	return pid;
}

static void open_trial(struct trial *trial, uint64_t features, enum vguest_layout layout)
{
	int fds[2];

	*trial = (struct trial){
		.setup = {.options = {.listen = true,
	                              .features = VGUEST_FEATURES | features,
	                              .protocol = VGUEST_PROTOCOL,
	                              .pairs = 1,
	                              .size = 512,
	                              .regions = 2},
	                  .rx_layout = layout,
	                  .tx_layout = layout,
	                  .indirect = layout == VGUEST_RANDOM,
	                  .strict = true,
	                  .tx_room = 1514},
		.dir = "/tmp/weft-restart-XXXXXX",
	};
	for (unsigned i = 0; i < KEPT; i++)
		trial->kept[i].fd = -1;
	trial->shared = mmap(NULL, sizeof(*trial->shared), PROT_READ | PROT_WRITE,
	                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(trial->shared, MAP_FAILED);
	assert_non_null(mkdtemp(trial->dir));
	for (unsigned i = 0; i < PORTS; i++)
		snprintf(trial->paths[i], sizeof(trial->paths[i]), "%s/%c", trial->dir, 'a' + i);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	trial->ours = fds[0];
	trial->theirs = fds[1];
	assert_int_equal(fcntl(trial->ours, F_SETFL, O_NONBLOCK), 0);
}

static void close_trial(struct trial *trial)
{
	for (unsigned i = 0; i < KEPT; i++)
		if (trial->kept[i].fd >= 0)
			forget(&trial->kept[i]);
	for (unsigned i = 0; i < PORTS; i++)
		unlink(trial->paths[i]);
	rmdir(trial->dir);
	close(trial->ours);
	close(trial->theirs);
	munmap(trial->shared, sizeof(*trial->shared));
}

static void judge(const struct trial *trial)
{
	const struct vguest_result *result = &trial->shared->result;
	uint64_t in_flight = atomic_load(&trial->shared->in_flight);
	uint64_t refused = atomic_load(&trial->shared->refused);

	print_message("%u kills; %llu frames sent, %llu lost of %llu in flight and %llu refused; "
	              "longest gap %.1f ms\n",
	              atomic_load(&trial->shared->started) - 1, (unsigned long long)result->sent,
	              (unsigned long long)result->lost, (unsigned long long)in_flight,
	              (unsigned long long)refused, result->longest_gap_ms);
	assert_string_equal(trial->shared->words, "");
	assert_string_equal(result->fault, "");
	assert_string_equal(result->damage, "");
	assert_int_equal(result->doubled, 0);
	assert_int_equal(result->reordered, 0);
	assert_int_equal(result->reconnects, 0);
	assert_true(result->received > 0);
	assert_true(result->lost <= in_flight + refused);
	// The window keeps the rings from being full.
	assert_int_equal(refused, 0);
}

static void run(uint64_t features, enum vguest_layout layout)
{
	unsigned fds_before = unit_open_fds();
	struct trial trial;
	uint64_t end;
	pid_t load, wire;

	model_seed();
	open_trial(&trial, features, layout);
	load = start(be_load, &trial);
	wire = start(be_switch, &trial);
	wait_until(&trial, &trial.shared->loading, 1);
	end = clock_now() + LOAD_MS * NSEC_PER_MSEC;
	while (clock_now() < end) {
		usleep(rand_below(LIFE_US));
		wire = kill_and_replace(&trial, wire);
	}
	wait_until(&trial, &trial.shared->ended, 1);
	assert_int_equal(waitpid(load, NULL, 0), load);
	kill(wire, SIGKILL);
	assert_int_equal(waitpid(wire, NULL, 0), wire);
	listen_to_switch(&trial);
	judge(&trial);
	close_trial(&trial);
	assert_int_equal(unit_open_fds(), fds_before);
}

static void test_split(void **state)
{
	run(0, VGUEST_APART);
}

static void test_split_in_order(void **state)
{
	run(VGUEST_BIT(VGUEST_F_IN_ORDER), VGUEST_RANDOM);
}

static void test_packed(void **state)
{
	run(VGUEST_BIT(VIRTIO_F_RING_PACKED), VGUEST_APART);
}

static void test_packed_in_order(void **state)
{
	run(VGUEST_BIT(VIRTIO_F_RING_PACKED) | VGUEST_BIT(VGUEST_F_IN_ORDER), VGUEST_RANDOM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_split_in_order),
		cmocka_unit_test(test_packed),
		cmocka_unit_test(test_packed_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
