# SPDX-License-Identifier: BSD-3-Clause
"""Either process is killed with -9 while guests talk; they keep their network."""

import contextlib
import json
import os
import signal
import subprocess
import time

from conftest import BIN, add_internet, add_lan, eventually


def start_pings(weft, guest, target, count, interval="0.01"):
    log = weft.path / f"pings-{guest}"
    pings = weft.guest(guest).start("ping", "-n", "-i", interval, "-c", count, target, log=log)
    eventually(lambda: "bytes from" in log.read_text(), 5, "the first answer")
    return pings, log


def test_controller_killed_under_load(outside):
    """No packet is lost, and new NATed connections, DHCP, ARP, DNS and names still work."""
    h1, internet = outside.guest("h1"), outside.guest("internet")
    log = internet.serve(80, "hello")
    pings, pings_log = start_pings(outside, "h1", "203.0.113.80", 300)
    # The datapath must not be told to stop, nor the controller to come back: nobody is left to ask.
    shells = [outside.json("ns", "show", name)["netns"] for name in ("h1", "h2")]
    outside.kill("controller")

    def in_h1(*command):
        return outside.run("ip", "netns", "exec", shells[0].rsplit("/", 1)[1], *command, check=False)

    for _ in range(5):
        assert in_h1("curl", "-sS", "--max-time", "3", "http://203.0.113.80/").stdout == "hello\n"
    in_h1("ip", "neigh", "flush", "dev", "eth0")
    assert in_h1("ping", "-n", "-c", "1", "-W", "2", "10.77.0.1").returncode == 0
    assert in_h1("ping", "-n", "-c", "1", "-W", "2", "10.77.0.20").returncode == 0
    assert in_h1("dig", "@10.77.0.1", "+short", "+time=2", "h2.lan.test").stdout.split() == ["10.77.0.20"]
    assert in_h1("udhcpc", "-i", "eth0", "-f", "-q", "-n", "-t", "3", "-T", "1", "-s", "/bin/true").returncode == 0
    pings.wait(timeout=30)
    assert " 0% packet loss" in pings_log.read_text()
    assert log.read_text().count("198.51.100.2") == 5
    outside.weft("up")


def test_controller_restart_changes_nothing(outside):
    before = outside.status()
    pings, log = start_pings(outside, "h1", "203.0.113.80", 200)
    outside.kill("controller")
    outside.weft("up")
    after = outside.status()
    assert after["host"]["pid"] == before["host"]["pid"]
    assert after["host"]["generation"] == before["host"]["generation"]
    assert after["revision"] == before["revision"]
    pings.wait(timeout=30)
    assert " 0% packet loss" in log.read_text()
    outside.guest("h1").ping("h2.lan.test", "-4")


def test_datapath_killed_under_iperf3(outside):
    """It is restarted; interfaces and leases stay, the NATed TCP connection survives."""
    h1, internet = outside.guest("h1"), outside.guest("internet")
    internet.iperf3_server()
    address = h1.run("ip", "-j", "link", "show", "dev", "eth0").stdout
    index = json.loads(address)[0]["ifindex"]
    log = outside.path / "iperf3"
    client = h1.start("iperf3", "-c", "203.0.113.80", "-t", "8", "-i", "0.1", "-J", log=log)
    time.sleep(2)
    outside.revived(outside.kill("datapath"))
    client.wait(timeout=40)
    result = json.loads(log.read_text())
    assert "error" not in result, result.get("error")
    intervals = [step["sum"] for step in result["intervals"]]
    idle = [step for step in intervals if step["bytes"] == 0]
    gap = sum(step["seconds"] for step in idle)
    host = outside.json("host", "ls")[0]
    print(f"no byte for {gap:.2f} s; the controller counted {host.get('last_gap_ms')} ms")
    assert intervals[-1]["bytes"] > 0, "the connection did not come back"
    assert gap < 5
    link = json.loads(h1.run("ip", "-j", "link", "show", "dev", "eth0").stdout)[0]
    assert link["ifindex"] == index, "the guest's interface was made anew"
    assert host["restarts"] == 1


