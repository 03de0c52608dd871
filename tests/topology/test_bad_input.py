# SPDX-License-Identifier: BSD-3-Clause
"""Everything that a user may get wrong: a clear error that names the object, and nothing changed."""

import json
import os
import signal
import subprocess

import pytest

from conftest import BIN, add_lan, eventually, is_alive, need


@pytest.fixture
def small(weft):
    add_lan(weft)
    weft.weft("ns", "add", "h1", "--net", "lan", "--ip", "10.77.0.11", "--static")
    return weft


def refuse(weft, words, *parts, code=1):
    """The command fails with all parts in its message, and changes nothing."""
    before = weft.status()
    done = weft.weft(*words.split(), check=False)
    assert done.returncode == code, done.stdout + done.stderr
    for part in parts:
        assert part in done.stderr, f"{part!r} is not in:\n{done.stderr}"
    after = weft.status()
    assert after["revision"] == before["revision"]
    assert after["host"]["generation"] == before["host"]["generation"]
    return done.stderr


def test_overlapping_subnets(small):
    refuse(small, "net add lan2 --mode nat --subnet 10.77.0.128/25", "10.77.0.128/25", "10.77.0.0/24", "'lan'")


@pytest.mark.parametrize("words,parts", [
    ("ns add h9 --net lam", ["lam", "lan"]),
    ("net set lam --mtu 1400", ["lam"]),
    ("net delete lam", ["lam"]),
    ("port set h7 --mtu 1400", ["h7"]),
    ("ns delete h7", ["h7"]),
    ("forward add lan 80:h7:80", ["h7"]),
    ("forward delete nothing", ["nothing"]),
    ("trace h7 to h1 icmp", ["h7"]),
    ("drops h7", ["h7"]),
    ("net show lam", ["lam"]),
    ("shell h7 -- true", ["h7"]),
    ("undo 999", ["999"]),
])
def test_unknown_names(small, words, parts):
    refuse(small, words, *parts)


@pytest.mark.parametrize("vlan", ["0", "4095", "5000"])
def test_vlan_out_of_range(small, vlan):
    refuse(small, f"net add v --mode isolated --vlan {vlan}", vlan, "4094")
    refuse(small, f"ns add t --trunk 20,{vlan}", vlan, "4094")
    refuse(small, f"ns add t --trunk 20 --native {vlan}", vlan, "4094")


def test_address_outside_subnet(small):
    refuse(small, "ns add h9 --net lan --ip 10.78.0.5", "10.78.0.5", "10.77.0.0/24")
    refuse(small, "ns add h9 --net lan --ip 10.77.0.0", "10.77.0.0")
    refuse(small, "ns add h9 --net lan --ip 10.77.0.255", "10.77.0.255")
    refuse(small, "net set lan --pool 10.78.0.1-10.78.0.9", "10.78.0.1")
    refuse(small, "net set lan --gateway 10.78.0.1", "10.78.0.1")


def test_address_taken(small):
    refuse(small, "ns add h9 --net lan --ip 10.77.0.11", "10.77.0.11", "h1")
    refuse(small, "ns add h9 --net lan --ip 10.77.0.1", "10.77.0.1")


def test_duplicate_mac(small):
    mac = small.json("port", "show", "h1")["mac"]
    refuse(small, f"ns add h9 --net lan --mac {mac}", mac, "h1")


@pytest.mark.parametrize("mac", ["01:00:5e:00:00:01", "00:00:00:00:00:00", "02:00:00:00:00", "x"])
def test_bad_mac(small, mac):
    refuse(small, f"ns add h9 --net lan --mac {mac}", mac)


def test_no_such_interface(small):
    refuse(small, "port add lan --name up --netdev no-such-if", "port/up: interface 'no-such-if'", "ip link")


def test_loopback_is_no_port(small):
    refuse(small, "port add lan --name up --netdev lo", "port/up", "loopback")
    refuse(small, "ns add h9 --net lan --ifname lo", "port/h9", "loopback")


def test_name_taken(small):
    refuse(small, "net add lan --subnet 10.99.0.0/24", "lan")
    refuse(small, "ns add h1 --net lan", "h1")


def test_in_use(small):
    error = refuse(small, "net delete lan", "lan", "h1")
    assert "--cascade" in error


