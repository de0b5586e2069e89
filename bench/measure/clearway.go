// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"clearway/dataplane"
	"clearway/internal/config"
	"clearway/internal/netstate"
	"clearway/internal/plan"
)

// clearway is Clearway on a lab's router, as its daemon would have it.
type clearway struct {
	dataplane *dataplane.Dataplane
	decide    *ebpf.Program
}

// newClearway starts Clearway on a lab's ingress, with what else is configured.
func (b *bench) newClearway(ctx context.Context, l *lab, c *config.Config) (*clearway, error) {
	dir, err := b.mountBPFFS()
	if err != nil {
		return nil, err
	}
	c.Interfaces = []config.Interface{{Name: l.ingress.Name, Mode: dataplane.Native}}
	started := new(clearway)
	err = l.Host(routerHost).Do(func() error {
		if started.dataplane, err = dataplane.Open(dataplane.Config{BPFFS: dir}); err != nil {
			return err
		}
		b.later(started.dataplane.Close)
		return apply(ctx, started.dataplane, c)
	})
	if err != nil {
		return nil, fmt.Errorf("starting Clearway: %w", err)
	}
	if started.decide, err = pinnedDecide(dir); err != nil {
		return nil, fmt.Errorf("finding Clearway's program: %w", err)
	}
	b.later(started.decide.Close)
	return started, nil
}

// apply makes the calling thread's namespace what the config says.
func apply(ctx context.Context, d *dataplane.Dataplane, c *config.Config) error {
	view, err := netstate.Read(ctx)
	if err != nil {
		return err
	}
	hops, err := netstate.NextHops(ctx, plan.Addresses(c))
	if err != nil {
		return err
	}
	state, _, err := plan.Build(plan.Input{Config: c, View: view, NextHops: hops})
	if err != nil {
		return err
	}
	if _, err := d.Apply(ctx, state); err != nil {
		return err
	}
	_, err = d.Tick(ctx)
	return err
}

func pinnedDecide(dir string) (*ebpf.Program, error) {
	pins, err := filepath.Glob(filepath.Join(dir, "gen-*", "progs", "decide"))
	if err != nil {
		return nil, err
	}
	if len(pins) != 1 {
		return nil, fmt.Errorf("%d pins under %s, want 1", len(pins), dir)
	}
	return ebpf.LoadPinnedProgram(pins[0], nil)
}

// mountBPFFS mounts a file system for pins. All that is pinned goes with it.
func (b *bench) mountBPFFS() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "clearway-bench-"); err != nil {
		return "", fmt.Errorf("making a directory for pins: %w", err)
	}
	b.later(func() error { return os.Remove(dir) })
	if err := unix.Mount("bpf", dir, "bpf", 0, "mode=0700"); err != nil {
		return "", fmt.Errorf("mounting a file system for pins (are you root?): %w", err)
	}
	b.later(func() error { return unix.Unmount(dir, 0) })
	return dir, nil
}

// counts proves that all packets left Clearway for one reason.
func (c *clearway) counts(reason dataplane.Reason) proof {
	return func(packets uint64, f func() error) error {
		before, err := c.count(reason)
		if err != nil {
			return err
		}
		if err := f(); err != nil {
			return err
		}
		after, err := c.count(reason)
		if err != nil {
			return err
		}
		if got := after - before; got != packets {
			return fmt.Errorf("%d of %d packets left Clearway as %s", got, packets, reason)
		}
		return nil
	}
}

func (c *clearway) count(reason dataplane.Reason) (uint64, error) {
	stats, err := c.dataplane.Stats()
	if err != nil {
		return 0, err
	}
	if len(stats.Ports) != 1 {
		return 0, errors.New("the data path has other ports than one")
	}
	return stats.Ports[0].Reasons[reason].Packets, nil
}

// newBalancer starts Clearway with services, whose slots are settled and whose
// backends' next hops are known.
func (b *bench) newBalancer(ctx context.Context, l *lab, services []service) (*clearway, error) {
	config, err := balanceConfig(services)
	if err != nil {
		return nil, err
	}
	c, err := b.newClearway(ctx, l, config)
	if err != nil {
		return nil, err
	}
	stats, err := c.dataplane.Services()
	if err != nil {
		return nil, err
	}
	if len(stats) != len(services) {
		return nil, fmt.Errorf("starting Clearway: %d services, want %d", len(stats), len(services))
	}
	for _, s := range stats {
		if s.Settled != tableSize {
			return nil, fmt.Errorf("starting Clearway: service %s has %d settled slots, want %d", s.Name, s.Settled, tableSize)
		}
		for _, backend := range s.Backends {
			if !backend.Resolved || !backend.Accept {
				return nil, fmt.Errorf("starting Clearway: backend %v of service %s is not ready: %+v", backend.Address, s.Name, backend)
			}
		}
	}
	return c, nil
}
