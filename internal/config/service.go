// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"clearway/dataplane"
	"clearway/maglev"
)

// The defaults of a service that are no zero values. Settling lasts longer than
// most flows are ever silent.
const (
	defaultSettleTCP = 6 * time.Minute
	defaultSettleUDP = 30 * time.Second
	defaultDownGrace = 10 * time.Second
)

// service checks a service by itself, and whether others have its name and
// ports.
func (v *validator) service(c rawService, lines map[string]int, taken claims) Service {
	const path = "balance.services[]"
	s := Service{
		Name:      v.name(path+".name", "service", c.name, lines),
		Mode:      dataplane.ServiceMode(v.choice(path+".mode", c.mode, "ipip", "ipip", "gue", "l2")),
		Affinity:  dataplane.Affinity(v.choice(path+".affinity", c.affinity, "none", "none", "source")),
		Tracking:  dataplane.Tracking(v.choice(path+".tracking", c.tracking, "changed", "changed", "always", "never")),
		DownGrace: v.duration(path+".down-grace", c.downGrace, defaultDownGrace, 0, time.Hour),
		TableSize: v.tableSize(path+".table-size", c),
	}
	if c.address != nil {
		s.Address, _ = v.address(path+".address", *c.address)
	}
	settle := defaultSettleTCP
	if s.Protocol = v.protocol(path+".protocol", c.protocol); s.Protocol == dataplane.UDP {
		settle = defaultSettleUDP
	}
	s.Settle = v.duration(path+".settle", c.settle, settle, 0, 24*time.Hour)
	ports := v.ports(path+".ports", c.ports)
	if s.Address.IsValid() && s.Protocol != 0 {
		for _, port := range ports {
			v.claim(taken, "service", endpoint{s.Address, s.Protocol, port.value}, port.place)
		}
	}
	if c.ports != nil && !c.ports.value.any {
		s.Ports = bare(ports)
	}
	s.Health = v.health(path+".health", c, s)
	s.Backends = v.backends(path+".backends[]", c, s)
	return s
}

// ports returns those that are sound. Port 0 stands for any.
func (v *validator) ports(path string, given *item[rawPorts]) []item[uint16] {
	if given == nil {
		return nil
	}
	if given.value.any {
		return []item[uint16]{{place: given.place}}
	}
	list := given.value.list
	if len(list) > dataplane.MaxServicePorts {
		v.errorf(list[dataplane.MaxServicePorts].place, "%d ports; a service has at most %d: take any, or make several services of it",
			len(list), dataplane.MaxServicePorts)
		return nil
	}
	var out []item[uint16]
	first := map[int]int{} // → line
	for _, port := range list {
		if v.number(path+"[]", &port, 0, 1, 65535) == 0 {
			continue
		}
		if line, twice := first[port.value]; twice {
			v.errorf(port.place, "the service has port %d on line %d already", port.value, line)
			continue
		}
		first[port.value] = port.line
		out = append(out, item[uint16]{port.place, uint16(port.value)})
	}
	return out
}

// tableSize is a prime, so that the steps of each backend meet all slots.
func (v *validator) tableSize(path string, c rawService) int {
	before := v.errors
	size := v.number(path, c.tableSize, maglev.DefaultSize, maglev.Sizes()[0], dataplane.MaxTableSize)
	n := len(c.backends)
	switch {
	case v.errors > before:
	case !maglev.IsPrime(size):
		below, above := size-1, size+1 // the ends of the range are primes
		for ; !maglev.IsPrime(below); below-- {
		}
		for ; !maglev.IsPrime(above); above++ {
		}
		usual := strings.Join(strings.Fields(strings.Trim(fmt.Sprint(maglev.Sizes()), "[]")), ", ")
		v.errorf(c.tableSize.place, "%s must be a prime: %d and %d are the nearest to %d; usual are %s", path, below, above, size, usual)
	case n > dataplane.MaxServiceBackends: // no size would do
	case n > size:
		v.errorf(c.tablePlace(), "%s is %d, less than the %d backends; take %d", path, size, n, maglev.SizeFor(n))
	}
	return size
}

// tablePlace is where the size of the table is written, or would be.
func (c rawService) tablePlace() place {
	if c.tableSize != nil {
		return c.tableSize.place
	}
	return c.place
}

// oddities warns of what is sound, but rarely meant.
func (v *validator) oddities(c rawService, s Service) {
	n := len(s.Backends)
	if n == 0 {
		v.warnf(c.place, "service %s has no backends: its packets are dropped (drop_no_backend)", s.Name)
		return
	}
	if s.Health == nil {
		v.warnf(c.place, "service %s has no health check: its backends are taken as always up", s.Name)
	}
	if !slices.ContainsFunc(s.Backends, func(b Backend) bool { return b.Weight > 0 }) {
		v.warnf(c.place, "all backends of service %s have weight 0: none takes new flows", s.Name)
	}
	const enough = 100 // slots a backend, which keep shares within 1 % (Maglev, NSDI 2016, section 5.3)
	switch best := maglev.SizeFor(n); {
	case s.TableSize >= enough*n:
	case s.TableSize < best:
		v.warnf(c.tablePlace(), "%d slots for %d backends make their shares uneven; take table-size %d", s.TableSize, n, best)
	default:
		v.warnf(c.tablePlace(), "%d slots for %d backends make their shares uneven, and there is no larger table; make several services of it", s.TableSize, n)
	}
	v.idle(c, s)
}

// idle warns of keys that other keys keep from having an effect.
func (v *validator) idle(c rawService, s Service) {
	if c.settle != nil && s.Tracking == dataplane.TrackNever {
		v.warnf(c.settle.place, "settle has no effect with tracking never: flows go with the table")
	}
	switch {
	case c.downGrace == nil:
	case s.Tracking == dataplane.TrackNever:
		v.warnf(c.downGrace.place, "down-grace has no effect with tracking never: flows go with the table")
	case s.Health == nil:
		v.warnf(c.downGrace.place, "down-grace has no effect without a health check: no backend is ever down")
	}
}
