# SPDX-License-Identifier: BSD-3-Clause
"""A domain of libvirt's, made from what weft attach prints; libvirt is one of the test's own.

    web (libvirt, QEMU as its user) --- lan 10.77.0.0/24, MTU 9000 --- h1 (a namespace)
"""

import shutil

import vm
from conftest import eventually, need

QEMU_CONF = """
stdio_handler = "file"
security_driver = "none"
namespaces = []
cgroup_controllers = []
remember_owner = 0
"""

LIBVIRTD_CONF = """
auth_unix_ro = "none"
auth_unix_rw = "none"
unix_sock_group = "root"
"""

# Everything that it keeps lies in the instance's mount namespace, and ends with it.
START = """
for dir in /etc/libvirt /var/lib/libvirt /var/cache/libvirt /var/log/libvirt /run/libvirt; do
    mkdir -p $dir && mount -t tmpfs libvirt $dir || exit
done
cp qemu.conf /etc/libvirt/ && exec libvirtd -f libvirtd.conf -p libvirtd.pid
"""

DOMAIN = """
<domain type='qemu'>
  <name>{name}</name>
  <memory unit='MiB'>192</memory>
  <vcpu>2</vcpu>
  {memory_backing}
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <kernel>/run/libvirt/vmlinuz</kernel>
    <initrd>/run/libvirt/initrd.gz</initrd>
    <cmdline>console=ttyS0 quiet panic=-1 weft.dhcp</cmdline>
  </os>
  <features><acpi/></features>
  <devices>
    {interface}
    <serial type='file'><source path='{console}'/></serial>
  </devices>
  {override}
</domain>
"""


def start_libvirt(weft):
    for tool in ("libvirtd", "virsh"):
        need(shutil.which(tool), f"no {tool}")
    (weft.path / "qemu.conf").write_text(QEMU_CONF)
    (weft.path / "libvirtd.conf").write_text(LIBVIRTD_CONF)
    weft.start(["sh", "-c", START], log=weft.path / "libvirtd.out")
    eventually(lambda: weft.run("virsh", "list", check=False).returncode == 0, 30, "libvirt")
    # QEMU runs as somebody else, to whom libvirt gives the files of the domain.
    weft.run("cp", vm.image() / "vmlinuz", vm.image() / "initrd.gz", "/run/libvirt")


def define(weft, port, console):
    words = weft.json("attach", port, "--print", "libvirt", "--tcg")
    (weft.path / f"{port}.xml").write_text(DOMAIN.format(name=port, console=console, **words))
    weft.run("virsh", "define", f"{port}.xml")


def show(weft, port):
    return weft.json("port", "show", port)


def test_domain_starts_and_is_destroyed(weft, machines):
    weft.weft("net", "add", "lan", "--subnet", "10.77.0.0/24", "--dhcp", "--mtu", 9000)
    h1 = weft.add_guest("h1", "--net", "lan")
    h1.lease()
    start_libvirt(weft)
    weft.weft("port", "add", "lan", "--name", "web", "--vhost", "/run/libvirt/web.vu", "--vhost-server", "--queues", 2)
    console = weft.path / "console"
    define(weft, "web", console)
    weft.run("virsh", "start", "web", timeout=120)
    eventually(lambda: "WEFT-READY" in console.read_text(errors="replace"), vm.BOOT_SECONDS, "the boot")
    lease = next(lease for lease in weft.json("lease", "ls") if lease["name"] == "web")
    h1.ping(lease["ip"])
    h1.ping(lease["ip"], "-s", 8972, "-M", "do")
    shown = show(weft, "web")
    assert shown["connected"] and shown["pairs"] == 2 and {"mq", "host_mtu"} <= set(shown["features"])
    weft.run("virsh", "destroy", "web")
    eventually(lambda: not show(weft, "web")["connected"], 10, "the end of the connection")
    assert "last_fault" not in show(weft, "web")


def test_machine_listens(weft, machines):
    """A socket that QEMU's user has made, in a directory where it may."""
    weft.weft("net", "add", "lan", "--subnet", "10.77.0.0/24", "--dhcp")
    start_libvirt(weft)
    weft.weft("port", "add", "lan", "--name", "web", "--vhost", "/run/libvirt/web.vu", "--queues", 2)
    define(weft, "web", weft.path / "console")
    weft.run("virsh", "start", "--paused", "web", timeout=120)
    owner = weft.run("stat", "-c", "%U", "/run/libvirt/web.vu").stdout.strip()
    assert owner == "libvirt-qemu"
    eventually(lambda: show(weft, "web")["connected"], 10, "the connection")
    weft.run("virsh", "destroy", "web")
    eventually(lambda: not show(weft, "web")["connected"], 10, "the end of the connection")
