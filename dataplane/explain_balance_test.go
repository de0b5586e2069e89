// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"net/netip"
	"testing"
)

// TestBalanceText: what an explanation says about the choice of a backend.
func TestBalanceText(t *testing.T) {
	notes := balanceNotes{service: "web", backend: netip.MustParseAddr("10.99.0.4"), size: 251}
	for _, row := range []struct {
		name  string
		trace pipelineTrace
		notes balanceNotes
		want  string
	}{
		{"for no service", pipelineTrace{}, balanceNotes{}, ""},
		{"dropped before", pipelineTrace{Service: 1, Fib: -1}, balanceNotes{service: "web"}, "(service web)"},
		{"settled", pipelineTrace{Service: 1, Fib: -1, Slot: 7, Choice: uint32(pipelineChoiceCHOICE_SETTLED), Backend: 2}, notes,
			"(service web, slot 7 of 251: the slot is settled, backend 10.99.0.4)"},
		{"asked and measured", pipelineTrace{Service: 1, Slot: 7, Choice: uint32(pipelineChoiceCHOICE_RECORD), Backend: 2, BackendMtu: 1480}, notes,
			"(service web, slot 7 of 251: the flow has a record, backend 10.99.0.4, next hop from the FIB: success, MTU for it 1480)"},
		{"nobody's slot", pipelineTrace{Service: 1, Fib: -1, Slot: 7, Choice: uint32(pipelineChoiceCHOICE_SETTLED)}, balanceNotes{service: "web", size: 251},
			"(service web, slot 7 of 251: it has no owner)"},
	} {
		if got := balanceText(row.trace, row.notes); got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}
