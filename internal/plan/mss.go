// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"

	"clearway/dataplane"
)

// mssRules plans the MSS rules whose egress exists.
func (b *builder) mssRules() []dataplane.MSSRule {
	var rules []dataplane.MSSRule
	for _, clamp := range b.config.Forward.MSSClamp {
		rule := dataplane.MSSRule{Prefix: clamp.Prefix, MSS: clamp.MSS}
		if clamp.Egress != "" {
			egress := b.links[clamp.Egress]
			if egress == nil {
				b.warn("mss-clamp", fmt.Sprintf("egress %s doesn't exist; its rule (mss %d) is left out until it appears",
					clamp.Egress, clamp.MSS))
				continue
			}
			rule.Egress = egress.Index
		}
		rules = append(rules, rule)
	}
	return rules
}
