# SPDX-License-Identifier: BSD-3-Clause
"""Several datapaths under one controller, each in a namespace of its own: the drawing is in hosts.py."""

import os
import re
import signal
import time

from conftest import BIN, eventually, is_alive
from hosts import add_host, add_hosts, host, kill


def test_guests_live_on_their_host(weft):
    """Two guests of host a reach each other there; the underlay joins the hosts; a dies and nobody notices."""
    add_hosts(weft)
    a1 = weft.add_guest("a1", "--net", "lan", "--host", "a")
    a2 = weft.add_guest("a2", "--net", "lan", "--host", "a", "--ip", "10.1.0.22")
    a1.lease()
    a2.lease()
    a1.ping("a2.lan.test", "-4")
    weft.guest("a").ping("192.0.2.2")
    assert {port["name"]: port.get("host") for port in weft.json("port", "ls")} == {
        "a": None, "b": None, "a1": "a", "a2": "a"}
    assert {row["host"] for row in weft.json("fdb", "ls") if row["port"] in ("a1", "a2")} == {"a"}
    assert weft.json("net", "show", "lan")["home"] == "a"
    assert weft.json("trace", "a1", "a2", "icmp")["forwarded"]
    others = {name: host(weft, name)["generation"] for name in ("local", "b")}
    killed = kill(weft, "a")
    eventually(lambda: host(weft, "a")["state"] == "ready" and host(weft, "a")["pid"] != killed, 10, "another a")
    a1.ping("10.1.0.22")
    assert {name: host(weft, name)["generation"] for name in others} == others
    assert host(weft, "a")["restarts"] == 1
    assert [event["type"] for event in weft.json("events") if event.get("host") == "a"][-3:] == [
        "host_gone", "host_died", "host_ready"]


def test_change_of_two_hosts_is_all_or_none(weft):
    """What host b cannot have, host a has not either; a host that is away is refused by name, others go on."""
    add_hosts(weft)
    weft.weft("port", "add", "lan", "--name", "pb", "--host", "b", "--pcap-write", str(weft.path / "b.pcap"))
    before = {name: host(weft, name)["objects"] for name in ("a", "b")}
    # The net's home moves from b to local, where the interface is missing.
    done = weft.weft("port", "add", "lan", "--name", "pl", "--netdev", "nosuch0", check=False)
    assert done.returncode == 1 and "nosuch0" in done.stderr, done.stderr
    assert {name: host(weft, name)["objects"] for name in before} == before
    os.kill(host(weft, "b")["pid"], signal.SIGSTOP)
    try:
        weft.weft("port", "add", "underlay", "--name", "free", "--pcap-write", str(weft.path / "l.pcap"))
    finally:
        os.kill(host(weft, "b")["pid"], signal.SIGCONT)
    weft.weft("port", "add", "lan", "--name", "pb2", "--host", "b", "--pcap-write", str(weft.path / "b2.pcap"))


def test_hung_host_holds_up_nobody(weft):
    """The datapath of b is stopped: its own change is refused by its name, others do not wait, and it catches up."""
    add_hosts(weft)
    for name in ("a", "b"):
        weft.weft("port", "add", "lan", "--name", f"p{name}", "--host", name, "--pcap-write", str(weft.path / name))
    pid = host(weft, "b")["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        hung = weft.start([str(BIN / "weft"), "port", "add", "lan", "--name", "pb2", "--host", "b",
                           "--pcap-write", str(weft.path / "b2")])
        time.sleep(0.2)
        # Concerns b only in that it is told where the port is.
        weft.weft("port", "add", "lan", "--name", "pa2", "--host", "a", "--mac", "02:00:00:00:00:22",
                  "--pcap-write", str(weft.path / "a2"))
        assert hung.poll() is None and host(weft, "b")["state"] == "lagging"
        hung.communicate(timeout=40)
        assert hung.returncode == 1
        done = weft.weft("port", "delete", "pb", check=False)
        assert done.returncode == 1 and "host b does not answer" in done.stderr, done.stderr
        assert host(weft, "b")["state"] == "absent"
    finally:
        os.kill(pid, signal.SIGCONT)
    eventually(lambda: host(weft, "b")["state"] == "ready", 20, "host b")
    assert host(weft, "b")["pid"] == pid
    assert [port["name"] for port in weft.json("port", "ls") if port["name"][0] == "p"] == ["pa", "pa2", "pb"]
    assert {"host_lagging", "host_gone", "host_ready"} <= {e["type"] for e in weft.json("events") if e.get("host") == "b"}
    assert any(row["mac"] == "02:00:00:00:00:22" and row["host"] == "b" for row in weft.json("fdb", "ls"))
    weft.weft("port", "delete", "pb")


