// SPDX-License-Identifier: Apache-2.0

package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// The bounds of a request. A hundred thousand prefixes are some 3 MB of YAML.
const (
	maxFile      = 32 << 20 // bytes
	maxRequest   = 256 << 10
	readTimeout  = 30 * time.Second
	applyTimeout = 5 * time.Minute
	idleTimeout  = time.Minute
	stopTimeout  = 2 * time.Second // for requests in flight when the daemon stops
)

// Serve answers the API on l until ctx ends, and closes l.
func Serve(ctx context.Context, l net.Listener, a API, log *slog.Logger) error {
	return serveHTTP(ctx, peerListener{l}, withDescriptors(routes(a)), log)
}

// routes is the API: one line a verb.
func routes(a API) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", answer(func(r *http.Request) (any, error) { return a.Status(r.Context()) }))
	mux.HandleFunc("GET /v1/services", answer(func(r *http.Request) (any, error) { return a.Services(r.Context()) }))
	mux.HandleFunc("GET /v1/punt", answer(func(r *http.Request) (any, error) { return a.Punt(r.Context()) }))
	mux.HandleFunc("GET /v1/routes", func(w http.ResponseWriter, r *http.Request) { sendRoutes(w, a.Routes(r.Context())) })
	mux.HandleFunc("POST /v1/explain", answer(func(r *http.Request) (any, error) { return explain(a, r) }))
	mux.HandleFunc("POST /v1/plan", answer(func(r *http.Request) (any, error) { return plan(a, r) }))
	mux.HandleFunc("POST /v1/reload", changing(answer(func(r *http.Request) (any, error) { return reload(a, r) })))
	mux.HandleFunc("POST /v1/order", changing(answer(func(r *http.Request) (any, error) { return order(a, r) })))
	mux.HandleFunc("POST /v1/punt/sockets", changing(answer(func(r *http.Request) (any, error) { return registerSocket(a, r) })))
	return mux
}

func explain(a API, r *http.Request) (any, error) {
	request, err := readJSON[ExplainRequest](r)
	if err != nil {
		return nil, err
	}
	return a.Explain(r.Context(), request)
}

func plan(a API, r *http.Request) (any, error) {
	file, err := readBody(r, maxFile)
	if err != nil {
		return nil, err
	}
	return a.Plan(r.Context(), file)
}

// queryNow is ReloadRequest.Now in a request whose body is the file.
const queryNow = "now"

func reload(a API, r *http.Request) (any, error) {
	file, err := readBody(r, maxFile)
	if err != nil {
		return nil, err
	}
	return a.Reload(r.Context(), ReloadRequest{File: file, Now: r.URL.Query().Has(queryNow)})
}

func order(a API, r *http.Request) (any, error) {
	request, err := readJSON[OrderRequest](r)
	if err != nil {
		return nil, err
	}
	return a.Order(r.Context(), request)
}

// routeLine is a line of the answer to /v1/routes: a full Internet table must
// not be held in memory.
type routeLine struct {
	*Route
	Error string `json:"error,omitempty"` // the last line, in place of a route
}

func sendRoutes(w http.ResponseWriter, all iter.Seq2[Route, error]) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	lines := json.NewEncoder(w)
	for route, err := range all {
		line := routeLine{Route: &route}
		if err != nil {
			line = routeLine{Error: err.Error()}
		}
		if lines.Encode(line) != nil {
			return // the client went away
		}
	}
}

func readJSON[T any](r *http.Request) (request T, err error) {
	body, err := readBody(r, maxRequest)
	if err != nil {
		return request, err
	}
	if err := json.Unmarshal(body, &request); err != nil {
		return request, &Error{Code: http.StatusBadRequest, Message: "reading the request: " + err.Error()}
	}
	return request, nil
}

func readBody(r *http.Request, limit int64) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, limit))
	var tooBig *http.MaxBytesError
	if errors.As(err, &tooBig) {
		return nil, &Error{Code: http.StatusRequestEntityTooLarge, Message: fmt.Sprintf("request over %d bytes", limit)}
	}
	if err != nil {
		return nil, &Error{Code: http.StatusBadRequest, Message: "reading the request: " + err.Error()}
	}
	return body, nil
}

// changing lets only uid 0 through.
func changing(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !mayChange(r.Context()) {
			writeJSON(w, http.StatusForbidden, &Error{Message: "only uid 0 may change the data path: run as root"})
			return
		}
		next(w, r)
	}
}

// answer turns a function's result or error into JSON.
func answer(f func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := f(r)
		if err != nil {
			e := asError(err)
			writeJSON(w, e.Code, e)
			return
		}
		writeJSON(w, http.StatusOK, v)
	}
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v) // a client that went away is its own problem
}

// serveHTTP serves h on l until ctx ends. Requests in flight then get
// stopTimeout to finish.
func serveHTTP(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	s := &http.Server{
		Handler:           h,
		ConnContext:       withPeer,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: readTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      applyTimeout,
		IdleTimeout:       idleTimeout,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		if s.Shutdown(grace) != nil {
			s.Close()
		}
	})
	err := s.Serve(l)
	if stop() { // ctx goes on: the listener failed
		s.Close()
		return fmt.Errorf("serving %s: %w", l.Addr(), err)
	}
	<-stopped
	return nil
}
