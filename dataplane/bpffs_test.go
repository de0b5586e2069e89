// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"clearway/internal/testkit"
	"clearway/internal/topo/topotest"
)

func TestNoBPFFS(t *testing.T) {
	testkit.RequireRoot(t)
	dir := t.TempDir()
	for _, path := range []string{dir, dir + "/not/there/yet"} {
		_, err := Open(Config{BPFFS: path})
		if !errors.Is(err, ErrNoBPFFS) || !strings.Contains(err.Error(), "mount -t bpf") || !strings.Contains(err.Error(), path) {
			t.Errorf("Open: %v", err)
		}
	}
	if _, err := Detach(dir, nil); !errors.Is(err, ErrNoBPFFS) {
		t.Errorf("Detach: %v", err)
	}
	if _, err := OpenReadOnly(dir); !errors.Is(err, ErrNotLoaded) {
		t.Errorf("OpenReadOnly: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left in the directory: %v %v", left, err)
	}
}

func TestReadOnlyBPFFS(t *testing.T) {
	r := newRouter(t, Native)
	r.apply(r.state)
	stream := startFlow(t, r, flowRate)
	mountFlags(t, filepath.Dir(r.bpffs), unix.MS_RDONLY)
	defer mountFlags(t, filepath.Dir(r.bpffs), 0)

	before := r.snapshot()
	bigger := r.state
	bigger.Limits.Ifindex = 1000
	if _, err := r.tryApply(bigger); !errors.Is(err, unix.EROFS) || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("a new generation: %v", err)
	}
	r.checkSnapshot(before)
	if err := r.dp.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{BPFFS: filepath.Dir(r.bpffs) + "/another"}); !errors.Is(err, unix.EROFS) {
		t.Errorf("a new directory: %v", err)
	}
	r.open()
	if _, err := r.tryApply(r.state); !errors.Is(err, unix.EROFS) {
		t.Errorf("a restart: %v", err)
	}
	if got := r.snapshotOfPins(); !slices.Equal(got, before.Pins) {
		t.Errorf("pinned are %v, were %v", got, before.Pins)
	}

	mountFlags(t, filepath.Dir(r.bpffs), 0)
	r.apply(bigger)
	checkMaps(t, r.dp, bigger)
	stopFlow(t, r, stream)
}

func mountFlags(t *testing.T, dir string, flags uintptr) {
	t.Helper()
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_BIND|flags, ""); err != nil {
		t.Fatal(err)
	}
}

func TestSecondInstance(t *testing.T) {
	r := newRouter(t, Native)
	second := func() error {
		d, err := Open(Config{BPFFS: r.bpffs})
		if err == nil {
			d.Close()
		}
		return err
	}
	r.do(func() error {
		if err := second(); !errors.Is(err, ErrBusy) {
			t.Errorf("before the first Apply: %v", err)
		}
		return nil
	})
	r.apply(r.state)
	before := r.snapshot()
	r.do(func() error {
		if err := second(); !errors.Is(err, ErrBusy) {
			t.Errorf("after it: %v", err)
		}
		if _, err := Detach(r.bpffs, nil); !errors.Is(err, ErrBusy) {
			t.Errorf("Detach: %v", err)
		}
		return nil
	})
	r.checkSnapshot(before)
}

func TestForeignNamespace(t *testing.T) {
	r := newRouter(t, Native)
	r.apply(r.state)
	before := r.snapshot()
	elsewhere := func(fn func()) {
		r.Host("client").Do(func() error { fn(); return nil })
	}
	elsewhere(func() {
		if _, err := r.dp.Apply(context.Background(), r.state); !errors.Is(err, ErrForeignNamespace) {
			t.Errorf("Apply: %v", err)
		}
		if _, err := OpenReadOnly(r.bpffs); !errors.Is(err, ErrForeignNamespace) {
			t.Errorf("OpenReadOnly: %v", err)
		}
	})
	r.checkSnapshot(before)
	if err := r.dp.Close(); err != nil {
		t.Fatal(err)
	}
	elsewhere(func() {
		if _, err := Open(Config{BPFFS: r.bpffs}); !errors.Is(err, ErrForeignNamespace) || !strings.Contains(err.Error(), "another bpffs directory") {
			t.Errorf("Open: %v", err)
		}
		for _, ports := range [][]string{{"eth0"}, nil} {
			if gone, err := Detach(r.bpffs, ports); !errors.Is(err, ErrForeignNamespace) || len(gone) > 0 {
				t.Errorf("Detach %v: %v, %v", ports, gone, err)
			}
		}
	})
	r.open() // the lock is free again, and nothing was detached
	if ids := r.linkIDs(); len(ids) != 3 {
		t.Errorf("links %v", ids)
	}
	r.apply(r.state)
}

// Without its capabilities a thread of root is as good as any user's.
func TestMissingPrivileges(t *testing.T) {
	r := newRouter(t, Native)
	before := openFiles(t)
	r.do(func() error {
		if err := dropCapabilities(); err != nil {
			return err
		}
		_, err := r.dp.Apply(context.Background(), r.state)
		if !errors.Is(err, unix.EPERM) || !strings.Contains(err.Error(), "CAP_BPF") {
			t.Errorf("Apply: %v", err)
		}
		return nil
	})
	if after := openFiles(t); after != before {
		t.Errorf("%d open files, were %d", after, before)
	}
	if pins := topotest.Pins(t, r.bpffs); len(pins) > 0 {
		t.Errorf("left: %v", pins)
	}
	r.apply(r.state)

	// Nor can it change what is there.
	r.restart()
	programs := r.programs()
	r.do(func() error {
		if err := dropCapabilities(); err != nil {
			return err
		}
		for try := range 3 {
			if _, err := r.dp.Apply(context.Background(), r.state); !errors.Is(err, unix.EPERM) || !strings.Contains(err.Error(), "CAP_BPF") {
				t.Errorf("Apply over what is there: %v", err)
			}
			if try == 0 { // what it has opened to take over
				before = openFiles(t)
			}
		}
		return nil
	})
	if after := openFiles(t); after > before {
		t.Errorf("%d open files after failures, were %d", after, before)
	}
	if now := r.programs(); !sameIDs(now, programs) {
		t.Errorf("attached are %v, were %v", now, programs)
	}
	r.apply(r.state)
	r.checkAlone()
}

// dropCapabilities takes them from the calling thread, which must not be used
// for anything else afterwards.
func dropCapabilities() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	return unix.Capset(&header, &none[0])
}

func TestGenerationsAreToldByTheirNames(t *testing.T) {
	r := root(topotest.BPFFS(t))
	for _, name := range []string{"gen-7", "gen-12", "gen-x", "gen-", "9", "links"} {
		if err := os.Mkdir(string(r)+"/"+name, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	got := r.generations()
	slices.Sort(got)
	if !slices.Equal(got, []int{7, 12}) {
		t.Errorf("generations %v", got)
	}
}

// The namespace is gone, and with it the ports: what is pinned can be removed
// from anywhere.
func TestDetachWhatANamespaceLeft(t *testing.T) {
	r := newRouter(t, Native)
	r.apply(r.state)
	if err := r.dp.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.Lab.Close(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(5 * time.Second)
	for {
		_, err := Detach(r.bpffs, nil)
		if err == nil {
			break
		}
		if !errors.Is(err, ErrForeignNamespace) || time.Now().After(deadline) {
			t.Fatalf("%v", err)
		}
		time.Sleep(10 * time.Millisecond) // the kernel takes namespaces down by and by
	}
	if _, err := os.Stat(r.bpffs); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory is still there: %v", err)
	}
}
