// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"strings"
	"testing"
)

func TestRuleset(t *testing.T) {
	for _, first := range []bool{true, false} {
		rules := ruleset(first)
		if n := strings.Count(rules, " drop\n"); n != firewallRules {
			t.Errorf("%d rules, want %d", n, firewallRules)
		}
		before := strings.Index(rules, "ct state") < strings.Index(rules, " drop\n")
		if strings.Count(rules, "ct state") != 1 || before != first {
			t.Errorf("connection tracking first: want %v:\n%s", first, rules)
		}
	}
}

func TestReceivedBy(t *testing.T) {
	const text = `Inter-|   Receive                            |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes
    lo:       1       2    0    0    0     0          0         0  3
  s0:123456     789    0    0    0     0          0         0  3
`
	if n, err := receivedBy([]byte(text), "s0"); n != 789 || err != nil {
		t.Errorf("%d, %v; want 789", n, err)
	}
	if _, err := receivedBy([]byte(text), "s1"); err == nil {
		t.Error("a device that isn't there has counters")
	}
}
