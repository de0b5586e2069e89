// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"context"

	"clearway/internal/topo"
)

// router is a lab with the contenders loaded for its router.
type router struct {
	lab        *lab
	contenders *contendersObjects
}

func (b *bench) newRouter(ctx context.Context, spec topo.HostSpec) (*router, error) {
	l, err := newLab(ctx, spec)
	if err != nil {
		return nil, err
	}
	b.later(l.Close)
	c, err := newContenders(l)
	if err != nil {
		return nil, err
	}
	b.later(c.Close)
	return &router{l, c}, nil
}
