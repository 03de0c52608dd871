# SPDX-License-Identifier: BSD-3-Clause
"""Drivers without machines on vhost-user ports: every feature and layout of the rings, frame by frame.

    a (vguest) --+--- lan ---+-- b (vguest)
                 +-- c ------+-- d         in the tests of neighbours
"""

import itertools
import json
import signal
import statistics
import time

import pytest

from conftest import BIN, eventually, need

VGUEST = BIN.parent / "tests" / "guest" / "vguest"
LAYOUTS = ["joined", "apart", "pages", "random", "shreds"]


def vguest_words(weft, mode, ports, *words):
    need(VGUEST.exists(), f"no {VGUEST}")
    listen = itertools.chain.from_iterable(("--listen", weft.run_dir / f"{port}.vu") for port in ports)
    return [VGUEST, mode, *listen, *words, "--json"]


def vguest(weft, mode, ports, *words):
    """Runs vguest on the ports; returns what it counted."""
    done = weft.run(*vguest_words(weft, mode, ports, *words), check=False)
    assert done.returncode == 0, f"vguest {mode} {words}: {done.stdout}{done.stderr}"
    return json.loads(done.stdout)


class Running:
    """A vguest in the background, and what it counted when it is told to end."""

    def __init__(self, weft, mode, port, *words):
        self.log = weft.path / f"vguest-{port}"
        self.process = weft.start(vguest_words(weft, mode, [port], *words), log=self.log)
        eventually(lambda: weft.json("port", "show", port).get("connected"), 10, f"the guest on {port}")

    def end(self):
        self.process.terminate()
        assert self.process.wait(timeout=20) == 0, self.log.read_text()
        return json.loads(self.log.read_text())


def add_ports(weft, names, *words):
    weft.weft("net", "add", "lan", "--subnet", "10.77.0.0/24", *words)
    for name in names:
        weft.weft("port", "add", "lan", "--name", name, "--vhost", f"{name}.vu")


@pytest.fixture
def pair(weft):
    """A network with the ports a and b; what crosses it is counted exactly."""
    add_ports(weft, "ab")

    def run(*words):
        return vguest(weft, "pair", "ab", "--exact", "--quiet", 5000, *words)

    return run


