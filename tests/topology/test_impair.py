# SPDX-License-Identifier: BSD-3-Clause
"""Impairments as programs meet them.

    a (10.9.0.11) ---- net lan ---- b (10.9.0.12)
"""

import re

import pytest

from conftest import eventually
from test_vguest import add_ports, vguest


@pytest.fixture
def pair(weft):
    weft.weft("net", "add", "lan", "--mode", "isolated", "--subnet", "10.9.0.0/24", "--subnet6", "none")
    weft.add_guest("a", "--net", "lan", "--ip", "10.9.0.11", "--static")
    weft.add_guest("b", "--net", "lan", "--ip", "10.9.0.12", "--static")
    weft.guest("a").ping("10.9.0.12", count=1)
    return weft


def test_delay_of_each_direction(pair):
    pair.weft("impair", "port", "a", "--out", "delay", "30ms")
    assert pair.guest("a").ping("10.9.0.12") >= 30
    pair.weft("impair", "port", "b", "delay", "50ms")
    assert 130 <= pair.guest("a").ping("10.9.0.12") < 1000
    names = [row["name"] for row in pair.json("impair", "ls")]
    assert names == ["a:out", "b:in", "b:out"]
    pair.weft("impair", "clear", "a:out", "b")
    assert pair.json("impair", "ls") == []
    assert pair.guest("a").ping("10.9.0.12") < 25


def test_loss_is_counted_and_explained(pair):
    pair.weft("impair", "port", "b", "--in", "loss", "50%", "--seed", "7")
    out = pair.guest("a").run("ping", "-c", "40", "-i", "0.01", "-W", "1", "10.9.0.12", check=False).stdout
    received = int(re.search(r"(\d+) received", out).group(1))
    assert 3 < received < 37
    drops = eventually(lambda: [d for d in pair.drops() if d["reason"] == "impair_loss"], 5)
    assert "as was asked" in drops[0]["explain"]


@pytest.mark.parametrize("effects, sentence", [
    (["loss", "120%"], "more than always"),
    (["delay", "-5ms"], "cannot be the value of 'delay'"),
    (["delay", "20"], "cannot be the value of 'delay'"),
    (["delay", "5ms", "jitter", "20ms"], "before it was sent"),
    (["rate", "0mbit"], "no frame would ever arrive"),
    (["burst", "1%", "0%"], "never left"),
    (["reorder", "5%"], "skips the delay"),
    (["dealy", "5ms"], "is no effect"),
    ([""], "what shall be wrong"),
])
def test_what_cannot_be_is_refused(pair, effects, sentence):
    done = pair.weft("impair", "port", "a", *effects, check=False)
    assert done.returncode != 0
    assert sentence in done.stderr
    assert pair.json("impair", "ls") == []


def test_rate_holds_and_show_tells(pair):
    pair.guest("b").iperf3_server()
    pair.weft("impair", "port", "a", "--out", "rate", "10mbit", "queue", "200packets")
    gbit = pair.guest("a").iperf3("10.9.0.12", seconds=3)
    # TCP's payload is 95.7 % of what full frames carry; the end of the transfer is in the queue.
    assert 0.0075 < gbit < 0.0101
    row = pair.json("impair", "show", "a:out")
    assert row["sent"] > 1000 and row["seed"] > 0
    assert row["held_max_ns"] >= row["held_p99_ns"] >= row["held_p50_ns"] > 0
    assert "up to" in row["late_times"]
    # A change while packets wait loses none of them.
    pair.weft("impair", "port", "a", "--out", "rate", "1gbit")
    assert pair.guest("a").iperf3("10.9.0.12", seconds=2) < 1.01
    assert "a:out" in pair.weft("impair", "ls").stdout


def test_a_timeline_tells_its_steps(pair):
    pair.weft("impair", "port", "a", "--out", "delay", "1ms", "--timeline", "up 300ms; down 200ms", "--once")

    def steps():
        return [event["text"] for event in pair.json("events", "--last", "50") if event["type"] == "impair_step"]

    assert eventually(lambda: steps() if len(steps()) > 2 else None, 10) == [
        "step 1 of 3: up 300ms, besides delay 1ms", "step 2 of 3: down 200ms, besides delay 1ms",
        "step 3 of 3: the timeline is over, besides delay 1ms"]
    assert {event["object"] for event in pair.json("events") if event["type"] == "impair_step"} == {"impair/a:out"}
    graph = pair.weft("graph").stdout
    assert "[out: delay 1ms; up 300ms; down 200ms, step 3]" in graph, graph


