package server

import (
	"bytes"
	"testing"

	"tidings/gateway/socket"
)

// TestSocketByHTTP: on every transport a socket says back what it is told, text and bytes, whole and in pieces.
func TestSocketByHTTP(t *testing.T) {
	s := socketSite(t, Options{}, nil)
	send := func(d *dialog) []string {
		return []string{
			d.text("hello, wörld\n"), d.frame(socket.Frame{Kind: socket.Binary, Data: []byte{0, 1, 255}}), d.text(""),
			d.frame(socket.Frame{Kind: socket.Text, More: true, Data: []byte("two ")}), d.text("pieces"),
		}
	}
	check := func(t *testing.T, got []said) {
		t.Helper()
		if len(got) != 4 || *got[0].Data != "hello, wörld\n" || !bytes.Equal(got[1].Data64, []byte{0, 1, 255}) || *got[2].Data != "" ||
			*got[3].Data != "two pieces" {
			t.Errorf("%+v", got)
		}
	}
	for _, kind := range []string{"sse", "stream"} {
		t.Run(kind, func(t *testing.T) {
			d := s.dialog("/echo?a=1")
			h := d.listen(kind)
			if ack := d.post(send(d)...); ack != 5 {
				t.Errorf("%d frames were taken", ack)
			}
			check(t, []said{h.heard(), h.heard(), h.heard(), h.heard()})
		})
	}
	for _, kind := range []string{"poll", "longpoll"} {
		t.Run(kind, func(t *testing.T) {
			d := s.dialog("/echo?a=1")
			var got []said
			p := d.poll("&transport="+kind+"&wait=10", send(d)...)
			if p.Hello == nil || p.Ack.Seq != 5 {
				t.Error(p.text)
			}
			got = append(got, p.Items...)
			for len(got) < 4 {
				got = append(got, d.poll("&transport="+kind+"&wait=10").Items...)
			}
			check(t, got)
		})
	}
}
