// SPDX-License-Identifier: Apache-2.0

package netstate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

const (
	sizeofNdMsg = 12 // struct ndmsg

	// refreshEvery is how often stale neighbours are looked for. A neighbour
	// turns stale half a minute after it was last confirmed.
	refreshEvery = 5 * time.Second
	// refreshPause is the time between two neighbours: at most 50 a second.
	refreshPause = 20 * time.Millisecond
)

// neighbour is a neighbour's entry.
type neighbour struct {
	family  uint8
	index   int // ifindex
	address netip.Addr
}

// RefreshNeighbours asks the kernel to check stale neighbours, again and again
// until ctx ends, which is no error. The kernel only checks a neighbour after
// it sent something to it, and on the fast path it never does; the FIB helper
// takes a stale entry as it is, so a neighbour that changed its MAC address
// would be lost. Entries that don't answer the check go the usual way. What
// goes wrong is logged and tried again.
func RefreshNeighbours(ctx context.Context, log *slog.Logger) error {
	for {
		if err := refreshStale(ctx); err != nil && ctx.Err() == nil {
			log.Warn("could not refresh neighbours; trying again", "error", err)
		}
		if !sleep(ctx, refreshEvery) {
			return nil
		}
	}
}

// refreshStale refreshes all neighbours that are stale now.
func refreshStale(ctx context.Context) error {
	socket, err := dialRoute(ctx)
	if err != nil {
		return err
	}
	defer socket.close()
	stale, err := dump(socket, unix.RTM_GETNEIGH, make([]byte, sizeofNdMsg), decodeStale)
	if err != nil {
		return fmt.Errorf("reading neighbours: %w", err)
	}
	for _, n := range stale {
		if err := socket.use(n); err != nil {
			return err
		}
		if !sleep(ctx, refreshPause) {
			return nil
		}
	}
	return nil
}

// sleep waits; false if ctx ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// decodeStale decodes an RTM_NEWNEIGH message, struct ndmsg and attributes, and
// wants those that are stale.
func decodeStale(b []byte) (neighbour, bool, error) {
	var n neighbour
	if len(b) < sizeofNdMsg {
		return n, false, errors.New("neighbour message is too short")
	}
	n.family = b[0]
	n.index = int(nativeUint32(b[4:]))
	stale := nativeUint16(b[8:])&unix.NUD_STALE != 0 && b[10]&unix.NTF_PROXY == 0
	if !stale || n.family != unix.AF_INET && n.family != unix.AF_INET6 {
		return n, false, nil
	}
	attrs, err := netlink.NewAttributeDecoder(b[sizeofNdMsg:])
	if err != nil {
		return n, false, err
	}
	for attrs.Next() {
		if attrs.Type() == unix.NDA_DST {
			n.address, _ = netip.AddrFromSlice(attrs.Bytes())
		}
	}
	return n, n.address.IsValid(), attrs.Err()
}

// use has the kernel treat a neighbour as if something had been sent to it. One
// that has gone meanwhile stays gone.
func (r *rtnetlink) use(n neighbour) error {
	attrs := netlink.NewAttributeEncoder()
	attrs.Bytes(unix.NDA_DST, n.address.AsSlice())
	data, err := attrs.Encode()
	if err != nil {
		return err
	}
	body := make([]byte, sizeofNdMsg)
	body[0] = n.family
	nativePutUint32(body[4:], uint32(n.index))
	body[10] = unix.NTF_USE
	_, err = r.conn.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.RTM_NEWNEIGH, Flags: netlink.Request | netlink.Acknowledge},
		Data:   append(body, data...),
	})
	if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("refreshing neighbour %v: %w", n.address, err)
	}
	return nil
}
