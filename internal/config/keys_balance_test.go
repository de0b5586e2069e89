// SPDX-License-Identifier: Apache-2.0

package config

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"clearway/dataplane"
)

// leastService is what serviceText makes, with all defaults.
func leastService() Service {
	return Service{
		Name: "web", Address: netip.MustParseAddr("192.0.2.1"), Protocol: dataplane.TCP, Ports: []uint16{80},
		TableSize: 16381, Mode: dataplane.IPIP, Affinity: dataplane.AffinityNone, Tracking: dataplane.TrackChanged,
		Settle: 6 * time.Minute, DownGrace: 10 * time.Second,
		Health:   &Health{Type: "tcp", Port: 80, Interval: 2 * time.Second, Timeout: time.Second, Rise: 2, Fall: 3},
		Backends: []Backend{{Address: netip.MustParseAddr("10.0.0.1"), Weight: 1}},
	}
}

// serviceText is a service without problems, a key a line. Pairs of keys and
// values come in place of its own; a key with the value "" is left out.
func serviceText(pairs ...string) string {
	all := []string{"name", "web", "address", "192.0.2.1", "protocol", "tcp", "ports", "[80]",
		"health", "{type: tcp}", "backends", "[{address: 10.0.0.1}]"}
	for i := 0; i < len(pairs); i += 2 {
		if at := slices.Index(all, pairs[i]); at >= 0 {
			all[at+1] = pairs[i+1]
		} else {
			all = append(all, pairs[i], pairs[i+1])
		}
	}
	var keys []string
	for i := 0; i < len(all); i += 2 {
		if all[i+1] != "" {
			keys = append(keys, all[i]+": "+all[i+1])
		}
	}
	return strings.Join(keys, "\n    ")
}

// balanceText is the section of some services, from the first of its lines at
// column 5.
func balanceText(services ...string) string {
	return "balance:\n  services:\n  - " + strings.Join(services, "\n  - ") + "\n"
}

