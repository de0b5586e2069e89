// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"clearway/internal/topo"
	"clearway/internal/topo/topotest"
)

func TestTransfer(t *testing.T) {
	lab := topotest.New(t, topo.Demo())
	for _, fam := range demoFamilies {
		t.Run(fam.name, func(t *testing.T) {
			for _, n := range []int64{0, 1, 4 << 20} {
				r, err := Transfer{
					From: lab.Host("client"), To: lab.Host("server1"), Bytes: n,
					Source: netip.AddrPortFrom(fam.client, 0), Server: netip.AddrPortFrom(fam.server, 0),
				}.Run(t.Context())
				if err != nil {
					t.Error(err)
				}
				if overhead := 1500 - int(r.MSS); n > 0 && (overhead < 40 || overhead > 80) {
					t.Errorf("MSS %d at an MTU of 1500", r.MSS)
				}
			}
		})
	}
}

func TestTransferLastsAsLongAsItsRateSays(t *testing.T) {
	lab := topotest.New(t, topo.Demo())
	r, err := Transfer{
		From: lab.Host("client"), To: lab.Host("server1"), Bytes: 100_000, Rate: 400_000,
		Server: netip.AddrPortFrom(topo.DemoServer14, 0),
	}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r.Elapsed < 200*time.Millisecond || r.Elapsed > 3*time.Second {
		t.Errorf("a quarter of a second's worth took %v", r.Elapsed)
	}
}

// What TCP's checksum can't notice, the transfer does. Losses it survives, and
// counts.
func TestTransferShowsFaults(t *testing.T) {
	tests := []struct {
		name  string
		fault func(f []byte) [][]byte
		check func(r TransferReport, err error) bool
	}{
		{"altered", swapWords, func(_ TransferReport, err error) bool {
			return err != nil && strings.Contains(err.Error(), "other than what was sent")
		}},
		{"lost", func([]byte) [][]byte { return nil }, func(r TransferReport, err error) bool {
			return err == nil && r.Retransmits > 0
		}},
		{"none", func(f []byte) [][]byte { return [][]byte{f} }, func(r TransferReport, err error) bool {
			return err == nil && r.Retransmits == 0
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			data := 0
			client, server, stop := newBox(t, func(f []byte) [][]byte {
				if len(f) < 1000 {
					return [][]byte{f}
				}
				if data++; data != 5 {
					return [][]byte{f}
				}
				return tt.fault(f)
			})
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			r, err := Transfer{
				From: client, To: server, Bytes: 20_000, Server: netip.AddrPortFrom(boxFamilies[0].server, 0),
			}.Run(ctx)
			stop()
			if !tt.check(r, err) {
				t.Errorf("got %+v, %v", r, err)
			}
			if data < 10 {
				t.Errorf("only %d packets with data", data)
			}
		})
	}
}

// A transfer that can't get through ends with its context, at any stage.
func TestTransferEndsWithContext(t *testing.T) {
	for name, pass := range map[string]int{"no connection": 0, "no data": 60, "no end": 1000} {
		t.Run(name, func(t *testing.T) {
			client, server, _ := newBox(t, func(f []byte) [][]byte {
				if bytes.Equal(f[12:14], []byte{8, 0}) && len(f) > 14+pass {
					return nil
				}
				return [][]byte{f}
			})
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			start := time.Now()
			_, err := Transfer{
				From: client, To: server, Bytes: 20_000, Server: netip.AddrPortFrom(boxFamilies[0].server, 0),
			}.Run(ctx)
			if err == nil {
				t.Error("it got through")
			}
			if d := time.Since(start); d > 2*time.Second {
				t.Errorf("it took %v to give up", d)
			}
		})
	}
}
