# SPDX-License-Identifier: BSD-3-Clause
"""Every example: it comes up, its own tests pass, it is what its file says, its export applies to the same,
and nothing is left when it is destroyed."""

import pytest

from conftest import ROOT, eventually

EXAMPLES = sorted(path.stem for path in (ROOT / "examples").glob("*.yaml"))


def settled(weft, lab):
    """Waits until commands that end have ended, and hosts are there."""
    def done():
        guests = [weft.json("ns", "show", guest["name"]) for guest in weft.json("ns", "ls") if guest["lab"] == lab]
        assert not [guest for guest in guests if guest.get("run", "").startswith("failed")], guests
        return all(host["state"] == "ready" for host in weft.json("host", "ls"))

    eventually(done, 30, "the lab")


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(instances, name):
    weft = instances()
    path = ROOT / "examples" / f"{name}.yaml"
    lab = next(line.split()[1] for line in path.read_text().splitlines() if line.startswith("lab:"))
    weft.weft("up", path, timeout=120)
    settled(weft, lab)
    # What a command has just been started for may need a moment.
    eventually(lambda: weft.weft("test", lab, check=False, timeout=120).returncode == 0, 60, "passing tests")
    out = weft.weft("test", lab, timeout=120).stdout
    assert out.splitlines()[-1].endswith(" 0 failed") and not out.splitlines()[-1].startswith("0 passed")
    assert weft.weft("plan", path, check=False).stdout == "no change\n"
    exported = weft.path / "exported.yaml"
    exported.write_text(weft.weft("export", lab).stdout)
    done = weft.weft("plan", exported, check=False)
    assert done.stdout == "no change\n", exported.read_text() + done.stdout + done.stderr
    weft.weft("destroy", lab, timeout=120)
    eventually(lambda: not weft.run("ip", "netns").stdout.split(), 20, "no namespaces")
    links = weft.run("ip", "-br", "link").stdout.splitlines()
    assert [line.split()[0] for line in links] == ["lo"], links


def test_failover_of_the_dual_homed(instances):
    """The first line goes down, and within seconds the second has its packets."""
    weft = instances()
    weft.weft("up", ROOT / "examples" / "dual-homed.yaml")
    weft.status()
    client = weft.guest("dual.client")
    eventually(lambda: client.pings("10.9.0.10"), 10, "the first line")
    weft.weft("port", "set", "dual.server", "--down")
    eventually(lambda: client.pings("10.9.0.10"), 20, "the second line")
    assert "via 10.2.0.10" in client.run("ip", "route", "get", "10.9.0.10").stdout
    weft.weft("apply", ROOT / "examples" / "dual-homed.yaml")
    eventually(lambda: "via 10.1.0.10" in client.run("ip", "route", "get", "10.9.0.10").stdout, 20, "the first line again")


def test_machine_of_the_mixed_lab(instances):
    """A driver in the place of the machine: its frames go through the socket that the lab has for it."""
    weft = instances()
    weft.weft("up", ROOT / "examples" / "mixed.yaml")
    weft.status()
    words = weft.weft("attach", "mixed.vm", "--print", "qemu").stdout
    assert "mixed.vm.vu" in words
    assert weft.json("port", "show", "mixed.vm")["socket"].endswith("/mixed.vm.vu")
