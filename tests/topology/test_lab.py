# SPDX-License-Identifier: BSD-3-Clause
"""Labs from topology files: planned, applied, changed while packets flow, exported, undone, destroyed.

    h1   h2   h3            the same file as lab a and as lab b, side by side
     └─┬──┴────┘
      lan 10.1.0.0/24 ── gw
"""

import json
import os
import re
import signal
import subprocess
import time

import pytest

from conftest import BIN, ROOT, eventually

LAB = """
lab: a
description: for tests
nets:
  lan: {subnet: 10.1.0.0/24, mode: nat, dns: lan.test}
guests:
  h1: {net: lan, ip: 10.1.0.10}
  h2: {net: lan, ip: 10.1.0.20}
  h3: lan
forwards:
  - 8080:h2:80
tests:
  - reach: {}
"""


@pytest.fixture
def lab(weft):
    def write(text, name="changed.yaml"):
        path = weft.path / name
        path.write_text(text)
        return path

    weft.write = write
    weft.file = write(LAB, "lab.yaml")
    weft.weft("apply", weft.file)
    return weft


def plan(weft, path, code=3):
    done = weft.weft("plan", path, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_up_plan_apply_destroy(instances):
    """One command from nothing to a lab; the second time nothing changes; in the end nothing is left."""
    weft = instances()
    path = weft.path / "lab.yaml"
    path.write_text(LAB)
    out = weft.weft("up", path).stdout
    weft.status()
    assert "+ net lan" in out and "+ guest h1" in out and "port" not in out
    assert re.search(r"lab a: 1 net, 3 guests, now at revision 1, in \d", out)
    weft.guest("a.h1").ping("10.1.0.20", count=2)
    # An address that nobody gave is the lowest that is free.
    assert weft.guest("a.h3").address(4) == "10.1.0.2/24"
    assert plan(weft, path, 0) == ["no change"]
    assert "lab a is as the file says: 1 net, 3 guests, revision 1" in weft.weft("apply", path).stdout
    assert weft.revision() == 1
    weft.weft("destroy", "a")
    eventually(lambda: not weft.run("ip", "netns").stdout.split(), what="no namespaces")
    assert not list(weft.run_dir.glob("*.sock"))


@pytest.mark.parametrize("change, left", [("destroy a --keep-running", True), ("apply without.yaml", True),
                                          ("apply cardless.yaml", False)])
def test_interfaces_end_with_their_namespaces(lab, change, left):
    """A guest that goes takes its interface along, all of them at once; one that stays loses it at once."""
    lab.write(LAB.replace("  h3: lan\n", ""), "without.yaml")
    lab.write(LAB.replace("  h3: lan\n", "  h3: {}\n"), "cardless.yaml")
    # A namespace that somebody still holds open shows what became of the interface.
    links = lab.run("sh", "-c", f"cd {lab.path}; exec 9</run/netns/a.h3 && "
                    f"{BIN}/weft --run-dir {lab.run_dir} {change} >&2 && nsenter --net=/proc/self/fd/9 ip -o link").stdout
    assert ("eth0" in links) == left, links
    assert ("a.h3" in lab.run("ip", "netns").stdout) != left


def test_plan_in_the_users_words(lab):
    text = LAB.replace("  h3: lan\n", "") + "flows:\n  f: {match: \"port=h1,tcp\"}\n"
    text = text.replace("ip: 10.1.0.20", "ip: 10.1.0.21, mtu: 1400").replace("nets:\n", "nets:\n  dmz: {}\n")
    path = lab.write(text)
    lines = plan(lab, path)
    assert "+ net dmz" in lines
    assert "+ flow f" in lines
    assert "- guest h3" in lines
    assert "~ port h2 ip 10.1.0.20 -> 10.1.0.21, mtu none -> 1400 (in place)" in lines
    assert not [line for line in lines if line.startswith("- port")]
    # A plan is nothing but words.
    assert lab.revision() == 1
    done = lab.weft("-o", "json", "plan", path, check=False)
    assert done.returncode == 3
    changes = json.loads(done.stdout)["changes"]
    assert {"verb": "set", "object": "port/a.h2", "field": "mtu", "after": "1400", "guest": "a.h2"} in changes
    lab.weft("apply", path)
    assert plan(lab, path, 0) == ["no change"]


def test_what_was_done_by_hand_is_told(lab):
    lab.weft("port", "set", "a.h2", "--mac-limit", "9")
    lab.weft("net", "add", "extra", "--lab", "a")
    # What was done and taken back is nothing.
    lab.weft("port", "set", "a.h3", "--down")
    lab.weft("port", "set", "a.h3", "--no-down")
    lab.weft("net", "set", "a.lan", "--no-dhcp")
    lines = plan(lab, lab.file)
    assert "~ port h2 mac_limit 9 -> none (in place; changed by hand)" in lines
    assert "- net extra (added by hand)" in lines
    assert len(lines) == 2, lines
    # What the file changes too is not by hand.
    lines = plan(lab, lab.write(LAB.replace("10.1.0.10", "10.1.0.11")))
    assert "~ port h1 ip 10.1.0.10 -> 10.1.0.11 (in place)" in lines
    # A port goes and its guest stays.
    lab.weft("apply", lab.file)
    lines = plan(lab, lab.write(LAB.replace("h3: lan", "h3: {}")))
    assert "- port h3 (guest 'h3' loses it)" in lines
    lab.weft("apply", lab.file)
    lab.run("ip", "netns", "delete", "a.h1")
    assert plan(lab, lab.file) == ["! guest h1: its namespace is gone"]
    lab.weft("apply", lab.file)
    assert plan(lab, lab.file, 0) == ["no change"]
    lab.guest("a.h1").ping("10.1.0.20", count=1)


def test_unchanged_ports_lose_nothing(lab):
    """200 pings a second between h1 and h2, while h3 goes and comes, nets come and go, and h4 is added."""
    ping = lab.guest("a.h1").start("ping", "-n", "-i", "0.005", "-w", "8", "10.1.0.20",
                                   log=lab.path / "pings")
    time.sleep(0.3)
    for text in [LAB.replace("  h3: lan\n", ""),
                 LAB + "dns: {www: {net: lan, ip: 10.1.0.20}}\n",
                 LAB.replace("h3: lan", "h3: lan\n  h4: {net: lan, mtu: 1400}").replace(
                     "nets:\n", "nets:\n  dmz: {subnet: 10.2.0.0/24, mode: routed}\n"),
                 LAB.replace("8080:h2:80", "8081:h2:80"), LAB]:
        lab.weft("apply", lab.write(text))
    ping.send_signal(signal.SIGINT)
    ping.wait()
    out = (lab.path / "pings").read_text()
    sent, received = map(int, re.search(r"(\d+) packets transmitted, (\d+) received", out).groups())
    assert sent > 50
    # The last may be on its way.
    assert sent - received <= 1, out[-300:]
    # An address that was chosen stays, whatever is added before it.
    text = LAB.replace("  h1: {", "  h0: lan\n  h1: {")
    before = lab.guest("a.h3").address(4)
    lab.weft("apply", lab.write(text))
    assert lab.guest("a.h3").address(4) == before
    assert lab.guest("a.h0").address(4) != before


def test_export_applies_to_the_same(lab):
    text = LAB + """
  - ping: {from: h1, to: [h2, h3], max-loss: 0.5%, max-rtt: 20ms}
  - during: {run: "weft port set a.h3 --down", guest: h1, tests: [reach: {expect: blocked}]}
routers:
  gw: {host: local}
  r1: {comment: "one, two", routes: {10.9.0.0/16: 10.2.0.9, 10.66.0.0/16: blackhole}}
flows:
  f: {match: "port=h1,tcp,dport=80", actions: output=h2, priority: 7}
reservations:
  printer: {net: n2, mac: 02:00:00:00:00:07, ip: 10.2.0.7}
dns:
  www: {net: lan, ip: 10.1.0.20}
"""
    text = text.replace("nets:\n", "nets:\n  n2: {subnet: 10.2.0.0/24, mode: routed, router: r1, vlan: 12, dhcp: true}\n")
    text = text.replace("  h3: lan\n", """  h3: lan
  r: {nics: {eth0: lan, eth1: {net: n2, ip: 10.2.0.9, mac: 02:00:00:00:00:09}}, run: ["true", "echo 'a: b'"]}
  bare: {hostname: nobody}
  vm: {kind: vm, net: lan, queues: 1}
  tap7: {kind: tap, trunk: [12], native: 13}
  d: {net: lan, ip: dhcp}
""")
    lab.weft("apply", lab.write(text))
    exported = lab.weft("export", "a").stdout
    path = lab.write(exported, "exported.yaml")
    assert plan(lab, path, 0) == ["no change"], exported
    lab.weft("destroy", "a", "--keep-running")
    lab.weft("apply", path)
    assert lab.weft("export", "a").stdout == exported
    lab.guest("a.h1").ping("10.1.0.20", count=1)
    # By another name it is another lab; what is of the host is there but once.
    other = lab.write(re.sub("  tap7.*\n", "", exported), "other.yaml")
    lab.weft("apply", other, "--lab", "b")
    lab.guest("b.h1").ping("10.1.0.20", count=1)


def test_short_names_where_one_lab_has_them(lab):
    assert lab.weft("shell", "h1", "--", "sh", "-c", "echo $WEFT_GUEST").stdout == "a.h1\n"
    assert lab.json("ns", "show", "h2")["name"] == "a.h2"
    assert lab.weft("trace", "h1", "to", "h2").stdout
    lab.weft("port", "set", "h1", "--mac-limit", "5")
    lab.weft("apply", lab.file, "--lab", "b")
    done = lab.weft("shell", "h1", "--", "true", check=False)
    assert done.returncode == 1 and "there is no guest 'h1'" in done.stderr
    assert "more than one lab has it" in done.stderr and "a.h1" in done.stderr and "b.h1" in done.stderr
    # The target of a trace is one of the lab that it comes from.
    assert lab.weft("-o", "json", "trace", "b.h1", "to", "h2").stdout


def test_commands_run_when_a_guest_comes_up(lab):
    text = LAB.replace("h3: lan", "h3: {net: lan, run: [\"ip -br a show eth0\", \"exit 3\", \"echo never\"]}\n"
                       "  h4: {net: lan, ip: 10.1.0.40, run: \"exec sleep 1000\"}")
    lab.weft("destroy", "a", "--keep-running")
    done = lab.weft("apply", lab.write(text), check=False)
    assert done.returncode == 1 and "commands of 1 guest did not work: a.h3 failed with 3" in done.stderr, done
    assert "guests/a.h3/run.log" in done.stderr and "now at revision" in done.stdout
    assert lab.json("ns", "show", "a.h3")["run"] == "failed with 3"
    # What has not changed runs nothing.
    lab.weft("apply", lab.write(text))
    assert "failed with 3" in lab.weft("ns", "ls").stdout
    log = (lab.run_dir / "guests" / "a.h3" / "run.log").read_text()
    assert "10.1.0.2/24" in log and "never" not in log
    assert lab.json("ns", "show", "a.h4")["run"] == "running"
    # By number, since others may sleep as well.
    sleepers = lab.run("ip", "netns", "pids", "a.h4").stdout.split()
    assert any(b"sleep\x001000" in open(f"/proc/{pid}/cmdline", "rb").read() for pid in sleepers)
    # They end with the guest.
    lab.weft("destroy", "a", "--keep-running")
    eventually(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in sleepers), what="the sleeper's end")
    assert not (lab.run_dir / "guests" / "a.h3").exists()


