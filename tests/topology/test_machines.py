# SPDX-License-Identifier: BSD-3-Clause
"""The guests of the other tests: they boot, take commands, and end with their instance."""

from conftest import is_alive


def test_uml_takes_commands(instances, machines):
    guest = machines.bare_uml(instances())
    assert guest.try_run("echo out; echo err >&2; exit 3") == (3, "out\nerr\n")
    assert guest.run("printf 'no new line'") == "no new line"
    guest.iperf3_server()
    assert guest.iperf3("127.0.0.1", seconds=1) > 0
    guest.power_off()
    assert guest.process.returncode == 0


def test_machines_end_with_their_instance(instances, machines):
    weft = instances()
    guest = machines.bare_uml(weft)
    weft.close()
    assert not is_alive(guest.process.pid)
    assert list(weft.inmates()) == []
