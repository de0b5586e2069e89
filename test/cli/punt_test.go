// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"clearway/internal/control"
	"clearway/internal/topo"
	"clearway/internal/topo/topotest"
	"clearway/punt"
	"clearway/xsk"
)

// puntAt are the addresses of rules: the router's own, where Linux answers too.
var puntAt = []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:7"), netip.MustParseAddrPort("[2001:db8:1::1]:7")}

// punter is a router with rules, and a program that can serve them.
type punter struct {
	*live
	client  *topo.Host
	program string
}

func newPunter(t *testing.T) *punter {
	l, lab := newLiveLab(t)
	p := &punter{live: l, client: lab.Host("client"), program: filepath.Join(t.TempDir(), "punt-echo")}
	if out, err := exec.Command("go", "build", "-o", p.program, "clearway/examples/punt-echo").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, at := range puntAt {
		topotest.Answer(t, p.router, at)
	}
	p.writeRules("clearway.yaml", "udp")
	return p
}

// writeRules writes a configuration with the rules for a protocol.
func (p *punter) writeRules(name, protocol string) {
	p.Helper()
	var rules []string
	for i, at := range puntAt {
		rules = append(rules, fmt.Sprintf("{name: echo%d, protocol: %s, address: '%s', port: %d}", i, protocol, at.Addr(), at.Port()))
	}
	p.write(name, "{name: eth0}, {name: eth1}", "198.51.100.0/24", "punt: ["+strings.Join(rules, ", ")+"]")
}

// startProgram runs the program until it is killed, or the test ends. It serves
// when this returns.
func (p *punter) startProgram() (kill func()) {
	p.Helper()
	cmd := exec.Command(p.program, "eth0", p.path("clearway.sock"))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = p.router.Start(cmd)
	}
	if err != nil {
		p.Fatal(err)
	}
	killed := false
	kill = func() {
		if !killed {
			killed = true
			cmd.Process.Kill()
			cmd.Wait()
		}
	}
	p.Cleanup(kill)
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		kill()
		p.Fatalf("the program ends at once: %q, %s", line, stderr.String())
	}
	return kill
}

// ask sends a question to each rule's address, and wants the same answer from all.
func (p *punter) ask(when, want string) {
	p.Helper()
	for _, at := range puntAt {
		if got := topotest.Ask(p, p.client, at, "hello"); got != want {
			p.Errorf("%s the answer of %v is %q, want %q\n%s", when, at, got, want, p.run(0, "punt"))
		}
	}
}

func (p *punter) punt() (punt control.Punt) {
	p.Helper()
	if err := json.Unmarshal([]byte(p.run(0, "punt", "--json")), &punt); err != nil {
		p.Fatal(err)
	}
	return punt
}

// A program comes, outlives the daemon, dies and comes back; rules go and come.
func TestPunt(t *testing.T) {
	p := newPunter(t)
	stop := p.start()
	p.ask("before there is a program", "Linux: hello")
	if got := p.punt(); len(got.Rules) != 2 || len(got.Interfaces) != 2 || len(got.Interfaces[0].Sockets) > 0 || got.Interfaces[0].NoSocket.Packets != 2 {
		t.Errorf("before: %+v", got)
	}
	explain := "explain --in eth0 --src 192.0.2.2 --dst 192.0.2.1 --proto udp --dport 7"
	p.expect(0, explain, "pass_no_socket", "punt rule  echo0\n")

	kill := p.startProgram()
	p.ask("with the program", "hello")
	p.expect(0, "punt", "192.0.2.1:7/udp", "[2001:db8:1::1]:7/udp", "echo0")
	p.expect(0, explain, "redirect (punt)")
	p.expect(0, "status", "PUNTED")
	got := p.punt().Interfaces[0]
	if got.Name != "eth0" || len(got.Sockets) == 0 || got.Sockets[0] != 0 || got.Punted.Packets != 2 || got.NoSocket.Packets != 2 {
		t.Errorf("with the program: %+v", got)
	}
	for _, line := range []string{`clearway_punt_socket{interface="eth0",queue="0"} 1`, `clearway_packets_total{interface="eth0",reason="punt"} 2`} {
		if body := p.scrape(); !strings.Contains(body, "\n"+line+"\n") {
			t.Errorf("%q is not in the scrape:\n%s", line, body)
		}
	}

	stop()
	p.ask("without a daemon", "hello")
	p.expect(0, "punt", "only the daemon knows the rules")
	p.expect(0, explain, "redirect (punt)")
	if again := p.punt().Interfaces[0]; len(again.Sockets) != len(got.Sockets) || again.Punted.Packets != 4 {
		t.Errorf("from the pins: %+v", again)
	}
	p.start()
	p.ask("after a restart of the daemon", "hello")

	p.writeRules("tcp.yaml", "tcp")
	p.expect(0, "plan "+p.path("tcp.yaml"), "~ punt rule echo0: 192.0.2.1 tcp port 7, was 192.0.2.1 udp port 7")
	p.expect(0, "reload "+p.path("tcp.yaml"), "~ punt rule echo1")
	p.ask("without rules for UDP", "Linux: hello")
	p.expect(0, "reload "+p.path("clearway.yaml"), "~ punt rule echo1")
	p.ask("with the rules back", "hello")

	kill()
	p.ask("when the program was killed", "Linux: hello")
	if dead := p.punt().Interfaces[0]; len(dead.Sockets) > 0 || dead.NoSocket.Packets != 4 {
		t.Errorf("without the program: %+v", dead)
	}
	p.startProgram()
	p.ask("when the program is back", "hello")
}

