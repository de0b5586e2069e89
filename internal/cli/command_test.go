// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"clearway/internal/control"
	"clearway/internal/testkit"
)

func TestReload(t *testing.T) {
	testkit.RequireRoot(t) // as who reloads
	d := &fakeDaemon{reload: control.Reload{Generation: 8, Changes: []string{"+ allow 10.0.0.0/8", "port eth1 attached (native)"},
		Warnings: []control.Warning{{Place: "line 4", Text: "10.1.0.0/8 means 10.0.0.0/8"}}}}
	socket := d.serve(t)
	file := filepath.Join(t.TempDir(), "clearway.yaml")
	if err := os.WriteFile(file, []byte("from a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	const changed = "+ allow 10.0.0.0/8\nport eth1 attached (native)\ngeneration 8, 2 changes\n"
	for _, row := range []struct {
		args []string
		sent string
	}{
		{[]string{file}, "from a file"},
		{[]string{"-"}, "from standard input"},
		{nil, ""}, // the daemon's own
	} {
		d.reloaded = []byte("nothing")
		got := clearway(context.Background(), "from standard input", append([]string{"reload", socket}, row.args...)...)
		if want := (result{0, changed, "warning: line 4: 10.1.0.0/8 means 10.0.0.0/8\n"}); got != want {
			t.Errorf("reload %v: %+v", row.args, got)
		}
		if string(d.reloaded) != row.sent || d.now {
			t.Errorf("reload %v sent %q, now %v, want %q", row.args, d.reloaded, d.now, row.sent)
		}
	}
	if clearway(context.Background(), "x", "reload", socket, "--now", "-"); !d.now {
		t.Error("reload --now is not sent as such")
	}
	d.reloaded = nil
	if got := clearway(context.Background(), "", "reload", socket, "-"); got.code != 1 || d.reloaded != nil {
		t.Errorf("an empty file: %+v, sent %q", got, d.reloaded)
	}
}

func TestRefusedReload(t *testing.T) {
	testkit.RequireRoot(t)
	refusal := control.Invalidf("the configuration has errors; nothing was changed")
	refusal.Problems = []control.Problem{{Line: 3, Column: 5, Text: "  a: 1", Caret: 4, Message: "no"}}
	d := &fakeDaemon{err: refusal}
	got := clearway(context.Background(), "x", "reload", d.serve(t), "-")
	for _, want := range []string{"nothing was changed", "line 3, column 5: no", "      a: 1\n        ^"} {
		if !strings.Contains(got.stderr, want) {
			t.Errorf("%q is not in:\n%s", want, got.stderr)
		}
	}
	if got.code != 1 || got.stdout != "" {
		t.Errorf("%+v", got)
	}
}

func TestExplain(t *testing.T) {
	d := &fakeDaemon{explanation: control.Explanation{
		Verdict: "redirect", Reason: "forward", Stages: []control.Stage{{Name: "parse", Text: "IPv4"}, {Name: "route", Text: "found"}},
		Egress: "eth1", NextHop: "02:00:00:00:00:07", KernelRoute: "unicast 0.0.0.0/0 via 192.0.2.1 dev eth1 table main",
		InputHex:  "020000000001020000000099" + "0800" + "4500001c000000004011f00dc0000201c6336407" + "9c40003500080000",
		OutputHex: "020000000007020000000002" + "0800" + "4500001c000000003f11f10dc0000201c6336407" + "9c40003500080000",
	}}
	socket := d.serve(t)
	got := clearway(context.Background(), "", "explain", socket, "--in", "eth0", "--src", "192.0.2.1", "--dst", "198.51.100.7")
	want := `in eth0   02:00:00:00:00:99 > 02:00:00:00:00:01, 192.0.2.1 > 198.51.100.7 UDP ttl 64, ports 40000 > 53, 42 bytes
parse     IPv4
route     found
verdict   redirect (forward)
next hop  02:00:00:00:00:07 on eth1
out       02:00:00:00:00:02 > 02:00:00:00:00:07, 192.0.2.1 > 198.51.100.7 UDP ttl 63, ports 40000 > 53, 42 bytes
          ` + d.explanation.OutputHex + `
Linux     unicast 0.0.0.0/0 via 192.0.2.1 dev eth1 table main
`
	if got != (result{0, want, ""}) {
		t.Errorf("%d %s\n%s\nwant\n%s", got.code, got.stderr, got.stdout, want)
	}
	if r := d.explained; r.Interface != "eth0" || !r.OwnMAC || len(r.Frame) != 60 {
		t.Errorf("asked for %+v", r)
	}
	clearway(context.Background(), "00:11 22\n33", "explain", socket, "--in", "eth0", "--hex", "-")
	if r := d.explained; r.OwnMAC || string(r.Frame) != "\x00\x11\x22\x33" {
		t.Errorf("--hex asked for %+v", r)
	}
	out := clearway(context.Background(), "", "explain", socket, "--in", "eth0", "--hex", "00", "--json")
	for _, name := range []string{`"verdict":"redirect"`, `"reason":"forward"`, `"stages":[{"name":"parse","text":"IPv4"}`,
		`"egress":"eth1"`, `"output_hex":"0200`, `"kernel_route":`} {
		if !strings.Contains(out.stdout, name) {
			t.Errorf("%s is not in %s", name, out.stdout)
		}
	}
}

func TestUsage(t *testing.T) {
	for _, args := range []string{
		"nonsense", "status extra", "status --nonsense", "check", "check a b", "reload a b", "run", "run x -c y",
		"detach", "detach --all eth0", "plan a b", "drain", "drain web", "undrain web", "disable a b c", "undrain web 10.2.0.11 --force",
		"services x", "flows x", "backends a b", "completion tcsh", "completion", "version x",
		"explain --src 192.0.2.1 --dst 192.0.2.2", "explain --in eth0", "explain --in eth0 --src 192.0.2.1 --dst ::1",
		"explain --in eth0 --src x --dst 192.0.2.2", "explain --in eth0 --src fe80::1%eth0 --dst ::1",
		"explain --in eth0 --hex 0x", "explain --in eth0 --hex 00 --ttl 3", "explain --in eth0 --src ::1 --dst ::2 --ttl 256",
		"explain --in eth0 --src ::1 --dst ::2 --proto 256", "explain --in eth0 --src ::1 --dst ::2 --proto sctp",
		"explain --in eth0 --src ::1 --dst ::2 --proto tcp --flags syn,fun", "explain --in eth0 --src ::1 --dst ::2 --vlan 4096",
		"explain --in eth0 --src ::1 --dst ::2 --size 47", "explain --in eth0 --src ::1 --dst ::2 --size 60001",
	} {
		got := clearway(context.Background(), "", strings.Fields(args)...)
		if got.code != exitUsage || got.stdout != "" || !strings.HasPrefix(got.stderr, "clearway: ") {
			t.Errorf("clearway %s: %+v", args, got)
		}
	}
}

func TestNoDaemon(t *testing.T) {
	dir := t.TempDir()
	flags := []string{"--socket", filepath.Join(dir, "sock"), "--bpffs", filepath.Join(dir, "bpf")}
	for _, args := range []string{"status", "stats", "interfaces", "routes", "status -w", "reload",
		"services", "backends web", "flows", "plan", "drain web 10.2.0.11", "undrain web 10.2.0.11", "disable web 10.2.0.11",
		"explain --in eth0 --src 192.0.2.1 --dst 192.0.2.2"} {
		got := clearway(context.Background(), "", append(strings.Fields(args), flags...)...)
		if got.code != exitNotRunning || !strings.Contains(got.stderr, "start it with: clearway run -c FILE") {
			t.Errorf("clearway %s: %+v", args, got)
		}
	}
}

func TestRemedies(t *testing.T) {
	for _, row := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("opening: %w", fs.ErrPermission), "opening: permission denied\n  run as root"},
		{fmt.Errorf("pinning: %w", syscall.EPERM), "pinning: operation not permitted\n  run as root"},
		{fmt.Errorf("run as root: %w", syscall.EACCES), "run as root: permission denied"},
		{fmt.Errorf("listening: %w", syscall.EADDRINUSE), "listening: address already in use\n  another process listens there: stop it, or change runtime.metrics"},
		{errors.New("something else"), "something else"},
	} {
		if got := withRemedy(row.err); got != row.want {
			t.Errorf("%v: %q, want %q", row.err, got, row.want)
		}
	}
}

func TestPathsComeFromTheFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "clearway.yaml")
	text := "runtime: {socket: /a/socket, bpffs: /a/bpffs}\ninterfaces: [{name: eth0}]\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		app           app
		socket, bpffs string
	}{
		{app{}, "/run/clearway/clearway.sock", "/sys/fs/bpf/clearway"},
		{app{configFile: file}, "/a/socket", "/a/bpffs"},
		{app{configFile: file, socket: "/b"}, "/b", "/a/bpffs"},
		{app{bpffs: "/c"}, "/run/clearway/clearway.sock", "/c"},
	} {
		got, err := row.app.paths()
		if err != nil || got.Socket != row.socket || got.BPFFS != row.bpffs {
			t.Errorf("%+v: %s, %s, %v", row.app, got.Socket, got.BPFFS, err)
		}
	}
}
