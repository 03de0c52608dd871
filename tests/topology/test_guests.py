# SPDX-License-Identifier: BSD-3-Clause
"""Guests in one network: leases, names, pings, throughput.

    h1 ---+--- lan 10.77.0.0/24, fd..::/64 --- gw
    h2 ---+
"""

import pathlib

from conftest import add_lan, eventually

HERE = pathlib.Path(__file__).parent


def test_ping_static(weft):
    weft.weft("net", "add", "plain", "--subnet", "10.9.0.0/24")
    h1 = weft.add_guest("h1", "--net", "plain", "--ip", "10.9.0.11", "--static")
    weft.add_guest("h2", "--net", "plain", "--ip", "10.9.0.12", "--static")
    h1.ping("10.9.0.12")


def test_lease_by_udhcpc(weft):
    add_lan(weft)
    address = weft.add_guest("h1", "--net", "lan").lease()
    assert address.startswith("10.77.0.") and address.endswith("/24")
    leases = weft.json("lease", "ls")
    assert [lease["ip"] for lease in leases if lease.get("hostname") == "h1"] == [address.split("/")[0]]


def test_lease_event_says_who_and_where(weft):
    add_lan(weft)
    address = weft.add_guest("h1", "--net", "lan").lease().split("/")[0]
    events = [event for event in weft.json("events", "--last", "50") if event["type"] == "lease"]
    assert events and events[-1]["text"].startswith("h1 (")
    assert f" has {address} in net lan, until 20" in events[-1]["text"]


def test_lease_by_dhclient(weft):
    add_lan(weft)
    h1 = weft.add_guest("h1", "--net", "lan")
    h1.run("dhclient", "-1", "-4", "-sf", HERE / "dhclient-lease", "-lf", weft.path / "leases",
           "-pf", weft.path / "dhclient.pid", "eth0", timeout=40)
    assert h1.address(4).startswith("10.77.0.")
    h1.run("dhclient", "-x", "-4", "-sf", HERE / "dhclient-lease", "-lf", weft.path / "leases",
           "-pf", weft.path / "dhclient.pid", "eth0", check=False)


def test_reservation(weft):
    add_lan(weft)
    assert weft.add_guest("h2", "--net", "lan", "--ip", "10.77.0.20").lease() == "10.77.0.20/24"


def test_names(lan):
    h1 = lan.guest("h1")
    h1.ping("h2.lan.test", "-4")
    assert h1.run("dig", "+short", "h2.lan.test").stdout.split() == ["10.77.0.20"]
    assert h1.run("dig", "+short", "-x", "10.77.0.20").stdout.split() in (["h2.lan.test."], [])
    assert "NXDOMAIN" in h1.run("dig", "nobody.lan.test").stdout


def test_static_name(lan):
    lan.weft("dns", "add", "www", "--net", "lan", "--ip", "10.77.0.99")
    out = eventually(lambda: lan.guest("h1").run("dig", "+short", "www.lan.test").stdout.split(), 5)
    assert out == ["10.77.0.99"]


def test_ipv6(lan):
    h1, h2 = lan.guest("h1"), lan.guest("h2")
    h1.wait_address6()
    h1.ping(h2.wait_address6(), "-6")
    h1.ping("h2.lan.test", "-6")


def test_gateway_answers(lan):
    lan.guest("h1").ping("10.77.0.1")


def test_throughput(lan):
    lan.guest("h2").iperf3_server()
    rate = lan.guest("h1").iperf3("10.77.0.20")
    print(f"h1 to h2: {rate:.2f} Gb/s")
    assert rate > 0.5


def test_udp_and_large_pings(lan):
    h1 = lan.guest("h1")
    h1.ping("10.77.0.20", "-s", "1472", "-M", "do")
    h1.ping("10.77.0.20", "-s", "8000")  # In fragments.
    lan.guest("h2").iperf3_server()
    out = h1.run("iperf3", "-c", "10.77.0.20", "-u", "-b", "50M", "-t", "1").stdout
    assert "(0%)" in out


def test_guest_removed(lan):
    lan.weft("ns", "delete", "h2", "--cascade")
    assert not lan.guest("h1").pings("10.77.0.20")
    assert [guest["name"] for guest in lan.json("ns", "ls")] == ["h1"]
    assert [port["name"] for port in lan.json("port", "ls")] == ["h1"]


def test_change_while_running(lan):
    """A change elsewhere does not disturb a flow of pings."""
    h1 = lan.guest("h1")
    pings = h1.start("ping", "-n", "-i", "0.02", "-c", "100", "10.77.0.20", log=lan.path / "pings")
    for number in range(5):
        lan.weft("net", "add", f"other{number}", "--subnet", f"10.80.{number}.0/24")
        lan.weft("ns", "add", f"o{number}", "--net", f"other{number}", "--ip", f"10.80.{number}.9", "--static")
    pings.wait(timeout=30)
    assert " 0% packet loss" in (lan.path / "pings").read_text()
