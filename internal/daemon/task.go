// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
)

// task is something that the daemon does for as long as it lives. Run returns
// nil soon after its context ended, and an error if it can't go on.
type task interface {
	fmt.Stringer
	Run(context.Context) error
}

// named makes a task of a function.
type named struct {
	name string
	run  func(context.Context) error
}

func (n named) String() string                { return n.name }
func (n named) Run(ctx context.Context) error { return n.run(ctx) }

// runAll runs tasks until ctx ends or one of them fails, which ends the others.
func runAll(ctx context.Context, tasks ...task) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, t := range tasks {
		group.Go(func() error {
			if err := t.Run(ctx); err != nil {
				return fmt.Errorf("%s: %w", t, err)
			}
			return nil
		})
	}
	return group.Wait()
}
