# SPDX-License-Identifier: BSD-3-Clause
"""Mininet's Python interface over Weft: Topo, Mininet, TCLink, pingAll, iperf.

A script written for Mininet runs with this folder in PYTHONPATH. Hosts become namespaces; switches become
nets, and those that plain links join become one net, as they are one broadcast domain. A link between
switches that has a delay, a rate or a loss becomes a pair of interfaces of the host (veth), one end in
each net. Controllers and kinds of switches are accepted and mean nothing: Weft is the switch. What has no counterpart
and would change what a script measures is named: told on standard error (limits of CPU), or refused (addNAT, the
output of a host's shell while it comes).

What it asks of Weft is what the command offers: `weft apply -`, `weft shell`, `weft destroy`.
"""

import cmd
import functools
import ipaddress
import json
import os
import re
import shlex
import shutil
import selectors
import signal
import subprocess
import sys
import time

__all__ = ["CLI", "CPULimitedHost", "Controller", "Host", "Intf", "Link", "LinearTopo", "Mininet", "NAT", "Node", "OVSBridge",
           "OVSController", "OVSKernelSwitch", "OVSSwitch", "RemoteController", "SingleSwitchTopo", "Switch", "TCIntf", "TCLink",
           "Topo", "TreeNet", "TreeTopo", "UserSwitch", "pmonitor"]


class NoCounterpart(RuntimeError):
    def __init__(self, what, instead):
        super().__init__(f"weft: {what} of Mininet has no counterpart here: {instead}")


@functools.lru_cache(None)
def say_once(text):
    print(f"weft: {text}", file=sys.stderr)


