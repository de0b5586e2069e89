// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"hash/fnv"
	"net/netip"
	"slices"

	"clearway/dataplane"
	"clearway/internal/config"
	"clearway/internal/health"
	"clearway/internal/netstate"
)

// Addresses returns the addresses whose next hops Build and Checks need: those
// of backends, and of services with a health check. Of several configurations it
// returns all, so that the one in use is followed while another is looked at; nil
// ones have none.
func Addresses(configs ...*config.Config) []netip.Addr {
	var all []netip.Addr
	for _, c := range configs {
		if c == nil {
			continue
		}
		for _, s := range c.Balance.Services {
			if s.Health != nil {
				all = append(all, s.Address)
			}
			for _, b := range s.Backends {
				all = append(all, b.Address)
			}
		}
	}
	return all
}

// Checks returns the health checks of a configuration, in its order.
//
// A probe should come to a backend as packets do: it is sent to the service's
// address, and its mark tells the prober which target to take it to. devices are
// the L3 interfaces by which probes leave, and where the prober catches them.
//
// Where that can't be, the probe goes to the backend's own address: there is no
// prober, or no Ethernet device that leads to the service's address, or that is
// one of this machine's, so that Linux takes no answer from it. Build warns of
// these. Likewise where the backend has no way that probes could take: left to
// themselves, they would reach whatever else answers at the service's address.
func Checks(c *config.Config, hops map[netip.Addr]netstate.NextHop, prober bool) (
	checks []health.Check, targets map[uint32]dataplane.ProbeTarget, devices []int) {
	targets = make(map[uint32]dataplane.ProbeTarget)
	used := make(map[uint32]bool)
	for _, s := range c.Balance.Services {
		if s.Health == nil {
			continue
		}
		leave := hops[s.Address]
		steered := prober && leave.Ethernet
		if steered && !slices.Contains(devices, leave.Egress) {
			devices = append(devices, leave.Egress)
		}
		for _, b := range s.Backends {
			check, way := checkOf(s, b), hops[b.Address]
			if steered && way.Ethernet && way.Source.IsValid() {
				check.Mark = markOf(check.Key, used)
				targets[check.Mark] = dataplane.ProbeTarget{
					Mode: s.Mode, Address: b.Address, Source: way.Source, GUEPort: c.Balance.GUEPort, Egress: way.Egress,
				}
			} else {
				check.Target = netip.AddrPortFrom(b.Address, s.Health.Port)
				check.Host = cmp.Or(check.Host, s.Address.String())
			}
			checks = append(checks, check)
		}
	}
	slices.Sort(devices)
	return checks, targets, devices
}

// checkOf is the check of a backend that is probed at the service's address.
func checkOf(s config.Service, b config.Backend) health.Check {
	return health.Check{
		Key:      health.Key{Service: s.Name, Address: b.Address},
		Type:     s.Health.Type,
		Target:   netip.AddrPortFrom(s.Address, s.Health.Port),
		Path:     s.Health.Path,
		Host:     s.Health.Host,
		Interval: s.Health.Interval,
		Timeout:  s.Health.Timeout,
		Grace:    s.DownGrace,
		Rise:     s.Health.Rise,
		Fall:     s.Health.Fall,
	}
}

// probeMark are the bits that tell the mark of a probe from others. The other 30
// are its number.
const probeMark = 0xc0000000

// markOf gives a check a mark of its own, made of what it is of: so it stays when
// other checks come and go, and no probe under way gets to another backend.
func markOf(k health.Key, used map[uint32]bool) uint32 {
	h := fnv.New32a()
	h.Write([]byte(k.Service))
	h.Write([]byte{0})
	h.Write(k.Address.AsSlice())
	mark := probeMark | h.Sum32()
	for used[mark] {
		mark = probeMark | (mark + 1)
	}
	used[mark] = true
	return mark
}

// warnChecks warns of what a service's health checks don't see.
func (b *builder) warnChecks(s config.Service, in Input) {
	hop := in.NextHops[s.Address]
	const straight = "so that health checks go straight to the backends' own addresses, and don't see whether packets get there; "
	switch {
	case s.Health == nil:
	case in.DirectChecks:
		b.warn(placeOf(s.Name), "this kernel can't send health checks as packets are, "+straight+"Linux 6.6 can")
	case hop.Local:
		b.warn(placeOf(s.Name), "its address is one of this machine's, and Linux takes no answers from its own, "+straight+
			"take the address off this machine, which doesn't need it to balance")
	case hop.Unreachable:
		b.warn(placeOf(s.Name), "there is no route to its address, "+straight+"add one, a default route will do")
	case hop.Egress != 0 && !hop.Ethernet:
		b.warn(placeOf(s.Name), "the route to its address leaves by no Ethernet device, "+straight+"give it one that does")
	}
}
