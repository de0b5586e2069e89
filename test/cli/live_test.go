// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"clearway/internal/control"
	"clearway/internal/netstate"
	"clearway/internal/topo"
	"clearway/internal/topo/topotest"
)

// live is a lab whose router has this program on it.
type live struct {
	*testing.T
	router *topo.Host
	dir    string
	bpffs  string
	attr   *syscall.SysProcAttr // of the daemon; nil: root
}

func newLive(t *testing.T) *live {
	l, _ := newLiveLab(t)
	return l
}

func newLiveLab(t *testing.T) (*live, *topo.Lab) {
	lab := topotest.New(t, topo.Demo())
	l := &live{T: t, router: lab.Host("router"), dir: t.TempDir(), bpffs: topotest.BPFFS(t)}
	l.write("clearway.yaml", "{name: eth0}, {name: eth1}", "198.51.100.0/24")
	return l, lab
}

func (l *live) path(name string) string { return filepath.Join(l.dir, name) }

// write writes a configuration; more are further lines of it.
func (l *live) write(name, interfaces, allow string, more ...string) {
	l.Helper()
	text := fmt.Sprintf("runtime: {bpffs: %s/clearway, socket: %s, metrics: '127.0.0.1:9450'}\ninterfaces: [%s]\nforward: {allow: [%s]}\n",
		l.bpffs, l.path("clearway.sock"), interfaces, allow)
	text += strings.Join(more, "\n")
	if err := os.WriteFile(l.path(name), []byte(text), 0o600); err != nil {
		l.Fatal(err)
	}
}

// command prepares the program in the router.
func (l *live) command(args ...string) (cmd *exec.Cmd, stdout, stderr *bytes.Buffer) {
	self, err := os.Executable()
	if err != nil {
		l.Fatal(err)
	}
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	cmd = exec.Command(self, append([]string{"-c", l.path("clearway.yaml")}, args...)...)
	cmd.Env = append(os.Environ(), topotest.AsProgram)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	return cmd, stdout, stderr
}

// run runs the program to its end, which must be with the given exit code, and
// returns its output.
func (l *live) run(code int, args ...string) string {
	l.Helper()
	cmd, stdout, stderr := l.command(args...)
	err := l.router.Start(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		l.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != code {
		l.Fatalf("clearway %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, stdout, stderr)
	}
	return stdout.String() + stderr.String()
}

// expect is run, and wants texts in the output.
func (l *live) expect(code int, args string, texts ...string) {
	l.Helper()
	out := l.run(code, strings.Fields(args)...)
	for _, text := range texts {
		if !strings.Contains(out, text) {
			l.Errorf("clearway %s: %q is not in:\n%s", args, text, out)
		}
	}
}

// start starts the daemon, and returns what stops it.
func (l *live) start() (stop func()) {
	l.Helper()
	cmd, _, log := l.command("run")
	if l.attr != nil {
		cmd.SysProcAttr, cmd.Path = l.attr, "/proc/self/exe" // other users may not look where it is
	}
	if err := l.router.Start(cmd); err != nil {
		l.Fatal(err)
	}
	client := control.NewClient(l.path("clearway.sock"))
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		s, err := client.Status(l.Context())
		if err == nil && s.Daemon.PID == cmd.Process.Pid {
			break
		}
		if time.Now().After(deadline) {
			cmd.Process.Kill()
			cmd.Wait()
			l.Fatalf("the daemon does not answer: %v\n%s", err, log)
		}
	}
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			l.Errorf("the daemon ended with %v\n%s", err, log)
		}
	}
	l.Cleanup(stop)
	return stop
}

// setVLANOffloads switches them on at all devices of the router, which the lab
// has switched off.
func (l *live) setVLANOffloads() {
	l.Helper()
	err := l.router.Do(func() error {
		view, err := netstate.Read(l.Context())
		for _, link := range view.Links {
			if link.Ethernet {
				err = errors.Join(err, netstate.SetVLANOffload(link.Index, true))
			}
		}
		return err
	})
	if err != nil {
		l.Fatal(err)
	}
}

// vlanOffload says on which devices of the router tags are taken off.
func (l *live) vlanOffload() (on []string) {
	l.Helper()
	err := l.router.Do(func() error {
		view, err := netstate.Read(l.Context())
		for _, link := range view.Links {
			if link.RXVLANOffload {
				on = append(on, link.Name)
			}
		}
		return err
	})
	if err != nil {
		l.Fatal(err)
	}
	return on
}

func (l *live) status() control.Status {
	l.Helper()
	var s control.Status
	if err := json.Unmarshal([]byte(l.run(0, "status", "--json")), &s); err != nil {
		l.Fatal(err)
	}
	return s
}

