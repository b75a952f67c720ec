package gateway

import (
	"errors"
	"testing"
	"time"
)

func TestSince(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	at := func(text string) time.Time {
		out, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for _, c := range []struct {
		text string
		want Since
	}{
		{"now", Since{}},
		{"all", Since{Kind: SinceAll}},
		{"latest", Since{Kind: SinceLast, N: 1}},
		{"last:1", Since{Kind: SinceLast, N: 1}},
		{"last:1000000", Since{Kind: SinceLast, N: MaxSinceLast}},
		{"k3f9a2m1-42", Since{Kind: SinceCursor, Cursor: Cursor{"k3f9a2m1", 42}}},
		{"k3f9a2m1-42.3", Since{Kind: SinceCursor, Cursor: Cursor{"k3f9a2m1", 42}}},
		{"90s", Since{Kind: SinceTime, Time: now.Add(-90 * time.Second)}},
		{"1h30m", Since{Kind: SinceTime, Time: now.Add(-90 * time.Minute)}},
		{"0s", Since{Kind: SinceTime, Time: now}},
		{"2026-11-21T11:00:00Z", Since{Kind: SinceTime, Time: at("2026-11-21T11:00:00Z")}},
		{"2026-11-21T11:00:00.25+02:00", Since{Kind: SinceTime, Time: at("2026-11-21T11:00:00.25+02:00")}},
	} {
		got, err := ParseSince(c.text, now)
		if err != nil || got.Kind != c.want.Kind || got.N != c.want.N || got.Cursor != c.want.Cursor || !got.Time.Equal(c.want.Time) {
			t.Errorf("%q: %+v, %v", c.text, got, err)
		}
	}
	for _, text := range []string{
		"", "Now", " now", "last", "last:", "last:0", "last:-1", "last:1000001", "last:x", "last:1.5", "last:99999999999999999999", "10", "-10m", "10x", "-1ns",
		"2026-11-21", "2026-11-21T11:00:00", "2026-13-21T11:00:00Z", "short-1", "k3f9a2m1-", "k3f9a2m1-9007199254740992",
	} {
		if got, err := ParseSince(text, now); !errors.Is(err, ErrSince) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func FuzzSince(f *testing.F) {
	for _, seed := range []string{"now", "all", "latest", "last:3", "10m", "k3f9a2m1-42", "2026-11-21T11:00:00Z", "-1s", "last:0", "292y", "9223372036854775807ns"} {
		f.Add(seed)
	}
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSince(text, now)
		if err != nil {
			if !errors.Is(err, ErrSince) || s != (Since{}) {
				t.Fatalf("%q: %+v, %v", text, s, err)
			}
			return
		}
		switch s.Kind {
		case SinceNow, SinceAll:
		case SinceCursor:
			if _, err := ParseCursor(text); err != nil {
				t.Fatalf("%q: %v", text, err)
			}
		case SinceLast:
			if s.N < 1 || s.N > MaxSinceLast {
				t.Fatalf("%q: %d", text, s.N)
			}
		case SinceTime:
			if d, err := time.ParseDuration(text); err == nil && s.Time.After(now) {
				t.Fatalf("%q: %v is %v after now", text, s.Time, d)
			}
		default:
			t.Fatalf("%q: %+v", text, s)
		}
	})
}
