# SPDX-License-Identifier: BSD-3-Clause
"""The command itself: exit codes, formats, completion, manual, history, shells."""

import json
import shutil
import signal
import subprocess
import time

import pytest

from conftest import BIN, add_lan, eventually, need


@pytest.fixture
def small(weft):
    add_lan(weft)
    weft.weft("ns", "add", "h1", "--net", "lan", "--ip", "10.77.0.11", "--static")
    return weft


def test_unreachable(instances):
    weft = instances()
    done = weft.weft("net", "ls", check=False)
    assert done.returncode == 5
    assert "weft up" in done.stderr and str(weft.run_dir) in done.stderr


@pytest.mark.parametrize("words,parts", [
    ("nett ls", ["'nett'", "'net'"]),
    ("net lss", ["'lss'", "net ls"]),
    ("net add x --subnt 1", ["--subnt", "--subnet"]),
    ("net add x --mode rooted", ["rooted", "routed"]),
    ("net add", ["NAME", "example"]),
    ("forward add lan 80-h2-80", ["80-h2-80", "8080:web:80"]),
    ("ns add h9", ["h9", "--net"]),
    ("port add lan", ["name", "--name"]),
    ("net set lan", ["lan", "weft help net set"]),
    ("trace h1 to h2 sctp/3", ["sctp/3", "tcp"]),
    ("trace h1 to h2 arp/3", ["arp has no ports"]),
    ("completion tcsh", ["tcsh", "bash"]),
    ("help nothing", ["nothing", "weft help"]),
    ("undo last", ["last", "history"]),
])
def test_usage(instances, words, parts):
    done = instances().weft(*words.split(), check=False)
    assert done.returncode == 2
    for part in parts:
        assert part in done.stderr, done.stderr


def test_arrow_is_explained(instances):
    """The shell reads -> as a redirection; the command notices."""
    weft = instances()
    done = weft.run("sh", "-c", f"{BIN / 'weft'} trace h1 -> internet tcp/80", check=False)
    assert done.returncode == 2
    assert "weft trace h1 to internet tcp/80" in done.stderr


def test_json_and_table(small):
    nets = small.json("net", "ls")
    assert [net["name"] for net in nets] == ["lan"]
    assert nets[0]["mode"] == "nat" and nets[0]["dhcp"] is True and nets[0]["subnet"] == "10.77.0.0/24"
    lines = small.weft("-o", "jsonl", "port", "ls").stdout.splitlines()
    assert json.loads(lines[0])["name"] == "h1"
    table = small.weft("net", "ls").stdout.splitlines()
    assert table[0].split()[:3] == ["NAME", "MODE", "SUBNET"] and table[1].split()[0] == "lan"
    assert small.weft("forward", "ls").stdout == "no forward\n"
    assert small.json("forward", "ls") == []


def test_error_in_json(small):
    done = small.weft("-o", "json", "net", "add", "lan", "--subnet", "10.1.0.0/24", check=False)
    error = json.loads(done.stderr)["error"]
    assert done.returncode == 1 and error["code"] < 0 and "lan" in error["what"]


def test_status(small):
    status = small.json("status")
    assert status["host"]["state"] == "ready" and status["run_dir"] == str(small.run_dir)
    text = small.weft("status").stdout
    assert "ready" in text


@pytest.mark.parametrize("noun", ["net", "port", "guest", "router", "route", "forward", "lease", "dns", "flow",
                                  "conn", "fdb", "neighbour", "address", "host", "worker"])
def test_every_list(small, noun):
    small.weft(noun, "ls")
    assert isinstance(small.json(noun, "ls"), list)


def test_set_and_clear(small):
    small.weft("net", "set", "lan", "--mtu", "1400", "--lease", "5m")
    lan = small.json("net", "show", "lan")
    assert lan["mtu"] == 1400 and lan["lease_seconds"] == 300
    small.weft("net", "set", "lan", "--no-mtu", "--no-dhcp")
    lan = small.json("net", "show", "lan")
    assert "mtu" not in lan and not lan.get("dhcp")


def test_history_and_undo(small):
    before = small.revision()
    small.weft("net", "add", "x", "--subnet", "10.90.0.0/24")
    history = small.json("history")
    assert any("weft net add x" in (entry.get("command") or "") for entry in history)
    small.weft("undo")
    assert [net["name"] for net in small.json("net", "ls")] == ["lan"]
    small.weft("undo", str(before - 1))
    assert small.json("ns", "ls") == []


