# SPDX-License-Identifier: BSD-3-Clause
"""Packets as people see them: captures of ports, read by tshark.

    h1 ---+--- plain 10.9.0.0/24 --- h2
"""

import itertools
import os
import shutil
import signal
import subprocess

import pytest

from conftest import BIN, eventually, need


@pytest.fixture
def pair(weft):
    need(shutil.which("tshark"), "no tshark")
    weft.weft("net", "add", "plain", "--subnet", "10.9.0.0/24")
    for number, name in enumerate(["h1", "h2"], 11):
        weft.add_guest(name, "--net", "plain", "--ip", f"10.9.0.{number}", "--static")
    weft.guest("h1").ping("10.9.0.12", count=1)
    return weft


class Capture:
    """A capture in the background, into a file of the instance."""

    def __init__(self, weft, *words):
        self.weft = weft
        self.file = weft.path / f"capture-{len(weft.processes)}.pcapng"
        self.log = weft.path / f"{self.file.name}.log"
        self.process = weft.start([BIN / "weft", "capture", *words, "-w", self.file], log=self.log)
        # The first part of the answer names the ports, which is when packets are copied; all ports are named
        # when they are first seen.
        ports = [word.encode() for word in itertools.takewhile(lambda word: not word.startswith("-"), words)]
        eventually(lambda: self.process.poll() is not None or self.names(ports), 10, "the capture")

    def names(self, ports):
        return self.file.exists() and all(port in self.file.read_bytes() for port in [b"weft", *ports])

    def end(self, signal_number=signal.SIGINT):
        """Ends it in order, and returns what it said."""
        self.process.send_signal(signal_number)
        return self.wait()

    def wait(self):
        code = self.process.wait(20)
        said = self.log.read_text(encoding="utf-8")
        assert code == 0, said
        return said

    def read(self, *fields, select="frame"):
        """The fields of each packet that the display filter selects."""
        done = subprocess.run(["tshark", "-n", "-r", self.file, "-Y", select, "-T", "fields", "-E", "separator=|",
                               *[word for field in fields for word in ("-e", field)]],
                              capture_output=True, text=True, check=True, env={**os.environ, "HOME": "/nonexistent"})
        return [line.split("|") for line in done.stdout.splitlines()]


def test_both_ends_of_a_ping(pair):
    capture = Capture(pair, "h1", "h2", "--bpf", "icmp")
    pair.guest("h1").ping("10.9.0.12", count=2)
    assert "8 packets\n" in capture.end()
    got = capture.read("frame.interface_name", "frame.packet_flags_direction", "icmp.type", "frame.time_epoch")
    seen = [(packet[0], int(packet[1], 16), packet[2]) for packet in got]
    assert seen == 2 * [("h1", 1, "8"), ("h2", 2, "8"), ("h2", 1, "0"), ("h1", 2, "0")]
    times = [packet[3] for packet in got]
    assert times == sorted(times) and all(len(time.split(".")[1]) == 9 for time in times)


def test_reason_of_a_drop(pair):
    pair.weft("flow", "add", "no-web", "--match", "port=h1,tcp,dport=80", "--actions", "drop")
    capture = Capture(pair, "h1", "--drops")
    pair.guest("h1").run("curl", "-m", "1", "http://10.9.0.12/", check=False)
    pair.guest("h1").ping("10.9.0.12", count=1)
    capture.end()
    got = capture.read("frame.comment", "tcp.dstport")
    assert got and all(packet == ["dropped: flow_rule", "80"] for packet in got)


def test_super_packets_are_shown_as_they_are(pair):
    pair.guest("h2").iperf3_server()
    capture = Capture(pair, "h1", "--in", "--bpf", "tcp port 5201", "--snap", "128")
    pair.guest("h1").iperf3("10.9.0.12", seconds=1)
    capture.end()
    got = capture.read("frame.len", "frame.cap_len", "frame.packet_flags", "frame.comment", select="frame.len > 2000")
    assert got
    for length, caught, flags, comment in got:
        assert int(length) > 2000 and int(caught) == 128
        # Inward, checksum not ready, segmentation left to whoever sends it on.
        assert int(flags, 16) == 1 | 1 << 9 | 1 << 11
        assert comment.startswith("to be cut into segments of ")


