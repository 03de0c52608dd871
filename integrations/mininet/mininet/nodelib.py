# SPDX-License-Identifier: BSD-3-Clause
"""See weft_mininet."""

from weft_mininet import NAT, OVSBridge as LinuxBridge  # noqa: F401  pylint: disable=unused-import