def test_bad_addresses(small):
    refuse(small, "net add x --subnet 10.1.0.0/33", "10.1.0.0/33")
    refuse(small, "net add x --subnet 10.1.0", "10.1.0")
    refuse(small, "route add 10.9.0.0/16 --via fe80::g", "fe80::g")


def test_nothing_half_done(small):
    """A guest whose port cannot be is not left behind without it."""
    refuse(small, "ns add h9 --net lan --ip 10.78.0.5", "10.78.0.5")
    assert [guest["name"] for guest in small.json("ns", "ls")] == ["h1"]
    assert not [name for name in os.listdir("/run/netns") if name == "h9"] if os.path.isdir("/run/netns") else True


def test_leased_address(weft):
    """An address that a guest has by DHCP is not given to another."""
    add_lan(weft)
    address = weft.add_guest("h1", "--net", "lan").lease().split("/")[0]
    error = refuse(weft, f"ns add h2 --net lan --ip {address}", address, "h1", "10.77.0.2 is free")
    assert "until 20" in error
    weft.weft("port", "set", "h1", "--ip", address)
    weft.add_guest("h2", "--net", "lan", "--ip", "10.77.0.2")


def test_dry_run_changes_nothing(small):
    before = small.revision()
    done = small.weft("net", "add", "x", "--subnet", "10.90.0.0/24", "--dry-run", check=False)
    assert done.returncode == 3, done.stderr
    assert done.stdout == "+ net x\n"
    assert small.revision() == before
    assert [net["name"] for net in small.json("net", "ls")] == ["lan"]
    refuse(small, "net add x --subnet 10.77.0.0/24 --mode nat --dry-run", "overlaps")


def test_dry_run_says_what(small):
    def dry(*words):
        done = small.weft(*words, "--dry-run", check=False)
        assert done.returncode == (0 if done.stdout == "no change\n" else 3), done.stderr
        return done.stdout

    before = small.revision()
    assert dry("port", "set", "h1", "--mtu", "1400") == "~ port h1 mtu none -> 1400\n"
    assert dry("net", "set", "lan", "--mode", "isolated", "--lease", "60") == \
        "~ net lan mode nat -> isolated, lease_seconds none -> 60\n"
    assert dry("net", "set", "lan", "--mode", "nat") == "no change\n"
    assert sorted(dry("net", "delete", "lan", "--cascade").splitlines()) == ["- net lan", "- port h1"]
    assert sorted(dry("destroy").splitlines()) == ["- guest h1", "- net lan", "- port h1"]
    assert sorted(dry("undo").splitlines()) == ["- guest h1", "- port h1"]
    done = small.weft("-o", "json", "port", "set", "h1", "--mtu", "1400", "--dry-run", check=False)
    assert done.returncode == 3
    assert json.loads(done.stdout)["changes"] == [
        {"verb": "set", "object": "port/h1", "field": "mtu", "after": "1400"}]
    assert small.revision() == before


def test_second_controller(small):
    before = small.status()
    done = small.run(BIN / "weft-controller", "--run-dir", small.run_dir, "--state-dir", small.state_dir,
                     check=False, timeout=10)
    assert done.returncode != 0
    assert str(before["pid"]) in done.stderr or "running" in done.stderr or "in use" in done.stderr, done.stderr
    assert small.status()["pid"] == before["pid"]
    assert small.weft("up").stdout == "already running\n"


def test_stray_processes(small):
    """Neither a controller with a state of its own nor a second datapath takes the place of the first."""
    datapath = small.status()["host"]["pid"]
    done = small.run(BIN / "weft-controller", "--run-dir", small.run_dir, "--state-dir", small.run_dir.parent / "other",
                     check=False, timeout=10)
    assert done.returncode != 0 and "another process listens" in done.stderr, done.stderr
    with pytest.raises(subprocess.TimeoutExpired):
        small.run(BIN / "weft-datapath", "--run-dir", small.run_dir, timeout=1)
    assert small.status()["host"]["pid"] == datapath
    small.weft("down")
    assert not is_alive(datapath)
    small.weft("up")
    assert [port["state"] for port in small.json("port", "ls")] == ["up"]


