// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"fmt"
	"net/netip"
)

// balanceNotes are what the numbers in a trace stand for.
type balanceNotes struct {
	service string
	backend netip.Addr
	size    uint32 // slots of the service's table
}

// balanceNotes reads them from the tables that the trace was made with. What is
// gone by now stays empty.
func (t *twin) balanceNotes(trace pipelineTrace) balanceNotes {
	var b balanceNotes
	var note pipelineServiceNote
	var service pipelineService
	if trace.Service == 0 || t.coll.Maps["service_notes"].Lookup(trace.Service, &note) != nil ||
		t.coll.Maps["services"].Lookup(trace.Service, &service) != nil {
		return b
	}
	b.service, b.size = noted(service, note).Name, service.Size
	var backend pipelineBackend
	if trace.Backend == 0 || t.coll.Maps["backends"].Lookup(service.First+trace.Backend, &backend) != nil {
		return b
	}
	b.backend = wireAddr(backend.Address, backend.Flags&uint16(pipelineBackendBitBACKEND_IPV6) != 0)
	return b
}

// choiceTexts tell of enum choice in bpf/abi.h.
var choiceTexts = map[uint32]string{
	uint32(pipelineChoiceCHOICE_SETTLED):  "the slot is settled",
	uint32(pipelineChoiceCHOICE_RECORD):   "the flow has a record",
	uint32(pipelineChoiceCHOICE_CUR):      "the slot's present owner",
	uint32(pipelineChoiceCHOICE_BASE):     "owner of the slot's flows without a record",
	uint32(pipelineChoiceCHOICE_NEW_CUR):  "a new flow, which would be recorded",
	uint32(pipelineChoiceCHOICE_NEW_BASE): "a flow of before the slot moved, which would be recorded",
	uint32(pipelineChoiceCHOICE_FULL):     "no room for a record",
}

// balanceText is empty for packets that are for no service.
func balanceText(t pipelineTrace, b balanceNotes) string {
	if t.Service == 0 {
		return ""
	}
	text := fmt.Sprintf("(service %s", b.service)
	switch {
	case t.Choice == uint32(pipelineChoiceCHOICE_NONE):
	case t.Backend == 0:
		text += fmt.Sprintf(", slot %d of %d: it has no owner", t.Slot, b.size)
	default:
		text += fmt.Sprintf(", slot %d of %d: %s, backend %v", t.Slot, b.size, choiceTexts[t.Choice], b.backend)
	}
	if t.Fib >= 0 {
		text += ", next hop from the FIB: " + fibAnswer(t.Fib)
	}
	if t.BackendMtu != 0 {
		text += fmt.Sprintf(", MTU for it %d", t.BackendMtu)
	}
	return text + ")"
}
