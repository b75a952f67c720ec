package fallback

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"tidings/transport"
)

func ladder(t *testing.T, off ...transport.Kind) *Ladder {
	t.Helper()
	l, err := NewLadder(LadderOptions{Off: off})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestOffer(t *testing.T) {
	tests := []struct {
		name string
		off  []transport.Kind
		want string
	}{
		{"all", nil, "websocket sse stream longpoll poll"},
		{"one off", []transport.Kind{transport.WebSocket}, "sse stream longpoll poll"},
		{"one left", []transport.Kind{transport.WebSocket, transport.SSE, transport.Stream, transport.LongPoll}, "poll"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l := ladder(t, test.off...)
			if got := strings.Join(l.Offer(l.On()).Transports, " "); got != test.want {
				t.Errorf("offer %q, want %q", got, test.want)
			}
			for _, kind := range transport.Kinds {
				if l.On().Has(kind) == slices.Contains(test.off, kind) {
					t.Errorf("%s is on: %v", kind, l.On().Has(kind))
				}
			}
		})
	}
}

func TestLadderRefuses(t *testing.T) {
	if _, err := NewLadder(LadderOptions{Off: transport.Kinds[:]}); !errors.Is(err, ErrEmpty) {
		t.Errorf("a ladder without steps: %v, want ErrEmpty", err)
	}
	if _, err := NewLadder(LadderOptions{Off: []transport.Kind{200}}); err == nil {
		t.Error("a transport that does not exist was taken")
	}
}

func TestChoose(t *testing.T) {
	const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
	tests := []struct {
		name string
		wish Wish
		want Choice
	}{
		{"nothing", Wish{}, Choice{transport.Poll, ByDefault, ""}},
		{"curl", Wish{Accept: "*/*"}, Choice{transport.Poll, ByDefault, ""}},
		{"browser", Wish{Accept: browser}, Choice{transport.Poll, ByDefault, ""}},
		{"type wildcard", Wish{Accept: "text/*, multipart/*"}, Choice{transport.Poll, ByDefault, ""}},
		{"wait", Wish{Accept: "*/*", Wait: true}, Choice{transport.LongPoll, ByWait, ""}},
		{"EventSource", Wish{Accept: "text/event-stream"}, Choice{transport.SSE, ByAccept, "text/event-stream"}},
		{"Accept before wait", Wish{Accept: "text/event-stream", Wait: true}, Choice{transport.SSE, ByAccept, "text/event-stream"}},
		{"NDJSON", Wish{Accept: "Application/X-NDJSON"}, Choice{transport.Stream, ByAccept, NDJSON}},
		{"multipart", Wish{Accept: "multipart/mixed;boundary=x"}, Choice{transport.Stream, ByAccept, "multipart/mixed"}},
		{"pictures", Wish{Accept: "multipart/x-mixed-replace , image/*"}, Choice{transport.Stream, ByAccept, "multipart/x-mixed-replace"}},
		{"quality", Wish{Accept: "application/x-ndjson;q=0.5, text/event-stream;q=0.9"}, Choice{transport.SSE, ByAccept, "text/event-stream"}},
		{"quality 0", Wish{Accept: "text/event-stream;q=0, */*"}, Choice{transport.Poll, ByDefault, ""}},
		{"quality 0.000", Wish{Accept: "text/event-stream; q=0.000"}, Choice{transport.Poll, ByDefault, ""}},
		{"quality in capitals", Wish{Accept: "text/event-stream;Q=0"}, Choice{transport.Poll, ByDefault, ""}},
		{"bad quality", Wish{Accept: "text/event-stream;q=2"}, Choice{transport.Poll, ByDefault, ""}},
		{"quality after a parameter", Wish{Accept: "text/event-stream;charset=utf-8;q=0"}, Choice{transport.Poll, ByDefault, ""}},
		{"JSON preferred", Wish{Accept: "application/json, text/event-stream;q=0.5"}, Choice{transport.Poll, ByDefault, ""}},
		{"JSON preferred, held", Wish{Accept: "application/json, text/event-stream;q=0.5", Wait: true}, Choice{transport.LongPoll, ByWait, ""}},
		{"JSON as good", Wish{Accept: "application/json, text/event-stream"}, Choice{transport.SSE, ByAccept, "text/event-stream"}},
		{"first of equals", Wish{Accept: "multipart/mixed, application/x-ndjson"}, Choice{transport.Stream, ByAccept, "multipart/mixed"}},
		{"upgrade", Wish{Upgrade: true}, Choice{transport.WebSocket, ByUpgrade, ""}},
		{"upgrade before Accept", Wish{Upgrade: true, Accept: "text/event-stream"}, Choice{transport.WebSocket, ByUpgrade, ""}},
		{"parameter before upgrade", Wish{Transport: "sse", Upgrade: true}, Choice{transport.SSE, ByParameter, ""}},
		{"parameter before wait", Wish{Transport: "poll", Wait: true}, Choice{transport.Poll, ByParameter, ""}},
		{"stream without Accept", Wish{Transport: "stream", Accept: "*/*"}, Choice{transport.Stream, ByParameter, NDJSON}},
		{"stream with another Accept", Wish{Transport: "stream", Accept: "text/event-stream"}, Choice{transport.Stream, ByParameter, NDJSON}},
		{"stream with its Accept", Wish{Transport: "stream", Accept: "text/event-stream, multipart/mixed;q=0.1"}, Choice{transport.Stream, ByParameter, "multipart/mixed"}},
	}
	l := ladder(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := l.Choose(test.wish, l.On())
			if err != nil || got != test.want {
				t.Errorf("Choose(%+v) = %+v, %v, want %+v", test.wish, got, err, test.want)
			}
		})
	}
}