LINKS = """
lab: w
nets:
  lan: {subnet: 10.1.0.0/24}
guests:
  h1: lan
  h2: {net: lan, impair-out: {effects: delay 30ms, seed: 7}}
  r: {}
links:
  h1--r: {a-address: 10.9.0.1/30, b-address: 10.9.0.2/30, impair: delay 10ms}
  w2: {a: "h2:wan", b: "r:eth7", comment: second}
"""


def test_links_and_impairments(lab):
    path = lab.write(LINKS)
    lab.weft("apply", path)
    assert lab.guest("w.h1").ping("10.9.0.2", count=2) >= 20
    rtt = lab.guest("w.h1").ping(lab.guest("w.h2").address(4).split("/")[0], count=2)
    assert 29 <= rtt
    lab.weft("apply", lab.write(LINKS.replace("delay 10ms", "delay 1ms")))
    exported = lab.weft("export", "w").stdout
    assert plan(lab, lab.write(exported), 0) == ["no change"], exported
    done = lab.weft("apply", lab.write(LINKS.replace("delay 10ms", "delay 10")), check=False)
    assert done.returncode == 1 and "changed.yaml:10:" in done.stderr, done.stderr


HOSTS = """
lab: t
hosts:
  a: {net: under, ip: 192.0.2.1}
  b: {net: under}
nets:
  under: {subnet: 192.0.2.0/24}
  lan: {subnet: 10.1.0.0/24}
guests:
  h1: {net: lan, host: a}
  h2: {net: lan, host: a}
  h3: {net: lan}
"""