def test_hosts_killed_during_changes_of_several(weft):
    """Each change moves a net's home between two hosts, of which one is killed at some moment of it."""
    add_hosts(weft)
    weft.weft("port", "add", "lan", "--name", "pb", "--host", "b", "--pcap-write", str(weft.path / "b.pcap"))
    add, delete = ["add", "lan", "--name", "pl", "--pcap-write", str(weft.path / "l.pcap")], ["delete", "pl"]
    was_there = False
    for delay in [0, 0, 0.01, 0.01, 0.03, 0.03]:
        change = weft.start([str(BIN / "weft"), "port", *(delete if was_there else add)])
        time.sleep(delay)
        kill(weft, "b")
        done = change.wait(timeout=40) == 0
        eventually(lambda: host(weft, "b")["state"] == "ready", 20, "host b")
        is_there = "pl" in [port["name"] for port in weft.json("port", "ls")]
        assert (is_there != was_there) == done, "what was answered is not what is"
        was_there = is_there
    eventually(lambda: all(record["state"] == "ready" for record in weft.json("host", "ls")), 10, "all hosts")
    # What each holds is what the store says: a controller that starts anew has nothing to send.
    before = {record["name"]: (record["generation"], record["objects"]) for record in weft.json("host", "ls")}
    weft.kill("controller")
    weft.weft("up")
    eventually(lambda: all(record["state"] == "ready" for record in weft.json("host", "ls")), 10, "all hosts")
    assert {record["name"]: (record["generation"], record["objects"]) for record in weft.json("host", "ls")} == before


def test_controller_restart_finds_all(weft):
    add_hosts(weft)
    weft.add_guest("a1", "--net", "lan", "--host", "a")
    before = {record["name"]: (record["pid"], record["generation"]) for record in weft.json("host", "ls")}
    weft.kill("controller")
    weft.weft("up")
    eventually(lambda: all(record["state"] == "ready" for record in weft.json("host", "ls")), 10, "all hosts")
    assert {record["name"]: (record["pid"], record["generation"]) for record in weft.json("host", "ls")} == before


def test_second_controller_is_refused(weft):
    """One store, one controller: the second says who has it, and the first does not notice."""
    before = weft.status()
    other = weft.path / "other"
    done = weft.run(BIN / "weft-controller", "--run-dir", other, "--state-dir", weft.state_dir, check=False, timeout=20)
    assert done.returncode != 0
    assert f"another weft-controller with pid {before['pid']} has the state" in done.stderr, done.stderr
    weft.weft("net", "add", "later")
    assert weft.status()["host"]["pid"] == before["host"]["pid"]


def test_host_is_undone(weft):
    """A host that is undone, or not confirmed, goes with its process and its namespace."""
    add_hosts(weft)
    add_host(weft, "c", "192.0.2.3")
    pid = host(weft, "c")["pid"]
    weft.weft("undo")
    assert not is_alive(pid) and [r["name"] for r in weft.json("host", "ls")] == ["local", "a", "b"]
    weft.weft("host", "add", "c", "--net", "underlay", "--ip", "192.0.2.3", "--confirm", "2s")
    eventually(lambda: host(weft, "c")["state"] == "ready", 10, "host c")
    pid = host(weft, "c")["pid"]
    eventually(lambda: [r["name"] for r in weft.json("host", "ls")] == ["local", "a", "b"], 10, "the end of host c")
    assert not is_alive(pid)
    assert "c" not in [guest["name"] for guest in weft.json("ns", "ls")]


