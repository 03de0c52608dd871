# SPDX-License-Identifier: BSD-3-Clause
"""Many machines' ports at once: what they cost when nothing happens, and a datapath killed under them.

    m0 ... m99 (front ends) ---+--- lan --- gw
"""

import os
import pathlib
import time

import pytest

from conftest import add_lan, eventually
from front import Front

PORTS = 100


def mac(number):
    return bytes([2, 0, 0, 0, 0x77, number])


def address(number):
    return f"10.77.0.{100 + number}"


@pytest.fixture
def many(weft):
    add_lan(weft)
    fronts = []
    for number in range(PORTS):
        weft.weft("port", "add", "lan", "--name", f"m{number}", "--vhost", f"m{number}.vu", "--vhost-server",
                  "--queues", "2")
        fronts.append(Front.connect(weft.run_dir / f"m{number}.vu").be_good())
    yield weft, fronts
    for front in fronts:
        front.close()


def processor_seconds(pid):
    tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text(encoding="ascii").split()[0]) for task in tasks) / 1e9


def test_idle_ports_cost_nothing(many):
    weft, _ = many
    pid = weft.status()["host"]["pid"]
    time.sleep(1)
    begin, before = time.monotonic(), processor_seconds(pid)
    time.sleep(4)
    share = (processor_seconds(pid) - before) / (time.monotonic() - begin)
    print(f"{PORTS} idle ports: {100 * share:.3f} % of a core")
    assert share < 0.005


def test_killed_under_all(many):
    """Each keeps its connection, which not one of them sees end, and its rings go on where they stood."""
    weft, fronts = many
    assert fronts[0].resolves("10.77.0.1", mac(0), address(0))
    controller = weft.status()["pid"]
    held = len(os.listdir(f"/proc/{controller}/fd"))
    for _ in range(2):
        weft.revived(weft.kill("datapath"))
        eventually(lambda: all(port["connected"] for port in weft.json("port", "ls")), 10, "all connected")
        for number, front in enumerate(fronts):
            assert not front.wait_gone(0.001), f"m{number} was sent away"
        for number in range(0, PORTS, 9):
            assert fronts[number].resolves("10.77.0.1", mac(number), address(number)), f"m{number}"
    # What is kept for them is neither lost nor piled up.
    eventually(lambda: abs(len(os.listdir(f"/proc/{controller}/fd")) - held) <= 2, 10, "the same descriptors as before")
    for front in fronts:
        front.close()
    # All that is left at the keeper's is the socket to listen at, and the state.
    few = held - PORTS * 6
    eventually(lambda: len(os.listdir(f"/proc/{controller}/fd")) <= few, 10, f"at most {few} descriptors, of {held}")