TUNNELS = """
lab: u
tunnels: {t1: {local: 192.0.2.1, ttl: 5}}
peers: {far: {tunnel: t1, remote: 192.0.2.2, mac-limit: 9}}
nets: {lan: {subnet: 10.1.0.0/24, vni: 5001, tunnel: t1, mtu: 1430}}
guests: {h1: lan}
"""


def test_tunnels(lab):
    lab.run("ip", "address", "add", "192.0.2.1/24", "dev", "lo")
    lab.weft("apply", lab.write(TUNNELS))
    assert lab.json("peer", "show", "far")["remote"] == "192.0.2.2"
    exported = lab.weft("export", "u").stdout
    assert plan(lab, lab.write(exported), 0) == ["no change"], exported
    done = lab.weft("apply", lab.write(TUNNELS.replace(", vni: 5001", "")), check=False)
    assert done.returncode == 1 and "changed.yaml:5:" in done.stderr, done.stderr
    # Two networks of one number are no two networks.
    clash = TUNNELS.replace("guests:", "  # ").replace("mtu: 1430}}", "mtu: 1430}, b: {subnet: 10.2.0.0/24, vni: 5001, tunnel: t1}}")
    done = lab.weft("plan", lab.write(clash), check=False)
    assert done.returncode == 1 and "VNI 5001" in done.stderr, done.stderr


