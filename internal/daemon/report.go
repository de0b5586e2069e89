// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"iter"
	"slices"
	"strconv"

	"clearway/dataplane"
	"clearway/internal/control"
	"clearway/internal/netstate"
)

// statusOf puts counters and state into the words of the API.
func statusOf(version string, stats dataplane.Stats, state dataplane.State) control.Status {
	s := control.Status{
		Version:    version,
		Generation: stats.Generation,
		Interfaces: []control.Interface{}, // not null in JSON
		L3:         []control.L3Interface{},
		Warnings:   []control.Warning{},
	}
	for _, p := range stats.Ports {
		i := control.Interface{
			Name: p.Name, Ifindex: p.Ifindex, Mode: string(p.Mode), State: control.Attached,
			Received:      control.Counter(p.Received),
			Reasons:       make(map[string]control.Counter),
			LostAfterEmit: p.LostAfterEmit,
		}
		for reason, n := range p.Reasons {
			i.Reasons[reason.String()] = control.Counter(n)
		}
		s.Interfaces = append(s.Interfaces, i)
	}
	for _, l := range state.L3 {
		s.L3 = append(s.L3, wireL3(l, state))
	}
	return s
}

// addMissing lists configured interfaces that Clearway is not attached to.
func addMissing(s *control.Status, names []string) {
	for _, name := range names {
		if !slices.ContainsFunc(s.Interfaces, func(i control.Interface) bool { return i.Name == name }) {
			s.Interfaces = append(s.Interfaces, control.Interface{Name: name, State: control.Missing,
				Reasons: map[string]control.Counter{}})
		}
	}
}

func wireL3(l dataplane.L3Interface, state dataplane.State) control.L3Interface {
	wire := control.L3Interface{
		Name: l.Name, Ifindex: l.Ifindex, Device: deviceName(state, l.Port), VLAN: l.VID,
		MAC: l.MAC.String(), MTU: l.MTU, Forward4: l.Forward4, Forward6: l.Forward6,
		RPFilter: rpFilterText(l.RPFilter), Up: l.Up, Redirect: redirectText(l),
	}
	for _, m := range l.Members {
		wire.Members = append(wire.Members, deviceName(state, m))
	}
	return wire
}

// deviceName finds the name of a device among the state's, and numbers one
// that has none there: the device below a VLAN that carries no packets itself.
func deviceName(state dataplane.State, ifindex int) string {
	for _, l := range state.L3 {
		if l.Ifindex == ifindex {
			return l.Name
		}
	}
	for _, p := range state.Ports {
		if p.Ifindex == ifindex {
			return p.Name
		}
	}
	return "ifindex " + strconv.Itoa(ifindex)
}

func rpFilterText(f dataplane.RPFilter) string {
	switch f {
	case dataplane.RPFilterStrict:
		return "strict"
	case dataplane.RPFilterLoose:
		return "loose"
	}
	return "off"
}

func redirectText(l dataplane.L3Interface) string {
	switch {
	case l.RedirectNative && l.RedirectFrags:
		return "native+frags"
	case l.RedirectNative:
		return "native"
	}
	return "generic"
}

// routesOf lists the kernel's routes, and says which of them the data path
// leaves to Linux.
func routesOf(ctx context.Context, m Machine, state dataplane.State) iter.Seq2[control.Route, error] {
	return func(yield func(control.Route, error) bool) {
		egress := make(map[string]dataplane.L3Interface)
		for _, l := range state.L3 {
			egress[l.Name] = l
		}
		for r, err := range m.Routes(ctx) {
			if err != nil {
				yield(control.Route{}, err)
				return
			}
			if !yield(wireRoute(r, egress), nil) {
				return
			}
		}
	}
}

func wireRoute(r netstate.Route, egress map[string]dataplane.L3Interface) control.Route {
	wire := control.Route{Prefix: r.Prefix.String(), Table: r.Table, Type: r.Type, Egress: r.Egress, Legs: r.Legs, Metric: r.Metric}
	if r.Gateway.IsValid() {
		wire.Gateway = r.Gateway.String()
	}
	l, known := egress[r.Egress]
	switch {
	case r.Type == "blackhole":
	case r.Type != "unicast":
		wire.Linux = r.Type
	case r.Exception != "":
		wire.Linux = r.Exception
	case !known:
		wire.Linux = r.Egress + " takes no redirected frames"
	case !l.Up:
		wire.Linux = r.Egress + " is down"
	}
	return wire
}
