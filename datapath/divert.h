// SPDX-License-Identifier: BSD-3-Clause
//
// divert: hands a frame to the services of the main thread. Owning worker.

#pragma once

#include "datapath/miss.h"
#include "datapath/service.h"

// Copies the frame over. Always decides: the frame is the service's, or dropped.
bool divert(struct miss *miss, enum punt_kind kind);
