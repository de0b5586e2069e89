// SPDX-License-Identifier: Apache-2.0

package control

import (
	"context"
	"iter"
	"time"

	"clearway/internal/config"
)

// API is what the daemon offers. [Client] asks it for all of this but for
// RegisterSocket, which programs call by package punt. All methods may be called
// concurrently.
type API interface {
	Status(context.Context) (Status, error)
	// Services lists the services by name.
	Services(context.Context) ([]Service, error)
	// Punt tells of the punt lane.
	Punt(context.Context) (Punt, error)
	// Routes lists the kernel's routes. An error comes last.
	Routes(context.Context) iter.Seq2[Route, error]
	Explain(context.Context, ExplainRequest) (Explanation, error)
	// Plan tells what Reload would do, and changes nothing.
	Plan(ctx context.Context, file []byte) (Plan, error)
	// Reload applies a configuration. On any error the old state stays whole.
	Reload(context.Context, ReloadRequest) (Reload, error)
	// Order gives a backend the operator's order. Given twice it changes
	// nothing.
	Order(context.Context, OrderRequest) (Ordered, error)
	// RegisterSocket has a socket take the packets that punt rules match on a
	// queue.
	RegisterSocket(context.Context, SocketRequest) (Registered, error)
}

// Status is the data path and its daemon at one moment.
type Status struct {
	Version       string        `json:"version"`
	Generation    int           `json:"generation"`
	UptimeSeconds int64         `json:"uptime_seconds"` // of the daemon; 0 without one
	Daemon        *Daemon       `json:"daemon,omitempty"`
	Interfaces    []Interface   `json:"interfaces"`
	L3            []L3Interface `json:"l3"`
	Services      []Service     `json:"services"` // by name
	Punt          Punt          `json:"punt"`
	Warnings      []Warning     `json:"warnings"`
}

// Daemon is the process that keeps the data path in step with its
// configuration and the kernel. Absent from a Status read from the pins.
type Daemon struct {
	PID       int     `json:"pid"`
	Config    string  `json:"config"` // the file it was started with
	Applies   Applies `json:"applies"`
	LastApply Apply   `json:"last_apply"`
}

// Applies counts since the daemon started.
type Applies struct {
	OK     uint64 `json:"ok"`
	Failed uint64 `json:"failed"`
}

// Apply is one attempt to change the data path.
type Apply struct {
	Time  time.Time `json:"time"`
	Error string    `json:"error"` // empty: done
}

// Counter counts frames and their bytes at ingress, Ethernet header included
// and FCS not.
type Counter struct {
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

// Interface is a port: a device to whose ingress Clearway is attached.
type Interface struct {
	Name          string             `json:"name"`
	Ifindex       int                `json:"ifindex"`
	Mode          string             `json:"mode"`  // native or generic
	State         string             `json:"state"` // Attached or Missing
	Received      Counter            `json:"received"`
	Reasons       map[string]Counter `json:"reasons"`         // those that occurred
	LostAfterEmit uint64             `json:"lost_after_emit"` // packets
}

// The states of an Interface.
const (
	Attached = "attached"
	Missing  = "missing" // configured, but the device is gone for now
)

// L3Interface is an interface as routing knows it: where packets may arrive
// and leave.
type L3Interface struct {
	Name     string   `json:"name"`
	Ifindex  int      `json:"ifindex"`
	Device   string   `json:"device"` // that frames leave by; Name itself without a VLAN
	Members  []string `json:"members,omitempty"`
	VLAN     uint16   `json:"vlan"` // 0: untagged
	MAC      string   `json:"mac"`
	MTU      int      `json:"mtu"` // bytes
	Forward4 bool     `json:"forward4"`
	Forward6 bool     `json:"forward6"`
	RPFilter string   `json:"rp_filter"` // off, strict or loose
	Up       bool     `json:"up"`
	Redirect string   `json:"redirect"` // what may be sent here: none, generic, native or native+frags
}

// Warning is something that works, but not as the operator may think.
type Warning struct {
	Place string `json:"place"`
	Text  string `json:"text"`
}

// Route is one of the kernel's routes, which the data path follows.
type Route struct {
	Prefix  string `json:"prefix"`
	Table   int    `json:"table"` // 254 is main
	Type    string `json:"type"`  // unicast, blackhole, ...
	Gateway string `json:"gateway"`
	Egress  string `json:"egress"` // interface
	Legs    int    `json:"legs"`   // of a multipath route, of which the first is shown
	Metric  uint32 `json:"metric"`
	// Linux says why packets on this route are left to Linux; empty if the data
	// path takes them.
	Linux string `json:"linux"`
}

// ReloadRequest asks for a configuration to be applied.
type ReloadRequest struct {
	File []byte // its bytes; none: the daemon's own file, read again
	// Now makes a new table size, seed or affinity hold at once, which moves
	// flows, and not only after they have been recorded.
	Now bool
}

// Reload is the outcome of a reload.
type Reload struct {
	Generation int       `json:"generation"`
	Changes    []string  `json:"changes"` // one line each; empty: nothing
	Warnings   []Warning `json:"warnings"`
}

// ExplainRequest asks what would become of a frame.
type ExplainRequest struct {
	Interface string `json:"interface"` // the port it arrives on
	Frame     []byte `json:"frame"`
	// OwnMAC puts the MAC of the interface that the frame's VLAN belongs to in
	// place of the frame's destination.
	OwnMAC bool `json:"own_mac"`
}

// Explanation is the way of one frame through the pipeline.
type Explanation struct {
	Verdict     string  `json:"verdict"` // pass, drop, redirect, tx (back out of the ingress) or aborted
	Reason      string  `json:"reason"`
	Stages      []Stage `json:"stages"`  // up to the one that decided
	Ingress     string  `json:"ingress"` // L3 interface; empty: none
	Egress      string  `json:"egress"`  // L3 interface; empty: none
	NextHop     string  `json:"next_hop"`
	Service     string  `json:"service"`   // that the packet is for; empty: none
	Backend     string  `json:"backend"`   // that it goes to; empty: none
	PuntRule    string  `json:"punt_rule"` // that it matched; empty: none, or no daemon runs, which alone knows the rules
	InputHex    string  `json:"input_hex"`
	OutputHex   string  `json:"output_hex"`   // empty unless something leaves
	KernelRoute string  `json:"kernel_route"` // what Linux itself answers for the packet
}

// Stage is what one stage of the pipeline found.
type Stage struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Problem is a finding in a configuration file: config.Problem as it travels.
type Problem struct {
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Text    string `json:"text"`  // the line itself
	Caret   int    `json:"caret"` // characters of Text before the place
	Message string `json:"message"`
	Warning bool   `json:"warning"`
}

// FromConfig converts what package config found.
func FromConfig(problems config.Problems) []Problem {
	wire := make([]Problem, len(problems))
	for i, p := range problems {
		wire[i] = Problem(p)
	}
	return wire
}
