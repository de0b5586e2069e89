// SPDX-License-Identifier: Apache-2.0

package main

// fleet is what is simulated. All times are in seconds.
type fleet struct {
	seed      uint64
	balancers int
	backends  int
	tableSize int // prime
	records   int // a balancer has room for; with always, sets
	settle    int
	flows     int     // that start while it lasts,
	duration  int     // at a steady rate
	quiet     float64 // share of flows that are silent for long

	// A backend that restarts takes no new flows for drain, is gone for down,
	// and noted as dead after grace.
	drain, down, grace int
	delay              int // balancers learn of changes that much apart, at most
}

// standard is the fleet of the documentation.
func standard(seed uint64) fleet {
	return fleet{
		seed: seed, balancers: 8, backends: 200, tableSize: 20011, records: 262144, settle: 360,
		flows: 1_000_000, duration: 3600, quiet: 0.005,
		drain: 120, down: 20, grace: 10, delay: 2,
	}
}

// scenario is what happens to a fleet.
type scenario struct {
	fleet
	title string
	// Backends restart one after the other, evenly over the time between; their
	// restarts overlap.
	restarts       int
	restartFrom    int
	restartTo      int
	reboots        int // balancers that leave, one after the other,
	rebootFrom     int
	rebootInterval int
	rebootFor      int  // and return with nothing of what they knew
	resilient      bool // routers move no flows but those of the balancer that leaves, or returns
	flood          int  // SYNs a second that nothing follows,
	floodFrom      int
	floodTo        int
}

// scenarios are those of the documentation.
func scenarios(f fleet) []scenario {
	restarts := scenario{fleet: f, title: "Backends restart",
		restarts: f.backends, restartFrom: 300, restartTo: f.duration - 180}
	reboots := scenario{fleet: f, title: "Balancers reboot",
		reboots: f.balancers, rebootFrom: 420, rebootInterval: 360, rebootFor: 120}
	both := restarts
	both.title = "Both"
	both.reboots, both.rebootFrom = reboots.reboots, reboots.rebootFrom
	both.rebootInterval, both.rebootFor = reboots.rebootInterval, reboots.rebootFor
	resilient := both
	resilient.title, resilient.resilient = "Both, resilient routers", true
	hasty := both
	hasty.title, hasty.settle = "Both, settled after a minute", 60
	flood := restarts
	flood.title = "Backends restart in a SYN flood"
	flood.flood, flood.floodFrom, flood.floodTo = 60_000, 1200, 1500
	return []scenario{restarts, reboots, both, resilient, hasty, flood}
}
