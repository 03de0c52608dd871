# SPDX-License-Identifier: BSD-3-Clause
"""What scripts take from Mininet's util."""

import functools
import subprocess
import time

from weft_mininet import pmonitor  # noqa: F401  pylint: disable=unused-import


def irange(start, end):
    """The last one is among them."""
    return range(start, end + 1)


def custom(cls, **options):
    return functools.partial(cls, **options)


def decode(said):
    return said.decode(errors="replace") if isinstance(said, bytes) else said


def quietRun(command, **_):
    return subprocess.run(command, shell=isinstance(command, str), check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout


def waitListening(client=None, server="127.0.0.1", port=80, timeout=None):
    """Until the server's port answers the client, which is a host."""
    address = server if isinstance(server, str) else server.IP()
    end = time.monotonic() + (timeout or 30)
    while time.monotonic() < end:
        if client.cmd(f"timeout 1 bash -c 'echo >/dev/tcp/{address}/{port}' && echo open").strip().endswith("open"):
            return True
        time.sleep(0.1)
    return False


def dumpNodeConnections(nodes):
    for node in nodes:
        pairs = [(intf, intf.link.intf2 if intf.link.intf1 is intf else intf.link.intf1) for intf in node.intfs]
        print(node.name, " ".join(f"{ours}:{theirs}" for ours, theirs in pairs))
