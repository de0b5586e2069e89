// SPDX-License-Identifier: Apache-2.0

package xsk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"clearway/internal/testkit"
	"clearway/xsk"
)

const jumbo = 9000

func requireMultiBuffer(t *testing.T) {
	t.Helper()
	testkit.RequireKernel(t, "6.6", "multi-buffer AF_XDP")
}

// pattern is the content of packet number seq, after its addresses.
func pattern(seq, size int) []byte {
	b := make([]byte, size)
	packet(b, uint32(seq))
	for i := 16; i < size; i++ {
		b[i] = byte(seq*7 + i*13 + i>>8)
	}
	return b
}

// sendFragments sends packets in fragments of the given size.
func (p *port) sendFragments(packets [][]byte, size int) error {
	for _, b := range packets {
		var descs []xsk.Desc
		for len(b) > 0 {
			chunk, ok := p.cache.Get()
			if !ok {
				return errors.New("no free chunk")
			}
			n := min(size, len(b))
			d := xsk.Desc{Addr: p.umem.Start(chunk), Len: uint32(n), Options: xsk.Continued}
			copy(p.umem.Data(d), b[:n])
			b = b[n:]
			descs = append(descs, d)
		}
		descs[len(descs)-1].Options = 0
		if n, err := p.TX.Send(descs); err != nil || n != len(descs) {
			return fmt.Errorf("%d of %d fragments: %w", n, len(descs), err)
		}
		if err := p.TX.Kick(p.cache); err != nil {
			return err
		}
	}
	return nil
}

// receiveFragments receives n packets, by batches of the given size.
func (p *port) receiveFragments(ctx context.Context, n, batch int) (packets [][]byte, err error) {
	var open []byte
	for len(packets) < n {
		a, b := p.RX.Peek(batch)
		for _, span := range [2][]xsk.Desc{a, b} {
			for _, d := range span {
				open = append(open, p.umem.Data(d)...)
				if d.Options&xsk.Continued == 0 {
					packets, open = append(packets, open), nil
				}
			}
			if err := p.cache.PutAll(span); err != nil {
				return packets, err
			}
		}
		if batch >= 18 && len(open) > 0 {
			return packets, errors.New("a batch ends in the middle of a packet")
		}
		p.RX.Release(len(a) + len(b))
		if _, err := p.Fill.Refill(p.cache); err != nil {
			return packets, err
		}
		if len(a) == 0 {
			if err := p.RX.Wait(ctx); err != nil {
				return packets, fmt.Errorf("after %d of %d packets: %w", len(packets), n, err)
			}
		}
	}
	return packets, nil
}

// streamFragments sends packets of changing sizes and checks them.
func streamFragments(t *testing.T, from, to *port, fragment, batch int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	for round := range 10 {
		var want [][]byte
		for i := range 20 {
			want = append(want, pattern(round*20+i, 60+(i*1499)%(jumbo-60)))
		}
		if err := from.sendFragments(want, fragment); err != nil {
			t.Fatal(err)
		}
		got, err := to.receiveFragments(ctx, len(want), batch)
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			if !bytes.Equal(got[i], want[i]) {
				t.Fatalf("round %d packet %d: %d bytes, want %d, or others", round, i, len(got[i]), len(want[i]))
			}
		}
	}
}

func TestSEND_RECEIVE_9K_PACKETS(t *testing.T) {
	requireMultiBuffer(t)
	everyWay(t, func(t *testing.T, v variant) {
		_, from, to := connect(t, v, jumbo, xsk.UMEMOptions{}, xsk.Options{MultiBuffer: true, RXSize: 512})
		streamFragments(t, from, to, 3000, 64)
		streamFragments(t, from, to, 4096, 1) // also one by one, though that cuts packets
	})
}

