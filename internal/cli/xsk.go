// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"clearway/internal/control"
	"clearway/internal/xsktool"
	"clearway/xsk"
)

func (a *app) xskCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "xsk",
		Short: "Measure this machine with AF_XDP sockets: receive, send, forward",
		Long: `Receives, sends or forwards packets in user space, over AF_XDP sockets of package
xsk, and prints once a second how fast, what got lost and what it cost; in the
end a summary. Interrupted it ends early, with the summary. It needs root and
no daemon, and leaves interfaces as it found them. An interface with an XDP
program is refused, and left as it is.

Columns, and names of --json, where each second is an object and the summary is
the last one:

    PPS           pps             packets a second (in all: packets, seconds)
    MBIT/S        mbps            of Ethernet frames, without check sequence and
                                  gap between frames (in all: bytes)
    DROPPED       dropped         all that got lost: rx_dropped, rx_ring_full,
                                  tx_ring_full and invalid
    RX DROPPED    rx_dropped      by the kernel, on the way to the socket
    RING FULL     rx_ring_full    since this program was too slow
    FILL EMPTY    fill_empty      for want of an empty chunk; in copy mode these
                                  are in rx_dropped too
    INVALID       invalid         descriptors that the kernel refused
    TX FULL       tx_ring_full    received, and no room to send them on
    BATCH         mean_batch      packets a turn of the loop
    USER, SYSTEM  user_ns,        CPU time of this process, in per cent of one
                  system_ns       CPU; cpu_ns is the sum. What the kernel does in
                                  softirqs is mostly on no process's account
    KICKS/S       kicks           system calls to send
    WAKEUPS/S     wakeups         system calls to receive
    WAITS/S       waits           system calls to sleep till there is a packet;
                                  syscalls is the sum of the three

The names from rx_dropped to tx_ring_full are in the object "drops". A second has
"second", its number. The summary has totals and means of the same names, and
command, interface, to, queues, mode (copy or zerocopy), program (native or
generic: where the XDP programs run), min_pps and max_pps of the seconds, loss
(dropped, as a part of packets + dropped), and error if one ended it.

What a device drops by itself, before or after the sockets, ip -s link and
ethtool -S tell. A device takes frames for other MACs than its own only where
it is promiscuous.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.xskReceiveCommand(), a.xskSendCommand(), a.xskForwardCommand())
	return cmd
}

func (a *app) xskReceiveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rx --interface INTERFACE",
		Short: "Receive packets and drop them",
		Long: `Takes all packets that arrive on a queue of an interface, and drops them: Linux
doesn't see them. Don't run it on the interface that you are logged in over.`,
		Example: `  clearway xsk rx --interface eth1
  clearway xsk rx --interface eth1 --queue all --duration 0 --json`,
		Args: cobra.NoArgs,
	}
	o := xskFlags(cmd)
	cmd.RunE = a.do(func(ctx context.Context, _ []string) error {
		return a.xsk(ctx, o, func(o xsktool.Options) (xsktool.Summary, error) { return xsktool.Receive(ctx, o) })
	})
	return cmd
}

func (a *app) xskForwardCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "fwd --interface INTERFACE --to INTERFACE",
		Short: "Forward packets between two interfaces, both ways",
		Long: `Is a wire between two interfaces: what arrives on a queue of one leaves by the
same queue of the other, unchanged, and without a copy where both devices have
zero-copy. Linux sees none of it. Both interfaces are in the same mode.`,
		Example: "  clearway xsk fwd --interface eth1 --to eth2",
		Args:    cobra.NoArgs,
	}
	o := xskFlags(cmd)
	cmd.Flags().StringVar(&o.To, "to", "", "the other `INTERFACE`")
	cmd.RunE = a.do(func(ctx context.Context, _ []string) error {
		if o.To == "" {
			return usagef("fwd needs --to INTERFACE")
		}
		return a.xsk(ctx, o, func(o xsktool.Options) (xsktool.Summary, error) { return xsktool.Forward(ctx, o) })
	})
	return cmd
}

// xskOptions are the flags that rx, tx and fwd have in common, as they were
// given.
type xskOptions struct {
	xsktool.Options
	queue, mode string
}

func xskFlags(cmd *cobra.Command) *xskOptions {
	o := new(xskOptions)
	f := cmd.Flags()
	f.StringVar(&o.Interface, "interface", "", "`INTERFACE` to work on")
	f.StringVar(&o.queue, "queue", "0", "`QUEUE` of the interface, from 0, or all")
	f.DurationVar(&o.Duration, "duration", 10*time.Second, "`TIME` to go on for; 0: until it is interrupted")
	f.IntVar(&o.Batch, "batch", 64, "how many `PACKETS` a turn of the loop takes at most")
	f.StringVar(&o.mode, "mode", "auto", "`MODE`: copy, zerocopy, or auto: zerocopy where the driver has it")
	f.BoolVar(&o.BusyPoll, "busy-poll", false, "never sleep, and run the device's work in this process; set napi_defer_hard_irqs and gro_flush_timeout of the device")
	return o
}

// complete reads the flags.
func (o *xskOptions) complete() error {
	switch o.mode {
	case "auto":
		o.Mode = xsk.PreferZeroCopy
	case "copy":
		o.Mode = xsk.Copy
	case "zerocopy":
		o.Mode = xsk.ZeroCopy
	default:
		return usagef("--mode: %q is not auto, copy or zerocopy", o.mode)
	}
	o.Queue = xsktool.AllQueues
	if o.queue != "all" {
		n, err := strconv.ParseUint(o.queue, 10, 31)
		if err != nil {
			return usagef("--queue: %q is neither a number nor all", o.queue)
		}
		o.Queue = int(n)
	}
	if err := o.Check(); err != nil {
		return usagef("%v", err)
	}
	return nil
}

// xsk does a work and prints what comes of it.
func (a *app) xsk(ctx context.Context, o *xskOptions, work func(xsktool.Options) (xsktool.Summary, error)) error {
	if err := o.complete(); err != nil {
		return err
	}
	p := &xskPrinter{a}
	options := o.Options
	options.Started, options.Each = p.setup, p.second
	sum, err := work(options)
	if sum.Command != "" { // it has begun
		if err != nil {
			sum.Error = err.Error()
		}
		err = errors.Join(err, p.summary(sum))
	}
	return a.servedHere(ctx, err)
}

// servedHere says of a program that is in the way whether it is Clearway's.
func (a *app) servedHere(ctx context.Context, err error) error {
	var taken *xsktool.TakenError
	if !errors.As(err, &taken) {
		return err
	}
	status, statusErr := query(ctx, a, func(ctx context.Context, r reader) (control.Status, error) { return r.Status(ctx) })
	if statusErr != nil {
		return err // there is nothing of Clearway's, or it can't be asked
	}
	for _, i := range status.Interfaces {
		if i.Name == taken.Interface && i.State == control.Attached {
			return fmt.Errorf("%s is served by the daemon, and was left as it is; to get packets of it into user space use a punt rule", i.Name)
		}
	}
	return err
}
