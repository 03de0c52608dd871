# SPDX-License-Identifier: BSD-3-Clause
"""Scripts written for Mininet, run over Weft by integrations/mininet."""

import re

from conftest import ROOT

SCRIPT = """
from mininet.cli import CLI
from mininet.link import TCLink
from mininet.log import setLogLevel
from mininet.net import Mininet
from mininet.node import OVSController
from mininet.topo import LinearTopo, SingleSwitchTopo, Topo
from mininet.topolib import TreeTopo
"""


def run(weft, text):
    path = weft.path / "script.py"
    path.write_text(SCRIPT + text)
    return weft.run("env", f"PYTHONPATH={ROOT / 'integrations' / 'mininet'}", "PYTHONDONTWRITEBYTECODE=1",
                    "/usr/bin/python3", path, timeout=120).stdout


def test_a_script_as_in_the_walkthrough(weft):
    out = run(weft, """
class Two(Topo):
    def build(self, n=2):
        switch = self.addSwitch('s1')
        for h in range(n):
            host = self.addHost('h%s' % (h + 1), cpu=.5 / n)
            self.addLink(host, switch, bw=20, delay='10ms', loss=0, max_queue_size=1000, use_htb=True)

setLogLevel('info')
net = Mininet(topo=Two(n=4), link=TCLink, controller=OVSController, autoSetMacs=True)
net.start()
print('LOST', net.pingAll())
h1, h4 = net.get('h1', 'h4')
print('IP', h1.IP(), h4.IP(), h1.MAC(), h1.intfNames())
print('RTT', h1.cmd('ping -c3 -i0.2', h4.IP()))
print('IPERF', net.iperf((h1, h4), seconds=2))
net.configLinkStatus('h1', 's1', 'down')
print('DOWN', net.pingPair())
net.stop()
""")
    assert "*** Results: 0% dropped (12/12 received)" in out and "LOST 0" in out
    assert "IP 10.0.0.1 10.0.0.4 00:00:00:00:00:01 ['h1-eth0']" in out
    # Ten milliseconds on each of two links, there and back.
    assert 39 <= float(re.search(r"= [\d.]+/([\d.]+)/", out).group(1))
    # A fifth of what the link may carry is enough on a busy machine, and none is more.
    assert 2 <= float(re.search(r"IPERF \['([\d.e+]+) Mbits/sec", out).group(1)) <= 22
    assert "DOWN 100" in out
    assert weft.json("ns", "ls") == []


def test_topologies(weft):
    out = run(weft, """
for topo in [SingleSwitchTopo(3), LinearTopo(k=4), LinearTopo(k=2, n=2), TreeTopo(depth=2, fanout=2)]:
    net = Mininet(topo)
    net.start()
    print('LOST', net.pingAll(), len(net.hosts), len(net.switches))
    net.stop()
""")
    assert re.findall(r"LOST 0.0 (\d+ \d+)", out) == ["3 1", "4 4", "4 2", "4 3"]


SORTS = """
net = Mininet(link=TCLink)
h1, h2, h3 = [net.addHost(name) for name in ['h1', 'h2', 'h3']]
h4 = net.addHost('h4', ip='192.168.7.1/24')
h5 = net.addHost('h5', ip='192.168.7.2/24')
s1, s2 = net.addSwitch('s1'), net.addSwitch('s2')
net.addController('c0')
net.addLink(h1, s1)
net.addLink(h2, s2)
net.addLink(h3, s2)
net.addLink(s1, s2, delay='15ms')
net.addLink(h4, h5, delay='5ms')
net.build()
net.start()
print('FAR', h1.cmd('ping -c3 -i0.2 10.0.0.2'))
print('NEAR', h2.cmd('ping -c3 -i0.2 10.0.0.3'))
print('WIRE', h4.cmd('ping -c3 -i0.2', h5.IP()))
net.configLinkStatus('s1', 's2', 'down')
print('CUT', h1.cmd('ping -c1 -W1 10.0.0.2'))
net.configLinkStatus('s1', 's2', 'up')
print('WHOLE', h1.cmd('ping -c3 -W5 10.0.0.2'))
if not leave:
    net.stop()
"""


def test_links_of_all_sorts(weft):
    """A slow link between two switches, and one between two hosts without a switch."""
    # One that leaves everything as it is, as one that is killed does, and one that comes after it.
    run(weft, "leave = True\n" + SORTS)
    out = run(weft, "leave = False\n" + SORTS)
    times = [float(time) for time in re.findall(r"= [\d.]+/([\d.]+)/", out)]
    assert len(times) == 4, out
    assert times[0] >= 29 and times[1] < 29 and times[2] >= 9, times
    assert re.search(r"CUT .*?, 0 received", out, re.S) and re.search(r"WHOLE .*?, [1-3] received", out, re.S), out
    links = weft.run("ip", "-br", "link").stdout
    assert "v3" not in links, links


