# SPDX-License-Identifier: BSD-3-Clause
"""A host on another machine: enrolled, let in over TLS, in nets with this one, turned away, back by digest: the drawing is
in elsewhere.py.
"""

import os
import signal
import stat
import subprocess
import time

from conftest import BIN, eventually
from elsewhere import LISTEN, fixture_elsewhere  # noqa: F401


def test_enrolled_host_serves_and_comes_back_by_digest(elsewhere):
    weft = elsewhere.weft
    elsewhere.enrol()
    for path in (elsewhere.bundle, weft.state_dir / "pki" / "authority.pem"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    elsewhere.start()
    elsewhere.wait_ready()
    assert elsewhere.host()["from"].startswith("192.0.2.2:")
    assert elsewhere.host()["certificate"] == "valid"
    assert f"{time.localtime().tm_year + 1}-" in weft.weft("host", "show", "b").stdout
    elsewhere.add_ports()
    eventually(elsewhere.pings, 10, "a ping through host b")
    generation = elsewhere.host()["generation"]

    # Without its controller it goes on; and what it holds is not written anew afterwards.
    pid = weft.status()["pid"]
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: elsewhere.says("carrying on"), 10, "the loss of the controller")
    assert elsewhere.pings()
    # Where it listens it knows from the first start.
    weft.weft("up")
    elsewhere.wait_ready()
    assert elsewhere.host()["generation"] == generation
    assert elsewhere.pings()

    # What changed while it was away comes alone.
    elsewhere.stop()
    eventually(lambda: elsewhere.host()["state"] == "absent", 10, "the end of host b")
    elsewhere.start()
    elsewhere.wait_ready()
    eventually(elsewhere.pings, 10, "a ping through a new datapath")
    assert weft.weft("up", "--listen", "192.0.2.1:7412", check=False).returncode == 1

    # One that is lost for good is removed without it.
    elsewhere.stop()
    eventually(lambda: elsewhere.host()["state"] == "absent", 10, "the end of host b")
    weft.weft("host", "delete", "b", "--cascade")
    assert [port["name"] for port in weft.json("port", "ls")] == []

    # It is forgotten on request, and what cannot be had is refused, and not kept.
    for words, listens in ([], LISTEN), (["--listen", "none"], None), ([], None):
        weft.weft("down")
        weft.weft("up", *words)
        assert weft.status().get("listen") == listens
    weft.weft("down")
    assert weft.weft("up", "--listen", "203.0.113.1:7411", check=False).returncode == 1
    weft.weft("up")
    assert weft.status().get("listen") is None


def test_net_spans_both_machines(elsewhere):
    """Guests of here and there in one net, by VXLAN over the cable, while the controller lives and when it is dead."""
    weft = elsewhere.weft
    weft.weft("host", "set", "local", "--ip", "192.0.2.1")
    weft.weft("host", "set", "b", "--ip", "192.0.2.2")
    weft.weft("net", "add", "span", "--subnet", "10.9.0.0/24", "--mode", "isolated", "--dhcp")
    here = weft.add_guest("h1", "--net", "span", "--ip", "10.9.0.10")
    elsewhere.enrol()
    elsewhere.start()
    elsewhere.wait_ready()
    elsewhere.add_ports("span")
    assert here.lease() == "10.9.0.10/24"
    here.ping("10.9.0.1")

    # What is on the other machine gets its address from this one, over the tunnel.
    elsewhere.machine.run("ip", "-n", "x2n", "address", "flush", "dev", "eth0")
    out = elsewhere.inside("x2n", "udhcpc", "-i", "eth0", "-f", "-q", "-n", "-t", "8", "-T", "1", "-s", "/bin/true")
    assert "obtained" in out.stdout + out.stderr, out

    os.kill(weft.status()["pid"], signal.SIGKILL)
    eventually(lambda: elsewhere.says("carrying on"), 10, "the loss of the controller")
    here_pid = weft.run("ip", "netns", "exec", "h1", "ping", "-n", "-c", "1", "-W", "2", "10.9.0.1", check=False)
    assert here_pid.returncode == 0
    weft.weft("up", "--listen", LISTEN)
    elsewhere.wait_ready()
    here.ping("10.9.0.1")