def test_count_and_time_end_it(pair):
    counted = Capture(pair, "h2", "--count", "3")
    timed = Capture(pair, "h1", "--seconds", "1")
    pair.guest("h1").ping("10.9.0.12", count=3)
    assert "3 packets\n" in counted.wait()
    assert len(counted.read("frame.number")) == 3
    timed.wait()


@pytest.mark.parametrize("words, said", [
    (["h1", "--bpf", "nonsense here"], "syntax error"),
    (["h1", "--bpf", "ip6 protochain 6"], "loops"),
    (["h3"], "there is no port or guest 'h3'"),
    (["h1", "--snap", "0"], "1 to 262144 bytes"),
])
def test_what_is_refused(pair, words, said):
    done = pair.weft("capture", *words, "-w", pair.path / "refused", check=False)
    assert done.returncode in (1, 2) and said in done.stderr
    assert not (pair.path / "refused").exists()


def test_a_reader_that_leaves_ends_it(pair):
    process = pair.start(["sh", "-c", f"{BIN}/weft capture h1 | head -c 60 >/dev/null; echo done >{pair.path}/left"])

    def left():
        pair.guest("h1").ping("10.9.0.12", count=1)
        return process.poll() is not None

    eventually(left, 10, "the end of the capture")
    assert (pair.path / "left").exists()


def test_guests_lose_nothing_to_a_reader_that_sleeps(pair):
    """Its losses are its own, and are counted."""
    pair.guest("h2").iperf3_server()
    capture = Capture(pair, "h1", "h2")
    capture.process.send_signal(signal.SIGSTOP)
    before = pair.json("status")["summary"].get("drop_tx_queue_full", 0)
    gigabits = pair.guest("h1").iperf3("10.9.0.12", seconds=2)
    pair.guest("h1").ping("10.9.0.12", count=3)
    capture.process.send_signal(signal.SIGCONT)
    said = capture.end()
    if gigabits * 2 > 1:
        # Far more than all the queues on the way can hold.
        assert "more were lost: the capture could not follow" in said, said
    assert pair.json("status")["summary"].get("drop_tx_queue_full", 0) == before


def test_killed_it_leaves_nothing(pair):
    """Eight captures are the most at a time, so nine killed ones would show."""
    for _ in range(9):
        capture = Capture(pair, "h1")
        capture.process.kill()
        capture.process.wait()
    last = Capture(pair, "h1", "--count", "1")
    pair.guest("h1").ping("10.9.0.12", count=1)
    last.wait()


def test_datapath_that_ends_ends_the_capture(pair):
    capture = Capture(pair, "h1")
    empty = capture.file.stat().st_size
    pair.guest("h1").ping("10.9.0.12", count=1)
    eventually(lambda: capture.file.stat().st_size > empty, 10, "the first packet")
    pair.revived(pair.kill("datapath"))
    assert capture.process.wait(10) != 0
    assert "the datapath went away" in capture.log.read_text(encoding="utf-8")
    # What came before can be read.
    assert capture.read("frame.number", select="icmp")


HOSTS = """
lab: two
hosts:
  a: {net: underlay, ip: 192.0.2.1}
  b: {net: underlay, ip: 192.0.2.2}
nets:
  underlay: {subnet: 192.0.2.0/24}
  lan: {subnet: 10.1.0.0/24}
guests:
  h1: {net: lan, ip: 10.1.0.11, host: a}
  h2: {net: lan, ip: 10.1.0.12, host: b}
"""


@pytest.mark.parametrize("ports", [["two.h1", "two.h2"], []])
def test_ports_of_several_hosts_in_one_stream(weft, ports):
    need(shutil.which("tshark"), "no tshark")
    (weft.path / "two.yaml").write_text(HOSTS)
    weft.weft("apply", weft.path / "two.yaml")
    h1 = weft.guest("two.h1")
    eventually(lambda: h1.pings("10.1.0.12"), 30, "a way between the hosts")
    capture = Capture(weft, *ports, "--bpf", "icmp")

    def all_seen():
        """Without ports each host begins when it has heard of it."""
        h1.ping("10.1.0.12", count=1)
        return capture.names([b"two.h1", b"two.h2"])

    eventually(all_seen, 10, "packets of both hosts")
    capture.end()
    packets = capture.read("frame.interface_name", "icmp.type", "frame.time_epoch")
    times = [packet[2] for packet in packets]
    assert times == sorted(times)
    got = {tuple(packet[:2]) for packet in packets}
    assert {(port, kind) for port in ("two.h1", "two.h2") for kind in ("0", "8")} <= got
