// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"iter"
	"log/slog"
	"net/netip"

	"clearway/dataplane"
	"clearway/internal/health"
	"clearway/internal/netstate"
)

// Dataplane is what the daemon needs of a [dataplane.Dataplane]. All methods may
// be called concurrently.
type Dataplane interface {
	Apply(context.Context, dataplane.State) (dataplane.Changes, error)
	Preview(dataplane.State) (dataplane.Changes, error)
	Tick(context.Context) (dataplane.Changes, error)
	Stats() (dataplane.Stats, error)
	Services() ([]dataplane.ServiceStats, error)
	RegisterSocket(port string, queue, socket int) error
	Sockets() ([]dataplane.Socket, error)
	Explain(ifindex int, frame []byte) (dataplane.Explanation, error)
	Close() error
}

// Prober is what the daemon needs of a [dataplane.Prober].
type Prober interface {
	Set(targets map[uint32]dataplane.ProbeTarget, devices []int) error
	Close() error
}

// Health is what the daemon needs of a [health.Checker].
type Health interface {
	Set(checks []health.Check, known health.View)
	Run(context.Context) error
	View() health.View
	Changes() <-chan struct{}
	Last() map[health.Key]health.Result
}

// Machine is what the daemon needs of the kernel's network state: package
// netstate, in whose terms it speaks.
type Machine interface {
	Read(context.Context) (netstate.View, error)
	// NextHops looks up the ways to addresses. From then on Watch tells when
	// they change.
	NextHops(context.Context, []netip.Addr) (map[netip.Addr]netstate.NextHop, error)
	Watch(context.Context, *slog.Logger) (<-chan struct{}, error)
	Find(context.Context, netstate.Lookup) (string, error)
	Routes(context.Context) iter.Seq2[netstate.Route, error]
	SetVLANOffload(ifindex int, on bool) error
	// RefreshNeighbours keeps those alive that only Clearway uses, until its
	// context ends.
	RefreshNeighbours(context.Context, *slog.Logger) error
}

// kernel is the real Machine.
type kernel struct{ netstate.Reader }

func (*kernel) Find(ctx context.Context, l netstate.Lookup) (string, error) {
	return netstate.Find(ctx, l)
}

func (*kernel) Routes(ctx context.Context) iter.Seq2[netstate.Route, error] {
	return netstate.Routes(ctx)
}

func (*kernel) SetVLANOffload(ifindex int, on bool) error {
	return netstate.SetVLANOffload(ifindex, on)
}
