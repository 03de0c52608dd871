// SPDX-License-Identifier: BSD-3-Clause
//
// test_worker: real workers between wires and TAPs: traffic, changes under traffic, rings, sleep.

#include "base/bytes.h"
#include "base/clock.h"
#include "datapath/impair.h"
#include "datapath/worker_priv.h"
#include "tests/unit/datapath/panel.h"
#include "tests/unit/unit.h"
#include "vnic/link.h"
#include "vnic/pcapport.h"
#include "vnic/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum { FRAME = 64, WIRES = 4, PATIENCE_MS = 60000 };

// MACs are 02:00:00:00:00:NN; 255 is everybody.
static void make_frame(uint8_t frame[static FRAME], uint8_t to, uint8_t from, uint32_t number)
{
	memset(frame, 0, FRAME);
	if (to == 255)
		memset(frame, 0xff, 6);
	else
		frame[0] = 2, frame[5] = to;
	frame[6] = 2;
	frame[11] = from;
	frame[12] = 0x88;
	frame[13] = 0xb5;
	memcpy(frame + 14, &number, sizeof(number));
}

static void put(int fd, uint8_t to, uint8_t from, uint32_t number)
{
	uint8_t frame[FRAME];

	make_frame(frame, to, from, number);
	assert_int_equal(send(fd, frame, sizeof(frame), 0), FRAME);
}

// The number of the next frame, or UINT32_MAX when none comes in time.
static uint32_t take(int fd, int wait_ms)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	uint8_t frame[FRAME];
	uint32_t number;

	// Nothing, or the end.
	if (poll(&poll_fd, 1, wait_ms) != 1 || recv(fd, frame, sizeof(frame), 0) != FRAME)
		return UINT32_MAX;
	memcpy(&number, frame + 14, sizeof(number));
	return number;
}

struct wires {
	struct port *doors[WIRES];
	int fds[WIRES];
};

static void open_wires(struct wires *wires)
{
	for (unsigned i = 0; i < WIRES; i++)
		wires->doors[i] = wire_open(i + 1, &wires->fds[i]);
}

// => No worker runs any more.
static void close_wires(struct wires *wires)
{
	for (unsigned i = 0; i < WIRES; i++) {
		wires->doors[i]->ops->close(wires->doors[i]);
		close(wires->fds[i]);
	}
}

static void forwards(unsigned workers)
{
	struct wires wires;
	struct panel panel;

	open_wires(&wires);
	panel_open(&panel, workers, 0);
	panel_connect(&panel, wires.doors, WIRES);
	// Everybody is learnt by everybody's hello.
	for (uint8_t i = 0; i < WIRES; i++) {
		put(wires.fds[i], 255, i, i);
		for (unsigned j = 0; j < WIRES; j++)
			if (j != i)
				assert_int_equal(take(wires.fds[j], PATIENCE_MS), i);
	}
	for (uint32_t n = 0; n < 500; n++) {
		uint8_t from = n % WIRES;
		uint8_t to = (n + 1 + n / WIRES % (WIRES - 1)) % WIRES;

		// With pauses of all lengths, so that workers are met spinning and asleep.
		if (n % 50 == 0)
			usleep(n * 4);
		put(wires.fds[from], to, from, n);
		assert_int_equal(take(wires.fds[to], PATIENCE_MS), n);
	}
	for (unsigned i = 0; i < WIRES; i++)
		assert_int_equal(take(wires.fds[i], 0), UINT32_MAX);
	panel_close(&panel);
	close_wires(&wires);
}

static void one_worker_forwards(void **state)
{
	forwards(1);
}

static void more_workers_than_queues_forward(void **state)
{
	forwards(3);
}

