// SPDX-License-Identifier: Apache-2.0

package health

import (
	"bytes"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"time"
)

// logTo makes c log into the buffer that it returns, without times; to be called
// before Set.
func logTo(c *Checker) *bytes.Buffer {
	var lines bytes.Buffer
	c.log = slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	return &lines
}

func TestReport(t *testing.T) {
	bubble(t, func(t *testing.T, c *Checker, b *backends) {
		lines := logTo(c)
		ch := check(1)
		ch.Fall = 1
		c.Set([]Check{ch}, nil)
		after(30 * time.Second)
		b.set(key(1), errRefused)
		after(time.Minute)
		b.set(key(1), nil)
		after(time.Minute)
		b.set(key(1), errRefused)
		after(15 * time.Second)
		want := `
level=WARN msg="backend is down" service=web backend=10.0.0.1 error="connection refused" successes_to_return=2
level=INFO msg="backend stayed down for its grace: what flows it has move" service=web backend=10.0.0.1
level=INFO msg="backend is up again" service=web backend=10.0.0.1
level=WARN msg="backend is down" service=web backend=10.0.0.1 error="connection refused" successes_to_return=4
`
		if got := "\n" + lines.String(); got != want {
			t.Errorf("the log is%swant%s", got, want)
		}
	})
}

// TestWarnings: what keeps probes from being made is said once a minute, not for
// each.
func TestWarnings(t *testing.T) {
	bubble(t, func(t *testing.T, c *Checker, b *backends) {
		lines := logTo(c)
		c.limit = 1
		b.set(key(1), &ownError{syscall.EMFILE})
		checks := []Check{check(1)}
		for i := 2; i < 30; i++ {
			b.setHang(key(i))
			checks = append(checks, check(i))
		}
		c.Set(checks, nil)
		after(3*time.Minute - time.Second)
		for _, message := range []string{"health checks are late", "a health check could not be made"} {
			if n := strings.Count(lines.String(), message); n < 2 || n > 3 {
				t.Errorf("%q was said %d times in three minutes\n%s", message, n, lines)
			}
		}
	})
}
