# SPDX-License-Identifier: BSD-3-Clause
"""Tunnels to ends that are not ours.

    h1 (net lan, vni 5001) ---- weft ---- u0 192.0.2.1 ==== 192.0.2.2 under ---- vx0 10.88.0.100
                                             2001:db8::1    2001:db8::2          (the kernel's vxlan)
"""

import json
import shutil

import pytest

from conftest import eventually, need

LOCAL = {4: "192.0.2.1", 6: "2001:db8::1"}
FAR = {4: "192.0.2.2", 6: "2001:db8::2"}


def underlay(weft, mtu=1500):
    """A namespace behind a cable that is no part of any net."""
    far = weft.add_guest("far", "--bare")
    netns = weft.json("ns", "show", "far")["netns"]
    weft.run("ip", "link", "add", "u0", "mtu", mtu, "type", "veth", "peer", "name", "under", "mtu", mtu, "netns", netns)
    for run, name, n in [(weft.run, "u0", 1), (far.run, "under", 2)]:
        run("ip", "address", "add", f"192.0.2.{n}/24", "dev", name)
        run("ip", "address", "add", f"2001:db8::{n}/64", "dev", name, "nodad")
        run("ip", "link", "set", name, "up")
    return far


def join(weft, kind, family, *more):
    weft.weft("tunnel", "add", "t1", "--type", kind, "--local", LOCAL[family], *more)
    weft.weft("peer", "add", "b", "--tunnel", "t1", "--remote", FAR[family])
    weft.weft("net", "add", "lan", "--mode", "isolated", "--subnet", "10.88.0.0/24", "--vni", "5001", "--tunnel", "t1",
              "--mtu", "1430")
    return weft.add_guest("h1", "--net", "lan", "--ip", "10.88.0.10", "--static")


@pytest.fixture(params=[4, 6], ids=["v4", "v6"])
def kernel(weft, request):
    """The kernel's vxlan as the other end."""
    family = request.param
    far = underlay(weft)
    h1 = join(weft, "vxlan", family)
    # By hand: without a learning kernel, neither side could find the other by luck.
    far.run("ip", "link", "add", "vx0", "mtu", "1430", "type", "vxlan", "id", "5001", "dstport", "4789",
            "local", FAR[family], "remote", LOCAL[family])
    far.run("ip", "address", "add", "10.88.0.100/24", "dev", "vx0")
    far.run("ip", "link", "set", "vx0", "up")
    return weft, h1, far


def peer(weft):
    return next(p for p in weft.json("peer", "ls") if p["name"] == "b")


def test_kernel_vxlan(kernel):
    weft, h1, far = kernel
    h1.ping("10.88.0.100")
    far.ping("10.88.0.10", "-s", "1400")
    row = peer(weft)
    assert row["state"] == "up" and row["mtu"] in (1450, 1430) and row["macs"] >= 1
    assert row["rx_packets"] >= 6 and row["tx_packets"] >= 6
    mac = json.loads(far.run("ip", "-j", "link", "show", "vx0").stdout)[0]["address"]
    assert [row["port"] for row in weft.json("fdb", "ls") if row["mac"] == mac] == ["b"]
    # Bulk both ways: segments are cut by the kernel on the way out, and joined on the way in.
    far.iperf3_server()
    assert h1.iperf3("10.88.0.100", seconds=1) > 0.05
    assert h1.iperf3("10.88.0.100", "-R", seconds=1) > 0.05
    # The way gets narrower: the guest's interface follows, and one that will not hear of it is told with each packet.
    weft.run("ip", "link", "set", "u0", "mtu", "1400")
    narrow = 1400 - (1500 - row["mtu"])
    eventually(lambda: mtu(h1) == narrow, 10, "the narrower way")
    assert peer(weft)["mtu"] == narrow and weft.json("net", "show", "lan")["narrow_way"] == "host/local to peer/b"
    h1.run("ip", "link", "set", "eth0", "mtu", "1430")
    said = h1.run("ping", "-n", "-c", "1", "-W", "2", "-M", "do", "-s", "1372", "10.88.0.100", check=False).stdout
    assert f"mtu = {narrow}" in said.replace("mtu=", "mtu = "), said


def test_strangers_are_counted(weft):
    far = underlay(weft)
    join(weft, "vxlan", 4)
    far.run("ip", "address", "add", "192.0.2.9/24", "dev", "under")
    far.run("bash", "-c", "echo -n stranger > /dev/udp/192.0.2.1/4789")
    eventually(lambda: weft.json("tunnel", "ls")[0]["drops"] >= 1, 5, "the drop")
    assert eventually(lambda: weft.json("status").get("summary", {}).get("drop_tunnel_malformed"), 5)


