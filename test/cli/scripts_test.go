// SPDX-License-Identifier: Apache-2.0

// Package cli runs the scripts in testdata against the real command line, in a
// process of its own.
package cli

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"rsc.io/script"
	"rsc.io/script/scripttest"

	"clearway/internal/cli"
	"clearway/internal/topo/topotest"
)

func TestMain(m *testing.M) {
	topotest.MainOrProgram(m, func(ctx context.Context) int {
		return cli.Main(ctx, cli.Env{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}, os.Args[1:])
	})
}

func TestScripts(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	engine := &script.Engine{Cmds: scripttest.DefaultCmds(), Conds: scripttest.DefaultConds()}
	engine.Cmds["clearway"] = clearway(self)
	// The program must find neither a daemon nor pins of this machine.
	scripttest.Test(t, context.Background(), engine, []string{topotest.AsProgram}, "testdata/*.txtar")
}

// clearway is the command `clearway CODE ARGUMENT...`: it runs the program, and
// fails unless that ends with the exit code CODE.
func clearway(self string) script.Cmd {
	usage := script.CmdUsage{Summary: "run the program and check its exit code", Args: "CODE ARGUMENT..."}
	return script.Command(usage, func(s *script.State, args ...string) (script.WaitFunc, error) {
		if len(args) == 0 {
			return nil, script.ErrUsage
		}
		want, err := strconv.Atoi(args[0])
		if err != nil {
			return nil, script.ErrUsage
		}
		var stdout, stderr bytes.Buffer
		cmd := exec.CommandContext(s.Context(), self, args[1:]...)
		cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.Getwd(), s.Environ(), &stdout, &stderr
		runErr := cmd.Run()
		return func(*script.State) (string, string, error) {
			var exit *exec.ExitError
			if runErr != nil && !errors.As(runErr, &exit) {
				return stdout.String(), stderr.String(), runErr
			}
			if got := cmd.ProcessState.ExitCode(); got != want {
				return stdout.String(), stderr.String(), errors.New("exit code " + strconv.Itoa(got))
			}
			return stdout.String(), stderr.String(), nil
		}, nil
	})
}
