# SPDX-License-Identifier: BSD-3-Clause
"""What happens to a virtual machine and its NIC while the port stays: reboots, drivers, links, memory, hot plugs.

    web (QEMU) eth0 ------- lan 10.77.0.0/24 --- h1 (a namespace)
               eth1 ------- two 10.78.0.0/24 --- h2 (a namespace)
"""

import re

from conftest import add_lan, eventually

MODULE = 256 << 20


def add_port(weft, name, net="lan"):
    weft.weft("port", "add", net, "--name", name, "--vhost", f"{name}.vu", "--queues", 2)


def show(weft, port):
    return weft.json("port", "show", port)


class Machine:
    """The machine with what is asked of it after everything that happens to it."""

    def __init__(self, weft, machines):
        self.weft = weft
        self.h1 = weft.add_guest("h1", "--net", "lan")
        self.h1_ip = self.h1.lease().split("/")[0]
        self.vm = machines.qemu(weft, "web", queues=2, options=[
            "-smp", 2, "-m", "192M,slots=1,maxmem=1G", "-device", "pcie-root-port,id=slot0,chassis=1"])
        self.ip = ""

    def talks(self):
        before = show(self.weft, "web")
        self.vm.ping(self.h1_ip)
        self.h1.ping(self.ip)
        after = show(self.weft, "web")
        assert after["pairs"] == 2 and "last_fault" not in after
        assert after["rx_packets"] >= before["rx_packets"] + 6 and after["tx_packets"] >= before["tx_packets"] + 6

    def leases(self):
        """It keeps its address through whatever happens to it."""
        ip = self.vm.lease().split("/")[0]
        assert ip.startswith("10.77.0.") and self.ip in ("", ip)
        self.ip = ip
        self.talks()

    def is_silent(self):
        assert not self.h1.pings(self.ip)

    def reboot(self):
        uptime = self.vm.uptime()
        self.vm.reboots(lambda: self.vm.console.type("0 reboot -f"))
        self.leases()
        assert uptime > 0 and self.vm.is_running()

    def change_drivers(self):
        driver = "/sys/bus/virtio/drivers/virtio_net"
        self.vm.run(f"echo virtio0 >{driver}/unbind")
        assert show(self.weft, "web")["pairs"] == 0
        self.is_silent()
        self.vm.run(f"echo virtio0 >{driver}/bind")
        self.leases()

    def pull_cable(self):
        self.vm.qmp("set_link", name="weft-web", up=False)
        eventually(lambda: self.vm.run("cat /sys/class/net/eth0/carrier").strip() == "0", 10, "no carrier")
        assert show(self.weft, "web")["pairs"] == 0
        self.is_silent()
        self.vm.qmp("set_link", name="weft-web", up=True)
        eventually(lambda: self.vm.run("cat /sys/class/net/eth0/carrier").strip() == "1", 10, "the carrier")
        self.talks()

    def take_port_down(self):
        self.weft.weft("port", "set", "web", "--down")
        self.is_silent()
        assert not self.vm.pings(self.h1_ip)
        self.weft.weft("port", "set", "web", "--no-down")
        self.talks()

    def pause(self):
        self.vm.qmp("stop")
        self.is_silent()
        self.vm.qmp("cont")
        self.talks()

    def high_memory(self):
        """Pages of the zone beyond 4 GB: how many there are, and how many are taken."""
        zones = self.vm.run("cat /proc/zoneinfo")
        found = re.search(r"zone +Normal\n +pages free +(\d+)(?s:.*?) managed +(\d+)", zones)
        return int(found[2]), int(found[2]) - int(found[1])

    def add_memory(self):
        """Linux takes from the highest zone first, so that from then on all new buffers lie in the new module."""
        assert self.high_memory() == (0, 0)
        self.vm.qmp("object-add", qom_type="memory-backend-memfd", id="module", size=MODULE, share=True)
        self.vm.qmp("device_add", driver="pc-dimm", id="dimm", memdev="module")
        eventually(lambda: self.high_memory()[0] == MODULE / 4096, 60, "the memory")
        taken = self.high_memory()[1]
        # Rings filled by a driver that begins after the memory came, and a ring that goes on.
        self.vm.run("ping -c 300 -i 0.002 -s 9000 -q " + self.h1_ip)
        self.change_drivers()
        self.vm.iperf3_server()
        assert self.h1.iperf3(self.ip, seconds=1) > 0
        assert self.high_memory()[1] > taken

    def plug(self):
        """A second NIC, twice: whatever the first time leaves behind must not matter."""
        port = show(self.weft, "web2")
        address = {"type": "unix", "data": {"path": port["socket"]}}
        self.vm.qmp("chardev-add", id="plug", backend={
            "type": "socket", "data": {"addr": address, "server": True, "wait": False}})
        self.vm.qmp("netdev_add", type="vhost-user", id="plug", chardev="plug", queues=2)
        self.vm.qmp("device_add", driver="virtio-net-pci", id="nic", netdev="plug", mac=port["mac"], bus="slot0",
                    mq=True, vectors=0, host_mtu=port["mtu"])
        eventually(lambda: self.vm.try_run("test -e /sys/class/net/eth1")[0] == 0, 60, "eth1")
        other = self.vm.lease("eth1").split("/")[0]
        h2 = self.weft.guest("h2")
        h2.ping(other)
        self.vm.ping(h2.address(4).split("/")[0])
        assert show(self.weft, "web2")["pairs"] == 2
        self.talks()

    def unplug(self):
        self.vm.qmp("device_del", id="nic")
        # Its back end goes first, and has no name.
        while self.vm.wait_event("DEVICE_DELETED").get("device") != "nic":
            pass
        assert show(self.weft, "web2")["pairs"] == 0
        # The character device goes with it.
        self.vm.qmp("netdev_del", id="plug")
        eventually(lambda: not show(self.weft, "web2")["connected"], 10, "the end of the second port")
        self.talks()


