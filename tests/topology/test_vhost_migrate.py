# SPDX-License-Identifier: BSD-3-Clause
"""A machine moves, while it works, from one host to the other and back.

    h1 --+-- lan of a --+-- wire (a cable) --+-- lan of b --+-- h2
         |              |                    |              |
         +-- vm (QEMU) ...... migrates ...... vm (QEMU) ----+
"""

import re
import time

import pytest
from conftest import eventually

MAC = "02:00:00:00:88:05"
ADDRESS = "10.88.0.5"
BOOT = f"weft.ip={ADDRESS}/24"
BASE = "10.88.0."

# Random bytes for so many seconds to whoever connects; prints how many there were and their sum.
SOURCE = """
import hashlib, random, socket, sys, time
l = socket.create_server(('', 7000)); l.settimeout(20); c, _ = l.accept()
s = hashlib.sha256(); r = random.Random(7); n = 0; end = time.time() + float(sys.argv[1])
while time.time() < end:
    block = r.randbytes(65536); s.update(block); c.sendall(block); n += len(block)
c.close(); print(n, s.hexdigest(), flush=True)
"""


@pytest.fixture
def hosts(instances):
    """Two instances that share a network by a cable between them; each with a guest of its own."""
    made = [instances(name).up() for name in "ab"]
    for weft in made:
        weft.weft("net", "add", "lan", "--mode", "isolated")
        weft.weft("port", "add", "lan", "--name", "vm", "--vhost", "vm.vu", "--mac", MAC)
    made[0].run("ip", "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", made[1].anchor.pid)
    for number, weft in enumerate(made, 1):
        weft.run("ip", "link", "set", "wire", "up")
        weft.weft("port", "add", "lan", "--name", "wire", "--netdev", "wire")
        guest = weft.add_guest(f"h{number}", "--net", "lan")
        guest.run("ip", "address", "add", f"{BASE}{number}/24", "dev", "eth0")
        guest.run("ip", "link", "set", "eth0", "up")
    return made


def longest_gap(log):
    times = [float(at) for at in re.findall(r"^\[([\d.]+)\].*bytes from", log.read_text(), re.M)]
    assert len(times) > 50, log.read_text()
    return max(later - before for before, later in zip(times, times[1:]))


def migrate(vm, to, socket):
    """Moves the machine into the process that waits for it; returns what QEMU says of it."""
    vm.qmp("migrate-set-parameters", max_bandwidth=1 << 30, downtime_limit=300)
    vm.qmp("migrate", uri=f"unix:{socket}")

    def ended():
        state = vm.qmp("query-migrate")
        return state if state["status"] in ("completed", "failed") else None

    state = eventually(ended, 120, "the migration")
    assert state["status"] == "completed", state
    eventually(lambda: to.qmp("query-status")["running"], 20, "the machine at its new place")
    vm.stop()
    return state


def where_is_vm(weft):
    rows = [row for row in weft.json("fdb", "ls") if row["mac"] == MAC]
    return rows[0]["port"] if rows else None


def move(hosts, machines, vm, source, target, tmp_path):
    """One migration under load; checks what arrived, and returns the machine at its new place."""
    socket = tmp_path / f"to-{target.path.name}"
    to = machines.qemu(target, "vm", append=BOOT, options=["-incoming", f"unix:{socket}"], wait=False)
    guests = [hosts[0].guest("h1"), hosts[1].guest("h2")]
    logs, processes = [], []
    for guest in guests:
        logs.append(tmp_path / f"ping-{guest.name}-{target.path.name}")
        processes.append(guest.start("ping", "-n", "-D", "-i", "0.02", ADDRESS, log=logs[-1]))
    heard = tmp_path / f"heard-{target.path.name}"
    processes.append(guests[0].start("tcpdump", "-lne", "-i", "eth0", f"ether src {MAC} and ether broadcast", log=heard))
    sums = tmp_path / f"sums-{target.path.name}"
    guests[0].start("python3", "-c", SOURCE, 6, log=sums)
    eventually(lambda: guests[0].listens(7000), 10, "the source of bytes")
    vm.run(f"rm -f /tmp/sum; (nc {BASE}1 7000 | sha256sum >/tmp/part; mv /tmp/part /tmp/sum) >/dev/null 2>&1 &")
    time.sleep(1)

    already = heard.read_text()
    state = migrate(vm, to, socket)
    sent, digest = eventually(sums.read_text, 60, "the sum of what was sent").split()
    eventually(lambda: to.try_run("test -s /tmp/sum")[0] == 0, 60, "the sum of what came")
    assert digest in to.run("cat /tmp/sum"), "what arrived is not what was sent"
    for process in processes:
        process.terminate()
    gaps = [longest_gap(log) for log in logs]
    print(f"{source.path.name} to {target.path.name}: {state['total-time']} ms, {state['ram']['dirty-sync-count']} rounds, "
          f"{int(sent) >> 20} MB arrived whole; QEMU counts {state['downtime']} ms of downtime, "
          f"no answer for {gaps[0]:.3f} s (h1), {gaps[1]:.3f} s (h2)")
    assert max(gaps) < 3
    assert "ARP" in heard.read_text()[len(already):], "the guest did not tell that it moved"
    assert (where_is_vm(source), where_is_vm(target)) == ("wire", "vm")
    eventually(lambda: not source.json("port", "show", "vm")["connected"], 10, "the end of the old connection")
    assert not target.json("port", "show", "vm").get("last_fault")
    return to


def test_a_machine_moves_and_returns(hosts, machines, tmp_path):
    a, b = hosts
    vm = machines.qemu(a, "vm", append=BOOT)
    for guest in (a.guest("h1"), b.guest("h2")):
        guest.ping(ADDRESS)
    vm = move(hosts, machines, vm, a, b, tmp_path)
    vm = move(hosts, machines, vm, b, a, tmp_path)
    vm.ping(f"{BASE}2")
