// SPDX-License-Identifier: Apache-2.0

package topo

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// setFeatures switches off every offload of a device that can be switched, so
// that its frames are those that a wire would carry, and GRO as asked.
func (h *Host) setFeatures(device string, gro bool) error {
	return h.ethtool(device, func(e *ethtool) error {
		names, err := e.featureNames()
		if err != nil {
			return err
		}
		return e.setFeatures(len(names), func(i int) (on, set bool) {
			if names[i] == "rx-gro" {
				return gro, true
			}
			return false, isOffload(names[i])
		})
	})
}

// isOffload tells whether a feature changes what frames look like. The others
// are capabilities, such as memory above 4 GiB.
func isOffload(feature string) bool {
	return strings.HasPrefix(feature, "tx-") || strings.HasPrefix(feature, "rx-")
}

// Features returns the names of the features of a device that are on, in the
// words of ethtool -k for the kernel's own list, such as "rx-gro".
func (h *Host) Features(device string) (on map[string]bool, err error) {
	on = make(map[string]bool)
	err = h.ethtool(device, func(e *ethtool) error {
		names, err := e.featureNames()
		if err != nil {
			return err
		}
		blocks, err := e.features(len(names))
		if err != nil {
			return err
		}
		for i, name := range names {
			if blocks[i/32].Active&(1<<(i%32)) != 0 {
				on[name] = true
			}
		}
		return nil
	})
	return on, err
}

// ethtool is a way to the ethtool ioctls of one device.
type ethtool struct {
	fd     int
	device string
}

// ethtool runs fn with a socket that was made inside the host: its namespace
// is where the ioctl looks for the device.
func (h *Host) ethtool(device string, fn func(*ethtool) error) error {
	err := h.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return fn(&ethtool{fd, device})
	})
	if err != nil {
		return fmt.Errorf("%s: ethtool %s: %w", h.name, device, err)
	}
	return nil
}
