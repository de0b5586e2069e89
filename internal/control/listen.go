// SPDX-License-Identifier: Apache-2.0

package control

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Group is the group whose members may read the daemon's state.
const Group = "clearway"

// ErrInUse is returned by Listen when another daemon holds the socket.
var ErrInUse = errors.New("another daemon runs")

// Listener is the daemon's unix socket together with the lock that says whose
// it is.
type Listener struct {
	*net.UnixListener
	path string
	lock *os.File
}

// Listen takes the lock <path>.lock and then listens on path, replacing a
// socket that a dead daemon left. The socket belongs to root and Group with
// mode 0660, or to root alone where the group does not exist. Returns ErrInUse
// if the lock is held.
func Listen(path string) (*Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("making the socket's directory: %w", err)
	}
	lock, err := lockFile(path + ".lock")
	if err != nil {
		return nil, err
	}
	l, err := bind(path)
	if err != nil {
		lock.Close()
		return nil, err
	}
	return &Listener{UnixListener: l, path: path, lock: lock}, nil
}

// Close removes the socket and gives up the lock. The lock file stays: to
// remove it would let two daemons lock two files of one name.
func (l *Listener) Close() error {
	err := l.UnixListener.Close()
	if errors.Is(err, net.ErrClosed) {
		return nil // the HTTP server and its owner both close
	}
	return errors.Join(err, os.Remove(l.path), l.lock.Close())
}

// lockFile locks path for this process and writes its PID there.
func lockFile(path string) (*os.File, error) {
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
	if err := f.Truncate(0); err != nil {
		f.Close()
		return nil, fmt.Errorf("writing the lock file: %w", err)
	}
	if _, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		f.Close()
		return nil, fmt.Errorf("writing the lock file: %w", err)
	}
	return f, nil
}

// bind makes the socket under another name and moves it into place once its
// owner and mode are right, so that nobody can connect before. The caller
// holds the lock.
func bind(path string) (*net.UnixListener, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() != fs.ModeSocket {
		return nil, fmt.Errorf("%s exists and is not a socket: remove it, or use another --socket", path)
	}
	aside := path + ".new"
	if err := os.Remove(aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("removing an old socket: %w", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: aside, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", path, err)
	}
	l.SetUnlinkOnClose(false)
	if err := errors.Join(share(aside, Group), os.Rename(aside, path)); err != nil {
		l.Close()
		os.Remove(aside)
		return nil, fmt.Errorf("setting up %s: %w", path, err)
	}
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
