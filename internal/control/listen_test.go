// SPDX-License-Identifier: Apache-2.0

package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"clearway/internal/testkit"
)

func TestSecondInstance(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clearway.sock")
	first, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Listen(path)
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), fmt.Sprintf("process %d ", os.Getpid())) {
		t.Errorf("second Listen: %v, want ErrInUse naming process %d", err, os.Getpid())
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the second instance took the first one's socket away: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Listen(path)
	if err != nil {
		t.Fatalf("after the first has gone: %v", err)
	}
	if err := errors.Join(again.Close(), again.Close()); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clearway.sock")
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	stale.Close()
	if _, err := NewClient(path).Status(context.Background()); !errors.Is(err, ErrNotRunning) {
		t.Errorf("client on a stale socket: %v, want ErrNotRunning", err)
	}
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

func TestListenSparesOtherFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clearway.sock")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err := Listen(path); err == nil {
		l.Close()
		t.Fatal("Listen replaced a file that is no socket")
	}
	if data, _ := os.ReadFile(path); string(data) != "precious" {
		t.Errorf("the file now holds %q", data)
	}
}

func TestSocketMode(t *testing.T) {
	testkit.RequireRoot(t)
	own, err := user.LookupGroupId("1") // some group other than root's
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		group string
		mode  os.FileMode
		gid   uint32
	}{
		{own.Name, 0o660, 1},
		{"no-such-group", 0o600, 0},
	} {
		path := filepath.Join(t.TempDir(), "s")
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if err := share(path, row.group); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if gid := info.Sys().(*syscall.Stat_t).Gid; info.Mode().Perm() != row.mode || gid != row.gid {
			t.Errorf("group %s: mode %o, gid %d; want %o, %d", row.group, info.Mode().Perm(), gid, row.mode, row.gid)
		}
	}
}

// Between bind(2) and the change of owner nobody else must get in.
func TestSocketIsPrivateAtFirst(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	path := filepath.Join(t.TempDir(), "s")
	l, err := listenPrivate(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode().Perm(), err)
	}
}

func TestNoDaemon(t *testing.T) {
	_, err := NewClient(filepath.Join(t.TempDir(), "clearway.sock")).Status(context.Background())
	if !errors.Is(err, ErrNotRunning) {
		t.Errorf("got %v, want ErrNotRunning", err)
	}
}
