# SPDX-License-Identifier: BSD-3-Clause
"""QEMU's NIC in every way that it can be set up: each pair of settings is met in one of eight machines.

    machine A (QEMU) ---+--- lan 10.77.0.0/24 --+--- small (a namespace)
    machine B (QEMU) ---+                       |
                        +--- big 10.78.0.0/24 --+--- large (MTU 9000)
"""

import concurrent.futures
import dataclasses
import hashlib
import itertools
import random
import re
import subprocess

import pytest

from conftest import add_lan, eventually

TRANSFER = 3_000_000

# Sends a datagram each of 99 flows.
FLOWS = """
import socket, sys
for _ in range(99):
    socket.socket(type=socket.SOCK_DGRAM).sendto(b"flow", (sys.argv[1], 9))
"""


@dataclasses.dataclass(frozen=True)
class Setup:
    """One machine's NIC. The last two are not paired with everything."""

    queues: int
    packed: bool
    mergeable: bool
    indirect: bool
    event_idx: bool
    offloads: bool
    mtu: int
    kind: str = "q35"  # or microvm, or legacy: the device of before virtio 1.0
    port_off: bool = False  # it is the port that has no offloads, rather than QEMU

    def __str__(self):
        words = [f"{self.queues}q", "packed" if self.packed else "split", self.mergeable and "mergeable",
                 self.indirect and "indirect", self.event_idx and "event", self.offloads and "offloads", str(self.mtu),
                 self.kind]
        return "-".join(word for word in words if word)

    def properties(self):
        def switch(on, *names):
            return [f"{name}={'on' if on else 'off'}" for name in names]

        words = [*switch(self.packed, "packed"), *switch(self.mergeable, "mrg_rxbuf"),
                 *switch(self.indirect, "indirect_desc"), *switch(self.event_idx, "event_idx")]
        if not self.offloads and not self.port_off:
            words += switch(False, *QEMU_OFFLOADS)
        if self.kind == "legacy":
            words += ["disable-legacy=off", "disable-modern=on"]
        return ",".join(words)

    def features(self):
        """What port show must name."""
        named = {"host_mtu", "protocol_features", "guest_announce"}
        named |= {"version_1"} if self.kind != "legacy" else {"any_layout"}
        named |= {"mq"} if self.queues > 1 else set()
        for on, name in ((self.packed, "packed"), (self.mergeable, "mrg_rxbuf"),
                         (self.indirect, "indirect_desc"), (self.event_idx, "event_idx")):
            named |= {name} if on else set()
        return named | (OFFLOADS if self.offloads else set())


QEMU_OFFLOADS = ["csum", "guest_csum", "host_tso4", "host_tso6", "host_ecn", "guest_tso4", "guest_tso6", "guest_ecn"]
OFFLOADS = set(QEMU_OFFLOADS)

SETUPS = [
    Setup(1, False, False, True, False, False, 1500, kind="microvm"),
    Setup(1, True, True, False, True, True, 9000),
    Setup(2, False, True, True, True, True, 1500),
    Setup(2, True, False, False, False, False, 9000),
    Setup(4, False, True, False, False, True, 9000),
    Setup(4, True, False, True, True, True, 9000),
    Setup(4, True, True, False, True, False, 1500, port_off=True),
    Setup(1, False, False, True, True, True, 1500, kind="legacy"),
]


def test_each_pair_of_settings_is_met():
    fields = ["queues", "packed", "mergeable", "indirect", "event_idx", "offloads", "mtu"]
    for one, other in itertools.combinations(fields, 2):
        met = {(getattr(setup, one), getattr(setup, other)) for setup in SETUPS}
        wanted = {(getattr(a, one), getattr(b, other)) for a in SETUPS for b in SETUPS}
        assert met == wanted, f"{one} with {other}"