def test_hosts(lab):
    lab.weft("apply", lab.write(HOSTS), timeout=120)
    eventually(lambda: all(host["state"] == "ready" for host in lab.json("host", "ls")), 20, "all hosts")
    lab.guest("t.h1").ping(lab.guest("t.h2").address(4).split("/")[0], count=1)
    exported = lab.weft("export", "t").stdout
    assert plan(lab, lab.write(exported), 0) == ["no change"], exported
    lab.weft("destroy", "t", "--keep-running")
    eventually(lambda: [host["name"] for host in lab.json("host", "ls")] == ["local"], 20, "the hosts' end")


def test_gc_finds_what_nothing_explains(lab):
    assert lab.weft("gc").stdout == "nothing is left over\n"
    # What a database that was moved aside leaves behind, and what a crash may.
    lab.weft("down")
    stale = lab.run_dir / "old.vu"
    lab.run("python3", "-c", f"import socket; socket.socket(socket.AF_UNIX).bind({str(stale)!r})")
    lab.run("ip", "netns", "add", "foreign")
    folder = lab.run_dir / "guests" / "z.h9"
    folder.mkdir(parents=True)
    (folder / "resolv.conf").write_text("")
    lab.run("ip", "netns", "add", "z.h9")
    lab.up()
    done = lab.weft("gc", check=False)
    assert done.returncode == 3
    found = [(row["kind"], row["name"]) for row in json.loads(lab.weft("-o", "json", "gc", check=False).stdout)]
    assert sorted(found) == [("files", "z.h9"), ("namespace", "z.h9"), ("socket", str(stale))], found
    lab.weft("gc", "--yes")
    assert lab.weft("gc").stdout == "nothing is left over\n"
    assert not stale.exists() and not folder.exists()
    left = [line.split()[0] for line in lab.run("ip", "netns").stdout.splitlines()]
    # What is the lab's, and what is somebody else's, is untouched.
    assert sorted(left) == ["a.h1", "a.h2", "a.h3", "foreign"]


