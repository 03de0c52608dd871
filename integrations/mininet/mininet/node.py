# SPDX-License-Identifier: BSD-3-Clause
"""See weft_mininet."""

from weft_mininet import Controller, Host, Node, OVSController, OVSKernelSwitch, OVSSwitch, RemoteController, Switch  # noqa: F401  pylint: disable=unused-import
