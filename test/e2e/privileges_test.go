// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// nobody is a user without privileges.
const nobody = 65534

// daemonCaps are the capabilities that errors tell the operator to give.
var daemonCaps = []uintptr{unix.CAP_BPF, unix.CAP_NET_ADMIN, unix.CAP_PERFMON}

// as makes the next daemons run as nobody, with some capabilities.
func (r *router) as(capabilities []uintptr) {
	r.attr = &syscall.SysProcAttr{
		Pdeathsig:   syscall.SIGKILL,
		Credential:  &syscall.Credential{Uid: nobody, Gid: nobody},
		AmbientCaps: capabilities,
	}
}

// giveFiles makes nobody the owner of the router's files.
func (r *router) giveFiles() {
	r.t.Helper()
	r.must(os.Chmod(filepath.Dir(r.dir), 0o755))
	r.must(filepath.WalkDir(r.dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chown(path, nobody, nobody)
	}))
}

// unchecked are the demonstration's settings for a daemon that may not look into
// the namespaces of the other ends of its veths.
func unchecked() settings {
	c := demo()
	for i := range c.interfaces {
		c.interfaces[i] += ", allow-partial-checksum: true"
	}
	return c
}

// Without one of its capabilities the daemon says so, and a data path that is
// there goes on.
func TestMissingPrivileges(t *testing.T) {
	r := newDemoRouter(t)
	r.run(demo())
	r.stop(syscall.SIGTERM)
	r.write(unchecked())
	r.giveFiles()
	r.harmless(func() {
		for _, missing := range []struct {
			name string
			have []uintptr
			want string
		}{
			{"all", nil, "operation not permitted"},
			{"CAP_BPF", []uintptr{unix.CAP_NET_ADMIN, unix.CAP_PERFMON}, "operation not permitted"},
			{"CAP_NET_ADMIN", []uintptr{unix.CAP_BPF, unix.CAP_PERFMON}, "operation not permitted"},
			{"CAP_PERFMON", []uintptr{unix.CAP_BPF, unix.CAP_NET_ADMIN}, "loading the programs"},
		} {
			r.sub(missing.name, func() {
				r.as(missing.have)
				r.failsAsIs(missing.want, "run as root")
			})
		}
	})
	r.attr = nil
	r.run(demo())
	r.ends(toServer1, "forward")
}

// It needs no others, so that a service manager can start it without root.
func TestWithoutRoot(t *testing.T) {
	r := newDemoRouter(t)
	r.write(unchecked())
	r.giveFiles()
	r.as(daemonCaps)
	r.start()
	r.ends(toServer1, "forward")
	r.underLoad(func() {
		r.stop(syscall.SIGTERM)
		r.start()
	})
}