def test_labs_side_by_side(lab):
    """The same names and addresses twice, and neither sees the other."""
    lab.weft("apply", lab.file, "--lab", "b")
    for name in ["a.h1", "b.h1"]:
        lab.guest(name).ping("10.1.0.20", count=2)
        assert lab.guest(name).address(4) == "10.1.0.10/24"
    macs = [lab.guest(name).run("cat", "/sys/class/net/eth0/address").stdout for name in ["a.h2", "b.h2"]]
    assert macs[0] != macs[1]
    assert macs[0].strip() in lab.guest("a.h1").run("ip", "neigh").stdout
    assert [row["name"] for row in lab.json("lab", "ls")] == ["a", "b"]
    lab.weft("destroy", "a")
    lab.guest("b.h1").ping("10.1.0.20", count=1)
    names = [row["name"] for row in lab.json("ns", "ls")]
    assert names == ["b.h1", "b.h2", "b.h3"]


VLANS = """
nets:
  red: {vlan: 10, mode: routed, subnet: 10.10.0.0/24}
  blue: {vlan: 20, subnet: 10.20.0.0/24}
guests:
  h1: {net: red, ip: 10.10.0.10}
  h2: {net: red, ip: 10.10.0.20}
  t: {trunk: [10, 20]}
"""


def test_labs_have_vlans_of_their_own(lab):
    """VLAN 10 in two labs and outside of both: three broadcast domains, before and after a restart."""
    path = lab.write(VLANS)
    for name in ["p", "q"]:
        lab.weft("apply", path, "--lab", name)
    lab.weft("net", "add", "own", "--vlan", "10", "--subnet", "10.10.0.0/24")
    lab.add_guest("h9", "--net", "own", "--ip", "10.10.0.9", "--static")

    def apart():
        for name in ["p", "q"]:
            lab.guest(f"{name}.h1").ping("10.10.0.20", count=1)
            assert not lab.guest(f"{name}.h1").pings("10.10.0.9")
        macs = [lab.guest(f"{name}.h2").run("cat", "/sys/class/net/eth0/address").stdout for name in "pq"]
        assert macs[0].strip() in lab.guest("p.h1").run("ip", "neigh").stdout
        assert macs[1].strip() in lab.guest("q.h1").run("ip", "neigh").stdout

    apart()
    assert "p.red" in lab.weft("trace", "p.h1", "to", "h2").stdout
    lab.kill("controller")
    lab.up()
    apart()
    revision = lab.revision()
    lab.weft("apply", path, "--lab", "p")
    assert lab.revision() == revision
    lab.weft("destroy", "p")
    lab.guest("q.h1").ping("10.10.0.20", count=1)


