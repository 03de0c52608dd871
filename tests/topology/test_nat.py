# SPDX-License-Identifier: BSD-3-Clause
"""The gateway: masquerade, port forwards, both families.

    h1 ---+--- lan --- gw (198.51.100.2) --- internet (198.51.100.1, 203.0.113.80)
    h2 ---+
"""

import pytest

from conftest import eventually


def test_ping_outside(outside):
    h1 = outside.guest("h1")
    h1.ping("203.0.113.80")
    h1.ping("198.51.100.1")


def test_ping_outside6(outside):
    h1 = outside.guest("h1")
    h1.wait_address6()
    h1.ping("2001:db8:99::80", "-6")


def test_server_sees_gateway(outside):
    log = outside.guest("internet").serve(80, "hello")
    before = outside.json("net", "show", "lan")["nat_connections"]
    assert outside.guest("h1").run("curl", "-sS", "http://203.0.113.80/").stdout == "hello\n"
    eventually(lambda: log.read_text().startswith("198.51.100.2 "), 3, "the gateway's address in the log")
    assert outside.json("net", "show", "lan")["nat_connections"] > before


def test_forward_keeps_client(outside):
    outside.weft("forward", "add", "lan", "8080:h2:80")
    log = outside.guest("h2").serve(80, "from h2")
    out = outside.guest("internet").run("curl", "-sS", "--max-time", "5", "http://198.51.100.2:8080/").stdout
    assert out == "from h2\n"
    eventually(lambda: log.read_text().startswith("198.51.100.1 "), 3, "the client's address in the log")


def test_forward_in_both_families(outside):
    """A forward to a guest leads to its IPv6 address too; its log shows the client's own."""
    outside.weft("forward", "add", "lan", "8080:h2:80")
    outside.guest("h2").wait_address6()
    log = outside.guest("h2").serve(80, "from h2")
    internet = outside.guest("internet")
    for url in ["http://198.51.100.2:8080/", "http://[2001:db8:77::2]:8080/"]:
        assert internet.run("curl", "-sS", "--max-time", "5", url).stdout == "from h2\n", url
    assert [forward["connections"] for forward in outside.json("forward", "ls")] == [2]
    eventually(lambda: "2001:db8:77::1" in log.read_text(), 3, "the client's IPv6 address in the log")


def test_forward_to_an_ipv6_address(outside):
    address = outside.guest("h1").wait_address6()
    outside.weft("forward", "add", "lan", f"8081:[{address}]:80")
    outside.weft("forward", "add", "lan", "8081:10.77.0.20:80")
    outside.guest("h1").serve(80, "from h1")
    outside.guest("h2").serve(80, "from h2")
    internet = outside.guest("internet")
    assert internet.run("curl", "-sS", "--max-time", "5", "http://[2001:db8:77::2]:8081/").stdout == "from h1\n"
    assert internet.run("curl", "-sS", "--max-time", "5", "http://198.51.100.2:8081/").stdout == "from h2\n"


@pytest.mark.parametrize("mode", ["nat", "routed"])
def test_ipv6_only(outside, mode):
    """A net without IPv4 behind the router: addresses, names and the way out, and no address of IPv4."""
    outside.weft("net", "add", "six", "--mode", mode, "--subnet6", "2001:db8:6::/64", "--dns", "six.test")
    guests = [outside.add_guest(name, "--net", "six") for name in ["s1", "s2"]]
    for guest in guests:
        guest.wait_address6()
    guests[0].ping("s2.six.test", "-6")
    guests[0].ping(outside.guest("h1").wait_address6(), "-6")
    outside.guest("internet").run("ip", "-6", "route", "add", "2001:db8:6::/64", "via", "2001:db8:77::2")
    guests[0].ping("2001:db8:99::80", "-6")
    assert guests[0].address(4) == ""
    if mode == "routed":
        return
    outside.weft("forward", "add", "six", "8086:s2:80")
    guests[1].serve(80, "from s2")
    assert outside.guest("internet").run("curl", "-sS", "--max-time", "5",
                                         "http://[2001:db8:77::2]:8086/").stdout == "from s2\n"


