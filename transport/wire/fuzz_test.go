package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http/httputil"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"tidings/gateway"
	"tidings/gateway/journal"
	"tidings/transport"
)

// seed gives a fuzz target the golden messages to start from.
func seed(f *testing.F) {
	f.Helper()
	for _, c := range messages {
		f.Add(c.record.Type, c.record.Event, c.record.Key, c.record.Data)
	}
}

// published makes a message as the gateway lets it be published, or none.
func published(mediaType, event, key string, data []byte) *gateway.Message {
	m := gateway.NewMessage(epoch, 40, &journal.Record{
		Seq: 42, Time: 1790000000000, Topic: "a/ü<", Type: mediaType, Event: event, Key: key, Data: data,
	})
	if m.Body == gateway.BodyJSON && !json.Valid(data) {
		return nil
	}
	return m
}

// object is an envelope as a client reads it.
type object struct {
	Topic  string
	Seq    uint64
	Prev   uint64
	Time   int64
	Event  string
	Type   string
	Key    string
	Data   json.RawMessage
	Data64 *[]byte
}

func checkEnvelope(t *testing.T, m *gateway.Message, encoded []byte) {
	t.Helper()
	if bytes.ContainsAny(encoded, "\n\r<\u2028\u2029") || !utf8.Valid(encoded) {
		t.Fatalf("%q holds what it must not", encoded)
	}
	var o object
	dec := json.NewDecoder(bytes.NewReader(encoded))
	if err := dec.Decode(&o); err != nil {
		t.Fatalf("%v in %q", err, encoded)
	}
	if rest, _ := io.ReadAll(io.MultiReader(dec.Buffered())); len(rest) > 0 {
		t.Fatalf("%q after the object", rest)
	}
	valid := func(s string) string { return strings.ToValidUTF8(s, "") }
	loose := func(s string) string { return strings.ReplaceAll(s, "\ufffd", "") }
	if o.Topic != m.Topic || o.Seq != m.Seq || o.Prev != m.Prev || o.Time != m.Time ||
		loose(o.Event) != loose(valid(m.Event)) || loose(o.Key) != loose(valid(m.Key)) {
		t.Fatalf("%+v from %q", o, encoded)
	}
	switch m.Body {
	case gateway.BodyBytes:
		if o.Data64 == nil || o.Data != nil || !bytes.Equal(*o.Data64, m.Data) {
			t.Fatalf("bytes %q came as %q", m.Data, encoded)
		}
	case gateway.BodyText:
		var text string
		if err := json.Unmarshal(o.Data, &text); err != nil || text != string(m.Data) || o.Data64 != nil || o.Type != "" {
			t.Fatalf("text %q came as %q", m.Data, encoded)
		}
	case gateway.BodyJSON:
		if got, want := decode(t, o.Data), decode(t, m.Data); !reflect.DeepEqual(got, want) {
			t.Fatalf("JSON %q came as %q", m.Data, encoded)
		}
	}
}

// decode reads JSON with numbers as they are written.
func decode(t *testing.T, data []byte) (v any) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func FuzzEnvelope(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, mediaType, event, key string, data []byte) {
		if m := published(mediaType, event, key, data); m != nil {
			checkEnvelope(t, m, m.Encoded(Envelope))
		}
	})
}

func FuzzNDJSON(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, mediaType, event, key string, data []byte) {
		m := published(mediaType, event, key, data)
		if m == nil {
			return
		}
		line, ok := bytes.CutSuffix(m.Encoded(NDJSON), []byte("\n"))
		if !ok {
			t.Fatalf("%q has no end", line)
		}
		checkEnvelope(t, m, line)
	})
}

// event is what an EventSource dispatches.
type event struct{ id, name, data string }

// readSSE parses an event stream as the HTML standard's section 9.2.6 says.
func readSSE(stream string) (events []event, id string) {
	stream = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.ToValidUTF8(stream, "\ufffd"))
	var name, data string
	for line := range strings.Lines(stream) {
		line, whole := strings.CutSuffix(line, "\n")
		if !whole {
			break
		}
		if line == "" {
			if data != "" {
				events = append(events, event{id, name, strings.TrimSuffix(data, "\n")})
			}
			name, data = "", ""
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "id":
			if !strings.Contains(value, "\x00") {
				id = value
			}
		case "event":
			name = value
		case "data":
			data += value + "\n"
		}
	}
	return events, id
}

// asLines is what an event stream makes of text.
func asLines(text string) string {
	return strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.ToValidUTF8(text, "\ufffd"))
}