def test_confirm_and_undo(lab):
    def guests():
        return [row["name"] for row in lab.json("ns", "ls")]

    path = lab.write(LAB.replace("h3: lan", "h4: lan"))
    out = lab.weft("apply", path, "--confirm", "60s").stdout
    assert "undone in 60s unless you say: weft confirm" in out
    assert guests() == ["a.h1", "a.h2", "a.h4"]
    lab.weft("confirm")
    lab.weft("undo")
    assert guests() == ["a.h1", "a.h2", "a.h3"]
    assert plan(lab, lab.file, 0) == ["no change"]
    assert "undone in 1s unless" in lab.weft("apply", path, "--confirm", "1").stdout
    eventually(lambda: guests() == ["a.h1", "a.h2", "a.h3"], what="the guests of before")
    eventually(lambda: "unconfirmed" not in lab.weft("history").stdout, what="the end of the trial")
    assert plan(lab, lab.file, 0) == ["no change"]


BAD = [
    ("nets: {lan: {subnet: 10.1.0.0/24}}\nguests: {h: {net: lna}}\n", r"2:19: port/h: there is no net 'lna'",
     "did you mean 'lan'"),
    ("nets: {lan: {subnet: 10.1.0.0/24}}\nguests: {h: {net: lan, ip: 10.2.0.1}}\n", r"2:28: port/h: .*outside", "within"),
    ("nets: {lan: {subnet: 10.1.0.0/24}}\nguests:\n  a: {net: lan, ip: 10.1.0.5}\n  b: {net: lan, ip: 10.1.0.5}\n",
     r"[34]:21: port/[ab]: the address 10.1.0.5 is already that of port/[ab] at .*bad.yaml:[45]:21", ""),
    ("nets: {lan: {subnet: 10.1.0.0/24, subnet6: 'fd00::/64', mode: nat}}\nguests: {a: {net: lan, ip6: 'fd00::5'}}\n"
     "forwards: ['81:a:80', {map: '81:[fd00::9]:80', net: lan}]\n",
     r"3:(12|29): forward/tcp6?-81: the outside port 81 is already that of forward/tcp6?-81 at .*bad.yaml:4:(12|29)", ""),
    ("nets: {lan: {subnet: 10.1.0.0/24}}\nguests:\n  a: {net: lan, mac: 02:00:00:00:00:01}\n"
     "  b: {net: lan, mac: 02:00:00:00:00:01}\n", r"[34]:22: .*the MAC 02:00:00:00:00:01 is already", ""),
    ("nets:\n  a: {subnet: 10.1.0.0/24, mode: nat}\n  b: {subnet: 10.1.0.0/16, mode: nat}\n", r"[23]:15: .*overlaps", ""),
    ("nets: {a: {vlan: 9}, b: {vlan: 9}}\n", r"1:(18|32): .*VLAN 9 is already", ""),
    ("nets: {lan: {subnet: 10.1.0.0/24}}\nguests: {web: lan}\nforwards: [\"80:web:80\"]\n", r"3:12: forward/.*not behind NAT",
     ""),
    ("nets: {lan: {subnet: 10.1.0.0/30}}\nguests: {a: lan, b: lan, c: lan, d: lan}\n",
     r"2:(18|26|34): port/[bcd]: there is no free address in net 'lan'", ""),
    ("guests: {a: {}}\ntests: [{ping: {from: b}}]\n", r"2:23: lab/.*no guest 'b'", ""),
    ("guests: {a: {}}\ntests: [{reach: {from: a, to: aa}}]\n", r"2:31: lab/.*no guest 'aa'", "did you mean 'a'"),
    ("routers: {r: {routes: {10.9.0.0/16: 10.1.0.1}}}\n", r"1:24: route/.*in no net of router", ""),
    ("nets: {lan: {}}\nflows: {f: {match: \"port=h9\"}}\n", r"2:20: flow/f: there is no port 'h9'", ""),
    ("nets: {lan: {mtu: 1400}}\nguests:\n  h1: {net: lan, mtu: 1500}\n", r"3:\d+: .*packets of 1400 bytes", "larger one"),
    ("nets: {lan: {subnet6: 2001:db8::/64, mtu: 1200}}\n", r"1:\d+: .*IPv6 needs packets of 1280", "larger MTU"),
]


