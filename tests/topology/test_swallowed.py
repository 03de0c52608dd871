# SPDX-License-Identifier: BSD-3-Clause
"""A net between controller and host that swallows all packets, and lets no end know: the drawing is in elsewhere.py."""

import time

from conftest import eventually
from elsewhere import fixture_elsewhere  # noqa: F401


def swallow(machine):
    """Nothing passes the cable, neither way."""
    rules = "".join(f"add chain inet swallow {hook} {{ type filter hook {hook} priority 0; }}\n"
                    f"add rule inet swallow {hook} {way} cable drop\n"
                    for hook, way in (("input", "iifname"), ("output", "oifname")))
    machine.run("nft", "add table inet swallow\n" + rules)


def let_pass(machine):
    machine.run("nft", "delete", "table", "inet", "swallow")


def test_net_that_swallows(elsewhere):
    weft = elsewhere.weft
    elsewhere.enrol()
    elsewhere.start()
    elsewhere.wait_ready()
    elsewhere.add_ports()
    eventually(elsewhere.pings, 10, "a ping within host b")
    source = elsewhere.host()["from"]
    generation = elsewhere.host()["generation"]

    # A moment of it is nothing: what was sent arrives a little later, by the same connection.
    swallow(elsewhere.machine)
    time.sleep(1)
    let_pass(elsewhere.machine)
    weft.weft("port", "set", "x1", "--mac-limit", "7")
    assert elsewhere.host()["from"] == source and elsewhere.host()["state"] == "ready"

    swallow(elsewhere.machine)
    start = time.monotonic()
    taken = {}
    for state in ("lagging", "absent"):
        # Changes of others do not wait for it, and its own do not for ever.
        before = time.monotonic()
        weft.weft("net", "add", state, "--subnet", "10.8.0.0/24", "--dhcp")
        taken["another's change while " + state] = time.monotonic() - before
        eventually(lambda state=state: elsewhere.host()["state"] == state, 40, f"b {state}")
        taken[state] = time.monotonic() - start
    before = time.monotonic()
    done = weft.weft("port", "set", "x1", "--mac-limit", "8", check=False)
    taken["refusal"] = time.monotonic() - before
    assert done.returncode == 1 and "host b does not answer" in done.stderr, done.stderr
    assert elsewhere.pings()
    eventually(lambda: elsewhere.says("carrying on"), 60, "that the datapath notices")
    taken["noticed there"] = time.monotonic() - start
    weft.weft("net", "set", "lan", "--ageing", "50s", check=False)

    let_pass(elsewhere.machine)
    start = time.monotonic()
    elsewhere.wait_ready()
    taken["back"] = time.monotonic() - start
    print("; ".join(f"{what} {seconds:.1f} s" for what, seconds in taken.items()))
    assert elsewhere.host()["generation"] == generation + 1
    assert taken["lagging"] < 15 and taken["refusal"] < 5
    assert {"host_lagging", "host_gone", "host_ready"} <= {
        event["type"] for event in weft.json("events", "--last", "200") if event.get("host") == "b"}
    weft.weft("port", "set", "x1", "--mac-limit", "9")
