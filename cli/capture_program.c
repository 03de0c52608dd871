// SPDX-License-Identifier: BSD-3-Clause
//
// capture_program: compiled here, where names of hosts and services may be looked up and nothing waits; the
// datapath only runs the result.

#include "cli/capture_program.h"

#include "base/bytes.h"
#include "base/fail.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdlib.h>

enum { SNAP = 262144, INSN = 8, OPTIMISE = 1 };

static int pack(const struct bpf_program *program, uint8_t **ret, size_t *ret_len,
                struct fail *fail)
{
	uint8_t *bytes = malloc((size_t)program->bf_len * INSN + 1);

	if (!bytes)
		return fail_set(fail, -ENOMEM, "out of memory for the filter");
	for (size_t i = 0; i < program->bf_len; i++) {
		const struct bpf_insn *insn = &program->bf_insns[i];

		store_be16(bytes + i * INSN, insn->code);
		bytes[i * INSN + 2] = insn->jt;
		bytes[i * INSN + 3] = insn->jf;
		store_be32(bytes + i * INSN + 4, insn->k);
	}
	*ret = bytes;
	*ret_len = (size_t)program->bf_len * INSN;
	return 0;
}

int capture_program_compile(const char *filter, uint8_t **ret, size_t *ret_len, struct fail *fail)
{
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, SNAP);
	struct bpf_program program;
	int error;

	if (!pcap)
		return fail_set(fail, -ENOMEM, "out of memory for the filter");
	if (pcap_compile(pcap, &program, filter, OPTIMISE, PCAP_NETMASK_UNKNOWN) < 0) {
		error = fail_set(fail, -EINVAL, "filter '%s': %s", filter, pcap_geterr(pcap));
		fail_hint(fail, "man pcap-filter tells the words");
	} else {
		error = pack(&program, ret, ret_len, fail);
		pcap_freecode(&program);
	}
	pcap_close(pcap);
	return error;
}
