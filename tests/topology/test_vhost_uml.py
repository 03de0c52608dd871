# SPDX-License-Identifier: BSD-3-Clause
"""Machines of User-Mode Linux: the kernel's own virtio-net driver at our rings, without a QEMU in between.

    web (UML) ---------+--- lan 10.77.0.0/24, MTU 9000 --- gw
    app (UML) ---------+
    h1 (a namespace) --+
"""

import re

import pytest
from conftest import eventually

OFFLOADS = ["rx-checksumming", "tx-checksumming", "tcp-segmentation-offload", "generic-receive-offload"]


def add_port(weft, name):
    weft.weft("port", "add", "lan", "--name", name, "--vhost", f"{name}.vu", "--vhost-server", "--queues", "1")


@pytest.fixture
def big(weft):
    """A network of large frames with a namespace guest."""
    weft.weft("net", "add", "lan", "--subnet", "10.77.0.0/24", "--dhcp", "--dns", "lan.test", "--mtu", "9000")
    weft.add_guest("h1", "--net", "lan", "--ip", "10.77.0.10").lease()
    add_port(weft, "web")
    return weft


def plain(address):
    return address.split("/")[0]


def offloads(vm):
    out = vm.run("ethtool -k eth0")
    return {name: re.search(rf"{name}: (\w+)", out)[1] for name in OFFLOADS}


def is_connected(weft, name):
    return weft.json("port", "show", name)["connected"]


def test_guests_of_uml_talk(big, machines):
    """Lease, pings to all sides, large frames, both directions of TCP, the driver taken away and put back."""
    h1 = big.guest("h1")
    add_port(big, "app")
    web, app = [machines.uml(big, name, wait=False) for name in ("web", "app")]
    web.wait_ready()
    app.wait_ready()
    address, other = plain(web.lease()), plain(app.lease())
    assert address.startswith("10.77.0.") and other.startswith("10.77.0.") and address != other
    assert set(offloads(web).values()) == {"on"}
    link = web.run("ip link show eth0")
    assert "mtu 9000" in link and big.json("port", "show", "web")["mac"] in link
    for target in ("10.77.0.10", other, "10.77.0.1"):
        web.ping(target)
    # A frame of 9014 bytes, whole.
    web.ping("10.77.0.10", size=8972)
    web.ping(other, size=8972)
    h1.ping(address, "-M", "do", "-s", "8972")

    web.iperf3_server()
    print(f"h1 to web: {h1.iperf3(address, seconds=1):.2f} Gb/s, "
          f"web to h1: {h1.iperf3(address, '-R', seconds=1):.2f} Gb/s, "
          f"app to web: {app.iperf3(address, seconds=1):.2f} Gb/s")
    port = big.json("port", "show", "web")
    assert port["connected"] and port["pairs"] == 1 and not port.get("last_fault")

    driver = "/sys/bus/virtio/drivers/virtio_net"
    web.run(f"echo virtio0 > {driver}/unbind")
    assert not h1.pings(address)
    web.run(f"echo virtio0 > {driver}/bind")
    assert plain(web.lease()) == address
    web.ping(other)
    h1.ping(address)


def test_uml_comes_and_goes(big, machines):
    """The port's link, a machine that is switched off, and its successor at the same socket."""
    h1 = big.guest("h1")
    web = machines.uml(big, "web")
    address = plain(web.lease())
    big.weft("port", "set", "web", "--down")
    assert not h1.pings(address)
    big.weft("port", "set", "web", "--no-down")
    h1.ping(address)
    assert is_connected(big, "web")
    web.power_off()
    eventually(lambda: not is_connected(big, "web"), 10, "the end of the connection")
    web = machines.uml(big, "web")
    assert plain(web.lease()) == address
    h1.ping(address)
