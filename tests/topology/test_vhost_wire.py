# SPDX-License-Identifier: BSD-3-Clause
"""A namespace and a virtual machine at the two ends of a wire: long frames are read straight into the machine's memory.

    h1 --- l1 --- web (a front end of a few lines)
"""

import contextlib
import struct
import subprocess
import sys

import pytest

import gso_sender
from conftest import add_lan, eventually
from front import HEADER, RING, VERSION_1, Front

MAC = b"\x02\x00\x00\x00\x00\x22"
GUEST_CSUM, GUEST_TSO4, GUEST_TSO6, GUEST_USO4, GUEST_USO6, MRG = 1 << 1, 1 << 7, 1 << 8, 1 << 54, 1 << 55, 1 << 15
LONG = 65000


class Merging(Front):
    """Takes frames over as many buffers as they need, with what is owed to them."""

    def agree(self, protocol=1 << 3, features=VERSION_1 | MRG | GUEST_CSUM | GUEST_TSO4 | GUEST_TSO6):
        super().agree(protocol, features)

    def buffers(self):
        """Bytes that the switch wrote to each buffer since the last call."""
        used = struct.unpack_from("<H", self.memory, 0x2000 + 2)[0]
        while self.taken & 0xffff != used:
            slot, length = struct.unpack_from("<II", self.memory, 0x2000 + 4 + 8 * (self.taken % RING))
            at = self.buffer_at(0, slot)
            yield bytes(self.memory[at:at + length])
            self.offer(self.taken + RING)
            self.taken += 1

    def frames(self):
        """The vnet header and the frame, of each that came since the last call."""
        left, header, frame = 0, None, b""
        for buffer in self.buffers():
            if not left:
                header, frame = buffer[:HEADER], b""
                left = struct.unpack("<H", header[10:])[0]
                buffer = buffer[HEADER:]
            frame += buffer
            left -= 1
            if not left:
                yield header, frame
        assert not left, "the rest of a frame is missing"


@pytest.fixture
def wire(weft):
    add_lan(weft)
    weft.weft("ns", "add", "h1", "--net", "lan")
    weft.weft("link", "add", "l1", "--a", "h1:up")
    weft.weft(*"port add --name web --vhost web.vu --vhost-server --queues 1 --link l1 --end b".split())
    weft.guest("h1").run("sysctl", "-qw", "net.ipv6.conf.up.disable_ipv6=1")
    return weft


def exchange(weft, front, count, lengths, pieces=1):
    """Has frames sent, one when the one before has come, in so many pieces. What came of each."""
    sender = weft.guest("h1").start(sys.executable, gso_sender.__file__, "up", MAC.hex(":"), *lengths,
                                    stdin=subprocess.PIPE)
    results = []
    for number in range(count):
        got = []
        sender.stdin.write(b"x")
        sender.stdin.flush()
        eventually(lambda got=got: got.extend(f for f in front.frames() if f[1][:6] == MAC) or len(got) >= pieces, 10,
                   f"frame {number}", pause=0.001)
        results.append(got)
    sender.stdin.close()
    assert sender.wait(10) == 0
    return results


def sent_and_received(weft, front, count, lengths):
    """Compares what was sent with what the machine got, and returns bytes delivered and copied."""
    before = weft.json("port", "show", "web")
    for number, [(header, frame)] in enumerate(exchange(weft, front, count, lengths)):
        expected = gso_sender.frame(number, lengths[number % len(lengths)], MAC)
        assert frame == expected[10:], f"frame {number}"
        flags, kind, _, size = struct.unpack("<BBHH", header[:6])
        assert (flags & 1, kind, size if kind else 0) == (1, expected[1], gso_sender.MSS if expected[1] else 0)
    after = weft.json("port", "show", "web")
    return after["delivered"] - before["delivered"], after["copied"] - before["copied"]


def test_long_frames_are_not_copied(wire):
    with contextlib.closing(Merging.connect(wire.run_dir / "web.vu").be_good()) as front:
        delivered, copied = sent_and_received(wire, front, 40, [LONG])
        # The first of a row is not expected to be long.
        assert delivered >= 40 * LONG and copied < 0.1 * delivered
        # Short ones between them, of which some are read into buffers that were meant for long ones.
        sent_and_received(wire, front, 60, [LONG, LONG, 100, 1448, LONG, 300, 20000, 30000, 203])


def test_where_something_can_happen_they_are(wire):
    """What may be lost, delayed or dropped by a rule is not shown to the machine before that is known."""
    with contextlib.closing(Merging.connect(wire.run_dir / "web.vu").be_good()) as front:
        wire.weft(*"impair port web --in delay 1ms".split())
        delivered, copied = sent_and_received(wire, front, 10, [LONG])
        assert copied >= delivered
        wire.weft(*"impair clear web".split())
        wire.weft(*"flow add r --match tcp,dport=1 --actions drop".split())
        delivered, copied = sent_and_received(wire, front, 10, [LONG])
        assert copied >= delivered


class Plain(Merging):
    def agree(self, protocol=1 << 3, features=VERSION_1 | MRG):
        super().agree(protocol, features)


def test_a_guest_without_offloads_gets_cuts(wire):
    """It cannot take what was read as it is: the frame leaves its memory again, and comes in pieces."""
    pieces, length = 14, 14 * gso_sender.MSS
    with contextlib.closing(Plain.connect(wire.run_dir / "web.vu").be_good()) as front:
        for number, got in enumerate(exchange(wire, front, 8, [length], pieces)):
            whole = b"".join(frame[gso_sender.HEADERS:] for _, frame in got)
            assert whole == gso_sender.payload(number, length)[:length], f"frame {number}"
