// SPDX-License-Identifier: Apache-2.0

package balance

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// What services are reached at, and where backends say how they are.
const (
	servicePort = 80
	healthPort  = 8080
	guePort     = 6080
)

var (
	services4 = netip.MustParsePrefix("198.18.0.0/24")
	services6 = netip.MustParsePrefix("2001:db8:f00d::/64")
)

// service is one of the services of a test. All of them have the same servers.
type service struct {
	name     string
	address  netip.Addr
	mode     string
	outer6   bool // backends go by their IPv6 addresses
	tracking string
}

// The services: each mode, each family in each and each tracking.
var (
	ipip4In4 = service{"ipip-4in4", netip.MustParseAddr("198.18.0.1"), "ipip", false, "changed"}
	ipip4In6 = service{"ipip-4in6", netip.MustParseAddr("198.18.0.2"), "ipip", true, "always"}
	ipip6In4 = service{"ipip-6in4", netip.MustParseAddr("2001:db8:f00d::3"), "ipip", false, "always"}
	ipip6In6 = service{"ipip-6in6", netip.MustParseAddr("2001:db8:f00d::4"), "ipip", true, "changed"}
	gue4In4  = service{"gue-4in4", netip.MustParseAddr("198.18.0.5"), "gue", false, "always"}
	gue4In6  = service{"gue-4in6", netip.MustParseAddr("198.18.0.6"), "gue", true, "changed"}
	gue6In4  = service{"gue-6in4", netip.MustParseAddr("2001:db8:f00d::7"), "gue", false, "changed"}
	gue6In6  = service{"gue-6in6", netip.MustParseAddr("2001:db8:f00d::8"), "gue", true, "always"}
	l2Over4  = service{"l2-4", netip.MustParseAddr("198.18.0.9"), "l2", false, "changed"}
	l2Over6  = service{"l2-6", netip.MustParseAddr("2001:db8:f00d::10"), "l2", true, "changed"}

	untracked = service{"untracked", netip.MustParseAddr("198.18.0.11"), "ipip", false, "never"} // in no list below

	tunnelled   = []service{ipip4In4, ipip4In6, ipip6In4, ipip6In6, gue4In4, gue4In6, gue6In4, gue6In6}
	local       = []service{l2Over4, l2Over6}
	allServices = slices.Concat(tunnelled, local)
)

func (s service) at() netip.AddrPort { return netip.AddrPortFrom(s.address, servicePort) }

// host is the service's address as a prefix.
func (s service) host() netip.Prefix { return netip.PrefixFrom(s.address, s.address.BitLen()) }

// settings are a configuration of a balancer.
type settings struct {
	interfaces []string
	services   []service
	servers    []member // of each service, in this order
	protocol   string   // default tcp
	size       int      // of tables; default 251
	settle     string
	downGrace  string
	noHealth   bool
	fall       int    // checks that fail before a server is down; default 3
	limits     string // the section in braces
}

// member is a server in a configuration.
type member struct {
	name   string
	weight int
}

// equal are servers with the same weight.
func equal(names ...string) (members []member) {
	for _, n := range names {
		members = append(members, member{n, 1})
	}
	return members
}

// text is the configuration with all files below dir.
func (n *network) text(c settings, dir string) string {
	n.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "runtime: {bpffs: %[1]s/bpf/clearway, socket: %[1]s/clearway.sock, metrics: off}\n", dir)
	fmt.Fprintf(&b, "interfaces: [{name: %s}]\n", strings.Join(c.interfaces, "}, {name: "))
	fmt.Fprintf(&b, "forward: {allow: [%v, %v]}\n", services4, services6)
	if c.limits != "" {
		fmt.Fprintf(&b, "limits: %s\n", c.limits)
	}
	fmt.Fprintf(&b, "balance:\n  gue-port: %d\n  services:\n", guePort)
	for _, s := range c.services {
		fmt.Fprintf(&b, "    - %s\n", n.serviceText(s, c))
	}
	return b.String()
}

func (n *network) serviceText(s service, c settings) string {
	n.t.Helper()
	var backends []string
	for _, m := range c.servers {
		backends = append(backends, fmt.Sprintf("{address: '%v', weight: %d}", n.addressOf(m.name, s.outer6), m.weight))
	}
	health := fmt.Sprintf("health: {type: http, port: %d, interval: 100ms, timeout: 100ms, rise: 1, fall: %d}, ", healthPort, cmp.Or(c.fall, 3))
	if c.noHealth {
		health = ""
	}
	return fmt.Sprintf("{name: %s, address: '%v', protocol: %s, ports: [%d], mode: %s, tracking: %s, "+
		"table-size: %d, settle: %s, down-grace: %s, %sbackends: [%s]}",
		s.name, s.address, cmp.Or(c.protocol, "tcp"), servicePort, s.mode, s.tracking,
		cmp.Or(c.size, 251), cmp.Or(c.settle, "6m"), cmp.Or(c.downGrace, "10s"), health, strings.Join(backends, ", "))
}
