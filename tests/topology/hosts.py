# SPDX-License-Identifier: BSD-3-Clause
"""Hosts in namespaces of one machine, as several tests need them.

    local ---- underlay 192.0.2.0/24 ---- a (192.0.2.1)     b (192.0.2.2)
                                          |- a1, a2 (lan)   |- b1 (lan)
"""

import os
import signal

from conftest import eventually, is_alive


def host(weft, name):
    return next(record for record in weft.json("host", "ls") if record["name"] == name)


def add_host(weft, name, address):
    weft.weft("host", "add", name, "--net", "underlay", "--ip", address)
    eventually(lambda: host(weft, name)["state"] == "ready", 10, f"host {name}")


def add_hosts(weft):
    weft.weft("net", "add", "underlay", "--subnet", "192.0.2.0/24")
    add_host(weft, "a", "192.0.2.1/24")
    add_host(weft, "b", "192.0.2.2/24")
    weft.weft("net", "add", "lan", "--subnet", "10.1.0.0/24", "--dhcp", "--dns", "lan.test")


def kill(weft, name):
    def living():
        pid = host(weft, name).get("pid", 0)
        return pid if pid and is_alive(pid) else 0

    # Killed shortly before, it may be between two lives.
    pid = eventually(living, 10, f"a datapath of {name}")
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not is_alive(pid), 5, f"the end of {name}")
    return pid
