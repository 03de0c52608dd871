# SPDX-License-Identifier: BSD-3-Clause
"""A virtual machine on a vhost-user port.

    web (QEMU) --------+--- lan 10.77.0.0/24, fd..::/64 --- gw
    h1 (a namespace) --+
"""

from conftest import add_lan


def test_qemu_leases_and_pings(weft, machines):
    add_lan(weft)
    h1 = weft.add_guest("h1", "--net", "lan")
    address = h1.lease().split("/")[0]
    weft.weft("port", "add", "lan", "--name", "web", "--vhost", "web.vu")
    vm = machines.qemu(weft, "web")
    assert vm.lease().startswith("10.77.0.")
    vm.ping(address)
    h1.ping(vm.address().split("/")[0])
