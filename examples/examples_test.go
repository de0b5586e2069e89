// SPDX-License-Identifier: Apache-2.0

// Package examples holds small programs that use Clearway's packages. Its tests
// run each of them.
package examples

import (
	"bufio"
	"io"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"clearway/internal/topo"
	"clearway/internal/topo/topotest"
	"clearway/internal/topo/wire"
)

func TestMain(m *testing.M) { topotest.Main(m) }

const (
	serverPort = 7777
	linuxPort  = 8888
)

// newLab returns three hosts in a row, of one network:
//
//	a eth0 192.0.2.1 ──── eth0 mid (192.0.2.3) eth1 ──── eth0 192.0.2.2 b
func newLab(t *testing.T, middle ...netip.Prefix) *topo.Lab {
	t.Helper()
	end := func(host, name string, addresses ...netip.Prefix) topo.End {
		return topo.End{Host: host, Name: name, Addresses: addresses, NAPI: topo.NAPINone}
	}
	return topotest.New(t, &topo.Lab{
		Hosts: []topo.HostSpec{topo.Silent("a"), topo.Silent("mid"), topo.Silent("b")},
		Links: []topo.Link{
			{A: end("a", "eth0", netip.MustParsePrefix("192.0.2.1/24")), B: end("mid", "eth0", middle...)},
			{A: end("mid", "eth1"), B: end("b", "eth0", netip.MustParsePrefix("192.0.2.2/24"))},
		},
	})
}

// start builds an example and runs it in a host until stop, which returns the
// rest of what it printed. The first line says that it is ready.
func start(t *testing.T, h *topo.Host, name string, args ...string) (stop func() string) {
	t.Helper()
	program := filepath.Join(t.TempDir(), name)
	if out, err := exec.Command("go", "build", "-o", program, "./"+name).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cmd := exec.Command(program, args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Start(cmd); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stdout)
	if _, err := lines.ReadString('\n'); err != nil {
		cmd.Wait()
		t.Fatalf("%s ends at once: %s", name, stderr.String())
	}
	return func() string {
		cmd.Process.Signal(unix.SIGTERM)
		rest, _ := io.ReadAll(lines)
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v: %s", name, err, stderr.String())
		}
		return string(rest)
	}
}

func TestCount(t *testing.T) {
	lab := newLab(t)
	stop := start(t, lab.Host("mid"), "xsk-count", "eth0", "0")
	s, err := wire.NewSender(lab.Host("a"), "eth0")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	frame := make([]byte, 100)
	copy(frame, "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02\x88\xb5")
	for range 10 {
		if err := s.Send(frame); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(50 * time.Millisecond) // the last is on its way
	if got, want := stop(), "10 packets, 1000 bytes\n"; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
}

func TestEcho(t *testing.T) {
	lab := newLab(t, netip.MustParsePrefix("192.0.2.3/24"))
	address := netip.MustParseAddr("192.0.2.3")
	topotest.Answer(t, lab.Host("mid"), netip.AddrPortFrom(address, linuxPort))
	stop := start(t, lab.Host("mid"), "xsk-echo", "eth0", strconv.Itoa(serverPort))
	if got := topotest.Ask(t, lab.Host("a"), netip.AddrPortFrom(address, serverPort), "hello"); got != "hello" {
		t.Errorf("the answer is %q", got)
	}
	if got := topotest.Ask(t, lab.Host("a"), netip.AddrPortFrom(address, linuxPort), "hello"); got != "Linux: hello" {
		t.Errorf("Linux's answer is %q", got)
	}
	stop()
}

func TestForward(t *testing.T) {
	lab := newLab(t)
	at := netip.AddrPortFrom(netip.MustParseAddr("192.0.2.2"), linuxPort)
	topotest.Answer(t, lab.Host("b"), at)
	stop := start(t, lab.Host("mid"), "xsk-forward", "eth0", "eth1")
	if got := topotest.Ask(t, lab.Host("a"), at, "hello"); got != "Linux: hello" {
		t.Errorf("the answer is %q", got)
	}
	stop()
}

// Without arguments, and without the device, each says what is wrong.
func TestUsage(t *testing.T) {
	for name, args := range map[string][]string{"xsk-count": {"cwnone"}, "xsk-echo": {"cwnone", "7"}, "xsk-forward": {"cwnone", "cwnone"}, "punt-echo": {"cwnone"}} {
		for _, args := range [][]string{nil, args} {
			out, err := exec.Command("go", append([]string{"run", "./" + name}, args...)...).CombinedOutput()
			if err == nil || len(out) == 0 {
				t.Errorf("%s %q: %v: %s", name, args, err, out)
			}
		}
	}
}