func TestChooseOff(t *testing.T) {
	tests := []struct {
		name string
		off  []transport.Kind
		wish Wish
		want transport.Kind // refused, if it is in off
	}{
		{"parameter", []transport.Kind{transport.SSE}, Wish{Transport: "sse"}, transport.SSE},
		{"upgrade", []transport.Kind{transport.WebSocket}, Wish{Upgrade: true}, transport.WebSocket},
		{"Accept", []transport.Kind{transport.SSE}, Wish{Accept: "text/event-stream"}, transport.SSE},
		{"wait", []transport.Kind{transport.LongPoll}, Wish{Wait: true}, transport.LongPoll},
		{"default", []transport.Kind{transport.Poll}, Wish{}, transport.Poll},
		{"second best is on", []transport.Kind{transport.SSE}, Wish{Accept: "text/event-stream, application/x-ndjson"}, transport.Stream},
		{"all that is accepted is off", []transport.Kind{transport.SSE, transport.Stream}, Wish{Accept: "text/event-stream, application/x-ndjson"}, transport.SSE},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l := ladder(t, test.off...)
			got, err := l.Choose(test.wish, l.On())
			if got.Kind != test.want {
				t.Errorf("chose %s, want %s", got.Kind, test.want)
			}
			var off *OffError
			if refused := errors.As(err, &off); refused != slices.Contains(test.off, test.want) {
				t.Fatalf("error %v", err)
			} else if refused {
				if off.Kind != test.want || off.Offer != l.Offer(l.On()) {
					t.Errorf("%+v does not say what is left", off)
				}
				if !strings.Contains(err.Error(), test.want.String()) {
					t.Errorf("%q does not name %s", err, test.want)
				}
			}
		})
	}
}

func TestChooseUnknown(t *testing.T) {
	_, err := ladder(t).Choose(Wish{Transport: "pigeon"}, all)
	var unknown *UnknownError
	if !errors.As(err, &unknown) || !strings.Contains(err.Error(), "pigeon") || !strings.Contains(err.Error(), "longpoll") {
		t.Errorf("error %v does not say what there is", err)
	}
}

func TestRecord(t *testing.T) {
	var r Record
	r.Chose(Choice{Kind: transport.SSE, Cause: ByAccept})
	r.Chose(Choice{Kind: transport.SSE, Cause: ByAccept})
	r.Chose(Choice{Kind: transport.Poll, Cause: ByDefault})
	var want Stats
	want.Chosen[transport.SSE][ByAccept] = 2
	want.Chosen[transport.Poll][ByDefault] = 1
	if got := r.Stats(); got != want {
		t.Errorf("Stats() = %+v, want %+v", got, want)
	}
}

func TestSteps(t *testing.T) {
	var r Record
	r.Stepped("websocket", transport.LongPoll, "no_hello")
	r.Stepped("websocket", transport.LongPoll, "no_hello")
	r.Stepped("pigeon", transport.SSE, "the weather")
	r.Stepped("poll", transport.WebSocket, "better")
	want := map[Step]uint64{
		{"websocket", transport.LongPoll, "no_hello"}: 2, {"other", transport.SSE, "other"}: 1, {"poll", transport.WebSocket, "better"}: 1,
	}
	got := r.Steps()
	if n, ok := got[Step{"sse", transport.Poll, "other"}]; !ok || n != 0 {
		t.Error("a step that nobody has taken is not there from the start")
	}
	maps.DeleteFunc(got, func(_ Step, n uint64) bool { return n == 0 })
	if !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestCauseNames(t *testing.T) {
	want := []string{"parameter", "upgrade", "accept", "wait", "default"}
	for i, cause := range Causes {
		if cause.String() != want[i] {
			t.Errorf("cause %d is %q, want %q", i, cause, want[i])
		}
	}
}

func FuzzAccept(f *testing.F) {
	for _, seed := range []string{
		"", "*/*", "text/event-stream", "text/event-stream;q=0.5, application/json", "multipart/mixed;boundary=\"a,b\";q=0",
		";;;,,,q=1", "text/event-stream;q=.", "text/event-stream;q=1.0000", "TEXT/EVENT-STREAM ; Q=0.001",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		ranges := telling(accept)
		for i, r := range ranges {
			if r.quality < 1 || r.quality > 1000 {
				t.Errorf("quality %d", r.quality)
			}
			if i > 0 && ranges[i-1].quality < r.quality {
				t.Error("not in order")
			}
			if r.format != "" && !strings.Contains(strings.ToLower(accept), r.format) {
				t.Errorf("%q is not in %q", r.format, accept)
			}
		}
		l, _ := NewLadder(LadderOptions{})
		c, err := l.Choose(Wish{Accept: accept}, l.On())
		if err != nil {
			t.Fatal(err)
		}
		if (c.Cause == ByAccept) != (c.Kind == transport.SSE || c.Kind == transport.Stream) {
			t.Errorf("%+v", c)
		}
	})
}
