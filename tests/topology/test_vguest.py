# SPDX-License-Identifier: BSD-3-Clause
"""Drivers without machines on vhost-user ports: every feature and layout of the rings, frame by frame.

    a (vguest) --+--- lan ---+-- b (vguest)
"""

import json

from conftest import BIN, need

VGUEST = BIN.parent / "tests" / "guest" / "vguest"


def vguest(weft, *words, exact=True):
    """Runs vguest where the sockets are; returns what it counted."""
    need(VGUEST.exists(), f"no {VGUEST}")
    done = weft.run(VGUEST, *words, "--json", *(["--exact"] if exact else []), check=False)
    assert done.returncode == 0, f"vguest {words}: {done.stdout}{done.stderr}"
    return json.loads(done.stdout)


def test_numbered_frames_cross_once_each(weft):
    weft.weft("net", "add", "lan", "--subnet", "10.77.0.0/24")
    for name in "ab":
        weft.weft("port", "add", "lan", "--name", name, "--vhost", f"{name}.vu")
    result = vguest(weft, "pair", "--listen", weft.run_dir / "a.vu", "--listen", weft.run_dir / "b.vu",
                    "--count", 20000, "--len", "62-1514", "--verify", "--strict", "--window", 128)
    print(result)
    assert result["received"] == 2 * 20000