def test_words(weft):
    underlay(weft)
    join(weft, "vxlan", 4)
    for words, said in [
            (["tunnel", "add", "t2", "--local", "192.0.2.1"], "192.0.2.1 with port 4789 is already that of tunnel/t1"),
            (["tunnel", "add", "t2", "--local", "192.0.2.77"], "cannot use UDP port 4789 of 192.0.2.77"),
            (["tunnel", "delete", "t1"], "still used by"),
            (["peer", "add", "c", "--tunnel", "t1", "--remote", "2001:db8::7"], "another address family"),
            (["peer", "add", "c", "--tunnel", "t1", "--remote", "192.0.2.1"], "the tunnel itself"),
            (["peer", "add", "c", "--tunnel", "t9", "--remote", "192.0.2.3"], "t9"),
            (["net", "add", "n2", "--vni", "5001", "--tunnel", "t1"], "the VNI 5001"),
            (["net", "add", "n2", "--vni", "16777216", "--tunnel", "t1"], "16777215"),
            (["net", "add", "n2", "--tunnel", "t1"], "needs a number"),
            (["tunnel", "set", "t1", "--ttl", "3"], "while it has peers")]:
        done = weft.weft(*words, check=False)
        assert done.returncode != 0 and said in done.stderr, f"{words}: {done.stdout}{done.stderr}"
    weft.weft("peer", "set", "b", "--remote", "192.0.2.3")
    assert peer(weft)["remote"] == "192.0.2.3"
    weft.weft("net", "set", "lan", "--no-vni", "--no-tunnel")
    weft.weft("peer", "delete", "b")
    weft.weft("tunnel", "delete", "t1")
    assert weft.json("tunnel", "ls") == []


def mtu(guest):
    return json.loads(guest.run("ip", "-j", "link", "show", "eth0").stdout)[0]["mtu"]


def suppressed(weft):
    return sum(row["suppressed"] for row in weft.json("worker", "ls") if row.get("host") == "a")


def sees_no_questions(weft, g1, there):
    """No ARP broadcast leaves host a within VXLAN; a question for nobody's address, sent later, does."""
    rows = [row for row in weft.json("address", "ls", "--net", "lan") if row["ip"] == there]
    assert [(row["host"], row["port"], row["source"]) for row in rows] == [("b", "g2", "lease")]
    before = suppressed(weft)
    heard = weft.path / "heard"
    # The inner frame lies 16 bytes behind the outer UDP header's beginning.
    weft.guest("a").start("tcpdump", "-lnei", "eth0", "-c", "1", "--immediate-mode",
                          "udp port 4789 and udp[28:2] = 0x0806 and udp[16:2] = 0xffff", log=heard)
    eventually(lambda: "listening" in heard.read_text(), 10, "tcpdump")
    g1.run("ip", "neigh", "flush", "all")
    eventually(lambda: g1.pings(there) and suppressed(weft) > before, 10, "an answer on behalf of g2")
    g1.pings("10.1.0.99")
    eventually(lambda: "Request" in heard.read_text(), 10, "a question for nobody's address")
    assert there not in heard.read_text() and "10.1.0.99" in heard.read_text()


def drops_unknown_macs(weft, g1, there):
    """All MACs of the net are known, so the other host is not asked for more; and with drop nobody is."""
    g1.run("ip", "neigh", "replace", "10.1.0.98", "lladdr", "02:00:00:00:99:99", "dev", "eth0")
    for policy in ("auto", "drop"):
        weft.weft("net", "set", "lan", "--unknown", policy)
        assert not g1.pings("10.1.0.98")
        eventually(lambda: [d for d in weft.drops("g1") if d["reason"] == "unknown_mac"], 5, f"drops by {policy}")
        g1.ping(there)
    assert weft.json("net", "show", "lan")["unknown"] == "drop"
    weft.weft("net", "set", "lan", "--no-unknown")
    g1.run("ip", "neigh", "del", "10.1.0.98", "dev", "eth0")


def offered_mtu(weft, guest):
    """What DHCP says, without doing anything about it."""
    script = weft.path / "say-mtu"
    script.write_text('#!/bin/sh\n[ "$1" != bound ] || echo "mtu $mtu"\n')
    script.chmod(0o755)
    said = guest.run("udhcpc", "-i", "eth0", "-f", "-q", "-n", "-t", "8", "-T", "1", "-O", "mtu", "-s", script).stdout
    return next(line.split()[1] for line in said.splitlines() if line.startswith("mtu "))


