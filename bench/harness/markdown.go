// SPDX-License-Identifier: Apache-2.0

package harness

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
	b.WriteString("Ratios and differences are medians over the rounds, spread is from the lower to the upper quartile. ")
	b.WriteString("Costs include everything: M1 test run and restoring, M2 and M3 what sends and what receives.\n\n")
	for _, fact := range [][2]string{
		{"processor", fmt.Sprintf("%s, %d CPUs", m.CPU, m.CPUs)},
		{"kernel", m.Kernel},
		{"compilers", m.Compiler + "; " + m.Go},
		{"firewall", m.Firewall},
		{"load before", m.Load},
		{"rounds", fmt.Sprintf("%d; at least %d packets (M1) or %v (others) a sample, on CPU %d", r.Options.Rounds, r.Options.Packets, r.Options.Duration, r.Options.CPU)},
	} {
		fmt.Fprintf(&b, "- %s: %s\n", fact[0], fact[1])
	}
	for _, s := range r.Sections {
		rows, costs := s.tables()
		fmt.Fprintf(&b, "\n## %s\n\n", s.Title)
		markdownTable(&b, rows)
		b.WriteString("\n### Costs\n\n")
		markdownTable(&b, costs)
	}
	_, err := b.WriteTo(w)
	return err
}

// markdownTable writes a table whose first row has the titles.
func markdownTable(w io.Writer, table [][]string) {
	for i, cells := range table {
		fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
		if i == 0 {
			fmt.Fprintln(w, strings.Repeat("|---", len(cells))+"|")
		}
	}
}

// Record writes the page into a directory, under the date, the kernel, and part
// if it is of one only. A later run of the same day replaces it.
func (r *Report) Record(dir, part string) (file string, err error) {
	name := r.Time.Format(time.DateOnly) + "-" + r.Machine.Kernel
	if part != "" {
		name += "-" + part
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