def test_confirm(small):
    small.weft("net", "add", "kept", "--subnet", "10.90.0.0/24", "--confirm", "60s")
    small.weft("confirm")
    small.weft("net", "add", "gone", "--subnet", "10.91.0.0/24", "--confirm", "1s")
    time.sleep(2.5)
    assert sorted(net["name"] for net in small.json("net", "ls")) == ["kept", "lan"]


def test_destroy_lab(small):
    small.weft("net", "add", "x", "--subnet", "10.90.0.0/24", "--lab", "play")
    small.weft("ns", "add", "g", "--net", "x", "--ip", "10.90.0.2", "--static", "--lab", "play")
    small.weft("destroy", "play")
    assert [net["name"] for net in small.json("net", "ls")] == ["lan"]
    assert [guest["name"] for guest in small.json("ns", "ls")] == ["h1"]


def test_shell(small):
    h1 = small.guest("h1")
    assert h1.run("hostname").stdout == "h1\n"
    assert h1.run("ls", "/sys/class/net").stdout.split() == ["eth0", "lo"]
    assert h1.run("sh", "-c", "exit 7", check=False).returncode == 7
    assert h1.run("no-such-command", check=False).returncode == 127
    assert h1.run("mountpoint", "-q", "/etc/resolv.conf", check=False).returncode == 0
    mounts = small.run("cat", "/proc/self/mounts").stdout
    assert "/etc/resolv.conf" not in mounts, "the guest's mount is seen outside"


def complete(weft, *words):
    return weft.weft("complete-words", "--", *words).stdout.split()


def test_completion_words(small):
    assert {"net", "ns", "port", "status"} <= set(complete(small, ""))
    assert complete(small, "sta") == ["status"]
    assert complete(small, "net", "s") == ["set", "show"]
    assert complete(small, "net", "add", "x", "--mode", "") == ["isolated", "nat", "routed", "external"]
    assert "--subnet" in complete(small, "net", "add", "x", "--sub")
    assert complete(small, "net", "show", "") == ["lan"]
    assert complete(small, "shell", "h") == ["h1"]
    assert complete(small, "ns", "add", "y", "--net", "l") == ["lan"]


def test_completion_in_bash(small):
    script = (f"PATH={BIN}:$PATH; eval \"$(weft completion bash)\"; COMP_WORDS=(weft net show ''); "
              "COMP_CWORD=3; _weft; echo \"${COMPREPLY[*]}\"")
    assert small.run("bash", "-c", script).stdout == "lan\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(instances, shell):
    script = instances().weft("completion", shell).stdout
    assert "complete-words" in script
    need(shutil.which(shell), f"no {shell}")
    subprocess.run([shell, "-n"], input=script, text=True, check=True)


def test_help(instances):
    weft = instances()
    assert "Commands:" in weft.weft("help").stdout
    assert "--subnet" in weft.weft("help", "net", "add").stdout
    # Paragraphs begin with whole lines.
    assert "that MTU.\n\nEach --option is put" in weft.weft("help", "tunnel", "add").stdout
    assert "--subnet" in weft.weft("net", "add", "--help").stdout
    assert "add" in weft.weft("help", "ns").stdout
    assert weft.weft("--version").stdout.startswith("weft ")
    assert weft.weft(check=False).returncode == 2


def test_manual(instances):
    page = BIN.parent / "docs" / "man" / "weft.1"
    need(page.exists(), f"no {page}")
    text = page.read_text()
    for word in ["net add", "EXIT STATUS", "WEFT_RUN_DIR", "trace"]:
        assert word in text
    need(shutil.which("man"), "no man")
    done = subprocess.run(["man", "--warnings", "-l", str(page)], capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr


def test_doctor(small):
    done = small.weft("doctor", check=False)
    assert done.returncode == 0, done.stdout
    assert "FAILED" not in done.stdout
    assert all(check["ok"] for check in small.json("doctor"))


def test_events(small):
    small.weft("events")
    assert isinstance(small.json("events"), list)


def test_events_as_they_happen(small):
    log = small.path / "events"
    small.start([BIN / "weft", "events", "-f"], log=log)
    time.sleep(0.5)
    small.weft("ns", "add", "h2", "--net", "lan")
    small.guest("h2").lease()
    eventually(lambda: "lease" in log.read_text(), 5, "the event of a lease")


def test_interrupted(small):
    """Ctrl-C ends a command that follows, by the signal as it should."""
    process = small.start([BIN / "weft", "events", "-f"])
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=5) != 0


def test_full_standard_output(small):
    done = small.run("sh", "-c", f"{BIN / 'weft'} net ls >/dev/full", check=False)
    assert done.returncode == 1 and done.stderr
