// SPDX-License-Identifier: Apache-2.0

package netstate

import (
	"context"
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// From include/uapi/linux/xfrm.h.
const (
	xfrmMsgGetPolicy  = 0x15
	xfrmMsgGetDefault = 0x28 // from Linux 5.14
	xfrmaIfID         = 31

	sizeofUserPolicyInfo = 168 // struct xfrm_userpolicy_info
	selectorFamily       = 40  // offset of sel.family
	policyDirection      = 160 // offset of dir

	xfrmPolicyOut   = 1
	xfrmPolicyFwd   = 2
	xfrmPolicyBlock = 1 // XFRM_USERPOLICY_BLOCK
)

// policies says for which families an IPsec policy may concern packets that
// are forwarded.
func policies(ctx context.Context) (ip4, ip6 bool, err error) {
	r, err := dialXFRM(ctx)
	if errors.Is(err, unix.EPROTONOSUPPORT) {
		return false, false, nil // a kernel without IPsec
	}
	if err != nil {
		return false, false, err
	}
	defer r.close()
	families, err := dump(r, xfrmMsgGetPolicy, nil, decodePolicy)
	if err != nil {
		return false, false, fmt.Errorf("reading IPsec policies: %w", err)
	}
	for _, family := range families {
		ip4 = ip4 || family == unix.AF_INET
		ip6 = ip6 || family == unix.AF_INET6
	}
	block, err := r.blockedByDefault()
	return ip4 || block, ip6 || block, err
}

func dialXFRM(ctx context.Context) (*rtnetlink, error) {
	conn, err := netlink.Dial(unix.NETLINK_XFRM, nil)
	if err != nil {
		return nil, fmt.Errorf("opening a socket for IPsec policies: %w", err)
	}
	return newRTNetlink(ctx, conn), nil
}

// decodePolicy returns the family of a policy if it may concern forwarded
// packets. One with an interface ID only concerns what goes through an xfrm
// interface, which is no Ethernet device and so never on the fast path.
func decodePolicy(b []byte) (family uint16, concerned bool, err error) {
	if len(b) < sizeofUserPolicyInfo {
		return 0, false, errors.New("policy message is too short")
	}
	family = nativeUint16(b[selectorFamily:])
	direction := b[policyDirection]
	concerned = direction == xfrmPolicyOut || direction == xfrmPolicyFwd
	attrs, err := netlink.NewAttributeDecoder(b[sizeofUserPolicyInfo:])
	if err != nil {
		return 0, false, err
	}
	for attrs.Next() {
		if attrs.Type() == xfrmaIfID && attrs.Uint32() != 0 {
			concerned = false
		}
	}
	return family, concerned, attrs.Err()
}

// blockedByDefault says whether packets that no policy matches are dropped
// when they are forwarded (ip xfrm policy setdefault).
func (r *rtnetlink) blockedByDefault() (bool, error) {
	replies, err := r.conn.Execute(netlink.Message{
		Header: netlink.Header{Type: xfrmMsgGetDefault, Flags: netlink.Request},
		Data:   make([]byte, 4), // struct xfrm_userpolicy_default
	})
	if errors.Is(err, unix.EINVAL) {
		return false, nil // an older kernel
	}
	if err != nil {
		return false, fmt.Errorf("reading the default IPsec policy: %w", err)
	}
	for _, m := range replies {
		if len(m.Data) >= 3 { // in, fwd, out
			return m.Data[1] == xfrmPolicyBlock || m.Data[2] == xfrmPolicyBlock, nil
		}
	}
	return false, nil
}