def test_what_was_put_by_hand_goes_with_a_lab(weft):
    file = weft.path / "lab.yaml"
    file.write_text("lab: l\nnets: {n: {subnet: 10.9.0.0/24, mode: isolated}}\nguests: {h1: {net: n}}\n")
    weft.weft("apply", file)
    weft.weft("impair", "port", "l.h1", "delay", "5ms")
    weft.weft("destroy", "l", "--keep-running")
    assert weft.json("impair", "ls") == [] and weft.json("ns", "ls") == []


def test_show_by_the_port(pair):
    pair.weft("impair", "port", "a", "delay", "1ms")
    pair.weft("impair", "port", "b", "--in", "delay", "2ms")
    assert [row["name"] for row in pair.json("impair", "show", "a")] == ["a:in", "a:out"]
    assert pair.json("impair", "show", "b")["effects"] == "delay 2ms"
    assert pair.weft("impair", "show", "a").stdout.count("late_times") == 2
    assert pair.weft("impair", "show", "c", check=False).returncode == 1


def test_frames_of_virtual_machines_are_kept_whole(weft):
    """Their buffers go back to the guest while the frames wait: what comes out is a copy, byte for byte."""
    add_ports(weft, "ab")
    weft.weft("impair", "port", "a", "delay", "3ms")
    weft.weft("impair", "port", "b", "--in", "delay", "2ms", "jitter", "1ms", "ordered", "rate", "1gbit")
    counted = vguest(weft, "pair", "ab", "--count", 5000, "--len", "62-1514", "--verify", "--strict", "--window", 64)
    assert counted["lost"] == counted["damaged"] == counted["reordered"] == counted["doubled"] == 0, counted
    rows = {row["name"]: row for row in weft.json("impair", "ls")}
    assert rows["a:out"]["sent"] >= 5000 and rows["a:out"]["held_p50_ns"] >= 3000000


def test_links_carry_everything(weft):
    """h1.eth0 == l1 == h2.eth0, h2.up == l2 == h3.eth0: two wires, the guest between them routes."""
    for name in ["h1", "h2", "h3"]:
        weft.weft("ns", "add", name, "--bare")
    weft.weft("link", "add", "l1", "--a", "h1", "--b", "h2", "--a-address", "10.0.1.1/30", "--b-address", "10.0.1.2/30")
    weft.weft("link", "add", "l2", "--a", "h2:up", "--b", "h3", "--a-address", "10.0.2.1/30",
              "--b-address", "10.0.2.2/30")
    assert [(link["a"], link["b"]) for link in weft.json("link", "ls")] == [("h1.l1", "h2.l1"), ("h2.l2", "h3.l2")]
    h1, h2, h3 = (weft.guest(name) for name in ["h1", "h2", "h3"])
    h1.ping("10.0.1.2", count=1)
    h2.ping("10.0.2.2", count=1)
    # LLDP is sent to an address that no bridge forwards; the other frame has a tag within a tag.
    watch = weft.path / "seen"
    h2.start("tcpdump", "-lnei", "eth0", "-c", "2", "ether src 02:00:00:00:00:01", log=watch)
    eventually(lambda: "listening" in watch.read_text(errors="replace"), 5)
    for frame in ["0180c200000e" "020000000001" "88cc", "ffffffffffff" "020000000001" "81000007" "81000008" "1234"]:
        h1.run("python3", "-c", "import socket\ns = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\n"
               f"s.bind(('eth0', 0))\ns.send(bytes.fromhex('{frame + '00' * 46}'))")
    eventually(lambda: "LLDP" in watch.read_text(errors="replace"), 5)
    eventually(lambda: re.search("vlan 7, .*vlan 8, ", watch.read_text(errors="replace")), 5)
    # Through the guest in the middle, and late on one wire only.
    h2.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    h1.run("ip", "route", "add", "10.0.2.0/30", "via", "10.0.1.2")
    h3.run("ip", "route", "add", "10.0.1.0/30", "via", "10.0.2.1")
    weft.weft("impair", "link", "l2", "delay", "20ms")
    assert h1.ping("10.0.2.2") >= 40
    assert h1.ping("10.0.1.2") < 20
    weft.weft("link", "delete", "l2")
    assert weft.json("impair", "ls") == []
    assert "up" not in h2.run("ip", "-br", "link").stdout.replace("UP", "").split()
