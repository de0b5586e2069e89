// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"bytes"
	"fmt"
)

// outcome is what a contender should make of traffic: the verdict of its
// program, and what it makes of a frame that was sent.
type outcome struct {
	verdict uint32
	frame   func(sent, got []byte) error
}

// The outcomes.
var (
	passes   = outcome{xdpPass, isSame}
	returns  = outcome{xdpTX, isSame}
	forwards = outcome{xdpRedirect, isForwarded}
	moves    = outcome{xdpTX, isMoved}
	balances = outcome{xdpTX, isEncapsulated}
)

func isSame(sent, got []byte) error { return compare(got, sent) }

func isForwarded(sent, got []byte) error {
	return compare(got, forwarded(sent, egressMAC, nextHopMAC))
}

// isMoved says whether there is place for an outer header.
func isMoved(sent, got []byte) error {
	if want := len(sent) + outerBytes(sent); len(got) != want {
		return fmt.Errorf("%d bytes, want %d", len(got), want)
	}
	return nil
}

func compare(got, want []byte) error {
	if !bytes.Equal(got, want) {
		return fmt.Errorf("frame %x, want %x", got, want)
	}
	return nil
}
