# SPDX-License-Identifier: BSD-3-Clause
"""See weft_mininet."""

from weft_mininet import (  # noqa: F401  pylint: disable=unused-import
    Controller, CPULimitedHost, Host, Node, OVSBridge, OVSController, OVSKernelSwitch, OVSSwitch, RemoteController, Switch,
    UserSwitch)
