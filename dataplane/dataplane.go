// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

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
	lock     *os.File   // of the writer; nil when opened for reading, or closed
	reader   bool       // opened for reading
	manifest manifest   // as last written, or read
	gen      *generation
	links    map[string]*portLink
	counts   *counts
	twin     *twin
	state    State
	hook     func(step string) error // see transaction
	clock    func() time.Duration    // since boot; another one in tests
	started  time.Duration           // when it was opened,
	swept    time.Duration           // and when flow records were last gone through
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
	d.lock = lock
	m, err := d.root.readManifest()
	if err == nil {
		d.manifest = *m
		err = d.checkNamespace()
	}
	if err != nil && !errors.Is(err, ErrNotLoaded) {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// OpenReadOnly opens what is pinned for Stats, Services and Explain, beside the process
// that changes it. It returns ErrNotLoaded when nothing is pinned.
func OpenReadOnly(bpffs string) (*Dataplane, error) {
	d := newDataplane(Config{BPFFS: bpffs})
	d.reader = true
	if err := d.follow(); err != nil {
		return nil, err
	}
	if err := d.checkNamespace(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func newDataplane(c Config) *Dataplane {
	if c.Log == nil {
		c.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	return &Dataplane{root: root(c.BPFFS), log: c.Log, version: c.Version, links: map[string]*portLink{},
		clock: sinceBoot, started: sinceBoot()}
}

// follow keeps a reader up with the writer. It tries again where it meets the
// writer half way: writing the manifest, or taking a generation away.
func (d *Dataplane) follow() (err error) {
	if !d.reader {
		return nil
	}
	for range 10 {
		var m *manifest
		if m, err = d.root.readManifest(); errors.Is(err, ErrNotLoaded) {
			return err
		}
		if err == nil {
			if err = d.openGeneration(m); err == nil {
				return nil
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	return err
}

// followed reads what is pinned. A reader can meet the writer half way, and then
// follows it again.
func followed[T any](d *Dataplane, read func() (T, error)) (value T, err error) {
	for range 3 {
		if err = d.follow(); err != nil {
			return value, err
		}
		if value, err = read(); err == nil || !d.reader {
			return value, err
		}
	}
	return value, err
}

func (d *Dataplane) openGeneration(m *manifest) error {
	if m.Generation != d.manifest.Generation {
		counts, err := openCounts(d.root, m.Generation, m.Reasons)
		if err != nil {
			return err
		}
		d.dropTwin()
		if d.counts != nil {
			d.counts.close()
		}
		d.counts = counts
	}
	d.manifest = *m
	return nil
}

// checkNamespace refuses to handle the ports of one namespace from another.
func (d *Dataplane) checkNamespace() error { return d.root.checkNamespace(&d.manifest) }

func (r root) checkNamespace(m *manifest) error {
	here, err := netns()
	if err != nil {
		return err
	}
	if m.Generation != 0 && m.Netns != here {
		return fmt.Errorf("%s: %w: use another bpffs directory for this one", string(r), ErrForeignNamespace)
	}
	return nil
}

// Close releases what the process holds. The data path stays as it is. Close may
// be called again.
func (d *Dataplane) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.links {
		l.link.Close()
	}
	clear(d.links)
	d.dropTwin()
	if d.counts != nil {
		d.counts.close()
	}
	if d.gen != nil {
		d.gen.close()
	}
	lock := d.lock
	d.counts, d.gen, d.lock, d.reader, d.manifest = nil, nil, nil, false, manifest{}
	if lock != nil {
		return lock.Close()
	}
	return nil
}
