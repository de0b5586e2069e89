// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"fmt"

	systemd "github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

// reloading is what systemd's Type=notify-reload wants to hear: RELOADING=1
// with the monotonic time, so that it can tell this reload from an older one.
func reloading() string {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return systemd.SdNotifyReloading
	}
	return fmt.Sprintf("%s\nMONOTONIC_USEC=%d", systemd.SdNotifyReloading, now.Nano()/1000)
}

// notifySystemd tells the service manager, if there is one.
func notifySystemd(state string) error {
	_, err := systemd.SdNotify(false, state)
	return err
}
