// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"fmt"
	"strings"
	"time"

	"clearway/internal/control"
)

// scene is one kind of traffic, and what should become of it.
type scene struct {
	name   string
	send   send
	reason string // with which its packets should leave the pipeline
	more   bool   // as may others that come of them, such as acknowledgements
}

// send sends packets and tells how many, and how it went.
type send func(context.Context, *stage) (packets uint64, result string, err error)

// run plays a scene and adds its row.
func (s *stage) run(ctx context.Context, sc scene, t *table) error {
	before, err := s.counts(ctx, "eth0")
	if err != nil {
		return err
	}
	packets, result, err := sc.send(ctx, s)
	if err != nil {
		t.row(sc.name, "FAILED", err.Error())
		return err
	}
	after, err := s.counts(ctx, "eth0")
	if err != nil {
		return err
	}
	became := difference(before, after)
	if err := sc.check(packets, became); err != nil {
		t.row(sc.name, "FAILED", err.Error())
		return err
	}
	t.row(sc.name, result, became.String())
	return nil
}

// check compares the counts with what the scene should have made of them. The
// kernel of the lab sends packets of its own now and then, so that reasons for
// which Linux gets a packet may count more.
func (sc scene) check(packets uint64, became reasons) error {
	got := became[sc.reason]
	if got < packets || got > packets && !sc.more && !toLinux(sc.reason) {
		return fmt.Errorf("%d packets %s, not %d: %s", got, sc.reason, packets, became)
	}
	for reason, n := range became {
		if reason != sc.reason && !toLinux(reason) {
			return fmt.Errorf("%d packets %s, which none should be", n, reason)
		}
	}
	return nil
}

func toLinux(reason string) bool { return strings.HasPrefix(reason, "pass_") }

// counts are the packets of an interface by reason, once all that was received
// has one.
func (s *stage) counts(ctx context.Context, name string) (reasons, error) {
	for {
		status, err := s.daemon.client.Status(ctx)
		if err != nil {
			return nil, err
		}
		for _, i := range status.Interfaces {
			if i.Name == name && settled(i) {
				counts := reasons{}
				for reason, c := range i.Reasons {
					counts[reason] = c.Packets
				}
				return counts, nil
			}
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for the counters: %w", ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func settled(i control.Interface) bool {
	var sum uint64
	for _, c := range i.Reasons {
		sum += c.Packets
	}
	return sum == i.Received.Packets
}
