package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// gatewayStub stores what is published and answers with the statuses of script first, then with 201.
type gatewayStub struct {
	mu     sync.Mutex
	script []int
	got    []post
}

type post struct {
	path, contentType, idempotencyKey, authorization string
	body                                             []byte
}

func (g *gatewayStub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	g.mu.Lock()
	defer g.mu.Unlock()
	h := r.Header
	g.got = append(g.got, post{r.URL.Path, h.Get("Content-Type"), h.Get("Idempotency-Key"), h.Get("Authorization"), body})
	status := http.StatusCreated
	if len(g.script) > 0 {
		status, g.script = g.script[0], g.script[1:]
	}
	w.WriteHeader(status)
	if status >= 400 {
		_, _ = io.WriteString(w, `{"title":"Refused","detail":"no such key","code":"unauthorized"}`)
	}
}

func TestRecordPublishesEveryPlaceOnce(t *testing.T) {
	stub := &gatewayStub{}
	srv := httptest.NewServer(stub)
	defer srv.Close()
	var stderr bytes.Buffer
	if code := start(t.Context(), []string{"--gateway", srv.URL + "/", "--key", "k", "--once"}, "other", &stderr); code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	if len(stub.got) != len(places) {
		t.Fatalf("%d messages for %d places", len(stub.got), len(places))
	}
	for i, p := range stub.got {
		var r report
		if err := json.Unmarshal(p.body, &r); err != nil {
			t.Fatal(err)
		}
		if p.path != "/topics/weather/"+places[i].slug() || p.contentType != "application/json" || p.authorization != "Bearer k" || p.idempotencyKey == "" {
			t.Errorf("posted %+v", p)
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
	stub := &gatewayStub{}
	srv := httptest.NewServer(stub)
	defer srv.Close()
	args := []string{"--gateway", srv.URL, "--once", "--url", service.URL + "/?lat={latitude}&lon={longitude}", "--place", "Île de Ré,France,45.76,-4.84"}
	if code := start(t.Context(), args, "", io.Discard); code != 0 {
		t.Fatal("exit code", code)
	}
	if len(stub.got) != 1 || stub.got[0].path != "/topics/weather/île-de-ré" {
		t.Fatalf("posted %+v", stub.got)
	}
}

func TestPublishRetriesWithTheSameIdempotencyKey(t *testing.T) {
	stub := &gatewayStub{script: []int{503, 500, 429}}
	srv := httptest.NewServer(stub)
	defer srv.Close()
	p := &publisher{gateway: srv.URL, client: srv.Client(), backoff: 1}
	if err := p.publish(t.Context(), "weather/paris", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if len(stub.got) != 4 {
		t.Fatalf("%d attempts, want 4", len(stub.got))
	}
	for _, a := range stub.got[1:] {
		if a.idempotencyKey != stub.got[0].idempotencyKey {
			t.Error("a retry has another Idempotency-Key")
		}
	}
}

func TestPublishEndsWhereARetryIsOfNoUse(t *testing.T) {
	stub := &gatewayStub{script: []int{401}}
	srv := httptest.NewServer(stub)
	defer srv.Close()
	var stderr bytes.Buffer
	if code := start(t.Context(), []string{"--gateway", srv.URL}, "", &stderr); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if want := "401 Unauthorized: Refused: no such key"; !strings.Contains(stderr.String(), want) {
		t.Errorf("error %q does not say %q", stderr.String(), want)
	}
}

type refuseDial struct{ attempts []time.Time }

func (r *refuseDial) RoundTrip(*http.Request) (*http.Response, error) {
	r.attempts = append(r.attempts, time.Now())
	return nil, io.ErrUnexpectedEOF
}

func TestPublishBacksOffUntilInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dial := &refuseDial{}
		p := &publisher{gateway: "http://gateway", client: &http.Client{Transport: dial}, backoff: 250 * time.Millisecond}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		if err := p.publish(ctx, "weather/paris", nil); err == nil {
			t.Fatal("no error without a gateway")
		}
		if n := len(dial.attempts); n < 60 || n > 130 {
			t.Errorf("%d attempts in 10 minutes", n)
		}
		for i := range len(dial.attempts) - 1 {
			if gap := dial.attempts[i+1].Sub(dial.attempts[i]); gap < 125*time.Millisecond || gap > maxBackoff {
				t.Errorf("wait %d was %v", i, gap)
			}
		}
	})
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
