// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"clearway/internal/control"
)

// errReported ends a command whose output has said already what is wrong.
var errReported = errors.New("reported")

// remedies are what an operator can do about an error, the most telling cause
// first. Package dataplane adds its own to errors of the kernel.
var remedies = []struct {
	cause error
	do    string
}{
	{control.ErrNotRunning, "start it with: clearway run -c FILE; if it runs, name its configuration with -c FILE"},
	{fs.ErrPermission, "run as root"},
	{syscall.EADDRINUSE, "another process listens there: stop it, or change runtime.metrics"},
	{context.DeadlineExceeded, "the daemon is busy: look at its log, then try again"},
}

// fail prints err with what can be done about it, and returns the exit code.
func (a *app) fail(err error) int {
	var usage usageError
	switch {
	case errors.Is(err, errReported):
		return exitFailed
	case !a.running || errors.As(err, &usage):
		fmt.Fprintf(a.Stderr, "clearway: %v\nSee clearway --help.\n", err)
		return exitUsage
	}
	fmt.Fprintf(a.Stderr, "clearway: %s\n", withRemedy(err))
	var refused *control.Error
	if errors.As(err, &refused) {
		a.printProblems("", refused.Problems)
	}
	if errors.Is(err, control.ErrNotRunning) {
		return exitNotRunning
	}
	return exitFailed
}

// withRemedy is err's text and, unless that names it already, the remedy.
func withRemedy(err error) string {
	text := err.Error()
	for _, r := range remedies {
		if errors.Is(err, r.cause) {
			if strings.Contains(text, r.do) {
				break
			}
			return text + "\n  " + r.do
		}
	}
	return text
}
