// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"clearway/internal/testkit"
)

func TestMSSRuleChoice(t *testing.T) {
	rng := testkit.Rand(t)
	for round := range 500 {
		rules := randomRules(rng, rng.IntN(12))
		classes := randomClasses(rng, rng.IntN(10))
		lists, err := newRuleLists(rules, uint32(rng.IntN(2))*64)
		if err != nil {
			t.Fatal(err)
		}
		entries := composeAll(classes, lists)
		for range 100 {
			source, destination, egress := randomAddr(rng), randomAddr(rng), 1+rng.IntN(4)
			if source.BitLen() != destination.BitLen() {
				continue
			}
			got := walkRules(lists, longestEntry(entries, source), longestEntry(entries, destination), egress)
			if want := obviousMSS(rules, source, destination, egress); got != want {
				t.Fatalf("round %d: %v to %v by %d: MSS %d, want %d, of %+v", round, source, destination, egress, got, want, rules)
			}
		}
	}
}

// obviousMSS is the sentence of the design: a rule matches if its prefix (if any)
// contains source or destination and its egress (if any) is the L3 egress
// interface. Of the matching rules: longest prefix, then with egress before
// without, then the lower value.
func obviousMSS(rules []MSSRule, source, destination netip.Addr, egress int) uint16 {
	var best *MSSRule
	for _, r := range rules {
		if r.Prefix.IsValid() && !r.Prefix.Contains(source) && !r.Prefix.Contains(destination) {
			continue
		}
		if r.Egress != 0 && r.Egress != egress {
			continue
		}
		if best == nil || beats(r, *best) {
			best = &r
		}
	}
	if best == nil {
		return 0
	}
	return best.MSS
}

func beats(a, b MSSRule) bool {
	if a.Prefix.IsValid() != b.Prefix.IsValid() {
		return a.Prefix.IsValid()
	}
	if a.Prefix.IsValid() && a.Prefix.Bits() != b.Prefix.Bits() {
		return a.Prefix.Bits() > b.Prefix.Bits()
	}
	if (a.Egress != 0) != (b.Egress != 0) {
		return a.Egress != 0
	}
	return a.MSS < b.MSS
}

// walkRules is bpf/mss_rule.h over the lists.
func walkRules(lists *ruleLists, source, destination uint32, egress int) uint16 {
	s, d := walkList(lists, source, egress), walkList(lists, destination, egress)
	switch {
	case s == nil && d == nil:
		return 0
	case s == nil:
		return d.Mss
	case d == nil:
		return s.Mss
	case s.Bits != d.Bits:
		if s.Bits > d.Bits {
			return s.Mss
		}
		return d.Mss
	case (s.Egress == 0) != (d.Egress == 0):
		if s.Egress != 0 {
			return s.Mss
		}
		return d.Mss
	default:
		return min(s.Mss, d.Mss)
	}
}

func walkList(lists *ruleLists, word uint32, egress int) *pipelineMssRule {
	index := word >> classIndexShift
	for range MaxMSSRules {
		if index == 0 {
			return nil
		}
		rule := &lists.nodes[index-lists.base-1]
		if rule.Egress == 0 || rule.Egress == uint32(egress) {
			return rule
		}
		index = rule.Next
	}
	return nil
}

func randomRules(rng *rand.Rand, n int) []MSSRule {
	var rules []MSSRule
	for range n {
		r := MSSRule{MSS: uint16(1000 + rng.IntN(5))}
		if rng.IntN(4) > 0 {
			r.Prefix = randomPrefix(rng)
		}
		if rng.IntN(2) > 0 {
			r.Egress = 1 + rng.IntN(4)
		}
		rules = append(rules, r)
	}
	return rules
}

// The walker takes so many steps and no more: a list as long is whole, a longer
// one is refused rather than cut.
func TestMSSListOfMostSteps(t *testing.T) {
	var rules []MSSRule
	for i := range MaxMSSRules {
		prefix := netip.PrefixFrom(netip.MustParseAddr("10.0.0.0"), 8+i/2)
		rules = append(rules, MSSRule{Prefix: prefix, Egress: 10 + i, MSS: uint16(1000 + i)})
	}
	lists, err := newRuleLists(rules, 0)
	if err != nil {
		t.Fatal(err)
	}
	entries := composeAll(nil, lists)
	for i, r := range rules {
		inside, outside := longestEntry(entries, netip.MustParseAddr("10.0.0.1")), uint32(0)
		if got := walkRules(lists, inside, outside, r.Egress); got != rules[i].MSS {
			t.Errorf("rule %d of %d: MSS %d, want %d", i, len(rules), got, r.MSS)
		}
	}
	if _, err = newRuleLists(append(rules, MSSRule{MSS: 900}), 0); err == nil || !strings.Contains(err.Error(), fmt.Sprint(MaxMSSRules)) {
		t.Errorf("one more is not refused with the number: %v", err)
	}
}