def follows_the_underlay(weft, g1, g2):
    """Host b's interface takes less from now on: guests on both hosts know, as does whoever asks for a lease."""
    weft.guest("b").run("ip", "link", "set", "eth0", "mtu", "1400")
    eventually(lambda: mtu(g1) == mtu(g2) == 1350, 10, "the narrower way at the guests")
    net = weft.json("net", "show", "lan")
    assert net["mtu"] == 1350 and net["narrow_way"] == "host/b to any", net
    said = [event for event in weft.json("events") if event["type"] == "net_mtu" and event["object"] == "net/lan"]
    assert "1350 bytes at most now, no longer 1450" in said[-1]["text"], said
    there = g2.address(4).split("/")[0]
    g1.ping(there, "-M", "do", "-s", "1322")
    assert offered_mtu(weft, g1) == "1350"
    # No more than the way, however much is asked for.
    weft.weft("net", "set", "lan", "--mtu", "1300")
    assert mtu(g1) == 1300
    weft.weft("net", "set", "lan", "--no-mtu")
    assert mtu(g1) == 1350
    weft.guest("b").run("ip", "link", "set", "eth0", "mtu", "1500")


def test_net_spans_two_hosts(weft):
    """Hosts a and b are namespaces on net underlay; net lan has a guest on each, and its services on one."""
    weft.weft("net", "add", "underlay", "--mode", "isolated", "--subnet", "192.0.2.0/24")
    for name, address in [("a", "192.0.2.1/24"), ("b", "192.0.2.2/24")]:
        weft.weft("host", "add", name, "--net", "underlay", "--ip", address)
    eventually(lambda: all(record["state"] == "ready" for record in weft.json("host", "ls")), 10, "the hosts")
    weft.weft("net", "add", "lan", "--mode", "isolated", "--subnet", "10.1.0.0/24", "--dhcp", "--dns", "lan.test")
    g1 = weft.add_guest("g1", "--net", "lan", "--host", "a")
    assert g1.lease() and mtu(g1) == 1500
    g2 = weft.add_guest("g2", "--net", "lan", "--host", "b")
    assert g2.lease()
    # Each host is told of the other's leases, and asks for nobody.
    there = g2.address(4).split("/")[0]
    sees_no_questions(weft, g1, there)
    drops_unknown_macs(weft, g1, there)
    # The net has the MTU of the way between its hosts, and g1 kept its interface.
    assert mtu(g1) == mtu(g2) == 1450 and g1.address(4)
    g1.ping(g2.address(4).split("/")[0], "-M", "do", "-s", "1422")
    done = weft.weft("net", "set", "lan", "--mtu", "1500", check=False)
    assert done.returncode != 0 and "1450" in done.stderr
    follows_the_underlay(weft, g1, g2)
    g1.ping(g2.address(4).split("/")[0])
    g2.ping("g1.lan.test", count=2)
    g2.iperf3_server()
    assert g1.iperf3(g2.address(4).split("/")[0], seconds=1) > 0.05
    rows = {(row["host"], row["mac"]): row for row in weft.json("fdb", "ls")}
    mac = next(port["mac"] for port in weft.json("port", "ls") if port["name"] == "g2")
    assert rows["a", mac]["static"]
    # A trace goes on where the tunnel ends.
    trace = weft.json("trace", "g1", "to", "g2", "tcp/80")
    assert trace["forwarded"] and trace["out"] == ["g2"]
    assert ["host", "in", "tunnel"] == sorted({s["stage"] for s in trace["steps"]} & {"host", "tunnel", "in"})
    # Who cannot be reached is named when it happens, and can be helped.
    said = weft.weft("ns", "add", "g0", "--net", "lan")
    assert "host local has no address" in said.stdout + said.stderr
    weft.weft("guest", "delete", "g0")
    eventually(lambda: mtu(g1) == mtu(g2) == 1450, 30, "the way as it was")
    # The last guest of b takes everything of lan from there.
    before = next(record["objects"] for record in weft.json("host", "ls") if record["name"] == "b")
    weft.weft("guest", "delete", "g2")
    assert mtu(g1) == 1500
    assert next(record["objects"] for record in weft.json("host", "ls") if record["name"] == "b") < before


