// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"clearway/dataplane"
	"clearway/internal/control"
	"clearway/internal/testkit"
	"clearway/internal/topo"
)

var (
	serviceAt = netip.MustParseAddrPort("10.99.0.10:80")
	backend1  = topo.DemoServer14.String()
	backend2  = topo.DemoServer24.String()
)

// balancer is a router that spreads a service over the two servers, which take
// its tunnels apart. The way to the service address is back to the client.
type balancer struct {
	*live
	lab     *topo.Lab
	servers map[string]func() // what stops them, by host
}

func newBalancer(t *testing.T) *balancer {
	testkit.RequireKernel(t, "6.6", "tcx")
	l, lab := newLiveLab(t)
	b := &balancer{live: l, lab: lab, servers: map[string]func(){}}
	route := topo.Route{To: netip.PrefixFrom(serviceAt.Addr(), 32), Via: topo.DemoClient4}
	if err := l.router.AddRoute(route); err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"server1", "server2"} {
		if err := lab.Host(host).AddAddress("lo", route.To); err != nil {
			t.Fatal(err)
		}
		b.receiveTunnels(host)
		b.serve(host)
	}
	b.writeService("clearway.yaml", 251, backend1, backend2)
	return b
}

// writeService writes a configuration with the service.
func (b *balancer) writeService(name string, size int, backends ...string) {
	b.Helper()
	b.writeConfig(name, "", size, backends...)
}

// writeConfig adds more to each interface.
func (b *balancer) writeConfig(name, more string, size int, backends ...string) {
	b.Helper()
	var list []string
	for _, a := range backends {
		list = append(list, fmt.Sprintf("{address: %s}", a))
	}
	interfaces := strings.ReplaceAll("{name: eth0}, {name: eth1}, {name: eth2}", "}", more+"}")
	b.write(name, interfaces, "198.51.100.0/24", fmt.Sprintf(
		"balance: {services: [{name: web, address: %s, protocol: tcp, ports: [%d], table-size: %d, down-grace: 0s, backends: [%s],"+
			" health: {type: tcp, interval: 100ms, timeout: 100ms, rise: 1, fall: 2}}]}",
		serviceAt.Addr(), serviceAt.Port(), size, strings.Join(list, ", ")))
}

func (b *balancer) receiveTunnels(host string) {
	b.Helper()
	device, err := b.lab.Host(host).Interface("eth0")
	if err != nil {
		b.Fatal(err)
	}
	var receiver io.Closer
	if err := b.lab.Host(host).Do(func() (err error) {
		receiver, err = dataplane.AttachDecap(device.Index, 0)
		return err
	}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { receiver.Close() })
}

// serve answers with the host's name until it is stopped, or the test ends.
func (b *balancer) serve(host string) {
	b.Helper()
	listener, err := b.lab.Host(host).Listen(b.Context(), "tcp", serviceAt)
	if err != nil {
		b.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conn.SetDeadline(time.Now().Add(5 * time.Second))
			io.WriteString(conn, host)
			conn.Close()
		}
	})
	b.servers[host] = sync.OnceFunc(func() { listener.Close(); running.Wait() })
	b.Cleanup(b.servers[host])
}

// ask connects from the client several times, and lists who answered.
func (b *balancer) ask() (answers []string) {
	b.Helper()
	for range 30 {
		conn, err := b.lab.Host("client").Dial(b.Context(), "tcp", serviceAt.String())
		if err != nil {
			b.Fatalf("connecting to the service: %v\n%s", err, b.run(0, "stats"))
		}
		answers = append(answers, readAll(b.T, conn))
	}
	slices.Sort(answers)
	return slices.Compact(answers)
}

func readAll(t *testing.T, conn net.Conn) string {
	t.Helper()
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

func (b *balancer) services() (services []control.Service) {
	b.Helper()
	if err := json.Unmarshal([]byte(b.run(0, "services", "--json")), &services); err != nil {
		b.Fatal(err)
	}
	if len(services) != 1 {
		b.Fatalf("services: %+v", services)
	}
	return services
}

func (b *balancer) states() string {
	b.Helper()
	var states []string
	for _, backend := range b.services()[0].Backends {
		states = append(states, backend.State)
	}
	return strings.Join(states, " ")
}

// await waits until the backends have these states.
func (b *balancer) await(want string) {
	b.Helper()
	for deadline := time.Now().Add(10 * time.Second); b.states() != want; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.Fatalf("the backends are %s, want %s\n%s%s", b.states(), want, b.run(0, "status"), b.run(0, "backends"))
		}
	}
}

// All of a service's life, with real health checks and connections.
func TestBalance(t *testing.T) {
	b := newBalancer(t)
	stop := b.start()
	b.await("active active")
	b.answers("with both", "server1", "server2")
	b.expect(0, "services", "10.99.0.10:80/tcp", "ipip", "2/2", "settled")
	b.expect(0, "backends web", backend1, "resolved", "up", "none")
	b.expect(0, "flows", "changed")
	b.expect(0, "status", "BALANCED", "10.99.0.10:80/tcp")
	b.expect(0, "explain --in eth0 --src 192.0.2.2 --dst 10.99.0.10 --proto tcp --dport 80", "service web", "redirect (balance)")

	b.servers["server1"]()
	b.await("down active")
	b.expect(0, "backends", "connection refused")
	b.answers("while server1 is down", "server2")
	b.serve("server1")
	b.await("active active")

	b.plans()
	b.plansUnchecked()
	b.orders()
	b.metricsOfServices()

	stop()
	b.expect(0, "services", "10.99.0.10:80/tcp", "1/2")
	b.expect(0, "backends web", "draining  drain")
	b.answers("without a daemon", "server2")
	b.start()
	b.await("draining active")
	b.expect(0, "undrain web "+backend1, "is active")
	b.answers("when it is back", "server1", "server2")
}

