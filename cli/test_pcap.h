// SPDX-License-Identifier: BSD-3-Clause
//
// test_pcap: packets of what failed: it is tried once more, while its ports are captured. One thread.

#pragma once

#include "cli/test_run.h"

// Into files of the directory, which is made; NULL: one of the system's for things that do not last. At most
// `limit` of the cases that failed; the verdict of the first try stands.
void test_pcap_keep(struct test_run *run, const char *directory, unsigned limit);