def test_corrupt_database(small):
    small.weft("down")
    databases = list(small.state_dir.glob("*.db")) + list(small.state_dir.glob("*.sqlite*"))
    assert databases, os.listdir(small.state_dir)
    intact = databases[0].read_bytes()
    databases[0].write_bytes(b"not a database at all" * 1000)
    for side in small.state_dir.glob(databases[0].name + "-*"):
        side.unlink()
    done = small.weft("up", check=False)
    assert done.returncode == 1
    assert databases[0].name in done.stderr, done.stderr
    assert "damaged" in done.stderr or "not a database" in done.stderr, done.stderr
    assert "--fresh" in done.stderr, done.stderr
    # It was not touched, so that it can be looked at; with the right one all is back.
    assert databases[0].read_bytes().startswith(b"not a database")
    databases[0].write_bytes(intact)
    small.up()
    assert [net["name"] for net in small.json("net", "ls")] == ["lan"]


def test_begin_afresh(weft):
    """The way out without a good copy: what is damaged goes aside, and all begins empty."""
    weft.weft("net", "add", "lan", "--subnet", "10.77.0.0/24")
    weft.weft("down")
    database = weft.state_dir / "weft.db"
    damaged = b"not a database at all" * 1000
    database.write_bytes(damaged)
    for side in weft.state_dir.glob("weft.db-*"):
        side.unlink()
    weft.weft("up", "--fresh")
    assert weft.json("net", "ls") == []
    assert damaged in [path.read_bytes() for path in weft.state_dir.iterdir() if path != database]


def test_full_disk(instances, tmp_path):
    """The state directory on a tiny disk that is full: refused, and what was there stays."""
    weft = instances()
    weft.state_dir.mkdir()
    weft.run("mount", "-t", "tmpfs", "-o", "size=600k", "tiny", weft.state_dir)
    weft.up()
    add_lan(weft)
    weft.run("sh", "-c", f"dd if=/dev/zero of={weft.state_dir}/filler bs=1k 2>/dev/null; true")
    done = None
    for number in range(200):
        done = weft.weft("net", "add", f"n{number}", "--subnet", f"10.{number}.0.0/24", check=False)
        if done.returncode != 0:
            break
    assert done.returncode == 1, "the disk never got full"
    assert "full" in done.stderr or "space" in done.stderr, done.stderr
    known = [net["name"] for net in weft.json("net", "ls")]
    assert "lan" in known and f"n{number}" not in known
    weft.run("rm", weft.state_dir / "filler")
    weft.weft("net", "add", "after", "--subnet", "10.250.0.0/24")
    pid = weft.kill("controller")
    assert not is_alive(pid)
    weft.up()
    assert sorted(net["name"] for net in weft.json("net", "ls")) == sorted(known + ["after"])


def test_no_permission_for_tun(instances):
    """/dev/net/tun cannot be opened: the port says so, and where to look."""
    weft = instances()
    # A device on a mount without devices: even root may not open it.
    weft.run("mount", "-t", "tmpfs", "-o", "nodev", "nodev", "/mnt")
    weft.run("mknod", "/mnt/tun", "c", "10", "200")
    weft.run("mount", "--bind", "/mnt/tun", "/dev/net/tun")
    weft.up()
    add_lan(weft)
    done = weft.weft("ns", "add", "h1", "--net", "lan", check=False)
    text = done.stdout + done.stderr + weft.weft("port", "ls").stdout
    assert "/dev/net/tun" in text, text
    assert done.returncode == 1 and "ermi" in text
    assert weft.json("ns", "ls") == [] and weft.json("port", "ls") == []
    doctor = weft.weft("doctor", check=False)
    assert doctor.returncode == 1 and "/dev/net/tun" in doctor.stdout


def test_no_root(small):
    """Somebody else is told that root is needed, and does not get in."""
    need(subprocess.run(["setpriv", "--version"], capture_output=True).returncode == 0, "no setpriv")
    for words in (["net", "add", "x", "--subnet", "10.99.0.0/24"], ["shell", "h1", "--", "true"], ["up"]):
        done = small.run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", BIN / "weft", *words,
                         check=False)
        assert done.returncode in (1, 5)
        assert "root" in done.stderr, done.stderr
    assert [net["name"] for net in small.json("net", "ls")] == ["lan"]


def test_controller_signalled(small):
    """SIGTERM is as good as weft down: no process is left."""
    status = small.status()
    os.kill(status["pid"], signal.SIGTERM)
    eventually(lambda: not is_alive(status["pid"]), 10, "the end of the controller")
    small.up()
    assert [net["name"] for net in small.json("net", "ls")] == ["lan"]