// The capabilities that the daemon keeps are enough to send and steer checks, and
// to follow what they find.
func TestBalanceWithoutRoot(t *testing.T) {
	b := newBalancer(t)
	b.writeConfig("clearway.yaml", ", allow-partial-checksum: true", 251, backend1, backend2) // it can't see the other ends
	const nobody = 65534
	for _, path := range []string{b.dir, b.path("clearway.yaml"), b.bpffs} {
		if err := os.Chown(path, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Dir(b.dir), 0o755); err != nil {
		t.Fatal(err)
	}
	b.attr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Credential: &syscall.Credential{Uid: nobody, Gid: nobody},
		AmbientCaps: []uintptr{unix.CAP_BPF, unix.CAP_NET_ADMIN, unix.CAP_PERFMON, unix.CAP_NET_RAW, unix.CAP_IPC_LOCK}}
	b.start()
	b.await("active active")
	b.servers["server1"]()
	b.await("down active")
	b.answers("while server1 is down", "server2")
}

func (b *balancer) answers(when string, want ...string) {
	b.Helper()
	if got := b.ask(); !slices.Equal(got, want) {
		b.Errorf("%s %v answer, want %v\n%s", when, got, want, b.run(0, "backends"))
	}
}

// orders leaves server1 drained.
func (b *balancer) orders() {
	b.Helper()
	b.expect(0, "drain web "+backend1, "draining, was active", "is draining")
	b.expect(0, "drain web "+backend1, "is draining")
	b.answers("while server1 drains", "server2")
	b.expect(1, "disable web "+backend2, "is the last of service web", "--force")
	b.expect(0, "disable --force web "+backend2, "is disabled", "its last table stays")
	b.expect(0, "services", "stays: no backend accepts")
	b.expect(0, "undrain web "+backend2, "is active")
	b.expect(1, "drain mail "+backend2, `no service "mail", only: web`)
	b.expect(0, "reload", "0 changes")
	b.await("draining active")
}

// plansUnchecked adds a backend: what plan says of the time before and after its
// first check is what comes.
func (b *balancer) plansUnchecked() {
	b.Helper()
	b.expect(0, "reload "+b.path("one.yaml"), "- backend "+backend2)
	var plan control.Plan
	if err := json.Unmarshal([]byte(b.run(0, "plan", b.path("clearway.yaml"), "--json")), &plan); err != nil {
		b.Fatal(err)
	}
	b.expect(0, "plan "+b.path("clearway.yaml"), "  0 of 251 ", "  at once  ", "  once checked  ")
	b.expect(0, "reload", "+ backend "+backend2+" (unknown")
	b.await("active active")
	got := b.services()[0].Backends[1].Slots
	if len(plan.Moves) != 1 || plan.Moves[0].Moved != 0 || plan.Moves[0].OnceChecked != got || got == 0 {
		b.Errorf("%d slots have moved; plan said %+v", got, plan.Moves)
	}
	b.expect(0, "plan", "0 changes; nothing was changed")
}

// plans looks at other configurations, which changes nothing.
func (b *balancer) plans() {
	b.Helper()
	before := b.services()[0]
	b.writeService("one.yaml", 251, backend1)
	b.writeService("larger.yaml", 509, backend1, backend2)
	b.write("bad.yaml", "{name: eth0}, {name: eth9}", "198.51.100.0/24")
	b.expect(0, "plan", "0 changes; nothing was changed")
	b.expect(0, "plan "+b.path("one.yaml"), "- backend "+backend2, "of 251", "at once", "nothing was changed")
	b.expect(0, "plan "+b.path("larger.yaml"), "of 509", "after 6m0s", "nothing was changed")
	b.expect(1, "plan "+b.path("bad.yaml"), `"eth9"`, "line 2")
	after := b.services()[0]
	if after.TableSize != before.TableSize || after.Resizing || len(after.Backends) != 2 {
		b.Errorf("after a plan: %+v", after)
	}
	if s := b.status(); s.Daemon.Applies.Failed != 0 {
		b.Errorf("plans count as %d failed changes", s.Daemon.Applies.Failed)
	}
	b.expect(0, "reload "+b.path("larger.yaml"), "its flows are recorded for 6m0s")
	b.expect(0, "flows", "yes")
	b.expect(0, "reload --now "+b.path("larger.yaml"), "table-size 509")
	b.expect(0, "flows", "no")
	b.expect(0, "reload --now", "table-size 251")
}

func (b *balancer) metricsOfServices() {
	b.Helper()
	body := b.scrape()
	for _, line := range []string{
		fmt.Sprintf(`clearway_backend_state{backend="%s",service="web",state="draining"} 1`, backend1),
		fmt.Sprintf(`clearway_health_check_up{backend="%s",service="web"} 1`, backend2),
		fmt.Sprintf(`clearway_backend_slots{backend="%s",service="web"} 251`, backend2),
		`clearway_service_track_full_total{service="web"} 0`,
	} {
		if !strings.Contains(body, "\n"+line+"\n") {
			b.Errorf("%q is not in the scrape:\n%s", line, body)
		}
	}
}
