// SPDX-License-Identifier: Apache-2.0

package xsk_test

import (
	"bytes"
	"errors"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"clearway/internal/testkit"
	"clearway/xsk"
	"clearway/xsk/xskprog"
)

// These tests change what the machine gives to sockets: huge pages, memory to
// lock, busy polling.

const hugePagesFile = "/proc/sys/vm/nr_hugepages"

// setHugePages sets the number of huge pages until the test ends.
func setHugePages(t *testing.T, n int) {
	t.Helper()
	old, err := os.ReadFile(hugePagesFile)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.WriteFile(hugePagesFile, old, 0) })
	if err := os.WriteFile(hugePagesFile, strconv.AppendInt(nil, int64(n), 10), 0); err != nil {
		t.Fatal(err)
	}
	now, _ := os.ReadFile(hugePagesFile)
	if got, _ := strconv.Atoi(string(bytes.TrimSpace(now))); got < n {
		testkit.Skip(t, "needs memory for %d huge pages, there is some for %d", n, got)
	}
}

// Huge pages are used where there are some; where there are none, ordinary
// ones are, and that is told.
func TestHugePages(t *testing.T) {
	testkit.RequireRoot(t)
	for _, pages := range []int{0, 12} {
		setHugePages(t, pages)
		u := newUMEM(t, xsk.UMEMOptions{HugePages: true, Chunks: 3000}) // no whole number of pages
		if u.HugePages() != (pages > 0) {
			t.Fatalf("with %d huge pages: %v", pages, u.HugePages())
		}
		lab := newPair(t, 0)
		from, to := open(t, lab.a, u, xsk.Options{}), open(t, lab.b, newUMEM(t, xsk.UMEMOptions{}), xsk.Options{})
		attach(t, lab.b, xskprog.Options{}, to)
		stream(t, from, to, 500, 64)
		stream(t, from, to, 500, 1500)
	}
}

// Unaligned chunks that lie on two huge pages are not used, but counted.
func TestUnusableChunks(t *testing.T) {
	testkit.RequireRoot(t)
	for pages, want := range map[int]int{0: 0, 5: 4} { // 9 MB hold four borders
		setHugePages(t, pages)
		u := newUMEM(t, xsk.UMEMOptions{HugePages: true, Unaligned: true, ChunkSize: 3000, Chunks: 3000})
		if n := u.Counts(); n.Unusable != want || n.Free != 3000-want {
			t.Errorf("on %d huge pages: %+v", pages, n)
		}
		border, c := uint64(2<<20), u.NewCache()
		for {
			addr, ok := c.Get()
			if !ok {
				break
			}
			if pages > 0 && addr/border != (addr+2999)/border {
				t.Errorf("the chunk at %#x is used", addr)
			}
		}
	}
}

// The socket has the options (the kernel tells all but the budget), and goes on
// as without them where, as on veth, there is nothing to poll.
func TestBusyPoll(t *testing.T) {
	testkit.RequireKernel(t, "5.11", "busy polling of AF_XDP")
	lab := newPair(t, 0)
	o := xsk.Options{BusyPoll: xsk.BusyPoll{Time: 20 * time.Microsecond, Budget: 32}}
	from, to := open(t, lab.a, newUMEM(t, xsk.UMEMOptions{}), o), open(t, lab.b, newUMEM(t, xsk.UMEMOptions{}), o)
	attach(t, lab.b, xskprog.Options{}, to)
	checkBusyPoll(t, to, 20)
	stream(t, from, to, 500, 64)
}

func checkBusyPoll(t *testing.T, p *port, microseconds int) {
	t.Helper()
	for _, tt := range []struct {
		name         string
		option, want int
	}{
		{"SO_PREFER_BUSY_POLL", unix.SO_PREFER_BUSY_POLL, 1},
		{"SO_BUSY_POLL", unix.SO_BUSY_POLL, microseconds},
	} {
		if got, err := unix.GetsockoptInt(p.FD(), unix.SOL_SOCKET, tt.option); err != nil || got != tt.want {
			t.Errorf("%s is %d, want %d: %v", tt.name, got, tt.want, err)
		}
	}
}

// A kernel that knows no busy polling says so by name, and nothing leaks.
func TestBusyPollRefused(t *testing.T) {
	lab := newPair(t, 0)
	u := newUMEM(t, xsk.UMEMOptions{Chunks: 64})
	_, err := tryOpen(t, lab.a, u, xsk.Options{BusyPoll: xsk.BusyPoll{Time: time.Microsecond, Budget: 1 << 20}})
	var e *xsk.SetupError
	if !errors.As(err, &e) || e.Step != "setting busy polling" {
		t.Errorf("error %v, want one of the step", err)
	}
}

// Memory counts as locked, but for the privileged. Where the soft limit is too
// low it is lifted, and where that is not allowed, or the hard limit is too low,
// the error says what to do.
func TestLockedMemory(t *testing.T) {
	testkit.RequireRoot(t)
	lab := newPair(t, 0)
	ifindex := index(t, lab.a, "eth0")
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &old); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Setrlimit(unix.RLIMIT_MEMLOCK, &old) })
	const page = 4096
	hard := min(old.Max, 8<<20)
	few, many := int(hard)/page/2, int(hard)/page+1
	for name, tt := range map[string]struct {
		chunks int
		drop   []uint
		want   string
	}{
		"privileged":        {many, nil, ""},
		"below hard limit":  {few, []uint{unix.CAP_IPC_LOCK, unix.CAP_SYS_RESOURCE}, ""},
		"above hard limit":  {many, []uint{unix.CAP_IPC_LOCK, unix.CAP_SYS_RESOURCE}, "raise the limit of locked memory (ulimit -l), or use a smaller UMEM"},
		"not even a socket": {few, []uint{unix.CAP_NET_RAW}, "needs CAP_NET_RAW"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: page, Max: hard}); err != nil {
				t.Fatal(err)
			}
			u := newUMEM(t, xsk.UMEMOptions{Chunks: tt.chunks})
			err := lab.a.Do(func() error {
				if err := dropCapabilities(tt.drop); err != nil {
					return err
				}
				s, err := xsk.Open(u, xsk.Options{Ifindex: ifindex})
				if err != nil {
					return err
				}
				return s.Close()
			})
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

// dropCapabilities takes capabilities from the calling thread, which ends
// without them.
func dropCapabilities(drop []uint) error {
	runtime.LockOSThread()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return err
	}
	for _, c := range drop {
		data[c/32].Effective &^= 1 << (c % 32)
	}
	return unix.Capset(&header, &data[0])
}
