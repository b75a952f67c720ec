package bench

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"
)

// MostReport says up to which rate a server keeps its followers up to date.
type MostReport struct {
	DeliveryRate float64 `json:"deliveries_per_second"` // of the last step that held; 0 if none did
	PublishRate  float64 `json:"publishes_per_second"`
	LateMS       float64 `json:"late_ms"` // what p99 did not exceed there
	Steps        []Step  `json:"steps"`
}

// Step is one rate that was tried.
type Step struct {
	DeliveryRate float64       `json:"deliveries_per_second"` // that was asked for
	Got          float64       `json:"got"`                   // that came
	P99          float64       `json:"p99_ms"`
	Held         bool          `json:"held"`
	Server       *ServerReport `json:"server,omitempty"`
	Load         *LoadReport   `json:"load,omitempty"`
}

// The search for the most goes up by growth until a step fails, and then halves the way between it and the last one that
// held a few times.
const (
	growth  = 1.3
	halves  = 3
	maxRate = 1e6 // messages a second
)

// most raises the rate from that of the volume, step by step, each as long as the volume says, and fills in the report by the
// last step that held.
func (c *crowd) most(ctx context.Context, p *publisher, b Fanout, out *Report) error {
	m := &MostReport{LateMS: milliseconds(b.Late)}
	out.Most = m
	good, bad := 0.0, 0.0
	for rate, left := b.Rate, halves; left > 0 && rate <= maxRate; {
		step := Report{}
		v := b.Volume
		v.Rate = rate
		c.forget(measured)
		took, err := c.measure(ctx, p, measured, v, &step)
		if err != nil {
			return err
		}
		late := c.latency(measured)
		s := Step{
			DeliveryRate: math.Round(rate * float64(b.Followers)), Server: step.Server, Load: step.Load,
			Got: perSecond(int64(v.messages())*int64(b.Followers), took), P99: milliseconds(late.Quantile(0.99)),
		}
		lost := c.lacking(measured, uint32(p.sent[measured].Load())) > 0
		s.Held = !lost && late.Quantile(0.99) <= b.Late && took <= v.For+2*b.Late
		m.Steps = append(m.Steps, s)
		switch {
		case s.Held:
			good = rate
			m.DeliveryRate, m.PublishRate = s.DeliveryRate, rate
			out.Server, out.Load, out.Seconds = s.Server, s.Load, seconds(took)
			out.Latency, out.Curves = late.Latency(), []Curve{{Name: c.Transport, Histogram: late}}
		case lost:
			return nil // who has lost something may be gone: there is nothing to go on with
		default:
			bad = rate
		}
		if bad == 0 {
			rate *= growth
			continue
		}
		if good == 0 {
			return nil
		}
		rate = math.Sqrt(good * bad)
		left--
	}
	return nil
}

// told says what came of the search for people.
func (m *MostReport) told() string {
	if m.DeliveryRate == 0 {
		return fmt.Sprintf("not even %.0f deliveries a second come within %.0f ms", m.Steps[0].DeliveryRate, m.LateMS)
	}
	held := fmt.Sprintf("%.0f deliveries a second (%.1f messages)", m.DeliveryRate, m.PublishRate)
	i := slices.IndexFunc(m.Steps, func(s Step) bool { return !s.Held })
	if i < 0 {
		return held
	}
	beyond := m.Steps[i]
	saturated := "unknown"
	if beyond.Load != nil {
		saturated = beyond.Load.Saturated
	}
	return fmt.Sprintf("%s; at %.0f p99 was %.0f ms, saturated: %s", held, beyond.DeliveryRate, beyond.P99, saturated)
}

// lateByDefault is from when on deliveries are late where nothing else is said.
const lateByDefault = 250 * time.Millisecond
