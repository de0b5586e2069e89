// SPDX-License-Identifier: Apache-2.0

package topo

import (
	"errors"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// onThread runs fn on a thread of its own, which ends with fn. A thread that
// has changed its namespace must not go back to the scheduler, and one that
// ends needs no way back, which could fail.
//
// The main thread is never taken: Go can't end it, and it stands for the whole
// process in /proc/self/ns and /proc/self/net.
func onThread(fn func()) {
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() != unix.Getpid() {
			fn()
			return // still locked, so the thread ends here
		}
		// While this goroutine occupies the main thread, another gets another.
		got := make(chan struct{})
		onThread(func() {
			close(got)
			fn()
		})
		<-got
		runtime.UnlockOSThread()
	}()
}

// resident is a thread that stays in a network namespace of its own.
type resident struct {
	ns    *os.File // the namespace
	calls chan func()
	done  chan struct{}
}

// newResident starts a thread, makes a network namespace and stays there.
func newResident() (*resident, error) {
	r := &resident{calls: make(chan func()), done: make(chan struct{})}
	ready := make(chan error)
	onThread(func() {
		defer close(r.done)
		err := r.enter()
		ready <- err
		if err != nil {
			return
		}
		for fn := range r.calls {
			fn()
		}
	})
	return r, <-ready
}

func (r *resident) enter() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return os.NewSyscallError("unshare", err)
	}
	var err error
	r.ns, err = os.Open("/proc/thread-self/ns/net")
	return err
}

// run runs fn on the resident thread. It must not be called after close.
func (r *resident) run(fn func() error) error {
	result := make(chan error)
	r.calls <- func() { result <- fn() }
	return <-result
}

// visit runs fn inside the namespace on a thread that ends with it, so that
// any number of visits can go on at once. It returns when the thread is inside.
func (r *resident) visit(fn func() error) (<-chan error, error) {
	result := make(chan error, 1)
	entered := make(chan error)
	onThread(func() {
		err := unix.Setns(int(r.ns.Fd()), unix.CLONE_NEWNET)
		entered <- os.NewSyscallError("setns", err)
		if err != nil {
			return
		}
		err = errors.New("the function ended its goroutine")
		defer func() { result <- err }() // runs on runtime.Goexit too
		err = fn()
	})
	return result, <-entered
}

func (r *resident) close() error {
	close(r.calls)
	<-r.done
	return r.ns.Close()
}