def test_revoked_and_renewed(elsewhere):
    weft = elsewhere.weft
    elsewhere.enrol()
    elsewhere.start()
    elsewhere.wait_ready()
    serial = elsewhere.host()["certificate_serial"]

    # Two with the same bundle: the newcomer wins, the events say so, and one of them stays.
    rival = elsewhere.machine.start([BIN / "weft-datapath", "--bundle", elsewhere.bundle])
    eventually(lambda: any("took its place" in e["text"] for e in elsewhere.events("host_gone")), 10, "the rival")
    elsewhere.stop(rival)
    elsewhere.wait_ready()

    weft.weft("host", "revoke", "b")
    eventually(lambda: elsewhere.says("refused our certificate", serial, "it was revoked"), 30, "the refusal")
    elsewhere.refused(serial, "was revoked at")
    assert elsewhere.host()["state"] == "absent"
    assert elsewhere.host()["certificate"] == "revoked"
    time.sleep(1)
    assert len(elsewhere.events("host_refused")) == 1

    # The datapath reads its bundle anew, and needs no restart.
    elsewhere.enrol()
    elsewhere.wait_ready()
    assert elsewhere.host()["certificate_serial"] != serial
    assert "refused" not in elsewhere.host()

    # A host that is removed is out, also when that is undone, which says so; one of the same name is another.
    weft.weft("host", "delete", "b")
    assert "weft host enrol b" in weft.weft("undo").stdout
    weft.weft("host", "delete", "b")
    weft.weft("host", "add", "b", "--remote")
    elsewhere.refused("was revoked at")
    done = weft.weft("host", "revoke", "b", check=False)
    assert done.returncode == 1 and "no certificate that holds" in done.stderr


def test_expired_and_strangers_are_turned_away(elsewhere, instances):
    weft = elsewhere.weft
    elsewhere.enrol("--valid", "1s")
    time.sleep(2)
    elsewhere.start()
    elsewhere.refused("of 'b' was valid until")
    text = eventually(lambda: elsewhere.says("refused our certificate", "it has expired"), 10, "the refusal")
    assert "weft host enrol" in text or "valid until" in text
    event = elsewhere.events("host_refused")[0]
    assert event["object"] == "host/b" and "192.0.2.2" in event["text"]
    elsewhere.stop()

    # Another authority, whose host has the same name.
    other = instances("other").up()
    theirs = elsewhere.machine.path / "theirs.bundle"
    other.weft("host", "add", "b", "--remote")
    other.weft("host", "enrol", "b", "--out", theirs, "--address", LISTEN)
    elsewhere.start(theirs)
    eventually(lambda: elsewhere.says("of 'controller'", "is of another authority"), 10, "the stranger's refusal")
    assert elsewhere.host()["state"] == "absent"
    elsewhere.stop()

    # Whoever speaks something else; and then one that may come in.
    elsewhere.machine.run("sh", "-c", "curl -s -m 2 http://192.0.2.1:7411/ || true")
    eventually(lambda: any("does not speak TLS" in e["text"] for e in elsewhere.events("host_refused")), 10,
               "the browser's refusal")
    elsewhere.enrol()
    elsewhere.start()
    elsewhere.wait_ready()
    assert weft.status()["hosts"] == 2


