// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"iter"
	"log/slog"

	"clearway/dataplane"
	"clearway/internal/netstate"
)

// Dataplane is what the daemon needs of a [dataplane.Dataplane]. Stats may be
// called concurrently with the other methods.
type Dataplane interface {
	Apply(context.Context, dataplane.State) (dataplane.Changes, error)
	Stats() (dataplane.Stats, error)
	Explain(ifindex int, frame []byte) (dataplane.Explanation, error)
	Close() error
}

// Machine is what the daemon needs of the kernel's network state: package
// netstate, in whose terms it speaks.
type Machine interface {
	Read(context.Context) (netstate.View, error)
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
