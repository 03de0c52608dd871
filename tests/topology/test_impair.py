# SPDX-License-Identifier: BSD-3-Clause
"""Impairments as programs meet them.

    a (10.9.0.11) ---- net lan ---- b (10.9.0.12)
"""

import re

import pytest

from conftest import eventually


@pytest.fixture
def pair(weft):
    weft.weft("net", "add", "lan", "--mode", "isolated", "--subnet", "10.9.0.0/24", "--subnet6", "none")
    weft.add_guest("a", "--net", "lan", "--ip", "10.9.0.11", "--static")
    weft.add_guest("b", "--net", "lan", "--ip", "10.9.0.12", "--static")
    weft.guest("a").ping("10.9.0.12", count=1)
    return weft


def test_delay_of_each_direction(pair):
    pair.weft("impair", "port", "a", "--out", "delay", "30ms")
    assert pair.guest("a").ping("10.9.0.12") >= 30
    pair.weft("impair", "port", "b", "delay", "50ms")
    assert 130 <= pair.guest("a").ping("10.9.0.12") < 1000
    names = [row["name"] for row in pair.json("impair", "ls")]
    assert names == ["a:out", "b:in", "b:out"]
    pair.weft("impair", "clear", "a:out", "b")
    assert pair.json("impair", "ls") == []
    assert pair.guest("a").ping("10.9.0.12") < 25


def test_loss_is_counted_and_explained(pair):
    pair.weft("impair", "port", "b", "--in", "loss", "50%", "--seed", "7")
    out = pair.guest("a").run("ping", "-c", "40", "-i", "0.01", "-W", "1", "10.9.0.12", check=False).stdout
    received = int(re.search(r"(\d+) received", out).group(1))
    assert 3 < received < 37
    drops = eventually(lambda: [d for d in pair.drops() if d["reason"] == "impair_loss"], 5)
    assert "as was asked" in drops[0]["explain"]


@pytest.mark.parametrize("effects, sentence", [
    (["loss", "120%"], "more than always"),
    (["delay", "-5ms"], "cannot be the value of 'delay'"),
    (["delay", "20"], "cannot be the value of 'delay'"),
    (["delay", "5ms", "jitter", "20ms"], "before it was sent"),
    (["rate", "0mbit"], "no frame would ever arrive"),
    (["burst", "1%", "0%"], "never left"),
    (["reorder", "5%"], "skips the delay"),
    (["dealy", "5ms"], "is no effect"),
])
def test_what_cannot_be_is_refused(pair, effects, sentence):
    done = pair.weft("impair", "port", "a", *effects, check=False)
    assert done.returncode != 0
    assert sentence in done.stderr
    assert pair.json("impair", "ls") == []