def test_bad_hosts_are_refused(weft):
    """With the object, the reason and what to do; nothing changes."""
    add_hosts(weft)
    before = weft.revision()
    for words, expected in [
            (["host", "add", "c"], "--net NET"),
            (["host", "add", "c", "--net", "nosuch", "--ip", "192.0.2.9"], "there is no net 'nosuch'"),
            (["host", "add", "a", "--net", "underlay", "--ip", "192.0.2.9"], "already"),
            (["host", "add", "c", "--net", "underlay", "--ip", "192.0.2.1"], "already that of port/a"),
            (["host", "add", "c" * 40, "--net", "underlay", "--ip", "192.0.2.9"], "at most 32"),
            (["ns", "add", "g", "--net", "lan", "--host", "aa"], "did you mean 'a'"),
            (["net", "add", "n", "--subnet", "10.9.0.0/24", "--mode", "nat", "--host", "a"], "weft router add gw --host a"),
            (["host", "delete", "local"], "there is no host 'local'"),
    ]:
        done = weft.weft(*words, check=False)
        assert done.returncode in (1, 2) and expected in done.stderr, (words, done.stderr)
    assert weft.revision() == before
    # An interface goes to another host as it is, and for good.
    weft.add_guest("g1", "--net", "lan", "--host", "a")
    for more, expected in [(["--confirm", "5s"], "for good, and not on trial"), (["--queues", "2"], "something else of it")]:
        done = weft.weft("port", "set", "g1", "--host", "b", *more, check=False)
        assert done.returncode == 1 and expected in done.stderr, done.stderr
    weft.weft("ns", "delete", "g1")
    # A remote host is not of this machine.
    weft.weft("host", "add", "far", "--remote")
    done = weft.weft("ns", "add", "g", "--net", "lan", "--host", "far", check=False)
    assert "is another" in done.stderr, done.stderr
    weft.weft("host", "add", "local", "--ip", "192.0.2.100")
    assert host(weft, "local")["ip"] == "192.0.2.100"


def test_guest_moves_between_hosts(weft):
    """Its interface goes from one datapath to the next while it is in use: nothing in the guest is another then."""
    add_hosts(weft)
    guest = weft.add_guest("g", "--net", "lan", "--host", "a", "--ip", "10.1.0.10", "--static")
    peer = weft.add_guest("o", "--net", "lan", "--host", "a", "--ip", "10.1.0.20", "--static")
    inside = guest.start("sleep", "100")
    link = lambda: guest.run("ip", "-o", "link", "show", "eth0").stdout.split(" state ")[0]  # noqa: E731
    before = link()
    peer.ping("10.1.0.10", count=1)
    # Both go to b, one after the other; what cannot be had there takes all back.
    weft.weft("port", "set", "g", "--host", "b")
    weft.weft("ns", "set", "o", "--host", "b")
    assert {port["name"]: port["host"] for port in weft.json("port", "ls") if port["name"] in "go"} == {"g": "b", "o": "b"}
    stream = peer.start("ping", "-n", "-q", "-i", "0.02", "-w", "3", "10.1.0.10", log=weft.path / "stream")
    for name in ("g", "o"):
        weft.weft("port", "set", name, "--host", "a")
    stream.wait(timeout=20)
    # The hosts have a way to each other, so what is lost is what was on its way.
    sent, received = [int(word) for word in re.findall(r"(\d+) (?:packets transmitted|received)", (weft.path / "stream").read_text())]
    assert sent - received < sent / 4, (sent, received)
    assert link() == before and inside.poll() is None
    peer.ping("10.1.0.10", count=1)
    assert {row["host"] for row in weft.json("fdb", "ls") if row["port"] in ("g", "o")} == {"a"}
    # Who had it once does not end it when it comes back, and who has it keeps it over its death.
    for name in ("b", "a"):
        killed = kill(weft, name)
        eventually(lambda: host(weft, name)["state"] == "ready" and host(weft, name)["pid"] != killed, 20, name)
    peer.ping("10.1.0.10", count=1)
    assert link() == before
    weft.weft("undo")
    # A net on two hosts has room for the tunnel's headers: the MTU follows, the interface stays.
    assert link() == before.replace("mtu 1500", "mtu 1450") and inside.poll() is None
    assert [port["host"] for port in weft.json("port", "ls") if port["name"] == "o"] == ["b"]
    weft.weft("ns", "delete", "g")


def test_hosts_go_without_a_trace(weft):
    add_hosts(weft)
    weft.add_guest("a1", "--net", "lan", "--host", "a")
    pid = host(weft, "a")["pid"]
    done = weft.weft("host", "delete", "a", check=False)
    assert done.returncode == 1 and "port/a1" in done.stderr
    done = weft.weft("ns", "delete", "a", check=False)
    assert done.returncode == 1 and "host/a" in done.stderr
    weft.weft("ns", "delete", "a1")
    weft.weft("host", "delete", "a")
    assert not is_alive(pid)
    assert not (weft.run_dir / "hosts" / "a").exists()
    assert [record["name"] for record in weft.json("host", "ls")] == ["local", "b"]
    pid = host(weft, "b")["pid"]
    weft.weft("destroy")
    assert not is_alive(pid)
    assert not weft.run_dir.exists()
