// SPDX-License-Identifier: Apache-2.0

//go:build kernels

package smoke

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMain refuses every machine but a guest, whose first process is init.
func TestMain(m *testing.M) {
	if _, err := os.Stat("/plan.json"); err != nil || os.Getppid() != 1 {
		os.Stderr.WriteString("smoke: not in a guest of test/kernels: run go run ./test/kernels -set smoke\n")
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func TestRelease(t *testing.T) {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		t.Fatal(err)
	}
	release := unix.ByteSliceToString(name.Release[:])
	want := os.Getenv("CLEARWAY_KERNEL")
	if want == "" || !strings.HasPrefix(release, want+".") {
		t.Errorf("the kernel is %q, want %q", release, want)
	}
}

func TestMounts(t *testing.T) {
	for dir, magic := range map[string]int64{
		"/proc":               unix.PROC_SUPER_MAGIC,
		"/sys":                unix.SYSFS_MAGIC,
		"/sys/fs/bpf":         unix.BPF_FS_MAGIC,
		"/sys/kernel/tracing": unix.TRACEFS_MAGIC,
		"/tmp":                unix.TMPFS_MAGIC,
		"/run":                unix.TMPFS_MAGIC,
	} {
		checkMagic(t, dir, magic)
	}
}

func TestSecondBPFFS(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("bpf", dir, "bpf", 0, ""); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(dir, 0)
	checkMagic(t, dir, unix.BPF_FS_MAGIC)
	if err := os.Mkdir(filepath.Join(dir, "links"), 0o700); err != nil {
		t.Error(err)
	}
}

func checkMagic(t *testing.T, dir string, want int64) {
	t.Helper()
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		t.Errorf("%s: %v", dir, err)
	} else if fs.Type != want {
		t.Errorf("%s is of type %#x, want %#x", dir, fs.Type, want)
	}
}

func TestKernelHasBTF(t *testing.T) {
	data, err := os.ReadFile("/sys/kernel/btf/vmlinux")
	if err != nil {
		t.Fatal(err)
	}
	// Magic number of BTF in little endian (Linux Documentation/bpf/btf.rst).
	if !bytes.HasPrefix(data, []byte{0x9f, 0xeb}) {
		t.Errorf("BTF begins with % x", data[:2])
	}
}

func TestJITIsOn(t *testing.T) {
	data, err := os.ReadFile("/proc/sys/net/core/bpf_jit_enable")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(string(data)); got != "1" {
		t.Errorf("bpf_jit_enable is %s, want 1", got)
	}
}

func TestLoopbackIsUp(t *testing.T) {
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	if lo.Flags&net.FlagUp == 0 {
		t.Errorf("lo is %v", lo.Flags)
	}
}
