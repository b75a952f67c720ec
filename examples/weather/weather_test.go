package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tidings/client"
	"tidings/server"
)

// way leads to a real gateway, and gets in the way of the first publishes: with a status each, or a cut for 0.
type way struct {
	to http.Handler

	mu              sync.Mutex
	script          []int
	idempotencyKeys []string
}

func (y *way) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		y.to.ServeHTTP(w, r)
		return
	}
	y.mu.Lock()
	status := http.StatusOK
	if len(y.script) > 0 {
		status, y.script = y.script[0], y.script[1:]
	}
	y.idempotencyKeys = append(y.idempotencyKeys, r.Header.Get("Idempotency-Key"))
	y.mu.Unlock()
	switch status {
	case 0:
		panic(http.ErrAbortHandler)
	case http.StatusOK:
		y.to.ServeHTTP(w, r)
	default:
		w.WriteHeader(status)
	}
}

func gatewayAt(t *testing.T, o server.Options, script ...int) (*way, string) {
	t.Helper()
	s, err := server.New(o)
	if err != nil {
		t.Fatal(err)
	}
	y := &way{to: s, script: script}
	web := httptest.NewServer(y)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		web.Close()
	})
	return y, web.URL
}

// published is what the gateway retains of a pattern, in the order of the log.
func published(t *testing.T, gateway, pattern string) (got []*client.Message) {
	t.Helper()
	c, err := client.New(gateway, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for event, err := range c.Follow(t.Context(), client.FollowOptions{Topics: []string{pattern}, Since: "all"}) {
		switch {
		case err != nil:
			t.Fatal(err)
		case event.Message != nil:
			got = append(got, event.Message)
		case event.Live != nil:
			return got
		}
	}
	return got
}

func TestRecordPublishesEveryPlaceOnce(t *testing.T) {
	_, gateway := gatewayAt(t, server.Options{PublishKeys: []string{"k"}})
	var stderr bytes.Buffer
	if code := start(t.Context(), []string{"--gateway", gateway + "/", "--key", "k", "--once"}, "other", &stderr); code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	got := published(t, gateway, "weather/*")
	if len(got) != len(places) {
		t.Fatalf("%d messages for %d places", len(got), len(places))
	}
	for i, m := range got {
		var r report
		if err := json.Unmarshal(m.Data, &r); err != nil {
			t.Fatal(err)
		}
		if m.Topic != places[i].topic() || m.Type != "application/json" {
			t.Errorf("published %+v", m)
		}
		if r.Place != places[i].name || r.Unit != "°C" || r.WindUnit != "km/h" || r.Conditions == "unknown" || r.High < r.Temperature || r.Low > r.Temperature {
			t.Errorf("report %+v", r)
		}
	}
}

func TestServiceIsReadForOwnPlaces(t *testing.T) {
	paris, err := os.ReadFile("data/paris.json")
	if err != nil {
		t.Fatal(err)
	}
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "lat=45.76&lon=-4.84" {
			t.Errorf("asked for %s", r.URL.RawQuery)
		}
		_, _ = w.Write(paris)
	}))
	defer service.Close()
	_, gateway := gatewayAt(t, server.Options{})
	args := []string{"--gateway", gateway, "--once", "--url", service.URL + "/?lat={latitude}&lon={longitude}", "--place", "Île de Ré,France,45.76,-4.84"}
	if code := start(t.Context(), args, "", io.Discard); code != 0 {
		t.Fatal("exit code", code)
	}
	if got := published(t, gateway, "weather/*"); len(got) != 1 || got[0].Topic != "weather/île-de-ré" {
		t.Fatalf("published %+v", got)
	}
}

