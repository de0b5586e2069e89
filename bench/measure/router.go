// SPDX-License-Identifier: Apache-2.0

package measure

import "context"

// router is a lab with the contenders loaded for its router.
type router struct {
	lab        *lab
	contenders *contendersObjects
}

func (b *bench) newRouter(ctx context.Context) (*router, error) {
	l, err := newLab(ctx)
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
