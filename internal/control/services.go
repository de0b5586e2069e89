// SPDX-License-Identifier: Apache-2.0

package control

import "time"

// Service is a service of the balance lane as it is, with what it counted.
type Service struct {
	Name      string   `json:"name"`
	Address   string   `json:"address"`
	Protocol  string   `json:"protocol"` // tcp or udp
	Ports     []uint16 `json:"ports"`    // none: any
	Mode      string   `json:"mode"`     // ipip, gue or l2
	Affinity  string   `json:"affinity"` // in use: none or source
	Tracking  string   `json:"tracking"` // changed, always or never
	TableSize int      `json:"table_size"`
	Slots     Slots    `json:"slots"`
	// Resizing: all flows are being recorded, so that another table size, seed
	// or affinity can hold.
	Resizing  bool    `json:"resizing"`
	FailOpen  bool    `json:"fail_open"` // no backend accepts: the last table stays
	Dropped   Counter `json:"dropped"`
	Recorded  uint64  `json:"recorded"`   // flows
	TrackFull uint64  `json:"track_full"` // flows that found no room to be
	// Backends are in the order of their addresses, those that have left last.
	Backends []Backend `json:"backends"`
}

// Slots counts those of a table by their state; all are zero without a table.
type Slots struct {
	Settled int `json:"settled"` // nothing to look up
	Moving  int `json:"moving"`  // new flows go elsewhere than those without a record
	Tail    int `json:"tail"`    // records may be left
}

// Backend is a server of a service.
type Backend struct {
	Address  string  `json:"address"`
	State    string  `json:"state"` // as dataplane.BackendState has it, or Removed
	Order    string  `json:"order"` // none, drain or disable
	Weight   uint16  `json:"weight"`
	Slots    int     `json:"slots"`    // that send it new flows
	Resolved bool    `json:"resolved"` // next hop and its MAC are known
	Packets  uint64  `json:"packets"`  // sent to it
	Bytes    uint64  `json:"bytes"`    // of them at ingress, Ethernet header included
	Health   *Health `json:"health,omitempty"`
}

// Removed is the state of a backend that has left its service, but that
// something may still refer to. The others are those of dataplane.BackendState.
const Removed = "removed"

// Health is what the health check of a backend has found. It is the daemon's
// knowledge: absent without one.
type Health struct {
	Status      string    `json:"status"` // unknown, up, down or gone
	Since       time.Time `json:"since"`
	Error       string    `json:"error"`        // of the last check; empty: it succeeded
	TookSeconds float64   `json:"took_seconds"` // the last check
	Missing     int       `json:"missing"`      // successes in a row that it still needs to come up
}

// OrderRequest gives a backend an order of the operator.
type OrderRequest struct {
	Service string `json:"service"` // name
	Backend string `json:"backend"` // address
	Order   string `json:"order"`   // none, drain or disable
	// Force carries out an order that leaves no backend to accept new flows.
	Force bool `json:"force"`
}

// Ordered is the outcome of an order.
type Ordered struct {
	State   string   `json:"state"`   // of the backend
	Changes []string `json:"changes"` // one line each; empty: nothing
}

// Plan is what a reload would do.
type Plan struct {
	Generation int       `json:"generation"` // after it
	Changes    []string  `json:"changes"`    // as Reload tells them
	Moves      []Move    `json:"moves"`      // of services whose table would change
	Warnings   []Warning `json:"warnings"`
}

// Move tells how many slots of a service would get another backend, and with
// them that share of its new flows.
type Move struct {
	Service string `json:"service"`
	Moved   int    `json:"moved"`
	// OnceChecked is what Moved comes to, all in all, when those backends have
	// passed their health check that none has answered for yet, as of all new
	// ones. It is Moved where there are none.
	OnceChecked int    `json:"once_checked"`
	Slots       int    `json:"slots"`
	Tracking    string `json:"tracking"`
	// Resize: because of another table size, seed or affinity. With tracking
	// changed that holds only after SettleSeconds, in which flows are recorded.
	Resize        bool    `json:"resize"`
	SettleSeconds float64 `json:"settle_seconds"`
}
