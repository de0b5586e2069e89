// SPDX-License-Identifier: Apache-2.0

package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"
)

// readLimit bounds how long a question that changes nothing may take.
const readLimit = 30 * time.Second

// Client asks the daemon, and has those methods of API that commands need. It is
// safe for concurrent use. Errors that the daemon sent are an *Error,
// ErrNotRunning means that there is no daemon.
type Client struct {
	http http.Client
}

// NewClient is a client of the daemon that listens on the unix socket path. It
// connects at each question.
func NewClient(path string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}
	return &Client{http: http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}
}

// Status asks for the state of the data path and the daemon.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return ask[Status](ctx, c, readLimit, http.MethodGet, "/v1/status", nil)
}

// Routes asks for the kernel's routes. An error comes last.
func (c *Client) Routes(ctx context.Context) iter.Seq2[Route, error] {
	return func(yield func(Route, error) bool) {
		body, err := c.send(ctx, http.MethodGet, "/v1/routes", nil)
		if err != nil {
			yield(Route{}, err)
			return
		}
		defer body.Close()
		for lines := json.NewDecoder(body); ; {
			var line routeLine
			err := lines.Decode(&line)
			if errors.Is(err, io.EOF) {
				return
			}
			if err == nil && line.Route == nil {
				err = &Error{Code: http.StatusInternalServerError, Message: line.Error}
			}
			if err != nil {
				yield(Route{}, err)
				return
			}
			if !yield(*line.Route, nil) {
				return
			}
		}
	}
}

// Services asks for the services.
func (c *Client) Services(ctx context.Context) ([]Service, error) {
	return ask[[]Service](ctx, c, readLimit, http.MethodGet, "/v1/services", nil)
}

// Punt asks for the punt lane.
func (c *Client) Punt(ctx context.Context) (Punt, error) {
	return ask[Punt](ctx, c, readLimit, http.MethodGet, "/v1/punt", nil)
}

// Explain asks what would become of a frame.
func (c *Client) Explain(ctx context.Context, r ExplainRequest) (Explanation, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return Explanation{}, err
	}
	return ask[Explanation](ctx, c, readLimit, http.MethodPost, "/v1/explain", body)
}

// Plan hands the daemon a configuration file's bytes to look at; none: it looks
// at its own file.
func (c *Client) Plan(ctx context.Context, file []byte) (Plan, error) {
	return ask[Plan](ctx, c, applyTimeout, http.MethodPost, "/v1/plan", file)
}

// Reload hands the daemon a configuration file's bytes to apply; none: it
// reads its own file again.
func (c *Client) Reload(ctx context.Context, r ReloadRequest) (Reload, error) {
	path := "/v1/reload"
	if r.Now {
		path += "?" + queryNow
	}
	return ask[Reload](ctx, c, applyTimeout, http.MethodPost, path, r.File)
}

// Order gives a backend an order.
func (c *Client) Order(ctx context.Context, r OrderRequest) (Ordered, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return Ordered{}, err
	}
	return ask[Ordered](ctx, c, applyTimeout, http.MethodPost, "/v1/order", body)
}

func ask[T any](ctx context.Context, c *Client, limit time.Duration, method, path string, body []byte) (T, error) {
	var answer T
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	answers, err := c.send(ctx, method, path, body)
	if err != nil {
		return answer, err
	}
	defer answers.Close()
	if err := json.NewDecoder(answers).Decode(&answer); err != nil {
		return answer, fmt.Errorf("reading the daemon's answer: %w", err)
	}
	return answer, nil
}

// send asks, and returns the answer if it is no refusal, for the caller to
// close.
func (c *Client) send(ctx context.Context, method, path string, body []byte) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://clearway"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, dialError(err)
	}
	if response.StatusCode != http.StatusOK {
		defer response.Body.Close()
		return nil, refusal(response)
	}
	return response.Body, nil
}

// refusal reads the error in an answer.
func refusal(r *http.Response) error {
	e := &Error{Code: r.StatusCode}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxFile))
	if err != nil {
		return fmt.Errorf("reading the daemon's answer: %w", err)
	}
	if json.Unmarshal(body, e) != nil || e.Message == "" {
		e.Message = "the daemon answered " + r.Status
	}
	return e
}

// dialError says what the operator can do about a socket that doesn't answer.
func dialError(err error) error {
	var request *url.Error
	if errors.As(err, &request) { // the URL is of no interest
		err = request.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w: %w", ErrNotRunning, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("asking the daemon: run as root or as a member of group %s: %w", Group, err)
	}
	return fmt.Errorf("asking the daemon: %w", err)
}
