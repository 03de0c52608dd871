# SPDX-License-Identifier: BSD-3-Clause
"""What a net has only once, its router, DHCP and DNS, goes from one host to another: the drawing is in hosts.py."""

import os
import re
import signal

from conftest import DEMO, eventually
from hosts import add_hosts, host


def home(weft, net="lan"):
    return weft.json("net", "show", net)["home"]


def router_of(guest, gateway="10.1.0.1"):
    """The MAC under which the guest knows its router."""
    return guest.run("ip", "neigh", "show", gateway).stdout.split("lladdr ")[1].split()[0]


def leases(weft):
    return {(row["mac"], row["ip"]) for row in weft.json("lease", "ls") if row.get("ip")}


class Client:
    """A DHCP client that stays, and renews when it is told to."""

    def __init__(self, weft, name, host_name):
        self.guest = weft.add_guest(name, "--net", "lan", "--host", host_name)
        self.log = weft.path / f"udhcpc-{name}"
        self.guest.start("udhcpc", "-i", "eth0", "-f", "-n", "-t", "8", "-T", "1", "-x", f"hostname:{name}", "-s",
                         DEMO / "lease", "-p", str(weft.path / f"udhcpc-{name}.pid"), log=self.log)
        self.pid = weft.path / f"udhcpc-{name}.pid"
        eventually(self.acks, 20, f"a lease of {name}")
        self.address = self.guest.address(4)

    def acks(self):
        return self.log.read_text().count("obtained")

    def renew(self):
        before = self.acks()
        self.guest.run("kill", "-USR1", self.pid.read_text().strip())
        eventually(lambda: self.acks() > before, 10, f"the renewal of {self.guest.name}: {self.log.read_text()}")
        assert "NAK" not in self.log.read_text() and self.guest.address(4) == self.address


def test_home_moves(weft):
    """Leases, names and the router's MAC are the same there, and pings go on; undo takes all of it back."""
    add_hosts(weft)
    clients = [Client(weft, "g", "a"), Client(weft, "o", "b")]
    guest, stranger = clients[0].guest, weft.add_guest("n", "--net", "lan", "--host", "b")
    assert home(weft) == "a"
    guest.ping("10.1.0.1")
    mac, given = router_of(guest), leases(weft)
    assert len(given) == 2
    for target, command in [("b", ["net", "set", "lan", "--host", "b"]), ("a", ["undo"])]:
        log = weft.path / f"stream-{target}"
        stream = guest.start("ping", "-n", "-i", "0.01", "-w", "3", "10.1.0.1", log=log)
        eventually(lambda log=log: log.read_text().count("ttl="), 5, "the first answer")
        weft.weft(*command)
        assert home(weft) == target
        stream.wait(timeout=20)
        sent, received = [int(word) for word in re.findall(r"(\d+) (?:packets transmitted|received)", log.read_text())]
        print(f"home to {target}: {sent - received} of {sent} pings lost, one each 10 ms")
        assert sent - received < sent / 4, (sent, received)
        assert router_of(guest) == mac and given <= leases(weft)
        # The home that never gave them knows them: it gives nobody else their addresses, and renews them.
        stranger.run("udhcpc", "-i", "eth0", "-f", "-q", "-n", "-t", "8", "-T", "1", "-s", DEMO / "lease", "-r",
                     clients[0].address.split("/")[0])
        assert stranger.address(4) not in [client.address for client in clients]
        stranger.run("ip", "address", "flush", "dev", "eth0")
        for client in clients:
            client.renew()
        guest.ping("o.lan.test", "-4", count=1)
        assert given <= leases(weft)
    events = [event["text"] for event in weft.json("events") if event["type"] == "home_moved"]
    assert events[-2:] == ["host b serves it now, and host a no longer", "host a serves it now, and host b no longer"]


def test_home_leaves_a_host_that_hangs(weft):
    """It is not waited for, and when it answers again it serves nothing any more."""
    add_hosts(weft)
    client = Client(weft, "g", "a")
    weft.add_guest("o", "--net", "lan", "--host", "b")
    weft.weft("net", "set", "lan", "--host", "b")
    client.renew()
    pid = host(weft, "b")["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        eventually(lambda: host(weft, "b")["state"] in ("lagging", "absent"), 20, "what is seen of host b")
        done = weft.weft("net", "set", "lan", "--host", "a")
        assert "host b" in done.stdout + done.stderr, done
        client.guest.ping("10.1.0.1", count=1)
        client.renew()
    finally:
        os.kill(pid, signal.SIGCONT)
    eventually(lambda: host(weft, "b")["state"] == "ready", 30, "host b")
    assert not [row for row in weft.json("fdb", "ls") if row["host"] == "b" and row["port"] == "lan"]
    client.renew()
    # Its own things are waited for as ever.
    done = weft.weft("host", "delete", "b", check=False)
    assert done.returncode == 1, done.stdout


def test_home_of_a_router(weft):
    """All its legs go together; who asks for a leg alone, or removes the home, is told what to do."""
    add_hosts(weft)
    weft.weft("net", "add", "web", "--subnet", "10.2.0.0/24", "--mode", "nat")
    weft.add_guest("w", "--net", "web", "--host", "a")
    assert home(weft, "web") == "a"
    for _ in range(2):
        done = weft.weft("net", "set", "web", "--host", "b", check=False)
        hint = re.search(r"(weft router \w+ gw --host b)", done.stderr)
        assert done.returncode == 1 and hint, done.stderr
        weft.weft(*hint[1].split()[1:])
        assert home(weft, "web") == "b"
    weft.weft("net", "set", "lan", "--host", "b")
    weft.weft("ns", "add", "o", "--net", "lan", "--host", "a")
    # It is named, one after the other; or both go by themselves, with all that is at the host.
    hints = set()
    while (done := weft.weft("host", "delete", "b", check=False)).returncode:
        hint = re.search(r"'weft (.* --host) HOST'", done.stderr)
        assert hint and hint[1] not in hints, done.stderr
        hints.add(hint[1])
        weft.weft(*hint[1].split(), "a")
    assert hints == {"router set gw --host", "net set lan --host"}
    for _ in hints:
        weft.weft("undo")
    weft.weft("undo")
    assert home(weft) == home(weft, "web") == "b"
    weft.weft("host", "delete", "b", "--cascade")
    assert home(weft) == home(weft, "web") == "a"