class Bench:
    """One machine at work with a namespace of its net."""

    def __init__(self, weft, machines, setup, name, port):
        self.weft, self.setup, self.name, self.port = weft, setup, name, port
        net, partner = ("lan", "small") if setup.mtu == 1500 else ("big", "large")
        flags = ["--offload-off"] if setup.port_off else []
        weft.weft("port", "add", net, "--name", name, "--vhost", f"{name}.vu", "--queues", 4, "--mtu", setup.mtu,
                  *flags)
        self.partner = weft.guest(partner)
        self.partner_ip = self.partner.address(4).split("/")[0]
        boot = machines.microvm if setup.kind == "microvm" else machines.qemu
        self.vm = boot(weft, name, queues=setup.queues, device=setup.properties(), wait=False,
                       options=["-smp", str(setup.queues)])
        self.ip = ""

    def show(self):
        return self.weft.json("port", "show", self.name)

    def check(self):
        self.vm.wait_ready()
        self.ip = self.vm.lease().split("/")[0]
        self.check_negotiation()
        self.check_pings()
        self.check_transfers()
        self.check_speed()
        self.check_queues()
        self.check_records()

    def check_negotiation(self):
        shown = self.show()
        assert set(shown["features"]) == self.setup.features()
        assert shown["pairs"] == self.setup.queues
        assert shown["ring"] == ("packed" if self.setup.packed else "split")
        assert f"mtu {self.setup.mtu} " in self.vm.run("ip link show eth0")
        told = self.vm.run("ethtool -k eth0")
        assert bool(re.search("^tcp-segmentation-offload: on", told, re.M)) == self.setup.offloads

    def check_pings(self):
        self.vm.ping(self.partner_ip)
        self.partner.ping(self.ip)
        before = self.show()
        size = self.setup.mtu - 28
        self.vm.ping(self.partner_ip, size=size)
        self.partner.ping(self.ip, "-s", size, "-M", "do")
        after = self.show()
        # Whole: nobody made fragments of them.
        assert after["rx_packets"] - before["rx_packets"] < 12
        assert after["rx_bytes"] - before["rx_bytes"] >= 6 * (size + 42)
        self.vm.ping(self.partner_ip, size=60000)
        self.partner.ping(self.ip, "-s", 60000)

    def check_transfers(self):
        # busybox ends at the end of either direction: whoever receives keeps its own open.
        sent = random.Random(self.name).randbytes(TRANSFER)
        path = self.weft.path / f"sent-{self.name}"
        path.write_bytes(sent)
        self.vm.run(f"sleep 99 | nc -l -p {self.port} >/tmp/data &")
        self.vm.wait_listening(self.port)
        with open(path, "rb") as stdin:
            self.partner.start("busybox", "nc", self.ip, self.port, stdin=stdin).wait(timeout=30)
        got = self.vm.run("sha256sum /tmp/data")
        assert got.split()[0] == hashlib.sha256(sent).hexdigest()

        path = self.weft.path / f"got-{self.name}"
        receiver = self.partner.start("busybox", "nc", "-l", "-p", self.port, log=path, stdin=subprocess.PIPE)
        eventually(lambda: self.partner.listens(self.port), 5, "the receiver")
        self.vm.run(f"nc {self.partner_ip} {self.port} </tmp/data")
        receiver.wait(timeout=30)
        assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(sent).digest()

    def check_speed(self):
        self.partner.start("iperf3", "-s", "-p", self.port)
        eventually(lambda: self.partner.listens(self.port), 5, "the iperf3 server")
        for way in ([], ["-R"]):
            assert self.vm.iperf3(self.partner_ip, "-p", self.port, "-P", self.setup.queues, *way, seconds=1) > 0

    def check_queues(self):
        """Towards the guest each flow has its queue; what it sends goes by processor."""
        self.partner.run("python3", "-c", FLOWS, self.ip)
        for cpu in range(self.setup.queues):
            self.vm.run(f"taskset {1 << cpu:x} ping -c 1 -W 5 {self.partner_ip}")
            counts = self.vm.run(f"ethtool -S eth0 | grep -E '[rt]x_queue_{cpu}_packets'")
            assert all(int(count) for count in re.findall(r": (\d+)", counts)), counts

    def check_records(self):
        shown = self.show()
        assert shown["rx_bytes"] > TRANSFER and shown["tx_bytes"] > TRANSFER
        assert shown["delivered"] > TRANSFER and shown["kicks"] > 0 and shown["calls"] > 0
        assert shown["connected"] and not shown.get("last_fault")
        events = [event for event in self.weft.json("events", "--last", "100")
                  if event["object"] == f"port/{self.name}"]
        assert events[-1]["text"] == "connected"
        # Before the guest's driver was there, and when it did not keep up.
        reasons = {drop["reason"] for drop in self.weft.json("drops", self.name, "--last", "100")}
        assert reasons <= {"port_down", "tx_queue_full"}


def check_both(one, other):
    """From one machine's memory into the other's."""
    one.vm.ping(other.ip)
    one.vm.ping(other.ip, size=one.setup.mtu - 28)
    one.vm.ping(other.ip, size=60000)
    other.vm.run(f"sleep 99 | nc -l -p {one.port} >/tmp/copy &")
    other.vm.wait_listening(one.port)
    one.vm.run(f"nc {other.ip} {one.port} </tmp/data")
    assert one.vm.run("sha256sum </tmp/data") == other.vm.run("sha256sum </tmp/copy")
    other.vm.iperf3_server()
    for way in ([], ["-R"]):
        assert one.vm.iperf3(other.ip, *way, seconds=1) > 0


@pytest.mark.parametrize("pair", range(len(SETUPS) // 2), ids=lambda pair: f"{SETUPS[2 * pair]},{SETUPS[2 * pair + 1]}")
def test_nic(weft, machines, pair):
    add_lan(weft)
    weft.weft("net", "add", "big", "--subnet", "10.78.0.0/24", "--mode", "nat", "--dhcp", "--mtu", 9000)
    weft.add_guest("small", "--net", "lan").lease()
    weft.add_guest("large", "--net", "big").lease()
    benches = [Bench(weft, machines, SETUPS[2 * pair + side], f"vm{side}", 5300 + side) for side in (0, 1)]
    # Each machine has its own console, and half of the time it waits.
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(bench.check) for bench in benches]:
            done.result()
    if SETUPS[2 * pair].mtu == SETUPS[2 * pair + 1].mtu:
        check_both(*benches)
