# SPDX-License-Identifier: BSD-3-Clause
"""The demo, as a user runs it, also after crashes; and that nothing is left of it."""

import os
import re
import shutil

import pytest

from conftest import BIN, DEMO, eventually, is_alive


def demo(weft):
    done = weft.run(DEMO / "run", check=False, timeout=120)
    print(done.stdout)
    if weft.ready():
        weft.status()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAILED" not in done.stdout
    return done.stdout


def remains(weft):
    """What is left of the instance: processes, namespaces, interfaces, files in the run directory."""
    left = [f"process {pid}" for pid in weft.pids if is_alive(pid)]
    left += [f"process {pid}" for pid in weft.inmates()]
    left += [f"namespace {name}" for name in weft.run("ls", "/run/netns").stdout.split()]
    links = weft.run("ip", "-br", "link").stdout.splitlines()
    left += [f"interface {link.split()[0]}" for link in links if link.split()[0] != "lo"]
    left += [f"rule {line}" for line in weft.run("nft", "list", "ruleset", check=False).stdout.splitlines()]
    left += [f"file {path}" for path in weft.run_dir.rglob("*")]
    return left


def test_demo_and_destroy(instances):
    weft = instances()
    out = demo(weft)
    assert len(re.findall(r"^  ok ", out, re.M)) >= 25
    assert "Gb/s" in out and "vlan_not_allowed" in out
    weft.weft("destroy", "demo")
    assert remains(weft) == []


def test_demo_twice(instances):
    weft = instances()
    demo(weft)
    demo(weft)
    weft.run(DEMO / "clean")
    assert remains(weft) == []


@pytest.mark.parametrize("victims", [["controller"], ["datapath"], ["controller", "datapath"]])
def test_demo_after_kill(instances, victims):
    weft = instances()
    demo(weft)
    status = weft.status()
    for victim in victims:
        os.kill(status["pid"] if victim == "controller" else status["host"]["pid"], 9)
    demo(weft)
    weft.weft("destroy", "demo")
    assert remains(weft) == []


def test_demo_script_killed(instances):
    """The script itself dies half-way: its helpers go with it, and the next run succeeds."""
    weft = instances()
    script = weft.start([str(DEMO / "run")], log=weft.path / "half")
    log = weft.path / "half"
    eventually(lambda: "\n4  " in log.read_text(), 60, "the fourth section")
    script.kill()
    script.wait()
    demo(weft)
    weft.weft("destroy", "demo")
    assert remains(weft) == []


def test_installed(instances, tmp_path):
    """An installed weft finds the demo's scripts, and they find it."""
    (tmp_path / "bin").mkdir()
    for program in ["weft", "weft-controller", "weft-datapath"]:
        shutil.copy(BIN / program, tmp_path / "bin")
    shutil.copytree(DEMO, tmp_path / "share/weft/demo")
    weft = instances()
    weft.run(tmp_path / "bin" / "weft", "up")
    program = os.readlink(f"/proc/{weft.status()['pid']}/exe")
    assert program == str(tmp_path / "bin" / "weft-controller")
    weft.run(tmp_path / "bin" / "weft", "demo", "--clean")
    assert remains(weft) == []
