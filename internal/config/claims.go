// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"net/netip"

	"clearway/dataplane"
)

// endpoint is what packets are told apart by. Port 0 is any that nothing else
// has.
type endpoint struct {
	address  netip.Addr
	protocol dataplane.Protocol
	port     uint16
}

func (e endpoint) String() string {
	if e.port == 0 {
		return fmt.Sprintf("any %v port of %v", e.protocol, e.address)
	}
	return fmt.Sprintf("%v port %d of %v", e.protocol, e.port, e.address)
}

// claims are the services and punt rules that answer to endpoints.
type claims map[endpoint]owner

// owner is a service or a punt rule.
type owner struct {
	what string
	line int
}

// claim gives an endpoint to a service or rule, or reports that an earlier one
// has it.
func (v *validator) claim(taken claims, what string, e endpoint, at place) {
	if first, twice := taken[e]; twice {
		v.errorf(at, "%v belongs to the %s on line %d already; take it out of one of them", e, first.what, first.line)
		return
	}
	taken[e] = owner{what, at.line}
}

// name checks what commands and logs call a thing, of which there is one a name.
// lines are those of earlier names.
func (v *validator) name(path, what string, name *item[string], lines map[string]int) string {
	if name == nil {
		return ""
	}
	const longest = 63
	s := name.value
	if !isName(s, longest) {
		v.errorf(name.place, "%s must be 1 to %d of a-z, A-Z, 0-9, dot, hyphen and underscore; not %s", path, longest, quote(s))
		return ""
	}
	if line, twice := lines[s]; twice {
		v.errorf(name.place, "%s %s is on line %d already; each needs a name of its own", what, quote(s), line)
		return ""
	}
	lines[s] = name.line
	return s
}

func (v *validator) protocol(path string, value *item[string]) dataplane.Protocol {
	switch v.choice(path, value, "", "tcp", "udp") {
	case "tcp":
		return dataplane.TCP
	case "udp":
		return dataplane.UDP
	}
	return 0
}
