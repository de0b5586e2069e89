// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	pageBytes = 4096                   // in a request, and in its answer
	pause     = 200 * time.Millisecond // between two requests, on average
	patience  = 10 * time.Second       // until a request is answered
)

// visitor is one connection to the service, on which a request and its answer go
// again and again.
type visitor struct {
	conn    net.Conn
	answers atomic.Uint64
	server  string        // that answers; to be read when there was an answer
	ended   chan struct{} // closed when it sends no more
	// To be read when it has ended:
	err      error // what broke it
	orphaned bool  // when that was, its server was no more
}

func newVisitor(conn net.Conn) *visitor {
	return &visitor{conn: conn, ended: make(chan struct{})}
}

// visit sends requests until leave is closed or one fails.
func (v *visitor) visit(leave <-chan struct{}, killed func(server string) bool) {
	defer close(v.ended)
	defer v.conn.Close()
	page := v.page()
	reader := bufio.NewReader(v.conn)
	for {
		if v.err = v.exchange(page, reader); v.err != nil {
			v.orphaned = killed(v.server)
			return
		}
		select {
		case <-leave:
			return
		case <-time.After(pause/2 + rand.N(pause)):
		}
	}
}

// page is no other visitor's.
func (v *visitor) page() []byte {
	line := v.conn.LocalAddr().String() + "\n"
	return bytes.Repeat([]byte(line), pageBytes/len(line))
}

// exchange sends a request, and wants the answer to be true and from the server
// that has answered before.
func (v *visitor) exchange(page []byte, reader *bufio.Reader) error {
	if err := v.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	request, err := http.NewRequest(http.MethodPost, "http://"+serviceAt.String()+"/echo", bytes.NewReader(page))
	if err != nil {
		return err
	}
	if err := request.Write(v.conn); err != nil {
		return err
	}
	answer, err := http.ReadResponse(reader, request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	server := answer.Header.Get("Server")
	switch {
	case answer.StatusCode != http.StatusOK:
		return fmt.Errorf("the answer is %s", answer.Status)
	case !bytes.Equal(got, page):
		return errors.New("the answer is not what was sent")
	case v.server == "":
		v.server = server
	case v.server != server:
		return fmt.Errorf("%s answers what %s has answered before", server, v.server)
	}
	v.answers.Add(1)
	return nil
}

func (v *visitor) hasEnded() bool {
	select {
	case <-v.ended:
		return true
	default:
		return false
	}
}
