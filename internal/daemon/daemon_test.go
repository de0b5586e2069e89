// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"clearway/dataplane"
	"clearway/internal/control"
)

// instance is a daemon that runs in this process, over fakes.
type instance struct {
	*testing.T
	dataplane *fakeDataplane
	machine   *fakeMachine
	health    *fakeHealth
	prober    *fakeProber
	dir       string
	client    *control.Client
	log       *lockedBuffer
	told      chan string // the service manager
	stop      context.CancelFunc
	done      chan struct{} // closed when it has ended, with:
	err       error
}

const twoPorts = `
interfaces: [{name: eth0}, {name: eth1}]
forward: {allow: [198.51.100.0/24]}
`

// newInstance prepares a daemon with a configuration, to be started.
func newInstance(t *testing.T, text string) *instance {
	i := &instance{T: t, dataplane: &fakeDataplane{}, machine: newFakeMachine("eth0", "eth1", "eth2"),
		health: newFakeHealth(), prober: &fakeProber{}, dir: t.TempDir(),
		log: &lockedBuffer{}, told: make(chan string, 100), done: make(chan struct{})}
	i.client = control.NewClient(i.socket())
	i.write(text)
	return i
}

func (i *instance) socket() string { return filepath.Join(i.dir, "clearway.sock") }
func (i *instance) file() string   { return filepath.Join(i.dir, "clearway.yaml") }

// write puts a text into the configuration file, below paths of its own.
func (i *instance) write(text string) {
	i.Helper()
	if err := os.WriteFile(i.file(), []byte(i.config(text)), 0o600); err != nil {
		i.Fatal(err)
	}
}

func (i *instance) config(text string) string {
	return fmt.Sprintf("runtime: {bpffs: %s/bpf, socket: %s, metrics: off}\n%s", i.dir, i.socket(), text)
}

// run runs the daemon until it ends.
func (i *instance) run(ctx context.Context) error {
	return run(ctx, Options{ConfigFile: i.file(), Version: "test", Log: i.log}, world{
		machine:        i.machine,
		open:           func(dataplane.Config) (Dataplane, error) { return i.dataplane, nil },
		newProber:      func() (Prober, error) { return i.prober, i.prober.missing },
		newHealth:      func(*slog.Logger) Health { return i.health },
		notify:         func(state string) error { i.told <- state; return nil },
		dropPrivileges: func([]uint) error { return nil },
	})
}

// start returns when the daemon is ready. It is stopped when the test ends.
func (i *instance) start() *instance {
	i.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	i.stop = cancel
	go func() {
		defer close(i.done)
		i.err = i.run(ctx)
	}()
	i.Cleanup(func() {
		cancel()
		if <-i.done; i.err != nil {
			i.Errorf("the daemon ended with: %v", i.err)
		}
	})
	i.expectTold("READY=1")
	return i
}

func (i *instance) expectTold(want string) {
	i.Helper()
	select {
	case got := <-i.told:
		if !strings.HasPrefix(got, want) {
			i.Fatalf("the service manager was told %q, want %q", got, want)
		}
	case <-i.done:
		select {
		case got := <-i.told: // just before
			if strings.HasPrefix(got, want) {
				return
			}
		default:
		}
		i.Fatalf("the daemon ended, and the service manager was not told %q: %v", want, i.err)
	case <-time.After(10 * time.Second):
		i.Fatalf("the service manager was not told %q\n%s", want, i.log)
	}
}

// eventually waits for a condition.
func (i *instance) eventually(what string, holds func() bool) {
	i.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			i.Fatalf("never: %s\n%s", what, i.log)
		}
	}
}

func (i *instance) status() control.Status {
	i.Helper()
	s, err := i.client.Status(context.Background())
	if err != nil {
		i.Fatal(err)
	}
	return s
}

// lockedBuffer is a log that can be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestLife(t *testing.T) {
	i := newInstance(t, twoPorts).start()
	s := i.status()
	if s.Version != "test" || s.Generation != 1 || s.Daemon == nil || s.Daemon.PID != os.Getpid() ||
		s.Daemon.Config != i.file() || s.Daemon.Applies != (control.Applies{OK: 1}) || s.Daemon.LastApply.Error != "" {
		t.Errorf("status: %+v, %+v", s, s.Daemon)
	}
	want := control.Interface{Name: "eth0", Ifindex: 1, Mode: "native", State: "attached",
		Received: control.Counter{Packets: 2, Bytes: 120}, Reasons: map[string]control.Counter{"forward": {Packets: 2, Bytes: 120}}}
	if diff := cmp.Diff(want, s.Interfaces[0]); diff != "" || len(s.Interfaces) != 2 {
		t.Errorf("interfaces: %+v\n%s", s.Interfaces, diff)
	}
	i.stop()
	i.expectTold("STOPPING=1")
	<-i.done
	if !i.dataplane.closed {
		t.Error("the data path was not closed")
	}
	if _, err := os.Stat(i.socket()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}

func TestFailedStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, row := range []struct {
		name    string
		prepare func(*instance)
		want    string
	}{
		{"no file", func(i *instance) { os.Remove(i.file()) }, "reading the configuration"},
		{"bad file", func(i *instance) { i.write("interfaces: 7") }, "has errors"},
		{"unknown interface", func(i *instance) { i.write("interfaces: [{name: eth9}]") }, "has errors"},
		{"apply fails", func(i *instance) { i.dataplane.fail = errors.New("no memory") }, "no memory"},
		{"metrics taken", func(i *instance) {
			text := strings.Replace(i.config(twoPorts), "off", taken.Addr().String(), 1)
			if err := os.WriteFile(i.file(), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "address already in use"},
	} {
		t.Run(row.name, func(t *testing.T) {
			i := newInstance(t, twoPorts)
			row.prepare(i)
			err := i.run(context.Background())
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %q in it", err, row.want)
			}
			if len(i.dataplane.applied) > 0 || len(i.told) > 0 {
				t.Errorf("applied %v, told %d", i.dataplane.applied, len(i.told))
			}
		})
	}
}

func TestSecondDaemon(t *testing.T) {
	i := newInstance(t, twoPorts).start()
	second := newInstance(t, twoPorts)
	second.dir = i.dir
	second.write(twoPorts)
	if err := second.run(context.Background()); !errors.Is(err, control.ErrInUse) {
		t.Errorf("got %v, want ErrInUse", err)
	}
	if len(second.dataplane.applied) > 0 {
		t.Error("the second daemon changed the data path")
	}
	i.status() // the first one still answers
}

func TestHangupReloads(t *testing.T) {
	i := newInstance(t, twoPorts).start()
	hangup := func() {
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		i.expectTold("RELOADING=1\nMONOTONIC_USEC=")
		i.expectTold("READY=1")
	}
	i.write("interfaces: [{name: eth2}]")
	hangup()
	if got := i.dataplane.ports(); !slices.Equal(got, []string{"eth2"}) {
		t.Errorf("after SIGHUP the ports are %v", got)
	}
	i.write("interfaces: [{name: eth2}, {name: eth2}]")
	hangup()
	if got := i.status().Daemon; got.Applies != (control.Applies{OK: 2, Failed: 1}) || got.LastApply.Error == "" {
		t.Errorf("after SIGHUP with a bad file: %+v", got)
	}
	if log := i.log.String(); !strings.Contains(log, "reload failed") || !strings.Contains(log, "line=2") {
		t.Errorf("the log does not say what is wrong:\n%s", log)
	}
}