@pytest.mark.parametrize("text, words, hint", BAD)
def test_bad_files_change_nothing(lab, text, words, hint):
    path = lab.write("lab: x\n" + text, "bad.yaml")
    for verb in ["plan", "apply"]:
        done = lab.weft(verb, path, check=False)
        assert done.returncode == 1, done.stdout
        # The first line names the lab.
        line, rest = re.search(r"bad\.yaml:(\d+)(:.*)", done.stderr, re.S).groups()
        assert re.search(words, f"{int(line) - 1}{rest}"), done.stderr
        assert hint in done.stderr
        assert "x." not in done.stderr
    assert lab.revision() == 1


ALL = """lab: x
nets:
  lan: {subnet: 10.1.0.0/24, vni: 7}
  dmz: {subnet: 10.2.0.0/24, vni: 7}
  bad: {subnet: 10.3.0.0/24, gateway: 10.9.0.1}
guests:
  h1: {net: lan, ip: 10.1.0.5}
  h2: {net: lan, ip: 10.1.0.5}
  h3: bad
  h4: lna
links:
  h1--h3: {a-to-b: jitter 5ms}
tests:
  - ping: {from: h9}
"""


def test_all_that_is_wrong_is_told_at_once(lab):
    """What is missing only because it is wrong itself (net bad, of h3) is not complained of again."""
    path = lab.write(ALL, "bad.yaml")
    for verb in ["plan", "apply"]:
        done = lab.weft(verb, path, check=False)
        told = re.findall(r"bad\.yaml:(\d+:\d+): (.*)", done.stderr)
        assert [place for place, words in told] == ["3:35", "4:35", "5:39", "7:22", "8:22", "10:7", "12:20", "14:18"], done.stderr
        assert "did you mean 'lan'?" in done.stderr
        errors = lab.weft("-o", "jsonl", verb, path, check=False).stderr.splitlines()
        assert [json.loads(line)["error"]["what"] for line in errors] == [f"{path}:{place}: {words}" for place, words in told]
    assert lab.revision() == 1


def test_foreign_names_are_not_taken_over(lab):
    lab.weft("ns", "add", "x.h1", "--net", "a.lan", "--hostname", "xh1")
    path = lab.write("lab: x\nguests: {h1: {}}\n", "x.yaml")
    done = lab.weft("apply", path, check=False)
    assert done.returncode == 1
    assert "already, which is not of the lab 'x'" in done.stderr


def test_without_daemons_it_says_how(instances):
    weft = instances()
    path = weft.path / "lab.yaml"
    path.write_text(LAB)
    done = weft.weft("apply", path, check=False)
    assert done.returncode == 5 and f"weft up {path}" in done.stderr
    # A wrong file starts nothing.
    path.write_text("nets: []\n")
    done = weft.weft("up", path, check=False)
    assert done.returncode == 2 and "lab.yaml:1:7" in done.stderr
    assert not (weft.run_dir / "controller.sock").exists()


def test_killed_at_any_point_and_run_again(instances):
    """kill -9 of the command or of the controller while it applies; the same command then succeeds."""
    weft = instances().up()
    guests = "".join(f"  g{i}: lan\n" for i in range(24))
    path = weft.path / "lab.yaml"
    path.write_text("lab: k\nnets: {lan: {subnet: 10.3.0.0/24}}\nguests:\n" + guests)
    for delay in [0.0, 0.01, 0.02, 0.04, 0.08]:
        for whom in ["command", "controller"]:
            apply = weft.start([BIN / "weft", "apply", path])
            time.sleep(delay)
            if whom == "command":
                apply.kill()
                apply.wait()
            else:
                weft.kill("controller")
                apply.wait()
            out = weft.weft("up", path).stdout
            weft.status()
            assert "24 guests" in out
            assert plan(weft, path, 0) == ["no change"]
            assert len(weft.run("ip", "netns").stdout.splitlines()) == 24
            weft.guest("k.g0").ping("10.3.0.25", count=1)
            weft.weft("destroy", "k", "--keep-running")