func FuzzSSE(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, mediaType, name, key string, data []byte) {
		m := published(mediaType, name, key, data)
		if m == nil {
			return
		}
		raw := m.Encoded(SSERaw)
		events, _ := readSSE(SSEPrelude + string(raw))
		want := event{m.Cursor().String(), strings.NewReplacer("\r", " ", "\n", " ").Replace(strings.ToValidUTF8(name, "\ufffd")), asLines(string(data))}
		if m.Body == gateway.BodyBytes {
			want.name, want.data = "tidings.base64", base64.StdEncoding.EncodeToString(data)
		}
		if len(events) != 1 || events[0] != want {
			t.Fatalf("%q read as %+v, want %+v", raw, events, want)
		}

		wrapped := m.Encoded(SSEEnvelope)
		events, _ = readSSE(SSEPrelude + string(wrapped))
		if len(events) != 1 || events[0].id != want.id || events[0].name != "" {
			t.Fatalf("%q read as %+v", wrapped, events)
		}
		checkEnvelope(t, m, []byte(events[0].data))
	})
}

func FuzzMultipart(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, mediaType, event, key string, data []byte) {
		m := published(mediaType, event, key, data)
		if m == nil {
			return
		}
		body := slices.Concat([]byte(MultipartOpening), m.Encoded(MultipartRaw), m.Encoded(MultipartEnvelope),
			AppendMultipartBye(nil, transport.Bye{Code: transport.Kicked, Reason: "kicked"}))
		r := multipart.NewReader(bytes.NewReader(body), Boundary)

		raw, err := r.NextRawPart()
		if err != nil {
			t.Fatalf("%v in %q", err, body)
		}
		got, err := io.ReadAll(raw)
		if raw.Header.Get("Content-Transfer-Encoding") == "base64" {
			got, err = base64.StdEncoding.DecodeString(string(got))
		}
		if err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%q read as %q, %v", data, got, err)
		}
		for field, want := range map[string]string{"Tidings-Event": event, "Tidings-Key": key} {
			// A reader of a header drops the spaces around a value.
			if got, err := url.PathUnescape(raw.Header.Get(field)); err != nil || got != strings.Trim(want, " ") {
				t.Fatalf("%s %q read as %q, %v", field, want, got, err)
			}
		}
		if raw.Header.Get("Tidings-Cursor") != m.Cursor().String() || raw.Header.Get("Tidings-Notice") != "" {
			t.Fatalf("fields %v", raw.Header)
		}

		wrapped, err := r.NextRawPart()
		if err != nil {
			t.Fatalf("%v in %q", err, body)
		}
		if got, err = io.ReadAll(wrapped); err != nil {
			t.Fatal(err)
		}
		checkEnvelope(t, m, got)
		if bye, err := r.NextRawPart(); err != nil || bye.Header.Get("Tidings-Notice") != "bye" {
			t.Fatalf("bye: %v, %v in %q", bye, err, body)
		}
		if _, err = r.NextRawPart(); !errors.Is(err, io.EOF) {
			t.Fatalf("at the end: %v in %q", err, body)
		}
	})
}

func FuzzChunk(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, mediaType, event, key string, data []byte) {
		m := published(mediaType, event, key, data)
		if m == nil {
			return
		}
		for i := 1; i < len(formats); i += 2 {
			plain, chunk := formats[i], formats[i+1]
			body := string(m.Encoded(chunk)) + string(m.Encoded(chunk)) + LastChunk
			got, err := io.ReadAll(httputil.NewChunkedReader(strings.NewReader(body)))
			want := string(m.Encoded(plain)) + string(m.Encoded(plain))
			if err != nil || string(got) != want {
				t.Fatalf("%s: %q read as %q, %v, want %q", chunk.Name, body, got, err, want)
			}
		}
	})
}

func FuzzPoll(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, mediaType, event, key string, data []byte) {
		m := published(mediaType, event, key, data)
		if m == nil {
			return
		}
		gap := AppendGap(nil, gateway.Notice{Topic: event, From: 1, To: 2, Reason: gateway.GapDeleted})
		poll := Poll{
			Cursor: m.Cursor(), PollMS: 5000, More: true, Items: [][]byte{gap, m.Encoded(Envelope)},
			Offer: transport.Offer{Transports: []string{key}},
		}
		parts, _ := poll.Parts()
		body := bytes.Join(parts, nil)
		var answer struct {
			Cursor string
			Items  []json.RawMessage
			More   bool
		}
		if err := json.Unmarshal(body, &answer); err != nil || len(answer.Items) != 2 || !answer.More || answer.Cursor != poll.Cursor.String() {
			t.Fatalf("%q read as %+v, %v", body, answer, err)
		}
		checkEnvelope(t, m, answer.Items[1])
	})
}
