# SPDX-License-Identifier: BSD-3-Clause
"""The demo with virtual machines, as a user runs it, to its end and cut short; and that nothing is left of it."""

import pathlib
import re
import shutil
import signal

import pytest

import vm
from conftest import BIN, DEMO, eventually, need

RUN = DEMO.parent / "demo-vm" / "run"


@pytest.fixture
def mark(instances):
    """An instance to run in, and the variable by which the demo's processes are found: it has namespaces of its own."""
    weft = instances()
    vm.image()
    need(RUN.exists(), f"no {RUN}")
    return weft, f"DEMO_OF={weft.path}"


def of_demo(word):
    """The commands that run with the variable in their environment."""
    names = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if word.encode() in (entry / "environ").read_bytes().split(b"\0"):
                names.append((entry / "comm").read_text().strip())
        except OSError:
            pass
    return names


def nothing_is_left(weft, word):
    eventually(lambda: not of_demo(word), 10, "the end of the demo's processes")
    assert list(weft.inmates()) == []
    assert weft.run("ls", "/run/netns").stdout == ""
    assert [line.split()[0] for line in weft.run("ip", "-br", "link").stdout.splitlines()] == ["lo"]
    assert not weft.run_dir.exists() and not weft.state_dir.exists()


def test_demo_as_installed(mark, tmp_path):
    """Whole, from where `make install` lays it; the other test runs it from the tree."""
    weft, word = mark
    share = tmp_path / "share" / "weft"
    (tmp_path / "bin").mkdir()
    for program in ["weft", "weft-controller", "weft-datapath"]:
        shutil.copy(BIN / program, tmp_path / "bin")
    for name in ["demo", "demo-vm"]:
        shutil.copytree(DEMO.parent / name, share / name)
    shutil.copytree(vm.GUEST, share / "guest")
    done = weft.run("env", word, f"WEFT_GUEST={vm.IMAGE}", tmp_path / "bin" / "weft", "demo", "--vm", check=False,
                    timeout=400)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAILED" not in done.stdout and done.stderr == ""
    assert len(re.findall(r"^  ok ", done.stdout, re.M)) >= 24
    assert len(re.findall(r"^  ok      iperf3 .* Gb/s$", done.stdout, re.M)) == 3
    nothing_is_left(weft, word)


def test_nothing_to_clean(instances):
    done = instances().weft("demo", "--vm", "--clean", check=False)
    assert done.returncode == 2 and "leaves nothing to remove" in done.stderr


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_demo_cut_short(mark, name):
    weft, word = mark
    process = weft.start(["env", word, RUN], log=weft.path / "half")
    eventually(lambda: of_demo(word).count("qemu-system-x86") == 2, 60, "two machines")
    assert "weft-datapath" in of_demo(word)
    process.send_signal(getattr(signal, name))
    code = process.wait(timeout=30)
    assert code == {"SIGINT": 130, "SIGTERM": 143, "SIGKILL": -signal.SIGKILL}[name]
    nothing_is_left(weft, word)