def test_life_of_a_machine(weft, machines):
    add_lan(weft)
    add_port(weft, "web")
    weft.weft("net", "add", "two", "--subnet", "10.78.0.0/24", "--dhcp")
    weft.add_guest("h2", "--net", "two").lease()
    add_port(weft, "web2", "two")
    machine = Machine(weft, machines)
    machine.leases()
    machine.reboot()
    machine.change_drivers()
    machine.pull_cable()
    machine.take_port_down()
    machine.pause()
    machine.add_memory()
    for _ in range(2):
        machine.plug()
        machine.unplug()
    machine.vm.power_off()
    eventually(lambda: not show(weft, "web")["connected"], 10, "the end of the port")
    # But for frames to a machine that was off, or was not quick enough, nothing was lost, and nothing broke.
    assert {drop["reason"] for drop in weft.drops("web")} <= {"port_down", "tx_queue_full"}
    assert {event["type"] for event in weft.json("events", "--last", "100")} <= {"datapath_ready", "lease", "port_link"}


def test_ipxe_gets_a_lease(weft, machines):
    """A firmware for a guest: no kernel, one ring of few buffers, and nothing that it could do without."""
    add_lan(weft)
    add_port(weft, "rom")
    vm = machines.qemu(weft, "rom", kernel=False, wait=False, device="bootindex=1")
    ip = vm.console.wait(r"net0: (10\.77\.0\.\d+)/255\.255\.255\.0 gw 10\.77\.0\.1", 60)[1]
    lease = next(lease for lease in weft.json("lease", "ls") if lease["name"] == "rom")
    assert lease["ip"] == ip and lease["state"] == "active"
    assert set(show(weft, "rom")["features"]) == {"host_mtu", "protocol_features", "version_1"}
    # Whom it asks for is not there.
    assert {drop["reason"] for drop in weft.drops("rom")} <= {"port_down", "no_member"}
