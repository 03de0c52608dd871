# SPDX-License-Identifier: BSD-3-Clause
"""See weft_mininet."""

from weft_mininet import TreeNet, TreeTopo  # noqa: F401  pylint: disable=unused-import