// Each port's frames are taken by one worker, and sent by its owner.
static void impaired_ports_send_in_time(void **state)
{
	enum { DELAY_NS = 3000000, ROUNDS = 40 };
	static struct impair_setting settings[2 * WIRES];
	struct wires wires;
	struct panel panel;

	open_wires(&wires);
	panel_open(&panel, 3, 20000);
	for (unsigned i = 0; i < 2 * WIRES; i++) {
		settings[i].impair = impair_new(64);
		settings[i].plan.step_count = 1;
		settings[i].plan.steps[0].effects.delay_ns = DELAY_NS;
	}
	for (unsigned i = 0; i < WIRES; i++) {
		panel.in[i] = &settings[i];
		panel.out[i] = &settings[WIRES + i];
	}
	panel_connect(&panel, wires.doors, WIRES);
	for (uint32_t n = 0; n < ROUNDS; n++) {
		uint64_t began = clock_now();

		// Workers sleep between the rounds, and until frames are due.
		usleep(n * 100);
		put(wires.fds[n % WIRES], 255, (uint8_t)(n % WIRES), n);
		for (unsigned i = 0; i < WIRES; i++)
			if (i != n % WIRES)
				assert_int_equal(take(wires.fds[i], PATIENCE_MS), n);
		assert_true(clock_now() - began >= 2 * DELAY_NS);
	}
	// What is held when the workers stop comes when they run again, and what is not wanted at once.
	put(wires.fds[0], 255, 0, 77);
	usleep(100);
	workers_stop(panel.workers);
	panel_connect(&panel, wires.doors, WIRES);
	assert_int_equal(workers_start(panel.workers), 0);
	for (unsigned i = 1; i < WIRES; i++)
		assert_int_equal(take(wires.fds[i], PATIENCE_MS), 77);
	put(wires.fds[0], 255, 0, 78);
	memset(panel.in, 0, sizeof(panel.in));
	memset(panel.out, 0, sizeof(panel.out));
	panel_connect(&panel, wires.doors, WIRES);
	for (unsigned i = 1; i < WIRES; i++)
		assert_int_equal(take(wires.fds[i], PATIENCE_MS), 78);
	panel_close(&panel);
	for (unsigned i = 0; i < 2 * WIRES; i++) {
		assert_int_equal(impair_count(settings[i].impair, IMPAIR_HELD), 0);
		impair_give(settings[i].impair);
	}
	close_wires(&wires);
}

enum { SLOW_NS = 50000, SLOW_DOORS = 20, TAKER = 2 };

// Of the worker: the slow door that had its turn last, and behind which of them something was sent.
static uint32_t slow_last, slow_sent_behind;

// A frame for the door itself, which takes long to come.
static unsigned slow_rx(struct port *port, unsigned queue, struct packet_pool *pool,
                        struct batch *batch)
{
	struct packet *packet = packet_take(pool);
	uint64_t began = clock_now();

	while (clock_now() - began < SLOW_NS)
		;
	if (!packet)
		return 0;
	slow_last = port->slot - TAKER - 1;
	make_frame(packet->data, (uint8_t)port->slot, (uint8_t)port->slot, 0);
	packet->len = packet->head_len = FRAME;
	packet->in_port = port->slot;
	batch->packets[batch->count++] = packet;
	return 1;
}

static unsigned slow_tx(struct port *port, unsigned queue, struct packet *const *packets,
                        unsigned count, enum drop_reason *reason)
{
	return count;
}

static unsigned taker_rx(struct port *port, unsigned queue, struct packet_pool *pool,
                         struct batch *batch)
{
	return 0;
}

static unsigned taker_tx(struct port *port, unsigned queue, struct packet *const *packets,
                         unsigned count, enum drop_reason *reason)
{
	slow_sent_behind |= UINT32_C(1) << slow_last;
	return count;
}

static int no_fd(const struct port *port, unsigned queue)
{
	return -1;
}

