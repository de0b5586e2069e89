// SPDX-License-Identifier: Apache-2.0

package health

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// responses are what a server may answer, plain or over TLS.
var responses = []struct {
	what string
	send string             // once the request has come
	then func(*net.TCPConn) // and then; nil closes
	want string             // the probe's error
}{
	{"a whole response", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", hangTCP, ""},
	{"no body", "HTTP/1.1 204 No Content\r\n\r\n", hangTCP, ""},
	{"an empty body", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", hangTCP, ""},
	{"a redirect, not followed", "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", hangTCP, ""},
	{"the last status that is good", "HTTP/1.1 399 Odd\r\nContent-Length: 0\r\n\r\n", nil, ""},
	{"the first that is bad", "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", nil, "HTTP status 400"},
	{"503", "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", nil, "HTTP status 503"},
	{"a body up to the end", "HTTP/1.0 200 OK\r\n\r\nall of it", nil, ""},
	{"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", hangTCP, ""},
	{"early hints", strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 5) + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", nil, ""},
	{"nothing but early hints", strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 6), nil, "HTTP request: more than 5 responses 1xx"},
	{"another protocol", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", nil, "HTTP status 101"},
	{"a long body, of which the beginning counts", "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + strings.Repeat("x", 100_000), hangTCP, ""},
	{"a long body in tiny chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("2\r\nok\r\n", 40_000), hangTCP, ""},

	{"silence", "", hangTCP, "HTTP request: no answer within 300ms"},
	{"an end", "", nil, "HTTP request: connection closed"},
	{"half a header", "HTTP/1.1 200 OK\r\n", nil, "half a response: 17 bytes of its header, then connection closed"},
	{"half a header and silence", "HTTP/1.1 200 OK\r\n", hangTCP, "half a response: 17 bytes of its header, then no answer within 300ms"},
	{"half a header and a reset", "HTTP/1.1 200 OK\r\n", reset, "half a response: 17 bytes of its header, then connection reset"},
	{"half a body", "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n1234567890", nil, "half a response: 10 of 20 bytes, then connection closed"},
	{"half a body and silence", "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n1234567890", hangTCP, "half a response: 10 of 20 bytes, then no answer within 300ms"},
	{"half a body and a reset", "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n1234567890", reset, "half a response: 10 of 20 bytes, then connection reset"},
	{"no more chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", nil, "half a response: 2 bytes of its body, then connection closed"},
	{"no chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello\r\n", nil, "HTTP body: invalid byte in chunk length"},
	{"another language", "SSH-2.0-OpenSSH_9.9\r\n", hangTCP, `HTTP request: malformed HTTP response "SSH-2.0-OpenSSH_9.9"`},
	{"a header without end", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 70_000), hangTCP, "HTTP header of more than 65536 bytes"},
}

func hangTCP(conn *net.TCPConn) { hang(conn) }

// TestResponses gets each response plain and over TLS.
func TestResponses(t *testing.T) {
	certificate := selfSigned(t)
	for _, kind := range []string{"http", "https"} {
		for _, row := range responses {
			t.Run(kind+"/"+row.what, func(t *testing.T) {
				t.Parallel()
				at := serve(t, func(conn *net.TCPConn) {
					var stream net.Conn = conn
					if kind == "https" {
						stream = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate}})
					}
					skipRequest(stream)
					io.WriteString(stream, row.send)
					if row.then != nil {
						row.then(conn)
					}
				})
				c := Check{Type: kind, Target: at, Path: "/"}
				if strings.Contains(row.want, "within") {
					c.Timeout = short
				}
				wantError(t, ask(t, c), row.want)
			})
		}
	}
}

// selfSigned is a certificate for another name than any that is asked for.
func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS()
	defer server.Close()
	return server.TLS.Certificates[0]
}

