// SPDX-License-Identifier: Apache-2.0

package balance

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"clearway/internal/control"
	"clearway/internal/topo/process"
	"clearway/internal/topo/topotest"
)

// balancer is a host of a network with the program on it: a directory for its
// files, a BPF file system, and at most one daemon.
type balancer struct {
	*network
	on     string
	dir    string
	client *control.Client
	log    *os.File // of all daemons, one after the other

	daemon *process.Daemon // nil when none runs
}

// newBalancer prepares a host. All of it is gone when the test ends, and the log
// is shown if the test failed.
func (n *network) newBalancer(on string) *balancer {
	n.t.Helper()
	b := &balancer{network: n, on: on, dir: n.t.TempDir()}
	b.client = control.NewClient(b.path("clearway.sock"))
	n.must(os.Mkdir(b.path("bpf"), 0o700))
	n.must(unix.Mount("bpf", b.path("bpf"), "bpf", 0, ""))
	var err error
	b.log, err = os.Create(b.path("log"))
	n.must(err)
	n.t.Cleanup(b.remove)
	return b
}

func (b *balancer) remove() {
	if b.daemon != nil {
		b.stop(syscall.SIGKILL)
	}
	if text, err := os.ReadFile(b.log.Name()); err == nil && b.t.Failed() {
		b.t.Logf("the log of %s:\n%s", b.on, text)
	}
	b.log.Close()
	if err := unix.Unmount(b.path("bpf"), 0); err != nil {
		b.t.Errorf("unmounting, someone still uses it: %v", err)
		unix.Unmount(b.path("bpf"), unix.MNT_DETACH)
	}
}

func (b *balancer) path(name string) string { return filepath.Join(b.dir, name) }

// write writes the configuration, for the next start.
func (b *balancer) write(c settings) {
	b.t.Helper()
	b.must(os.WriteFile(b.path("clearway.yaml"), []byte(b.text(c, b.dir)), 0o600))
}

// start starts the daemon and waits until it answers.
func (b *balancer) start() {
	b.t.Helper()
	self, err := os.Executable()
	b.must(err)
	cmd := exec.Command(self, "run", "-c", b.path("clearway.yaml"))
	cmd.Env = append(os.Environ(), topotest.AsProgram)
	cmd.Stdout, cmd.Stderr = b.log, b.log
	b.daemon, err = process.Start(b.Host(b.on), cmd)
	b.must(err)
	ctx, cancel := context.WithTimeout(b.t.Context(), 30*time.Second)
	defer cancel()
	b.must(b.daemon.Ready(ctx, b.client))
}

// run writes the configuration, starts the daemon with it and waits until all
// backends are active.
func (b *balancer) run(c settings) {
	b.t.Helper()
	b.write(c)
	b.start()
	b.await("active", names(c.servers)...)
}

func names(members []member) (names []string) {
	for _, m := range members {
		names = append(names, m.name)
	}
	return names
}

// stop ends the daemon and waits until it has ended.
func (b *balancer) stop(signal syscall.Signal) {
	b.t.Helper()
	daemon := b.daemon
	b.daemon = nil
	b.must(daemon.Stop(signal, 10*time.Second))
}

// reload applies a configuration, and leaves it for the next start.
func (b *balancer) reload(c settings) control.Reload {
	b.t.Helper()
	b.write(c)
	done, err := b.client.Reload(b.t.Context(), control.ReloadRequest{})
	b.must(err)
	return done
}

// order gives a server an order in all services.
func (b *balancer) order(order, server string) {
	b.t.Helper()
	for _, s := range b.services() {
		_, err := b.client.Order(b.t.Context(), control.OrderRequest{
			Service: s.Name, Backend: b.backend(s, server).Address, Order: order,
		})
		b.must(err)
	}
}

func (b *balancer) services() []control.Service {
	b.t.Helper()
	services, err := b.client.Services(b.t.Context())
	b.must(err)
	return services
}

// await waits until these servers are in a state, in all services.
func (b *balancer) await(state string, servers ...string) {
	b.t.Helper()
	b.awaitIn(func(control.Service) bool { return true }, state, servers...)
}

// awaitIn waits until these servers are in a state, in those services.
func (b *balancer) awaitIn(those func(control.Service) bool, state string, servers ...string) {
	b.t.Helper()
	b.within(patience, func() error {
		for _, s := range b.services() {
			if !those(s) {
				continue
			}
			for _, name := range servers {
				if got := b.backend(s, name).State; got != state {
					return fmt.Errorf("%s is %q in %s, want %s", name, got, s.Name, state)
				}
			}
		}
		return nil
	})
}

// backend is a server as a backend of a service; zero when it is none.
func (b *balancer) backend(s control.Service, server string) control.Backend {
	b.t.Helper()
	for _, backend := range s.Backends {
		a := netip.MustParseAddr(backend.Address)
		if a == b.addressOf(server, a.Is6()) {
			return backend
		}
	}
	return control.Backend{}
}

// settled waits until tables have a size, and nothing is under way in those that
// don't record all flows anyway.
func (b *balancer) settled(size int) {
	b.t.Helper()
	b.within(patience, func() error {
		for _, service := range b.services() {
			if moving := service.Slots.Moving > 0 || service.Resizing; moving || service.TableSize != size {
				return fmt.Errorf("%s has %d slots, want %d, and %+v", service.Name, service.TableSize, size, service.Slots)
			}
		}
		return nil
	})
}

// nothingDropped checks that all packets of services went to backends, and that
// there was room for all that had to be recorded.
func (b *balancer) nothingDropped() {
	b.t.Helper()
	for _, s := range b.services() {
		if s.Dropped != (control.Counter{}) || s.TrackFull != 0 {
			b.t.Errorf("%s dropped %d packets, and had no room to record %d flows", s.Name, s.Dropped.Packets, s.TrackFull)
		}
	}
}

func (b *balancer) generation() int {
	b.t.Helper()
	status, err := b.client.Status(b.t.Context())
	b.must(err)
	return status.Generation
}

// within waits until fn returns nil.
func (n *network) within(limit time.Duration, fn func() error) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), limit)
	defer cancel()
	for {
		err := fn()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			n.t.Fatalf("after %v: %v", limit, err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}
