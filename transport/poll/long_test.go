package poll

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"tidings/gateway"
	"tidings/gateway/journal"
	"tidings/transport"
	"tidings/transport/park"
	"tidings/transport/wire"
)

// fakeHeld remembers its answer.
type fakeHeld struct {
	park.Held
	head *park.Head
	body []byte
}

func (h *fakeHeld) Reply(r park.Reply) { h.head, h.body = r.Head, slices.Concat(r.Parts...) }

const empty = `{"cursor":"k3f9a2m1-42","items":[],"more":false,"poll_ms":5000,"offer":{"transports":["sse"]}}`

func newAnswer() (*answer, *fakeHeld) {
	held := &fakeHeld{}
	on := &terms{head: headOf(jsonType, "no-store", byOrigin), offer: transport.Offer{Transports: []string{"sse"}}, pollMS: 5000}
	on.Of = on
	return &answer{Follower: on.Follower(), held: held}, held
}

// TestAnswer: the first batch is the answer, in whatever parts its units come.
func TestAnswer(t *testing.T) {
	at := gateway.Cursor{Epoch: "k3f9a2m1", Seq: 42}
	a, held := newAnswer()
	var notices []byte
	for _, n := range []gateway.Notice{
		{Kind: gateway.NoticeGap, Topic: "a", From: 1, To: 2, Reason: gateway.GapExpired},
		{Kind: gateway.NoticeLive, Topic: "a", Cursor: at},
		{Kind: gateway.NoticePing, Cursor: at},
		{Kind: gateway.NoticeDeleted, Topic: "b", To: 3},
	} {
		var err error
		if notices, err = a.AppendNotice(notices, n); err != nil {
			t.Fatal(err)
		}
	}
	m := gateway.NewMessage("k3f9a2m1", 0, &journal.Record{Seq: 42, Topic: "a", Type: "text/plain", Data: []byte(",")})
	message := m.Encoded(wire.Envelope)
	const (
		gap     = `{"gap":{"topic":"a","from":1,"to":2,"reason":"expired"}}`
		deleted = `{"deleted":{"topic":"b","to":3}}`
		item    = `{"topic":"a","seq":42,"prev":0,"time":0,"data":","}`
	)
	for _, c := range []struct {
		name  string
		parts [][]byte
		more  bool
		want  string
	}{
		{"waited for nothing", nil, false, empty},
		{"nothing to say", [][]byte{{}}, false, empty},
		{
			"one message",
			[][]byte{message},
			true,
			`{"cursor":"k3f9a2m1-42","items":[` + item + `],"more":true,"poll_ms":5000,"offer":{"transports":["sse"]}}`,
		},
		{"notices first", [][]byte{notices, message, message}, false, `{"cursor":"k3f9a2m1-42","items":[` + gap + "," + deleted +
			"," + item + "," + item + `],"more":false,"poll_ms":5000,"offer":{"transports":["sse"]}}`},
		{"notices last", [][]byte{message, notices}, false, `{"cursor":"k3f9a2m1-42","items":[` + item + "," + gap + "," + deleted +
			`],"more":false,"poll_ms":5000,"offer":{"transports":["sse"]}}`},
	} {
		batch := &gateway.Batch{Parts: c.parts, Bytes: len(slices.Concat(c.parts...)), Cursor: at, More: c.more}
		n, err := a.Write(batch)
		if n != batch.Bytes || !errors.Is(err, gateway.ErrFinished) {
			t.Errorf("%s: took %d of %d, %v", c.name, n, batch.Bytes, err)
		}
		if string(held.body) != c.want {
			t.Errorf("%s: %s, want %s", c.name, held.body, c.want)
		}
		if held.head != a.on().head {
			t.Errorf("%s: head %v", c.name, held.head)
		}
		if n, _ := a.Write(batch); n != batch.Bytes || string(held.body) != c.want {
			t.Errorf("%s, again: %s, want %s", c.name, held.body, c.want)
		}
	}
}

// TestAnswerEndedEarly: an end by the gateway is an answer that holds the position.
func TestAnswerEndedEarly(t *testing.T) {
	for _, reason := range gateway.Reasons {
		a, held := newAnswer()
		a.Close(reason, gateway.Cursor{Epoch: "k3f9a2m1", Seq: 42}, nil)
		var got struct {
			Cursor string            `json:"cursor"`
			Items  []json.RawMessage `json:"items"`
			PollMS int               `json:"poll_ms"`
		}
		if err := json.Unmarshal(held.body, &got); err != nil || got.Cursor != "k3f9a2m1-42" || len(got.Items) != 0 {
			t.Errorf("%s: %s, %v", reason, held.body, err)
		}
		if code, ok := transport.CodeOf(reason); ok && code.Again() {
			if got.PollMS < 500 || got.PollMS >= 3000 {
				t.Errorf("%s: come back in %d ms", reason, got.PollMS)
			}
		} else if reason == gateway.ReasonReplaced {
			if got.PollMS != replacedMS {
				t.Errorf("%s: come back in %d ms", reason, got.PollMS)
			}
		} else if string(held.body) != empty {
			t.Errorf("%s: %s, want %s", reason, held.body, empty)
		}
	}
}

func TestKnown(t *testing.T) {
	const tag = `W/"k3f9a2m1-42"`
	for _, c := range []struct {
		field string
		want  bool
	}{
		{"", false},
		{tag, true},
		{`"k3f9a2m1-42"`, true},
		{`"k3f9a2m1-4",W/"x" ,` + tag, true},
		{"*", true},
		{`k3f9a2m1-42`, false},
		{`W/"k3f9a2m1-421"`, false},
	} {
		if got := known(c.field, tag); got != c.want {
			t.Errorf("%q: %v", c.field, got)
		}
	}
}

func TestLimit(t *testing.T) {
	for asked, want := range map[int]int{0: 1000, 1: 1, 1000: 1000, 1001: 1000} {
		if got := limitOf(&transport.Request{Limit: asked}); got != want {
			t.Errorf("limit %d: %d", asked, got)
		}
	}
}
