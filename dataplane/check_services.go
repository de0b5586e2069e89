// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"fmt"
	"net/netip"
	"slices"

	"clearway/maglev"
)

// claim is what packets are told apart by; port 0 stands for all others.
type claim struct {
	address  netip.Addr
	protocol Protocol
	port     uint16
}

func (c claim) String() string {
	port := "any port"
	if c.port != 0 {
		port = fmt.Sprintf("port %d", c.port)
	}
	return fmt.Sprintf("%v %v %s", c.address, c.protocol, port)
}

func (p Protocol) String() string {
	switch p {
	case TCP:
		return "tcp"
	case UDP:
		return "udp"
	default:
		return fmt.Sprintf("protocol %d", uint8(p))
	}
}

// checkServices refuses services that can't be told apart, or that the maps can't
// hold.
func (s State) checkServices() error {
	if n := len(s.Services); n > s.Limits.Services {
		return &LimitError{Limit: "services", Have: s.Limits.Services, Want: n}
	}
	names, claims := map[string]bool{}, map[claim]string{}
	pairs := 0
	for _, service := range s.Services {
		if err := service.check(); err != nil {
			return fmt.Errorf("service %q: %w", service.Name, err)
		}
		if names[service.Name] {
			return fmt.Errorf("service %s: there are two of this name", service.Name)
		}
		names[service.Name] = true
		for _, c := range service.claims() {
			if other, taken := claims[c]; taken {
				return fmt.Errorf("service %s: %v is that of service %s already", service.Name, c, other)
			}
			claims[c] = service.Name
		}
		pairs += len(service.Backends)
	}
	if pairs > s.Limits.Backends {
		return &LimitError{Limit: "backends", Have: s.Limits.Backends, Want: pairs}
	}
	return s.Balance.check()
}

func (s *Service) claims() (claims []claim) {
	for _, port := range s.Ports {
		claims = append(claims, claim{s.Address, s.Protocol, port})
	}
	if len(s.Ports) == 0 {
		claims = append(claims, claim{s.Address, s.Protocol, 0})
	}
	return claims
}

// checkTenant checks what services and punt rules have in common.
func checkTenant(name string, a netip.Addr, p Protocol) error {
	switch {
	case len(name) < 1 || len(name) > 63:
		return fmt.Errorf("its name has %d bytes, it must have 1 to 63", len(name))
	case !plain(a):
		return fmt.Errorf("%v is no IPv4 or IPv6 address", a)
	case p != TCP && p != UDP:
		return fmt.Errorf("%v is neither tcp nor udp", p)
	}
	return nil
}

func (s *Service) check() error {
	if err := checkTenant(s.Name, s.Address, s.Protocol); err != nil {
		return err
	}
	switch {
	case len(s.Ports) > MaxServicePorts:
		return fmt.Errorf("it has %d ports, at most %d can be named: leave them out to take any", len(s.Ports), MaxServicePorts)
	case slices.Contains(s.Ports, 0):
		return fmt.Errorf("there is no port 0")
	case !slices.Contains([]ServiceMode{IPIP, GUE, L2}, s.Mode):
		return fmt.Errorf("mode %q is none of ipip, gue, l2", s.Mode)
	case !slices.Contains([]Affinity{AffinityNone, AffinitySource}, s.Affinity):
		return fmt.Errorf("affinity %q is neither none nor source", s.Affinity)
	case !slices.Contains([]Tracking{TrackChanged, TrackAlways, TrackNever}, s.Tracking):
		return fmt.Errorf("tracking %q is none of changed, always, never", s.Tracking)
	case s.Settle < 0:
		return fmt.Errorf("settle is negative")
	case !maglev.IsPrime(s.TableSize) || s.TableSize > MaxTableSize:
		return fmt.Errorf("table-size %d is not a prime number of at most %d", s.TableSize, MaxTableSize)
	}
	return s.checkBackends()
}

func (s *Service) checkBackends() error {
	switch n := len(s.Backends); {
	case n > MaxServiceBackends:
		return fmt.Errorf("it has %d backends, at most %d are possible", n, MaxServiceBackends)
	case n > s.TableSize:
		return fmt.Errorf("it has %d backends, more than table-size %d: raise it", n, s.TableSize)
	}
	seen := make(map[netip.Addr]bool, len(s.Backends))
	for _, b := range s.Backends {
		switch {
		case !plain(b.Address):
			return fmt.Errorf("backend %v: no IPv4 or IPv6 address", b.Address)
		case seen[b.Address]:
			return fmt.Errorf("backend %v is there twice", b.Address)
		case s.Mode == L2 && b.Address.Is4() != s.Address.Is4():
			return fmt.Errorf("backend %v: in mode l2 it must be of the family of the service", b.Address)
		}
		seen[b.Address] = true
	}
	return nil
}

// plain tells whether packets can have the address.
func plain(a netip.Addr) bool { return a.IsValid() && !a.Is4In6() && a.Zone() == "" }

func (b Balance) check() error {
	if b.Source4.IsValid() && !b.Source4.Addr().Is4() || b.Source6.IsValid() && !b.Source6.Addr().Is6() {
		return fmt.Errorf("balance: source4 %v and source6 %v must be of IPv4 and of IPv6", b.Source4, b.Source6)
	}
	return nil
}
