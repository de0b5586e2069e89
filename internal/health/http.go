// SPDX-License-Identifier: Apache-2.0

package health

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
)

const (
	headLimit = 64 << 10 // bytes; a longer header is a failure
	bodyLimit = 64 << 10 // bytes that are read; the rest may come or not
	mostEarly = 5        // responses 1xx before the one that counts
)

// get sends a request and reads the response as far as it matters. A client of
// net/http would do so too, with two more goroutines for each probe.
func get(conn net.Conn, c Check) error {
	if _, err := io.WriteString(conn, request(c)); err != nil {
		return fmt.Errorf("HTTP request: %w", plain(err, c))
	}
	head := &counter{r: conn, left: headLimit}
	response, err := readHead(bufio.NewReader(head))
	switch {
	case err == nil:
	case head.left == 0:
		return fmt.Errorf("HTTP header of more than %d bytes", headLimit)
	case head.n > 0 && brokeOff(err):
		return fmt.Errorf("half a response: %d bytes of its header, then %w", head.n, plain(err, c))
	default:
		return fmt.Errorf("HTTP request: %w", plain(err, c))
	}
	if response.StatusCode < 200 || response.StatusCode > 399 {
		return fmt.Errorf("HTTP status %d", response.StatusCode)
	}
	head.left = math.MaxInt // what comes of the body is counted without its framing
	return readBody(response, c)
}

// readHead reads up to the end of the header of the response that counts.
func readHead(r *bufio.Reader) (*http.Response, error) {
	for early := 0; ; early++ {
		response, err := http.ReadResponse(r, nil) // nil stands for a GET
		if err != nil {
			return nil, err
		}
		switch s := response.StatusCode; {
		case s < 100 || s > 199 || s == http.StatusSwitchingProtocols:
			return response, nil
		case early == mostEarly:
			return nil, fmt.Errorf("more than %d responses 1xx", mostEarly)
		}
	}
}

// readBody fails if the body ends too early. It is not closed, because that
// would read all of it.
func readBody(response *http.Response, c Check) error {
	n, err := io.CopyN(io.Discard, response.Body, bodyLimit)
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return nil
	case !brokeOff(err):
		return fmt.Errorf("HTTP body: %w", plain(err, c))
	case response.ContentLength > 0:
		return fmt.Errorf("half a response: %d of %d bytes, then %w", n, response.ContentLength, plain(err, c))
	}
	return fmt.Errorf("half a response: %d bytes of its body, then %w", n, plain(err, c))
}

// counter counts what is read, and ends when there is no more left to be read. It
// keeps an error, because a socket tells of a reset once only, and net/http may
// miss that.
type counter struct {
	r       io.Reader
	n, left int
	err     error
}

func (c *counter) Read(b []byte) (n int, err error) {
	if c.left == 0 {
		return 0, io.EOF
	}
	if c.err == nil {
		n, c.err = c.r.Read(b[:min(len(b), c.left)])
		c.n += n
		c.left -= n
	}
	return n, c.err
}
