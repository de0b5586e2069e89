// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"clearway/internal/testkit"
	"clearway/internal/topo"
	"clearway/internal/topo/topotest"
)

const metricsAddress = "127.0.0.1:9450"

// A scrape counts exactly what was sent, and nothing else.
func TestMetrics(t *testing.T) {
	r := newRouter(t, silent(t))
	c := demo()
	c.metrics = metricsAddress
	c.block = []string{"198.51.100.64/26"}
	r.run(c)
	want := metrics{}
	for round := range 2 {
		r.sendAll(want)
		r.settled("eth0")
		got := r.scrape()
		maps.DeleteFunc(got, func(name string, _ float64) bool { return !strings.Contains(name, `interface="eth0"`) })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("round %d: scraped something else (-sent +scraped):\n%s", round, diff)
		}
	}
}

// Attempts to change something are counted by how they ended.
func TestMetricsOfApplies(t *testing.T) {
	r := newRouter(t, silent(t))
	c := demo()
	c.metrics = metricsAddress
	r.run(c)
	before := r.scrape()
	if before["clearway_generation"] != 1 {
		t.Errorf("the generation is %v, want 1", before["clearway_generation"])
	}
	c.limits = "{interfaces: 10}"
	r.reload(c)
	r.refuse("interfaces: 7", "line 1")
	r.refuse("interfaces: 8", "line 1")
	after := r.scrape()
	for name, more := range map[string]float64{
		`clearway_applies_total{result="ok"}`: 1, `clearway_applies_total{result="failed"}`: 2, "clearway_generation": 1,
	} {
		if got := after[name] - before[name]; got != more {
			t.Errorf("%s went up by %v, want %v", name, got, more)
		}
	}
}

// silent is the demonstration lab in which nobody speaks unasked: IPv6 is off,
// and neighbours are known.
func silent(t *testing.T) *topo.Lab {
	t.Helper()
	lab := topo.Demo()
	for i := range lab.Hosts {
		lab.Hosts[i].Sysctls = map[string]string{
			"net.ipv6.conf.all.disable_ipv6": "1", "net.ipv6.conf.default.disable_ipv6": "1",
		}
		lab.Hosts[i].Routes = nil
	}
	for i := range lab.Links {
		for _, end := range []*topo.End{&lab.Links[i].A, &lab.Links[i].B} {
			end.Addresses = end.Addresses[:1]
		}
	}
	return topotest.New(t, lab)
}

// sendAll sends frames of many kinds to eth0 and adds them to what is to be
// scraped.
func (r *router) sendAll(want metrics) {
	r.t.Helper()
	ours := func(destination string) *testkit.Frame { return r.frame("eth0", "192.0.2.2", destination) }
	foreign := testkit.NewFrame([6]byte{2, 0, 0, 0, 9, 9}, [6]byte{2, 0, 0, 0, 0, 1})
	for _, sent := range []struct {
		reason string
		n      int
		frame  *testkit.Frame
	}{
		{"forward", 100, ours("198.51.100.2").Payload(1000)},
		{"pass_no_match", 20, ours("203.0.113.2").Payload(7)},
		{"drop_blocked", 7, ours("198.51.100.70").Payload(99)},
		{"pass_ttl", 5, ours("198.51.100.2").TTL(1)},
		{"pass_local", 3, ours("198.51.100.1")},
		{"pass_header", 4, ours("198.51.100.2").Options(1, 1, 1, 0)},
		{"pass_fragment", 6, ours("198.51.100.2").Fragment(0x2000)},
		{"pass_address", 2, r.frame("eth0", "127.0.0.5", "198.51.100.2")},
		{"pass_not_ours", 8, foreign.IPv4("192.0.2.2", "198.51.100.2").UDP(1, 2)},
		{"pass_not_ip", 9, testkit.NewFrame([6]byte{1, 0x80, 0xc2, 0, 0, 0x0e}, [6]byte{2}).EtherType(0x88cc).Trailer(80)},
	} {
		r.send("client", repeat(sent.n, sent.frame))
		n, size := float64(sent.n), float64(sent.n*len(sent.frame.Bytes()))
		want[fmt.Sprintf(`clearway_packets_total{interface="eth0",reason=%q}`, sent.reason)] += n
		want[fmt.Sprintf(`clearway_bytes_total{interface="eth0",reason=%q}`, sent.reason)] += size
		want[`clearway_received_packets_total{interface="eth0"}`] += n
		want[`clearway_received_bytes_total{interface="eth0"}`] += size
	}
	want[`clearway_lost_after_emit_packets_total{interface="eth0"}`] = 0
	want[`clearway_interface_attached{interface="eth0",mode="native"}`] = 1
}

// metrics are the samples of a scrape by name with labels.
type metrics map[string]float64

// scrape asks the daemon, as Prometheus on the router would. Its answer must
// please promlint.
func (r *router) scrape() metrics {
	r.t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return r.host().Dial(ctx, network, address)
		}}}
	response, err := client.Get("http://" + metricsAddress + "/metrics")
	r.must(err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	r.must(err)
	if response.StatusCode != http.StatusOK {
		r.t.Fatalf("the scrape was answered with %s: %s", response.Status, text)
	}
	problems, err := promlint.New(bytes.NewReader(text)).Lint()
	r.must(err)
	for _, p := range problems {
		r.t.Errorf("promlint: %s: %s", p.Metric, p.Text)
	}
	samples := metrics{}
	for line := range strings.Lines(string(text)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		samples[name], err = strconv.ParseFloat(value, 64)
		r.must(err)
	}
	return samples
}