def test_plain_tcp_is_refused_off_loopback(instances):
    weft = instances("weft")
    done = weft.run(BIN / "weft-datapath", "--controller", "tcp://192.0.2.1:7411", check=False)
    assert done.returncode == 2 and "plain TCP to 192.0.2.1:7411: without a bundle" in done.stderr
    done = weft.weft("up", "--listen-plain", "b@0.0.0.0:7411", check=False)
    assert done.returncode == 1 and "plain TCP at 0.0.0.0:7411: without TLS" in done.stderr

    # Within the machine it works, for one host.
    weft.weft("up", "--listen-plain", "b@127.0.0.1:7411")
    weft.status()
    weft.weft("host", "add", "b", "--remote")
    weft.start([BIN / "weft-datapath", "--controller", "tcp://127.0.0.1:7411"])
    eventually(lambda: [h["state"] for h in weft.json("host", "ls") if h["name"] == "b"] == ["ready"], 20, "host b")


def test_bad_enrolments_are_refused(elsewhere):
    weft = elsewhere.weft
    for words, code, what in [
            (("enrol", "nobody"), 1, "there is no host 'nobody'"),
            (("enrol", "local"), 1, "there is no host 'local'"),
            (("enrol", "b", "--address", "example.com:7411"), 1, "is not an address with a port"),
            (("enrol", "b", "--valid", "0s"), 1, "for a second at least"),
            (("enrol", "b", "--out", "/nowhere/b.bundle"), 1, "could not be written"),
            (("enrol", "b", "--valid", "soon"), 2, "soon"),
            (("revoke", "nobody"), 1, "has no certificate that holds")]:
        done = weft.weft("host", *words, check=False)
        assert done.returncode == code, (words, done.stderr)
        assert what in done.stderr, (words, done.stderr)
    done = subprocess.run([BIN / "weft-datapath", "--bundle", "/etc/hostname"], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 2 and "bundle '/etc/hostname'" in done.stderr


def test_topology_that_needs_a_host_outside(elsewhere, instances):
    """A file that uses a host whose certificate will not do is refused at once, at its place, and nothing is changed."""
    weft = elsewhere.weft
    path = weft.path / "lab.yaml"
    before = "lab: lab\nhosts:\n  far: {remote: true, ip: 192.0.2.2}\nnets:\n  wide: {subnet: 10.7.0.0/24}\n"
    path.write_text(before)
    weft.weft("apply", path)
    path.write_text(before + "guests:\n  near: {net: wide}\n"
                    "  x1:\n    kind: external\n    net: wide\n    interface: x1\n    host: far\n")

    def enrol(*words):
        weft.weft("host", "enrol", "far", "--out", elsewhere.bundle, *words)

    def is_refused(*words):
        revision = weft.revision()
        for command in (["plan", path], ["apply", path], ["apply", path, "--dry-run"]):
            start = time.monotonic()
            done = weft.weft(*command, check=False)
            assert done.returncode == 1 and time.monotonic() - start < 2, (command, done.stdout, done.stderr)
            for word in (f"{path}:12:11:", "cannot come in", "weft host enrol far", *words):
                assert word in done.stderr, (word, done.stderr)
        assert weft.revision() == revision and not weft.json("ns", "ls")

    enrol("--valid", "1s")
    time.sleep(1.2)
    is_refused("was valid until")
    enrol()
    weft.weft("host", "revoke", "lab.far")
    is_refused("was revoked at")

    # Of another authority: it refuses us, and does not say who it is; its address does.
    enrol()
    other, theirs = instances("other").up(), elsewhere.machine.path / "theirs.bundle"
    other.weft("host", "add", "far", "--remote")
    other.weft("host", "enrol", "far", "--out", theirs, "--address", LISTEN)
    elsewhere.start(theirs)
    eventually(lambda: elsewhere.says("is of another authority"), 10, "the stranger's refusal")
    is_refused("refused our certificate")
    elsewhere.stop()

    # With a bundle that will do it is let in, and so is the file.
    elsewhere.machine.run("ip", "link", "add", "x1", "type", "veth", "peer", "name", "x1-peer")
    elsewhere.start()
    eventually(lambda: [h["state"] for h in weft.json("host", "ls") if h["name"] == "lab.far"] == ["ready"], 20, "far")
    weft.weft("apply", path)
    assert {port["name"]: port.get("host") for port in weft.json("port", "ls")}["lab.x1"] == "lab.far"
