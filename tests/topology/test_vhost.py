# SPDX-License-Identifier: BSD-3-Clause
"""A virtual machine on a vhost-user port.

    web (QEMU) --------+--- lan 10.77.0.0/24, fd..::/64 --- gw
    h1 (a namespace) --+
"""

from conftest import add_lan


def test_qemu_leases_and_pings(weft, machines):
    """Also after a reset, and without any setting beyond those that weft prints."""
    add_lan(weft)
    h1 = weft.add_guest("h1", "--net", "lan")
    address = h1.lease().split("/")[0]
    weft.weft("port", "add", "lan", "--name", "web", "--vhost", "web.vu")
    vm = machines.qemu(weft, "web")

    def talks():
        assert vm.lease().startswith("10.77.0.")
        vm.ping(address)
        h1.ping(vm.address().split("/")[0])

    talks()
    vm.reboots(lambda: vm.qmp("system_reset"))
    vm.wait_event("RESET")
    talks()
