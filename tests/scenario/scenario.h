// SPDX-License-Identifier: BSD-3-Clause
//
// scenario: one datapath in a test: its tables, a pipeline, memory ports, services and a clock that moves
// only when the test says so.
//
// Objects are put one by one and take effect together at scenario_commit, through the same transaction as in
// the product. Frames go in at a port and are taken or expected at others. A scenario fails at its end if it
// left a frame at some port unlooked at. All functions fail the test themselves; see docs/testing.md.

#pragma once

#include "datapath/agent_apply.h"
#include "datapath/pipeline.h"
#include "datapath/trace.h"
#include "proto/objects.pb-c.h"
#include "tests/scenario/frame.h"
#include "tunnels/underlay.h"

#include <stdbool.h>
#include <stdint.h>

struct capture_set;
struct scenario;

struct scenario *scenario_new(void);
void scenario_free(struct scenario *scenario);

// Objects. Ids are the test's, unique over all kinds. Addresses are text; NULL leaves a field out.
void scenario_put(struct scenario *scenario, Weft__Object *object); // any object; borrowed
void scenario_delete(struct scenario *scenario, Weft__Kind kind, uint64_t id);
void scenario_bridge(struct scenario *scenario, uint64_t id);
void scenario_port(struct scenario *scenario, uint64_t id, const char *name);
// vid 0 or a native VLAN: not tagged.
void scenario_member(struct scenario *scenario, uint64_t id, uint64_t port, uint64_t bridge,
                     uint32_t vid, bool tagged);
void scenario_tunnel(struct scenario *scenario, uint64_t id, Weft__Encapsulation encapsulation,
                     const char *local);
void scenario_peer(struct scenario *scenario, uint64_t id, uint64_t tunnel, const char *remote,
                   bool learn);
void scenario_member_vni(struct scenario *scenario, uint64_t id, uint64_t peer, uint64_t bridge,
                         uint32_t vid, uint32_t vni);
void scenario_fdb_entry(struct scenario *scenario, uint64_t id, uint64_t bridge, uint32_t vid,
                        const char *mac, uint64_t port);
// A host at the port has the address; it is no router.
void scenario_address(struct scenario *scenario, uint64_t id, uint64_t bridge, uint32_t vid,
                      const char *ip, const char *mac, uint64_t port);
void scenario_vrf(struct scenario *scenario, uint64_t id);
// Up to two addresses with their length, as "10.1.0.1/24".
void scenario_interface(struct scenario *scenario, uint64_t id, uint64_t vrf, uint64_t bridge,
                        uint32_t vid, Weft__NatRole nat, const char *address, const char *address2);
// `interface` 0 and via NULL: blackhole.
void scenario_route(struct scenario *scenario, uint64_t id, uint64_t vrf, const char *prefix,
                    uint64_t interface, const char *via);
void scenario_neighbour(struct scenario *scenario, uint64_t id, uint64_t interface, const char *ip,
                        const char *mac);
void scenario_nat_rule(struct scenario *scenario, uint64_t id, uint64_t vrf, uint64_t interface,
                       const char *source, const char *to);
void scenario_forward(struct scenario *scenario, uint64_t id, uint64_t vrf, const char *outside,
                      uint32_t protocol, uint32_t outside_port, const char *inside,
                      uint32_t inside_port);
// A bridge that is a wire; its members are untagged in VLAN 0.
void scenario_wire(struct scenario *scenario, uint64_t id);
// One direction of a port, with one step that lasts; 0 in `effects` is nothing.
void scenario_impair(struct scenario *scenario, uint64_t id, uint64_t port,
                     Weft__ImpairDirection direction, const Weft__ImpairEffects *effects);
void scenario_commit(struct scenario *scenario);
// Returns what the transaction said, for those that must fail.
int scenario_try_commit(struct scenario *scenario, struct apply_result *result);

// The MAC of every interface that scenario_interface makes.
#define ROUTER_MAC "02:57:00:00:00:01"

// Frames. A send runs the pipeline, and services if they were asked, until nothing is left to do.
void scenario_send(struct scenario *scenario, uint64_t port, struct frame frame);
// Several frames in one batch.
void scenario_send_batch(struct scenario *scenario, uint64_t port, const struct frame *frames,
                         unsigned count);
// A datagram comes to the tunnel, outer IP and UDP taken off.
void scenario_arrive(struct scenario *scenario, uint64_t tunnel, const char *from, uint8_t tos,
                     const void *bytes, size_t len);
// Takes the oldest that the tunnel sent; returns its length, or -EAGAIN.
int scenario_datagram(struct scenario *scenario, uint64_t tunnel, struct datagram *ret, void *bytes,
                      size_t size);
// Asks the underlays how long frames may be, as the main thread does; see agent_tunnels_measure.
void scenario_measure(struct scenario *scenario, bool all);
// Injects what a service would.
void scenario_inject(struct scenario *scenario, const struct service_out *out);
// The next frame at the port is this one: bytes, and whether its sum is partial.
void scenario_expect(struct scenario *scenario, uint64_t port, struct frame frame);
// Takes the next frame whatever it is; its checksums must be right.
struct frame scenario_take(struct scenario *scenario, uint64_t port);
// No port has a frame.
void scenario_expect_silence(struct scenario *scenario);
// Forgets all frames that wait at ports.
void scenario_discard(struct scenario *scenario);

// Time starts at 1000 s.
uint64_t scenario_now(const struct scenario *scenario);
// Moves the clock on, stopping wherever the pipeline or a service wants to be called.
void scenario_run_until(struct scenario *scenario, uint64_t ns);
void scenario_run_seconds(struct scenario *scenario, double seconds);
// Ends the pipeline and begins another on the same state segment, as after kill -9.
void scenario_restart(struct scenario *scenario);
// The same; for so long its controller does not come, and it knows of no object.
void scenario_restart_alone(struct scenario *scenario, double seconds);

// What happened.
uint64_t scenario_drops(const struct scenario *scenario, uint64_t port, enum drop_reason reason);
uint64_t scenario_counter(const struct scenario *scenario, uint64_t port, enum stats_port word);
uint64_t scenario_worker(const struct scenario *scenario, enum stats_worker word);
const struct trace *scenario_trace(struct scenario *scenario, uint64_t port, struct frame frame);
// All steps of a trace as "stage: text", joined by " -> ".
const char *trace_text(const struct trace *trace);

// Doors into the inside, for what has no frame.
struct state *scenario_state(struct scenario *scenario);
struct service *scenario_service(struct scenario *scenario);
struct apply *scenario_apply(struct scenario *scenario);
const struct generation *scenario_generation(const struct scenario *scenario);
struct port *scenario_door(struct scenario *scenario, uint64_t port);
// Before scenario_new: what the next one is made with.
void scenario_configure(uint32_t miss_per_second, uint32_t door_offloads, uint32_t connections);
// What services ask an upstream resolver; the query of the last call, and its token.
unsigned scenario_upstream(const struct scenario *scenario, const uint8_t **query, size_t *len,
                           uint64_t *token);
struct stats *scenario_stats(struct scenario *scenario);
// Captures by the pipeline; borrowed until the next call. NULL: none.
void scenario_capture(struct scenario *scenario, const struct capture_set *captures);
