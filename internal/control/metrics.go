// SPDX-License-Identifier: Apache-2.0

package control

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("clearway_"+name, help, labels, nil)
}

var (
	packetsDesc = desc("packets_total", "Frames by the reason they left the pipeline for.", "interface", "reason")
	bytesDesc   = desc("bytes_total", "Bytes of those frames at ingress, Ethernet header included.", "interface", "reason")

	receivedPacketsDesc = desc("received_packets_total", "Frames that entered the pipeline.", "interface")
	receivedBytesDesc   = desc("received_bytes_total", "Bytes of those frames, Ethernet header included.", "interface")
	lostDesc            = desc("lost_after_emit_packets_total", "Frames that a device refused after they were forwarded.", "interface")
	attachedDesc        = desc("interface_attached", "Whether the interface is there and Clearway attached to it.", "interface", "mode")

	generationDesc = desc("generation", "Generation of the data path.")
	appliesDesc    = desc("applies_total", "Attempts to change the data path, since the daemon started.", "result")
	buildDesc      = desc("build_info", "The daemon's build; always 1.", "version", "goversion")
)

// collector reads the data path at each scrape and keeps nothing.
type collector struct {
	status func(context.Context) (Status, error)
}

// Describe implements prometheus.Collector.
func (collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{packetsDesc, bytesDesc, receivedPacketsDesc, receivedBytesDesc,
		lostDesc, attachedDesc, generationDesc, appliesDesc, buildDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	s, err := c.status(context.Background())
	if err != nil {
		ch <- prometheus.NewInvalidMetric(generationDesc, fmt.Errorf("reading the data path: %w", err))
		return
	}
	count := func(d *prometheus.Desc, n uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(generationDesc, float64(s.Generation))
	gauge(buildDesc, 1, s.Version, runtime.Version())
	if s.Daemon != nil {
		count(appliesDesc, s.Daemon.Applies.OK, "ok")
		count(appliesDesc, s.Daemon.Applies.Failed, "failed")
	}
	for _, i := range s.Interfaces {
		if i.State == Missing {
			gauge(attachedDesc, 0, i.Name, i.Mode)
			continue
		}
		gauge(attachedDesc, 1, i.Name, i.Mode)
		count(receivedPacketsDesc, i.Received.Packets, i.Name)
		count(receivedBytesDesc, i.Received.Bytes, i.Name)
		count(lostDesc, i.LostAfterEmit, i.Name)
		for reason, n := range i.Reasons {
			count(packetsDesc, n.Packets, i.Name, reason)
			count(bytesDesc, n.Bytes, i.Name, reason)
		}
	}
}

// MetricsHandler answers scrapes of b's counters, and of this process' own.
func MetricsHandler(b Backend) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collector{status: b.Status},
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewGoCollector(),
	)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return mux
}

// ServeMetrics answers scrapes on l until ctx ends, and closes l.
func ServeMetrics(ctx context.Context, l net.Listener, b Backend, log *slog.Logger) error {
	return serveHTTP(ctx, l, MetricsHandler(b), log)
}
