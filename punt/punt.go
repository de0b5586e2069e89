// SPDX-License-Identifier: Apache-2.0

package punt

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"syscall"
	"time"
)

// DefaultControl is where the daemon listens if its configuration does not say
// otherwise (runtime.socket).
const DefaultControl = "/run/clearway/clearway.sock"

// ErrNotRunning is returned by Register when no daemon listens.
var ErrNotRunning = errors.New("the daemon is not running")

// RefusedError is the daemon's no.
type RefusedError struct {
	Code   int // HTTP status: 403 for others than uid 0, 422 for what can't be
	Reason string
}

func (e *RefusedError) Error() string { return e.Reason }

// Register hands an AF_XDP socket to the daemon that listens on the unix socket
// control. From then on it gets the packets that punt rules match on a queue of
// an interface, in place of the one that had been registered for that queue. It
// must be bound to that very queue and have an RX ring, and the interface be up;
// the daemon checks it.
//
// Only uid 0 may register. The descriptor fd stays the caller's: the daemon keeps
// none, and to close it ends the registration. A change under way goes first, and
// Register waits for its end, or that of ctx. Errors are a [*RefusedError] of the
// daemon, ErrNotRunning, or ctx's.
//
// It is safe for concurrent use.
func Register(ctx context.Context, control, iface string, queue, fd int) error {
	err := register(ctx, control, iface, queue, fd)
	var refused *RefusedError
	if err == nil || errors.As(err, &refused) {
		return err
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return fmt.Errorf("registering a socket for %s, queue %d: %w", iface, queue, err)
}

func register(ctx context.Context, control, iface string, queue, fd int) error {
	query := url.Values{"interface": {iface}, "queue": {strconv.Itoa(queue)}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://clearway/v1/punt/sockets?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	request.Close = true // the only one on its connection
	c, err := dial(ctx, control)
	if err != nil {
		return err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })()
	if err := send(c, request, fd); err != nil {
		return fmt.Errorf("passing descriptor %d: %w", fd, err)
	}
	response, err := http.ReadResponse(bufio.NewReader(c), request)
	if err != nil {
		return fmt.Errorf("reading the daemon's answer: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		return nil
	}
	return refusal(response)
}

func dial(ctx context.Context, control string) (*net.UnixConn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", control)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("%w: %w", ErrNotRunning, err)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("only root may: %w", err)
	case err != nil:
		return nil, err
	}
	return c.(*net.UnixConn), nil
}

// send writes a request, the descriptor with its first byte.
func send(c *net.UnixConn, request *http.Request, fd int) error {
	var text bytes.Buffer
	if err := request.Write(&text); err != nil {
		return err
	}
	n, _, err := c.WriteMsgUnix(text.Bytes(), syscall.UnixRights(fd), nil)
	if rest := text.Bytes()[n:]; err == nil && len(rest) > 0 {
		_, err = c.Write(rest)
	}
	return err
}

// refusal reads why the daemon refused.
func refusal(r *http.Response) error {
	const longest = 64 << 10 // bytes
	var answer struct {
		Error string `json:"error"`
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, longest))
	if err != nil {
		return fmt.Errorf("reading the daemon's answer: %w", err)
	}
	if json.Unmarshal(body, &answer) != nil || answer.Error == "" {
		answer.Error = "the daemon answered " + r.Status
	}
	return &RefusedError{r.StatusCode, answer.Error}
}