func TestHandshake(t *testing.T) {
	rows := []struct {
		what   string
		answer func(*net.TCPConn)
		want   string
	}{
		{"silence", hangTCP, "TLS handshake: no answer within 300ms"},
		{"an end", func(conn *net.TCPConn) { conn.CloseWrite(); hang(conn) }, "TLS handshake: connection closed"},
		{"a reset", reset, "TLS handshake: connection reset"},
		{"no TLS", func(conn *net.TCPConn) { io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n"); hang(conn) },
			"TLS handshake: tls: first record does not look like a TLS handshake"},
		{"an alert", func(conn *net.TCPConn) { conn.Write([]byte{21, 3, 3, 0, 2, 2, 40}); hang(conn) },
			"TLS handshake: remote error: tls: handshake failure"},
	}
	for _, row := range rows {
		t.Run(row.what, func(t *testing.T) {
			t.Parallel()
			c := Check{Type: "https", Target: serve(t, row.answer), Path: "/"}
			if strings.Contains(row.want, "within") {
				c.Timeout = short
			}
			wantError(t, ask(t, c), row.want)
		})
	}
}

// TestServer asks a real server, which says whom it was asked for.
func TestServer(t *testing.T) {
	var requests atomic.Int32
	seen := make(chan string, 1)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := ""
		if r.TLS != nil {
			name = r.TLS.ServerName + " " + r.TLS.NegotiatedProtocol + " "
		}
		seen <- name + r.Method + " " + r.RequestURI + " " + r.Host
		requests.Add(1)
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	})
	plain := httptest.NewServer(handler)
	defer plain.Close()
	secure := httptest.NewUnstartedServer(handler)
	secure.TLS = &tls.Config{NextProtos: []string{"h2", "http/1.1"}} // it would rather speak h2
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()

	at := func(s *httptest.Server) netip.AddrPort { return netip.MustParseAddrPort(s.Listener.Addr().String()) }
	rows := []struct {
		check Check
		want  string
	}{
		{Check{Type: "http", Target: at(plain), Path: "/healthz?full=1"}, fmt.Sprintf("GET /healthz?full=1 %v", at(plain))},
		{Check{Type: "http", Target: at(plain), Path: "/", Host: "www.example.net"}, "GET / www.example.net"},
		{Check{Type: "https", Target: at(secure), Path: "/"}, fmt.Sprintf(" http/1.1 GET / %v", at(secure))},
		{Check{Type: "https", Target: at(secure), Path: "/", Host: "www.example.net"}, "www.example.net http/1.1 GET / www.example.net"},
		{Check{Type: "https", Target: at(secure), Path: "/", Host: "192.0.2.1"}, " http/1.1 GET / 192.0.2.1"},
	}
	for i, row := range rows {
		wantError(t, ask(t, row.check), "")
		select {
		case got := <-seen:
			if got != row.want {
				t.Errorf("the server was asked for %q, want %q", got, row.want)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("the server was not asked")
		}
		if n := requests.Load(); int(n) != i+1 {
			t.Fatalf("%d requests by %d probes", n, i+1)
		}
	}
}

func TestRequestHost(t *testing.T) {
	rows := []struct{ kind, target, host, want string }{
		{"http", "192.0.2.1:80", "", "192.0.2.1"},
		{"http", "192.0.2.1:443", "", "192.0.2.1:443"},
		{"https", "192.0.2.1:443", "", "192.0.2.1"},
		{"https", "192.0.2.1:80", "", "192.0.2.1:80"},
		{"http", "[2001:db8::1]:80", "", "[2001:db8::1]"},
		{"http", "[2001:db8::1]:8080", "", "[2001:db8::1]:8080"},
		{"http", "192.0.2.1:8080", "www.example.net", "www.example.net"},
		{"http", "192.0.2.1:8080", "2001:db8::2", "[2001:db8::2]"},
	}
	for _, row := range rows {
		got := string(request(Check{Type: row.kind, Target: netip.MustParseAddrPort(row.target), Host: row.host, Path: "/x"}))
		want := "GET /x HTTP/1.1\r\nHost: " + row.want + "\r\nUser-Agent: clearway\r\nAccept: */*\r\nConnection: close\r\n\r\n"
		if got != want {
			t.Errorf("%+v:\n got %q\nwant %q", row, got, want)
		}
	}
}
