// SPDX-License-Identifier: Apache-2.0

package control

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strconv"

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
	lostDesc            = desc("lost_after_emit_packets_total", "Frames that a device, or the socket of a program, refused after they were sent on.", "interface")
	attachedDesc        = desc("interface_attached", "Whether the interface is there and Clearway attached to it.", "interface", "mode")

	puntSocketDesc = desc("punt_socket", "A socket that takes what punt rules match on the queue; always 1.", "interface", "queue")

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
	for _, d := range append([]*prometheus.Desc{packetsDesc, bytesDesc, receivedPacketsDesc, receivedBytesDesc,
		lostDesc, attachedDesc, puntSocketDesc, generationDesc, appliesDesc, buildDesc}, serviceDescs...) {
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
	out := sink{ch}
	out.gauge(generationDesc, float64(s.Generation))
	out.gauge(buildDesc, 1, s.Version, runtime.Version())
	if s.Daemon != nil {
		out.count(appliesDesc, s.Daemon.Applies.OK, "ok")
		out.count(appliesDesc, s.Daemon.Applies.Failed, "failed")
	}
	for _, i := range s.Interfaces {
		out.sendInterface(i)
	}
	for _, service := range s.Services {
		out.sendService(service)
	}
	for _, i := range s.Punt.Interfaces {
		for _, queue := range i.Sockets {
			out.gauge(puntSocketDesc, 1, i.Name, strconv.Itoa(queue))
		}
	}
}

// sink takes what a scrape finds.
type sink struct{ ch chan<- prometheus.Metric }

func (s sink) count(d *prometheus.Desc, n uint64, labels ...string) {
	s.ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
}

func (s sink) gauge(d *prometheus.Desc, v float64, labels ...string) {
	s.ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

// flag is a gauge that is 1 or 0.
func (s sink) flag(d *prometheus.Desc, is bool, labels ...string) {
	v := 0.0
	if is {
		v = 1
	}
	s.gauge(d, v, labels...)
}

func (s sink) sendInterface(i Interface) {
	s.flag(attachedDesc, i.State != Missing, i.Name, i.Mode)
	if i.State == Missing {
		return
	}
	s.count(receivedPacketsDesc, i.Received.Packets, i.Name)
	s.count(receivedBytesDesc, i.Received.Bytes, i.Name)
	s.count(lostDesc, i.LostAfterEmit, i.Name)
	for reason, n := range i.Reasons {
		s.count(packetsDesc, n.Packets, i.Name, reason)
		s.count(bytesDesc, n.Bytes, i.Name, reason)
	}
}

// MetricsHandler answers scrapes of a's counters, and of this process' own.
func MetricsHandler(a API) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collector{status: a.Status},
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewGoCollector(),
	)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return mux
}

// ServeMetrics answers scrapes on l until ctx ends, and closes l.
func ServeMetrics(ctx context.Context, l net.Listener, a API, log *slog.Logger) error {
	return serveHTTP(ctx, l, MetricsHandler(a), log)
}