def test_datapath_killed_keeps_learned_state(outside):
    h1 = outside.guest("h1")
    address = h1.address(4)
    connections = "import socket, sys, time; s = socket.create_connection(('203.0.113.80', 7000)); " \
                  "s.sendall(b'a'); s.recv(1); print('up', flush=True); sys.stdin.readline(); " \
                  "s.sendall(b'b'); print(s.recv(1).decode(), flush=True)"
    internet = outside.guest("internet")
    server = "import socket; l = socket.create_server(('', 7000)); c, _ = l.accept()\n" \
             "while data := c.recv(1): c.sendall(data)"
    internet.start("python3", "-c", server)
    eventually(lambda: internet.listens(7000), 5)
    client = h1.start("python3", "-c", connections, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert client.stdout.readline() == b"up\n"
    known = {(row["mac"], row["port"]) for row in outside.json("fdb", "ls")}
    outside.revived(outside.kill("datapath"))
    assert known <= {(row["mac"], row["port"]) for row in outside.json("fdb", "ls")}, "MACs are learnt anew"
    client.stdin.write(b"\n")
    client.stdin.flush()
    assert client.stdout.readline() == b"b\n", "an idle connection was forgotten"
    assert h1.lease() == address


def test_both_killed(outside):
    outside.kill("controller")
    for pid in outside.pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    outside.weft("up")
    outside.status()
    h1 = outside.guest("h1")
    h1.run("ip", "link", "set", "eth0", "up")
    h1.lease()
    h1.ping("203.0.113.80")


def test_down_and_up(lan):
    ports = {port["name"]: port["mac"] for port in lan.json("port", "ls")}
    assert lan.weft("down").stdout == "stopped\n"
    assert lan.weft("status", check=False).returncode == 5
    lan.up()
    assert {port["name"]: port["mac"] for port in lan.json("port", "ls")} == ports
    lan.guest("h1").lease()
    lan.guest("h2").lease()
    lan.guest("h1").ping("10.77.0.20")


def test_two_instances(instances):
    """The same names and addresses twice, side by side."""
    both = [instances("a").up(), instances("b").up()]
    for weft in both:
        add_lan(weft)
        weft.add_guest("h1", "--net", "lan").lease()
        weft.add_guest("h2", "--net", "lan", "--ip", "10.77.0.20").lease()
        add_internet(weft)
    for weft in both:
        weft.guest("h1").ping("10.77.0.20")
        weft.guest("h1").ping("203.0.113.80")
    both[0].weft("destroy")
    both[1].guest("h1").ping("203.0.113.80")


def test_datapath_that_hangs(lan):
    """It keeps nobody waiting for long, and `weft down` ends it too."""
    pid = lan.status()["host"]["pid"]
    os.kill(pid, signal.SIGSTOP)
    assert lan.json("status")["trouble"] == "the datapath does not answer"
    assert [port["name"] for port in lan.json("port", "ls")]
    done = lan.weft("worker", "ls", check=False)
    assert done.returncode == 1 and "'weft down' and 'weft up' replace it" in done.stderr
    assert lan.weft("down").stdout == "stopped\n"
    assert not os.path.exists(f"/proc/{pid}")


def test_up_right_after_kill(instances):
    """A controller that is dying still accepts connections and holds its lock for a moment."""
    weft = instances().up()
    for _ in range(10):
        status = weft.status()
        for pid in (status["pid"], status["host"]["pid"]):
            os.kill(pid, signal.SIGKILL)
        weft.up()


def test_up_four_times_at_once(instances):
    weft = instances()
    starts = [weft.start([BIN / "weft", "up"]) for _ in range(4)]
    assert [start.wait(timeout=20) for start in starts] == [0] * 4
    weft.status()
    assert weft.weft("up").stdout == "already running\n"
