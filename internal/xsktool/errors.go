// SPDX-License-Identifier: Apache-2.0

package xsktool

import (
	"errors"
	"fmt"
	"strings"

	"clearway/xsk"
	"clearway/xsk/xskprog"
)

// remedies are what a user of the command can do, in the command's own words
// where package xsk has those of its API.
var remedies = []struct {
	cause error
	do    string
}{
	{xsk.ErrQueueBusy, "ss --xdp lists the sockets: end the program that has it, or take another --queue"},
	{xsk.ErrNotSupported, "--mode auto takes what driver and kernel have"},
	{xsk.ErrLinkDown, "ip link set dev DEVICE up, if it is not; then look at what is at its other end"},
	{xsk.ErrDeviceGone, "ip link lists the interfaces that are there"},
}

// explain adds to an error where it happened and what to do.
func explain(device string, queue int, err error, hint string) error {
	for _, r := range remedies {
		if errors.Is(err, r.cause) {
			hint = strings.ReplaceAll(r.do, "DEVICE", device)
			break
		}
	}
	if hint != "" {
		hint = "; " + hint
	}
	return fmt.Errorf("%s queue %d: %w%s", device, queue, err, hint)
}

// explainSetup does the same with an error of opening sockets.
func (r *rig) explainSetup(err error) error {
	var e *xsk.SetupError
	if !errors.As(err, &e) {
		return err
	}
	return explain(r.name(e.Ifindex), e.Queue, fmt.Errorf("%s: %w", e.Step, e.Err), e.Hint)
}

// explainWork does it with one of using a socket.
func (r *rig) explainWork(s *xsk.Socket, err error) error {
	return explain(r.name(s.Ifindex()), s.Queue(), err, "")
}

// findError says that an interface can't be found.
func findError(name string, err error) error {
	return fmt.Errorf("%s: %w; ip link lists the interfaces of this network namespace", name, errors.Unwrap(err))
}

// TakenError says that an interface has an XDP program of someone else, which
// was left as it is.
type TakenError struct {
	Interface string
	Program   *xskprog.ForeignError
}

func (e *TakenError) Error() string {
	return fmt.Sprintf("%s has an XDP program already, %d %q, which was left as it is; detach it first (bpftool net, ip link)", e.Interface, e.Program.ID, e.Program.Name)
}

func (e *TakenError) Unwrap() error { return e.Program }

// explainAttach names the device in an error of attaching a program.
func explainAttach(device string, err error) error {
	var foreign *xskprog.ForeignError
	if errors.As(err, &foreign) {
		return &TakenError{device, foreign}
	}
	return fmt.Errorf("%s: %w", device, err)
}
