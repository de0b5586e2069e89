// SPDX-License-Identifier: Apache-2.0

package netstate

import (
	"errors"
	"slices"
	"testing"

	"github.com/mdlayher/netlink"
	"github.com/mdlayher/netlink/nltest"
	"golang.org/x/sys/unix"
)

// fakeKernel answers dumps one after the other with the given bytes, one a
// message; a 0 says that the dump was interrupted, and is no message.
func fakeKernel(t *testing.T, answers ...[]byte) *rtnetlink {
	conn := nltest.Dial(func(requests []netlink.Message) ([]netlink.Message, error) {
		if len(requests) == 0 {
			return nil, errors.New("nothing was asked")
		}
		answer := answers[0]
		answers = answers[1:]
		var messages []netlink.Message
		flags := netlink.Multi
		for _, b := range answer {
			if b == 0 {
				flags |= netlink.DumpInterrupted
				continue
			}
			messages = append(messages, netlink.Message{Data: []byte{b}})
		}
		messages = append(messages, netlink.Message{Header: netlink.Header{Type: netlink.Done}, Data: make([]byte, 4)})
		for i := range messages {
			messages[i].Header.Flags |= flags
			messages[i].Header.Sequence = requests[0].Header.Sequence
			messages[i].Header.PID = nltest.PID
		}
		return messages, nil
	})
	t.Cleanup(func() {
		conn.Close()
		if len(answers) != 0 {
			t.Errorf("%d dumps were not asked for", len(answers))
		}
	})
	return newRTNetlink(t.Context(), conn)
}

func TestDumpTriesAgain(t *testing.T) {
	tests := []struct {
		name    string
		answers [][]byte
		want    []byte
	}{
		{"whole", [][]byte{{1, 2, 3}}, []byte{1, 2, 3}},
		{"empty", [][]byte{{}}, nil},
		{"interrupted once", [][]byte{{0, 1, 2}, {3, 4}}, []byte{3, 4}},
		{"interrupted every time", [][]byte{{0, 1}, {0, 2}, {0, 3}}, []byte{3}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := dump(fakeKernel(t, test.answers...), unix.RTM_GETLINK, nil, func(b []byte) (byte, bool, error) {
				return b[0], true, nil
			})
			if err != nil || !slices.Equal(got, test.want) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestDumpFilters(t *testing.T) {
	got, err := dump(fakeKernel(t, []byte{1, 2, 3, 4}), unix.RTM_GETLINK, nil, func(b []byte) (byte, bool, error) {
		return b[0], b[0]%2 == 0, nil
	})
	if err != nil || !slices.Equal(got, []byte{2, 4}) {
		t.Errorf("got %v, %v", got, err)
	}
	broken := errors.New("broken")
	_, err = dump(fakeKernel(t, []byte{1, 2, 3}), unix.RTM_GETLINK, nil, func(b []byte) (byte, bool, error) {
		if b[0] == 2 {
			return 0, false, broken
		}
		return b[0], true, nil
	})
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
