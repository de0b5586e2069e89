// SPDX-License-Identifier: Apache-2.0

package topotest

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"clearway/internal/testkit"
	"clearway/internal/topo"
)

func TestMain(m *testing.M) { Main(m) }

// Every kind of thing that can be left behind is seen, and not any more once
// it is gone.
func TestLeaksAreSeen(t *testing.T) {
	testkit.RequireRoot(t)
	tests := []struct {
		name, want string
		leave      func(t *testing.T) (remove func())
	}{
		{"file", "open file /dev/null", func(t *testing.T) func() {
			f, err := os.Open("/dev/null")
			if err != nil {
				t.Fatal(err)
			}
			return func() { f.Close() }
		}},
		{"BPF program", "bpf-prog", func(t *testing.T) func() { return leaveProgram(t) }},
		{"lab", "open file net:[", leaveLab},
		{"thread in a namespace", "thread in net:[", leaveLab},
		{"socket in a namespace", "open file socket:[", leaveLab},
		{"child", "child processes", func(t *testing.T) func() {
			cmd := exec.Command("sleep", "100")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			return func() { cmd.Process.Kill(); cmd.Wait() }
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := mustInventory(t)
			remove := tt.leave(t)
			if err := mustInventory(t).minus(before); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want something about %q", err, tt.want)
			}
			remove()
			deadline := time.Now().Add(5 * time.Second)
			err := mustInventory(t).minus(before)
			for err != nil && time.Now().Before(deadline) {
				time.Sleep(time.Millisecond)
				err = mustInventory(t).minus(before)
			}
			if err != nil {
				t.Errorf("after it was removed: %v", err)
			}
		})
	}
}

func mustInventory(t *testing.T) inventory {
	t.Helper()
	inv, err := takeInventory()
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

func leaveLab(t *testing.T) func() {
	lab := topo.Demo()
	if err := lab.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	return func() { lab.Close() }
}

// leaveProgram keeps the only thing a BPF file descriptor needs to be one.
func leaveProgram(t *testing.T) func() {
	fd, err := passProgram()
	if err != nil {
		t.Fatal(err)
	}
	return func() { unix.Close(fd) }
}

// The whole check, as TestMain makes it, on goroutines and on files.
func TestCheckLeaks(t *testing.T) {
	before := inventory{}
	for name, n := range mustInventory(t) {
		before[name] = n
	}
	f, err := os.Open("/dev/zero")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := mustInventory(t).minus(before); err == nil {
		t.Error("the file wasn't seen")
	}
	end := make(chan struct{})
	defer close(end)
	go func() { <-end }()
	if err := checkLeaks(before, 0); err == nil || !strings.Contains(err.Error(), "goroutine") {
		t.Errorf("got %v, want something about the goroutine", err)
	}
}

func TestBPFFS(t *testing.T) {
	var dir string
	t.Run("mounted", func(t *testing.T) {
		dir = BPFFS(t)
		var fs unix.Statfs_t
		if err := unix.Statfs(dir, &fs); err != nil || fs.Type != unix.BPF_FS_MAGIC {
			t.Fatalf("type %x, %v", fs.Type, err)
		}
		if pins := Pins(t, dir); len(pins) != 0 {
			t.Errorf("a new bpffs has %v", pins)
		}
		if err := os.MkdirAll(filepath.Join(dir, "a", "b"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("x", filepath.Join(dir, "a", "pin")); err != nil {
			t.Fatal(err)
		}
		if pins := Pins(t, dir); !slices.Equal(pins, []string{"a/pin"}) {
			t.Errorf("got %v", pins)
		}
	})
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	if dir == "" || strings.Contains(string(mounts), dir) {
		t.Errorf("%q is still mounted", dir)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", dir, err)
	}
}

func TestNew(t *testing.T) {
	var lab *topo.Lab
	t.Run("up", func(t *testing.T) {
		lab = New(t, topo.Demo())
		if _, err := lab.Host("client").Interface("eth0"); err != nil {
			t.Error(err)
		}
	})
	defer func() {
		if recover() == nil {
			t.Error("the lab is still up after the test")
		}
	}()
	lab.Host("client")
}
