// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

var (
	// ErrNotLoaded: nothing of Clearway is pinned there.
	ErrNotLoaded = errors.New("no data path is loaded")
	// ErrNoBPFFS: the pin directory is not on a BPF file system.
	ErrNoBPFFS = errors.New("not on a BPF file system")
	// ErrForeignNamespace: what is pinned belongs to another network namespace.
	ErrForeignNamespace = errors.New("pinned by another network namespace")
	// ErrBusy: another process holds the pin directory.
	ErrBusy = errors.New("in use by another process")
	// ErrReadOnly: the Dataplane was opened for reading.
	ErrReadOnly = errors.New("opened for reading only")
)

// LimitError says that a state does not fit into its own limits.
type LimitError struct {
	Limit string // the key of the configuration
	Have  int    // what it allows
	Want  int    // what the state needs
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("limits.%s is %d, but %d are needed: raise it", e.Limit, e.Have, e.Want)
}

// errTooManyRefer: indices that nothing refers to any more are free again after a
// sweep.
func errTooManyRefer(service string) error {
	return fmt.Errorf("service %s: flows still refer to so many former backends that there is no index left for new ones: try again in a minute", service)
}

// AttachError says why a program could not be attached to a port. It wraps the
// kernel's answer.
type AttachError struct {
	Interface string
	Mode      Mode
	Foreign   bool // another's program is on it
	Remedy    string
	Err       error
}

func (e *AttachError) Error() string {
	return fmt.Sprintf("attaching to %s in %s mode: %v: %s", e.Interface, e.Mode, e.Err, e.Remedy)
}

func (e *AttachError) Unwrap() error { return e.Err }

// attachError finds the remedy for what the kernel answered to an attach.
func attachError(name string, mode Mode, err error) error {
	e := &AttachError{Interface: name, Mode: mode, Err: err}
	switch {
	case errors.Is(err, unix.EBUSY), errors.Is(err, unix.EEXIST):
		e.Foreign = true
		e.Remedy = "another XDP program is on it; it is left alone: whoever put it there must remove it first"
	case errors.Is(err, unix.EOPNOTSUPP) && mode == Native:
		e.Remedy = "its driver has no native XDP: use mode: generic, or auto"
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ERANGE):
		e.Remedy = "the driver refuses it in its present set-up: its MTU may be too large for XDP, or too few queues left"
	case errors.Is(err, unix.ENODEV):
		e.Remedy = "the interface has gone"
	case errors.Is(err, unix.ENOMEM), errors.Is(err, unix.ENOSPC):
		e.Remedy = "the driver has no memory or queues left for it: fewer queues (ethtool -L) may help"
	default:
		e.Remedy = remedy(err)
	}
	return e
}

// DescribeProgram names a BPF program of the machine by its id, for messages:
// with its name, where the process may ask for it (CAP_SYS_ADMIN).
func DescribeProgram(id uint32) string {
	program, err := ebpf.NewProgramFromID(ebpf.ProgramID(id))
	if err != nil {
		return fmt.Sprintf("program %d", id)
	}
	defer program.Close()
	info, err := program.Info()
	if err != nil || info.Name == "" {
		return fmt.Sprintf("program %d", id)
	}
	return fmt.Sprintf("program %d (%s)", id, info.Name)
}

// remedy says what to do about an error that no place has better advice for.
func remedy(err error) string {
	var verifier *ebpf.VerifierError
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return "run as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON"
	case errors.As(err, &verifier):
		return "the kernel refuses the program; clearway needs Linux 5.10 or newer"
	case errors.Is(err, unix.ENOMEM), errors.Is(err, unix.E2BIG):
		return "not enough memory for the maps: lower the limits"
	case errors.Is(err, unix.EROFS):
		return "the BPF file system is mounted read-only: remount it read-write"
	default:
		return "see the kernel log"
	}
}

// advise adds the remedy to an error of loading or pinning.
func advise(doing string, err error) error {
	return fmt.Errorf("%s: %w (%s)", doing, err, remedy(err))
}