// All commands, beside the daemon and without it.
func TestLive(t *testing.T) {
	l := newLive(t)
	l.setVLANOffloads()
	offloads := l.vlanOffload()
	stop := l.start()

	l.expect(0, "status", "generation 1, process ", "eth0 ", "native  attached")
	l.expect(0, "stats", "eth1       received")
	l.expect(0, "interfaces", "eth2 ", "IPv4, IPv6")
	l.expect(0, "routes", "198.51.100.0/24", "2001:db8:200::/64")
	l.expect(1, "run", "another daemon runs")
	l.expect(1, "detach --all", "the daemon runs and would attach again")
	l.explain()
	l.reload()
	l.metrics()
	if on := l.vlanOffload(); slices.Contains(on, "eth0") || !slices.Contains(on, "eth2") {
		t.Errorf("VLAN offload is on at %v; want it off at ports only", on)
	}

	stop()
	l.expect(0, "status", "no daemon: read from the pinned maps", "eth0 ", "native  attached")
	l.expect(0, "stats", "eth1       received")
	l.expect(0, "interfaces", "eth2 ", "IPv4, IPv6")
	l.expect(0, "routes", "198.51.100.0/24")
	l.expect(3, "reload", "start it with: clearway run")
	l.explain()

	stop = l.start()
	if s := l.status(); s.Generation != 3 || len(s.Interfaces) != 2 {
		t.Errorf("after a second start: generation %d, %d interfaces", s.Generation, len(s.Interfaces))
	}
	stop()
	l.expect(1, "detach eth7", "eth7")
	l.expect(0, "detach eth1", "eth1 detached")
	if on := l.vlanOffload(); slices.Contains(on, "eth0") || !slices.Contains(on, "eth1") {
		t.Errorf("after eth1 was detached VLAN offload is on at %v", on)
	}
	l.expect(0, "detach --all", "eth0 detached")
	l.expect(0, "detach --all", "nothing was attached")
	l.expect(3, "status", "nothing is pinned")
	if on := l.vlanOffload(); !slices.Equal(on, offloads) {
		t.Errorf("VLAN offload is on at %v, before it was at %v", on, offloads)
	}
	if entries, err := filepath.Glob(l.bpffs + "/clearway*"); err != nil || len(entries) > 0 {
		t.Errorf("left on the bpffs: %v, %v", entries, err)
	}
}

// explain asks for a packet to the server, and for one that expires.
func (l *live) explain() {
	l.Helper()
	before := l.status()
	var e control.Explanation
	ask := "explain --in eth0 --src 192.0.2.2 --dst 198.51.100.2 --proto tcp --json"
	if err := json.Unmarshal([]byte(l.run(0, strings.Fields(ask)...)), &e); err != nil {
		l.Fatal(err)
	}
	if e.Verdict != "redirect" || e.Reason != "forward" || e.Ingress != "eth0" || e.Egress != "eth1" || len(e.Stages) < 4 ||
		!strings.Contains(e.KernelRoute, "dev eth1") {
		l.Errorf("explain: %+v", e)
	}
	// TTL 64 became 63, at byte 22 of the frame.
	if len(e.OutputHex) < 46 || e.InputHex[44:46] != "40" || e.OutputHex[44:46] != "3f" {
		l.Errorf("explain: in %s, out %s", e.InputHex, e.OutputHex)
	}
	l.expect(0, "explain --in eth0 --src 192.0.2.2 --dst 198.51.100.2 --ttl 1", "pass (pass_ttl)")
	l.expect(1, "explain --in eth9 --src 192.0.2.2 --dst 198.51.100.2", "eth0, eth1")
	for n, i := range l.status().Interfaces {
		for _, reason := range []string{"forward", "pass_ttl"} {
			if i.Reasons[reason] != before.Interfaces[n].Reasons[reason] {
				l.Errorf("explain counted %s on %s", reason, i.Name)
			}
		}
	}
}

func (l *live) reload() {
	l.Helper()
	l.write("more.yaml", "{name: eth0}, {name: eth1}, {name: eth2}", "198.51.100.0/24, 203.0.113.0/24")
	l.write("bad.yaml", "{name: eth0}, {name: eth9}", "198.51.100.0/24")
	l.expect(0, "reload "+l.path("more.yaml"), "+ port eth2", "203.0.113.0/24", "2 changes")
	l.expect(0, "reload "+l.path("more.yaml"), "0 changes")
	l.expect(1, "reload "+l.path("bad.yaml"), `"eth9"`, "line 2")
	if s := l.status(); len(s.Interfaces) != 3 || s.Daemon.Applies.Failed != 1 || s.Daemon.LastApply.Error == "" {
		l.Errorf("after a refused reload: %d interfaces, %+v", len(s.Interfaces), s.Daemon)
	}
	l.expect(0, "reload", "- port eth2") // its own file
	l.write("limits.yaml", "{name: eth0}, {name: eth1}", "198.51.100.0/24", "limits: {interfaces: 8}")
	l.expect(0, "reload "+l.path("limits.yaml"), "generation 2")
}

func (l *live) metrics() {
	l.Helper()
	body := l.scrape()
	for _, line := range []string{"clearway_generation 2", `clearway_applies_total{result="failed"} 1`,
		`clearway_interface_attached{interface="eth0",mode="native"} 1`} {
		if !strings.Contains(body, "\n"+line+"\n") {
			l.Errorf("%q is not in the scrape:\n%s", line, body)
		}
	}
}

// scrape scrapes from within the router.
func (l *live) scrape() string {
	l.Helper()
	transport := &http.Transport{DialContext: l.router.Dial, DisableKeepAlives: true}
	r, err := (&http.Client{Transport: transport}).Get("http://127.0.0.1:9450/metrics")
	if err != nil {
		l.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		l.Fatal(err)
	}
	return string(body)
}
