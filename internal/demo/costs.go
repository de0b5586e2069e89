// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"fmt"
	"strconv"

	"clearway/dataplane"
)

// Cost is what a packet of one kind takes in the programs, in nanoseconds, net
// of running any program at all.
type Cost struct {
	Packet      string `json:"packet"`
	Nanoseconds int64  `json:"nanoseconds"`
}

// costs measures with the live tables, beside the daemon.
func (s *stage) costs(ctx context.Context) (costs []Cost, err error) {
	samples, err := s.samples()
	if err != nil {
		return nil, err
	}
	err = s.lab.Host("router").Do(func() error {
		d, err := dataplane.OpenReadOnly(s.daemon.bpffs())
		if err != nil {
			return fmt.Errorf("opening the data path: %w", err)
		}
		defer d.Close()
		for _, f := range samples {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			cost, err := d.Measure(f.ifindex, f.bytes)
			if err != nil {
				return fmt.Errorf("measuring %s: %w", f.name, err)
			}
			costs = append(costs, Cost{f.name, cost.Nanoseconds()})
		}
		return nil
	})
	return costs, err
}

func (s *stage) showCosts(ctx context.Context) error {
	fmt.Fprintln(s.out, "\nWhat a packet costs in the programs:")
	fmt.Fprintln(s.out)
	costs, err := s.costs(ctx)
	t := newTable(s.out, "packet", "ns")
	for _, c := range costs {
		t.row(c.Packet, strconv.FormatInt(c.Nanoseconds, 10))
	}
	t.flush()
	return err
}