def test_a_change_in_a_large_lab_is_quick(instances):
    """Plan and apply of one change among many guests; the bound is loose, for slow machines."""
    weft = instances().up()
    guests = "".join(f"  g{i}: lan\n" for i in range(128))
    path = weft.path / "large.yaml"
    text = "lab: l\nnets: {lan: {subnet: 10.8.0.0/16}}\nguests:\n" + guests
    path.write_text(text)
    weft.weft("apply", path, timeout=300)
    path.write_text(text.replace("g127: lan", "g127: {net: lan, mac-limit: 4}"))
    times = {}
    for verb in ["plan", "apply"]:
        start = time.monotonic()
        out = weft.weft(verb, path, check=False).stdout
        times[verb] = time.monotonic() - start
        assert "~ port g127 mac_limit none -> 4 (in place)" in out
    print({verb: f"{1000 * took:.0f} ms" for verb, took in times.items()})
    assert sum(times.values()) < 20
    weft.weft("destroy", "l", timeout=300)


def test_schema_and_parser_agree(lab):
    """The shipped schema is what the program prints, and refuses and takes what the parser does."""
    jsonschema = pytest.importorskip("jsonschema") if os.environ.get("WEFT_REQUIRE") != "all" else __import__("jsonschema")
    yaml = __import__("yaml")
    printed = lab.weft("schema").stdout
    assert (ROOT / "docs" / "topology.schema.json").read_text() == printed
    page = lab.weft("schema", "--table").stdout
    assert (ROOT / "docs" / "topology-keys.md").read_text() == page
    validator = jsonschema.Draft7Validator(json.loads(printed))

    class Core(yaml.SafeLoader):
        """Types as YAML 1.2 has them, as editors do."""

    Core.yaml_implicit_resolvers = {}
    Core.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|false)$"), list("tf"))
    Core.add_implicit_resolver("tag:yaml.org,2002:int", re.compile("^[0-9]+$"), list("0123456789"))
    Core.add_implicit_resolver("tag:yaml.org,2002:null", re.compile("^$"), [""])

    def agrees(text, good):
        path = lab.write(text, "agree.yaml")
        done = subprocess.run([str(BIN / "weft"), "--run-dir", "/nowhere", "plan", str(path)], capture_output=True,
                              text=True, check=False)
        # Past the schema the next thing is the controller, which is not there.
        assert (done.returncode == 5) == good, text + done.stderr
        errors = [error.message for error in validator.iter_errors(yaml.load(text, Core))]
        assert (not errors) == good, (text, errors)

    for example in sorted((ROOT / "examples").glob("*.yaml")):
        agrees(example.read_text(), True)
    agrees((ROOT / "tests/fuzz/corpus/topology/all").read_text(), True)
    for text in ["nets: []", "nts: {}", "nets: {lan: {subnett: 1.0.0.0/8}}", "nets: {lan: {mode: nats}}",
                 "nets: {lan: {vlan: 4095}}", "nets: {lan: {mtu: 1e3}}", "nets: {lan: {dhcp: maybe}}",
                 "nets: {lan: {lease: 5 min}}", "nets: {-lan: {}}", "guests: {h1: {kind: nss}}",
                 "guests: {h1: {net: lan, mac: 02:00:00:00:00}}", "guests: {h1: [lan]}", "tests: [{pong: {}}]",
                 "tests: [{ping: {}, reach: {}}]", "tests: [{ping: {max-loss: 1}}]", "tests: [{http: {}}]",
                 "tests: [{ping: {interval: 5}}]", "tests: [{iperf: {min-rate: 10Mbps}}]", "reservations: {p: {net: l}}",
                 "flows: {f: {priority: 0}}", "lab: {}"]:
        agrees(text, False)