def test_default_mtu_is_learnt(weft):
    """Nobody says what the way carries: the guest's interface follows it. With 1500 on both sides pings say so, and
    streams adapt."""
    far = underlay(weft)
    weft.weft("tunnel", "add", "t1", "--local", LOCAL[4])
    weft.weft("peer", "add", "b", "--tunnel", "t1", "--remote", FAR[4])
    weft.weft("net", "add", "lan", "--subnet", "10.88.0.0/24", "--vni", "5001", "--tunnel", "t1")
    h1 = weft.add_guest("h1", "--net", "lan", "--ip", "10.88.0.10", "--static")
    far.run("ip", "link", "add", "vx0", "type", "vxlan", "id", "5001", "dstport", "4789", "local", FAR[4],
            "remote", LOCAL[4])
    far.run("ip", "address", "add", "10.88.0.100/24", "dev", "vx0")
    far.run("ip", "link", "set", "vx0", "up")
    eventually(lambda: mtu(h1) == 1450, 5, "what the way carries")
    h1.run("ip", "link", "set", "eth0", "mtu", "1500")
    said = h1.run("ping", "-n", "-c", "1", "-W", "2", "-M", "do", "-s", "1472", "10.88.0.100", check=False)
    assert "mtu = 1450" in said.stdout + said.stderr
    far.iperf3_server()
    assert h1.iperf3("10.88.0.100", seconds=1) > 0.05


class Ovs:
    """Open vSwitch with its userspace datapath, a database and a directory of its own, in far's namespace."""

    def __init__(self, weft, far):
        self.far = far
        self.dir = weft.path / "ovs"
        self.dir.mkdir()
        database = self.dir / "conf.db"
        self.socket = f"unix:{self.dir}/db.sock"
        far.run("ovsdb-tool", "create", database, "/usr/share/openvswitch/vswitch.ovsschema")
        # Their pid files and sockets lie where nobody else's do.
        run = ["env", f"OVS_RUNDIR={self.dir}"]
        self.processes = [far.start(*run, "ovsdb-server", database, f"--remote=p{self.socket}",
                                    f"--unixctl={self.dir}/db.ctl", log=self.dir / "ovsdb.log")]
        eventually((self.dir / "db.sock").exists, 5, "the database")
        self.control("--no-wait", "init")
        self.processes.append(far.start(*run, "ovs-vswitchd", self.socket, f"--unixctl={self.dir}/vs.ctl",
                                        log=self.dir / "vswitchd.log"))
        eventually((self.dir / "vs.ctl").exists, 10, "the switch")

    def control(self, *words):
        return self.far.run("ovs-vsctl", f"--db={self.socket}", "--timeout=10", *words)

    def flows(self, verb, *words):
        return self.far.run("env", f"OVS_RUNDIR={self.dir}", "ovs-ofctl", verb, "in", *words)

    def join(self, kind):
        """The underlay's address moves to a bridge, and a second bridge has the tunnel and a guest's end."""
        far = self.far
        far.run("ip", "address", "flush", "dev", "under")
        # What is left to the veth by a kernel would reach nobody.
        far.run("ethtool", "-K", "under", "tx", "off")
        self.control("add-br", "out", "--", "set", "bridge", "out", "datapath_type=netdev",
                     "--", "add-port", "out", "under",
                     "--", "add-br", "in", "--", "set", "bridge", "in", "datapath_type=netdev",
                     "--", "add-port", "in", "t", "--", "set", "interface", "t", f"type={kind}",
                     f"options:remote_ip={LOCAL[4]}", "options:key=5001")
        for name, address in [("out", f"{FAR[4]}/24"), ("in", "10.88.0.100/24")]:
            far.run("ip", "address", "add", address, "dev", name)
            far.run("ip", "link", "set", name, "mtu", "1400", "up")
            far.run("ethtool", "-K", name, "tx", "off")
        far.run("ip", "link", "set", "out", "mtu", "1500")


@pytest.mark.parametrize("kind", ["vxlan", "geneve", "gre"])
def test_open_vswitch(weft, kind):
    for tool in ["ovsdb-tool", "ovsdb-server", "ovs-vswitchd", "ovs-vsctl"]:
        need(shutil.which(tool), f"no {tool}")
    far = underlay(weft)
    weft.run("ethtool", "-K", "u0", "tx", "off")
    h1 = join(weft, kind, 4)
    Ovs(weft, far).join(kind)
    eventually(lambda: h1.pings("10.88.0.100"), 10, "the first answer")
    h1.ping("10.88.0.100")
    far.ping("10.88.0.10", "-s", "1200")
    far.iperf3_server()
    assert h1.iperf3("10.88.0.100", seconds=1) > 0.005
    assert h1.iperf3("10.88.0.100", "-R", seconds=1) > 0.005