func TestSEND_RECEIVE_UNALIGNED_9K_PACKETS(t *testing.T) {
	requireMultiBuffer(t)
	everyWay(t, func(t *testing.T, v variant) {
		_, from, to := connect(t, v, jumbo, xsk.UMEMOptions{ChunkSize: 3333, Unaligned: true}, xsk.Options{MultiBuffer: true})
		streamFragments(t, from, to, 3001, 20)
	})
}

// A packet of as many fragments as the kernel takes, and one of one more, which is refused before the kernel sees it; the next goes
// through. All chunks come back.
func TestTOO_MANY_FRAGS(t *testing.T) {
	requireMultiBuffer(t)
	everyWay(t, func(t *testing.T, v variant) {
		_, from, to := connect(t, v, jumbo, xsk.UMEMOptions{}, xsk.Options{MultiBuffer: true})
		const most = 18 // max_skb_frags + 1
		good, last := pattern(1, most*100), pattern(3, 200)
		if err := from.sendFragments([][]byte{good}, 100); err != nil {
			t.Fatal(err)
		}
		bad := make([]xsk.Desc, most+1)
		from.cache.GetAll(bad)
		for i := range bad {
			bad[i].Len, bad[i].Options = 100, xsk.Continued
		}
		bad[most].Options = 0
		var refused *xsk.ChunkError
		if _, err := from.TX.Send(bad); !errors.As(err, &refused) || refused.Desc != bad[most] {
			t.Errorf("a packet of %d fragments: %v", len(bad), err)
		}
		if err := from.cache.PutAll(bad); err != nil {
			t.Error(err)
		}
		if err := from.sendFragments([][]byte{last}, 100); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), soon)
		defer cancel()
		got, err := to.receiveFragments(ctx, 2, 64)
		if err != nil || !bytes.Equal(got[0], good) || !bytes.Equal(got[1], last) {
			t.Errorf("%d packets, or others: %v", len(got), err)
		}
		statistic(t, from, "nothing invalid", func(s xsk.Statistics) bool { return s.TXInvalid == 0 })
		if n := from.umem.Counts(); n.Sending != 0 {
			t.Errorf("%+v", n)
		}
	})
}

// Bad fragments are refused before the kernel sees them, with the whole packet.
func testInvalidFragments(t *testing.T, o xsk.UMEMOptions) {
	requireMultiBuffer(t)
	everyWay(t, func(t *testing.T, v variant) {
		_, from, to := connect(t, v, jumbo, o, xsk.Options{MultiBuffer: true})
		for _, bad := range []func(d *xsk.Desc){
			func(d *xsk.Desc) { d.Len = 0 },
			func(d *xsk.Desc) { d.Addr = 1 << 40 },
			func(d *xsk.Desc) { d.Len = 5000 },
			func(d *xsk.Desc) { d.Options |= 1 << 5 },
		} {
			descs := make([]xsk.Desc, 3)
			from.cache.GetAll(descs)
			for i := range descs {
				descs[i].Len, descs[i].Options = 100, xsk.Continued
			}
			descs[2].Options = 0
			good := descs[1]
			bad(&descs[1])
			_, err := from.TX.Send(descs)
			var refused *xsk.ChunkError
			if !errors.As(err, &refused) || refused.Desc != descs[1] {
				t.Errorf("%+v: %v", descs[1], err)
			}
			descs[1] = good
			if err := from.cache.PutAll(descs); err != nil {
				t.Error(err)
			}
			want := pattern(5, 7000)
			if err := from.sendFragments([][]byte{want}, 3000); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), soon)
			got, err := to.receiveFragments(ctx, 1, 64)
			cancel()
			if err != nil || !bytes.Equal(got[0], want) {
				t.Errorf("the good packet: %v", err)
			}
		}
	})
}

func TestALIGNED_INV_DESC_MULTI_BUFF(t *testing.T) { testInvalidFragments(t, xsk.UMEMOptions{}) }

func TestUNALIGNED_INV_DESC_MULTI_BUFF(t *testing.T) {
	testInvalidFragments(t, xsk.UMEMOptions{ChunkSize: 3400, Unaligned: true})
}