// What is due leaves behind whichever queue has its turn then, not behind the last of all: how long the others' turns
// take together is no matter.
static void delayed_frames_wait_for_one_queue_at_most(void **state)
{
	enum { DELAY_NS = 2000000, JITTER_NS = 1000000, FRAMES = 200 };
	static const struct port_ops slow_ops = {
		.kind = "slow", .rx = slow_rx, .tx = slow_tx, .rx_fd = no_fd};
	static const struct port_ops taker_ops = {
		.kind = "taker", .rx = taker_rx, .tx = taker_tx, .rx_fd = no_fd};
	static struct port slow[SLOW_DOORS], taker;
	struct port *doors[TAKER + SLOW_DOORS] = {NULL, &taker};
	struct impair_setting setting = {.impair = impair_new(FRAMES), .plan.step_count = 1};
	struct panel panel;
	int fd;

	setting.plan.steps[0].effects.delay_ns = DELAY_NS;
	setting.plan.steps[0].effects.jitter_ns = JITTER_NS;
	doors[0] = wire_open(1, &fd);
	taker = (struct port){.ops = &taker_ops, .slot = TAKER, .queue_count = 1, .mtu = 1500};
	for (uint32_t i = 0; i < SLOW_DOORS; i++) {
		slow[i] = (struct port){.ops = &slow_ops, .slot = TAKER + 1 + i, .queue_count = 1};
		doors[TAKER + i] = &slow[i];
	}
	panel_open(&panel, 1, 0);
	panel.in[TAKER - 1] = &setting;
	panel_connect(&panel, doors, TAKER + SLOW_DOORS);
	for (uint32_t n = 0; n < FRAMES; n++) {
		uint64_t ends = clock_now() + PATIENCE_MS * NSEC_PER_MSEC;

		put(fd, 255, 1, n);
		while (impair_count(setting.impair, IMPAIR_SENT) <= n && clock_now() < ends)
			usleep(100);
		assert_true(impair_count(setting.impair, IMPAIR_SENT) > n);
	}
	panel_close(&panel);
	// Only at the end of each round it would be one, and another while the doors found their order.
	assert_true(__builtin_popcount(slow_sent_behind) >= SLOW_DOORS / 4);
	impair_give(setting.impair);
	doors[0]->ops->close(doors[0]);
	close(fd);
}

static void what_was_published_before_the_start_counts(void **state)
{
	struct wires wires;
	struct panel panel;

	open_wires(&wires);
	panel_open(&panel, 2, 0);
	for (unsigned round = 0; round < 3; round++) {
		workers_stop(panel.workers);
		workers_stop(panel.workers);
		panel_connect(&panel, wires.doors, WIRES);
		assert_int_equal(workers_start(panel.workers), 0);
		put(wires.fds[0], 255, 0, round);
		for (unsigned i = 1; i < WIRES; i++)
			assert_int_equal(take(wires.fds[i], PATIENCE_MS), round);
	}
	panel_close(&panel);
	close_wires(&wires);
}

// A guest that sends as fast as it may to the last two wires, and throws away what it gets.
struct flood {
	int fd;
	uint8_t from;
	_Atomic bool *stop;
	uint32_t sent;
	uint32_t got;
};

static void *run_flood(void *user)
{
	struct flood *flood = user;
	uint8_t frame[FRAME];

	while (!atomic_load(flood->stop)) {
		make_frame(frame, flood->sent % 2 ? 2 : 3, flood->from, flood->sent);
		if (send(flood->fd, frame, sizeof(frame), MSG_NOSIGNAL) == FRAME)
			flood->sent++;
		else
			sched_yield();
		while (recv(flood->fd, frame, sizeof(frame), 0) == FRAME)
			flood->got++;
	}
	return NULL;
}

static void doors_come_and_go_under_traffic(void **state)
{
	enum { ROUNDS = 400 };
	struct wires wires;
	struct panel panel;
	pthread_t threads[2];
	struct flood floods[2] = {0};
	_Atomic bool stop = false;
	uint64_t worst = 0;
	uint32_t arrived = 0;

	open_wires(&wires);
	panel_open(&panel, 2, 0);
	panel_connect(&panel, wires.doors, WIRES);
	for (unsigned i = 0; i < 2; i++) {
		floods[i] = (struct flood){.fd = wires.fds[i], .from = (uint8_t)i, .stop = &stop};
		assert_int_equal(pthread_create(&threads[i], NULL, run_flood, &floods[i]), 0);
	}
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct port *old = wires.doors[3];
		int old_fd = wires.fds[3];
		uint64_t took;

		// Replaced at once, or removed and brought back.
		wires.doors[3] = round % 2 ? wire_open(4, &wires.fds[3]) : NULL;
		took = panel_connect(&panel, wires.doors, WIRES);
		worst = MAX(worst, took);
		if (!old)
			continue;
		old->ops->close(old);
		while (take(old_fd, 0) != UINT32_MAX)
			arrived++;
		close(old_fd);
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	print_message(
		"%u frames in, %u seen at the door that came and went; settled in %u us at most\n",
		floods[0].sent + floods[1].sent, arrived, (unsigned)(worst / 1000));
	assert_true(arrived > 0);
	if (!wires.doors[3]) {
		wires.doors[3] = wire_open(4, &wires.fds[3]);
	}
	panel_close(&panel);
	close_wires(&wires);
}

