# SPDX-License-Identifier: BSD-3-Clause
"""What Weft says of a vhost-user port whose machine is not there, or is no good. The front ends are the test's own."""

import os
import socket
import struct

import pytest

from conftest import add_lan, eventually

GET_FEATURES, SET_OWNER, SET_MEM_TABLE = 1, 3, 5


@pytest.fixture
def lan(weft):
    add_lan(weft)
    weft.add_guest("h1", "--net", "lan")
    return weft


def add_port(weft, name="web", *words):
    weft.weft("port", "add", "lan", "--name", name, "--vhost", f"{name}.vu", "--ip", "10.77.0.33", *words)
    return str(weft.run_dir / f"{name}.vu")


def listen(path, mode=0o777):
    """A machine at the socket, as QEMU with server=on is one."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    os.chmod(path, mode)
    server.listen()
    return server


def request(kind, payload=b"", flags=1):
    return struct.pack("=III", kind, flags, len(payload)) + payload


def port(weft, name="web"):
    return weft.json("port", "show", name)


def said(weft, name="web"):
    """What the events say of the port."""
    return [event["text"] for event in weft.json("events") if event.get("object") == f"port/{name}"]


def test_nobody_listens(lan):
    path = add_port(lan)
    shown = eventually(lambda: port(lan) if port(lan).get("waiting") else None, 5, "a reason")
    assert shown["link"] == "waiting"
    assert shown["waiting"] == f"no front end listens at '{path}' yet; start its virtual machine, as weft attach says"
    eventually(lambda: f"waiting: {shown['waiting']}" in said(lan), 5, "an event")
    table = lan.weft("port", "ls").stdout
    assert "waiting" in table and path in table
    # Nobody is there to whom a packet could be given.
    trace = lan.weft("trace", "h1", "to", "web", "tcp/80").stdout
    assert f"door       port web: no front end listens at '{path}' yet" in trace
    assert "dropped    port_down" in trace and "virtual machine there" in trace


def test_nobody_connects(lan):
    path = add_port(lan, "web", "--vhost-server")
    assert port(lan)["waiting"] == f"no front end has connected to '{path}' yet"


def test_socket_of_somebody_else(lan):
    """The datapath is root, and yet has no right to another user's socket."""
    path = add_port(lan)
    server = listen(path, 0o700)
    os.chown(path, 1, 1)
    shown = eventually(lambda: port(lan) if "Permission" in port(lan).get("waiting", "") else None, 5, "a refusal")
    assert shown["waiting"] == (f"cannot connect to '{path}': Permission denied; let the user that the switch runs as "
                                "write to the socket (chgrp, chmod g+w), or let weft listen: --vhost-server")
    # It is found by itself once it may be used.
    os.chmod(path, 0o777)
    server.settimeout(10)
    server.accept()
    eventually(lambda: port(lan)["link"] == "connected", 5, "the connection")
    server.close()


def test_machine_without_a_driver(lan):
    path = add_port(lan)
    server = listen(path)
    server.settimeout(10)
    guest, _ = server.accept()
    shown = eventually(lambda: port(lan) if port(lan)["link"] == "connected" else None, 5, "the connection")
    assert shown["waiting"].startswith("the guest's driver has not started its queues yet; of memory")
    assert "ring" not in shown and shown["pairs"] == 0
    assert "connected" in said(lan)
    trace = lan.weft("trace", "h1", "to", "web").stdout
    assert "door       port web: the guest's driver has not started its queues yet" in trace
    guest.close()
    eventually(lambda: "disconnected: the front end has gone" in said(lan), 5, "its end in the events")
    server.close()


def test_machine_that_talks_nonsense(lan):
    """What was wrong stays readable after it is gone, and is said once, without the port's name in front."""
    path = add_port(lan)
    server = listen(path)
    server.settimeout(10)
    guest, _ = server.accept()
    guest.send(request(SET_OWNER) + request(SET_MEM_TABLE, struct.pack("=II", 0, 0)))
    wrong = eventually(lambda: port(lan).get("last_fault"), 5, "a fault")
    assert wrong == "the guest has no memory that is shared; start it with memory-backend-memfd and share=on"
    eventually(lambda: f"disconnected: {wrong}" in said(lan), 5, "an event")
    assert "LAST FAULT" in lan.weft("port", "ls").stdout
    # The next one is welcome.
    again, _ = server.accept()
    again.send(request(GET_FEATURES))
    again.settimeout(10)
    assert struct.unpack("=III", again.recv(12)) == (GET_FEATURES, 5, 8)
    server.close()
