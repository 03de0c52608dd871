# SPDX-License-Identifier: BSD-3-Clause
"""The switch is killed, replaced and left alone by its controller under machines that talk.

    app (QEMU, split rings) --+--- lan 10.77.0.0/24
    web (UML, packed rings) --+
    h1 (a namespace) ---------+
"""

import json
import os
import re
import shutil
import signal
import time

import pytest

from conftest import BIN, add_lan, eventually, is_alive
from test_vguest import VGUEST

# A datapath that died sooner than this is started again more slowly each time.
LONG_ENOUGH = 3.2


def address_of(vm):
    return vm.lease().split("/")[0]


def arrivals(log):
    """When each answer came, as ping -D writes it."""
    return [float(at) for at in re.findall(r"^\[([\d.]+)\].*bytes from", log.read_text(), re.M)]


def longest_gap(log, since, until):
    times = arrivals(log)
    gaps = [later - before for before, later in zip(times, times[1:]) if later >= since and before <= until]
    return max(gaps)


def start_from(weft, folder):
    """Starts the instance with programs of its own, which can be replaced."""
    folder.mkdir()
    for name in ("weft", "weft-controller", "weft-datapath"):
        shutil.copy(BIN / name, folder / name)
    weft.run(folder / "weft", "up")
    weft.status()


def upgrade(weft, folder):
    """Puts another file in the datapath's place and ends the process that ran the old one."""
    old = weft.status()["host"]["pid"]
    shutil.copy(BIN / "weft-datapath", folder / "new")
    os.replace(folder / "new", folder / "weft-datapath")
    os.kill(old, signal.SIGTERM)
    eventually(lambda: not is_alive(old), 5, "the end of the old datapath")
    weft.revived(old)
    new = weft.status()["host"]["pid"]
    assert os.path.samefile(f"/proc/{new}/exe", folder / "weft-datapath")


def check_controller_is_not_missed(weft, logs, up):
    """The pings go on for a second without it, in the same rhythm."""
    weft.kill("controller")
    begun = time.time()
    time.sleep(1)
    for log in logs:
        times = [at for at in arrivals(log) if at >= begun]
        assert len(times) > 30, f"{len(times)} answers in a second without the controller"
    weft.run(up, "up")


def test_machines_outlive_the_switch(instances, machines):
    weft = instances()
    folder = weft.path / "programs"
    start_from(weft, folder)
    add_lan(weft)
    h1 = weft.add_guest("h1", "--net", "lan")
    h1.lease()
    weft.weft("port", "add", "lan", "--name", "web", "--vhost", "web.vu", "--vhost-server", "--queues", "1")
    weft.weft("port", "add", "lan", "--name", "app", "--vhost", "app.vu")
    web, app = machines.uml(weft, "web", wait=False), machines.qemu(weft, "app", wait=False)
    web.wait_ready()
    app.wait_ready()
    addresses = [address_of(web), address_of(app)]
    assert [weft.json("port", "show", name)["ring"] for name in ("web", "app")] == ["packed", "split"]
    web.iperf3_server()
    logs = [weft.path / f"ping-{address}" for address in addresses]
    for address, log in zip(addresses, logs):
        h1.start("ping", "-n", "-D", "-i", "0.01", address, log=log)
    carrier = "cat /sys/class/net/eth0/carrier_changes"
    changes = [web.run(carrier), app.run(carrier)]
    load = app.begin(f"iperf3 -J -c {addresses[0]} -t 8 -b 50M")
    started = time.time()
    # First of all, so that the next controller has to be handed what the datapath must not lose.
    check_controller_is_not_missed(weft, logs, folder / "weft")

    killed = time.time()
    weft.revived(weft.kill("datapath"))
    time.sleep(LONG_ENOUGH)
    upgraded = time.time()
    upgrade(weft, folder)
    time.sleep(1)
    done = time.time()

    code, out = app.end(load)
    assert code == 0, out
    result = json.loads(out)
    assert result["intervals"][-1]["sum"]["bytes"] > 0, "the connection did not come back"
    print(f"{result['end']['sum_received']['bits_per_second'] / 1e9:.2f} Gb/s")
    phases = {"kill -9 of the controller": (started, killed), "kill -9 of the datapath": (killed, upgraded),
              "upgrade": (upgraded, done)}
    for what, (since, until) in phases.items():
        gaps = [longest_gap(log, since, until) for log in logs]
        print(f"{what}: no answer for {gaps[0]:.3f} s (web), {gaps[1]:.3f} s (app) at the most")
        assert max(gaps) < 1
    assert [web.run(carrier), app.run(carrier)] == changes, "a guest saw its link go"
    # Each machine has plugged in once.
    assert (weft.run_dir / "datapath.log").read_text().count("a front end has connected") == 2
    for name in ("web", "app"):
        assert not weft.json("port", "show", name).get("last_fault")


@pytest.mark.parametrize("ring, change", [(["--packed", "--size", 512], []), (["--size", 512], ["--mtu", 1400])])
def test_numbered_frames_outlive_the_switch(weft, ring, change):
    """No frame comes twice or changed, and what is missing was counted; also at ports that were changed before."""
    weft.weft("net", "add", "lan", "--subnet", "10.77.0.0/24")
    for name in "ab":
        weft.weft("port", "add", "lan", "--name", name, "--vhost", f"{name}.vu")
        if change:
            weft.weft("port", "set", name, *change)
    log = weft.path / "vguest"
    drivers = weft.start([VGUEST, "pair", "--listen", weft.run_dir / "a.vu", "--listen", weft.run_dir / "b.vu",
                          *ring, "--verify", "--strict", "--json", "--window", 256, "--seconds", 3,
                          "--quiet", 1500], log=log)
    eventually(lambda: weft.json("port", "show", "b")["rx_packets"] > 1000, 10, "frames")
    weft.revived(weft.kill("datapath"))
    drops = sum(weft.json("port", "show", name)["drops"] for name in "ab")
    assert drivers.wait(timeout=30) == 0, log.read_text()
    result = json.loads(log.read_text())
    print(result, drops)
    assert result["received"] > 1000 and result["reconnects"] == 0 and not result["fault"]
    assert result["doubled"] == result["reordered"] == result["damaged"] == 0
    assert result["lost"] <= drops