func TestPublishWaitsForTheGateway(t *testing.T) {
	y, gateway := gatewayAt(t, server.Options{}, 0, 502)
	c, err := client.New(gateway, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := publish(t.Context(), c, "weather/paris", report{Place: "Paris"}); err != nil {
		t.Fatal(err)
	}
	if len(y.idempotencyKeys) != 3 || len(slices.Compact(y.idempotencyKeys)) != 1 {
		t.Errorf("idempotency keys %q", y.idempotencyKeys)
	}
	if got := published(t, gateway, "weather/*"); len(got) != 1 {
		t.Errorf("published %+v", got)
	}
}

// away is a network in which nobody answers.
type away struct{ attempts int }

func (a *away) RoundTrip(*http.Request) (*http.Response, error) {
	a.attempts++
	return nil, io.ErrUnexpectedEOF
}

func TestPublishTriesUntilInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network away
		c, err := client.New("http://gateway", client.Options{HTTPClient: &http.Client{Transport: &network}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := publish(ctx, c, "weather/paris", report{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		if network.attempts < 100 || network.attempts > 1000 {
			t.Errorf("%d attempts in an hour", network.attempts)
		}
	})
}

func TestRefusalEnds(t *testing.T) {
	_, gateway := gatewayAt(t, server.Options{PublishKeys: []string{"k"}})
	var stderr bytes.Buffer
	if code := start(t.Context(), []string{"--gateway", gateway}, "", &stderr); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if want := "publish to weather/paris: refused with 401"; !strings.Contains(stderr.String(), want) {
		t.Errorf("error %q does not say %q", stderr.String(), want)
	}
}

func TestAtFindsTheHourOfThePlace(t *testing.T) {
	data, err := recorded.ReadFile("data/tokyo.json")
	if err != nil {
		t.Fatal(err)
	}
	f, err := parseForecast(data)
	if err != nil {
		t.Fatal(err)
	}
	noon := time.Date(2027, 3, 1, 3, 20, 0, 0, time.UTC) // 12:20 in Tokyo
	r, err := f.at(places[5], noon)
	if err != nil {
		t.Fatal(err)
	}
	if r.Temperature != *f.Hourly.Temperature[12] || !r.Day || !r.Time.Equal(noon.Truncate(time.Hour)) {
		t.Errorf("at noon %+v", r)
	}
	if r, _ = f.at(places[5], noon.Add(12*time.Hour)); r.Day || r.Temperature != *f.Hourly.Temperature[0] {
		t.Errorf("at midnight %+v", r)
	}
}

func TestRecordHasEveryHourOfEveryPlace(t *testing.T) {
	for _, p := range places {
		for h := range 24 {
			if _, err := read(t.Context(), options{}, p, time.Unix(int64(h)*3600, 0)); err != nil {
				t.Errorf("%s: %v", p.name, err)
			}
		}
	}
}

func TestForecast(t *testing.T) {
	tests := map[string]struct{ in, want string }{
		"whole": {
			`{"utc_offset_seconds":3600,"current_units":{"temperature_2m":"°C","wind_speed_10m":"km/h"},"current":{"time":"2026-11-21T09:00","temperature_2m":18.4,
			  "relative_humidity_2m":72,"weather_code":61,"wind_speed_10m":12,"is_day":1},"daily":{"temperature_2m_max":[19],"temperature_2m_min":[11]}}`,
			`{"place":"Paris","country":"France","temperature":18.4,"unit":"°C","wind":12,"windUnit":"km/h","conditions":"light rain","code":61,"day":true,"humidity":72,"time":"2026-11-21T08:00:00Z","high":19,"low":11}`,
		},
		"nulls, and extremes from the hours": {
			`{"current":{"time":"2026-11-21T09:00","temperature_2m":-1,"weather_code":7,"wind_speed_10m":null,"is_day":0},"hourly":{"temperature_2m":[null,-4,2]}}`,
			`{"place":"Paris","country":"France","temperature":-1,"unit":"","wind":0,"windUnit":"","conditions":"unknown","code":7,"day":false,"humidity":0,"time":"2026-11-21T09:00:00Z","high":2,"low":-4}`,
		},
		"no current":     {`{}`, errNoCurrent.Error()},
		"no temperature": {`{"current":{"time":"2026-11-21T09:00"}}`, "no temperature"},
		"unix time":      {`{"current":{"time":1790000000}}`, "read forecast"},
		"bad time":       {`{"current":{"time":"noon","temperature_2m":1}}`, "forecast's time"},
		"refusal":        {`{"error":true,"reason":"Latitude must be in range"}`, "Latitude must be in range"},
		"not JSON":       {`<html>`, "read forecast"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f, err := parseForecast([]byte(test.in))
			var r report
			if err == nil {
				r, err = f.now(places[0])
			}
			if err != nil {
				if !strings.Contains(err.Error(), test.want) {
					t.Errorf("error %q, want %q", err, test.want)
				}
				return
			}
			if got, _ := json.Marshal(r); string(got) != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func FuzzForecast(f *testing.F) {
	for _, p := range places {
		data, err := recorded.ReadFile("data/" + p.slug() + ".json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fc, err := parseForecast(data)
		if err != nil {
			return
		}
		for _, read := range []func() (report, error){
			func() (report, error) { return fc.now(places[0]) },
			func() (report, error) { return fc.at(places[0], time.Unix(0, 0)) },
		} {
			if r, err := read(); err == nil {
				if _, err := json.Marshal(r); err != nil {
					t.Error("a report that cannot be published:", err)
				}
				if r.High < r.Temperature || r.Low > r.Temperature {
					t.Errorf("%v is not within %v and %v", r.Temperature, r.Low, r.High)
				}
			}
		}
	})
}

func TestFlags(t *testing.T) {
	tests := map[string]struct {
		args []string
		code int
		want string
	}{
		"help":                 {[]string{"-h"}, 0, "-gateway"},
		"unknown":              {[]string{"--nope"}, 2, "not defined"},
		"argument":             {[]string{"paris"}, 2, `unexpected argument "paris"`},
		"gateway":              {[]string{"--gateway", "localhost:8080"}, 2, "http://"},
		"url":                  {[]string{"--url", "file:///x"}, 2, "http://"},
		"negative":             {[]string{"--every", "-2s"}, 2, "not positive"},
		"place without --url":  {[]string{"--place", "Lyon,France,45.76,4.84"}, 2, "--place needs --url"},
		"place short":          {[]string{"--place", "Lyon"}, 2, "name,country,latitude,longitude"},
		"place with no name":   {[]string{"--place", "-,France,1,1"}, 2, "no name"},
		"place off the sphere": {[]string{"--place", "Lyon,France,95,4.84"}, 2, "latitude"},
		"place nowhere":        {[]string{"--place", "Lyon,France,45,NaN"}, 2, "longitude"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var stderr bytes.Buffer
			if code := start(t.Context(), test.args, "", &stderr); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			if !strings.Contains(stderr.String(), test.want) {
				t.Errorf("stderr %q does not say %q", stderr.String(), test.want)
			}
		})
	}
}
