package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// ErrLost is returned beside the report of a run in which followers did not get everything, and were not told so.
var ErrLost = errors.New("messages were lost")

// Report is what a measurement found. What it did not ask is absent.
type Report struct {
	What        string  `json:"what"`
	URL         string  `json:"url"`
	Run         string  `json:"run"`
	Transport   string  `json:"transport,omitempty"`
	Connections int     `json:"connections"`
	Seconds     float64 `json:"seconds,omitempty"`
	Size        int     `json:"message_bytes,omitempty"`

	InFlight      int     `json:"in_flight,omitempty"` // messages of each connection that wait for being sent back
	RoundTrips    int64   `json:"round_trips,omitempty"`
	RoundTripRate float64 `json:"round_trips_per_second,omitempty"`
	Published     int64   `json:"published,omitempty"`
	PublishRate   float64 `json:"publishes_per_second,omitempty"`
	Failed        int64   `json:"failed,omitempty"` // publishes
	*Losses       `json:",omitempty"`
	DeliveryRate  float64  `json:"deliveries_per_second,omitempty"`
	Latency       *Latency `json:"latency,omitempty"`
	BesideStalled *Latency `json:"latency_beside_stalled,omitempty"`

	Most    *MostReport    `json:"most,omitempty"`
	Storm   *StormReport   `json:"storm,omitempty"`
	Stalled *StalledReport `json:"stalled,omitempty"`
	Server  *ServerReport  `json:"server,omitempty"`
	Load    *LoadReport    `json:"load,omitempty"`
	// KernelPerConnection is what the kernel's memory grew by, in bytes, for the sockets at both ends and all that belongs to them.
	KernelPerConnection float64 `json:"kernel_bytes_per_connection,omitempty"`

	// Curves are the distributions of latency, for [Report.SVG].
	Curves []Curve `json:"-"`
}

// StormReport says how followers came back.
type StormReport struct {
	Back       float64 `json:"all_connected_ms"` // from when all may come back until the last one was answered
	Complete   float64 `json:"all_complete_ms"`  // and until every one had everything that was published until then
	Reconnects int64   `json:"reconnects"`
}

// StalledReport says what became of followers that did not read for a while.
type StalledReport struct {
	Followers int   `json:"followers"`
	Whole     int   `json:"got_everything"`
	Told      int   `json:"got_a_gap"`
	Silent    int   `json:"missed_untold"` // a loss
	Cut       int64 `json:"cut"`           // were disconnected, and came back
	Doubled   int64 `json:"doubled"`
}

// ServerReport is the server's memory and processor time.
type ServerReport struct {
	RSSBefore  int64   `json:"rss_before"` // bytes
	RSSAfter   int64   `json:"rss_after"`
	CPUSeconds float64 `json:"cpu_seconds"`
	Cores      float64 `json:"cores"` // that were busy with it, on average
	// One of these, by what was measured.
	RSSPerConnection float64 `json:"rss_per_connection,omitempty"` // bytes
	CPUPerMillion    float64 `json:"cpu_seconds_per_million_deliveries,omitempty"`
	CPUPerPublish    float64 `json:"cpu_us_per_publish,omitempty"`
	CPUPerClient     float64 `json:"cpu_us_per_client,omitempty"`
	CPUPerRoundTrip  float64 `json:"cpu_us_per_round_trip,omitempty"`
}

// per divides, to as many digits as are worth reading; 0 by nothing.
func per(amount float64, n int64) float64 {
	if n == 0 {
		return 0
	}
	return math.Round(amount/float64(n)*1000) / 1000
}

func perSecond(n int64, d time.Duration) float64 { return math.Round(float64(n)/d.Seconds()*10) / 10 }

func seconds(d time.Duration) float64 { return math.Round(d.Seconds()*1000) / 1000 }

// JSON writes the report as one object, indented.
func (r *Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// Table writes the report for people.
func (r *Report) Table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	row("measured", "%s", strings.TrimSpace(r.What+" "+r.Transport))
	row("target", "%s", r.URL)
	row("connections", "%d", r.Connections)
	if r.Seconds > 0 {
		row("seconds", "%.3g", r.Seconds)
	}
	if r.RoundTrips > 0 {
		row("round trips", "%d of %d bytes, %d in flight on each connection (%.0f a second)", r.RoundTrips, r.Size, r.InFlight, r.RoundTripRate)
	}
	if r.Published > 0 {
		row("published", "%d of %d bytes (%.1f a second)", r.Published, r.Size, r.PublishRate)
	}
	if r.Failed > 0 {
		row("failed", "%d", r.Failed)
	}
	if l := r.Losses; l != nil {
		if l.Expected > 0 {
			rate := ""
			if r.DeliveryRate > 0 {
				rate = fmt.Sprintf(" (%.0f a second)", r.DeliveryRate)
			}
			row("delivered", "%d of %d%s", l.Delivered, l.Expected, rate)
			row("lost", "%d", l.Lost)
			row("doubled", "%d", l.Doubled)
			row("out of order", "%d", l.Disordered)
		}
		row("cut by the server", "%d", l.Cut)
	}
	for _, l := range []struct {
		name string
		*Latency
	}{{"latency", r.Latency}, {"beside stalled", r.BesideStalled}} {
		if l.Latency != nil {
			row(l.name, "p50 %s, p90 %s, p99 %s, p99.9 %s, max %s ms", short(l.P50), short(l.P90), short(l.P99), short(l.P999), short(l.Max))
		}
	}
	if r.Most != nil {
		row("most", "%s", r.Most.told())
	}
	if s := r.Storm; s != nil {
		row("all connected", "after %.0f ms (%d reconnects)", s.Back, s.Reconnects)
		row("all complete", "after %.0f ms", s.Complete)
	}
	if s := r.Stalled; s != nil {
		row("stalled", "%d: %d then got everything, %d a stated gap, %d neither; %d were cut and came back",
			s.Followers, s.Whole, s.Told, s.Silent, s.Cut)
	}
	if s := r.Server; s != nil {
		s.rows(row)
	}
	if r.KernelPerConnection > 0 {
		row("kernel", "%.2f KiB per connection, both ends", r.KernelPerConnection/1024)
	}
	if l := r.Load; l != nil {
		row("load processor", "%.2f s, %.2f cores; the machine is %.0f %% busy", l.CPUSeconds, l.Cores, 100*l.MachineBusy)
		row("saturated", "%s", l.Saturated)
	}
	return t.Flush()
}

// short writes a figure with as many digits as are worth reading.
func short(v float64) string {
	switch {
	case v >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

func (s *ServerReport) rows(row func(name, format string, args ...any)) {
	const kib = 1 << 10
	row("server memory", "%d KiB, then %d KiB", s.RSSBefore/kib, s.RSSAfter/kib)
	if s.RSSPerConnection != 0 {
		row("  per connection", "%.2f KiB", s.RSSPerConnection/kib)
	}
	row("server processor", "%.2f s, %.2f cores", s.CPUSeconds, s.Cores)
	switch {
	case s.CPUPerMillion != 0:
		row("  per million", "%.2f s (deliveries)", s.CPUPerMillion)
	case s.CPUPerPublish != 0:
		row("  per publish", "%.1f µs", s.CPUPerPublish)
	case s.CPUPerClient != 0:
		row("  per client", "%.1f µs", s.CPUPerClient)
	case s.CPUPerRoundTrip != 0:
		row("  per round trip", "%.2f µs", s.CPUPerRoundTrip)
	}
}
