// SPDX-License-Identifier: Apache-2.0

package config

import (
	"net/netip"

	"clearway/dataplane"
)

// backends checks those of the service s, which is known but for its health.
func (v *validator) backends(path string, c rawService, s Service) []Backend {
	const most = dataplane.MaxServiceBackends
	if n := len(c.backends); n > most {
		v.errorf(c.backends[most].place, "%d backends; a service has at most %d: spread them over several services", n, most)
		return nil
	}
	out := make([]Backend, 0, len(c.backends))
	first := make(map[netip.Addr]int, len(c.backends)) // → line
	for _, b := range c.backends {
		weight := v.number(path+".weight", b.weight, 1, 0, 65535)
		if b.address == nil {
			continue
		}
		a, ok := v.address(path+".address", *b.address)
		if !ok || !v.reachable(path+".address", item[netip.Addr]{b.address.place, a}, s) {
			continue
		}
		if line, twice := first[a]; twice {
			v.errorf(b.address.place, "the service has backend %s on line %d already; give it more weight instead", a, line)
			continue
		}
		first[a] = b.address.line
		out = append(out, Backend{Address: a, Weight: uint16(weight)})
	}
	return out
}

// reachable tells whether a backend can get packets of the service.
func (v *validator) reachable(path string, backend item[netip.Addr], s Service) bool {
	switch a := backend.value; {
	case a == s.Address:
		v.errorf(backend.place, "%s %s is the service's own; write the address by which the machine itself is reached", path, a)
	case s.Mode == dataplane.L2 && s.Address.IsValid() && a.Is4() != s.Address.Is4():
		v.errorf(backend.place, "%s %s is not of the service's family, as mode l2 needs; take mode ipip or gue", path, a)
	default:
		return true
	}
	return false
}
