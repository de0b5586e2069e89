// SPDX-License-Identifier: Apache-2.0

package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Group is the group whose members may read the daemon's state.
const Group = "clearway"

// ErrInUse is returned by Listen when another daemon holds the socket.
var ErrInUse = errors.New("another daemon runs")

// Listener is the daemon's unix socket together with the lock that says whose
// it is.
type Listener struct {
	net.Listener
	path string
	lock io.Closer
}

// Listen takes the lock and then listens on the unix socket path, replacing a
// socket that a dead daemon left. The socket belongs to root and Group with
// mode 0660, or to root alone where the group does not exist. Returns ErrInUse
// if the lock is held.
func Listen(path string) (*Listener, error) {
	lock, err := takeLock(path)
	if err != nil {
		return nil, err
	}
	l, err := bind(path)
	if err != nil {
		lock.Close()
		return nil, err
	}
	return &Listener{Listener: l, path: path, lock: lock}, nil
}

// Close removes the socket and gives up the lock. The lock file stays: to
// remove it would let two daemons lock two files of one name.
func (l *Listener) Close() error {
	err := l.Listener.Close()
	if errors.Is(err, net.ErrClosed) {
		return nil // the HTTP server and its owner both close
	}
	return errors.Join(err, os.Remove(l.path), l.lock.Close())
}

// takeLock makes this process the one that owns socket, until the result is
// closed or the process ends: it locks the file <socket>.lock and writes its
// PID there. Returns ErrInUse if another process holds it.
func takeLock(socket string) (io.Closer, error) {
	if err := os.MkdirAll(filepath.Dir(socket), 0o755); err != nil {
		return nil, fmt.Errorf("making the socket's directory: %w", err)
	}
	path := socket + ".lock"
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening the lock file: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("locking %s: %w", path, err)
		}
		pid, _ := os.ReadFile(path)
		return nil, fmt.Errorf("%w: process %s holds %s; stop it first, or use another --socket and --bpffs",
			ErrInUse, strings.TrimSpace(string(pid)), path)
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("writing the lock file: %w", err)
	}
	return f, nil
}

// bind makes the socket. The caller holds the lock.
func bind(path string) (net.Listener, error) {
	info, err := os.Lstat(path)
	if err == nil && info.Mode().Type() != fs.ModeSocket {
		return nil, fmt.Errorf("%s exists and is not a socket: remove it, or use another --socket", path)
	}
	if err == nil {
		err = os.Remove(path)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("removing an old socket: %w", err)
	}
	l, err := listenPrivate(path)
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", path, err)
	}
	if err := share(path, Group); err != nil {
		l.Close()
		return nil, fmt.Errorf("setting up %s: %w", path, err)
	}
	return l, nil
}

// listenPrivate makes a socket that only its owner can connect to, from its
// first moment on: the kernel takes a socket's mode at bind(2) from the
// descriptor (net/unix/af_unix.c, unix_bind_bsd).
func listenPrivate(path string) (net.Listener, error) {
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var chmodErr error
		err := c.Control(func(fd uintptr) { chmodErr = unix.Fchmod(int(fd), 0o600) })
		return errors.Join(err, chmodErr)
	}}
	l, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // Listener does, while it holds the lock
	return l, nil
}

// share opens the socket to a group, or to root alone if there is no such group.
func share(path, name string) error {
	group, err := user.LookupGroup(name)
	if err != nil {
		return os.Chmod(path, 0o600)
	}
	gid, err := strconv.Atoi(group.Gid)
	if err != nil {
		return fmt.Errorf("group %s has the ID %q: %w", name, group.Gid, err)
	}
	if err := os.Chown(path, -1, gid); err != nil {
		return err
	}
	return os.Chmod(path, 0o660)
}
