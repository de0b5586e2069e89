// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"clearway/internal/topo/wire"
)

// received is how many frames the device at the end has counted.
func (c *chain) received() (n int, err error) {
	err = c.lab.Host(c.host).Do(func() error {
		b, err := os.ReadFile("/proc/thread-self/net/dev")
		if err != nil {
			return fmt.Errorf("reading the counters of %s: %w", c.device.Name, err)
		}
		n, err = receivedBy(b, c.device.Name)
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
	return 0, fmt.Errorf("reading a device's counters: no device %s", device)
}

// check sends one frame, of the first flow, and hands isRight what arrives at
// the end, where no program may take it away yet.
func (c *chain) check(ctx context.Context, isRight outcome) (err error) {
	if err := c.restart(); err != nil {
		return err
	}
	capture, err := wire.NewCapture(c.lab.Host(c.host), c.device.Name, isTraffic)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, capture.Close()) }()
	if _, err := c.send(1); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	got, err := capture.Next(ctx)
	if err != nil {
		return fmt.Errorf("one frame sent: %w", err)
	}
	if len(got) != 1 {
		return fmt.Errorf("one frame sent: the %s got %x", c.host, got)
	}
	return isRight.frame(c.frame, got[0])
}
