# SPDX-License-Identifier: BSD-3-Clause
"""DPDK's virtio-user on vhost-user ports: a driver that we did not write, in every mode that it has.

    v0 (vguest) -- n0 -- d0 (testpmd sends back what comes)
    v1 (vguest) -- n1 -- d1 (the same process, another mode)
    ...
"""

import itertools
import os
import shutil

import pytest

from conftest import eventually, need
from test_vguest import vguest

QUEUES = 2

# DPDK's names for what the driver agrees to. Odd ones connect to us, the others wait for us.
MODES = [{"packed_vq": packed, "in_order": in_order, "mrg_rxbuf": merge}
         for packed, in_order, merge in itertools.product([0, 1], repeat=3)]


def device(weft, number, mode):
    words = {"path": weft.run_dir / f"d{number}.vu", "server": 1 - number % 2, "queues": QUEUES, **mode}
    return f"net_virtio_user{number}," + ",".join(f"{key}={value}" for key, value in words.items())


def start_testpmd(weft):
    """One testpmd with a device in each mode, which needs no huge pages and leaves no files."""
    need(shutil.which("dpdk-testpmd"), "no dpdk-testpmd")
    cpus = ",".join(map(str, os.sched_getaffinity(0)))
    devices = itertools.chain.from_iterable(("--vdev", device(weft, n, mode)) for n, mode in enumerate(MODES))
    for number in range(0, len(MODES), 2):
        # It does not replace the socket of one that was killed.
        (weft.run_dir / f"d{number}.vu").unlink(missing_ok=True)
    log = weft.path / "testpmd"
    process = weft.start(["dpdk-testpmd", "--lcores", f"(0-1)@({cpus})", "-m", 512, "--no-huge",
                          "--single-file-segments", "--no-pci", "--no-shconf", "--no-telemetry", *devices, "--",
                          "--forward-mode=macswap", "--port-topology=loop", f"--rxq={QUEUES}", f"--txq={QUEUES}",
                          "--total-num-mbufs=16384", "--auto-start", "--stats-period=60"], log=log)
    eventually(lambda: "Port statistics" in log.read_text(), 60, "testpmd")
    for number in range(len(MODES)):
        eventually(lambda port=f"d{number}": weft.json("port", "show", port).get("connected"), 10, "its connection")
    return process


@pytest.fixture
def networks(weft):
    """A network for each mode."""
    for number in range(len(MODES)):
        weft.weft("net", "add", f"n{number}", "--subnet", f"10.{number}.0.0/24")
        weft.weft("port", "add", f"n{number}", "--name", f"v{number}", "--vhost", f"v{number}.vu")
        weft.weft("port", "add", f"n{number}", "--name", f"d{number}", "--vhost", f"d{number}.vu",
                  *(["--vhost-server"] if number % 2 else []))
    return weft


def send_and_get_back(weft, number, *frames):
    result = vguest(weft, "send", [f"v{number}"], "--exact", "--verify", "--strict", "--quiet", 5000,
                    "--queues", QUEUES, *frames)
    assert result["received"] >= result["sent"] > 0, (MODES[number], result)


def test_what_is_sent_to_dpdk_comes_back_once(networks):
    process = start_testpmd(networks)
    for number, mode in enumerate(MODES):
        link = networks.json("port", "show", f"d{number}")
        assert link["ring"] == ("packed" if mode["packed_vq"] else "split"), (mode, link)
        assert ("in_order" in link["features"]) == bool(mode["in_order"]), (mode, link)
        assert ("mrg_rxbuf" in link["features"]) == bool(mode["mrg_rxbuf"]), (mode, link)
        send_and_get_back(networks, number, "--len", "62-1514", "--count", 3000, "--window", 64)
        send_and_get_back(networks, number, "--len", 9000, "--tcp", "--gso", 1448, "--count", 300, "--window", 8)

    # Whoever comes after one that was killed finds the port as new.
    process.kill()
    process.wait()
    start_testpmd(networks)
    for number in [0, len(MODES) - 1]:
        send_and_get_back(networks, number, "--len", "62-1514", "--count", 3000, "--window", 64)
