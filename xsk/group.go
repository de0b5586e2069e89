// SPDX-License-Identifier: Apache-2.0

package xsk

import "errors"

// OpenAll opens a socket for each of the options, on any queues and devices,
// over one UMEM, so that packets go from one to the other without a copy. All
// get the same mode: zero-copy if each can have it, else copy, unless one of
// them wants ZeroCopy. [Socket.ZeroCopy] tells which.
//
// When one can't be opened, none is.
func OpenAll(u *UMEM, all []Options) ([]*Socket, error) {
	wanted, refused := PreferZeroCopy, false
	for _, o := range all {
		refused = refused || o.Mode == Copy
		if o.Mode == ZeroCopy {
			wanted = ZeroCopy
		}
	}
	if refused && wanted == ZeroCopy {
		return nil, &OptionError{"Mode", Copy, "sockets that share a UMEM must be in one mode, and another wants ZeroCopy"}
	}
	if !refused {
		sockets, err := openAll(u, all, ZeroCopy)
		if err == nil || wanted == ZeroCopy {
			return sockets, err
		}
	}
	return openAll(u, all, Copy)
}

func openAll(u *UMEM, all []Options, mode Mode) (sockets []*Socket, err error) {
	for _, o := range all {
		o.Mode = mode
		s, err := Open(u, o)
		if err != nil {
			for _, s := range sockets {
				err = errors.Join(err, s.Close())
			}
			return nil, err
		}
		sockets = append(sockets, s)
	}
	return sockets, nil
}