def test_forward_removed(outside):
    outside.weft("forward", "add", "lan", "8080:h2:80")
    outside.guest("h2").serve(80, "from h2")
    name = outside.json("forward", "ls")[0]["name"]
    outside.weft("forward", "delete", name)
    done = outside.guest("internet").run("curl", "-sS", "--max-time", "2", "http://198.51.100.2:8080/",
                                         check=False)
    assert done.returncode != 0


def test_many_connections(outside):
    outside.guest("internet").serve(80, "x")
    h1 = outside.guest("h1")
    urls = ["http://203.0.113.80/[1-200]"]
    out = h1.run("curl", "-sS", "--parallel", "--no-keepalive", "-H", "Connection: close", *urls).stdout
    assert out == "x\n" * 200
    web = [conn for conn in outside.json("conn", "ls") if conn["dst_port"] == 80]
    assert web and all(conn["nat"] == "snat" and conn["reply_dst"] == "198.51.100.2" for conn in web)
    assert all(conn["answered"] for conn in web)


def test_throughput_through_nat(outside):
    outside.guest("internet").iperf3_server()
    rate = outside.guest("h1").iperf3("203.0.113.80")
    back = outside.guest("h1").iperf3("203.0.113.80", "-R")
    print(f"h1 to internet: {rate:.2f} Gb/s, back {back:.2f} Gb/s")
    assert rate > 0.3 and back > 0.3


def test_unsolicited_is_dropped(outside):
    internet = outside.guest("internet")
    internet.run("curl", "-sS", "--max-time", "1", "http://198.51.100.2:9999/", check=False)
    internet.run("ip", "route", "add", "10.77.0.0/24", "via", "198.51.100.2")
    assert not internet.pings("10.77.0.20")


def test_udp_through_nat(outside):
    """A UDP exchange with the outside, which tells whom it saw."""
    internet = outside.guest("internet")
    server = ("import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('203.0.113.80', 7777))\n"
              "while True: data, who = s.recvfrom(2000); s.sendto(who[0].encode(), who)")
    internet.start("python3", "-c", server)
    eventually(lambda: internet.listens(7777, "u"), 5)
    client = ("import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(3)\n"
              "s.sendto(b'who', ('203.0.113.80', 7777)); print(s.recv(99).decode())")
    assert outside.guest("h1").run("python3", "-c", client).stdout == "198.51.100.2\n"


def test_trace(outside):
    outside.guest("h1").ping("203.0.113.80")
    trace = outside.json("trace", "h1", "to", "203.0.113.80", "tcp/80")
    assert trace["forwarded"] is True and trace["out"] == ["up"]
    assert len(trace["steps"]) >= 3
    text = outside.weft("trace", "h1", "203.0.113.80", "tcp/80").stdout
    assert "forwarded  to up" in text
    assert outside.weft("trace", "h1->203.0.113.80", "icmp").stdout
    assert outside.json("trace", "h1", "to", "h2", "icmp")["out"] == ["h2"]


def test_drop_is_explained(outside):
    outside.weft("flow", "add", "no-web", "--match", "port=h1,tcp,dport=81", "--actions", "drop")
    trace = outside.json("trace", "h1", "to", "203.0.113.80", "tcp/81")
    assert trace["forwarded"] is False and trace["drop"] == "flow_rule"
    outside.guest("h1").run("curl", "-sS", "--max-time", "1", "http://203.0.113.80:81/", check=False)
    eventually(lambda: [d for d in outside.drops("h1") if d.get("reason") == "flow_rule"], 5)
    rule = outside.json("flow", "ls")[0]
    assert rule["name"] == "no-web" and rule["actions"] == "drop"
    assert rule["packets"] >= 1 and rule["bytes"] >= rule["packets"] * 60
    assert outside.weft("flow", "show", "no-such", check=False).returncode != 0
