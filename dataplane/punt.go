// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"fmt"
	"net/netip"
)

// PuntRule says which packets go to the sockets of programs in user space: see
// [Dataplane.RegisterSocket]. Where the port and queue that a packet came in by has
// none, Linux gets it. Fragments, and ICMP errors about such packets, go on as if
// there were no rule. A rule of one port is stronger than a service of any.
//
// Neither two rules of one State, nor a rule and a service, have address, protocol
// and port in common; a rule of any port has all that services can name.
type PuntRule struct {
	Name     string // 1 to 63 bytes
	Protocol Protocol
	Address  netip.Addr
	Port     uint16 // 0: any
}

func (r PuntRule) claim() claim { return claim{r.Address, r.Protocol, r.Port} }

// checkPunt refuses rules that can't be told apart from each other or from
// services. Services are right by themselves.
func (s State) checkPunt() error {
	names, claims := map[string]bool{}, map[claim]string{}
	anyPort := map[claim]string{} // rules of any port
	for _, r := range s.Punt {
		if err := checkTenant(r.Name, r.Address, r.Protocol); err != nil {
			return fmt.Errorf("punt rule %q: %w", r.Name, err)
		}
		if names[r.Name] {
			return fmt.Errorf("punt rule %s: there are two of this name", r.Name)
		}
		if other, taken := claims[r.claim()]; taken {
			return fmt.Errorf("punt rule %s: %v is that of punt rule %s already", r.Name, r.claim(), other)
		}
		names[r.Name], claims[r.claim()] = true, r.Name
		if r.Port == 0 {
			anyPort[r.claim()] = r.Name
		}
	}
	for i := range s.Services {
		for _, c := range s.Services[i].claims() {
			if rule, taken := claims[c]; taken {
				return fmt.Errorf("punt rule %s: %v is that of service %s already", rule, c, s.Services[i].Name)
			}
			all := claim{c.address, c.protocol, 0}
			if rule, taken := anyPort[all]; taken {
				return fmt.Errorf("punt rule %s: it takes %v, of which port %d is that of service %s: name the ports of the rule",
					rule, all, c.port, s.Services[i].Name)
			}
		}
	}
	return nil
}
