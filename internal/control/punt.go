// SPDX-License-Identifier: Apache-2.0

package control

import (
	"net/http"
	"strconv"
)

// Punt is the punt lane: what it hands to programs, and where they take it.
type Punt struct {
	Rules      []PuntRule      `json:"rules"`      // in the order of the configuration; null: only the daemon knows
	Interfaces []PuntInterface `json:"interfaces"` // ports
}

// PuntRule hands the packets to an address and port to a program.
type PuntRule struct {
	Name     string `json:"name"`
	Protocol string `json:"protocol"` // tcp or udp
	Address  string `json:"address"`
	Port     uint16 `json:"port"` // 0: any
}

// PuntInterface is what became of the packets that rules matched on a port.
type PuntInterface struct {
	Name     string  `json:"name"`
	Sockets  []int   `json:"sockets"`   // queues that have one
	Punted   Counter `json:"punted"`    // handed to a socket
	NoSocket Counter `json:"no_socket"` // left to Linux: their queue had none
}

// SocketRequest hands over an AF_XDP socket, to take what rules match on a queue
// of a port. It comes in place of one that the queue has.
type SocketRequest struct {
	Interface string // the port
	Queue     int
	// Socket is its descriptor. It is the caller's, and not used any more when
	// RegisterSocket has returned.
	Socket int
}

// Registered says where a socket takes packets now.
type Registered struct {
	Interface string `json:"interface"`
	Queue     int    `json:"queue"`
}

// registerSocket reads a SocketRequest, whose socket came beside the request.
func registerSocket(a API, r *http.Request) (any, error) {
	query := r.URL.Query()
	queue, err := strconv.Atoi(query.Get("queue"))
	if err != nil || queue < 0 || query.Get("interface") == "" {
		return nil, &Error{Code: http.StatusBadRequest, Message: "the request must name ?interface=…&queue=…, a queue from 0"}
	}
	descriptors := descriptorsOf(r.Context())
	switch {
	case len(descriptors) == 0:
		return nil, &Error{Code: http.StatusBadRequest, Message: "no descriptor came with the request: pass the socket along (SCM_RIGHTS)"}
	case len(descriptors) > 1:
		return nil, &Error{Code: http.StatusBadRequest, Message: "more than one descriptor came with the request: pass one socket at a time"}
	}
	return a.RegisterSocket(r.Context(), SocketRequest{Interface: query.Get("interface"), Queue: queue, Socket: descriptors[0]})
}
