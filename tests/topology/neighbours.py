# SPDX-License-Identifier: BSD-3-Clause
"""What one guest costs its neighbours, measured so that an answer of a few per cent can be had of a noisy machine.

Two guests exchange frames as fast as they can, while a third does something. What it does is an *arm*; one is to do
nothing. Arms alternate, each for a fixed number of slices, and each slice gives the cycles that the switch's worker was
busy for a frame of the two: all that the third costs the worker is in it, and what other processes take of the
processors is not, as a rate would have it. The worker has a processor for itself where there are two.

A slice says little: its value is off by a fifth as often as not. Two arms are compared round by round, and the mean of
that is given with the interval that holds 95 % of such means when the rounds are drawn anew (bootstrap).
"""

import json
import math
import os
import pathlib
import random
import statistics
import time

from conftest import BIN, eventually

ACT = 0.05  # seconds from the third's coming to its going


class Slices:
    """Of one arm: cycles a frame, and frames a second."""

    def __init__(self):
        self.cycles, self.rates = [], []

    def __str__(self):
        cycles, rates = (statistics.quantiles(values, n=4) for values in (self.cycles, self.rates))
        return (f"{cycles[1]:.0f} cycles a frame ({cycles[0]:.0f}-{cycles[2]:.0f}), "
                f"{rates[1] / 1e6:.2f} Mpps ({rates[0] / 1e6:.2f}-{rates[2] / 1e6:.2f})")


def threads(pid):
    return [int(task.name) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()]


def pin(weft, load):
    """The only worker on the last processor, all else of the two daemons and of the load on the others."""
    processors = sorted(os.sched_getaffinity(0))
    if len(processors) < 2:
        return
    for pid in (weft.status()["host"]["pid"], weft.status()["pid"], load.pid):
        for thread in threads(pid):
            is_worker = "worker" in pathlib.Path(f"/proc/{pid}/task/{thread}/comm").read_text(encoding="ascii")
            os.sched_setaffinity(thread, processors[-1:] if is_worker else processors[:-1])


def worker(weft):
    rows = json.loads(weft.weft("-o", "json", "worker", "ls").stdout)
    assert len(rows) == 1, "these figures are of one worker"
    return rows[0]


def slice_of(weft, act):
    before, begin = worker(weft), time.monotonic()
    guest = act()
    time.sleep(ACT)
    if guest:
        guest.close()
    after, seconds = worker(weft), time.monotonic() - begin
    frames = after["packets"] - before["packets"]
    assert frames, "the neighbours stand still"
    return (after["busy_cycles"] - before["busy_cycles"]) / frames, frames / seconds


def measure(weft, first, second, arms, count):
    """Slices of each arm, by its name. The two guests' ports listen at the paths; an arm is what the third does."""
    load = weft.start([BIN.parent / "tests" / "guest" / "vguest", "pair", "--connect", first, "--connect", second,
                       "--no-numbers"])
    start = worker(weft)["packets"]
    eventually(lambda: worker(weft)["packets"] > start + 1000, 10, "the neighbours")
    pin(weft, load)
    results = {name: Slices() for name in arms}
    for _ in range(count):
        for name, act in arms.items():
            cycles, rate = slice_of(weft, act)
            results[name].cycles.append(cycles)
            results[name].rates.append(rate)
    load.terminate()
    load.wait(10)
    return results


def middle(values):
    """The mean of what is left when a tenth is cut off at either end."""
    cut = len(values) // 10
    return statistics.fmean(sorted(values)[cut:len(values) - cut])


def compare(base, other):
    """How many frames the worker carries in the other arm for one in the base, for equal cycles: low, middle, high."""
    logs = [math.log(before / now) for before, now in zip(base.cycles, other.cycles)]
    draw = random.Random(1)
    drawn = sorted(middle(draw.choices(logs, k=len(logs))) for _ in range(2000))
    return math.exp(drawn[50]), math.exp(middle(logs)), math.exp(drawn[-51])
