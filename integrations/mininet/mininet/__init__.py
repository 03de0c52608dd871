# SPDX-License-Identifier: BSD-3-Clause
"""The names under which scripts look for Mininet; all of it is in weft_mininet."""
