// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// received is how many frames the sink's device has counted.
func (c *chain) received() (n int, err error) {
	err = c.lab.Host(sinkHost).Do(func() error {
		b, err := os.ReadFile("/proc/thread-self/net/dev")
		if err != nil {
			return fmt.Errorf("reading the sink's counters: %w", err)
		}
		n, err = receivedBy(b, c.lab.sink.Name)
		return err
	})
	return n, err
}

// receivedBy finds a device's received packets in the text of /proc/net/dev.
func receivedBy(text []byte, device string) (int, error) {
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		// face: bytes packets ...
		name, rest, ok := strings.Cut(lines.Text(), ":")
		fields := strings.Fields(rest)
		if ok && strings.TrimSpace(name) == device && len(fields) > 1 {
			return strconv.Atoi(fields[1])
		}
	}
	return 0, fmt.Errorf("reading the sink's counters: no device %s", device)
}

// check sends one frame, of the first flow, and compares what arrives at the
// sink, where no program may be attached yet.
func (c *chain) check(want []byte) error {
	if err := c.traffic.NextFlow.Set(uint32(0)); err != nil {
		return err
	}
	capture, err := c.capture()
	if err != nil {
		return err
	}
	defer unix.Close(capture)
	if _, err := c.send(1); err != nil {
		return err
	}
	var last []byte
	for deadline := time.Now().Add(time.Second); time.Now().Before(deadline); {
		b := make([]byte, 2*frameBytes)
		n, err := unix.Read(capture, b)
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("capturing at the sink: %w", err)
		}
		if last = b[:n]; bytes.Equal(last, want) {
			return nil
		}
	}
	return fmt.Errorf("one frame sent: last seen at the sink %x, want %x", last, want)
}

// capture opens a socket that gets all that arrives at the sink's device.
func (c *chain) capture() (fd int, err error) {
	err = c.lab.Host(sinkHost).Do(func() error {
		const allProtocols = unix.ETH_P_ALL>>8 | unix.ETH_P_ALL<<8&0xffff // big endian
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, allProtocols); err != nil {
			return os.NewSyscallError("socket", err)
		}
		err = errors.Join(
			unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: allProtocols, Ifindex: c.lab.sink.Index}),
			unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 100_000}),
		)
		if err != nil {
			return errors.Join(err, unix.Close(fd))
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("capturing at the sink: %w", err)
	}
	return fd, nil
}
