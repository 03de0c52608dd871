# SPDX-License-Identifier: BSD-3-Clause
"""Whether the peers of tunnels are there: BFD with another's implementation.

    weft ── u0 192.0.2.1    ==== 192.0.2.2    v0 ── far, with BIRD
               2001:db8::1       2001:db8::2
"""

import re
import shutil
import time

import pytest

from conftest import eventually, need


class Bird:
    """BIRD with sessions to those addresses, in the namespace of a guest."""

    def __init__(self, weft, far, sessions):
        need(shutil.which("bird"), "no bird")
        self.far = far
        self.control = weft.path / "bird.ctl"
        config = weft.path / "bird.conf"
        config.write_text("router id 192.0.2.2;\nprotocol device {}\nprotocol bfd {\n"
                          " interface \"*\" { interval 100 ms; multiplier 5; };\n"
                          " multihop { interval 100 ms; multiplier 5; };\n" +
                          "".join(f" neighbor {session};\n" for session in sessions) + "}\n")
        far.start("bird", "-f", "-c", config, "-s", self.control, "-P", weft.path / "bird.pid",
                  log=weft.path / "bird.log")
        eventually(self.control.exists, 5, "bird")

    def says(self, *words):
        return self.far.run("birdc", "-s", self.control, *words).stdout

    def states(self):
        """Address of ours -> state."""
        return dict(re.findall(r"^(\S+)\s+\S+\s+(Up|Down|Init|AdminDown)\b", self.says("show", "bfd", "sessions"), re.M))


@pytest.fixture
def cable(weft):
    far = weft.add_guest("far", "--bare")
    netns = weft.json("ns", "show", "far")["netns"]
    weft.run("ip", "link", "add", "u0", "type", "veth", "peer", "name", "v0", "netns", netns)
    for run, name, host in [(weft.run, "u0", 1), (far.run, "v0", 2)]:
        run("ip", "address", "add", f"192.0.2.{host}/24", "dev", name)
        run("ip", "address", "add", f"2001:db8::{host}/64", "dev", name, "nodad")
        run("ip", "link", "set", name, "up")
    return weft, far


def peer(weft, name):
    return next(row for row in weft.json("peer", "ls") if row["name"] == name)


def events(weft, kind, name):
    return [event for event in weft.json("events") if event["type"] == kind and event.get("object") == f"peer/{name}"]


def test_another_implementation(cable):
    """One hop, over both families."""
    weft, far = cable
    bird = Bird(weft, far, ['192.0.2.1 dev "v0" local 192.0.2.2', '2001:db8::1 dev "v0" local 2001:db8::2'])
    for family, net in [(4, "192.0.2."), (6, "2001:db8::")]:
        weft.weft("tunnel", "add", f"t{family}", "--local", f"{net}1")
        weft.weft("peer", "add", f"p{family}", "--tunnel", f"t{family}", "--remote", f"{net}2",
                  "--bfd", "on", "--bfd-interval", "100ms", "--bfd-multiplier", "5")
    for name in ["p4", "p6"]:
        row = eventually(lambda name=name: next((r for r in weft.json("peer", "ls")
                                                 if r["name"] == name and r.get("bfd_state") == "up"), None),
                         15, f"BFD of {name}")
        assert row["by"] == row["remote"] and row["flaps"] == 0
    eventually(lambda: list(bird.states().values()) == ["Up", "Up"], 10, "BIRD's sessions")
    # Both agree on what was configured.
    row = eventually(lambda: peer(weft, "p4")["interval_us"] == 100000 and peer(weft, "p4"), 10, "the interval")
    assert row["detection_us"] == 500000 and row["rtt_us"] > 0
    far.run("ip", "link", "set", "v0", "down")
    eventually(lambda: peer(weft, "p4")["state"] == "down", 10, "the end of the way")
    assert peer(weft, "p4")["bfd_state"] == "down" and "nothing heard" in peer(weft, "p4")["diagnostic"]
    assert eventually(lambda: events(weft, "peer_down", "p4"), 5)
    far.run("ip", "link", "set", "v0", "up")
    eventually(lambda: peer(weft, "p4")["bfd_state"] == "up", 15, "the way")
    assert eventually(lambda: events(weft, "peer_up", "p4"), 5)
    assert peer(weft, "p4")["state"] == "up" and peer(weft, "p4")["flaps"] >= 1


TWO_WAYS = """
lab: dual
nets:
  left: {subnet: 192.0.2.0/24, mode: isolated}
  right: {subnet: 198.51.100.0/24, mode: isolated}
  lan: {subnet: 10.1.0.0/24, mode: isolated}
hosts:
  a: {net: left, ip: 192.0.2.1, backup-net: right, backup: 198.51.100.1}
  b: {net: left, ip: 192.0.2.2, backup-net: right, backup: 198.51.100.2}
guests:
  g1: {net: lan, host: a, ip: 10.1.0.11}
  g2: {net: lan, host: b, ip: 10.1.0.12}
"""


def longest_gap(log):
    """Seconds between two answers, of `ping -D`."""
    times = [float(at) for at in re.findall(r"^\[([\d.]+)\].*bytes from", log.read_text(), re.M)]
    return max(later - earlier for earlier, later in zip(times, times[1:]))


def test_two_ways_between_hosts(instances):
    """Hosts a and b are on nets left and right; what joins their guests goes by right while left is cut."""
    weft = instances()
    lab = weft.path / "dual.yaml"
    lab.write_text(TWO_WAYS)
    weft.weft("up", lab, timeout=120)
    weft.status()
    assert [host["backup"] for host in weft.json("host", "ls") if host["name"] != "local"] == [
        "198.51.100.1", "198.51.100.2"]
    g1 = weft.guest("dual.g1")
    eventually(lambda: g1.pings("10.1.0.12"), 10, "the guest on the other host")
    log = weft.path / "ping.log"
    g1.start("ping", "-D", "-n", "-i", "0.05", "10.1.0.12", log=log)

    def answered(count):
        before = log.read_text().count("bytes from") if log.exists() else 0
        eventually(lambda: log.read_text().count("bytes from") > before + count, 10, "answers")

    def told(kind):
        return [event for event in weft.json("events") if event["type"] == kind and "host/dual." in event["object"]]

    # Both sessions are up when both ways have been judged; only then is a cut noticed.
    time.sleep(2)
    answered(10)

    def ways():
        return {row["host"]: (row["name"], row["remote"], row["bfd_state"], row["by"]) for row in weft.json("peer", "ls")}

    assert ways() == {"dual.a": ("host/dual.b", "192.0.2.2", "up", "192.0.2.2"),
                      "dual.b": ("host/dual.a", "192.0.2.1", "up", "192.0.2.1")}
    weft.weft("port", "set", "dual.a", "--down")
    eventually(lambda: len(told("failover")) >= 2, 10, "the other way, at both ends")
    answered(20)
    assert ways()["dual.a"] == ("host/dual.b", "192.0.2.2", "down", "198.51.100.2")
    gap = longest_gap(log)
    print(f"longest gap {gap * 1000:.0f} ms")
    assert gap < 1.5
    assert "reached at 198.51.100." in told("failover")[0]["text"]
    assert told("peer_down")
    weft.weft("port", "set", "dual.a", "--no-down")
    eventually(lambda: len(told("failover")) >= 4, 20, "the first way, at both ends")
    answered(5)
    exported = weft.weft("export", "dual").stdout
    assert "backup-net: right" in exported and "backup: 198.51.100.1" in exported
    weft.weft("destroy", "dual")