def rings():
    """Every combination of ring features, and with them every pair of layouts."""
    features = itertools.product([False, True], repeat=5)
    for number, (packed, in_order, events, merge, indirect) in enumerate(features):
        yield [*(["--packed", "--size", 999] if packed else ["--size", 1024]),
               *(["--in-order"] if in_order else []),
               *([] if events else ["--no-event-idx"]),
               *([] if merge else ["--no-mrg"]),
               *(["--use-indirect"] if indirect else ["--no-indirect"]),
               *(["--mixed"] if indirect and not packed and number % 3 else []),
               *(["--slots"] if number % 2 else []),
               "--regions", 1 + number % 8,
               "--rx-layout", LAYOUTS[number % 5], "--tx-layout", LAYOUTS[(number + number // 5) % 5]]


def frames():
    yield ["--len", "80-40000", "--tcp", "--gso", 1448]
    yield ["--len", "62-1514"]
    yield ["--len", "100-20000", "--ip6", "--gso", 1200]
    yield ["--len", "94-1514", "--ip6", "--tcp", "--checksum"]


def test_every_ring_carries_every_frame_once(pair):
    for ring, frame in zip(rings(), itertools.cycle(frames())):
        result = pair(*ring, *frame, "--count", 300, "--window", 4, "--verify", "--strict")
        assert result["received"] == 600, (ring, frame, result)


def test_large_segments_cross_whole_and_are_copied_once(weft, pair):
    result = pair("--len", 65000, "--tcp", "--gso", 1448, "--one-way", "--count", 500, "--window", 4,
                  "--size", 1024, "--verify")
    assert result["received"] == 500
    port = weft.json("port", "show", "b")
    print(f"copies per byte: {port['copies_per_byte']:.4f}")
    assert port["delivered"] >= 500 * 65000
    assert round(port["copies_per_byte"], 2) == 1.00


def test_guests_without_offloads_get_segments(weft):
    add_ports(weft, "ab")
    sink = Running(weft, "sink", "b", "--no-csum", "--size", 1024, "--from", "02:76:67:00:00:02", "--verify",
                   "--strict")
    vguest(weft, "send", "a", "--len", 40000, "--tcp", "--gso", 1448, "--rate", 200, "--count", 50, "--quiet", 0,
           "--verify")
    segments = 50 * -(-(40000 - 54) // 1448)
    eventually(lambda: weft.json("port", "show", "b")["delivered"] >= 50 * (40000 - 54) + segments * 54, 10,
               "the segments")
    result = sink.end()
    assert result["received"] == segments
    assert result["lost"] == result["doubled"] == result["reordered"] == result["damaged"] == 0, result


def test_eight_pairs_of_queues(pair):
    for ring in [[], ["--packed"]]:
        result = pair("--queues", 8, "--count", 1000, "--window", 16, "--verify", *ring)
        assert result["received"] == 2 * 8 * 1000
        # Flows are spread over the receivers' queues: of sixteen at least some.
        assert result["rings_used"] >= 4, result


def test_jumbo_frames(weft):
    add_ports(weft, "ab", "--mtu", 9000)
    for merge in [[], ["--no-mrg", "--no-tso"]]:
        result = vguest(weft, "pair", "ab", "--exact", "--quiet", 5000, "--mtu", 9000, "--len", "62-9014",
                        "--count", 1000, "--window", 8, "--verify", "--strict", "--rx-layout", "pages", *merge)
        assert result["received"] == 2000


def test_paused_guests_lose_nothing(pair):
    for ring in [[], ["--packed"], ["--packed", "--in-order"]]:
        result = pair("--count", 10000, "--window", 64, "--one-way", "--stops", 7, "--verify", *ring)
        assert result["received"] == 10000


def test_a_broken_ring_is_named_and_the_next_guest_is_served(weft, pair):
    for ring in [[], ["--packed"]]:
        broken = weft.run(*vguest_words(weft, "break", "a", *ring), check=False)
        assert broken.returncode == 0, broken.stderr
        assert "an address outside the shared memory" in weft.json("port", "show", "a")["last_fault"]
        assert pair("--count", 1000, "--window", 64, "--verify", *ring)["received"] == 2000


def test_no_notification_is_lost(pair):
    # One frame at a time between guests that sleep: whoever is not woken stays asleep for five seconds.
    for ring in [[], ["--no-event-idx"], ["--packed"], ["--packed", "--no-event-idx"], ["--packed", "--in-order"]]:
        result = pair("--count", 2000, "--window", 1, "--sleep", *ring)
        print(f"{ring}: kicks per packet {result['kicks_per_packet']}, calls {result['calls_per_packet']}")
        assert result["gap_ms"] < 4000, (ring, result)


def test_a_guest_that_stops_draining_delays_nobody(weft):
    add_ports(weft, "abcd")
    slow = Running(weft, "sink", "c", "--from", "02:76:67:00:00:03", "--sleep", "--no-numbers")
    Running(weft, "send", "d", "--from", "02:76:67:00:00:04", "--to", "02:76:67:00:00:03", "--rate", 5000, "--sleep",
            "--no-numbers")
    weft.start(vguest_words(weft, "pair", "ab", "--no-numbers"))
    eventually(lambda: weft.json("port", "show", "b")["tx_packets"] > 1000, 10, "the neighbours")

    def drops():
        return weft.json("port", "show", "d")["drops"]

    def sample():
        return time.monotonic(), weft.json("port", "show", "b")["tx_packets"]

    def ratio():
        """Of the better slices to each other, or of each to the one before: what looks better has less noise."""
        better = sorted(stuck)[-len(stuck) // 4] / sorted(drains)[-len(drains) // 4]
        return max(better, statistics.median(after / before for before, after in zip(drains, stuck)))

    def rate(state):
        """The neighbour's packets a second while the guest is stopped, with its ring full, or goes on."""
        lost = drops()
        slow.process.send_signal(state)
        if state == signal.SIGSTOP:
            eventually(lambda: drops() > lost, 10, "a full ring")
        before, packets = sample()
        time.sleep(0.25)
        after, more = sample()
        return (more - packets) / (after - before)

    # Side by side, over and over, until noise averages out. What else the machine does slows both; a neighbour that
    # is delayed never gets there.
    drains, stuck = [], []
    for _ in range(40):
        before, after = rate(signal.SIGCONT), rate(signal.SIGSTOP)
        # A machine so busy that nothing ran at all tells nothing.
        if before:
            drains.append(before)
            stuck.append(after)
        if len(stuck) >= 7 and ratio() >= 0.95:
            break
    slow.process.send_signal(signal.SIGCONT)
    print(f"neighbour's rate: {ratio():.3f} of before, in {len(stuck)} rounds")
    assert ratio() >= 0.95
