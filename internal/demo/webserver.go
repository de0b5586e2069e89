// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"sync/atomic"

	"clearway/dataplane"
	"clearway/internal/topo"
)

// webServer is an HTTP server on a host that takes tunnels apart. It answers with
// what it was sent.
type webServer struct {
	name     string
	address  netip.Addr // of the host itself
	receiver io.Closer
	http     http.Server
	ended    chan struct{} // closed when it serves no more

	answers atomic.Uint64 // health checks are not counted
	killed  atomic.Bool
}

func startWebServer(ctx context.Context, host *topo.Host, address netip.Addr) (*webServer, error) {
	w := &webServer{name: host.Name(), address: address, ended: make(chan struct{})}
	service := netip.PrefixFrom(serviceAt.Addr(), serviceAt.Addr().BitLen())
	if err := host.AddAddress("lo", service); err != nil {
		return nil, err
	}
	eth0, err := host.Interface("eth0")
	if err != nil {
		return nil, err
	}
	err = host.Do(func() (err error) {
		w.receiver, err = dataplane.AttachDecap(eth0.Index, 0)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: receiving tunnels: %w", w.name, err)
	}
	// Where the kernel can't have health checks sent as packets are, they come
	// to the host's own address.
	anywhere := netip.AddrPortFrom(netip.IPv4Unspecified(), serviceAt.Port())
	listener, err := host.Listen(ctx, "tcp", anywhere)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", w.name, err), w.receiver.Close())
	}
	w.http.Handler = w.handler()
	go func() {
		defer close(w.ended)
		w.http.Serve(listener) // until it is closed
	}()
	return w, nil
}

func (w *webServer) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /echo", func(answer http.ResponseWriter, request *http.Request) {
		page, err := io.ReadAll(request.Body)
		if err != nil {
			panic(http.ErrAbortHandler) // the way to close the connection
		}
		answer.Header().Set("Server", w.name)
		answer.Write(page) // the visitor notices where it fails
		w.answers.Add(1)
	})
	return mux
}

// kill ends it in the midst of what it does, as if its process were killed. The
// host lives on, and refuses what still comes for it.
func (w *webServer) kill() error {
	w.killed.Store(true)
	err := w.http.Close()
	<-w.ended
	return err
}

func (w *webServer) close() error { return errors.Join(w.kill(), w.receiver.Close()) }