def test_open_vswitch_reads_options(weft):
    """OVS takes what carries the value of a critical option of ours, and sends the same option back."""
    for tool in ["ovsdb-tool", "ovsdb-server", "ovs-vswitchd", "ovs-vsctl", "ovs-ofctl"]:
        need(shutil.which(tool), f"no {tool}")
    far = underlay(weft)
    weft.run("ethtool", "-K", "u0", "tx", "off")
    h1 = join(weft, "geneve", 4, "--option", "0x0102:0x83:aabbccdd", "--option", "258:4:")
    assert weft.json("tunnel", "show", "t1")["options"] == ["0x0102:0x83:aabbccdd", "0x0102:0x04:"]
    assert eventually(lambda: peer(weft)["mtu"], 5) == 1500 - 20 - 8 - 8 - 12 - 14
    ovs = Ovs(weft, far)
    ovs.join("geneve")
    for n, kind in enumerate(["0x83", "0x84"]):
        ovs.flows("add-tlv-map", f"{{class=0x0102,type={kind},len=4}}->tun_metadata{n}")
    ovs.flows("del-flows")
    ovs.flows("add-flow", "table=0,in_port=t,tun_metadata0=0xaabbccdd,actions=LOCAL")
    ovs.flows("add-flow", "table=0,in_port=LOCAL,actions=set_field:0x11223344->tun_metadata0,output:t")
    eventually(lambda: h1.pings("10.88.0.100"), 10, "an answer with a known critical option")
    assert not refused(weft)
    ovs.flows("mod-flows", "in_port=LOCAL,actions=set_field:0x11223344->tun_metadata1,output:t")
    eventually(lambda: not h1.pings("10.88.0.100") and refused(weft), 10, "drops of an unknown critical option")


def refused(weft):
    return weft.json("status").get("summary", {}).get("drop_tunnel_option")


def test_options_are_checked(weft):
    underlay(weft)
    for more, said in [
            (["--option", "1:2:"], "only Geneve has options, and this is VXLAN"),
            (["--type", "geneve", "--option", "1:2:aabb"], "multiples of 4"),
            (["--type", "geneve", "--option", "1:2:" + 125 * "aa"], "124 are the most"),
            (["--type", "geneve", "--option", "1:2"], "is no option of Geneve"),
            (["--type", "geneve", "--option", "1:2:", "--option", "0x1:0x2:aabbccdd"], "two options of class 0x0001"),
            (["--type", "geneve", "--option", "1:2:" + 124 * "aa", "--option", "1:3:" + 124 * "aa"], "252 bytes")]:
        done = weft.weft("tunnel", "add", "t1", "--local", LOCAL[4], *more, check=False)
        assert done.returncode != 0 and said in done.stderr, f"{more}: {done.stdout}{done.stderr}"
    weft.weft("tunnel", "add", "t1", "--type", "geneve", "--local", LOCAL[4], "--option", "1:2:")
    weft.weft("tunnel", "set", "t1", "--option", "1:3:aabbccdd", "--option", "1:4:")
    assert weft.json("tunnel", "show", "t1")["options"] == ["0x0001:0x03:aabbccdd", "0x0001:0x04:"]
    done = weft.weft("-o", "json", "tunnel", "set", "t1", "--no-option", "--dry-run", check=False)
    assert "0x0001:0x03:aabbccdd,0x0001:0x04:" in done.stdout, done.stdout
    weft.weft("tunnel", "set", "t1", "--no-option")
    assert not weft.json("tunnel", "show", "t1").get("options")
    weft.weft("tunnel", "delete", "t1")
    # From a file, and back to one.
    path = weft.path / "l.yaml"
    path.write_text("lab: l\ntunnels:\n  t: {type: geneve, local: 192.0.2.1, option: [1:3:aabbccdd, '1:4:']}\n")
    weft.weft("apply", path)
    assert weft.json("tunnel", "ls")[0]["options"] == ["0x0001:0x03:aabbccdd", "0x0001:0x04:"]
    path.write_text(weft.weft("export", "l").stdout)
    assert '["0x0001:0x03:aabbccdd", "0x0001:0x04:"]' in path.read_text()
    assert weft.weft("plan", path, check=False).stdout == "no change\n", path.read_text()
