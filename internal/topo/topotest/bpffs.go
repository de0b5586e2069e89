// SPDX-License-Identifier: Apache-2.0

package topotest

import (
	"io/fs"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"clearway/internal/testkit"
)

// BPFFS mounts a BPF file system of the test's own in a temporary directory
// and returns the directory. It is unmounted when the test ends, and with it
// goes all that was pinned there. The test needs root.
func BPFFS(t testing.TB) string {
	t.Helper()
	testkit.RequireRoot(t)
	dir := t.TempDir()
	if err := unix.Mount("bpf", dir, "bpf", 0, "mode=0700"); err != nil {
		t.Fatalf("mounting a bpffs at %s: %v", dir, err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Errorf("unmounting %s, someone still uses it: %v", dir, err)
			unix.Unmount(dir, unix.MNT_DETACH) // so that the directory can go
		}
	})
	return dir
}

// Pins returns the paths, below dir, of all that is pinned there, but for the
// two iterators that the kernel itself puts at the top.
func Pins(t testing.TB, dir string) []string {
	t.Helper()
	var pins []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		path, err = filepath.Rel(dir, path)
		if path != "maps.debug" && path != "progs.debug" {
			pins = append(pins, path)
		}
		return err
	})
	if err != nil {
		t.Fatalf("listing pins: %v", err)
	}
	return pins
}
