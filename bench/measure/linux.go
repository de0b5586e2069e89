// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// firewallRules is how many rules contender (d) has.
const firewallRules = 100

// ruleset is a forward chain with connection tracking and rules that match none
// of the traffic. acceptFirst puts the rule for known and new connections before
// them, as careful operators do, and so is the peer at its best; otherwise every
// packet walks all rules. One-way UDP never becomes established: so "new" is
// accepted with it, or the order would make no difference.
func ruleset(acceptFirst bool) string {
	accept := "ct state new,established accept\n"
	var b strings.Builder
	b.WriteString("table ip bench {\nchain forward {\ntype filter hook forward priority filter; policy drop;\n")
	if acceptFirst {
		b.WriteString(accept)
	}
	for i := range firewallRules {
		fmt.Fprintf(&b, "ip saddr 172.16.%d.0/24 tcp dport %d drop\n", i, 1000+i)
	}
	if !acceptFirst {
		b.WriteString(accept)
	}
	b.WriteString("}\n}\n")
	return b.String()
}

// addFirewall loads a ruleset into the lab's router.
func addFirewall(ctx context.Context, l *lab, rules string) error {
	cmd := exec.CommandContext(ctx, "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(rules)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	err := l.Host(routerHost).Start(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return fmt.Errorf("adding firewall rules (is the package nftables installed?): %w: %s", err, out.String())
	}
	return nil
}
