# SPDX-License-Identifier: BSD-3-Clause
"""The tests of a lab, and their verdicts: each kind passes once and fails once, for the right reason.

    h1 --- lan 10.9.0.0/24 --- h2, h3
"""

import json
import pathlib
import re
import xml.etree.ElementTree

import pytest


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
    assert pcaps == ["reach-h1-h3-icmp.pcapng", "reach-h3-h1-icmp.pcapng"]
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
