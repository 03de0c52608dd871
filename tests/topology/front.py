# SPDX-License-Identifier: BSD-3-Clause
"""A vhost-user front end of a few lines, for what no machine would do: bytes and descriptors as they come.

It can also be good: two split rings, over which frames go one at a time.
"""

import array
import contextlib
import mmap
import os
import select
import socket
import struct
import time

(GET_FEATURES, SET_FEATURES, SET_OWNER, SET_MEM_TABLE, SET_LOG_BASE, SET_NUM, SET_ADDR, SET_BASE, GET_BASE, SET_KICK,
 SET_CALL, SET_ERR, GET_PROTOCOL, SET_PROTOCOL, SET_ENABLE, ADD_REGION) = (
     1, 2, 3, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 37)

VERSION_1, PROTOCOL = 1 << 32, 1 << 30
REPLY_ACK, SLOTS, LOG = 1 << 3, 1 << 15, 1 << 1

USER = 0x7f0000000000
RING = 64
HEADER = 12


class Gone(Exception):
    """The back end has closed the connection."""


class Front:
    """One connection. Descriptors that it makes are its own, and closed with it."""

    def __init__(self, connection):
        self.socket = connection
        self.socket.settimeout(10)
        self.fds = []
        self.memory = None
        self.taken = self.given = 0

    @classmethod
    def connect(cls, path):
        return cls(dial(path))

    def close(self):
        self.socket.close()
        for fd in self.fds:
            with contextlib.suppress(OSError):
                os.close(fd)
        self.fds = []
        if self.memory:
            self.memory.close()
            self.memory = None

    def own(self, fd):
        self.fds.append(fd)
        return fd

    def send_bytes(self, data, fds=()):
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        try:
            self.socket.sendmsg([data], ancillary)
        except (BrokenPipeError, ConnectionResetError):
            pass  # The test waits for this end anyway.

    def send(self, request, payload=b"", fds=(), flags=1, size=None):
        self.send_bytes(struct.pack("<III", request, flags, len(payload) if size is None else size) + payload, fds)

    def send_u64(self, request, value, fds=()):
        self.send(request, struct.pack("<Q", value), fds)

    def receive(self):
        header = self.read(12)
        return self.read(struct.unpack("<III", header)[2])

    def read(self, size):
        data = b""
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            if not piece:
                raise Gone
            data += piece
        return data

    def ask(self, request):
        self.send(request)
        return struct.unpack("<Q", self.receive())[0]

    def wait_gone(self, seconds=10):
        """Whether the back end closed the connection within the time."""
        self.socket.settimeout(seconds)
        try:
            while self.socket.recv(4096):
                pass
        except ConnectionResetError:
            pass
        except TimeoutError:
            return False
        return True

    def agree(self, protocol=REPLY_ACK, features=VERSION_1):
        self.ask(GET_FEATURES)
        self.send_u64(SET_PROTOCOL, protocol)
        self.send(SET_OWNER)
        self.send_u64(SET_FEATURES, features | PROTOCOL)

    def share(self, size=1 << 20, write=True):
        fd = self.own(os.memfd_create("front"))
        os.ftruncate(fd, size)
        if write:
            self.memory = mmap.mmap(fd, size)
            self.memory[size - 1] = 1
        self.send(SET_MEM_TABLE, struct.pack("<IIQQQQ", 1, 0, 0, size, USER, 0), [fd])

    def ring_at(self, index):
        return 0x4000 * index

    def start_ring(self, index):
        at = USER + self.ring_at(index)
        kick, call = self.own(os.eventfd(0, os.EFD_NONBLOCK)), self.own(os.eventfd(0, os.EFD_NONBLOCK))
        self.send(SET_NUM, struct.pack("<II", index, RING))
        self.send(SET_BASE, struct.pack("<II", index, 0))
        self.send(SET_ADDR, struct.pack("<IIQQQQ", index, 0, at, at + 0x2000, at + 0x1000, 0))
        self.send_u64(SET_KICK, index, [kick])
        self.send_u64(SET_CALL, index, [call])
        self.send(SET_ENABLE, struct.pack("<II", index, 1))
        return kick, call

    def be_good(self):
        """From the first word to two rings that run."""
        self.agree()
        self.share()
        for slot in range(RING):
            self.offer(slot)
        self.kicks, self.calls = zip(*(self.start_ring(index) for index in range(2)))
        self.poll = select.poll()
        self.poll.register(self.calls[0], select.POLLIN)
        self.ask(GET_FEATURES)  # All that came before is done when this is answered.
        return self

    def buffer_at(self, index, slot):
        return 0x10000 + 0x800 * (RING * index + slot % RING)

    def put_chain(self, index, count, length, flags):
        ring, slot = self.ring_at(index), count % RING
        at = self.buffer_at(index, count)
        struct.pack_into("<QIHH", self.memory, ring + 16 * slot, at, length, flags, 0)
        struct.pack_into("<H", self.memory, ring + 0x1000 + 4 + 2 * slot, slot)
        struct.pack_into("<H", self.memory, ring + 0x1000 + 2, (count + 1) & 0xffff)
        return at

    def offer(self, count):
        self.put_chain(0, count, 0x800, 2)

    def transmit(self, frame):
        at = self.buffer_at(1, self.given)
        self.memory[at:at + HEADER + len(frame)] = bytes(HEADER) + frame
        self.put_chain(1, self.given, HEADER + len(frame), 0)
        self.given += 1
        os.eventfd_write(self.kicks[1], 1)

    def take(self, seconds=5):
        """The next frame that was received, or None."""
        end = time.monotonic() + seconds
        while struct.unpack_from("<H", self.memory, 0x2000 + 2)[0] == self.taken & 0xffff:
            left = end - time.monotonic()
            if left <= 0:
                return None
            self.poll.poll(min(1000 * left, 50))
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(self.calls[0])
        slot, length = struct.unpack_from("<II", self.memory, 0x2000 + 4 + 8 * (self.taken % RING))
        at = self.buffer_at(0, slot)
        frame = bytes(self.memory[at + HEADER:at + length])
        self.offer(self.taken + RING)
        self.taken += 1
        return frame

    def resolves(self, address, mac, own, tries=5):
        """Whether an ARP request for the address is answered."""
        target, source = (socket.inet_aton(word) for word in (address, own))
        request = (b"\xff" * 6 + mac + struct.pack(">HHHBBH", 0x0806, 1, 0x0800, 6, 4, 1) + mac + source + bytes(6)
                   + target)
        for _ in range(tries):
            self.transmit(request.ljust(60, b"\0"))
            while frame := self.take(1):
                if frame[12:14] == b"\x08\x06" and frame[20:22] == b"\0\x02" and frame[28:32] == target:
                    return True
        return False


def dial(path):
    """Connects to where the back end listens."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(path))
    return connection


def listen(path):
    """A front end's own socket, for a back end that connects."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    listener.settimeout(10)
    return listener
