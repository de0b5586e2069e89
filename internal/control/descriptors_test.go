// SPDX-License-Identifier: Apache-2.0

package control

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"clearway/internal/testkit"
	"clearway/punt"
)

// fileOf names the file that a descriptor refers to.
func fileOf(fd int) string {
	name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil {
		return err.Error()
	}
	return name
}

// openFiles opens some files, one a descriptor.
func openFiles(t *testing.T, n int) (descriptors []int, names []string) {
	t.Helper()
	for i := range n {
		f, err := os.Create(filepath.Join(t.TempDir(), fmt.Sprint("f", i)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		descriptors, names = append(descriptors, int(f.Fd())), append(names, f.Name())
	}
	return descriptors, names
}

// copiesOf counts the descriptors of this process that refer to a file.
func copiesOf(t *testing.T, names []string) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && slices.Contains(names, target) {
			n++
		}
	}
	return n
}

// checkClosed waits until only the test's own descriptors of some files are left.
func checkClosed(t *testing.T, names []string) {
	t.Helper()
	n := 0
	for range 100 {
		if n = copiesOf(t, names); n == len(names) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d descriptors of %d files are open", n, len(names))
}

func TestRegister(t *testing.T) {
	testkit.RequireRoot(t) // as who changes
	b := &fakeAPI{}
	socket := serve(t, b)
	descriptors, names := openFiles(t, 1)
	if err := punt.Register(context.Background(), socket, "eth0.7&x", 63, descriptors[0]); err != nil {
		t.Fatal(err)
	}
	checkClosed(t, names)
	b.Lock()
	if r := b.registered[0]; r.Interface != "eth0.7&x" || r.Queue != 63 || r.Socket == descriptors[0] || b.files[0] != names[0] {
		t.Errorf("the API got %+v, which is %s; want that of %s", r, b.files[0], names[0])
	}
	b.err = Invalidf("it is no AF_XDP socket")
	b.Unlock()
	err := punt.Register(context.Background(), socket, "eth0", 1, descriptors[0])
	if err == nil || err.Error() != "it is no AF_XDP socket" {
		t.Errorf("a refusal reads: %v", err)
	}
	checkClosed(t, names)
	if err := punt.Register(context.Background(), socket, "eth0", 1, -1); !errors.Is(err, unix.EBADF) {
		t.Errorf("no descriptor: %v", err)
	}
	for _, bad := range []struct {
		iface string
		queue int
	}{{"", 0}, {"eth0", -1}} {
		if err := punt.Register(context.Background(), socket, bad.iface, bad.queue, descriptors[0]); err == nil || !strings.Contains(err.Error(), "a queue from 0") {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if len(b.registered) != 2 {
		t.Errorf("bad requests reached the API: %+v", b.registered)
	}
	checkClosed(t, names)
}

// A daemon that doesn't answer keeps nobody longer than its context.
func TestRegisterEndsWithItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := punt.Register(ctx, path, "eth0", 0, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("ended with %v", err)
	}
}

// client sends requests as it likes on one connection.
type client struct {
	*net.UnixConn
	answers *bufio.Reader
}

func dialRaw(t *testing.T, socket string) *client {
	t.Helper()
	c, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &client{c.(*net.UnixConn), bufio.NewReader(c)}
}

// send passes descriptors along with text.
func (c *client) send(t *testing.T, text string, descriptors ...int) {
	t.Helper()
	if _, _, err := c.WriteMsgUnix([]byte(text), unix.UnixRights(descriptors...), nil); err != nil {
		t.Fatal(err)
	}
}

func (c *client) answer(t *testing.T) (code int, body string) {
	t.Helper()
	r, err := http.ReadResponse(c.answers, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(text)
}

const (
	registerText = "POST /v1/punt/sockets?interface=eth0&queue=0 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
	statusText   = "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n"
)

// Each request gets what came with it, and nothing of another's is left.
func TestDescriptorsOfRequests(t *testing.T) {
	testkit.RequireRoot(t)
	b := &fakeAPI{}
	c := dialRaw(t, serve(t, b))
	descriptors, names := openFiles(t, 5)
	c.send(t, statusText, descriptors[0])
	if code, _ := c.answer(t); code != 200 {
		t.Errorf("status beside a descriptor: %d", code)
	}
	checkClosed(t, names)
	for _, row := range []struct {
		pass []int
		want string
		code int
	}{
		{nil, "no descriptor came", 400},
		{descriptors[1:2], `{"interface":"eth0","queue":0}`, 200},
		{descriptors[2:3], `{"interface":"eth0","queue":0}`, 200},
		{nil, "no descriptor came", 400},
		{descriptors[:2], "more than one descriptor", 400},
		{descriptors, "more than one descriptor", 400},
	} {
		c.send(t, registerText, row.pass...)
		if code, body := c.answer(t); code != row.code || !strings.Contains(body, row.want) {
			t.Errorf("%d descriptors: %d, %s", len(row.pass), code, body)
		}
		checkClosed(t, names)
	}
	if !slices.Equal(b.files, names[1:3]) {
		t.Errorf("the API got %v", b.files)
	}
}

// What comes without a request stays open no longer than its connection, and
// there is little of it.
func TestDescriptorsWithoutARequest(t *testing.T) {
	testkit.RequireRoot(t)
	socket := serve(t, &fakeAPI{})
	descriptors, names := openFiles(t, 5)
	c := dialRaw(t, socket)
	for range 20 {
		c.send(t, "GET", descriptors...) // never a whole request
	}
	time.Sleep(50 * time.Millisecond)
	if n := copiesOf(t, names); n > len(names)+maxDescriptors {
		t.Errorf("%d descriptors of %d files are open, a connection holds at most %d", n, len(names), maxDescriptors)
	}
	c.Close()
	checkClosed(t, names)
	c = dialRaw(t, socket)
	c.send(t, "no HTTP at all\r\n\r\n", descriptors[0])
	if code, _ := c.answer(t); code != 400 {
		t.Errorf("no HTTP: %d", code)
	}
	checkClosed(t, names)
}