def test_what_the_examples_of_mininet_do(weft):
    """A router of a script's own, options for all links, processes that are watched, and what has no counterpart."""
    out = run(weft, """
from functools import partial
from mininet.node import CPULimitedHost, Node
from mininet.topolib import TreeNet
from mininet.util import irange, pmonitor, quietRun

class Router(Node):
    def config(self, **params):
        super().config(**params)
        print('FORWARDS', self.cmd('sysctl net.ipv4.ip_forward=1').strip())

    def terminate(self):
        print('TERMINATED')
        super().terminate()

class Two(Topo):
    def build(self, **_):
        router = self.addNode('r0', cls=Router, ip='10.3.1.1/24')
        for n in irange(1, 2):
            switch = self.addSwitch('s%d' % n)
            self.addLink(switch, router, intfName2='r0-lan%d' % n, params2={'ip': '10.3.%d.1/24' % n})
            self.addLink(self.addHost('h%d' % n, ip='10.3.%d.9/24' % n, defaultRoute='via 10.3.%d.1' % n), switch)

net = Mininet(topo=Two(), link=partial(TCLink, delay='5ms'), waitConnected=True)
net.start()
print('LOST', net.pingAll())
h1, h2 = net.get('h1', 'h2')
popens = {h1: h1.popen('ping', '-c2', '-i0.2', h2.IP())}
print('RTT', [line for host, line in pmonitor(popens) if host and 'rtt' in line])
print('INTERFACES', net['r0'].intfNames())
try:
    net.addNAT()
except RuntimeError as error:
    print(error)
net.stop()
net = TreeNet(depth=1, fanout=2, host=partial(CPULimitedHost, cpu=0.5))
link = net.addLink(net['h1'], net['s1'])
net.start()
link.intf1.config(loss=100)
print('QUIET', quietRun('echo here').strip())
net.stop()
""")
    assert out.count("FORWARDS net.ipv4.ip_forward = 1") == 1 and "LOST 0" in out and "TERMINATED" in out, out
    # Four links with five milliseconds on the way there, and as many back.
    assert float(re.search(r"RTT .*?= [\d.]+/([\d.]+)/", out).group(1)) >= 39
    assert "INTERFACES ['r0-lan1', 'r0-lan2']" in out and "addNAT of Mininet has no counterpart" in out
    assert "QUIET here" in out and weft.json("ns", "ls") == []


def test_hosts_keep_their_shell(weft):
    """What a command sets, starts or changes into is there for the next; an error ends nothing."""
    out = run(weft, """
from mininet.util import dumpNodeConnections
class Slow(Topo):
    def build(self):
        for name in ('h1', 'h2'):
            self.addLink(self.addHost(name), 's1' if 's1' in self.nodeInfo else self.addSwitch('s1'), bw=10, max_queue_size=50)

net = Mininet(topo=Slow(), link=TCLink)
net.start()
h1, h2 = net.get('h1', 'h2')
dumpNodeConnections(net.hosts)
print('PLACE', repr(h1.cmd('cd /proc; X=5') + h1.cmd('pwd; echo $X; cat') + h2.cmd('echo $X')))
h1.cmd('sleep 871 &')
print('JOB', repr(h1.cmd('kill %sleep; wait $!; echo $?')))
print('BROKEN', 'EOF' in h1.cmd("echo 'open"), repr(h1.cmd('exit 3')), repr(h1.cmd('echo again')))
print('PEXEC', h1.pexec('echo out; echo err >&2; exit 4'))
net.staticArp()
print('ARP', h1.cmd('ip neighbour show'), h1.intf().IP(), h1.connectionsTo(net['s1'])[0][1], net.links)
import subprocess, os
print('QUEUE', subprocess.run([os.environ.get('WEFT', 'weft'), 'impair', 'ls'], capture_output=True, text=True).stdout)
net.stop()
""")
    assert "h1 h1-eth0:s1-eth1\nh2 h2-eth0:s1-eth2\n" in out
    assert r"PLACE '/proc\n5\n\n'" in out
    assert "JOB '143\\n'" in out
    assert r"BROKEN True '' 'again\n'" in out
    assert r"PEXEC ('out\n', 'err\n', 4)" in out
    assert "10.0.0.2 dev h1-eth0" in out and "PERMANENT" in out and "10.0.0.1 s1-eth1" in out
    assert "queue 50packets" in out
