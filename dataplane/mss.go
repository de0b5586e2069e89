// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
)

// mssRuleSteps is MSS_RULE_STEPS in bpf/mss_rule.h: the longest list.
const mssRuleSteps = 32

// ruleLists lays out MSS rules as the lists that bpf/mss_rule.h walks: one a
// prefix that has rules, which runs on into that of the prefix around it.
//
// The map holds two sets of lists. A change writes the set that is not in use,
// and the prefix table then moves over to it word by word, so that a packet
// always sees lists of one set.
type ruleLists struct {
	own   map[netip.Prefix][]MSSRule // best first
	base  uint32                     // of this set: rule numbers start above it
	nodes []pipelineMssRule          // rule base+1+i
	steps map[uint32]int             // length of the list that starts at a rule
	err   error
}

func newRuleLists(rules []MSSRule, base uint32) *ruleLists {
	r := &ruleLists{own: map[netip.Prefix][]MSSRule{}, base: base, steps: map[uint32]int{}}
	for _, rule := range rules {
		places := []netip.Prefix{rule.Prefix}
		if !rule.Prefix.IsValid() {
			places = everything
		}
		for _, p := range places {
			r.own[p] = append(r.own[p], rule)
		}
	}
	for _, list := range r.own {
		slices.SortFunc(list, func(a, b MSSRule) int {
			return cmp.Or(cmp.Compare(ruleBits(b), ruleBits(a)), cmp.Compare(min(1, b.Egress), min(1, a.Egress)),
				cmp.Compare(a.MSS, b.MSS), cmp.Compare(a.Egress, b.Egress))
		})
	}
	return r
}

// ruleBits orders rules by prefix; one without comes after 0.0.0.0/0.
func ruleBits(r MSSRule) uint16 {
	if !r.Prefix.IsValid() {
		return 0
	}
	return uint16(r.Prefix.Bits()) + 1
}

// headAt returns where the list of p starts; outer is the table entry around p.
// It is to be called once a prefix, in nesting order.
func (r *ruleLists) headAt(p netip.Prefix, outer uint32) uint32 {
	next := outer >> classMSSShift
	list := r.own[p]
	steps := r.steps[next] + len(list)
	if steps > mssRuleSteps && r.err == nil {
		r.err = fmt.Errorf("mss-clamp: %d rules apply to addresses in %v, at most %d can", steps, p, mssRuleSteps)
	}
	for i := len(list) - 1; i >= 0; i-- {
		r.nodes = append(r.nodes, pipelineMssRule{Egress: uint32(list[i].Egress),
			Mss: list[i].MSS, Bits: ruleBits(list[i]), Next: next})
		next = r.base + uint32(len(r.nodes))
		r.steps[next] = r.steps[r.nodes[len(r.nodes)-1].Next] + 1
	}
	return next
}

// count is how many rules the lists take together.
func (r *ruleLists) count() int {
	n := 0
	for _, list := range r.own {
		n += len(list)
	}
	return n
}
