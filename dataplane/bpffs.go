// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// root is the pin directory:
//
//	links/<port>            the link of each port
//	lost/<tracepoint>       the links of the tracepoint programs
//	gen-N/progs/<program>
//	gen-N/maps/<map>
//	gen-N/tables/<id>       the inner maps of the balance lane
//	manifest                see type manifest
type root string

func (r root) links() string           { return filepath.Join(string(r), "links") }
func (r root) lost() string            { return filepath.Join(string(r), "lost") }
func (r root) manifest() string        { return filepath.Join(string(r), "manifest") }
func (r root) generation(n int) string { return filepath.Join(string(r), "gen-"+strconv.Itoa(n)) }
func (r root) link(port string) string { return filepath.Join(r.links(), pinName(port)) }
func (r root) progs(n int) string      { return filepath.Join(r.generation(n), "progs") }
func (r root) maps(n int) string       { return filepath.Join(r.generation(n), "maps") }
func (r root) mapPin(n int, name string) string {
	return filepath.Join(r.maps(n), pinName(strings.TrimPrefix(name, ".")))
}

// A BPF file system reserves dots; interface names can't have colons.
func pinName(name string) string { return strings.ReplaceAll(name, ".", ":") }
func portName(pin string) string { return strings.ReplaceAll(pin, ":", ".") }

// generations lists the numbers of those that are there, in no order.
func (r root) generations() []int {
	var all []int
	entries, _ := os.ReadDir(string(r))
	for _, e := range entries {
		number, ours := strings.CutPrefix(e.Name(), "gen-")
		if n, err := strconv.Atoi(number); ours && err == nil {
			all = append(all, n)
		}
	}
	return all
}

// checkBPFFS looks at the nearest directory that exists.
func (r root) checkBPFFS() error {
	dir := string(r)
	for {
		var fs unix.Statfs_t
		err := unix.Statfs(dir, &fs)
		switch {
		case err == nil && fs.Type == unix.BPF_FS_MAGIC:
			return nil
		case err == nil:
			return fmt.Errorf("%s: %w: mount one there: mount -t bpf bpf /sys/fs/bpf", string(r), ErrNoBPFFS)
		case !errors.Is(err, unix.ENOENT) || dir == "/" || dir == ".":
			return advise("looking at "+dir, err)
		}
		dir = filepath.Dir(dir)
	}
}

// create makes the directory and takes the lock of the one writer. The lock
// goes when the file is closed.
func (r root) create() (*os.File, error) {
	if err := r.checkBPFFS(); err != nil {
		return nil, err
	}
	for _, dir := range []string{string(r), r.links(), r.lost()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, advise("making "+dir, err)
		}
	}
	lock, err := os.Open(string(r))
	if err != nil {
		return nil, advise("opening "+string(r), err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s: %w: stop the other clearway first", string(r), ErrBusy)
		}
		return nil, advise("locking "+string(r), err)
	}
	return lock, nil
}

// remove takes away all that is Clearway's, and the directory unless it holds
// something else.
func (r root) remove() error {
	ours := []string{r.links(), r.lost(), r.manifest()}
	for _, n := range r.generations() {
		ours = append(ours, r.generation(n))
	}
	for _, path := range ours {
		if err := os.RemoveAll(path); err != nil {
			return advise("removing "+path, err)
		}
	}
	err := os.Remove(string(r))
	if err != nil && !errors.Is(err, unix.ENOTEMPTY) && !errors.Is(err, unix.EBUSY) {
		return advise("removing "+string(r), err)
	}
	return nil
}

// netns identifies the network namespace of the calling thread.
func netns() (uint32, error) {
	var st unix.Stat_t
	if err := unix.Stat("/proc/thread-self/ns/net", &st); err != nil {
		return 0, fmt.Errorf("looking at the network namespace: %w", err)
	}
	return uint32(st.Ino), nil
}