var balanceRows = []keyRow{
	{key: "balance", name: "OK empty", text: "balance: {}"},
	{key: "balance.outer-map", name: "OK array", text: "balance: {outer-map: array}"},
	{key: "balance.outer-map", name: "OK hash", text: "balance: {outer-map: hash}", change: func(c *Config) { c.Balance.OuterMap = "hash" }},
	{key: "balance.seed", text: "balance: {seed: 18446744073709551615}", change: func(c *Config) { c.Balance.Seed = 1<<64 - 1 }},
	{key: "balance.source4", text: "balance: {source4: 10.1.0.0/24}", change: func(c *Config) { c.Balance.Source4 = netip.MustParsePrefix("10.1.0.0/24") }},
	{key: "balance.source6", text: "balance: {source6: '2001:db8::/120'}", change: func(c *Config) { c.Balance.Source6 = netip.MustParsePrefix("2001:db8::/120") }},
	{key: "balance.gue-port", text: "balance: {gue-port: 65535}", change: func(c *Config) { c.Balance.GUEPort = 65535 }},
	{key: "balance.icmp-rate", text: "balance: {icmp-rate: 1}", change: func(c *Config) { c.Balance.ICMPRate = 1 }},
	{key: "balance.services", name: "OK null", text: "balance: {services: }"},
	{key: "balance.services", name: "OK the least", service: []string{}},
	{key: "balance.services", name: "OK two", text: balanceText(serviceText(), serviceText("name", "2", "address", "192.0.2.2")), change: func(c *Config) {
		two := leastService()
		two.Name, two.Address = "2", netip.MustParseAddr("192.0.2.2")
		c.Balance.Services = []Service{leastService(), two}
	}},

	{key: "balance.services[].name", service: []string{"name", "A-z_0.9"}, changeService: func(s *Service) { s.Name = "A-z_0.9" }},
	{key: "balance.services[].address", service: []string{"address", "'2001:DB8::0:1'"}, changeService: func(s *Service) { s.Address = netip.MustParseAddr("2001:db8::1") }},
	{key: "balance.services[].protocol", name: "OK udp", service: []string{"protocol", "udp", "health", "{type: tcp, port: 9}"}, changeService: func(s *Service) {
		s.Protocol, s.Settle, s.Health.Port = dataplane.UDP, 30*time.Second, 9
	}},
	{key: "balance.services[].ports", name: "OK list", service: []string{"ports", "[443, 1, 65535]"}, changeService: func(s *Service) {
		s.Ports, s.Health.Port = []uint16{443, 1, 65535}, 443
	}},
	{key: "balance.services[].ports", name: "OK any", service: []string{"ports", "any", "health", "{type: tcp, port: 22}"}, changeService: func(s *Service) {
		s.Ports, s.Health.Port = nil, 22
	}},
	{key: "balance.services[].table-size", name: "OK least", service: []string{"table-size", "251"}, changeService: func(s *Service) { s.TableSize = 251 }},
	{key: "balance.services[].table-size", name: "OK Fermat's", service: []string{"table-size", "65537"}, changeService: func(s *Service) { s.TableSize = 65537 }},
	{key: "balance.services[].table-size", name: "OK most", service: []string{"table-size", "131071"}, changeService: func(s *Service) { s.TableSize = 131071 }},
	{key: "balance.services[].mode", name: "OK ipip", service: []string{"mode", "ipip"}},
	{key: "balance.services[].mode", name: "OK gue", service: []string{"mode", "gue"}, changeService: func(s *Service) { s.Mode = dataplane.GUE }},
	{key: "balance.services[].mode", name: "OK l2", service: []string{"mode", "l2"}, changeService: func(s *Service) { s.Mode = dataplane.L2 }},
	{key: "balance.services[].affinity", name: "OK none", service: []string{"affinity", "none"}},
	{key: "balance.services[].affinity", name: "OK source", service: []string{"affinity", "source"}, changeService: func(s *Service) { s.Affinity = dataplane.AffinitySource }},
	{key: "balance.services[].tracking", name: "OK changed", service: []string{"tracking", "changed"}},
	{key: "balance.services[].tracking", name: "OK always", service: []string{"tracking", "always"}, changeService: func(s *Service) { s.Tracking = dataplane.TrackAlways }},
	{key: "balance.services[].tracking", name: "OK never", service: []string{"tracking", "never"}, changeService: func(s *Service) { s.Tracking = dataplane.TrackNever }},
	{key: "balance.services[].settle", name: "OK 0", service: []string{"settle", "0"}, changeService: func(s *Service) { s.Settle = 0 }},
	{key: "balance.services[].settle", name: "OK for UDP", service: []string{"settle", "1m30s", "protocol", "udp", "health", "{type: tcp, port: 9}"}, changeService: func(s *Service) {
		s.Protocol, s.Settle, s.Health.Port = dataplane.UDP, 90*time.Second, 9
	}},
	{key: "balance.services[].settle", name: "OK most", service: []string{"settle", "24h"}, changeService: func(s *Service) { s.Settle = 24 * time.Hour }},
	{key: "balance.services[].down-grace", name: "OK at once", service: []string{"down-grace", "0s"}, changeService: func(s *Service) { s.DownGrace = 0 }},
	{key: "balance.services[].down-grace", name: "OK most", service: []string{"down-grace", "60m"}, changeService: func(s *Service) { s.DownGrace = time.Hour }},

	{key: "balance.services[].health", name: "OK http", service: []string{"health", "{type: http}"}, changeService: func(s *Service) {
		s.Health.Type, s.Health.Path = "http", "/"
	}},
	{key: "balance.services[].health.type", name: "OK https", service: []string{"health", "{type: https}"}, changeService: func(s *Service) {
		s.Health.Type, s.Health.Path = "https", "/"
	}},
	{key: "balance.services[].health.port", service: []string{"health", "{type: tcp, port: 65535}"}, changeService: func(s *Service) { s.Health.Port = 65535 }},
	{key: "balance.services[].health.path", service: []string{"health", "{type: http, path: '/a%20b?c=d&e'}"}, changeService: func(s *Service) {
		s.Health.Type, s.Health.Path = "http", "/a%20b?c=d&e"
	}},
	{key: "balance.services[].health.host", name: "OK name", service: []string{"health", "{type: http, host: www.Example_1.com}"}, changeService: func(s *Service) {
		s.Health.Type, s.Health.Path, s.Health.Host = "http", "/", "www.Example_1.com"
	}},
	{key: "balance.services[].health.host", name: "OK address", service: []string{"health", "{type: http, host: '2001:db8::1'}"}, changeService: func(s *Service) {
		s.Health.Type, s.Health.Path, s.Health.Host = "http", "/", "2001:db8::1"
	}},
	{key: "balance.services[].health.interval", name: "OK shorter than the timeout by default", service: []string{"health", "{type: tcp, interval: 100ms}"}, changeService: func(s *Service) {
		s.Health.Interval, s.Health.Timeout = 100*time.Millisecond, 100*time.Millisecond
	}},
	{key: "balance.services[].health.timeout", name: "OK as long as the interval", service: []string{"health", "{type: tcp, interval: 1h, timeout: 1h}"}, changeService: func(s *Service) {
		s.Health.Interval, s.Health.Timeout = time.Hour, time.Hour
	}},
	{key: "balance.services[].health.timeout", name: "OK least", service: []string{"health", "{type: tcp, timeout: 10ms}"}, changeService: func(s *Service) { s.Health.Timeout = 10 * time.Millisecond }},
	{key: "balance.services[].health.rise", service: []string{"health", "{type: tcp, rise: 100}"}, changeService: func(s *Service) { s.Health.Rise = 100 }},
	{key: "balance.services[].health.fall", service: []string{"health", "{type: tcp, fall: 1}"}, changeService: func(s *Service) { s.Health.Fall = 1 }},

	{key: "balance.services[].backends", name: "OK in the order of the text", service: []string{"backends", "[{address: 10.0.0.2}, {address: '2001:db8::1'}, {address: 10.0.0.1}]"}, changeService: func(s *Service) {
		s.Backends = []Backend{{netip.MustParseAddr("10.0.0.2"), 1}, {netip.MustParseAddr("2001:db8::1"), 1}, {netip.MustParseAddr("10.0.0.1"), 1}}
	}},
	{key: "balance.services[].backends[].address", service: []string{"backends", "[{address: 10.0.0.9}]"}, changeService: func(s *Service) {
		s.Backends[0].Address = netip.MustParseAddr("10.0.0.9")
	}},
	{key: "balance.services[].backends[].weight", service: []string{"backends", "[{address: 10.0.0.1, weight: 65535}, {address: 10.0.0.2, weight: 0}]"}, changeService: func(s *Service) {
		s.Backends = []Backend{{netip.MustParseAddr("10.0.0.1"), 65535}, {netip.MustParseAddr("10.0.0.2"), 0}}
	}},
}
