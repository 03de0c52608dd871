# SPDX-License-Identifier: BSD-3-Clause
"""Changes that take themselves back unless somebody confirms them, against the real datapath."""

import json

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
