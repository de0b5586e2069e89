// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
)

// MaxMSSRules is how many MSS rules can apply to one address, whatever their
// egress: MSS_RULE_STEPS in bpf/mss_rule.h.
const MaxMSSRules = 32

// ruleLists lays out MSS rules as the lists that bpf/mss_rule.h walks: one a
// prefix that has rules, which runs on into that of the prefix around it.
//
// The map holds two sets of lists. A change writes the set that is not in use,
// and the prefix table then moves over to it word by word, so that a packet
// always sees lists of one set.
type ruleLists struct {
	base  uint32                  // of this set: rule numbers start above it
	nodes []pipelineMssRule       // rule base+1+i
	heads map[netip.Prefix]uint32 // the rule that the list of a prefix starts with
}

func newRuleLists(rules []MSSRule, base uint32) (*ruleLists, error) {
	own := map[netip.Prefix][]MSSRule{}
	for _, rule := range rules {
		for _, p := range rulePlaces(rule) {
			own[p] = append(own[p], rule)
		}
	}
	r := &ruleLists{base: base, heads: map[netip.Prefix]uint32{}}
	steps := map[uint32]int{} // length of the list that starts with a rule
	var around []netip.Prefix // the prefixes that contain the present one, outermost first
	for _, p := range nestingOrder(slices.Collect(maps.Keys(own))) {
		for len(around) > 0 && !contains(around[len(around)-1], p) {
			around = around[:len(around)-1]
		}
		var next uint32
		if len(around) > 0 {
			next = r.heads[around[len(around)-1]]
		}
		r.heads[p] = r.addList(own[p], next)
		steps[r.heads[p]] = steps[next] + len(own[p])
		if n := steps[r.heads[p]]; n > MaxMSSRules {
			return nil, fmt.Errorf("mss-clamp: %d rules apply to addresses in %v, at most %d can", n, p, MaxMSSRules)
		}
		around = append(around, p)
	}
	return r, nil
}

// rulePlaces are the prefixes that a rule applies to.
func rulePlaces(r MSSRule) []netip.Prefix {
	if r.Prefix.IsValid() {
		return []netip.Prefix{r.Prefix}
	}
	return everything
}

// addList adds the rules of one prefix in front of the list of the prefix around
// it, and returns where the list starts now.
func (r *ruleLists) addList(list []MSSRule, next uint32) uint32 {
	slices.SortFunc(list, func(a, b MSSRule) int { // worst first
		return cmp.Or(cmp.Compare(ruleBits(a), ruleBits(b)), cmp.Compare(min(1, a.Egress), min(1, b.Egress)),
			cmp.Compare(b.MSS, a.MSS), cmp.Compare(b.Egress, a.Egress))
	})
	for _, rule := range list {
		r.nodes = append(r.nodes, pipelineMssRule{Egress: uint32(rule.Egress), Mss: rule.MSS, Bits: ruleBits(rule), Next: next})
		next = r.base + uint32(len(r.nodes))
	}
	return next
}

// ruleBits orders rules by prefix; one without comes after 0.0.0.0/0.
func ruleBits(r MSSRule) uint16 {
	if !r.Prefix.IsValid() {
		return 0
	}
	return uint16(r.Prefix.Bits()) + 1
}

// head returns where the list of p starts; outer is the table entry around p.
func (r *ruleLists) head(p netip.Prefix, outer uint32) uint32 {
	if head, ok := r.heads[p]; ok {
		return head
	}
	return outer >> classIndexShift
}

// ruleCount is how many rules the lists take together.
func ruleCount(rules []MSSRule) (n int) {
	for _, r := range rules {
		n += len(rulePlaces(r))
	}
	return n
}

// at returns where the list starts of what applies to an address.
func (r *ruleLists) at(a netip.Addr) uint32 { return longest(r.heads, a, a.BitLen()) }
