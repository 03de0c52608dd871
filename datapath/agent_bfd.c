// SPDX-License-Identifier: BSD-3-Clause
//
// agent_bfd: one receiver for each of our addresses and kind of session, shared by its sessions, and one timer.
//
// Before the timer does anything, what waits at the receivers is read: a main thread that was busy for long must not
// take its own absence for that of others.

#include "datapath/agent_bfd.h"

#include "base/clock.h"
#include "tunnels/bfd_socket.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <unistd.h>

enum { READ_AT_ONCE = 1024 };

struct receiver {
	struct receiver *next;
	struct agent_bfd *bfd;
	struct bfd_path path; // the local half
	unsigned users;
	int fd;
	struct event *readable;
};

struct sender {
	struct receiver *receiver; // one of its users
	struct bfd_path path;
	int fd;
};

struct agent_bfd {
	struct agent_bfd_config config;
	struct receiver *first;
	struct event *timer;
};

static void read_all(struct receiver *receiver)
{
	const struct agent_bfd_config *config = &receiver->bfd->config;
	struct bfd_path path = receiver->path;
	struct bfd_arrival arrival;

	for (int i = 0; i < READ_AT_ONCE && bfd_socket_receive(receiver->fd, &arrival) == 0; i++) {
		path.remote = arrival.from;
		config->packet(config->user, &path, arrival.ttl, arrival.bytes, arrival.len);
	}
}

static void run(struct agent_bfd *bfd)
{
	uint64_t due = bfd->config.run(bfd->config.user);
	uint64_t now = clock_now();
	uint64_t wait = due > now ? due - now : 0;
	struct timeval delay = {
		.tv_sec = (time_t)(wait / NSEC_PER_SEC),
		.tv_usec = (suseconds_t)(wait % NSEC_PER_SEC / NSEC_PER_USEC),
	};

	if (due == UINT64_MAX)
		event_del(bfd->timer);
	else
		event_add(bfd->timer, &delay);
}

static void on_timer(evutil_socket_t unused, short what, void *user)
{
	struct agent_bfd *bfd = user;

	for (struct receiver *receiver = bfd->first; receiver; receiver = receiver->next)
		read_all(receiver);
	run(bfd);
}

static void on_readable(evutil_socket_t unused, short what, void *user)
{
	struct receiver *receiver = user;

	read_all(receiver);
	run(receiver->bfd);
}

struct agent_bfd *agent_bfd_new(const struct agent_bfd_config *config)
{
	struct agent_bfd *bfd = calloc(1, sizeof(*bfd));

	if (!bfd)
		return NULL;
	bfd->config = *config;
	bfd->timer = evtimer_new(config->base, on_timer, bfd);
	if (bfd->timer)
		return bfd;
	free(bfd);
	return NULL;
}

void agent_bfd_free(struct agent_bfd *bfd)
{
	if (!bfd)
		return;
	event_free(bfd->timer);
	free(bfd);
}

void agent_bfd_wake(struct agent_bfd *bfd)
{
	event_active(bfd->timer, EV_TIMEOUT, 0);
}

static void receiver_free(struct receiver *receiver)
{
	if (receiver->readable)
		event_free(receiver->readable);
	if (receiver->fd >= 0)
		close(receiver->fd);
	free(receiver);
}

static struct receiver **find_receiver(struct agent_bfd *bfd, const struct bfd_path *path)
{
	struct receiver **at = &bfd->first;

	while (*at && !(ip_equal((*at)->path.local, path->local) &&
	                (*at)->path.multihop == path->multihop))
		at = &(*at)->next;
	return at;
}

static int open_receiver(struct agent_bfd *bfd, const struct bfd_path *path, struct receiver **ret,
                         struct fail *fail)
{
	struct receiver **at = find_receiver(bfd, path), *receiver = *at;
	int error;

	*ret = receiver;
	if (receiver)
		return 0;
	receiver = calloc(1, sizeof(*receiver));
	if (!receiver)
		return fail_set(fail, -ENOMEM, "out of memory");
	receiver->bfd = bfd;
	receiver->path = *path;
	receiver->fd = bfd_socket_receiver(path, fail);
	error = receiver->fd < 0 ? receiver->fd : 0;
	if (!error) {
		receiver->readable = event_new(bfd->config.base, receiver->fd, EV_READ | EV_PERSIST,
		                               on_readable, receiver);
		if (!receiver->readable || event_add(receiver->readable, NULL) < 0)
			error = fail_set(fail, -ENOMEM, "out of memory");
	}
	if (error) {
		receiver_free(receiver);
		return error;
	}
	*at = receiver;
	*ret = receiver;
	return 0;
}

static void leave_receiver(struct receiver *receiver)
{
	struct receiver **at = find_receiver(receiver->bfd, &receiver->path);

	if (receiver->users)
		return;
	*at = receiver->next;
	receiver_free(receiver);
}

static int open_way(void *user, const struct bfd_path *path, void **ret, struct fail *fail)
{
	struct sender *sender = calloc(1, sizeof(*sender));
	struct receiver *receiver;
	int error;

	if (!sender)
		return fail_set(fail, -ENOMEM, "out of memory");
	error = open_receiver(user, path, &receiver, fail);
	if (error) {
		free(sender);
		return error;
	}
	sender->path = *path;
	sender->receiver = receiver;
	sender->fd = bfd_socket_sender(path, fail);
	if (sender->fd < 0) {
		error = sender->fd;
		leave_receiver(receiver);
		free(sender);
		return error;
	}
	receiver->users++;
	*ret = sender;
	return 0;
}

static void send_by(void *user, void *way, const uint8_t *bytes, size_t len)
{
	const struct sender *sender = way;

	bfd_socket_send(sender->fd, &sender->path, bytes, len);
}

static void close_way(void *user, void *way)
{
	struct sender *sender = way;

	sender->receiver->users--;
	leave_receiver(sender->receiver);
	close(sender->fd);
	free(sender);
}

struct bfd_carrier agent_bfd_carrier(struct agent_bfd *bfd)
{
	return (struct bfd_carrier){
		.user = bfd, .open = open_way, .send = send_by, .close = close_way};
}