static void a_full_queue_starves_nobody(void **state)
{
	struct wires wires;
	struct panel panel;
	pthread_t thread;
	_Atomic bool stop = false;
	struct flood flood;

	open_wires(&wires);
	panel_open(&panel, 1, 0);
	panel_connect(&panel, wires.doors, WIRES);
	for (uint8_t i = 0; i < WIRES; i++)
		put(wires.fds[i], 255, i, 7);
	flood = (struct flood){.fd = wires.fds[0], .from = 0, .stop = &stop};
	assert_int_equal(pthread_create(&thread, NULL, run_flood, &flood), 0);
	usleep(20000);
	// The flood goes to the last two; what goes the other way has to get through beside it.
	for (uint32_t n = 1000; n < 1300; n++) {
		uint32_t got;

		put(wires.fds[2], 1, 2, n);
		do
			got = take(wires.fds[1], PATIENCE_MS);
		while (got < 1000);
		assert_int_equal(got, n);
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	panel_close(&panel);
	close_wires(&wires);
}

static void write_capture(const char *path)
{
	pcap_t *format = pcap_open_dead(DLT_EN10MB, 65535);
	pcap_dumper_t *file = pcap_dump_open(format, path);
	uint8_t frame[FRAME];

	assert_non_null(file);
	for (uint32_t i = 0; i < 3; i++) {
		struct pcap_pkthdr header = {
			.ts.tv_sec = 1000,
			.ts.tv_usec = (suseconds_t)(i * 30000),
			.caplen = FRAME,
			.len = FRAME,
		};

		make_frame(frame, 255, 50, i);
		pcap_dump((uint8_t *)file, &header, frame);
	}
	pcap_dump_close(file);
	pcap_close(format);
}

static void a_replay_keeps_its_time(void **state)
{
	char dir[UNIT_DIR];
	char path[UNIT_DIR + 16];
	struct pcapport_config config = {.name = "replay", .read_path = path, .mtu = 1500};
	struct port *doors[2];
	struct panel panel;
	uint64_t began;
	int fd;

	snprintf(path, sizeof(path), "%s/three.pcap", unit_make_dir(dir));
	write_capture(path);
	assert_int_equal(pcapport_open(&config, &doors[0], NULL), 0);
	doors[0]->slot = 1;
	doors[1] = wire_open(2, &fd);
	panel_open(&panel, 1, 0);
	// From before the first could be sent: we may be late to see it, but not early.
	began = clock_now();
	panel_connect(&panel, doors, 2);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(take(fd, PATIENCE_MS), i);
	// The third is 60 ms behind the first; the naps in between only make it later.
	assert_true(clock_now() - began >= 60 * NSEC_PER_MSEC);
	panel_close(&panel);
	doors[0]->ops->close(doors[0]);
	doors[1]->ops->close(doors[1]);
	close(fd);
	unit_remove_dir(dir);
}

static void injected_frames_leave_in_order(void **state)
{
	enum { FRAMES = 20000 };
	struct wires wires;
	struct panel panel;
	unsigned refused = 0;
	uint8_t frame[FRAME];
	struct service_out out = {.port = 2, .domain = 1, .frame = frame, .len = sizeof(frame)};

	open_wires(&wires);
	panel_open(&panel, 2, 0);
	panel_connect(&panel, wires.doors, WIRES);
	for (uint32_t sent = 0, got = 0; got < FRAMES;) {
		int error = -ENOBUFS;

		if (sent < FRAMES && sent - got < 64) {
			make_frame(frame, 1, 200, sent);
			error = workers_inject(panel.workers, &out);
		}
		if (error == 0) {
			sent++;
			continue;
		}
		assert_int_equal(error, -ENOBUFS);
		assert_int_equal(take(wires.fds[1], PATIENCE_MS), got);
		got++;
	}

	// With nobody to send them the ring fills, and says so.
	workers_stop(panel.workers);
	while (workers_inject(panel.workers, &out) == 0)
		refused++;
	assert_int_equal(workers_inject(panel.workers, &out), -ENOBUFS);
	assert_true(refused >= 64);
	out.len = 4000;
	assert_int_equal(workers_inject(panel.workers, &out), -EMSGSIZE);
	panel_close(&panel);
	close_wires(&wires);
}

enum { PUNTED = 50000 };

// In the worker's place, which only a pipeline with services would make punt.
static void *run_punts(void *user)
{
	static const char text[] = "MAC moved";
	struct service_frame frame = {.len = 60, .kind = PUNT_DNS};

	for (uint32_t i = 0; i < PUNTED;) {
		memcpy(frame.bytes, &i, sizeof(i));
		if (!worker_punt(user, &frame)) {
			sched_yield();
			continue;
		}
		if (i++ % 1000 == 0)
			worker_notice(user, NOTICE_MAC_MOVED, i, text);
	}
	return NULL;
}

struct drained {
	unsigned frames;
	unsigned notices;
	uint32_t sum;
};

static void note_punt(void *user, const struct service_frame *frame)
{
	struct drained *drained = user;
	uint32_t number;

	assert_int_equal(frame->len, 60);
	memcpy(&number, frame->bytes, sizeof(number));
	drained->sum += number;
	drained->frames++;
}

static void note_notice(void *user, const struct notice *notice)
{
	struct drained *drained = user;

	assert_int_equal(notice->type, NOTICE_MAC_MOVED);
	assert_string_equal(notice->text, "MAC moved");
	drained->notices++;
}

static void every_punt_arrives(void **state)
{
	struct drained drained = {0};
	struct panel panel;
	pthread_t threads[2];

	panel_open(&panel, 2, 0);
	workers_stop(panel.workers);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, run_punts, panel.workers->workers[i]), 0);
	while (drained.frames < 2 * PUNTED) {
		struct pollfd poll_fd = {.fd = workers_punt_fd(panel.workers), .events = POLLIN};

		assert_int_equal(poll(&poll_fd, 1, PATIENCE_MS), 1);
		assert_true(workers_punt_drain(panel.workers, 32, note_punt, &drained) <= 32);
		workers_notice_drain(panel.workers, note_notice, &drained);
	}
	for (unsigned i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	workers_notice_drain(panel.workers, note_notice, &drained);
	assert_int_equal(drained.sum, (uint32_t)((uint64_t)PUNTED * (PUNTED - 1)));
	assert_int_equal(drained.notices, 2 * PUNTED / 1000);
	panel_close(&panel);
}

