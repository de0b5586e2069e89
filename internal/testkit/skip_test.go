// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

// recorder is a testing.TB that notes how a test ended instead of ending it.
type recorder struct {
	testing.TB
	outcome, text string
}

func (r *recorder) Helper() {}

func (r *recorder) Skip(args ...any) {
	r.end("skip", args[0].(string))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.end("fail", format)
}

func (r *recorder) Fatal(args ...any) {
	r.end("fail", args[0].(error).Error())
}

func (r *recorder) end(outcome, text string) {
	r.outcome, r.text = outcome, text
	runtime.Goexit()
}

func outcomeOf(test func(t testing.TB)) *recorder {
	r := &recorder{outcome: "run"}
	done := make(chan struct{})
	go func() {
		defer close(done)
		test(r)
	}()
	<-done
	return r
}

func TestSkipRules(t *testing.T) {
	tests := []struct {
		name    string
		require string
		test    func(t testing.TB)
		want    string
	}{
		{"an old enough kernel runs", "", func(t testing.TB) { RequireKernel(t, "2.6", "x") }, "run"},
		{"a kernel to come skips", "", func(t testing.TB) { RequireKernel(t, "999.0", "x") }, "skip"},
		{"and fails when all is required", "all", func(t testing.TB) { RequireKernel(t, "999.0", "x") }, "fail"},
		{"a nonsense version fails", "", func(t testing.TB) { RequireKernel(t, "old", "x") }, "fail"},
		{"a tool that exists", "all", func(t testing.TB) { RequireTool(t, "sh") }, "run"},
		{"a tool that doesn't", "", func(t testing.TB) { RequireTool(t, "no-such-tool") }, "skip"},
		{"and all is required", "all", func(t testing.TB) { RequireTool(t, "no-such-tool") }, "fail"},
		{"anything else", "", func(t testing.TB) { Skip(t, "no %s", "vlan") }, "skip"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv(requireEnv, test.require)
			if got := outcomeOf(test.test); got.outcome != test.want {
				t.Errorf("got %s (%s), want %s", got.outcome, got.text, test.want)
			}
		})
	}
}

func TestKernelOlder(t *testing.T) {
	tests := []struct {
		release, minimum string
		want             bool
	}{
		{"5.10.0-33-cloud-amd64", "5.18", true},
		{"5.18.0", "5.18", false},
		{"6.1.0", "5.18", false},
		{"5.4.1", "6.0", true},
		{"6.18+", "6.9", false},
	}
	for _, test := range tests {
		got, err := kernelOlder(test.release, test.minimum)
		if err != nil || got != test.want {
			t.Errorf("kernelOlder(%q, %q) = %v, %v; want %v", test.release, test.minimum, got, err, test.want)
		}
	}
}

func TestSeedRepeats(t *testing.T) {
	t.Setenv(seedEnv, "42")
	a, b := Rand(t), Rand(t)
	for range 10 {
		if x, y := a.Uint64(), b.Uint64(); x != y {
			t.Fatalf("the same seed gave %d and %d", x, y)
		}
	}
	t.Setenv(seedEnv, "")
	if first, second := Seed(t), Seed(t); first == second {
		t.Errorf("two new seeds are %d both", first)
	}
}

func TestRequireRootNamesTheNeed(t *testing.T) {
	t.Setenv(requireEnv, "")
	got := outcomeOf(func(t testing.TB) { RequireRoot(t) })
	root := strings.TrimSpace(output(t, "id", "-u")) == "0"
	if want := map[bool]string{true: "run", false: "skip"}[root]; got.outcome != want {
		t.Errorf("root is %v, the test ended as %s", root, got.outcome)
	}
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
