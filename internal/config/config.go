// SPDX-License-Identifier: Apache-2.0

// Package config turns the text of a config file into a validated [Config],
// and finds every mistake in it at once, each with its place.
//
// The way of a text: source (lines) → load (YAML nodes) → raw (what is written
// where) → validator → Config. Nothing here touches the machine.
package config

import (
	"log/slog"
	"net/netip"
	"time"

	"clearway/dataplane"
)

// MaxSize is how many bytes a config may have: 64 MiB, enough for four
// million prefixes.
const MaxSize = 64 << 20

// Config is what the operator wants. All values are checked, and defaults
// filled in. It does not change once it is made.
type Config struct {
	Runtime    Runtime
	Interfaces []Interface // at least one, names differ
	Forward    Forward
	Balance    Balance
	Punt       []PuntRule // names differ; so do their addresses, protocols and ports
	Limits     Limits

	named []named // the names of interfaces in the text
}

// Runtime is what the daemon needs around the data path.
type Runtime struct {
	BPFFS   string // where everything is pinned; absolute
	Socket  string // of the control API; absolute
	Metrics string // IP:port for Prometheus; "" is off
	Log     slog.Level
}

// Interface is a port whose ingress Clearway handles.
type Interface struct {
	Name string
	Mode dataplane.Mode
	// AllowPartialChecksum takes a port whose frames may arrive with unfinished
	// checksums.
	AllowPartialChecksum bool
}

// Forward is the forward lane. Prefixes are masked and differ; no block
// contains an allow.
type Forward struct {
	Allow, Block    []netip.Prefix
	DryRun, Hairpin bool
	MSSClamp        []MSSClamp
}

// MSSClamp lowers the TCP maximum segment size on SYN and SYN-ACK. The zero
// values of Egress and Prefix match everything.
type MSSClamp struct {
	MSS    uint16 // bytes
	Egress string // name of the L3 interface
	Prefix netip.Prefix
}

// Balance is the balance lane, which does nothing without services. Names of services
// differ; so do their addresses, protocols and ports.
type Balance struct {
	OuterMap         string // array or hash
	Seed             uint64
	Source4, Source6 netip.Prefix // masked; a prefix of each family
	GUEPort          uint16
	ICMPRate         int // a second and CPU
	Services         []Service
}

// Service is an address and ports that are spread over backends.
type Service struct {
	Name              string
	Address           netip.Addr // unicast
	Protocol          dataplane.Protocol
	Ports             []uint16 // they differ; none: any
	TableSize         int      // a prime, no smaller than the number of backends
	Mode              dataplane.ServiceMode
	Affinity          dataplane.Affinity
	Tracking          dataplane.Tracking
	Settle, DownGrace time.Duration
	Health            *Health   // nil: the backends are always up
	Backends          []Backend // their addresses differ
}

// Health is how the backends of a service are checked.
type Health struct {
	Type              string // tcp, http or https
	Port              uint16
	Path              string        // of http and https; begins with a slash
	Host              string        // of http and https; "" is the service's address
	Interval, Timeout time.Duration // Timeout is no longer than Interval
	Rise, Fall        int
}

// Backend is a server of a service.
type Backend struct {
	Address netip.Addr // unicast
	Weight  uint16
}

// PuntRule hands the packets to an address and port to a program's socket.
type PuntRule struct {
	Name     string
	Protocol dataplane.Protocol
	Address  netip.Addr // unicast
	Port     uint16     // 0: any that no other rule has
}

// Limits size the tables of the data path.
type Limits = dataplane.Limits

// named is an interface that the text names, and the problem that it is if the
// machine has none of that name.
type named struct {
	place
	name    string
	missing *Problem
}

// Parse checks all that can be checked without looking at the machine. The
// Config is nil when there are errors.
func Parse(data []byte) (*Config, Problems) {
	c, problems := read(data)
	if problems.HasErrors() {
		return nil, problems
	}
	return c, problems
}

// Check is Parse and CheckMachine in one: it reports interfaces that don't
// exist also where the text has other errors.
func Check(data []byte, exists func(name string) bool) (*Config, Problems) {
	c, problems := read(data)
	problems = append(problems, c.CheckMachine(exists)...)
	problems.sort()
	if problems.HasErrors() {
		return nil, problems
	}
	return c, problems
}

// CheckMachine reports names of interfaces for which exists is false, one
// error for each place where such a name is written.
func (c *Config) CheckMachine(exists func(name string) bool) Problems {
	var problems Problems
	for _, n := range c.named {
		if !exists(n.name) {
			problems = append(problems, *n.missing)
		}
	}
	return problems
}

// read returns all problems, and as much of the config as is sound.
func read(data []byte) (*Config, Problems) {
	var r report
	if len(data) > MaxSize {
		r.errorf(place{}, "the config has %d bytes; at most %d are read", len(data), MaxSize)
		return &Config{}, r.finish()
	}
	text := newSource(data, &r)
	v := validator{report: &r}
	c := v.config(load(text, &r))
	text.fill(r.problems)
	text.fill(v.missing())
	return c, r.finish()
}
