# SPDX-License-Identifier: BSD-3-Clause
"""Real machines for the tests: QEMU and User-Mode Linux guests on vhost ports of an instance.

Both boot the image of devtools/guest/image, whose init takes commands over the console. They live in the
mount namespace of their instance, whose end is theirs; nothing of them is found by name or left behind.
"""

import contextlib
import functools
import json
import os
import re
import shlex
import socket
import subprocess
import threading
import time

from conftest import BIN, ROOT, eventually, need

GUEST = ROOT / "devtools" / "guest"
IMAGE = BIN.parent / "guest"

TOOLS = ["qemu-system-x86_64", "linux.uml", "busybox", "cpio", "apt-get"]

# Emulation on a busy machine is slow, and a boot is nobody's measurement.
BOOT_SECONDS = 180
COMMAND_SECONDS = 60


@functools.cache
def image():
    """The folder with vmlinuz and initrd.gz; built when it is missing or older than its script."""
    done = subprocess.run([GUEST / "image", IMAGE], capture_output=True, text=True, timeout=600, check=False)
    need(done.returncode == 0, f"no guest image: {done.stderr.strip()}")
    return IMAGE


@functools.cache
def accelerator():
    return subprocess.run([GUEST / "accel", image()], capture_output=True, text=True, check=True).stdout.strip()


