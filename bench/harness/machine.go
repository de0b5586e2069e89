// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// Machine is where a run was made, and with what.
type Machine struct {
	CPU      string // the model
	CPUs     int
	Kernel   string
	Compiler string // of the programs
	Go       string
	Firewall string // that made the rules of (d)
	Load     string // averages of the last minutes before the run: near 0 on a quiet machine
}

func thisMachine() Machine {
	return Machine{
		CPU:      cpuModel(),
		CPUs:     runtime.NumCPU(),
		Kernel:   kernelRelease(),
		Compiler: firstLine("clang-19", "--version"),
		Go:       runtime.Version(),
		Firewall: firstLine("nft", "--version"),
		Load:     load(),
	}
}

func cpuModel() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// load is the averages over 1, 5 and 15 minutes.
func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(b))[:3], ", ")
}

func kernelRelease() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Release[:])
}

// firstLine is what a program says first, or that it is not here: the programs
// that are measured come compiled, and need no compiler.
func firstLine(name string, args ...string) string {
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		return fmt.Sprintf("%s (not installed here)", name)
	}
	line, _, _ := bytes.Cut(out, []byte("\n"))
	return string(bytes.TrimSpace(line))
}

// ready refuses settings that make figures worthless.
func ready() error {
	for _, s := range []struct{ key, want string }{
		{"kernel/bpf_stats_enabled", "0"}, // 1 costs 150 to 200 ns a run
		{"net/core/bpf_jit_enable", "1"},
	} {
		b, err := os.ReadFile("/proc/sys/" + s.key)
		if err != nil {
			return fmt.Errorf("checking the machine: %w", err)
		}
		if got := strings.TrimSpace(string(b)); got != s.want {
			name := strings.ReplaceAll(s.key, "/", ".")
			return fmt.Errorf("checking the machine: %s is %s: set it with sysctl -w %s=%s", name, got, name, s.want)
		}
	}
	return nil
}