static void note_gone(void *user, const struct notice *notice)
{
	assert_int_equal(notice->type, NOTICE_DOOR_GONE);
	*(uint64_t *)user = notice->object;
}

static uint64_t cpu_ns(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * NSEC_PER_SEC +
	       (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * NSEC_PER_USEC;
}

static void a_door_that_is_gone_is_told_and_left(void **state)
{
	struct wires wires;
	struct panel panel;
	struct pollfd poll_fd;
	uint64_t object = 0;

	open_wires(&wires);
	panel_open(&panel, 1, 0);
	panel_connect(&panel, wires.doors, WIRES);
	close(wires.fds[2]);
	poll_fd = (struct pollfd){.fd = workers_punt_fd(panel.workers), .events = POLLIN};
	assert_int_equal(poll(&poll_fd, 1, PATIENCE_MS), 1);
	workers_notice_drain(panel.workers, note_gone, &object);
	assert_int_equal(object, 103);

	// Its descriptor polls as broken for ever, which must not keep the worker awake.
	uint64_t before = cpu_ns();

	usleep(300000);
	assert_true(cpu_ns() - before < 100 * NSEC_PER_MSEC);
	wires.fds[2] = dup(0);
	panel_close(&panel);
	close_wires(&wires);
}

static uint64_t woken(const struct panel *panel)
{
	uint64_t sum = 0;

	for (int word = STATS_WOKEN_10; word <= STATS_WOKEN_LATER; word++)
		sum += stats_worker_sum(panel->stats, word);
	return sum;
}

static void first_frames_after_a_pause_are_timed(void **state)
{
	enum { PAUSES = 10 };
	struct wires wires;
	struct panel panel;
	uint64_t before;

	open_wires(&wires);
	panel_open(&panel, 1, 0);
	panel_connect(&panel, wires.doors, WIRES);
	before = woken(&panel);
	for (uint32_t round = 0; round < PAUSES; round++) {
		uint64_t slept = stats_worker_sum(panel.stats, STATS_SLEEPS);

		put(wires.fds[0], 255, 0, round);
		assert_int_equal(take(wires.fds[1], PATIENCE_MS), round);
		// Until it sleeps again, however slow the machine is.
		for (unsigned waits = 0; stats_worker_sum(panel.stats, STATS_SLEEPS) == slept;
		     waits++) {
			assert_true(waits < PATIENCE_MS);
			usleep(1000);
		}
	}
	// The first may have met it awake.
	assert_in_range(woken(&panel) - before, PAUSES - 1, PAUSES);
	panel_close(&panel);
	close_wires(&wires);
}

static void unshare_quietly(void)
{
	FILE *setting;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	// No router solicitations: the doors are to be silent.
	setting = fopen("/proc/sys/net/ipv6/conf/default/disable_ipv6", "w");
	if (setting) {
		fputs("1", setting);
		fclose(setting);
	}
}

static struct port *open_tap(unsigned number)
{
	char ifname[16];
	struct tap_config config = {.name = ifname, .ifname = ifname, .queues = 1, .mtu = 1500};
	struct fail fail = {0};
	struct port *port;

	snprintf(ifname, sizeof(ifname), "idle%u", number);
	if (tap_open(&config, &port, &fail) < 0 || link_set_up(NULL, ifname, true, &fail) < 0)
		fail_msg("%s", fail.what);
	port->slot = number + 1;
	return port;
}

static void a_hundred_silent_taps_cost_nothing(void **state)
{
	enum { TAPS = 100, SECONDS = 3 };
	struct port *doors[TAPS];
	struct panel panel;
	uint64_t before;
	double share;

	require_root();
	require(access("/dev/net/tun", R_OK | W_OK) == 0, "/dev/net/tun");
	unshare_quietly();
	for (unsigned i = 0; i < TAPS; i++)
		doors[i] = open_tap(i);
	panel_open(&panel, 1, 0);
	panel_connect(&panel, doors, TAPS);
	usleep(200000);
	before = cpu_ns();
	usleep(SECONDS * 1000000);
	share = 100.0 * (double)(cpu_ns() - before) / (double)(SECONDS * NSEC_PER_SEC);
	print_message("%u silent TAPs: %.3f %% of a core\n", TAPS, share);
	// Ten times less is usual; the machine may be busy with others.
	assert_true(share < 2);
	panel_close(&panel);
	for (unsigned i = 0; i < TAPS; i++)
		doors[i]->ops->close(doors[i]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_worker_forwards),
		cmocka_unit_test(more_workers_than_queues_forward),
		cmocka_unit_test(impaired_ports_send_in_time),
		cmocka_unit_test(delayed_frames_wait_for_one_queue_at_most),
		cmocka_unit_test(what_was_published_before_the_start_counts),
		cmocka_unit_test(doors_come_and_go_under_traffic),
		cmocka_unit_test(a_full_queue_starves_nobody),
		cmocka_unit_test(a_replay_keeps_its_time),
		cmocka_unit_test(injected_frames_leave_in_order),
		cmocka_unit_test(every_punt_arrives),
		cmocka_unit_test(a_door_that_is_gone_is_told_and_left),
		cmocka_unit_test(first_frames_after_a_pause_are_timed),
		cmocka_unit_test(a_hundred_silent_taps_cost_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
