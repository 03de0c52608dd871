# SPDX-License-Identifier: BSD-3-Clause
"""Changes that take themselves back unless somebody confirms them, against the real datapath."""

import json
import re

import pytest

from conftest import eventually


@pytest.fixture
def base(weft):
    weft.weft("net", "add", "lan", "--subnet", "10.77.0.0/24", "--mode", "nat")
    return weft


def tentative(weft, seconds):
    """Adds net trial until confirmed, and returns its revision."""
    before = weft.status()
    done = weft.weft("-o", "json", "net", "add", "trial", "--subnet", "10.90.0.0/24", "--mode", "nat",
                     "--confirm", f"{seconds}s")
    after = weft.status()
    assert after["confirm_left_seconds"] <= seconds
    assert after["host"]["objects"] > before["host"]["objects"]
    assert [row["state"] for row in weft.json("history", "--last", "1")] == ["unconfirmed"]
    return json.loads(done.stdout)["revision"]


def nets(weft):
    return [net["name"] for net in weft.json("net", "ls")]


def in_datapath(weft):
    """How many objects the datapath itself says that it holds."""
    return weft.json("status")["summary"]["objects"]


def settled(weft, objects):
    """Waits until intent and datapath are what they were before the change."""
    eventually(lambda: weft.ready() and nets(weft) == ["lan"], 12, "the change to be undone")
    eventually(lambda: weft.ready() and in_datapath(weft) == objects, 5, "the datapath to have undone it")
    assert "confirm_left_seconds" not in weft.status()
    # The way is free again, and the old name too.
    weft.weft("net", "add", "trial", "--subnet", "10.90.0.0/24", "--mode", "nat")
    assert sorted(nets(weft)) == ["lan", "trial"]


def test_undone_when_not_confirmed(base):
    objects = in_datapath(base)
    revision = tentative(base, 2)
    eventually(lambda: nets(base) == ["lan"], 8, "the change to be undone")
    assert [event["object"] for event in base.json("events", "--last", "20") if event["type"] == "reverted"]
    row = [row for row in base.json("history") if row["revision"] == revision]
    assert [(r["state"], "net add trial" in r["command"]) for r in row] == [("undone", True)]
    settled(base, objects)


def test_confirmed_stays(base):
    revision = tentative(base, 3)
    assert base.weft("net", "add", "other", check=False).returncode == 1
    base.weft("confirm")
    assert base.json("history", "--last", "1")[0]["state"] == "done"
    assert base.weft("confirm", check=False).returncode == 1
    with pytest.raises(AssertionError):
        eventually(lambda: "trial" not in nets(base), 5, "an undoing that must not come")
    assert base.revision() == revision


def test_undo_skips_what_was_undone(base):
    base.weft("net", "add", "second")
    tentative(base, 1)
    eventually(lambda: "trial" not in nets(base), 8, "the change to be undone")
    base.weft("undo")
    assert nets(base) == ["lan"]


@pytest.mark.parametrize("which", ["controller", "datapath"])
def test_undone_after_a_crash(base, which):
    objects = in_datapath(base)
    tentative(base, 4)
    killed = base.kill(which)
    if which == "controller":
        base.weft("up")
        base.status()
    else:
        base.revived(killed)
    settled(base, objects)


def test_interface_changes_under_way(base):
    """Another MAC, address and MTU on trial: the guest keeps its interface, and its neighbour loses at most what is on its way."""
    guest = base.add_guest("g", "--net", "lan", "--ip", "10.77.0.10", "--static", "--mac", "02:00:00:00:00:10")
    other = base.add_guest("o", "--net", "lan", "--ip", "10.77.0.20", "--static")
    link = lambda: json.loads(guest.run("ip", "-j", "address", "show", "eth0").stdout)[0]  # noqa: E731
    before = link()
    other.ping("10.77.0.10", count=1)
    guest.ping("10.77.0.1", count=1)
    base.weft("port", "set", "g", "--mac", "02:00:00:00:00:11", "--ip", "10.77.0.11", "--mtu", "1400", "--confirm", "3s")
    now = link()
    assert (now["ifindex"], now["address"], now["mtu"]) == (before["ifindex"], "02:00:00:00:00:11", 1400)
    assert [a["local"] for a in now["addr_info"] if a["family"] == "inet"] == ["10.77.0.11"]
    # The default route stayed with the new address, and the neighbour heard of the new MAC.
    other.ping("10.77.0.11", count=1)
    guest.ping("10.77.0.1", count=1)
    eventually(lambda: link()["address"] == before["address"], 10, "the end of the trial")
    eventually(lambda: base.ready(), 5, "the datapath")
    assert link()["ifindex"] == before["ifindex"] and link()["mtu"] == before["mtu"]
    other.ping("10.77.0.10", count=1)
    guest.ping("10.77.0.1", count=1)
    # A MAC alone: what the neighbour sends meanwhile arrives.
    stream = other.start("ping", "-n", "-q", "-i", "0.02", "-w", "3", "10.77.0.10", log=base.path / "stream")
    for last in (21, 22, 23):
        base.weft("port", "set", "g", "--mac", f"02:00:00:00:00:{last}")
    stream.wait(timeout=20)
    out = (base.path / "stream").read_text()
    sent, received = [int(word) for word in re.findall(r"(\d+) (?:packets transmitted|received)", out)]
    assert sent - received <= 3, out
    # The one who comes after kill -9 finds it as it is.
    base.kill("datapath")
    eventually(lambda: base.ready(), 10, "the datapath")
    assert link()["ifindex"] == before["ifindex"] and link()["address"] == "02:00:00:00:00:23"
    other.ping("10.77.0.10", count=1)
