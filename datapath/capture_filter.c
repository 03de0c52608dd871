// SPDX-License-Identifier: BSD-3-Clause
//
// capture_filter: what libpcap has compiled elsewhere, run here by its interpreter.
//
// The program comes from outside, so it is checked before it is believed: by libpcap, and for what that
// lets pass: codes at which its interpreter aborts, and jumps backwards (libpcap makes them for
// `protochain`), which could hold a worker for ever. So a run costs its length at most. A program is shallow if no load can reach behind the first bytes: absolute
// loads say where they go, indexed ones add an index, which is the length of an IP header (60 bytes at
// most) unless the program has computed it.

#include "datapath/capture_filter.h"

#include "base/bytes.h"
#include "base/fail.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdlib.h>

// A header length as `ldxb 4*([k]&0xf)` gives it, and the widest load.
enum { INDEX_MAX = 60, LOAD_MAX = 4 };

struct capture_filter {
	bool shallow;
	unsigned count;
	struct bpf_insn insns[];
};

static bool is_near(uint32_t k, uint32_t index)
{
	return k <= CAPTURE_FILTER_SHALLOW && k + index + LOAD_MAX <= CAPTURE_FILTER_SHALLOW;
}

// Whether the instruction cannot look behind the first bytes, and keeps the index small.
static bool is_insn_shallow(const struct bpf_insn *insn)
{
	switch (BPF_CLASS(insn->code)) {
	case BPF_LD:
		if (BPF_MODE(insn->code) == BPF_ABS)
			return is_near(insn->k, 0);
		return BPF_MODE(insn->code) != BPF_IND || is_near(insn->k, INDEX_MAX);
	case BPF_LDX:
		if (BPF_MODE(insn->code) == BPF_MSH)
			return is_near(insn->k, 0);
		return BPF_MODE(insn->code) == BPF_IMM && insn->k <= INDEX_MAX;
	case BPF_MISC:
		return BPF_MISCOP(insn->code) != BPF_TAX;
	default:
		return true;
	}
}

// libpcap has seen that conditional jumps stay inside; they are forward by their type.
static bool is_jump_forward(const struct bpf_insn *insn, unsigned at, unsigned count)
{
	return BPF_CLASS(insn->code) != BPF_JMP || BPF_OP(insn->code) != BPF_JA ||
	       insn->k < count - at;
}

// The codes that the interpreter knows. Anything else ends the process there.
static bool is_code_known(uint16_t code)
{
	switch (code) {
	case BPF_RET | BPF_K:
	case BPF_RET | BPF_A:
	case BPF_LD | BPF_W | BPF_ABS:
	case BPF_LD | BPF_H | BPF_ABS:
	case BPF_LD | BPF_B | BPF_ABS:
	case BPF_LD | BPF_W | BPF_IND:
	case BPF_LD | BPF_H | BPF_IND:
	case BPF_LD | BPF_B | BPF_IND:
	case BPF_LD | BPF_W | BPF_LEN:
	case BPF_LDX | BPF_W | BPF_LEN:
	case BPF_LDX | BPF_MSH | BPF_B:
	case BPF_LD | BPF_IMM:
	case BPF_LDX | BPF_IMM:
	case BPF_LD | BPF_MEM:
	case BPF_LDX | BPF_MEM:
	case BPF_ST:
	case BPF_STX:
	case BPF_JMP | BPF_JA:
	case BPF_ALU | BPF_NEG:
	case BPF_MISC | BPF_TAX:
	case BPF_MISC | BPF_TXA:
		return true;
	}
	switch (code & ~BPF_X) {
	case BPF_JMP | BPF_JGT:
	case BPF_JMP | BPF_JGE:
	case BPF_JMP | BPF_JEQ:
	case BPF_JMP | BPF_JSET:
	case BPF_ALU | BPF_ADD:
	case BPF_ALU | BPF_SUB:
	case BPF_ALU | BPF_MUL:
	case BPF_ALU | BPF_DIV:
	case BPF_ALU | BPF_MOD:
	case BPF_ALU | BPF_AND:
	case BPF_ALU | BPF_OR:
	case BPF_ALU | BPF_XOR:
	case BPF_ALU | BPF_LSH:
	case BPF_ALU | BPF_RSH:
		return true;
	}
	return false;
}

static void decode(struct capture_filter *filter, const uint8_t *program)
{
	filter->shallow = true;
	for (unsigned i = 0; i < filter->count; i++) {
		const uint8_t *at = program + (size_t)i * CAPTURE_FILTER_INSN;

		filter->insns[i] = (struct bpf_insn){
			.code = load_be16(at),
			.jt = at[2],
			.jf = at[3],
			.k = load_be32(at + 4),
		};
		filter->shallow = filter->shallow && is_insn_shallow(&filter->insns[i]);
	}
}

static bool is_valid(const struct capture_filter *filter)
{
	for (unsigned i = 0; i < filter->count; i++) {
		if (!is_code_known(filter->insns[i].code) ||
		    !is_jump_forward(&filter->insns[i], i, filter->count))
			return false;
	}
	return bpf_validate(filter->insns, (int)filter->count);
}

int capture_filter_new(const uint8_t *program, size_t len, struct capture_filter **ret,
                       struct fail *fail)
{
	size_t count = len / CAPTURE_FILTER_INSN;
	struct capture_filter *filter;

	if (len % CAPTURE_FILTER_INSN || !count)
		return fail_set(fail, -EINVAL, "the filter is no BPF program: it has %zu bytes",
		                len);
	if (count > CAPTURE_FILTER_INSNS)
		return fail_set(fail, -E2BIG, "the filter has %zu instructions, %d at most", count,
		                CAPTURE_FILTER_INSNS);
	filter = malloc(sizeof(*filter) + count * sizeof(filter->insns[0]));
	if (!filter)
		return fail_set(fail, -ENOMEM, "out of memory for the filter");
	filter->count = (unsigned)count;
	decode(filter, program);
	if (!is_valid(filter)) {
		free(filter);
		fail_set(fail, -EINVAL, "the filter is no BPF program that can be run");
		fail_hint(fail, "protochain needs loops, which are not run here");
		return -EINVAL;
	}
	*ret = filter;
	return 0;
}

void capture_filter_free(struct capture_filter *filter)
{
	free(filter);
}

bool capture_filter_is_shallow(const struct capture_filter *filter)
{
	return !filter || filter->shallow;
}

bool capture_filter_wants(const struct capture_filter *filter, const uint8_t *frame, uint32_t len,
                          uint32_t wire_len)
{
	return !filter || bpf_filter(filter->insns, frame, wire_len, len) != 0;
}
