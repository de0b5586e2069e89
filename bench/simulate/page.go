// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"text/template"
)

//go:embed page.md
var pageText string

// page is docs/simulation.md.
func (r *report) page() ([]byte, error) {
	page, err := template.New("page").Parse(pageText)
	if err != nil {
		return nil, fmt.Errorf("reading the page's text: %w", err)
	}
	type row struct {
		Title, Table string
	}
	f := r.fleet
	values := map[string]any{
		"Seed": f.seed, "Flows": number(r.results[0].flows), "Balancers": f.balancers, "Backends": f.backends,
		"TableSize": number(f.tableSize), "Records": number(f.records), "Settle": f.settle / 60, "Minutes": f.duration / 60,
		"Drain": f.drain, "Down": f.down, "Grace": f.grace, "Quiet": 100 * f.quiet, "Packets": number(r.results[0].packets),
	}
	var rows []row
	for i, s := range r.scenarios {
		rows = append(rows, row{Title: s.title, Table: r.results[i].table()})
	}
	values["Rows"] = rows
	var b bytes.Buffer
	if err := page.Execute(&b, values); err != nil {
		return nil, fmt.Errorf("writing the page's text: %w", err)
	}
	return b.Bytes(), nil
}