def weft(*words, stdin=None, check=True):
    program = os.environ.get("WEFT") or shutil.which("weft") or "weft"
    done = subprocess.run([program, *words], input=stdin, capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        raise RuntimeError(f"weft {' '.join(words)}: {done.stdout}{done.stderr}".strip())
    return done


class Topo:
    """Hosts, switches and links, as a description; subclasses fill it in build()."""

    def __init__(self, *args, **params):
        self.nodeInfo, self.linkInfo = {}, []
        self.hopts, self.sopts, self.lopts = (params.pop(name, None) or {} for name in ("hopts", "sopts", "lopts"))
        self.build(*args, **params)

    def build(self, *args, **params):
        """Filled in by subclasses."""

    def addHost(self, name, **opts):
        self.nodeInfo[name] = {"switch": False, **self.hopts, **opts}
        return name

    def addSwitch(self, name, **opts):
        self.nodeInfo[name] = {"switch": True, **self.sopts, **opts}
        return name

    def addNode(self, name, cls=None, **opts):
        is_switch = isinstance(cls, type) and issubclass(cls, Switch)
        return (self.addSwitch if is_switch else self.addHost)(name, cls=cls, **opts)

    def addLink(self, node1, node2, port1=None, port2=None, key=None, **opts):
        self.linkInfo.append((node1, node2, {**self.lopts, **opts, "port1": port1, "port2": port2}))
        return len(self.linkInfo) - 1

    def isSwitch(self, name):
        return self.nodeInfo[name]["switch"]

    def nodes(self, sort=True):
        return sorted(self.nodeInfo, key=natural) if sort else list(self.nodeInfo)

    def hosts(self, sort=True):
        return [name for name in self.nodes(sort) if not self.isSwitch(name)]

    def switches(self, sort=True):
        return [name for name in self.nodes(sort) if self.isSwitch(name)]

    def links(self, sort=False, withInfo=False):
        found = [(a, b, info) if withInfo else (a, b) for a, b, info in self.linkInfo]
        return sorted(found, key=lambda link: natural(link[0])) if sort else found


def natural(name):
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


class SingleSwitchTopo(Topo):
    def build(self, k=2, **_):
        switch = self.addSwitch("s1")
        for n in range(1, k + 1):
            self.addLink(self.addHost(f"h{n}"), switch)


class LinearTopo(Topo):
    def build(self, k=2, n=1, sopts=None, **_):
        last = None
        for i in range(1, k + 1):
            switch = self.addSwitch(f"s{i}")
            for j in range(1, n + 1):
                self.addLink(self.addHost(f"h{i}" if n == 1 else f"h{j}s{i}"), switch)
            if last:
                self.addLink(switch, last)
            last = switch


class TreeTopo(Topo):
    def build(self, depth=1, fanout=2):
        self.counts = {"h": 0, "s": 0}
        self.grow(depth, fanout)

    def grow(self, depth, fanout):
        kind = "s" if depth > 0 else "h"
        self.counts[kind] += 1
        node = f"{kind}{self.counts[kind]}"
        if depth == 0:
            return self.addHost(node)
        self.addSwitch(node)
        for _ in range(fanout):
            self.addLink(node, self.grow(depth - 1, fanout))
        return node


class Link:
    """A link is what its options say; the classes are there for scripts that name them."""

    def __init__(self, intf1=None, intf2=None, **_):
        self.intf1, self.intf2 = intf1, intf2

    def __str__(self):
        return f"{self.intf1}<->{self.intf2}"


class TCLink(Link):
    pass


def options_of(cls):
    """What partial() or custom() put upon a class of Mininet's."""
    return dict(cls.keywords) if isinstance(cls, functools.partial) else {}


class Controller:
    def __init__(self, name="c0", **_):
        self.name = name

    def start(self):
        """There is nothing to start."""

    stop = start


class OVSController(Controller):
    pass


class RemoteController(Controller):
    pass


class Intf:
    def __init__(self, name, node, port):
        self.name, self.node, self.port, self.link = name, node, port, None

    def IP(self):
        return self.node.IP(self)

    def MAC(self):
        return self.node.MAC(self)

    def setIP(self, ip, prefixLen=8):
        return self.node.setIP(ip, prefixLen, self)

    def setMAC(self, mac):
        return self.node.setMAC(mac, self)

    def config(self, **options):
        """What the host sends by it is impaired so from now on; without options no more."""
        if not isinstance(self.node, Host):
            raise NoCounterpart(f"config() of {self.name}", "impair the host's end of the link")
        name = f"{self.node.net.lab}.{self.node}-{self}"
        effects = effects_of(options)
        weft(*(["impair", "port", name, "--out", *effects.split()] if effects else ["impair", "clear", f"{name}:out"]))

    def __str__(self):
        return self.name


class TCIntf(Intf):
    pass


class Node:
    def __init__(self, net, name, **params):
        self.net, self.name, self.params, self.intfs = net, name, params, []

    def __str__(self):
        return self.name

    def intfList(self):
        return list(self.intfs)

    def intfNames(self):
        return [intf.name for intf in self.intfs]

    def defaultIntf(self):
        return self.intfs[0] if self.intfs else None

    def intf(self, intf=None):
        """That of the name; that which is given; else the first."""
        if isinstance(intf, str):
            return next((one for one in self.intfs if one.name == intf), None)
        return intf or self.defaultIntf()

    def connectionsTo(self, node):
        """Pairs of interfaces, ours and theirs."""
        pairs = [(intf, intf.link.intf2 if intf.link.intf1 is intf else intf.link.intf1) for intf in self.intfs]
        return [(ours, theirs) for ours, theirs in pairs if theirs.node is node]


class Switch(Node):
    def start(self, _controllers=None):
        """The net is there with the hosts."""

    stop = start


class OVSSwitch(Switch):
    pass


class OVSKernelSwitch(Switch):
    pass


class OVSBridge(Switch):
    pass


class UserSwitch(Switch):
    pass


class Shell:
    """A shell in a host that lives as long as it: what one command sets, puts into the background or goes into is there for
    the next. Each command reads nothing, and its output ends where the mark comes."""

    def __init__(self, words):
        self.mark = f"\x01{os.urandom(8).hex()}\x01".encode()
        # Of a group of its own: an interrupt is for the command that runs, and not for all hosts.
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        start_new_session=True)
        self.tell("trap : INT")

    def tell(self, line):
        said = f"eval {shlex.quote(line)} </dev/null; printf '\\001{self.mark[1:-1].decode()}\\001'\n"
        try:
            self.process.stdin.write(said.encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        return self.heard()

    def heard(self):
        came = b""
        while self.mark not in came:
            try:
                piece = os.read(self.process.stdout.fileno(), 65536)
            except KeyboardInterrupt:
                os.killpg(self.process.pid, signal.SIGINT)
                continue
            if not piece:
                self.process.wait()
                break
            came += piece
        return came.replace(self.mark, b"").decode(errors="replace")

    def close(self):
        try:
            os.killpg(self.process.pid, signal.SIGHUP)
        except ProcessLookupError:
            pass
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


class Host(Node):
    shell = None

    def words(self, *args):
        line = args[0] if len(args) == 1 and isinstance(args[0], str) else " ".join(map(str, args))
        return ["shell", f"{self.net.lab}.{self.name}", "--", "sh", "-c", line]

    def cmd(self, *args, **_):
        """What the command says, its errors among it."""
        words = self.words(*args)
        if self.shell and self.shell.process.poll() is not None:
            self.close_shell()
        if not self.shell:
            self.shell = Shell([os.environ.get("WEFT", "weft"), *words[:3], shutil.which("bash") or "sh"])
        return self.shell.tell(words[-1])

    def close_shell(self):
        if self.shell:
            self.shell.close()
        self.shell = None

    def cmdPrint(self, *args, **_):
        out = self.cmd(*args)
        print(out, end="")
        return out

    def popen(self, *args, **options):
        words = args[0] if len(args) == 1 and not isinstance(args[0], str) else args
        line = words[0] if len(words) == 1 else shlex.join(map(str, words))
        # A signal is for the command, and not for a shell around it.
        if not set(line) & set(";&|<>()`\n") and not line.startswith("exec "):
            line = f"exec {line}"
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        options.pop("shell", None)
        return subprocess.Popen([os.environ.get("WEFT", "weft"), *self.words(line)], **options)

    def sendCmd(self, *args, **_):
        self.sent = self.popen(" ".join(map(str, args)), stderr=subprocess.STDOUT, text=True)

    def waitOutput(self, **_):
        return self.sent.communicate()[0]

    def pexec(self, *args, **_):
        """What it says, what it complains of, and how it ends."""
        process = self.popen(*args, text=True)
        out, err = process.communicate()
        return out, err, process.returncode

    def sendInt(self, *_):
        self.sent.terminate()

    @property
    def stdout(self):
        raise NoCounterpart("the output of a host's shell while it comes (stdout, monitor)", "use popen() and pmonitor()")

    def config(self, defaultRoute=None, **_):
        """After the start; subclasses do more."""
        if defaultRoute:
            self.cmd(f"ip route replace default {defaultRoute}")

    def terminate(self):
        """Before the end; subclasses undo in it what they did."""

    def IP(self, intf=None):
        if intf and self.intf(intf) is not self.defaultIntf():
            found = re.search(r"inet ([0-9.]+)", self.cmd(f"ip -4 -o address show dev {intf}"))
            return found[1] if found else None
        return self.params["ip"].split("/")[0] if self.params.get("ip") else None

    def MAC(self, intf=None):
        return self.cmd(f"cat /sys/class/net/{intf or self.defaultIntf()}/address").strip()

    def setMAC(self, mac, intf=None):
        return self.cmd(f"ip link set dev {intf or self.defaultIntf()} address {mac}")

    def setARP(self, ip, mac):
        return self.cmd(f"ip neighbour replace {ip} lladdr {mac} nud permanent dev {self.defaultIntf()}")

    def setHostRoute(self, ip, intf):
        return self.cmd(f"ip route replace {ip} dev {intf}")

    def setDefaultRoute(self, intf=None):
        way = intf if isinstance(intf, str) and " " in intf else f"dev {intf or self.defaultIntf()}"
        return self.cmd(f"ip route replace default {way}")

    def setIP(self, ip, prefixLen=8, intf=None):
        address = ip if "/" in ip else f"{ip}/{prefixLen}"
        if self.intf(intf) is self.defaultIntf():
            self.params["ip"] = address
        return self.cmd(f"ip address flush dev {intf or self.defaultIntf()}; "
                        f"ip address add {address} dev {intf or self.defaultIntf()}")


class CPULimitedHost(Host):
    def __init__(self, *args, **params):
        say_once("limits of CPU are not kept: hosts have all of the machine's")
        super().__init__(*args, **params)


class NAT(Host):
    def __init__(self, *_args, **_params):
        raise NoCounterpart("NAT", "a topology file has nets with 'mode: nat'")


def pmonitor(popens, timeoutms=500, **_):
    """(host, line) of each line that the processes say; (None, "") after a silence of timeoutms."""
    with selectors.DefaultSelector() as selector:
        for host, process in popens.items():
            selector.register(process.stdout, selectors.EVENT_READ, (host, process, [b""]))
        while selector.get_map():
            ready = selector.select(timeoutms / 1000)
            if not ready:
                yield None, ""
            for key, _event in ready:
                host, _process, rest = key.data
                piece = os.read(key.fd, 65536)
                *lines, rest[0] = (rest[0] + piece).split(b"\n")
                for line in lines + ([] if piece else [rest[0]] if rest[0] else []):
                    yield host, line.decode(errors="replace") + "\n"
                if not piece:
                    selector.unregister(key.fileobj)
                    popens.pop(host, None)


def effects_of(info):
    """Mininet's options of a link in Weft's words."""
    words = []
    if info.get("delay"):
        delay = str(info["delay"])
        words.append("delay " + (delay if re.search(r"[a-z]$", delay) else f"{delay}us"))
        if info.get("jitter"):
            words.append(f"jitter {info['jitter']}")
    if info.get("loss"):
        words.append(f"loss {float(info['loss']):g}%")
    if info.get("bw"):
        words.append(f"rate {int(float(info['bw']) * 1000)}kbit")
        if info.get("max_queue_size"):
            words.append(f"queue {int(info['max_queue_size'])}packets")
    for name in ("enable_ecn", "enable_red", "latency_ms"):
        if info.get(name):
            say_once(f"{name} of a link is not done: its queue drops what is too much")
    return " ".join(words)


class Mininet:
    def __init__(self, topo=None, ipBase="10.0.0.0/8", autoSetMacs=False, build=True, lab="mn", host=None, link=None, **_):
        self.host, self.link_options = host, options_of(link)
        self.lab, self.ipBase, self.autoSetMacs = lab, ipaddress.ip_network(ipBase), autoSetMacs
        self.nameToNode, self.info, self.veths, self.controllers = {}, [], [], []
        self.built = False
        if topo:
            for name in topo.hosts():
                self.addHost(name, **{k: v for k, v in topo.nodeInfo[name].items() if k != "switch"})
            for name in topo.switches():
                self.addSwitch(name)
            for node1, node2, info in topo.linkInfo:
                self.addLink(node1, node2, **info)

    @classmethod
    def init(cls):
        raise NoCounterpart("nodes made by hand (Mininet.init)", "a Topo, or addHost() and addSwitch() of a Mininet")

    hosts = property(lambda self: [n for n in self.nameToNode.values() if isinstance(n, Host)])
    switches = property(lambda self: [n for n in self.nameToNode.values() if isinstance(n, Switch)])
    links = property(lambda self: [(a.name, b.name) for a, b, _ in self.info])

    def addHost(self, name, cls=None, **params):
        kind = cls or self.host or Host
        params = {**options_of(kind), **params}
        kind = kind.func if isinstance(kind, functools.partial) else kind
        if {"cpu", "cores"} & set(params):
            kind = CPULimitedHost if kind is Host else kind
        # A router of a script's own is a Node with more commands.
        if not issubclass(kind, Host):
            kind = type(kind.__name__, (kind, Host), {})
        self.nameToNode[name] = kind(self, name, **params)
        return self.nameToNode[name]

    def addSwitch(self, name, cls=None, **params):
        self.nameToNode[name] = Switch(self, name, **params)
        return self.nameToNode[name]

    def addController(self, name="c0", controller=None, **_):
        self.controllers.append(Controller(name))
        return self.controllers[-1]

    def addLink(self, node1, node2, port1=None, port2=None, cls=None, **info):
        nodes = [self.nameToNode[str(node)] for node in (node1, node2)]
        ends = []
        for node, port in zip(nodes, (port1, port2)):
            first = 0 if isinstance(node, Host) else 1
            taken = {intf.port for intf in node.intfs}
            if port is None:
                port = next(n for n in range(first, 100000) if n not in taken)
            node.intfs.append(Intf(info.get(f"intfName{len(ends) + 1}") or f"{node.name}-eth{port}", node, port))
            ends.append(node.intfs[-1])
        self.info.append((*nodes, {**self.link_options, **options_of(cls), **info, "intfs": ends}))
        link = Link(*ends)
        for end in ends:
            end.link = link
        return link

    def get(self, *names):
        nodes = [self.nameToNode[name] for name in names]
        return nodes[0] if len(nodes) == 1 else nodes

    getNodeByName = get
    __getitem__ = get

    def __contains__(self, name):
        return name in self.nameToNode

    def __iter__(self):
        return iter(self.nameToNode)

    def keys(self):
        return list(self.nameToNode)

    def values(self):
        return list(self.nameToNode.values())

    def items(self):
        return list(self.nameToNode.items())

    def build(self):
        taken = {host.IP() for host in self.hosts}
        free = (str(ip) for ip in self.ipBase.hosts())
        for number, host in enumerate(self.hosts, 1):
            if not host.params.get("ip"):
                host.params["ip"] = f"{next(ip for ip in free if ip not in taken)}/{self.ipBase.prefixlen}"
            elif "/" not in host.params["ip"]:
                host.params["ip"] += f"/{self.ipBase.prefixlen}"
            if self.autoSetMacs and not host.params.get("mac"):
                host.params["mac"] = ":".join(f"{number:012x}"[i:i + 2] for i in range(0, 12, 2))
        self.built = True

    def nets_of(self):
        """The net of each switch: plain links make one of two."""
        nets = {switch.name: switch.name for switch in self.switches}

        def net(name):
            while nets[name] != name:
                name = nets[name]
            return name

        for a, b, info in self.info:
            if isinstance(a, Switch) and isinstance(b, Switch) and not effects_of(info):
                nets[net(b.name)] = net(a.name)
        return {name: net(name) for name in nets}

    def topology(self):
        """The lab as a topology file; JSON is YAML too."""
        if not self.built:
            self.build()
        nets = self.nets_of()
        file = {"lab": self.lab, "nets": {name: {"subnet": str(self.ipBase)} for name in set(nets.values())},
                "guests": {host.name: {"nics": {}, "run": []} for host in self.hosts}, "links": {}}
        for number, (a, b, info) in enumerate(self.info):
            self.add_link(file, nets, number, (a, b), info)
        for guest in file["guests"].values():
            for key in [key for key, value in guest.items() if not value]:
                del guest[key]
        return file

    def add_nic(self, file, net, host, intf, effects):
        nic = {"net": net, "ip": "none"}
        own = next((info.get(f"params{end + 1}") for _a, _b, info in self.info
                    for end in (0, 1) if info["intfs"][end] is intf), None)
        text = (own or {}).get("ip") or (host.params["ip"] if intf is host.intfs[0] else None)
        address = ipaddress.ip_interface(text) if text else None
        if address and address.network == self.ipBase:
            nic["ip"] = str(address.ip)
        elif address:
            file["guests"][host.name]["run"].append(f"ip address add {address} dev {intf}")
        if host.params.get("mac") and intf is host.intfs[0]:
            nic["mac"] = host.params["mac"]
        if effects:
            nic["impair"] = effects
        file["guests"][host.name]["nics"][intf.name] = nic

    def add_link(self, file, nets, number, nodes, info):
        effects, intfs = effects_of(info), info["intfs"]
        switches = [isinstance(node, Switch) for node in nodes]
        if all(switches):
            if not effects:
                return
            ends = [f"{self.lab}v{number}{end}"[-15:] for end in "ab"]
            self.veths.append(ends)
            info["veth"] = ends
            for end, node in zip(ends, nodes):
                file["guests"][f"{node.name}-{number}"] = {
                    "kind": "external", "interface": end, "net": nets[node.name], "impair-out": effects}
        elif any(switches):
            host, switch = (nodes[1], nodes[0]) if switches[0] else nodes
            self.add_nic(file, nets[switch.name], host, intfs[1 if switches[0] else 0], effects)
        else:
            link = {"a": f"{nodes[0]}:{intfs[0]}", "b": f"{nodes[1]}:{intfs[1]}"}
            for key, node, intf in zip(["a-address", "b-address"], nodes, intfs):
                if intf is node.intfs[0]:
                    link[key] = node.params["ip"]
            if effects:
                link["impair"] = effects
            file["links"][f"l{number}"] = link

    def start(self):
        file = self.topology()
        for ends in self.veths:
            # Those of a run that was killed would be in the way.
            subprocess.run(["ip", "link", "delete", ends[0]], check=False, capture_output=True)
            subprocess.run(["ip", "link", "add", ends[0], "type", "veth", "peer", "name", ends[1]], check=True)
            for end in ends:
                subprocess.run(["ip", "link", "set", end, "up"], check=True)
        # Hosts and wires are one thing; the topology is another.
        weft("up", "-", stdin=json.dumps(file))
        for host in self.hosts:
            host.config(**host.params)

    def waitConnected(self, *_args, **_options):
        return True

    def addNAT(self, *_args, **_options):
        raise NoCounterpart("addNAT", "a topology file has nets with 'mode: nat'")

    def startTerms(self):
        raise NoCounterpart("xterm", "open 'weft shell LAB.HOST' in a terminal")

    def stop(self):
        for host in self.hosts:
            host.terminate()
            host.close_shell()
        weft("destroy", self.lab, "--keep-running", check=False)
        for ends in self.veths:
            subprocess.run(["ip", "link", "delete", ends[0]], check=False, capture_output=True)
        self.veths = []

    def ping(self, hosts=None, timeout=None):
        hosts = hosts or self.hosts
        sent = received = 0
        print("*** Ping: testing ping reachability")
        for source in hosts:
            print(f"{source} -> ", end="")
            for target in hosts:
                if source is target:
                    continue
                out = source.cmd(f"ping -n -c1 -W{timeout or 2} {target.IP()}")
                sent += 1
                came = " 1 received" in out
                received += came
                print(f"{target} " if came else "X ", end="")
            print()
        lost = 100 * (sent - received) / sent if sent else 0
        print(f"*** Results: {lost:.0f}% dropped ({received}/{sent} received)")
        return lost

    def staticArp(self):
        """Each host knows the MAC addresses of all others."""
        for host in self.hosts:
            for other in self.hosts:
                if other is not host and other.IP():
                    host.setARP(other.IP(), other.MAC())

    def pingAll(self, timeout=None):
        return self.ping(timeout=timeout)

    def pingPair(self):
        return self.ping(self.hosts[:2])

    def pingPairFull(self):
        return self.ping(self.hosts[:2])

    def iperf(self, hosts=None, l4Type="TCP", udpBw="10M", seconds=5, port=5001, **_):
        client, server = hosts or (self.hosts[0], self.hosts[-1])
        serving = server.popen(f"exec iperf3 -s -1 -p {port}")
        try:
            end = time.monotonic() + 5
            while time.monotonic() < end and not server.cmd(f"ss -Hltn sport = :{port}"):
                time.sleep(0.05)
            udp = f" -u -b {udpBw}" if l4Type == "UDP" else ""
            out = client.cmd(f"iperf3 -J -c {server.IP()} -p {port} -t {seconds}{udp}")
        finally:
            serving.terminate()
            serving.wait()
        result = json.loads(out)["end"]
        sums = [result.get("sum_received", result.get("sum")), result.get("sum_sent", result.get("sum"))]
        rates = [f"{one['bits_per_second'] / 1e6:.3g} Mbits/sec" for one in sums]
        print(f"*** Results: {rates}")
        return [udpBw, *rates] if l4Type == "UDP" else rates

    def configLinkStatus(self, src, dst, status):
        for a, b, info in self.info:
            if {a.name, b.name} != {src, dst}:
                continue
            if isinstance(a, Switch) and isinstance(b, Switch):
                if "veth" not in info:
                    raise RuntimeError(f"{src} and {dst} are one net, as a plain link joins them; a link that can go down "
                                       "needs an option, as delay='1ms'")
                subprocess.run(["ip", "link", "set", info["veth"][0], status], check=True)
                continue
            for node, intf in zip((a, b), info["intfs"]):
                if isinstance(node, Host):
                    weft("port", "set", f"{self.lab}.{node}-{intf}", "--down" if status == "down" else "--no-down")

    def run(self, test, *args, **options):
        self.start()
        try:
            return test(*args, **options)
        finally:
            self.stop()


def TreeNet(depth=1, fanout=2, **options):
    return Mininet(TreeTopo(depth=depth, fanout=fanout), **options)


class CLI(cmd.Cmd):
    """`h1 ping -c1 h2`, `pingall`, `nodes`, `exit`."""

    prompt = "mininet> "

    def __init__(self, mininet, **_):
        super().__init__()
        self.mn = mininet
        self.cmdloop()

    def default(self, line):
        if line == "EOF":
            return True
        words = line.split()
        if words[0] not in self.mn or not isinstance(self.mn[words[0]], Host):
            print(f"*** Unknown command: {line}")
            return False
        hosts = {host.name: host.IP() for host in self.mn.hosts}
        self.mn[words[0]].cmdPrint(" ".join(hosts.get(word, word) for word in words[1:]))
        return False

    def do_pingall(self, _):
        "pings between all hosts"
        self.mn.pingAll()

    def do_nodes(self, _):
        "names of all nodes"
        print(" ".join(self.mn.keys()))

    def do_exit(self, _):
        "ends the command line"
        return True

    do_quit = do_exit
