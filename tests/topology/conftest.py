# SPDX-License-Identifier: BSD-3-Clause
"""Fixtures of the topology tests: whole instances of Weft with real guests.

Every instance lives in a network and a mount namespace of its own, held by an anchor process, so that
instances with equal names run side by side, nothing of the machine's network is touched, and the end of
the anchor and of the daemons is the end of everything.
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("WEFT_BIN", ROOT / "build" / "bin"))
DEMO = ROOT / "examples" / "demo"

TOOLS = ["ip", "ss", "ping", "udhcpc", "dhclient", "curl", "iperf3", "tcpdump", "dig", "ethtool", "nft", "nsenter",
         "unshare", "setpriv"]


def need(condition, reason):
    """Skips, or fails where nothing may be skipped."""
    if condition:
        return
    if os.environ.get("WEFT_REQUIRE") == "all":
        pytest.fail(f"required, and not there: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session", autouse=True)
def machine():
    need(os.geteuid() == 0, "namespaces need root")
    for tool in TOOLS:
        need(shutil.which(tool), f"no {tool}")
    for program in ["weft", "weft-controller", "weft-datapath"]:
        need((BIN / program).exists(), f"no {BIN / program}")


def eventually(condition, seconds=10, what="the condition", pause=0.05):
    """Waits until the condition is truthy, and returns its value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come true within {seconds} s; last: {value!r}")
        time.sleep(pause)


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Guest:
    """A guest of an instance; its commands run inside."""

    def __init__(self, instance, name):
        self.instance = instance
        self.name = name

    def run(self, *command, check=True, timeout=30):
        done = self.instance.weft("shell", self.name, "--", *map(str, command), check=False, timeout=timeout)
        if check and done.returncode != 0:
            raise AssertionError(f"{self.name}: {command}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def start(self, *command, **options):
        """A background process inside; it ends with the instance."""
        return self.instance.start([str(BIN / "weft"), "shell", self.name, "--", *map(str, command)], **options)

    def lease(self):
        """Gets a lease with udhcpc, and returns the address with its length."""
        self.run("udhcpc", "-i", "eth0", "-f", "-q", "-n", "-t", "8", "-T", "1", "-s", DEMO / "lease")
        return self.address(4)

    def address(self, family, scope="global"):
        out = self.run("ip", f"-{family}", "-j", "address", "show", "dev", "eth0", "scope", scope).stdout
        found = [a for link in json.loads(out or "[]") for a in link.get("addr_info", []) if "local" in a]
        found = [a for a in found if not a.get("tentative")]
        return f"{found[0]['local']}/{found[0]['prefixlen']}" if found else ""

    def wait_address6(self):
        return eventually(lambda: self.address(6), 10, f"IPv6 address of {self.name}").split("/")[0]

    def ping(self, target, *options, count=3):
        """Returns the average round trip in ms; fails unless every ping is answered."""
        out = self.run("ping", "-n", "-c", count, "-i", "0.2", "-W", "10", *options, target, check=False).stdout
        assert f"{count} received" in out, f"{self.name} pings {target}:\n{out}"
        return float(re.search(r"= [\d.]+/([\d.]+)/", out).group(1))

    def pings(self, target, *options):
        return self.run("ping", "-n", "-c", "1", "-W", "1", *options, target, check=False).returncode == 0

    def listens(self, port, protocol="t"):
        return bool(self.run("ss", "-Hln" + protocol, f"sport = :{port}").stdout)

    def serve(self, port, text, *options):
        """A web server that logs who asked; returns the path of its log."""
        log = self.instance.path / f"web-{self.name}-{port}"
        self.start(DEMO / "web", "--port", port, "--text", text, *options, log=log)
        eventually(lambda: self.listens(port), 5, f"the web server of {self.name}")
        return log

    def iperf3_server(self):
        self.start("iperf3", "-s")
        eventually(lambda: self.listens(5201), 5, f"the iperf3 server of {self.name}")

    def iperf3(self, target, *options, seconds=2):
        out = self.run("iperf3", "-c", target, "-t", seconds, "-J", *options, timeout=seconds + 20).stdout
        return json.loads(out)["end"]["sum_received"]["bits_per_second"] / 1e9


class Instance:
    """Two daemons, their directories, and the namespaces they live in."""

    def __init__(self, path, name="weft"):
        self.path = path
        self.run_dir = path / "run"
        self.state_dir = path / "state"
        self.path.mkdir(parents=True, exist_ok=True)
        self.processes = []
        self.pids = set()
        self.anchor = subprocess.Popen(
            ["unshare", "--net", "--mount", "--propagation", "private", "sh", "-c",
             "mkdir -p /run/netns && mount -t tmpfs netns /run/netns && ip link set lo up && echo ready && "
             "exec sleep infinity"],
            stdout=subprocess.PIPE, text=True)
        assert self.anchor.stdout.readline() == "ready\n"

    def inside(self, command):
        return ["nsenter", f"--target={self.anchor.pid}", "--net", "--mount", f"--wd={self.path}", *command]

    def environment(self):
        return {**os.environ, "WEFT_RUN_DIR": str(self.run_dir), "WEFT_STATE_DIR": str(self.state_dir),
                "WEFT": str(BIN / "weft"), "NO_COLOR": "1", "LC_ALL": "C.UTF-8"}

    def run(self, *command, check=True, timeout=60, stdin=subprocess.DEVNULL):
        """Runs a command where the daemons live."""
        done = subprocess.run(self.inside([str(word) for word in command]), env=self.environment(),
                              capture_output=True, text=True, timeout=timeout, stdin=stdin, errors="replace")
        if check and done.returncode != 0:
            raise AssertionError(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def weft(self, *words, check=True, timeout=60):
        return self.run(BIN / "weft", *words, check=check, timeout=timeout)

    def json(self, *words):
        return json.loads(self.weft("-o", "json", *words).stdout)

    def start(self, command, log=None, stdin=None, stdout=None):
        with contextlib.ExitStack() as stack:
            out = stack.enter_context(open(log, "wb")) if log else subprocess.DEVNULL
            process = subprocess.Popen(self.inside([str(word) for word in command]), env=self.environment(),
                                       stdin=stdin or subprocess.DEVNULL, stdout=stdout or out,
                                       stderr=stdout or out)
        self.processes.append(process)
        return process

    def status(self):
        status = self.json("status")
        self.pids |= {status["pid"], status.get("host", {}).get("pid", 0)} - {0}
        return status

    def up(self):
        self.weft("up")
        self.status()
        return self

    def guest(self, name):
        return Guest(self, name)

    def add_guest(self, name, *words):
        self.weft("ns", "add", name, *words)
        return Guest(self, name)

    def generation(self):
        return self.status()["host"]["generation"]

    def revision(self):
        return self.status()["revision"]

    def drops(self, *port):
        return self.json("drops", *port, "--last", "100")

    def kill(self, which):
        """kill -9 of "controller" or "datapath"; returns the pid."""
        status = self.status()
        pid = status["pid"] if which == "controller" else status["host"]["pid"]
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: not is_alive(pid), 5, f"the end of the {which}")
        return pid

    def ready(self):
        done = self.weft("-o", "json", "status", check=False)
        return done.returncode == 0 and json.loads(done.stdout).get("host", {}).get("state") == "ready"

    def revived(self, killed):
        """Waits for the datapath after the one that was killed, which the controller may not miss yet."""
        def is_another():
            host = self.status()["host"]
            return host["state"] == "ready" and host["pid"] != killed

        eventually(is_another, 10, "a new datapath")

    def logs(self):
        text = ""
        for log in sorted(self.run_dir.glob("*.log")) if self.run_dir.exists() else []:
            text += f"--- {log.name}\n" + log.read_text(errors="replace")[-4000:]
        return text

    def close(self):
        """Ends everything that this instance started, and nothing else."""
        with contextlib.suppress(Exception):
            self.status()
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()
        # The controller first, since it would start the datapath again.
        for pid in sorted(self.pids):
            with contextlib.suppress(ProcessLookupError):
                if is_ours(pid, self.run_dir):
                    os.kill(pid, signal.SIGKILL)
        for pid in self.inmates():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.anchor.kill()
        self.anchor.wait()

    def inmates(self):
        """Processes in the anchor's mount namespace, where only this instance lives."""
        with contextlib.suppress(FileNotFoundError):
            own = os.readlink(f"/proc/{self.anchor.pid}/ns/mnt")
            for entry in pathlib.Path("/proc").glob("[0-9]*"):
                with contextlib.suppress(OSError):
                    if int(entry.name) != self.anchor.pid and os.readlink(entry / "ns/mnt") == own:
                        yield int(entry.name)


def is_ours(pid, run_dir):
    with contextlib.suppress(OSError):
        return str(run_dir).encode() in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


@pytest.fixture
def instances(tmp_path, request):
    """Makes instances: instances("a"), instances("b"); all end with the test."""
    made = []

    def make(name="weft"):
        instance = Instance(tmp_path / name)
        made.append(instance)
        return instance

    yield make
    failed = getattr(request.node, "failed", False)
    for instance in made:
        if failed:
            sys.stderr.write(instance.logs())
        instance.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if outcome.get_result().failed:
        item.failed = True


@pytest.fixture
def machines(instances):
    """Starts virtual machines; all end with the test, before the instances do."""
    # Only who asks for machines needs what they are made of.
    import vm  # pylint: disable=import-outside-toplevel

    for tool in vm.TOOLS:
        need(shutil.which(tool), f"no {tool}")
    made = vm.Machines()
    yield made
    made.close()


@pytest.fixture
def weft(instances):
    """One running instance."""
    return instances().up()


def add_lan(weft):
    weft.weft("net", "add", "lan", "--subnet", "10.77.0.0/24", "--mode", "nat", "--dhcp", "--dns", "lan.test")


def add_internet(weft):
    """The outside: a namespace behind a cable, with an address beyond the next hop."""
    weft.weft("net", "add", "wan", "--mode", "external", "--subnet", "198.51.100.0/24",
              "--gateway", "198.51.100.2", "--via", "198.51.100.1", "--subnet6", "2001:db8:77::/64",
              "--gateway6", "2001:db8:77::2", "--via6", "2001:db8:77::1")
    internet = weft.add_guest("internet", "--bare")
    netns = weft.json("ns", "show", "internet")["netns"]
    weft.run("ip", "link", "add", "uplink", "type", "veth", "peer", "name", "eth0", "netns", netns)
    weft.run("ip", "link", "set", "uplink", "up")
    for command in ["link set lo up", "link set eth0 up", "address add 198.51.100.1/24 dev eth0",
                    "address add 2001:db8:77::1/64 dev eth0 nodad", "address add 203.0.113.80/32 dev lo",
                    "address add 2001:db8:99::80/128 dev lo nodad"]:
        internet.run("ip", *command.split())
    weft.weft("port", "add", "wan", "--name", "up", "--netdev", "uplink")
    return internet


@pytest.fixture
def lan(weft):
    """Network lan with h1 and h2, both with leases."""
    add_lan(weft)
    weft.add_guest("h1", "--net", "lan").lease()
    weft.add_guest("h2", "--net", "lan", "--ip", "10.77.0.20").lease()
    return weft


@pytest.fixture
def outside(lan):
    """The same, with an uplink to a namespace called internet."""
    add_internet(lan)
    return lan


def pytest_sessionfinish(session, exitstatus):
    """Tells meson (77) when nothing was tested at all."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    stats = reporter.stats if reporter else {}
    if exitstatus == 0 and stats.get("skipped") and not stats.get("passed"):
        session.exitstatus = 77
