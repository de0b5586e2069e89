// SPDX-License-Identifier: Apache-2.0

package balance

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"clearway/dataplane"
	"clearway/internal/topo"
)

// server is a backend: it takes tunnels apart, has the address of each service,
// and only there answers at servicePort, and says at healthPort how it is.
type server struct {
	*network
	name      string
	sick      atomic.Bool // it says that it is not well
	listeners []net.Listener
	health    http.Server
	receiver  io.Closer // of tunnels; nil when closed

	running sync.WaitGroup
	mu      sync.Mutex
	conns   map[net.Conn]bool
}

// newServer starts a server, which ends with the test.
func (n *network) newServer(name string, services []service) *server {
	n.t.Helper()
	s := &server{network: n, name: name, conns: map[net.Conn]bool{}}
	s.health.Handler = http.HandlerFunc(s.checked)
	s.openTunnels()
	for _, service := range services {
		n.must(s.host().AddAddress("lo", service.host()))
		listener, health := s.listen(service, servicePort), s.listen(service, healthPort)
		s.listeners = append(s.listeners, listener)
		s.running.Go(func() { s.accept(listener) })
		s.running.Go(func() { s.health.Serve(health) })
	}
	n.t.Cleanup(s.close)
	return s
}

func (n *network) newServers(services []service, names ...string) map[string]*server {
	n.t.Helper()
	servers := map[string]*server{}
	for _, name := range names {
		servers[name] = n.newServer(name, services)
	}
	return servers
}

func (s *server) host() *topo.Host { return s.Host(s.name) }

func (s *server) listen(at service, port uint16) net.Listener {
	s.t.Helper()
	l, err := s.host().Listen(s.t.Context(), "tcp", netip.AddrPortFrom(at.address, port))
	s.must(err)
	return l
}

// openTunnels takes tunnels apart from now on.
func (s *server) openTunnels() {
	s.t.Helper()
	device, err := s.host().Interface("eth0")
	s.must(err)
	s.must(s.host().Do(func() (err error) {
		s.receiver, err = dataplane.AttachDecap(device.Index, guePort)
		return err
	}))
}

func (s *server) closeTunnels() {
	s.t.Helper()
	s.must(s.receiver.Close())
	s.receiver = nil
}

func (s *server) close() {
	for _, l := range s.listeners {
		l.Close()
	}
	s.health.Close()
	s.mu.Lock()
	for c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	s.running.Wait()
	if s.receiver != nil {
		s.receiver.Close()
	}
}

func (s *server) checked(w http.ResponseWriter, _ *http.Request) {
	if s.sick.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

func (s *server) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns[c] = true
		s.mu.Unlock()
		s.running.Go(func() {
			s.serve(c)
			c.Close()
			s.mu.Lock()
			delete(s.conns, c)
			s.mu.Unlock()
		})
	}
}

// A request is a header and as many bytes as it says. The answer is the server's
// name, padded, the same header, and the bytes turned round bit by bit, as often
// as the header says.
const (
	nameBytes   = 8
	headerBytes = 16 // number of the request, 8 bytes; size, 4 bytes; times, 4 bytes
)

func (s *server) serve(c net.Conn) {
	var request, answer []byte
	for {
		request = append(request[:0], make([]byte, headerBytes)...)
		if _, err := io.ReadFull(c, request); err != nil {
			return
		}
		size := int(binary.BigEndian.Uint32(request[8:]))
		request = append(request, make([]byte, size)...)
		if _, err := io.ReadFull(c, request[headerBytes:]); err != nil {
			return
		}
		answer = fmt.Appendf(answer[:0], "%-*s", nameBytes, s.name)
		answer = append(answer, request[:headerBytes]...)
		for range binary.BigEndian.Uint32(request[12:]) {
			for _, b := range request[headerBytes:] {
				answer = append(answer, ^b)
			}
		}
		c.SetWriteDeadline(time.Now().Add(patience))
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}
