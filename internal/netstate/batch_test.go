// SPDX-License-Identifier: Apache-2.0

package netstate

import (
	"fmt"
	"os/exec"
	"strings"
)

// runBatch runs many commands of ip at once, in the calling thread's namespace.
func runBatch(commands string) error {
	cmd := exec.Command("ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(commands)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ip -batch: %w: %s", err, out)
	}
	return nil
}
