// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"fmt"

	"github.com/cilium/ebpf"
)

// sender is a program that makes the next frame of some traffic out of whatever
// became of the one before.
type sender struct {
	frame     []byte         // the first
	packets   int            // all flows were seen after so many
	program   *ebpf.Program  // M1: makes a frame and calls the contender; M2: and sends it
	contender *ebpf.Map      // M1
	next      *ebpf.Variable // the flow of the next frame
	close     func() error
}

// to makes p the contender.
func (s *sender) to(p *ebpf.Program) error {
	if err := s.contender.Put(uint32(0), p); err != nil {
		return fmt.Errorf("choosing the contender: %w", err)
	}
	return nil
}

// restart makes the next frame the first flow's.
func (s *sender) restart() error {
	if err := s.next.Set(uint32(0)); err != nil {
		return fmt.Errorf("going back to the first flow: %w", err)
	}
	return nil
}
