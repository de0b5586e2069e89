// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"fmt"
	"strings"
	"sync"

	"github.com/cilium/ebpf/btf"
)

// Reason says why a frame left the pipeline. Its text is the enumerator of
// enum reason in bpf/abi.h, which metrics and commands print as well.
type Reason uint32

// The reasons that Go code asks for by name; Reasons lists all of them.
const (
	Forward      = Reason(pipelineReasonForward)
	Balanced     = Reason(pipelineReasonBalance)
	Punted       = Reason(pipelineReasonPunt)
	PassNoSocket = Reason(pipelineReasonPassNoSocket)
	PassNoMatch  = Reason(pipelineReasonPassNoMatch)
)

// reasonNames reads the enumerators from the object's own type information.
var reasonNames = sync.OnceValue(func() []string {
	spec, err := loadPipeline()
	if err != nil {
		panic(fmt.Sprintf("embedded object: %v", err)) // it is part of the binary
	}
	var enum *btf.Enum
	if err := spec.Types.TypeByName("reason", &enum); err != nil {
		panic(fmt.Sprintf("embedded object: %v", err))
	}
	names := make([]string, pipelineReasonREASONS)
	for _, v := range enum.Values {
		if v.Value < uint64(len(names)) {
			names[v.Value] = v.Name
		}
	}
	return names
})

// Reasons lists every reason, in the order in which the pipeline comes to them.
func Reasons() []Reason {
	all := make([]Reason, pipelineReasonREASONS)
	for i := range all {
		all[i] = Reason(i)
	}
	return all
}

// ParseReason finds a reason by its text.
func ParseReason(name string) (Reason, bool) {
	for i, n := range reasonNames() {
		if n == name {
			return Reason(i), true
		}
	}
	return 0, false
}

func (r Reason) String() string {
	if names := reasonNames(); int(r) < len(names) {
		return names[r]
	}
	return fmt.Sprintf("reason_%d", uint32(r))
}

// Verdict is what the reason means for the frame: "pass", "drop" or "redirect",
// which is to be sent on, be it by the port that it came in by, or to go to a socket.
func (r Reason) Verdict() string {
	switch {
	case r == Forward || r == Balanced || r == Punted:
		return "redirect"
	case strings.HasPrefix(r.String(), "drop_"):
		return "drop"
	default:
		return "pass"
	}
}
