# SPDX-License-Identifier: BSD-3-Clause
"""What scripts take from Mininet's util."""


def dumpNodeConnections(nodes):
    for node in nodes:
        print(node.name, " ".join(node.intfNames()))