class Console:
    """What a machine prints, kept and logged while it runs, and the way to type into it."""

    def __init__(self, process, log):
        self.process = process
        self.text = ""
        self.closed = False
        self.news = threading.Condition()
        self.log = log
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        with open(self.log, "wb") as log:
            while piece := os.read(self.process.stdout.fileno(), 65536):
                log.write(piece)
                log.flush()
                with self.news:
                    self.text += piece.decode(errors="replace").replace("\r", "")
                    self.news.notify_all()
        with self.news:
            self.closed = True
            self.news.notify_all()

    def wait(self, pattern, seconds, start=0):
        """Waits for the pattern after the place; returns the match."""
        end = time.monotonic() + seconds
        with self.news:
            while not (match := re.compile(pattern, re.M).search(self.text, start)):
                left = end - time.monotonic()
                if self.closed or left <= 0:
                    why = "the machine ended" if self.closed else f"not within {seconds} s"
                    raise AssertionError(f"console: no {pattern!r}: {why}; last:\n{self.text[-2000:]}")
                self.news.wait(left)
        return match

    def mark(self):
        with self.news:
            return len(self.text)

    def type(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()


class Machine:
    """A guest with a kernel of its own. Its commands run in it, through its console."""

    def __init__(self, instance, name):
        self.instance = instance
        self.name = name
        self.number = 0
        self.console = None
        self.process = None

    def launch(self, command, log, **options):
        self.process = subprocess.Popen(self.instance.inside([str(word) for word in command]),
                                        env=self.instance.environment(), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
        self.instance.processes.append(self.process)
        self.console = Console(self.process, log)

    def wait_ready(self, start=0, seconds=BOOT_SECONDS):
        self.console.wait("^WEFT-READY", seconds, start)
        return self

    def run(self, command, check=True, timeout=COMMAND_SECONDS):
        """Runs a line of shell inside; returns what it printed, or fails unless it succeeded."""
        code, out = self.try_run(command, timeout)
        if check and code != 0:
            raise AssertionError(f"{self.name}: {command}: {code}\n{out}")
        return out

    def try_run(self, command, timeout=COMMAND_SECONDS):
        start = self.begin(command)
        return self.end(start, timeout)

    def begin(self, command):
        """Types the command, and returns what end() needs to wait for it."""
        self.number += 1
        start = self.console.mark()
        self.console.type(f"{self.number} {command}")
        return start

    def end(self, start, timeout=COMMAND_SECONDS):
        number = self.number
        match = self.console.wait(rf"^WEFT-BEGIN {number}\n((?s:.*?))\nWEFT-END {number} (\d+)$", timeout, start)
        return int(match[2]), match[1]

    def lease(self, device="eth0"):
        """Gets a lease with the guest's udhcpc; returns the address with its length."""
        self.run(f"ip link set {device} up; udhcpc -i {device} -n -q -t 10 -T 1")
        return self.address(device)

    def address(self, device="eth0"):
        out = self.run(f"ip -4 -o address show dev {device}")
        match = re.search(r"inet (\S+)", out)
        return match[1] if match else ""

    def ping(self, target, count=3, size=56, interval=0.1):
        """Fails unless every ping is answered."""
        code, out = self.try_run(f"ping -c {count} -i {interval} -s {size} -W 10 {target}")
        assert code == 0 and f"{count} packets received" in out, f"{self.name} pings {target}:\n{out}"

    def pings(self, target):
        return self.try_run(f"ping -c 1 -W 2 {target}")[0] == 0

    def iperf3_server(self):
        self.run("iperf3 -s -D")
        self.wait_listening(5201)

    def wait_listening(self, port):
        eventually(lambda: self.try_run(f"netstat -ltn | grep -q :{port}")[0] == 0, 10, f"port {port} of {self.name}")

    def iperf3(self, target, *options, seconds=2):
        """One transfer; returns Gb/s as the receiver saw it."""
        command = f"iperf3 -J -c {target} -t {seconds} {' '.join(map(str, options))}"
        for _ in range(5):
            code, out = self.try_run(command, timeout=seconds + 60)
            if code == 0:
                return json.loads(out)["end"]["sum_received"]["bits_per_second"] / 1e9
            # The server listens anew after each transfer, and resets who comes in between.
            assert "reset by peer" in out or "refused" in out or "busy" in out, out
            time.sleep(0.5)
        raise AssertionError(f"{self.name}: {command}:\n{out}")

    def uptime(self):
        return float(self.run("cat /proc/uptime").split()[0])

    def is_running(self):
        return self.process.poll() is None

    def reboots(self, how):
        """Waits until the machine has come up again after the call."""
        start = self.console.mark()
        how()
        return self.wait_ready(start)

    def power_off(self):
        self.console.type("0 poweroff -f")
        self.process.wait(timeout=60)

    def stop(self):
        """Pulls the plug."""
        self.process.kill()
        self.process.wait()


class Qemu(Machine):
    """A machine of QEMU's; MSI-X stays off under emulation, where QEMU 7.2 does not survive it."""

    def __init__(self, instance, name, net, append="", options=(), wait=True, kernel=True):
        super().__init__(instance, name)
        accel = accelerator()
        boot = ["-global", "virtio-net-pci.romfile=", "-kernel", image() / "vmlinuz", "-initrd", image() / "initrd.gz",
                "-append", f"console=ttyS0 quiet panic=-1 memhp_default_state=online {append}"]
        ours, theirs = socket.socketpair()
        command = ["qemu-system-x86_64", "-accel", accel, "-cpu", "host" if accel == "kvm" else "max",
                   "-nodefaults", "-no-user-config", "-nographic",
                   "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
                   "-chardev", f"socket,id=qmp,fd={theirs.fileno()}", "-mon", "chardev=qmp,mode=control",
                   *(boot if kernel else []), *net, *options]
        self.launch(command, instance.path / f"console-{name}", pass_fds=[theirs.fileno()])
        theirs.close()
        self.events = []
        self.socket = ours
        self.socket.settimeout(60)
        self.lines = ours.makefile("rw", encoding="utf-8")
        assert "QMP" in self.read_message()
        self.qmp("qmp_capabilities")
        if wait:
            self.wait_ready()

    def read_message(self):
        line = self.lines.readline()
        assert line, f"{self.name}: QEMU ended:\n{self.console.text[-2000:]}"
        return json.loads(line)

    def qmp(self, command, **arguments):
        """Asks QEMU; returns its answer, or fails with its error."""
        # Properties of devices are spelt as they are.
        if command != "device_add":
            arguments = {key.replace("_", "-"): value for key, value in arguments.items()}
        self.lines.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.lines.flush()
        while "event" in (message := self.read_message()):
            self.events.append(message)
        assert "return" in message, f"{self.name}: {command} {arguments}: {message}"
        return message["return"]

    def wait_event(self, name, seconds=60):
        """Waits for an event that has not been waited for; returns its data."""
        self.socket.settimeout(seconds)
        while not (found := [event for event in self.events if event["event"] == name]):
            message = self.read_message()
            assert "event" in message
            self.events.append(message)
        self.socket.settimeout(60)
        self.events.remove(found[0])
        return found[0].get("data", {})


class Uml(Machine):
    """A machine of User-Mode Linux: a real kernel with a real driver, which needs no emulation."""

    def __init__(self, instance, name, net, append="", wait=True):
        super().__init__(instance, name)
        command = ["linux.uml", *net, f"initrd={image() / 'initrd.gz'}", "root=/dev/ram0", "rdinit=/init", "quiet",
                   f"uml_dir={instance.path}/", f"umid=uml-{name}", "con=null", "con0=fd:0,fd:1", *append.split()]
        self.launch(command, instance.path / f"console-{name}")
        if wait:
            self.wait_ready()


class Machines:
    """Starts machines on vhost ports of instances, and stops them with the test."""

    def __init__(self):
        self.started = []

    def keep(self, machine):
        self.started.append(machine)
        return machine

    def attach(self, weft, port, program, *flags):
        """The words that weft prints for the program, as a shell would read them."""
        return shlex.split(weft.weft("attach", port, "--print", program, *flags).stdout)

    def qemu_words(self, weft, port, memory="192M", queues=1, device=""):
        """The words for a port as weft prints them, with more properties for the device."""
        flags = ["--tcg"] if accelerator() == "tcg" else []
        words = self.attach(weft, port, "qemu", "--memory", memory, "--queues", queues, *flags)
        words[-1] += f",{device}" if device else ""
        return words

    def qemu(self, weft, port, memory="192M", queues=1, device="", **options):
        """A QEMU machine on the port, which it listens for."""
        net = ["-machine", "q35", *self.qemu_words(weft, port, memory, queues, device)]
        return self.keep(Qemu(weft, port, net, **options))

    def microvm(self, weft, port, memory="192M", queues=1, device="", **options):
        """The same on the machine without PCI, whose NIC is mapped into memory."""
        words = self.qemu_words(weft, port, memory, queues, device)
        words[-1] = words[-1].replace("virtio-net-pci", "virtio-net-device").replace(",vectors=0", "")
        net = ["-machine", "microvm,acpi=on", "-global", "virtio-mmio.force-legacy=false", *words]
        return self.keep(Qemu(weft, port, net, append="tsc_early_khz=2400000", **options))

    def uml(self, weft, port, memory="96M", **options):
        """A User-Mode Linux machine on the port, for which weft must listen."""
        return self.keep(Uml(weft, port, self.attach(weft, port, "uml", "--memory", memory), **options))

    def bare_uml(self, weft, memory="96M"):
        """A User-Mode Linux machine without a NIC."""
        return self.keep(Uml(weft, "bare", [f"mem={memory}"]))

    def close(self):
        for machine in self.started:
            with contextlib.suppress(ProcessLookupError):
                machine.stop()
