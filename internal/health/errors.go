// SPDX-License-Identifier: Apache-2.0

package health

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
)

// ownError is trouble of this machine: the backend was not asked.
type ownError struct{ err error }

func (e *ownError) Error() string { return e.err.Error() }
func (e *ownError) Unwrap() error { return e.err }

// ownTrouble are errors of socket and connect that say nothing of the backend:
// no descriptor, memory, local port or local address is left.
var ownTrouble = []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ENOBUFS, syscall.EADDRNOTAVAIL}

// longest is how many bytes of an error are kept. It may quote what a backend
// sent.
const longest = 160

// plain says an error of a connection in the words of whoever reads them in a
// table.
func plain(err error, c Check) error {
	if own := (*ownError)(nil); errors.As(err, &own) {
		return own
	}
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		return fmt.Errorf("no answer within %v", c.Timeout)
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		if slices.Contains(ownTrouble, errno) {
			return &ownError{err}
		}
		if errno == syscall.ECONNRESET || errno == syscall.EPIPE {
			return errors.New("connection reset")
		}
		return errors.New(errno.Error())
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("connection closed")
	}
	if text := err.Error(); len(text) > longest {
		return errors.New(strings.ToValidUTF8(text[:longest], "") + "…")
	}
	return err
}

// brokeOff says whether an error means that more should have come.
func brokeOff(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.Is(err, syscall.ECONNRESET)
}
