# SPDX-License-Identifier: BSD-3-Clause
"""A host on another machine, as several tests need it: `from elsewhere import fixture_elsewhere  # noqa: F401`.

      machine of the controller                 the other machine
    +---------------------------+             +------------------------------+
    | weft-controller           |             | weft-datapath --bundle ...   |
    | 192.0.2.1:7411   cable ---+-------------+--- cable 192.0.2.2           |
    | weft-datapath (local)     |             |   x1 --- [x1n]  10.9.0.1     |
    +---------------------------+             |   x2 --- [x2n]  10.9.0.2     |
                                              +------------------------------+
Both are namespaces of this machine, which share nothing but the cable.
"""

import pytest
from conftest import BIN, eventually

LISTEN = "192.0.2.1:7411"


class Elsewhere:
    """The other machine, with a datapath of its own."""

    def __init__(self, weft, machine):
        self.weft = weft
        self.machine = machine
        self.bundle = machine.path / "b.bundle"
        self.log = machine.path / "datapath.log"
        self.process = None

    def start(self, bundle=None):
        self.process = self.machine.start(
            [BIN / "weft-datapath", "--bundle", bundle or self.bundle, "--run-dir", self.machine.path],
            log=self.log)

    def stop(self, process=None):
        (process or self.process).kill()
        (process or self.process).wait()

    def enrol(self, *words):
        self.weft.weft("host", "enrol", "b", "--out", self.bundle, *words)

    def says(self, *words):
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return all(word in text for word in words) and text

    def host(self):
        return next(host for host in self.weft.json("host", "ls") if host["name"] == "b")

    def wait_ready(self):
        eventually(lambda: self.host()["state"] == "ready", 30, "host b")

    def refused(self, *words):
        """What the controller tells of b, at `weft host ls` and among the events."""
        text = eventually(lambda: self.host().get("refused"), 30, "a refusal")
        assert all(word in text for word in words), text
        return text

    def events(self, kind):
        return [event for event in self.weft.json("events", "--last", "200") if event["type"] == kind]

    def inside(self, space, *command):
        return self.machine.run("ip", "netns", "exec", space, *command, check=False)

    def pings(self):
        return self.inside("x1n", "ping", "-n", "-c", "1", "-W", "2", "10.9.0.2").returncode == 0

    def add_ports(self, net="lan"):
        for number in (1, 2):
            space, door, address = f"x{number}n", f"x{number}", f"10.9.0.{number}/24"
            for command in [f"netns add {space}", f"link add {door} type veth peer name eth0 netns {space}",
                            f"link set {door} up", f"-n {space} link set eth0 up",
                            f"-n {space} address add {address} dev eth0"]:
                self.machine.run("ip", *command.split())
            self.weft.weft("port", "add", net, "--name", door, "--host", "b", "--netdev", door)


@pytest.fixture(name="elsewhere")
def fixture_elsewhere(instances):
    weft, machine = instances("here"), instances("there")
    weft.run("ip", "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", str(machine.anchor.pid))
    for side, address in ((weft, "192.0.2.1/24"), (machine, "192.0.2.2/24")):
        side.run("ip", "address", "add", address, "dev", "cable")
        side.run("ip", "link", "set", "cable", "up")
    weft.weft("up", "--listen", LISTEN)
    weft.status()
    weft.weft("net", "add", "lan", "--mode", "isolated")
    weft.weft("host", "add", "b", "--remote")
    return Elsewhere(weft, machine)
