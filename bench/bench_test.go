package bench_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tidings/bench"
	"tidings/gateway"
	"tidings/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs a gateway in this process until the test ends, and returns how to load it.
func serve(t *testing.T, o server.Options) bench.Options {
	t.Helper()
	o.Logger = slog.New(slog.DiscardHandler)
	s, err := server.New(o)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(s)
	t.Cleanup(func() {
		if err := s.Drain(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
		web.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	out := bench.Options{URL: web.URL, PollPace: 100 * time.Millisecond, Patience: 20 * time.Second}
	if runtime.GOOS == "linux" {
		out.PID = os.Getpid() // that of the server, too
	}
	return out
}

var little = bench.Volume{Rate: 40, Burst: 4, Size: 64, For: time.Second}

// whole holds that a report tells of n followers who got everything once and in order.
func whole(t *testing.T, r *bench.Report, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if r.Losses == nil || r.Expected == 0 || r.Delivered != r.Expected || r.Lost+r.Doubled+r.Disordered != 0 {
		t.Errorf("losses are %+v", r.Losses)
	}
	if r.Latency == nil || r.Latency.Count != uint64(r.Delivered) && r.BesideStalled == nil || r.Latency.Max < r.Latency.P50 {
		t.Errorf("latency is %+v", r.Latency)
	}
	if runtime.GOOS == "linux" && (r.Server == nil || r.Server.RSSAfter == 0) {
		t.Errorf("the server has %+v", r.Server)
	}
	var table, object, picture bytes.Buffer
	if err := errors.Join(r.Table(&table), r.JSON(&object), r.SVG(&picture)); err != nil {
		t.Error(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(object.Bytes(), &fields); err != nil || fields["lost"] != 0.0 || !strings.Contains(table.String(), "p99.9") {
		t.Errorf("%v in %s and\n%s", err, object.String(), table.String())
	}
}

// eachWay runs a test with every transport, read by epoll where there is that and by goroutines.
func eachWay(t *testing.T, o server.Options, test func(t *testing.T, o bench.Options)) {
	for _, transport := range bench.Transports {
		for name, way := range map[string]func(bench.Options) bench.Options{
			"": func(o bench.Options) bench.Options { return o }, " by goroutines": bench.Portably,
		} {
			t.Run(transport+name, func(t *testing.T) {
				o := way(serve(t, o))
				o.Transport = transport
				test(t, o)
			})
		}
	}
}

func TestFanout(t *testing.T) {
	eachWay(t, server.Options{PublishKeys: []string{"secret"}}, func(t *testing.T, o bench.Options) {
		o.Key = "secret"
		var shown atomic.Int64
		o.Progress = func(bench.Progress) { shown.Add(1) }
		r, err := bench.Fanout{Options: o, Followers: 20, Volume: little}.Run(t.Context())
		whole(t, r, err)
		if r.Expected != 800 || shown.Load() == 0 {
			t.Errorf("expected %d, shown %d times", r.Expected, shown.Load())
		}
	})
}

func TestIdle(t *testing.T) {
	for _, transport := range bench.Transports {
		o := serve(t, server.Options{})
		o.Transport = transport
		r, err := bench.Idle{Options: o, Connections: 20, Hold: 50 * time.Millisecond}.Run(t.Context())
		if err != nil || r.Connections != 20 || r.Cut != 0 {
			t.Errorf("%s: %+v, %v", transport, r, err)
		}
	}
}

func TestPublish(t *testing.T) {
	for _, b := range []bench.Publish{{}, {Rate: 200}, {Batch: 10}, {Batch: 10, Rate: 1000}} {
		b.Options = serve(t, server.Options{})
		b.Connections, b.Size, b.For = 4, 64, 300*time.Millisecond
		r, err := b.Run(t.Context())
		if err != nil || r.Published == 0 || r.Latency.Count != uint64(r.Published)/uint64(max(1, b.Batch)) {
			t.Errorf("%+v, %v", r, err)
		}
		if want := int64(b.Rate * 0.3); want > 0 && r.Published != want {
			t.Errorf("published %d, want %d", r.Published, want)
		}
	}
}

func TestStorm(t *testing.T) {
	for name, missed := range map[string]int{"while messages go on": 0, "after three messages": 3} {
		t.Run(name, func(t *testing.T) {
			eachWay(t, server.Options{}, func(t *testing.T, o bench.Options) {
				v := little
				v.For = 300 * time.Millisecond
				r, err := bench.Storm{Options: o, Clients: 20, Missed: missed, Volume: v}.Run(t.Context())
				whole(t, r, err)
				if r.Storm == nil || r.Storm.Reconnects < 20 || r.Storm.Complete < r.Storm.Back || r.Cut != 0 {
					t.Errorf("the storm was %+v, %d were cut", r.Storm, r.Cut)
				}
				if missed > 0 && r.Expected != int64(20*(missed+1)) {
					t.Errorf("%d messages were expected", r.Expected)
				}
			})
		})
	}
}

// TestSlow lets stalled followers find everything in the history, or no more than the end of it.
func TestSlow(t *testing.T) {
	for _, transport := range []string{"websocket", "sse", "stream"} {
		for name, keeps := range map[string]int{"history": 10_000, "gap": 24} {
			t.Run(transport+" "+name, func(t *testing.T) {
				o := serve(t, server.Options{Core: gateway.Options{Default: gateway.Retention{Messages: keeps}}})
				o.Transport = transport
				// Far more than sockets hold, and so little a second that who reads keeps up with 24 messages of history,
				// which are more than a second of them: the machine may be busy.
				v := bench.Volume{Rate: 20, Size: 1 << 18, For: 2500 * time.Millisecond}
				r, err := bench.Slow{Options: o, Stalled: 3, Followers: 2, Volume: v}.Run(t.Context())
				whole(t, r, err)
				want := bench.StalledReport{Followers: 3, Whole: 3}
				if name == "gap" {
					want.Whole, want.Told = 0, 3
				}
				got := *r.Stalled
				got.Cut = 0
				if got != want {
					t.Errorf("the stalled came to %+v", r.Stalled)
				}
			})
		}
	}
}

// TestMost raises the rate until nothing is in time any more, which is at once where nothing may be late.
func TestMost(t *testing.T) {
	v := bench.Volume{Rate: 20, Size: 64, For: 200 * time.Millisecond}
	r, err := bench.Fanout{Options: serve(t, server.Options{}), Followers: 5, Most: true, Late: time.Nanosecond, Volume: v}.Run(t.Context())
	if err != nil || r.Most == nil || r.Most.DeliveryRate != 0 || len(r.Most.Steps) != 1 || r.Most.Steps[0].Held || r.Lost != 0 {
		t.Errorf("where all is late: %+v, %v", r.Most, err)
	}
	// Beyond a million messages a second nobody looks, and this begins not far below.
	v.Rate, v.For = 8e5, time.Millisecond
	r, err = bench.Fanout{Options: serve(t, server.Options{}), Followers: 1, Most: true, Late: time.Minute, Volume: v}.Run(t.Context())
	if err != nil || r.Most.PublishRate != v.Rate || len(r.Most.Steps) != 1 || r.Latency == nil || r.Expected != r.Delivered || r.Expected != 800 {
		t.Errorf("where nothing is late: %+v, %v", r, err)
	}
	var table bytes.Buffer
	if err := r.Table(&table); err != nil || !strings.Contains(table.String(), "800000 deliveries a second") {
		t.Errorf("%v in\n%s", err, table.String())
	}
}

// TestResumeElsewhere lets followers of another server come back by its own means: of those that say what they got it knows what
// they miss, and to the others it sends nothing old.
func TestResumeElsewhere(t *testing.T) {
	for _, transport := range []string{"sse", "stream"} {
		for name, argument := range map[string]string{"said": "after", "not said": ""} {
			t.Run(transport+" "+name, func(t *testing.T) {
				web := httptest.NewServer(new(elsewhere).handler())
				defer web.Close()
				o := bench.Options{
					URL: web.URL + "/sub?x=1", Plain: true, PublishURL: web.URL + "/pub", Transport: transport,
					ResumeArgument: argument, ReceiptField: "last", Patience: 200 * time.Millisecond,
				}
				if argument == "" {
					o.ReceiptField = ""
				}
				r, err := bench.Storm{Options: o, Clients: 4, Missed: 3, Volume: little}.Run(t.Context())
				if argument == "" {
					if !errors.Is(err, bench.ErrLost) || r.Lost != 12 {
						t.Errorf("%+v, %v", r, err)
					}
					return
				}
				if err != nil || r.Delivered != 16 || r.Lost+r.Doubled != 0 {
					t.Errorf("%+v, %v", r.Losses, err)
				}
			})
		}
	}
}

// elsewhere is a server that is no gateway.
type elsewhere struct {
	mu   sync.Mutex
	all  []string      // guarded by mu
	more chan struct{} // closed when there is one more; guarded by mu
}

func (e *elsewhere) handler() http.Handler {
	e.more = make(chan struct{})
	var mux http.ServeMux
	mux.HandleFunc("POST /pub", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		e.mu.Lock()
		defer e.mu.Unlock()
		e.all = append(e.all, string(body))
		close(e.more)
		e.more = make(chan struct{})
		fmt.Fprintf(w, `{"messages": 1, "last": "%d" }`, len(e.all))
	})
	mux.HandleFunc("GET /sub", func(w http.ResponseWriter, r *http.Request) {
		e.mu.Lock()
		at := len(e.all)
		e.mu.Unlock()
		since := r.Header.Get("Last-Event-ID")
		if r.Header.Get("Accept") != "text/event-stream" {
			since = r.URL.Query().Get("after")
		}
		if n, err := strconv.Atoi(since); err == nil {
			at = n
		}
		flush := http.NewResponseController(w)
		_ = flush.Flush()
		for {
			e.mu.Lock()
			fresh, more := e.all[at:], e.more
			at = len(e.all)
			e.mu.Unlock()
			for _, m := range fresh {
				_, _ = w.Write([]byte("data: " + m + "\n\n"))
			}
			_ = flush.Flush()
			select {
			case <-more:
			case <-r.Context().Done():
				return
			}
		}
	})
	return &mux
}

// TestLosses measures a server that does what none should: it forgets, repeats and mixes up.
func TestLosses(t *testing.T) {
	var mux http.ServeMux
	followed := make(chan string, 100)
	mux.HandleFunc("GET /sub", func(w http.ResponseWriter, r *http.Request) {
		flush := http.NewResponseController(w)
		_ = flush.Flush()
		for {
			select {
			case m := <-followed:
				if _, err := w.Write([]byte("data: " + m + "\n\n")); err != nil {
					return
				}
				_ = flush.Flush()
			case <-r.Context().Done():
				return
			}
		}
	})
	n, held := 0, "" // of measured messages
	mux.HandleFunc("POST /pub", func(w http.ResponseWriter, r *http.Request) {
		b := make([]byte, r.ContentLength)
		_, _ = r.Body.Read(b)
		m := string(b)
		if m[10:14] == "0000" {
			followed <- m
			return
		}
		switch n {
		case 1: // lost
		case 2:
			followed <- m
			followed <- m
		case 3:
			held = m
		case 4:
			followed <- m
			followed <- held
		default:
			followed <- m
		}
		n++
	})
	web := httptest.NewServer(&mux)
	defer web.Close()
	o := bench.Options{URL: web.URL + "/sub", Plain: true, PublishURL: web.URL + "/pub", Transport: "sse", Patience: 200 * time.Millisecond}
	r, err := bench.Fanout{Options: o, Followers: 1, Volume: bench.Volume{Rate: 100, Size: 64, For: 100 * time.Millisecond}}.Run(t.Context())
	if !errors.Is(err, bench.ErrLost) {
		t.Fatalf("ends with %v", err)
	}
	if want := (bench.Losses{Expected: 10, Delivered: 10, Lost: 1, Doubled: 1, Disordered: 1}); *r.Losses != want {
		t.Errorf("counted %+v", r.Losses)
	}
}

func TestRefusals(t *testing.T) {
	o := serve(t, server.Options{PublishKeys: []string{"secret"}})
	for name, run := range map[string]func() error{
		"no key": func() error {
			_, err := bench.Fanout{Options: o, Followers: 2, Volume: little}.Run(t.Context())
			return err
		},
		"no key to publish": func() error {
			_, err := bench.Publish{Options: o, Connections: 1, Size: 64, For: time.Second}.Run(t.Context())
			return err
		},
		"a topic that is the gateway's": func() error {
			o := o
			o.Topic = "$mine"
			_, err := bench.Idle{Options: o, Connections: 30}.Run(t.Context())
			return err
		},
	} {
		if err := run(); !errors.Is(err, bench.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := bench.Idle{Options: bench.Options{URL: "http://127.0.0.1:1"}, Connections: 3}.Run(t.Context())
	if !errors.Is(err, bench.ErrUnreachable) {
		t.Errorf("nobody there: %v", err)
	}
}

// TestInterrupt holds that a run which is told to stop does.
func TestInterrupt(t *testing.T) {
	o := serve(t, server.Options{})
	for _, run := range []func(context.Context) (*bench.Report, error){
		bench.Idle{Options: o, Connections: 5, Hold: time.Hour}.Run,
		bench.Fanout{Options: o, Followers: 5, Volume: bench.Volume{Rate: 5, Size: 64, For: time.Hour}}.Run,
		bench.Publish{Options: o, Connections: 2, Size: 64, For: time.Hour}.Run,
		bench.Storm{Options: o, Clients: 5, Volume: bench.Volume{Rate: 5, Size: 64, For: time.Hour}}.Run,
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		if _, err := run(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ends with %v", err)
		}
		cancel()
	}
}
