// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"errors"
	"net/netip"
	"slices"

	"clearway/dataplane"
	"clearway/internal/config"
	"clearway/internal/health"
	"clearway/internal/netstate"
)

// Input is all that a plan is made of.
type Input struct {
	Config   *config.Config
	View     netstate.View
	NextHops map[netip.Addr]netstate.NextHop // of Addresses(Config)

	Health health.View // of those backends that are checked
	// DirectChecks says that this kernel can't send health checks as packets
	// are: see Checks.
	DirectChecks bool
	Orders       map[health.Key]dataplane.Order // that the operator gave
	ResizeNow    bool                           // as in State
}

// Warning is something that works otherwise than the operator may think.
type Warning struct {
	Place string // an interface, a service, or what else it is about
	Text  string // with the remedy, where there is one
}

// builder holds the inputs, and collects what is wrong with them.
type builder struct {
	config   *config.Config
	view     netstate.View
	links    map[string]*netstate.Link
	indexes  map[int]*netstate.Link
	limit    int // highest index of a link
	warnings []Warning
}

func newBuilder(c *config.Config, v netstate.View) *builder {
	b := &builder{
		config:  c,
		view:    v,
		limit:   cmp.Or(c.Limits.Ifindex, dataplane.DefaultIfindex),
		links:   make(map[string]*netstate.Link, len(v.Links)),
		indexes: make(map[int]*netstate.Link, len(v.Links)),
	}
	for i := range v.Links {
		b.links[v.Links[i].Name] = &v.Links[i]
		b.indexes[v.Links[i].Index] = &v.Links[i]
	}
	return b
}

func (b *builder) warn(place, text string) {
	b.warnings = append(b.warnings, Warning{Place: place, Text: text})
}

// Build plans the data path. Equal inputs give equal States.
//
// An interface that doesn't exist is left out with a warning, as is an MSS rule
// whose egress doesn't: both can come back. (A config in which such a name may
// be a mistake is refused before, by [config.Config.CheckMachine].)
//
// An interface that exists but can't be a port, because XDP doesn't see its
// frames whole or true, is an error: the joined *[PortError] of all of them. So
// is one with an index above limits.ifindex, be it a port or a mere egress, and
// one L3 interface more than limits.l3-interfaces: *[dataplane.LimitError].
// Another is a backend that is this machine itself: *[BackendError]. The State
// is complete then too, without these interfaces and with that backend down, for
// a caller that rather goes on.
func Build(in Input) (dataplane.State, []Warning, error) {
	c, v := in.Config, in.View
	b := newBuilder(c, v)
	ports, errs := b.ports()
	if err := b.checkIndexes(); err != nil {
		errs = append(errs, err)
	}
	s := dataplane.State{
		Ports:   ports,
		L3:      b.l3Interfaces(),
		Classes: b.classes(),
		MSS:     b.mssRules(),
		Limits:  c.Limits,
		Options: dataplane.Options{DryRun: c.Forward.DryRun, Hairpin: c.Forward.Hairpin},
	}
	if err := b.fit(&s); err != nil {
		errs = append(errs, err)
	}
	own := ofPorts(s)
	s.Options.Policy4 = b.view.XFRM4 || b.view.Rules4 || b.reverseInexact(own)
	s.Options.Policy6 = b.view.XFRM6 || b.view.Rules6
	b.warnFamily("IPv4", v.XFRM4, v.Rules4)
	b.warnFamily("IPv6", v.XFRM6, v.Rules6)
	b.warnForwarding(own)
	b.warnExceptions()
	errs = append(errs, b.balance(in, &s)...)
	for _, r := range c.Punt {
		s.Punt = append(s.Punt, dataplane.PuntRule(r))
	}
	return s, b.warnings, errors.Join(errs...)
}

// fit leaves out L3 interfaces that the maps have no place for, first those that
// no packet can arrive on.
func (b *builder) fit(s *dataplane.State) error {
	most, want := cmp.Or(b.config.Limits.L3Interfaces, dataplane.DefaultL3Interfaces), len(s.L3)
	if want <= most {
		return nil
	}
	keep := ofPorts(*s)
	for _, l := range s.L3 {
		if !slices.ContainsFunc(keep, func(k dataplane.L3Interface) bool { return k.Ifindex == l.Ifindex }) {
			keep = append(keep, l)
		}
	}
	s.L3 = keep[:most]
	return &dataplane.LimitError{Limit: "l3-interfaces", Have: most, Want: want}
}

// ofPorts returns the L3 interfaces that packets can arrive on.
func ofPorts(s dataplane.State) []dataplane.L3Interface {
	ports := make(map[int]bool, len(s.Ports))
	for _, p := range s.Ports {
		ports[p.Ifindex] = true
	}
	var own []dataplane.L3Interface
	for _, l := range s.L3 {
		arrives := len(l.Members) == 0 && ports[l.Port]
		for _, m := range l.Members {
			arrives = arrives || ports[m]
		}
		if arrives {
			own = append(own, l)
		}
	}
	return own
}
