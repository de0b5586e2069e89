// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"fmt"
	"strings"
)

// stageOrder names enum stage of bpf/abi.h.
var stageOrder = []string{"parse", "own", "punt", "balance", "admit", "route", "finalize"}

// stageTexts tells what each stage found, up to the one that decided. A packet
// for a service goes past admit and route.
func stageTexts(t pipelineTrace, b balanceNotes) []Stage {
	var stages []Stage
	for i, name := range stageOrder {
		if t.Service != 0 && (name == "admit" || name == "route") {
			continue
		}
		if uint32(i) >= t.Stage {
			return append(stages, Stage{name, strings.TrimSpace(Reason(t.Reason).String() + " " + detail(name, t, b))})
		}
		stages = append(stages, Stage{name, strings.TrimSpace("ok " + detail(name, t, b))})
	}
	return stages
}

func detail(stage string, t pipelineTrace, b balanceNotes) string {
	switch stage {
	case "punt":
		return puntText(t)
	case "balance":
		return balanceText(t, b)
	case "own":
		if t.L3 != 0 {
			return fmt.Sprintf("(L3 interface %d)", t.L3)
		}
	case "admit":
		return fmt.Sprintf("(source: %s; destination: %s)", classText(t.Source), classText(t.Destination))
	case "route":
		return routeText(t)
	case "finalize":
		text := fmt.Sprintf("(to %s from %s", MAC(t.Dmac), MAC(t.Smac))
		if t.Mss != 0 {
			text += fmt.Sprintf(", MSS at most %d", t.Mss)
		}
		return text + ")"
	}
	return ""
}

// puntText tells of queue 0, by which Explain's frames come in; it is empty for
// packets of no rule.
func puntText(t pipelineTrace) string {
	switch Reason(t.Reason) {
	case Punted:
		return "(a punt rule; queue 0 has a socket)"
	case PassNoSocket:
		return "(a punt rule; queue 0 has no socket)"
	default:
		return ""
	}
}

// fibAnswers are the names of the helper's answers, BPF_FIB_LKUP_RET_…
var fibAnswers = []string{"success", "blackhole", "unreachable", "prohibit", "not forwarded",
	"forwarding disabled", "unsupported tunnel", "no neighbour", "fragmentation needed"}

func routeText(t pipelineTrace) string {
	var parts []string
	if t.Rpf >= 0 {
		parts = append(parts, "reverse path: "+fibAnswer(t.Rpf))
	}
	if t.Fib >= 0 {
		parts = append(parts, "FIB: "+fibAnswer(t.Fib))
	}
	if t.Fib == 0 {
		parts = append(parts, fmt.Sprintf("egress %d", t.Egress))
	}
	if len(parts) == 0 {
		return ""
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

func fibAnswer(n int32) string {
	if int(n) < len(fibAnswers) {
		return fibAnswers[n]
	}
	return fmt.Sprintf("answer %d", n)
}

var classNames = []struct {
	bit  Class
	name string
}{{Allow, "allow"}, {Block, "block"}, {Local, "local"}, {NotSource, "not a source"},
	{NotDestination, "not a destination"}, {Exception, "exception"}}

func classText(word uint32) string {
	var names []string
	for _, c := range classNames {
		if Class(word)&c.bit != 0 {
			names = append(names, c.name)
		}
	}
	if len(names) == 0 {
		return "in no list"
	}
	return strings.Join(names, " and ")
}
