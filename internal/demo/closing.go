// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"syscall"
	"time"

	"clearway/dataplane"
	"clearway/internal/topo"
)

// restarts ends and starts the daemon while a flow passes.
func (s *stage) restarts(ctx context.Context) error {
	fmt.Fprintln(s.out, "\nThe daemon is ended and started again, under 50,000 packets a second:")
	fmt.Fprintln(s.out)
	flow, err := s.flow("server1", topo.DemoServer14, 50_000).Start(ctx)
	if err != nil {
		return fmt.Errorf("starting a flow: %w", err)
	}
	stop := []func() error{
		func() error { return s.daemon.end(syscall.SIGTERM) },
		func() error { return s.daemon.start(ctx) },
		func() error { return s.daemon.end(syscall.SIGKILL) },
		func() error { return s.daemon.start(ctx) },
	}
	var failed error
	for _, step := range stop {
		if failed = step(); failed != nil {
			break
		}
		time.Sleep(200 * time.Millisecond)
	}
	report, err := flow.Stop()
	if err := errors.Join(failed, err, report.Err()); err != nil {
		return fmt.Errorf("restarting under load: %w", err)
	}
	t := newTable(s.out, "restart", "sent", "arrived", "lost", "doubled", "altered")
	t.row("SIGTERM, then SIGKILL", count(report.Sent), count(report.Received), count(report.Lost), count(report.Doubled), count(report.Altered))
	t.flush()
	return nil
}

func count(n uint64) string { return strconv.FormatUint(n, 10) }

// totals prints the interfaces as they stand at the end.
func (s *stage) totals(ctx context.Context) error {
	status, err := s.daemon.client.Status(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(s.out, "\nAll in all:")
	fmt.Fprintln(s.out)
	t := newTable(s.out, "interface", "mode", "received", "fast path", "to Linux", "dropped", "lost")
	defer t.flush()
	var lost uint64
	for _, i := range status.Interfaces {
		by := map[string]uint64{}
		for name, c := range i.Reasons {
			reason, known := dataplane.ParseReason(name)
			if !known {
				return fmt.Errorf("the daemon counts %s, which is no reason", name)
			}
			by[reason.Verdict()] += c.Packets
		}
		t.row(i.Name, i.Mode, count(i.Received.Packets), count(by["redirect"]), count(by["pass"]), count(by["drop"]), count(i.LostAfterEmit))
		lost += i.LostAfterEmit
	}
	if lost > 0 {
		return fmt.Errorf("%d packets were lost after they were sent on", lost)
	}
	return nil
}
