// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// WriteMarkdown writes the report as a page.
func (r *Report) WriteMarkdown(w io.Writer) error {
	var b bytes.Buffer
	m := r.Machine
	fmt.Fprintf(&b, "# Benchmark of %s on Linux %s\n\n", r.Time.Format(time.DateOnly), m.Kernel)
	b.WriteString("Method, peers and pitfalls: [bench/README.md](../README.md). ")
	b.WriteString("Ratios and differences are medians over the rounds, spread is from the lower to the upper quartile.\n\n")
	for _, fact := range [][2]string{
		{"processor", fmt.Sprintf("%s, %d CPUs", m.CPU, m.CPUs)},
		{"kernel", m.Kernel},
		{"compilers", m.Compiler + "; " + m.Go},
		{"firewall", m.Firewall},
		{"load before", m.Load},
		{"rounds", fmt.Sprintf("%d; at least %d packets (M1) or %v (M2) a sample, on CPU %d", r.Options.Rounds, r.Options.Packets, r.Options.Duration, r.Options.CPU)},
	} {
		fmt.Fprintf(&b, "- %s: %s\n", fact[0], fact[1])
	}
	b.WriteString("\n## Figures\n\n")
	markdownTitles(&b, rowTitles[:])
	for _, row := range r.Rows {
		cells := row.cells()
		markdownRow(&b, cells[:])
	}
	b.WriteString("\n## Costs\n\nEverything included: M1 with test run and restoring, M2 with generator and sink.\n\n")
	markdownTitles(&b, costTitles[:])
	for _, c := range r.Costs {
		cells := c.cells()
		markdownRow(&b, cells[:])
	}
	_, err := b.WriteTo(w)
	return err
}

func markdownTitles(w io.Writer, titles []string) {
	markdownRow(w, titles)
	fmt.Fprintln(w, strings.Repeat("|---", len(titles))+"|")
}

func markdownRow(w io.Writer, cells []string) {
	fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
}

// Record writes the page into a directory, under the date, the kernel, and the
// lane if it is of one only. A later run of the same day replaces it.
func (r *Report) Record(dir string) (file string, err error) {
	name := r.Time.Format(time.DateOnly) + "-" + r.Machine.Kernel
	if r.Options.Lane != "" {
		name += "-" + r.Options.Lane
	}
	file = filepath.Join(dir, name+".md")
	var b bytes.Buffer
	if err := r.WriteMarkdown(&b); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("recording the results: %w", err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		return "", fmt.Errorf("recording the results: %w", err)
	}
	return file, nil
}