// What can't be registered is refused with the reason, and the daemon keeps no
// descriptor, be it of those or of others.
func TestPuntRefusals(t *testing.T) {
	p := newPunter(t)
	if err := punt.Register(t.Context(), p.path("clearway.sock"), "eth0", 0, 0); err == nil || !strings.Contains(err.Error(), "the daemon is not running") {
		t.Errorf("without a daemon: %v", err)
	}
	p.start()
	eth0 := p.open(1)[0]
	unbound, err := unix.Socket(unix.AF_XDP, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(unbound)
	register := func(iface string, queue, fd int) error {
		return punt.Register(t.Context(), p.path("clearway.sock"), iface, queue, fd)
	}
	if err := register("eth0", 0, eth0.FD()); err != nil {
		t.Fatal(err)
	}
	before := p.descriptors()
	for range 20 {
		for _, row := range []struct {
			iface     string
			queue, fd int
			want      string // empty: it is registered
		}{
			{"eth0", 0, eth0.FD(), ""},
			{"eth2", 0, eth0.FD(), "the interface is not attached, only these: [eth0 eth1]"},
			{"eth1", 0, eth0.FD(), "it is bound to another device or queue"},
			{"eth0", 1, eth0.FD(), "it is bound to another device or queue"},
			{"eth0", 64, eth0.FD(), "sockets can be on queues 0 to 63"},
			{"eth0", 0, unbound, "it is not bound to a queue yet"},
			{"eth0", 0, int(os.Stderr.Fd()), "it is no open AF_XDP socket"},
		} {
			err := register(row.iface, row.queue, row.fd)
			if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
				t.Fatalf("%s, queue %d: %v, want %s", row.iface, row.queue, err, row.want)
			}
		}
	}
	after := before
	for range 50 { // connections close a little later
		if after = p.descriptors(); after <= before {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if after > before {
		t.Errorf("the daemon has %d descriptors, it had %d", after, before)
	}
	if got := p.punt().Interfaces; len(got[0].Sockets) != 1 || len(got[1].Sockets) > 0 {
		t.Errorf("the refused ones are there: %+v", got)
	}
	eth0.Close()
	if got := p.punt().Interfaces[0]; len(got.Sockets) > 0 {
		t.Errorf("the socket is closed, and still there: %+v", got)
	}
}

// open opens sockets on queue 0 of the router's eth0, which share a UMEM.
func (p *punter) open(n int) (sockets []*xsk.Socket) {
	p.Helper()
	umem, err := xsk.NewUMEM(xsk.UMEMOptions{Chunks: 128})
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { umem.Close() })
	device, err := p.router.Interface("eth0")
	if err != nil {
		p.Fatal(err)
	}
	for range n {
		if err := p.router.Do(func() error {
			s, err := xsk.Open(umem, xsk.Options{Ifindex: device.Index, RXSize: 32, TXSize: 32, FillSize: 32, CompletionSize: 32})
			if err == nil {
				sockets = append(sockets, s)
				p.Cleanup(func() { s.Close() })
			}
			return err
		}); err != nil {
			p.Fatal(err)
		}
	}
	return sockets
}

// Of two sockets on a queue the one that was registered last gets the packets.
func TestPuntReplaces(t *testing.T) {
	p := newPunter(t)
	p.start()
	sockets := p.open(2)
	receives := func(want int) {
		t.Helper()
		if err := punt.Register(t.Context(), p.path("clearway.sock"), "eth0", 0, sockets[want].FD()); err != nil {
			t.Fatal(err)
		}
		c, err := p.client.Dial(t.Context(), "udp", puntAt[0].String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := sockets[want].RX.Wait(ctx); err != nil {
			t.Fatal(err)
		}
		for i, s := range sockets {
			a, b := s.RX.Peek(32)
			if got := len(a) + len(b); (got == 1) != (i == want) {
				t.Errorf("socket %d has received %d packets while socket %d is registered", i, got, want)
			}
			s.RX.Release(len(a) + len(b))
		}
	}
	receives(0)
	receives(1)
	receives(1)
	receives(0)
	sockets[1].Close()
	receives(0)
	sockets[0].Close()
	p.ask("without a socket", "Linux: hello")
}

// descriptors counts those that the daemon has open.
func (p *punter) descriptors() int {
	p.Helper()
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.status().Daemon.PID))
	if err != nil {
		p.Fatal(err)
	}
	return len(open)
}

// Other users than root may see who has a socket, and register none.
func TestPuntAsAnotherUser(t *testing.T) {
	p := newPunter(t)
	p.start()
	for _, path := range []string{p.dir, filepath.Dir(p.dir), filepath.Dir(p.program)} {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(p.path("clearway.sock"), 0o666); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(p.program, "lo", p.path("clearway.sock"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}, AmbientCaps: []uintptr{unix.CAP_NET_RAW, unix.CAP_IPC_LOCK}}
	var out strings.Builder
	cmd.Stderr = &out
	if err := p.router.Start(cmd); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(out.String(), "only uid 0 may change the data path") {
		t.Errorf("it ended with %v: %s", err, out.String())
	}
}
