// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

// watchInterval is how often -w repeats.
const watchInterval = time.Second

// noun is a command that shows a T.
type noun[T any] struct {
	use, short, long string
	args             cobra.PositionalArgs // nil: it takes none
	complete         cobra.CompletionFunc // of args
	get              func(ctx context.Context, r reader, args []string) (T, error)
	// print writes now as a table; before is what it was a watchInterval ago,
	// nil the first time.
	print func(w io.Writer, now T, before *T)
}

// nounCommand makes the command. It takes --json, and -w repeats it until its
// context ends.
func nounCommand[T any](a *app, n noun[T]) *cobra.Command {
	var watch bool
	cmd := &cobra.Command{Use: n.use, Short: n.short, Long: n.long, Args: n.args, ValidArgsFunction: n.complete}
	if n.args == nil {
		cmd.Args = cobra.NoArgs
	}
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "repeat every second")
	cmd.RunE = a.do(func(ctx context.Context, args []string) error {
		get := func(ctx context.Context, r reader) (T, error) { return n.get(ctx, r, args) }
		var before *T
		for {
			now, err := query(ctx, a, get)
			if watch && ctx.Err() != nil {
				return nil // the operator has seen enough
			}
			if err != nil {
				return err
			}
			if err := show(a, n, now, before); err != nil || !watch {
				return err
			}
			before = &now
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(watchInterval):
			}
		}
	})
	return cmd
}

func show[T any](a *app, n noun[T], now T, before *T) error {
	if a.json {
		return a.printJSON(now)
	}
	if before != nil {
		fmt.Fprintln(a.Stdout)
	}
	w := newTable(a.Stdout)
	n.print(w, now, before)
	return w.Flush()
}

// earlier finds a thing in what was there before, which may be nil.
func earlier[T any](before *[]T, same func(T) bool) *T {
	if before == nil {
		return nil
	}
	i := slices.IndexFunc(*before, same)
	if i < 0 {
		return nil
	}
	return &(*before)[i]
}

// printJSON writes v on one line, so that -w gives one object a line.
func (a *app) printJSON(v any) error {
	return json.NewEncoder(a.Stdout).Encode(v)
}

// newTable aligns columns that are parted by tabs.
func newTable(w io.Writer) *tabwriter.Writer {
	return tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
}
