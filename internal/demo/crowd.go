// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"clearway/internal/topo"
)

// crowd are the visitors, who all come from one host. One goroutine leads it.
type crowd struct {
	from     *topo.Host
	killed   func(server string) bool
	visitors []*visitor
	leaving  chan struct{}
	leave    func() // lets all end their request and waits for them
}

func newCrowd(from *topo.Host, killed func(server string) bool) *crowd {
	c := &crowd{from: from, killed: killed, leaving: make(chan struct{})}
	c.leave = sync.OnceFunc(func() {
		close(c.leaving)
		for _, v := range c.visitors {
			<-v.ended
		}
	})
	return c
}

// scatter breaks what is still open.
func (c *crowd) scatter() {
	for _, v := range c.visitors {
		v.conn.Close()
	}
	c.leave()
}

// present are the visitors that have not ended.
func (c *crowd) present() []*visitor {
	return slices.DeleteFunc(slices.Clone(c.visitors), (*visitor).hasEnded)
}

// enter opens connections and returns them when each has been answered, or has
// failed.
func (c *crowd) enter(ctx context.Context, n int) ([]*visitor, error) {
	before := len(c.visitors)
	err := c.from.Do(func() error {
		var d net.Dialer
		for range n {
			conn, err := d.DialContext(ctx, "tcp", serviceAt.String())
			if err != nil {
				return fmt.Errorf("connecting to the service: %w", err)
			}
			v := newVisitor(conn)
			c.visitors = append(c.visitors, v)
			go v.visit(c.leaving, c.killed)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	entered := c.visitors[before:]
	return entered, c.proceed(ctx, entered, 1)
}

// proceed waits until all of the visitors have so many more answers, but for those
// that end.
func (c *crowd) proceed(ctx context.Context, visitors []*visitor, answers uint64) error {
	wanted := make([]uint64, len(visitors))
	for i, v := range visitors {
		wanted[i] = v.answers.Load() + answers
	}
	for i, v := range visitors {
		for v.answers.Load() < wanted[i] && !v.hasEnded() {
			select {
			case <-ctx.Done():
				return fmt.Errorf("waiting for answers: %w", ctx.Err())
			case <-time.After(5 * time.Millisecond):
			}
		}
	}
	return nil
}
