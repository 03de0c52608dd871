# SPDX-License-Identifier: BSD-3-Clause
"""VLANs: a trunk, an access port, and what may not pass.

    h3 (trunk 20,30) ---- shared bridge ---- h4 (net db, VLAN 20)
                                        ---- h5 (net ops, VLAN 30)
"""

import json

import pytest

from conftest import DEMO, eventually


@pytest.fixture
def vlans(weft):
    weft.weft("net", "add", "db", "--mode", "isolated", "--vlan", "20", "--subnet", "10.88.0.0/24")
    weft.weft("net", "add", "ops", "--mode", "isolated", "--vlan", "30", "--subnet", "10.89.0.0/24")
    weft.add_guest("h3", "--trunk", "20,30")
    weft.add_guest("h4", "--net", "db", "--ip", "10.88.0.4", "--static")
    weft.add_guest("h5", "--net", "ops", "--ip", "10.89.0.5", "--static")
    return weft


def tagged(weft, vlan, source, target, *options):
    return weft.guest("h3").run(DEMO / "tagged", "--vlan", vlan, "--from", source, "--to", target,
                                *options, check=False)


def test_tagged_ping(vlans):
    assert tagged(vlans, 20, "10.88.0.3", "10.88.0.4").returncode == 0
    assert tagged(vlans, 30, "10.89.0.3", "10.89.0.5").returncode == 0


def test_trace_names_the_net(vlans):
    text = json.dumps(vlans.json("trace", "h4", "to", "10.88.0.9", "icmp"))
    assert "net db" in text
    assert "shared" not in text


def test_wrong_vlan_is_apart(vlans):
    assert tagged(vlans, 30, "10.88.0.3", "10.88.0.4", "--no-answer").returncode == 0
    assert not vlans.guest("h4").pings("10.89.0.5")


def test_vlan_not_allowed(vlans):
    assert tagged(vlans, 40, "10.88.0.3", "10.88.0.4", "--no-answer").returncode == 0
    drops = eventually(lambda: [d for d in vlans.drops("h3") if d.get("reason") == "vlan_not_allowed"], 5)
    assert drops[0]["explain"]


def test_untagged_not_allowed(vlans):
    vlans.guest("h3").run("ip", "address", "add", "10.88.0.3/24", "dev", "eth0")
    vlans.guest("h3").pings("10.88.0.4")
    eventually(lambda: [d for d in vlans.drops("h3") if d.get("reason") == "untagged_not_allowed"], 5)


def test_native_vlan(vlans):
    vlans.weft("port", "set", "h3", "--trunk", "30", "--native", "20")
    vlans.guest("h3").run("ip", "address", "add", "10.88.0.3/24", "dev", "eth0")
    vlans.guest("h3").ping("10.88.0.4")
    assert tagged(vlans, 30, "10.89.0.3", "10.89.0.5").returncode == 0
