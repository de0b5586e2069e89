// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// table prints rows in columns under a heading.
type table struct{ w *tabwriter.Writer }

func newTable(out io.Writer, columns ...string) *table {
	t := &table{tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)}
	t.row(columns...)
	for i, c := range columns {
		columns[i] = strings.Repeat("─", len(c))
	}
	t.row(columns...)
	return t
}

func (t *table) row(cells ...string) { fmt.Fprintln(t.w, strings.Join(cells, "\t")) }
func (t *table) flush()              { t.w.Flush() }

// reasons are packets by the reason that ended their way.
type reasons map[string]uint64

func difference(before, after reasons) reasons {
	d := reasons{}
	for reason, n := range after {
		if n > before[reason] {
			d[reason] = n - before[reason]
		}
	}
	return d
}

// String lists the reasons, the most frequent first.
func (r reasons) String() string {
	names := make([]string, 0, len(r))
	for name := range r {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if r[a] != r[b] {
			return int(r[b]) - int(r[a])
		}
		return strings.Compare(a, b)
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %d", name, r[name])
	}
	return strings.Join(names, ", ")
}
