# SPDX-License-Identifier: BSD-3-Clause
"""The tests of a lab, and their verdicts: each kind passes once and fails once, for the right reason.

    h1 --- lan 10.9.0.0/24 --- h2, h3
"""

import contextlib
import json
import pathlib
import re
import signal
import xml.etree.ElementTree

import pytest

from conftest import BIN, eventually, is_alive


@pytest.fixture
def three(weft):
    weft.weft("net", "add", "lan", "--subnet", "10.9.0.0/24")
    for number in (1, 2, 3):
        weft.add_guest(f"h{number}", "--net", "lan", "--ip", f"10.9.0.1{number}", "--static")
    return weft


def run(weft, *words, code=0):
    done = weft.weft("test", "--wait", "1", *words, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_without_a_lab_everybody_reaches_everybody(three):
    out = run(three)
    assert out.splitlines()[-1] == "6 passed, 0 failed"
    grid = [line.split() for line in out.splitlines()]
    assert ["h1", ".", "ok", "ok"] in grid and ["h3", "ok", "ok", "."] in grid


def test_a_wall_is_found_and_its_packets_are_kept(three):
    three.weft("flow", "add", "wall", "--match", "port=h1,ip,dst=10.9.0.13", "--actions", "drop")
    out = run(three, "--junit", three.path / "report.xml", "--pcaps", three.path / "pcaps", code=4)
    assert out.splitlines()[-1] == "4 passed, 2 failed"
    assert "FAIL  reach h1 -> h3 icmp: no answer" in out and "FAIL  reach h3 -> h1 icmp: no answer" in out
    report = xml.etree.ElementTree.parse(three.path / "report.xml").getroot()
    assert report.get("failures") == "2" and len(report.findall("testcase")) == 6
    failed = {case.get("name"): case.find("failure").get("message") for case in report.findall("testcase/failure/..")}
    assert failed == {"reach h1 -> h3 icmp": "no answer", "reach h3 -> h1 icmp": "no answer"}
    pcaps = sorted(path.name for path in (three.path / "pcaps").iterdir())
    assert pcaps == ["2-reach-h1-h3-icmp.pcapng", "5-reach-h3-h1-icmp.pcapng"]
    read = three.run("tcpdump", "-n", "-r", three.path / "pcaps" / pcaps[0], "icmp").stdout
    assert "10.9.0.11 > 10.9.0.13: ICMP echo request" in read and "echo reply" not in read


def test_reports_for_machines(three):
    tap = run(three, "--tap", "--seed", "7").splitlines()
    assert tap[:3] == ["TAP version 13", "1..6", "# seed 7"]
    assert sum(bool(re.match(r"ok \d+ - reach h\d -> h\d icmp$", line)) for line in tap) == 6
    assert tap[-1] == "# 6 passed, 0 failed"
    cases = json.loads(run(three, "-o", "json"))
    assert len(cases) == 6 and all(case["passed"] and case["kind"] == "reach" for case in cases)


def test_picture_of_what_there_is(three):
    three.weft("port", "add", "--name", "up<&>", "--trunk", "10", check=False)
    tree = three.weft("graph").stdout.splitlines()
    assert tree == ["lan  10.9.0.0/24 isolated", "|-- h1  10.9.0.11", "|-- h2  10.9.0.12", "`-- h3  10.9.0.13"]
    drawing = xml.etree.ElementTree.fromstring(three.weft("graph", "--svg", "--rates", "1").stdout)
    texts = [element.text for element in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert {"weft", "lan", "h1", "h2", "h3"} <= set(texts) and any(text.startswith("in ") for text in texts)
    assert three.weft("graph", "--dot").stdout.startswith('graph "weft" {')
    assert three.weft("graph", "--mermaid").stdout.startswith("graph TD")
    assert three.weft("graph", "--dot", "--svg", check=False).returncode == 2
    assert three.weft("graph", "nolab", check=False).returncode == 1


def test_pictures_tell_what_passes(weft):
    """Some 80 pings of 1 KB a second over a wire, and nothing in the net: both ways, in each way of drawing."""
    weft.weft("net", "add", "lan", "--subnet", "10.9.0.0/24")
    for number in (1, 2):
        weft.add_guest(f"h{number}", "--net", "lan", "--ip", f"10.9.0.1{number}", "--static")
    weft.weft("link", "add", "w1", "--a", "h1", "--b", "h2", "--a-address", "10.8.0.1/30", "--b-address", "10.8.0.2/30")
    weft.guest("h1").run("ping", "-c", "1", "-W", "5", "10.8.0.2")
    weft.guest("h1").start("ping", "-i", "0.01", "-s", "1000", "10.8.0.2")
    for option, shown in (("--ascii", r"h1 --- h2  \[w1, in (\S+) out (\S+)\]"),
                          ("--dot", r'n\d -- n\d \[label="w1, in (\S+) out (\S+)"'),
                          ("--mermaid", r'"w1, in (\S+) out (\S+)"'),
                          ("--svg", r">w1, in (\S+) out (\S+)<")):
        drawing = weft.weft("graph", "--rates", "1s", option).stdout
        found = re.search(shown, drawing)
        assert found, drawing
        for rate in found.groups():
            assert rate[-1] in "kM" and 50 < float(rate[:-1]) * (1000 if rate[-1] == "M" else 1) < 2000, drawing
        # The net's own are told too, and are next to nothing.
        quiet = re.findall(r"in (\d+\S*) out (\d+\S*)", drawing.replace(found.group(0), ""))
        assert len(quiet) == 2 and not any(rate.endswith("M") for pair in quiet for rate in pair), drawing


def test_busy_ports_come_first(three):
    three.guest("h2").start("ping", "-i", "0.01", "-s", "1000", "10.9.0.13")
    rows = [line.split() for line in three.weft("top", "--count", "2").stdout.splitlines()]
    last = rows[len(rows) // 2:]
    assert last[0][0] == "PORT" and {last[1][0], last[2][0]} == {"h2", "h3"} and last[3][0] == "h1"
    assert last[1][1].endswith("k") and int(float(last[1][2])) > 10


LAB = """
lab: l
nets:
  lan: {subnet: 10.1.0.0/24, mode: nat, dns: lan.test}
  dmz: {subnet: 10.2.0.0/24, mode: nat}
guests:
  h1: {net: lan, ip: 10.1.0.11}
  h2: {net: lan, ip: 10.1.0.12}
  h3: {net: dmz, ip: 10.2.0.13}
flows:
  no-ssh: {match: "port=h1,tcp,dport=22", actions: drop}
tests:
"""

PASS = """
  - reach: {from: [h1, h2], to: [h2, h3, 10.1.0.1], name: all}
  - reach: {from: h1, to: h2, protocol: tcp, port: 22, expect: blocked}
  - reach: {from: h2, to: h1, protocol: tcp, port: 22}
  - reach: {from: h1, to: h3, protocol: udp, port: 5353}
  - ping: {from: h1, to: h2, count: 5, interval: 20ms, max-rtt: 1s, max-gap: 2s}
  - iperf: {from: h1, to: h2, duration: 300ms, min-rate: 1mbit}
  - iperf: {from: h1, to: h3, duration: 300ms, udp: true, min-rate: 1mbit, max-rate: 2mbit}
  - dns: {from: h1, query: h2.lan.test, answer: 10.1.0.12}
  - dns: {from: h1, query: nobody.lan.test, expect: blocked}
  - http: {from: h1, url: "http://h2.lan.test:8080/", body: hello}
  - http: {from: h3, url: "http://h2:8080/x"}
  - trace: {from: h1, to: h2, protocol: tcp, port: 80, verdict: forwarded}
  - trace: {from: h1, to: h2, protocol: tcp, port: 22, verdict: dropped, rule: no-ssh}
  - trace: {from: h1, to: h2, protocol: arp, verdict: forwarded}
  - trace: {from: h1, to: 10.1.0.1, protocol: arp, verdict: answered, rule: answered by the router}
  - trace: {from: h1, to: "fd01::9", protocol: nd, verdict: forwarded, rule: flooded}
  - during: {run: [sleep 0.2], tests: [ping: {from: h1, to: h2, max-gap: 2s}, reach: {from: h1, to: h3}]}
"""

FAIL = {
    "reach: {from: h1, to: h2, protocol: tcp, port: 22}": "no answer",
    "reach: {from: h2, to: h1, protocol: tcp, port: 22, expect: blocked}": "which was to be blocked",
    "reach: {from: h1, to: 10.1.0.99, protocol: udp, port: 53}": "no answer",
    "ping: {from: h1, to: 10.1.0.99, count: 2}": "none of 2 was answered",
    "ping: {from: h1, to: h2, count: 2, max-rtt: 1us}": "round trip of",
    "ping: {from: h1, to: h2, count: 2, expect: blocked}": "2 of 2 were answered, which was to be blocked",
    "iperf: {from: h1, to: h2, duration: 200ms, min-rate: 900gbit}": "came through, at least 900Gbit/s must",
    "iperf: {from: h1, to: h2, duration: 200ms, max-rate: 1kbit}": "came through, at most 1.0kbit/s may",
    "dns: {from: h1, query: h2.lan.test, answer: 10.1.0.99}": "and not for 10.1.0.99",
    "dns: {from: h1, query: nobody.lan.test}": "Name or service not known",
    "http: {from: h1, url: \"http://h2:8080/\", status: 404}": "status 200, not 404",
    "http: {from: h1, url: \"http://h2:8080/\", body: goodbye}": "'goodbye' is not in what came",
    "http: {from: h1, url: \"http://h2:9/\"}": "no connection: Connection refused",
    "trace: {from: h1, to: h2, protocol: tcp, port: 22, verdict: forwarded}": "it would be dropped: flow_rule",
    "trace: {from: h1, to: h2, verdict: forwarded, rule: nonsense}": "no step says 'nonsense'",
    "trace: {from: h1, to: 10.1.0.1, protocol: arp, verdict: dropped}": "it would be answered",
    "trace: {from: h1, to: 10.1.0.1, protocol: nd}": "'10.1.0.1' is no IPv6 address",
    "during: {run: [\"exit 3\"], tests: [ping: {from: h1, to: h2}]}": "'exit 3' did not work: exit code 3",
    "during: {run: [sleep 60], duration: 300ms, tests: [ping: {from: h1, to: h2}]}": "'sleep 60' did not work: no result",
    "during: {run: [\"$WEFT port set l.h2 --down; sleep 1; $WEFT port set l.h2 --no-down\"], "
    "tests: [ping: {from: h1, to: h2, max-gap: 500ms}]}": "ms without an answer, 500.0 ms are allowed",
}


@pytest.fixture
def lab(weft):
    (weft.path / "l.yaml").write_text(LAB + PASS)
    weft.weft("apply", weft.path / "l.yaml")
    weft.guest("l.h2").serve(8080, "hello")
    return weft


def test_each_kind_passes(lab):
    out = run(lab, "l")
    assert out.splitlines()[-1] == "21 passed, 0 failed", out


def test_each_kind_fails_for_the_right_reason(lab):
    head = (lab.path / "l.yaml").read_text().split("tests:")[0]
    (lab.path / "fail.yaml").write_text(head + "tests:\n" + "".join(f"  - {test}\n" for test in FAIL))
    cases = json.loads(run(lab, "-o", "json", "--pcaps", lab.path / "pcaps", lab.path / "fail.yaml", code=4))
    assert len(cases) == len(FAIL)
    for case, (test, text) in zip(cases, FAIL.items()):
        assert not case["passed"] and text in case["text"], (test, case)
    assert len(list((lab.path / "pcaps").iterdir())) == 8 and sum("pcap" in case for case in cases) == 8
    # Tests of a file are not those of the lab.
    assert run(lab, "l").splitlines()[-1] == "21 passed, 0 failed"


HTTPS = {
    "url: \"https://h2.lan.test:8443/\", ca: h2.pem, body: hello": None,
    "url: \"https://10.1.0.12:8443/\", ca: h2.pem": None,
    "url: \"https://h2:8443/\", insecure: true": None,
    "url: \"https://h2.lan.test:8443/\", expect: blocked": None,
    "url: \"https://h2.lan.test:8443/\", ca: h2.pem, status: 404": "status 200, not 404",
    "url: \"https://h2.lan.test:8443/\", ca: h2.pem, body: goodbye": "'goodbye' is not in what came",
    "url: \"https://h2.lan.test:8443/\"": "the certificate of h2.lan.test will not do: self-signed certificate",
    "url: \"https://h2.lan.test:8443/\", ca: other.pem": "the certificate of h2.lan.test will not do: self-signed",
    "url: \"https://h2:8443/\", ca: h2.pem": "the certificate of h2 will not do: hostname mismatch",
    "url: \"https://h2.lan.test:8443/\", ca: nowhere.pem": "nowhere.pem cannot be read: ",
    "url: \"https://h2.lan.test:8080/\", insecure: true": "no TLS: wrong version number",
}


def test_https_is_judged_by_its_certificate(lab):
    for name, alternatives in (("h2", "DNS:h2.lan.test,IP:10.1.0.12"), ("other", "DNS:h2.lan.test")):
        lab.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-subj", f"/CN={name}", "-addext", f"subjectAltName={alternatives}", "-days", "2",
                "-keyout", lab.path / f"{name}.key", "-out", lab.path / f"{name}.pem")
    (lab.path / "both.pem").write_text((lab.path / "h2.key").read_text() + (lab.path / "h2.pem").read_text())
    lab.guest("l.h2").serve(8443, "hello", "--certificate", lab.path / "both.pem")
    head = (lab.path / "l.yaml").read_text().split("tests:")[0]
    tests = "".join(f"  - http: {{from: h1, {test}}}\n" for test in HTTPS)
    (lab.path / "https.yaml").write_text(head + "tests:\n" + tests)
    cases = json.loads(run(lab, "-o", "json", lab.path / "https.yaml", code=4))
    for case, (test, text) in zip(cases, HTTPS.items(), strict=True):
        assert case["passed"] == (text is None) and (text or "") in case["text"], (test, case)
    # Of a lab as well, wherever the test is run.
    (lab.path / "https.yaml").write_text(head + "tests:\n" + tests.splitlines(True)[0])
    lab.weft("apply", lab.path / "https.yaml")
    assert run(lab, "l").splitlines()[-1] == "1 passed, 0 failed"
    assert f'ca: "{lab.path}/h2.pem"' in lab.weft("export", "l").stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_outlives_an_interrupted_test(weft, number):
    (weft.path / "long.yaml").write_text(
        "lab: long\ntests:\n  - during: {run: \"echo $$ >pid; sleep 300; :\", tests: [reach: {}]}\n")
    process = weft.start([BIN / "weft", "test", weft.path / "long.yaml"])
    eventually(lambda: (weft.path / "pid").exists() and (weft.path / "pid").read_text(), 10, "the command")
    shell = int((weft.path / "pid").read_text())
    assert is_alive(shell)
    process.send_signal(number)
    process.wait(10)
    eventually(lambda: not is_alive(shell) and "sleep" not in names(weft), 10, "the end of the command")


def names(weft):
    """Of the processes that live where this instance does."""
    for pid in weft.inmates():
        with contextlib.suppress(OSError):
            yield pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
