package config

import (
	"testing"
	"time"
)

func TestUnits(t *testing.T) {
	sizes := map[string]Size{"0": 0, "4096": 4096, "64MiB": 64 << 20, "1.5 gib": 3 << 29, "2kB": 2000, "3B": 3, "1TB": 1e12}
	for text, want := range sizes {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "MiB", "-1", "1e3", "1XB", "9999999999TiB", "9223372036854775808", "1.2.3", "NaN", "0x10"} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("ParseSize(%q) = %d", text, got)
		}
	}
	durations := map[string]time.Duration{"20s": 20 * time.Second, "1h30m": 90 * time.Minute, "7d": 168 * time.Hour, "0": 0, "0s": 0}
	for text, want := range durations {
		if got, err := ParseDuration(text); err != nil || time.Duration(got) != want {
			t.Errorf("ParseDuration(%q) = %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "20", "d", "-1d", "1.5d", "99999999999d", "soon"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("ParseDuration(%q) = %v", text, got)
		}
	}
	for d, want := range map[time.Duration]string{5 * time.Minute: "5m", 24 * time.Hour: "24h", 90 * time.Second: "1m30s", 0: "0s"} {
		if got := Duration(d).String(); got != want {
			t.Errorf("%d is %q, not %q", d, got, want)
		}
	}
}
