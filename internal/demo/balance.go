// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"clearway/internal/topo"
)

// farmServers is how many servers the lab has; the last is added to the service
// while it is in use.
const farmServers = 4

// serviceAt is where the service is found. The servers have the address on lo.
var serviceAt = netip.MustParseAddrPort("203.0.113.10:80")

var balanceLane = lane{
	name: "balance",
	picture: `Clearway, the balance lane: a router that spreads the connections to 203.0.113.10 over HTTP servers

  client ──── eth0 [router] eth1 ──── server1    10.0.1.2    each has the service's address on lo, takes apart what
  192.0.2.2                 eth2 ──── server2    10.0.2.2    comes as IP in IP, and answers the client straight, by the
                            eth3 ──── server3    10.0.3.2    forward lane
                            eth4 ──── server4    10.0.4.2    … and is not in the service at first

`,
	lab:    func() *topo.Lab { return topo.Farm(farmServers) },
	config: balanceConfig(farmServers - 1),
	play:   playBalance,
}

// balanceConfig is the configuration with that many servers behind the service.
// The MSS leaves room for the tunnel's 20 bytes; answers take the forward lane.
func balanceConfig(servers int) string {
	var backends []string
	for n := range servers {
		backends = append(backends, fmt.Sprintf("{address: %s}", topo.FarmAddress(n+1)))
	}
	return fmt.Sprintf(`interfaces: [{name: eth0}, {name: eth1}, {name: eth2}, {name: eth3}, {name: eth4}]
forward:
  allow: [%[1]s/32]
  mss-clamp: [{prefix: %[1]s/32, mss: 1440}]
balance:
  services:
    - name: web
      address: %[1]s
      protocol: tcp
      ports: [%[2]d]
      health: {type: http, path: /healthz, interval: 500ms, timeout: 500ms, rise: 1, fall: 2}
      backends: [%[3]s]
`, serviceAt.Addr(), serviceAt.Port(), strings.Join(backends, ", "))
}

// farm is the stage of the balance lane.
type farm struct {
	*stage
	servers []*webServer // by number, less one
	crowd   *crowd
}

func playBalance(ctx context.Context, s *stage) (err error) {
	f := &farm{stage: s}
	f.crowd = newCrowd(s.lab.Host("client"), f.killed)
	defer func() { err = errors.Join(err, f.close()) }()
	for n := 1; n <= farmServers; n++ {
		server, err := startWebServer(ctx, s.lab.Host(topo.FarmServer(n)), topo.FarmAddress(n))
		if err != nil {
			return fmt.Errorf("starting an HTTP server: %w", err)
		}
		f.servers = append(f.servers, server)
	}
	failed := f.playActs(ctx)
	if ctx.Err() != nil {
		return failed
	}
	f.crowd.leave()
	return errors.Join(failed, f.showBackends(ctx), s.totals(ctx))
}

func (f *farm) killed(server string) bool {
	return slices.ContainsFunc(f.servers, func(s *webServer) bool { return s.name == server && s.killed.Load() })
}

// close ends all connections and servers.
func (f *farm) close() error {
	f.crowd.scatter()
	var errs []error
	for _, s := range f.servers {
		errs = append(errs, s.close())
	}
	return errors.Join(errs...)
}
