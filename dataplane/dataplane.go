// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"

	"github.com/cilium/ebpf/rlimit"
)

// Config says where a Dataplane keeps its pins.
type Config struct {
	BPFFS   string       // pin directory, on a BPF file system; made with mode 0700
	Log     *slog.Logger // nil: nothing is logged
	Version string       // of the program, for the manifest
}

// Dataplane is the live data path, as opposed to the [State] that it should be
// in.
//
// All methods may be called concurrently; one that changes something waits for
// the others. They must run on a thread in the network namespace of the ports.
type Dataplane struct {
	root    root
	log     *slog.Logger
	version string

	mu       sync.Mutex // all below
	lock     *os.File   // of the writer; nil when opened for reading
	manifest manifest   // as last written
	gen      *generation
	links    map[string]*portLink
	counts   *counts
	twin     *twin
	state    State
	hook     func(step string) error // see transaction
}

// Open takes over what is pinned, if anything, and changes nothing of it: the
// first Apply does. It returns ErrNoBPFFS, ErrBusy when another process holds
// the directory, or ErrForeignNamespace.
func Open(c Config) (*Dataplane, error) {
	d := newDataplane(c)
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, advise("raising the limit of locked memory", err)
	}
	lock, err := d.root.create()
	if err != nil {
		return nil, err
	}
	if err := d.readManifest(); err != nil && !errors.Is(err, ErrNotLoaded) {
		lock.Close()
		return nil, err
	}
	d.lock = lock
	return d, nil
}

// OpenReadOnly opens what is pinned for Stats and Explain, beside the process
// that changes it. It returns ErrNotLoaded when nothing is pinned.
func OpenReadOnly(bpffs string) (*Dataplane, error) {
	d := newDataplane(Config{BPFFS: bpffs})
	if err := d.readManifest(); err != nil {
		return nil, err
	}
	counts, err := openCounts(d.root, d.manifest.Generation)
	if err != nil {
		return nil, err
	}
	d.counts = counts
	return d, nil
}

func newDataplane(c Config) *Dataplane {
	if c.Log == nil {
		c.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	return &Dataplane{root: root(c.BPFFS), log: c.Log, version: c.Version, links: map[string]*portLink{}}
}

// readManifest refuses one of another network namespace.
func (d *Dataplane) readManifest() error {
	m, err := d.root.readManifest()
	if err != nil {
		return err
	}
	here, err := netns()
	if err != nil {
		return err
	}
	if m.Netns != here {
		return fmt.Errorf("%s: %w: use another bpffs directory for this one", string(d.root), ErrForeignNamespace)
	}
	d.manifest = *m
	return nil
}

// Close releases what the process holds. The data path stays as it is.
func (d *Dataplane) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.links {
		l.link.Close()
	}
	d.links = nil
	d.dropTwin()
	if d.counts != nil {
		d.counts.close()
	}
	if d.gen != nil {
		d.gen.close()
		d.gen = nil
	}
	if d.lock != nil {
		return d.lock.Close()
	}
	return nil
}
