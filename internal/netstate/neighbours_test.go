// SPDX-License-Identifier: Apache-2.0

package netstate

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"clearway/internal/topo"
)

// state returns what `ip neigh` says of a neighbour.
func state(t *testing.T, h *topo.Host, address string) string {
	t.Helper()
	out, err := h.Command(t.Context(), "ip", "neigh", "show", "nud", "all", "to", address)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func TestRefreshNeighbours(t *testing.T) {
	lab := newLab(t)
	router := lab.Host("router")
	mac := link(t, lab.Host("a"), "eth0").MAC.String()
	run(t, router, `
		sysctl -w net.ipv4.neigh.eth0.delay_first_probe_time=0
		sysctl -w net.ipv6.neigh.eth0.delay_first_probe_time=0
		ip neigh replace 10.0.0.2 dev eth0 nud stale lladdr `+mac+`
		ip neigh replace fd00::2 dev eth0 nud stale lladdr `+mac+`
		ip neigh replace 10.1.0.2 dev eth1 nud permanent lladdr `+mac+`
		ip neigh replace 10.0.0.99 dev eth0 nud noarp lladdr `+mac)
	ctx, cancel := context.WithCancel(t.Context())
	var log strings.Builder
	wait := router.Go(func() error { return new(Reader).RefreshNeighbours(ctx, slog.New(slog.NewTextHandler(&log, nil))) })
	deadline := time.Now().Add(5 * time.Second)
	for _, address := range []string{"10.0.0.2", "fd00::2"} {
		for !strings.HasSuffix(state(t, router, address), "REACHABLE") {
			if time.Now().After(deadline) {
				t.Fatalf("still %s", state(t, router, address))
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	cancel()
	if err := wait(); err != nil {
		t.Error(err)
	}
	for address, want := range map[string]string{"10.1.0.2": "PERMANENT", "10.0.0.99": "NOARP"} {
		if got := state(t, router, address); !strings.HasSuffix(got, want) {
			t.Errorf("%s is %s", address, got)
		}
	}
	if log.String() != "" {
		t.Errorf("the log is:\n%s", log.String())
	}
}

// A neighbour or device that goes while a round runs doesn't end the round.
func TestUseOfWhatIsGone(t *testing.T) {
	router := newLab(t).Host("router")
	eth0 := link(t, router, "eth0").Index
	err := router.Do(func() error {
		socket, err := dialRoute(t.Context())
		if err != nil {
			return err
		}
		defer socket.close()
		for _, n := range []neighbour{{eth0, addr("10.0.0.77")}, {eth0, addr("fd00::77")}, {4711, addr("10.0.0.2")}} {
			if err := socket.use(n, false); err != nil {
				t.Errorf("%+v: %v", n, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := state(t, router, "10.0.0.77"); got != "" {
		t.Errorf("a neighbour was made: %s", got)
	}
}
