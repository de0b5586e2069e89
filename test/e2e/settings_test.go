// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"strings"
)

// settings are a configuration: what differs between the tests of it.
type settings struct {
	interfaces []string // names, with more of the entry behind it where needed: "eth0, mode: generic"
	allow      []string
	block      []string
	forward    string // more of the section, indented by two spaces
	limits     string // the section in braces
	metrics    string // default off
}

// demo are settings for the demonstration lab: server1 is allowed, server2 is
// not.
func demo() settings {
	return settings{
		interfaces: []string{"eth0", "eth1", "eth2"},
		allow:      []string{"198.51.100.0/24", "2001:db8:100::/64"},
	}
}

// text is the configuration with all files below dir.
func (s settings) text(dir string) string {
	var b strings.Builder
	metrics := s.metrics
	if metrics == "" {
		metrics = "off"
	}
	fmt.Fprintf(&b, "runtime:\n  bpffs: %[1]s/bpf/clearway\n  socket: %[1]s/clearway.sock\n  metrics: %[2]q\n", dir, metrics)
	b.WriteString("interfaces:\n")
	for _, i := range s.interfaces {
		fmt.Fprintf(&b, "  - {name: %s}\n", i)
	}
	b.WriteString("forward:\n")
	writeList(&b, "allow", s.allow)
	writeList(&b, "block", s.block)
	b.WriteString(s.forward)
	if s.limits != "" {
		fmt.Fprintf(&b, "limits: %s\n", s.limits)
	}
	return b.String()
}

func writeList(b *strings.Builder, key string, prefixes []string) {
	if len(prefixes) == 0 {
		return
	}
	fmt.Fprintf(b, "  %s:\n", key)
	for _, p := range prefixes {
		fmt.Fprintf(b, "    - %q\n", p)
	}
}
